"""One attempt inside a wall-clock deadline; retry, timing and success added the same for all.

The one place of retries (at most twice more, only for UNREACHABLE, HungUp and GaveWay, inside the deadline). Whoever
asks raises `Trouble` with a Reason; whoever called `ask` gets a value.
"""

import time
import traceback
from collections.abc import Callable
from typing import Generic, TypeVar

from agent.model import NotSeen, Seen
from contract.text import tidy
from contract.vocabulary import Reason

T = TypeVar("T")
RETRY_PAUSE_S = 0.2
MAX_ATTEMPTS = 3


def boot_ms() -> int:
    """Milliseconds since boot, suspend included: never jumps, never goes back (CLOCK_BOOTTIME)."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000


class Trouble(Exception):
    """An attempt that failed, with its reason: the only exception that leaves a way of asking. See NotSeen."""

    def __init__(self, reason: Reason, detail: str = "", finding: str = "") -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail
        self.finding = finding


class HungUp(Trouble):
    """The camera accepted the connection and closed or reset it without an answer: it lives and has no room for us."""

    def __init__(self, detail: str) -> None:
        super().__init__(Reason.BUSY, detail)


class GaveWay(Trouble):
    """A visit to a camera that is silent was ended for a look that waits: the look finds out what that means."""

    def __init__(self) -> None:
        super().__init__(Reason.TIMED_OUT, "the camera was silent, and a look waited")


class Deadline:
    """A point on the monotonic clock that no read, retry or redirect can move."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """Seconds left, always > 0. Raises Trouble(TIMED_OUT) when none are."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise Trouble(Reason.TIMED_OUT, "deadline passed")
        return left

    def passed(self, in_s: float = 0.0) -> bool:
        """Whether it has passed, or will have in `in_s` seconds."""
        return time.monotonic() + in_s >= self._end

    def within(self, seconds: float) -> "Deadline":
        """The earlier of this deadline and `seconds` from now."""
        earlier = Deadline(seconds)
        earlier._end = min(self._end, earlier._end)
        return earlier


def ask(question: Callable[[], T], *, deadline: Deadline) -> Seen[T] | NotSeen:
    """Put one question and return what was seen, with start, duration and attempts.

    Any exception other than Trouble is our own failure and comes back as AGENT_FAULT: a bug in one way of asking
    must never look like a property of a camera, nor end the thread that watches it.
    """
    at, began, tried = boot_ms(), time.monotonic(), _Tried(question)
    try:
        value = tried.once_or_more(deadline)
    except Exception as error:
        trouble = (
            error if isinstance(error, Trouble) else Trouble(Reason.AGENT_FAULT, f"{type(error).__name__}: {error}")
        )
        _let_go(error)
        return NotSeen(
            reason=trouble.reason,
            detail=tidy(trouble.detail),
            finding=trouble.finding,
            at=at,
            took_s=_since(began),
            attempts=tried.attempts,
        )
    return Seen(value=value, at=at, took_s=_since(began), attempts=tried.attempts)


def _let_go(error: BaseException | None) -> None:
    """What the frames of a failure hold (an answer of a megabyte, its tree) goes now, not with the next collection."""
    while error:
        traceback.clear_frames(error.__traceback__)
        error = error.__context__


class _Tried(Generic[T]):
    """A question and how often it has been put."""

    def __init__(self, question: Callable[[], T]) -> None:
        self._question = question
        self.attempts = 0

    def once_or_more(self, deadline: Deadline) -> T:
        """The library of retries is loaded when there is something to be tried again: most questions need none."""
        try:
            return self._put()
        except Trouble as trouble:
            if not _may_pass(trouble) or self._enough(deadline):
                raise
        import tenacity

        time.sleep(RETRY_PAUSE_S)
        return tenacity.Retrying(
            retry=tenacity.retry_if_exception(_may_pass),
            stop=lambda _: self._enough(deadline),
            wait=tenacity.wait_fixed(RETRY_PAUSE_S),
            reraise=True,
        )(self._put)

    def _put(self) -> T:
        self.attempts += 1
        return self._question()

    def _enough(self, deadline: Deadline) -> bool:
        return self.attempts >= MAX_ATTEMPTS or deadline.passed(in_s=RETRY_PAUSE_S)


def _may_pass(error: BaseException) -> bool:
    return isinstance(error, HungUp | GaveWay) or (isinstance(error, Trouble) and error.reason is Reason.UNREACHABLE)


def _since(began: float) -> float:
    return round(time.monotonic() - began, 4)
