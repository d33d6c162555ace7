"""The main thread's round: stuck looks, heartbeat, documents, status file.

Runs until told to stop; how things start and stop, and what is asked or decided, must not be known here.
"""

import logging
import random
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from agent.files import write_atomically
from agent.ledger import Ledger
from agent.memory import Memory
from agent.reporting import Reporter
from agent.watch import Watch

if TYPE_CHECKING:
    from agent.tell.uplink import Uplink

log = logging.getLogger(__name__)

TICK_S = 0.25
DOCUMENTS_EVERY_S = 10.0
"""A document holds all cameras: what is learnt of several within this time is told once."""
STATUS_EVERY_S = 15.0
"""The status file is written when something changed, and so often in any case."""
CHECKPOINT_S = 60.0
"""What was watched is kept so often, in place: a crash loses at most this much of the claim, and no transition."""


class Supervisor:
    """`changed` is set by others when a document or the status file no longer says what is known."""

    def __init__(
        self,
        *,
        watches: Mapping[str, Watch],
        reporter: Reporter,
        uplink: "Uplink",
        ledger: Ledger,
        memory: Memory,
        changed: threading.Event,
        heartbeat_s: float,
        status_file: Path,
    ) -> None:
        self._watches, self._reporter, self._uplink, self._memory = watches, reporter, uplink, memory
        self._ledger = ledger
        self._changed, self._heartbeat_s, self._status_file = changed, heartbeat_s, status_file
        self._heartbeat_due = self._status_due = self._documents_due = 0.0
        self._unsaid = False
        self._checkpoint_due = time.monotonic() + CHECKPOINT_S / 6
        self._was_connected = False

    def run(self, stopping: threading.Event) -> None:
        """Blocks until `stopping` is set."""
        while not stopping.wait(TICK_S):
            self._give_up_stuck_looks()
            self._beat()
            self._publish_changes()
            self._memory.save_if_changed()
            self._keep()

    def _give_up_stuck_looks(self) -> None:
        for slot, watch in self._watches.items():
            if watch.give_up_if_stuck():
                log.warning("%s: the look hangs; reported as unknown until it ends", slot)
                self._changed.set()

    def _beat(self) -> None:
        now, connected = time.monotonic(), self._uplink.connected.is_set()
        if now >= self._heartbeat_due or (connected and not self._was_connected):
            self._heartbeat_due = now + self._heartbeat_s * random.uniform(0.9, 1.1)  # noqa: S311 - jitter
            self._uplink.publish("hb", self._reporter.heartbeat())
        self._was_connected = connected

    def _publish_changes(self) -> None:
        changed, now = self._changed.is_set(), time.monotonic()
        if changed:
            self._changed.clear()
            self._unsaid = True
        if self._unsaid and now >= self._documents_due:
            self._unsaid, self._documents_due = False, now + DOCUMENTS_EVERY_S
            for leaf, document in self._reporter.news():
                self._uplink.publish(leaf, document, retain=True)
        if changed or now >= self._status_due:
            self._status_due = now + STATUS_EVERY_S
            self._write_status()

    def _keep(self) -> None:
        self._ledger.tend()
        if time.monotonic() >= self._checkpoint_due:
            self._checkpoint_due = time.monotonic() + CHECKPOINT_S
            self._ledger.checkpoint(self._reporter.unsettled)

    def _write_status(self) -> None:
        status = self._reporter.status(connected=self._uplink.connected.is_set(), line=self._uplink.detail)
        try:
            write_atomically(self._status_file, msgspec.json.encode(status), mode=0o644)
        except OSError as error:
            log.warning("cannot write %s: %s", self._status_file, error)
