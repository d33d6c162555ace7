"""One camera's loop: look, decide, record.

The loop is given its way of looking and of recording; what is asked and how it travels must not be known here.
"""

import logging
import threading
from collections.abc import Callable

import msgspec

from agent.decide import availability, schedule
from agent.model import Camera, Look, NotSeen, Seen
from agent.threads import Threaded
from contract.policy import Policy
from contract.text import tidy
from contract.vocabulary import Reason

log = logging.getLogger(__name__)


class SlotState(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one camera at this moment."""

    camera: Camera
    state: availability.State
    last: Look | None
    since: int | None
    """Boot ms of the last confirmed change."""
    late_ms: int
    """How long after its due time the last look began."""
    stuck: bool


class LookTask(Threaded):
    """Watches one camera in a thread of its own, one look in flight at a time.

    `look(camera)` returns a Look within its deadline, or hangs; `record(slot, change)` keeps a confirmed change;
    `now()` is boot milliseconds. A supervisor in another thread calls `give_up_if_stuck`.
    """

    def __init__(
        self,
        camera: Camera,
        *,
        look: Callable[[Camera], Look],
        record: Callable[[str, availability.Change], None],
        now: Callable[[], int],
        policy: Policy,
        interval_s: float,
        hurry_s: float,
        stuck_after_s: float,
    ) -> None:
        self.camera = camera
        """May be replaced at any time: the next look uses it."""
        self._look, self._record, self._now = look, record, now
        self._policy = policy
        self._interval_s, self._hurry_s = interval_s, hurry_s
        self._stuck_after_ms = int(stuck_after_s * 1000)
        self._state = availability.START
        self._sight = availability.CLEAR
        self._last: Look | None = None
        self._looking_since: int | None = None
        self._due_ms: int | None = None
        """When the next look should begin, boot ms; None while one is in flight."""
        self._glimpsed_at: int | None = None
        """When a visit's result came that is not taken in yet, boot ms."""
        self._changed_at: int | None = None
        self._late_ms = 0
        self._stuck = False
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._stop = False
        super().__init__(f"watch-{camera.slot}", self._main)

    # ---- its own thread -----------------------------------------------------------------------

    def _main(self) -> None:
        try:
            self._run()
        except BaseException:
            self._blame_us()
            raise

    def _blame_us(self) -> None:
        """This thread ends by a bug of ours: the camera is unknown from the look on that it was at."""
        with self._lock:
            at = min(one for one in (self._now(), self._due_ms, self._looking_since) if one is not None)
            state, change = availability.stuck(self._state, at, Reason.AGENT_FAULT)
            self._keep(change)
            self._state = state
            self._looking_since, self._due_ms, self._stuck = None, None, False

    def _run(self) -> None:
        self._due_ms = self._now()  # before the time that counts is taken, or a claim could overtake it
        due_ms = self._due_ms = self._now()  # the first look is at once; the offset spreads the following ones
        while not self._stop:
            ended_ms = self._once(due_ms)
            due_ms = schedule.next_due_ms(self.camera.slot, self._interval_s, after_ms=ended_ms)
            if self._state.hurry:
                due_ms = min(due_ms, ended_ms + int(self._hurry_s * 1000))
            self._due_ms = due_ms
            self._wake.wait(timeout=max(0.0, (due_ms - self._now()) / 1000))
            self._wake.clear()

    def _stood_still(self, due_ms: int) -> None:
        """The box slept, or this process was stopped: nobody watched since the look was due, so nobody knows."""
        with self._lock:
            state, change = availability.stuck(self._state, due_ms, Reason.AGENT_FAULT)
            self._keep(change)
            self._state = state

    def _once(self, due_ms: int) -> int:
        """Boot ms at which it was over.

        Its begin and its end are read from the clock once each: whenever this process stands still, it is within a
        look that then took too long, or before one that then began too late.
        """
        began_ms = self._now()
        self._late_ms = max(0, began_ms - due_ms)
        if self._late_ms > self._stuck_after_ms:
            self._stood_still(due_ms)
        self._looking_since, self._due_ms = began_ms, None
        look = self._look_or_fault()
        with self._lock:
            ended_ms = self._now()
            self._give_up_if_stuck(ended_ms)  # it ended, but too late to say what was meanwhile
            if self._stuck:  # given up meanwhile: what it saw is old news
                self._stuck = False
                self._wake.set()
                return self._over(ended_ms)
            state, change = availability.step(self._state, look, self._policy, self._sight)
            self._keep(change)
            self._last = look
            # Recorded first, then settled: whoever reads `unsettled_since` before the journal never claims too much.
            self._state = state
            return self._over(ended_ms)

    def _over(self, ended_ms: int) -> int:
        """The next look is overdue until it is known when it is due, so that no pause falls between the two."""
        self._due_ms = ended_ms
        self._looking_since = None
        return ended_ms

    def _keep(self, change: availability.Change | None) -> None:
        if change:
            self._record(self.camera.slot, change)
            self._changed_at = change.at
            self._sight = msgspec.structs.replace(self._sight, doubt=None)  # across a change no two visits are in a row

    def _look_or_fault(self) -> Look:
        """A bug in a way of asking is our fault, not the camera's, and must not end the watch."""
        at = self._now()
        try:
            return self._look(self.camera)
        except Exception as error:
            log.exception("looking at %s failed", self.camera.slot)
            return Look(at=at, took_s=0.0, tcp=NotSeen(reason=Reason.AGENT_FAULT, detail=tidy(repr(error)), at=at))

    # ---- for other threads --------------------------------------------------------------------

    def stop(self) -> None:
        """No further look; one in flight is not waited for."""
        self._stop = True
        self._wake.set()

    def poke(self) -> None:
        """Look now instead of at the next tick."""
        self._wake.set()

    def give_up_if_stuck(self) -> bool:
        """Report a look that outlived its deadline as unknown, once; True when that happened now."""
        with self._lock:
            return self._give_up_if_stuck(self._now())

    def _give_up_if_stuck(self, now_ms: int) -> bool:
        since = self._looking_since
        if self._stuck or since is None or now_ms - since < self._stuck_after_ms:
            return False
        state, change = availability.stuck(self._state, since)
        self._keep(change)
        self._state = state
        self._stuck = True  # after the record, for the same reason as above
        return True

    def glimpsed(self, *, decodable: bool | None, reason: Reason = Reason.MALFORMED) -> None:
        """A visit fetched the picture and it could be decoded, or not (`reason`); None: the visit tells neither."""
        with self._lock:
            before = self._sight
            self._glimpsed_at = self._now()  # before the doubt's own time is taken, or a claim could overtake it
            now = self._now()
            sight = availability.glimpse(before, now, decodable=decodable, reason=reason)
            if decodable:
                state, change = availability.pictured(self._state, now, self._policy)
            else:
                state, change = availability.blinded(self._state, sight, self._policy)
            self._keep(change)
            self._state = state
            self._sight = sight  # after the record: a doubt is unsettled until here
            self._glimpsed_at = None
        if (before.blind is None) != (sight.blind is None):
            self._wake.set()

    @property
    def streams(self) -> bool:
        """Whether the last look saw its stream."""
        return self._last is not None and isinstance(self._last.stream, Seen)

    @property
    def unsettled_since(self) -> int | None:
        """Start of the earliest look in flight, overdue or unconfirmed, or of a doubt, boot ms; None = all is known.

        In the future where a camera is busy: its state is believed until then.
        """
        due_ms = self._due_ms  # read before the look in flight: it is handed over in that order
        glimpsed_at = self._glimpsed_at  # read before the sight, for the same reason
        overdue = due_ms if due_ms is not None and due_ms <= self._now() else None
        in_flight = None if self._stuck else self._looking_since
        unconfirmed = (self._state.unsettled_since, self._state.held_until, self._sight.doubt)
        starts = [at for at in (overdue, in_flight, glimpsed_at, *unconfirmed) if at is not None]
        return min(starts, default=None)

    @property
    def idle(self) -> bool:
        """Nobody looks: the look is stuck, or the thread has ended."""
        return self._stuck or not self.thread.is_alive()

    def snapshot(self) -> SlotState:
        return SlotState(
            camera=self.camera,
            state=self._state,
            last=self._last,
            since=self._changed_at,
            late_ms=self._late_ms,
            stuck=self._stuck,
        )
