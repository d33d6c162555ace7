"""Waiting for what must happen: for as long as there is progress, not for a time that a busy machine exceeds."""

import time
from collections.abc import Callable

PATIENCE_S = 240.0
"""Without any progress for so long nothing will come any more. It is a guard against hanging, never a goal."""


def until(
    condition: Callable[[], object],
    what: str = "",
    *,
    progress: Callable[[], object] | None = None,
    patience_s: float = PATIENCE_S,
    every_s: float = 0.05,
) -> float:
    """Seconds until the condition held. Raises AssertionError once nothing has changed for `patience_s`.

    `progress()`: something that changes as long as the work goes on; without it the condition's own value counts.
    """
    seen: object = None
    began = time.monotonic()
    end = began + patience_s
    while not (now := condition()):
        now = progress() if progress else now
        if now != seen:
            seen, end = now, time.monotonic() + patience_s
        assert time.monotonic() < end, f"no progress for {patience_s:g} s: {what or condition}; last: {seen!r}"
        time.sleep(every_s)
    return time.monotonic() - began
