"""What must still be told: events with their sequence numbers, kept until the center has acknowledged them.

Held in memory: a restart begins a new store, and what the old one had not delivered counts as unknown at the center.
This module must not know MQTT.
"""

import secrets
import threading
from collections import deque
from collections.abc import Callable
from itertools import islice

import msgspec

from contract.messages import MAX_BATCH_BYTES, MAX_BATCH_EVENTS, Event, Gap

CAPACITY = 50_000
"""Events held at most; about 25 MB. Beyond it the older half is given up and told as a gap."""

_ENVELOPE_BYTES = 200
"""Room for the words around the events of a batch."""


class Outbox:
    """Thread-safe; sequence numbers start at 1 and are never reused within a store."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self.store = secrets.token_hex(4)
        self._capacity = capacity
        self._events: deque[tuple[Event, int]] = deque()
        self._seq = 0
        self._lock = threading.Lock()
        self.grown = threading.Event()
        """Set at each append, so that a sender need not poll."""

    @property
    def seq_high(self) -> int:
        """The highest sequence number given out; 0 = none yet."""
        return self._seq

    @property
    def pending(self) -> int:
        """How many events wait for the center's acknowledgement."""
        return len(self._events)

    def append(self, make: Callable[[int], Event]) -> int:
        """Keep the event that `make(seq)` builds and return its sequence number."""
        with self._lock:
            if len(self._events) >= self._capacity:
                self._evict()
            seq = self._push(make)
        self.grown.set()
        return seq

    def _push(self, make: Callable[[int], Event]) -> int:
        seq = self._seq + 1
        event = make(seq)
        self._events.append((event, len(msgspec.json.encode(event))))
        self._seq = seq
        return seq

    def _evict(self) -> None:
        gone = [self._events.popleft()[0] for _ in range(max(1, self._capacity // 2))]
        first, last = gone[0], gone[-1]
        self._push(
            lambda seq: Gap(
                seq=seq,
                boot=last.boot,
                session=last.session,
                at=last.at,
                from_seq=first.seq,
                to_seq=last.seq,
                from_=min(event.at for event in gone),
                to=max(event.at for event in gone) + 1,
                why="outbox full",
            )
        )

    def batch(self, after: int, up_to: int) -> tuple[Event, ...]:
        """The next events with after < seq <= up_to that fit into one message; empty when there are none."""
        chosen: list[Event] = []
        room = MAX_BATCH_BYTES - _ENVELOPE_BYTES
        with self._lock:
            skip = max(0, after + 1 - self._events[0][0].seq) if self._events else 0
            for event, size in islice(self._events, skip, None):
                room -= size + 1
                if event.seq > up_to or len(chosen) == MAX_BATCH_EVENTS or (chosen and room < 0):
                    break
                chosen.append(event)
        return tuple(chosen)

    @property
    def oldest(self) -> int:
        """Sequence number of the oldest event still held; seq_high + 1 when none is."""
        with self._lock:
            return self._events[0][0].seq if self._events else self._seq + 1

    def trim(self, seq: int) -> None:
        """Forget everything up to and including `seq`: the center holds it."""
        with self._lock:
            while self._events and self._events[0][0].seq <= seq:
                self._events.popleft()
