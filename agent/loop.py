"""One loop for everything that is done again and again: when it is due, one run in flight, hurried, stuck, failed.

What is done stands in `rounds`.
"""

import logging
import math
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Generic, NamedTuple, Protocol, TypeVar

from agent.ask.attempt import boot_ms
from agent.threads import Threaded, describe, whereabouts
from contract.vocabulary import Reason

log = logging.getLogger(__name__)

T = TypeVar("T")


class Wait(Protocol):
    """How a run waited for its lock. `longest_pause_ms`: the longest time in which nobody asked whether it was free."""

    @property
    def longest_pause_ms(self) -> int: ...


class NoWait(NamedTuple):
    """The wait of a task that needs no lock: none."""

    longest_pause_ms: int = 0


class Task(Protocol[T]):
    """What a loop does. Every method is called on the loop's thread, `missed` on the supervisor's too."""

    def run(self) -> T:
        """Do it once. What it raises is told and logged, and ends nothing."""

    def take(self, found: T) -> None:
        """What the run found; not called for a run that outlived its patience."""

    def failed(self, error: Exception) -> T:
        """What to take where `run` raised."""

    def missed(self, since_ms: int, reason: Reason) -> None:
        """Nobody did it from boot ms `since_ms` on. TIMED_OUT: a run hangs; AGENT_FAULT: it did not begin in time."""

    def next_ms(self, ended_ms: int) -> int:
        """When the next run is due, boot ms, after one that ended then."""


class Round:
    """A task that applies what it finds while it runs, and of which nothing follows when it is late."""

    def take(self, found: None) -> None: ...

    def failed(self, error: Exception) -> None: ...

    def missed(self, since_ms: int, reason: Reason) -> None: ...


class Loop(Threaded, Generic[T]):
    """Runs one task on a thread of its own. All but `start` and `revive` may be called from any thread.

    `wake`: set by anybody who wants a run now. `tell(what)` is called once for a row of failures. A run that takes
    longer than `patience_s`, or begins so late, is missed: nobody can say what was meanwhile. `lock()` is waited for
    before each run, `longest_wait_s` at most, and held during it.
    """

    def __init__(
        self,
        name: str,
        task: Task[T],
        *,
        tell: Callable[[str], None],
        wake: threading.Event | None = None,
        first_in_s: float = 0.0,
        patience_s: float = math.inf,
        lock: Callable[[], AbstractContextManager[Wait]] = lambda: nullcontext(NoWait()),
        longest_wait_s: float = 0.0,
        now: Callable[[], int] = boot_ms,
    ) -> None:
        super().__init__(name, self._main)
        self.name, self._task, self._tell, self._now = name, task, tell, now
        self._wake = wake or threading.Event()
        self._first_in_ms, self._patience_ms = int(first_in_s * 1000), patience_s * 1000
        self._acquire, self._longest_wait_ms = lock, (longest_wait_s + patience_s) * 1000
        self._lock = threading.Lock()
        self._due_ms: int | None = None
        """When the next run should begin, boot ms; None while one is in flight."""
        self._since_ms: int | None = None
        """Since when the run in flight runs."""
        self._stuck = self._failing = self._stopping = False
        self.late_ms = 0
        """How long after its due time the last run began."""

    # ---- its own thread -----------------------------------------------------------------------

    def _main(self) -> None:
        try:
            self._due_ms = self._now()  # before the time that counts is taken, or a claim could overtake it
            due_ms = self._now() + self._first_in_ms
            while self._rested_until(due_ms):
                due_ms = self._task.next_ms(self._once(due_ms))
        except BaseException:
            self._ends()
            raise

    def _rested_until(self, due_ms: int) -> bool:
        """Sleep until the run is due, or is hurried. False: the loop was stopped."""
        self._due_ms = due_ms
        self._wake.wait(timeout=max(0.0, (due_ms - self._now()) / 1000))
        self._wake.clear()
        return not self._stopping

    def _once(self, due_ms: int) -> int:
        """One run, from its due time on; returns the boot ms at which it was over.

        Its begin and its end are read from the clock once each: whenever this process stands still, it is within a
        run that then took too long, or before one that then began too late.
        """
        began_ms = self._now()
        self.late_ms = max(0, began_ms - due_ms)
        if self.late_ms > self._patience_ms:
            with self._lock:
                self._task.missed(due_ms, Reason.AGENT_FAULT)
        with self._acquire() as wait:
            return self._run(due_ms, wait.longest_pause_ms > self._patience_ms)

    def _run(self, due_ms: int, stood_still: bool) -> int:
        """The run itself. While other visits of ours held the lock it was overdue, and nothing was missed by that.

        But if this process stood still meanwhile, it did not wait either: then the run was missed.
        """
        began_ms = self._now()
        if stood_still or began_ms - due_ms > self.late_ms + self._longest_wait_ms:
            with self._lock:
                self._task.missed(due_ms, Reason.AGENT_FAULT)
        self._since_ms, self._due_ms = began_ms, None
        found = self._found()
        with self._lock:
            ended_ms = self._now()
            self._give_up_if_stuck(ended_ms)  # it ended, but too late to say what was meanwhile
            if self._stuck:
                self._stuck = False
                self._wake.set()
            else:
                self._task.take(found)
            # The next run is overdue until it is known when it is due, so that no pause falls between the two.
            self._due_ms = ended_ms
            self._since_ms = None
            return ended_ms

    def _found(self) -> T:
        try:
            found = self._task.run()
        except Exception as error:  # a bug here must not end the loop for good
            what = f"{self.name} failed: {describe(type(error), error)}"
            log.error("%s\n%s", what, whereabouts(error.__traceback__))
            if not self._failing:
                self._failing = True
                self._tell(what)
            return self._task.failed(error)
        self._failing = False
        return found

    def _ends(self) -> None:
        """A bug of ours ends this thread: from its current run on nobody does the task."""
        with self._lock:
            at = min(one for one in (self._now(), self._due_ms, self._since_ms) if one is not None)
            self._task.missed(at, Reason.AGENT_FAULT)
            self._since_ms, self._due_ms, self._stuck = None, None, False

    # ---- for other threads --------------------------------------------------------------------

    def hurry(self) -> None:
        """Run now instead of when it is due."""
        self._wake.set()

    def stop(self) -> None:
        """No further run; one in flight is not waited for."""
        self._stopping = True
        self._wake.set()

    def give_up_if_stuck(self) -> bool:
        """Tell the task, once, that its run has outlived its patience. True: it was told just now."""
        if self._since_ms is None:
            return False  # most rest
        with self._lock:
            return self._give_up_if_stuck(self._now())

    def _give_up_if_stuck(self, now_ms: int) -> bool:
        since = self._since_ms
        if self._stuck or since is None or now_ms - since < self._patience_ms:
            return False
        self._task.missed(since, Reason.TIMED_OUT)
        self._stuck = (
            True  # after the task was told: whoever reads `unfinished_since` before that never claims too much
        )
        return True

    @property
    def stuck(self) -> bool:
        """Whether a run hangs and was given up."""
        return self._stuck

    @property
    def idle(self) -> bool:
        """Whether nobody does the task: its run is stuck, or its thread has ended."""
        return self._stuck or not self.thread.is_alive()

    @property
    def unfinished_since(self) -> int | None:
        """Start of the run in flight, or since when one is overdue, boot ms; None = all is done."""
        due_ms = self._due_ms  # read before the run in flight: it is handed over in that order
        overdue = due_ms if due_ms is not None and due_ms <= self._now() else None
        in_flight = None if self._stuck else self._since_ms
        return min((at for at in (overdue, in_flight) if at is not None), default=None)
