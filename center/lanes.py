"""What has arrived and waits for the store: one bounded lane for each gateway, served in turn.

So a gateway that floods fills its own lane and costs the others nothing. What a message means must not be known here.
"""

import threading
from collections import deque
from enum import Enum

from center.decode import Incoming

FAIR_MESSAGES, FAIR_BYTES = 1000, 4_000_000
"""One gateway's share: a healthy one has at most 200 events unacknowledged, and few other messages."""
LANE_BYTES = 80_000_000
"""One gateway's at most: more than a whole journal that it tells again after weeks (64 MB)."""
ALL_MESSAGES, ALL_BYTES = 400_000, 320_000_000
"""When so much waits, nothing more is read: the broker keeps the rest for our session."""
CROWDED = 0.25
"""Where so much of that waits, who is above its share has to send again."""
BATCH, SHARE = 500, 50
"""Messages of one transaction at most, and how many of them may be of one gateway."""


class Put(Enum):
    """What became of a message that was put into its lane."""

    TAKEN = "taken"
    EXCESS = "its lane is full: not taken, the gateway sends it again"
    FULL = "everything is full: wait"


class _Lane:
    def __init__(self) -> None:
        self.waiting: deque[Incoming] = deque()
        self.size = 0


class Lanes:
    """Thread-safe: one side puts, the other takes batches. `parts`: all room is divided by it."""

    def __init__(self, parts: int = 1) -> None:
        self._most, self._most_bytes = ALL_MESSAGES // parts, ALL_BYTES // parts
        self._changed = threading.Condition()
        self._lanes: dict[str, _Lane] = {}
        self._turns: deque[str] = deque()
        self._messages = self._bytes = 0
        self._excess: dict[str, int] = {}
        self._came: dict[str, int] = {}

    def put(self, incoming: Incoming) -> Put:
        name, size = lane_of(incoming.topic), len(incoming.payload)
        with self._changed:
            lane = self._lanes.get(name)
            if lane and self._above(lane, size):
                self._excess[name] = self._excess.get(name, 0) + 1
                self._came[name] = self._came.get(name, 0) + 1
                return Put.EXCESS
            if not self._room(size):
                return Put.FULL
            if lane is None:
                lane = self._lanes[name] = _Lane()
                self._turns.append(name)
            lane.waiting.append(incoming)
            self._came[name] = self._came.get(name, 0) + 1
            self._count(lane, 1, size)
            self._changed.notify_all()
            return Put.TAKEN

    def _above(self, lane: "_Lane", size: int) -> bool:
        """A gateway is slowed by its own backlog, and loses nothing: what is not taken is not acknowledged."""
        if lane.size + size > LANE_BYTES:
            return True
        crowded = self._messages >= CROWDED * self._most or self._bytes >= CROWDED * self._most_bytes
        return crowded and (len(lane.waiting) >= FAIR_MESSAGES or lane.size + size > FAIR_BYTES)

    def _room(self, size: int) -> bool:
        return self._messages < self._most and self._bytes + size <= self._most_bytes

    def wait_for_room(self, size: int, timeout_s: float) -> None:
        """After Put.FULL: until there is, or the time is over."""
        with self._changed:
            self._changed.wait_for(lambda: self._room(size), timeout_s)

    def batch(self, timeout_s: float) -> list[Incoming]:
        """What waits, up to a batch, one of each gateway in turn; after `timeout_s`, nothing."""
        with self._changed:
            self._changed.wait_for(lambda: self._messages, timeout_s)
            taken: list[Incoming] = []
            served: dict[str, int] = {}
            while self._turns and len(taken) < BATCH and served.get(self._turns[0], 0) < SHARE:
                name = self._turns.popleft()
                served[name] = served.get(name, 0) + 1
                taken.append(self._take(name))
            self._changed.notify_all()
        return taken

    def _take(self, name: str) -> Incoming:
        lane = self._lanes[name]
        incoming = lane.waiting.popleft()
        self._count(lane, -1, -len(incoming.payload))
        if lane.waiting:
            self._turns.append(name)
        else:
            del self._lanes[name]
        return incoming

    def _count(self, lane: _Lane, messages: int, size: int) -> None:
        lane.size += size
        self._messages += messages
        self._bytes += size

    def excess(self) -> dict[str, int]:
        """Lane -> messages not taken since it was last asked."""
        with self._changed:
            counted, self._excess = self._excess, {}
        return counted

    @property
    def waiting(self) -> tuple[int, int]:
        """Messages, and their bytes."""
        return self._messages, self._bytes

    def calm(self) -> None:
        """The center hears in time: whoever sent much before has delayed nobody."""
        with self._changed:
            self._came.clear()

    def flooding(self) -> list[str]:
        """Lanes of which more than a gateway's share has come since it was calm: taken, or not for want of room."""
        with self._changed:
            return [name for name, messages in self._came.items() if messages > FAIR_MESSAGES]

    @property
    def empty(self) -> bool:
        return not self._messages


def lane_of(topic: str) -> str:
    """City and gateway, as they stand in the topic."""
    return "/".join(topic.split("/", 4)[2:4])


def gateway_of(lane: str) -> str:
    return lane.rpartition("/")[2]
