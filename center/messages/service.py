"""messages run: rounds and sending, until told to stop. A database that is away is waited for."""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from center.messages.round import Round
from center.messages.sender import Sender
from center.store import Sole, Store, Taken, Unavailable

log = logging.getLogger(__name__)
STEP_S = 0.2
PRUNE_S = 3600.0
RESTS = 5
"""So many times as long as a round took is it until the next: a province's takes at most a fifth of a core."""


class Service:
    """`run(stop)` returns once `stop` is set. `every_s`: between two rounds. Raises Taken."""

    def __init__(
        self, store: Store, rounds: Round, sender: Sender, clock_ms: Callable[[], int], every_s: float
    ) -> None:
        self._store, self._rounds, self._sender = store, rounds, sender
        self._clock_ms, self._every_s = clock_ms, every_s
        self._sole: Sole | None = None
        self._due = self._prune_due = 0.0
        self._trouble = ""

    def run(self, stop: threading.Event) -> None:
        try:
            while not stop.is_set():
                busy = self._guarded()
                stop.wait(STEP_S if busy else min(1.0, self._every_s))
        finally:
            self._sender.close()
            with suppress(Unavailable):  # what was sent and is not written down is uncertain, as after a crash
                if self._sole:
                    self._sender.step(self._clock_ms())
            if self._sole:
                self._sole.close()

    def _guarded(self) -> bool:
        try:
            busy = self._step()
        except Taken:
            raise
        except Unavailable as trouble:
            if str(trouble) != self._trouble:
                log.error("the database cannot be used, no message is written or sent: %s", trouble)
            self._trouble = str(trouble)
            return False
        if self._trouble:
            log.info("the database can be used again")
            self._trouble = ""
        return busy

    def _step(self) -> bool:
        if self._sole is None:
            self._sole = self._store.sole()
            self._rounds.begin(self._clock_ms(), self._sender.on_way)
        try:
            self._sole.check()
        except Unavailable:
            self._sole = None
            raise
        now = time.monotonic()
        if now >= self._due:
            self._due = now + self._every_s  # also where the round fails
            if written := self._rounds.go(self._clock_ms()):
                log.info("%d messages written", written)
            took = time.monotonic() - now
            self._due += max(0.0, took * RESTS - self._every_s)
        if now >= self._prune_due:
            self._prune_due = now + PRUNE_S
            self._rounds.prune(self._clock_ms())
        return self._sender.step(self._clock_ms())
