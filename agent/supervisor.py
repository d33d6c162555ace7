"""The main thread's round: stuck looks, heartbeat, documents, status file.

Runs until told to stop; how things start and stop, and what is asked or decided, must not be known here.
"""

import logging
import random
import threading
from collections.abc import Mapping
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

import msgspec

from agent.files import write_atomically
from agent.memory import Memory
from agent.reporting import Reporter
from agent.timekeeper import Timekeeper
from agent.watch import Watch

if TYPE_CHECKING:
    from agent.tell.uplink import Uplink

log = logging.getLogger(__name__)

TICK_S = 0.25
TIME_EVERY_S = 1.0
STATUS_EVERY_S = 15.0
"""The status file is written when something changed, and so often in any case."""


class Supervisor:
    """`changed` is set by others when a document or the status file no longer says what is known."""

    def __init__(
        self,
        *,
        watches: Mapping[str, Watch],
        reporter: Reporter,
        uplink: "Uplink",
        memory: Memory,
        time: Timekeeper,
        changed: threading.Event,
        heartbeat_s: float,
        status_file: Path,
    ) -> None:
        self._watches, self._reporter, self._uplink, self._memory, self._time = watches, reporter, uplink, memory, time
        self._changed, self._heartbeat_s, self._status_file = changed, heartbeat_s, status_file
        self._heartbeat_due = self._status_due = self._time_due = 0.0
        self._was_connected = False

    def run(self, stopping: threading.Event) -> None:
        """Blocks until `stopping` is set."""
        while not stopping.wait(TICK_S):
            self._keep_time()
            self._give_up_stuck_looks()
            self._beat()
            self._publish_changes()
            self._memory.save_if_changed()

    def _keep_time(self) -> None:
        if (now := monotonic()) >= self._time_due:
            self._time_due = now + TIME_EVERY_S
            if self._time.poll():
                self._status_due = 0.0

    def _give_up_stuck_looks(self) -> None:
        for slot, watch in self._watches.items():
            if watch.give_up_if_stuck():
                log.warning("%s: the look hangs; reported as unknown until it ends", slot)
                self._changed.set()

    def _beat(self) -> None:
        now, connected = monotonic(), self._uplink.connected.is_set()
        if now >= self._heartbeat_due or (connected and not self._was_connected):
            self._heartbeat_due = now + self._heartbeat_s * random.uniform(0.9, 1.1)  # noqa: S311 - jitter
            self._uplink.publish("hb", self._reporter.heartbeat())
        self._was_connected = connected

    def _publish_changes(self) -> None:
        changed, now = self._changed.is_set(), monotonic()
        if changed:
            self._changed.clear()
            self._uplink.publish("inv", self._reporter.inventory(), retain=True)
            self._uplink.publish("cap", self._reporter.capability(), retain=True)
        if changed or now >= self._status_due:
            self._status_due = now + STATUS_EVERY_S
            self._write_status()

    def _write_status(self) -> None:
        status = self._reporter.status(connected=self._uplink.connected.is_set(), line=self._uplink.detail)
        try:
            write_atomically(self._status_file, msgspec.json.encode(status), mode=0o644)
        except OSError as error:
            log.warning("cannot write %s: %s", self._status_file, error)
