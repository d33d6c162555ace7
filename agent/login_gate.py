"""The only door to a password: whether a login may be sent now, and what became of it; kept over restarts.

The daemon, its children and every command ask here. Several processes may share one record: each reads what the others
wrote before it decides, and writes under a lock, so that none loses another's refusals.
"""

import math
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from agent.decide.lockout import DAY_S, TRY_S, Guard
from agent.first_logins import FirstLogins
from agent.login_record import Excuse, Login, Record
from agent.model import Camera
from agent.permit import LoginMet, Which, onvif_login, stream_login

GRACE_S = 60.0
"""So long after an accepted login a refusal is excused: see LoginGate.met."""
SPACED_S = 10.0
"""After an excused refusal no login is sent for so long: the domes that it is meant for refuse for some seconds."""
EVERY_S = 0.05
"""Between two questions whether another process has ended its first login."""
FIRST_S = 1.0
"""How long others wait for the end of a login that is tried for the first time; most looks take 0.1 s."""


_ANY, _FIRST, _SECOND = range(3)
"""Where a login goes: one that this process knows to work, one that goes alone, and one beside that."""


class _Sent(NamedTuple):
    """A login under way; `since_s` of the monotonic clock."""

    since_s: float
    place: int


class Refusal(Struct, frozen=True, kw_only=True):
    """A login that stands refused, in seconds of the gate's clock.

    `since_s`: the last refusal; `until_s`: when one attempt is made again; `paused`: that is still to come.
    """

    since_s: float
    until_s: float
    paused: bool
    attempts_left: int | None = None


class LoginGate:
    """Thread-safe. Refusals are kept per address and credentials: the slots of one recorder share them.

    Changed credentials were never refused: they end a pause at once. `records`: their files, the own one first, none =
    memory alone; what a file does not take waits in memory until it does. `now()`: seconds of a clock that goes on
    over restarts and does not jump. `refused(camera, refusal)` is called once when a login is found to be refused,
    `works(camera)` when one that was refused works again. `forced`: pauses are not minded, until a login is refused
    once more. `shut`: no login is let through that is not forced. `patience_s`: how long a login that is tried for the
    first time waits for one of another process or thread to end.
    """

    def __init__(
        self,
        *records: Path,
        now: Callable[[], float],
        refused: Callable[[Camera, Refusal], None] = lambda _camera, _refusal: None,
        works: Callable[[Camera], None] = lambda _camera: None,
        forced: bool = False,
        shut: bool = False,
        patience_s: float = FIRST_S,
    ) -> None:
        self._records = [Record(file) for file in records or (None,)]
        self._now, self._refused, self._works, self._forced, self._shut = now, refused, works, forced, shut
        self._patience_s = patience_s
        self._firsts = FirstLogins(records[0].parent if records else None)
        self._lock = threading.RLock()
        self._came_back = threading.Condition(self._lock)
        self._under_way: dict[Login, list[_Sent]] = {}
        """Logins of this process whose outcome it does not know yet, oldest first."""
        self._back: set[Login] = set()
        """Logins that this process has sent and that were not refused."""
        self._worked_s: dict[Login, float] = {}
        self._told: set[Login] = set()
        self._refused_here: set[Login] = set()

    # ---- logins ---------------------------------------------------------------------------------

    def allowed(self, cameras: Iterable[Camera], which: Which) -> frozenset[str]:
        """The slots whose login may be sent now; each must be told by `met` how it went.

        Where the login was refused before and its pause is over, one attempt is let through and nobody else makes
        another until its end was told. A login that this process has not seen yet, or has just seen refused, goes alone
        too, among all processes that share the record: a wrong password is not to be shown by 32 slots of a recorder at
        once, nor by six commands. Who has waited for `patience_s` goes beside the first, where nobody else does: some
        cameras lock at the third. Slots that share address and credentials are let through together: whoever asks for
        them asks them one after the other.
        """
        slots, may = set(), dict[Login, bool]()
        until = time.monotonic() + self._patience_s
        for camera in sorted(cameras, key=lambda camera: camera.address):  # two processes never wait for each other
            if self.is_barred(camera.slot):
                continue
            if (credentials := which(camera)) is None:
                slots.add(camera.slot)
                continue
            login = (camera.address, credentials)
            if login not in may:
                may[login] = self._may(camera, login, until)
            if may[login]:
                slots.add(camera.slot)
        return frozenset(slots)

    def may(self, camera: Camera, which: Which) -> bool:
        """`allowed` for one camera."""
        return bool(self.allowed((camera,), which))

    def _may(self, camera: Camera, login: Login, until: float) -> bool:
        with self._lock:
            is_known = login in self._back and not self._doubt(login)
            alone = self._goes(login) if is_known else self._goes_alone(login, until)
            now_s = self._now()
            if self._forced and login not in self._refused_here:
                return True
            if not alone:
                return False
            if self._shut:
                self._is_over(login)
                return False
            guards = [(record, guard) for record in self._records if (guard := record.guard(login))]
            for record, guard in guards:
                if guard.at(now_s) is not guard:  # the clock was set back, or an attempt never ended
                    record.step(login, lambda found: found and found.at(now_s))
            if any(guard.at(now_s).waits_s(now_s) > 0 for _, guard in guards):
                self._is_over(login)
                self._tell(camera, login)
                return False
            for record, _ in guards:
                record.step(login, lambda found: found and found.trying(now_s))
            return True

    def _goes_alone(self, login: Login, until: float) -> bool:
        """Wait for the end of the same login in this process, and of any at its address in another one.

        Whether it may go then: nobody waits longer than `until`, and a second one at once may go beside the first.
        """
        while self._is_early(login) or not self._goes(login, _FIRST):
            if time.monotonic() >= until:
                return not self._doubt(login) and self._goes(login, _SECOND)
            self._came_back.wait(EVERY_S)
        return True

    def _goes(self, login: Login, place: int = _ANY) -> bool:
        """Whether the place was free. An end that nobody told in TRY_S never will be."""
        now_s = time.monotonic()
        while (sent := self._under_way.setdefault(login, [])) and now_s - sent[0].since_s > TRY_S:
            self._is_over(login)
        if place != _ANY and any(one.place == place for one in sent):
            return False
        if place != _ANY and not self._firsts.take(login[0], second=place == _SECOND):
            return False
        sent.append(_Sent(now_s, place))
        return True

    def _is_over(self, login: Login) -> None:
        """Of several the one that is the longest under way: an end that was not told holds nobody up."""
        if (sent := self._under_way.get(login)) and (place := sent.pop(0).place) != _ANY:
            self._firsts.give(login[0], second=place == _SECOND)
        self._came_back.notify_all()

    def met(self, camera: Camera, which: Which, how: LoginMet) -> None:
        """How a login that was let through went; LoginMet() where none was asked for or nothing came of it.

        A refusal within a minute of an accepted login need be no wrong password: some domes answer 401 for seconds
        after a session has ended. One is excused; the next login goes alone, SPACED_S later, and if that is refused the
        first counts too: a third may lock the account. No other is excused until a login of the same kind is accepted:
        where ONVIF and RTSP have users of their own one of them may take what the other refuses. A camera that counts
        its attempts down means what it says.
        """
        if (credentials := which(camera)) is None:
            return
        login = (camera.address, credentials)
        with self._lock:
            try:
                works_again = self._ended(camera, login, which, how)
            finally:
                self._is_over(login)
        if works_again:
            self._works(camera)

    def _ended(self, camera: Camera, login: Login, which: Which, how: LoginMet) -> bool:
        """Write it down; whether a login that stood refused works again."""
        now_s, kind = self._now(), "stream" if which is stream_login else "onvif"
        excuse = self._excuse(login)
        if how.worked:
            self._worked_s[login] = now_s
            if excuse and excuse.kind == kind:
                self._set_excuse(login, None)
                excuse = None
        if how.worked or not how.failed:
            self._back.add(login)
        else:
            self._back.discard(login)  # the next one goes alone
        if how.failed and not excuse and self._is_excused(login, how, now_s):
            self._set_excuse(login, Excuse(at=now_s, kind=kind))
        elif how.failed:
            if excuse:
                self._set_excuse(login, None)
                how = replace(how, failed=how.failed + (0 <= now_s - excuse.at < DAY_S))
            self._back.discard(login)
            self._refused_here.add(login)
            for record in self._records:
                record.step(login, lambda found: (found or Guard()).at(now_s).after(how, now_s))
            self._tell(camera, login)
            return False
        guards = [(record, guard) for record in self._records if (guard := record.guard(login))]
        for record, guard in guards:
            if how.worked:
                record.step(login, lambda _: None)
            elif guard.trying_at is not None:
                record.step(login, lambda found: found and found.after(LoginMet(), now_s))
        stood = bool(guards) or login in self._told
        if how.worked:
            self._told.discard(login)
        return how.worked and stood

    def _is_excused(self, login: Login, how: LoginMet, now_s: float) -> bool:
        is_soon = 0 <= now_s - self._worked_s.get(login, -math.inf) < GRACE_S
        return is_soon and how.failed == 1 and how.attempts_left is None

    def _excuse(self, login: Login) -> Excuse | None:
        return next((found for record in self._records if (found := record.excuse(login))), None)

    def _set_excuse(self, login: Login, excuse: Excuse | None) -> None:
        for record in self._records:
            record.set_excuse(login, excuse)

    def _doubt(self, login: Login) -> Excuse | None:
        """Its excuse, unless it was accepted since, as ONVIF's login where RTSP's was refused."""
        excuse = self._excuse(login)
        return excuse if excuse and self._worked_s.get(login, -math.inf) <= excuse.at else None

    def _is_early(self, login: Login) -> bool:
        """Whether one was refused, and that was excused, just now, or another is still under way beside that."""
        doubt = self._doubt(login)
        is_new = doubt and 0 <= self._now() - doubt.at < SPACED_S
        return bool(doubt and (is_new or self._under_way.get(login)))

    def _tell(self, camera: Camera, login: Login) -> None:
        if login not in self._told and (refusal := self._standing(login)):
            self._told.add(login)
            self._refused(camera, refusal)

    def refusal(self, camera: Camera, *which: Which) -> Refusal | None:
        """What stands against these logins of the camera (default: all it has); of several the one that lasts longest.

        Asks only: nothing is let through.
        """
        logins = {credentials for one in which or (onvif_login, stream_login) if (credentials := one(camera))}
        found = [one for credentials in logins if (one := self._standing((camera.address, credentials)))]
        return max(found, key=lambda one: one.until_s, default=None)

    def _standing(self, login: Login) -> Refusal | None:
        now_s = self._now()
        guards = [guard.at(now_s) for record in self._records if (guard := record.guard(login)) and guard.refused_at]
        found = [
            Refusal(
                since_s=guard.refused_at[-1],
                until_s=now_s + (waits_s := guard.waits_s(now_s)),
                paused=waits_s > 0,
                attempts_left=guard.attempts_left,
            )
            for guard in guards
        ]
        return max(found, key=lambda one: one.until_s, default=None)

    # ---- other devices --------------------------------------------------------------------------

    def bar(self, slot: str) -> None:
        """Another device stands at this slot: no login is sent there until the right one is recognised."""
        if not self.is_barred(slot):
            self._records[0].change(lambda content: content.barred.add(slot))

    def lift(self, slot: str) -> None:
        """The slot's own device was recognised by its identity."""
        if self.is_barred(slot):
            self._records[0].change(lambda content: content.barred.discard(slot))

    def is_barred(self, slot: str) -> bool:
        return any(slot in record.content.barred for record in self._records)

    def save_refused(self) -> None:
        """Write what a disk did not take earlier."""
        for record in self._records:
            record.retry()
