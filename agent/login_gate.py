"""The only door to a password: whether a login may be sent now, and what became of it; kept over restarts.

The daemon, its children and every command ask here. Several processes may share one record: each reads what the others
wrote before it decides, and writes under a lock, so that none loses another's refusals.
"""

import contextlib
import errno
import fcntl
import hashlib
import logging
import math
import os
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import msgspec
from msgspec import Struct

from agent import files
from agent.decide.lockout import DAY_S, Guard
from agent.first_logins import FirstLogins
from agent.model import Camera, Credentials
from agent.permit import LoginMet, Which, onvif_login, stream_login
from contract.messages import BROKEN_JSON

log = logging.getLogger(__name__)

NAME = "logins.json"
EARLIER_NAME = "learnt.json"
"""Where the record was kept before it had a file of its own."""
GRACE_S, MAX_EXCUSED = 60.0, 2
"""So long after an accepted login a refusal is excused, and so many of them in a row: see LoginGate.met."""
EVERY_S = 0.05
"""Between two questions whether another process has ended its first login."""
FIRST_S = 1.0
"""How long others wait for the end of a login that is tried for the first time; most looks take 0.1 s."""
LOCK_S = 2.0
"""How long another process may hold the record; then what was to be written waits in memory."""
RETRY_S = 10.0
"""How long a disk that took nothing is left alone."""
FORGOTTEN_S = 30 * DAY_S
"""A refusal so old is no longer kept: its credentials have long been changed, or its camera is gone."""

_Login = tuple[str, Credentials]
"""Address and credentials."""


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
        self._records = [_Record(file) for file in records or (None,)]
        self._now, self._refused, self._works, self._forced, self._shut = now, refused, works, forced, shut
        self._patience_s = patience_s
        self._firsts = FirstLogins(records[0].parent if records else None)
        self._lock = threading.RLock()
        self._came_back = threading.Condition(self._lock)
        self._first: set[_Login] = set()
        """Logins that this process sends for the first time and whose outcome it does not know yet."""
        self._back: set[_Login] = set()
        """Logins that this process has sent and that were not refused."""
        self._worked_s: dict[_Login, float] = {}
        self._excused: dict[_Login, int] = {}
        self._told: set[_Login] = set()
        self._refused_here: set[_Login] = set()

    # ---- logins ---------------------------------------------------------------------------------

    def allowed(self, cameras: Iterable[Camera], which: Which) -> frozenset[str]:
        """The slots whose login may be sent now; each must be told by `met` how it went.

        Where the login was refused before and its pause is over, one attempt is let through and nobody else makes
        another until its end was told. A login that this process has not seen yet, or has just seen refused, goes alone
        too, among all processes that share the record, for `patience_s` at most: a wrong password is not to be shown by
        32 slots of a recorder at once, nor by six commands. Slots that share address and credentials are let through
        together: whoever asks for them asks them one after the other.
        """
        slots, may = set(), dict[_Login, bool]()
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

    def _may(self, camera: Camera, login: _Login, until: float) -> bool:
        now_s = self._now()
        with self._lock:
            if login not in self._back:
                self._go_alone(login, until)
            if self._forced and login not in self._refused_here:
                return True
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

    def _go_alone(self, login: _Login, until: float) -> None:
        """Wait for the end of the same login in this process, and of any at its address in another one."""
        while login in self._first or not self._firsts.take(login[0]):
            if time.monotonic() >= until:
                break
            self._came_back.wait(EVERY_S)
        self._first.add(login)

    def _is_over(self, login: _Login) -> None:
        self._first.discard(login)
        self._firsts.give(login[0])
        self._came_back.notify_all()

    def met(self, camera: Camera, which: Which, how: LoginMet) -> None:
        """How a login that was let through went; LoginMet() where none was asked for or nothing came of it.

        A refusal within a minute of an accepted login need be no wrong password: some domes answer 401 for seconds
        after a session has ended. Two are excused, a look and the hurried one after it, each of which goes alone; a
        third may lock the account. A camera that counts its attempts down means what it says.
        """
        if (credentials := which(camera)) is None:
            return
        login = (camera.address, credentials)
        with self._lock:
            try:
                works_again = self._ended(camera, login, how)
            finally:
                self._is_over(login)
        if works_again:
            self._works(camera)

    def _ended(self, camera: Camera, login: _Login, how: LoginMet) -> bool:
        """Write it down; whether a login that stood refused works again."""
        now_s = self._now()
        if how.worked:
            self._worked_s[login] = now_s
            self._excused.pop(login, None)
        if how.worked or not how.failed:
            self._back.add(login)
        else:
            self._back.discard(login)  # the next one goes alone
        if how.failed and not (how.attempts_left is None and self._is_excused(login, now_s)):
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

    def _is_excused(self, login: _Login, now_s: float) -> bool:
        if not 0 <= now_s - self._worked_s.get(login, -math.inf) < GRACE_S:
            return False
        self._excused[login] = self._excused.get(login, 0) + 1
        return self._excused[login] <= MAX_EXCUSED

    def _tell(self, camera: Camera, login: _Login) -> None:
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

    def _standing(self, login: _Login) -> Refusal | None:
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


def can_keep(file: Path) -> bool:
    """Whether a refusal could be written down there: tried, for no mode tells of a full disk."""
    return _Record(file).can_keep()


# ---- what is kept -------------------------------------------------------------------------------


class _Content(Struct, kw_only=True):
    """`guards`: by address and fingerprint of the credentials. `barred`: slots where another device stands."""

    salt: str
    guards: dict[str, Guard] = {}
    barred: set[str] = set()


_Change = Callable[[_Content], object]


class _Record:
    """One file as it is on disk, with what could not be written yet done to it; None = memory alone. Thread-safe."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._lock = threading.RLock()
        self._unwritten: list[_Change] = []
        self._read: tuple[int, int, int] | None = None
        self._trouble, self._retry_at = "", 0.0
        self._fingerprints: dict[tuple[str, Credentials], str] = {}
        self._content = _Content(salt=secrets.token_hex(8))
        if file and not file.exists():
            self._take_over(_decoded(file.with_name(EARLIER_NAME)))

    def _take_over(self, earlier: _Content | str) -> None:
        """Take over, once, what an earlier version kept in another file."""
        if isinstance(earlier, _Content) and (earlier.guards or earlier.barred):
            self._content = earlier
            self.change(lambda content: content.barred.update(earlier.barred))

    @property
    def content(self) -> _Content:
        """As it is now, whoever wrote it."""
        with self._lock:
            self._refresh()
            return self._content

    def guard(self, login: _Login) -> Guard | None:
        """The guard of a login. Its key is slow to compute, so that is left out while the record has no guards."""
        with self._lock:
            content = self.content
            return content.guards.get(self._key(content, login)) if content.guards else None

    def step(self, login: _Login, after: Callable[[Guard | None], Guard | None]) -> None:
        """Replace what stands against a login; `after` may be called again when another process wrote meanwhile."""

        def change(content: _Content) -> None:
            key = self._key(content, login)
            guard = after(content.guards.pop(key, None))
            if guard:
                content.guards[key] = guard

        self.change(change)

    def _key(self, content: _Content, login: _Login) -> str:
        """Address and fingerprint of the credentials: salted and slow, so that the file gives no password away."""
        address, credentials = login
        known = (content.salt, credentials)
        if known not in self._fingerprints:
            secret = f"{credentials.user}\0{credentials.reveal()}".encode()
            # eight rounds of 1 MB, not one of 8: the daemon would keep them
            digest = hashlib.scrypt(secret, salt=content.salt.encode(), n=2**10, r=8, p=8, dklen=8)
            self._fingerprints[known] = digest.hex()
        return f"{address} {self._fingerprints[known]}"

    def change(self, change: _Change) -> None:
        """Apply it to what is on disk now, under the lock of all processes. What the disk refuses waits in memory."""
        with self._lock:
            self._refresh()
            change(self._content)
            if self._file:
                self._unwritten.append(change)
                self._write(self._file)

    def can_keep(self) -> bool:
        """Whether the disk takes a write: the content is written anew."""
        self.change(lambda _: None)
        with self._lock:
            return not self._unwritten

    def retry(self) -> None:
        with self._lock:
            if self._file and self._unwritten and time.monotonic() >= self._retry_at:
                self._write(self._file)

    def _write(self, file: Path) -> None:
        try:
            with _locked(file):
                self._refresh()  # what others wrote since; what is unwritten is done to that
                _forget(self._content)
                files.write_atomically(file, msgspec.json.encode(self._content), durable=True)
                self._read = _state(file)
        except OSError as error:
            self._retry_at = time.monotonic() + RETRY_S
            self._say(f"cannot write {file}: {error.strerror or error}")
        else:
            self._unwritten.clear()
            self._trouble = ""

    def _refresh(self) -> None:
        """Read the file if it is another one than was read last."""
        state = _state(self._file) if self._file else None
        if self._file is None or state is None or state == self._read:
            return
        self._read = state
        found = _decoded(self._file)
        if isinstance(found, str):
            self._say(f"{self._file} cannot be used ({found}): refused logins are counted anew")
            return
        self._content = found
        for change in self._unwritten:
            change(found)

    def _say(self, trouble: str) -> None:
        if trouble != self._trouble:
            log.warning("%s", trouble)
        self._trouble = trouble


def _forget(content: _Content) -> None:
    """Remove the guards that are older by FORGOTTEN_S than the newest."""
    ends = {key: guard.ends_s() for key, guard in content.guards.items()}
    newest = max(ends.values(), default=0.0)
    content.guards = {key: guard for key, guard in content.guards.items() if ends[key] > newest - FORGOTTEN_S}


def _state(file: Path) -> tuple[int, int, int] | None:
    """What tells one content of the file from another: each change makes a new file."""
    try:
        found = os.lstat(file)
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def _decoded(file: Path) -> _Content | str:
    """The content, or why there is none."""
    try:
        return msgspec.json.decode(files.read(file), type=_Content)
    except (OSError, *BROKEN_JSON) as error:
        return getattr(error, "strerror", "") or str(error)


@contextlib.contextmanager
def _locked(file: Path) -> Iterator[None]:
    """No other process writes meanwhile; the kernel lets go when this one dies. Raises OSError."""
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    lock = file.with_name(f".{file.name}.lock")
    files.check_plain(lock)
    handle = os.open(lock, flags, 0o600)
    try:
        files.give_to_owner_of(file.parent, handle)
        end = time.monotonic() + LOCK_S
        while not _takes(handle):
            if time.monotonic() > end:
                raise OSError(errno.EAGAIN, "another process holds its lock")
            time.sleep(0.02)
        yield
    finally:
        os.close(handle)


def _takes(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
