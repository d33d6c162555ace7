"""Child only: snapshots of one camera at a steady pace, each with the time at which it was asked for."""

import time
import zlib
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

from agent.ask.attempt import Deadline, Trouble
from agent.ask.ptz import registration
from agent.ask.ptz.overlay import Overlay
from agent.ask.ptz.registration import Frame, View
from contract.vocabulary import Reason

INTERVAL_S = 0.25
"""Between two pictures; some cameras reboot above 8 requests a second, and commands come on top."""
PICTURE_S = 4.0
"""For one picture."""
MAX_FAILURES = 3
"""Pictures in a row that may fail."""
_MANY = 6


class Source(Protocol):
    """Where pictures come from."""

    def take(self, deadline: Deadline) -> bytes:
        """A JPEG. Raises Trouble."""

    def close(self) -> None: ...


@dataclass(frozen=True)
class TimedFrame:
    """One picture, and when it was asked for (monotonic seconds)."""

    frame: Frame
    at_s: float

    @cached_property
    def view(self) -> View:
        """Its features, found when first asked for: they are half of a picture's cost, and sharpness needs none."""
        return registration.view(self.frame)


class Viewfinder:
    """Watches one camera through its snapshots: at most one each INTERVAL_S, until `deadline`."""

    def __init__(self, source: Source, deadline: Deadline) -> None:
        self._source = source
        self.deadline = deadline
        self.overlay = Overlay()
        self._next_s = 0.0
        self._seen = 0
        self._different: set[int] = set()

    def look(self) -> TimedFrame:
        """The next picture. Raises Trouble when several in a row fail."""
        for attempt in range(1, MAX_FAILURES + 1):
            time.sleep(max(0.0, min(self._next_s - time.monotonic(), self.deadline.left())))
            at_s = time.monotonic()
            self._next_s = at_s + INTERVAL_S
            try:
                return self._taken(at_s)
            except Trouble as trouble:
                if attempt == MAX_FAILURES or trouble.reason in (Reason.REFUSED, Reason.UNSUPPORTED):
                    raise
        raise Trouble(Reason.AGENT_FAULT, "no picture tried")

    def _taken(self, at_s: float) -> TimedFrame:
        frame = registration.decoded(self._source.take(self.deadline.within(PICTURE_S)))
        if frame is None:
            raise Trouble(Reason.MALFORMED, "snapshot is no picture")
        self._seen += 1
        margin = len(frame) // 5  # the time of day runs on in a frozen picture
        self._different.add(zlib.crc32(frame[margin:-margin].tobytes()))
        return TimedFrame(frame, at_s)

    @property
    def frozen(self) -> bool:
        """Whether every picture so far was the same, bit by bit: no sensor is that quiet."""
        return self._seen >= _MANY and len(self._different) == 1

    def close(self) -> None:
        self._source.close()
