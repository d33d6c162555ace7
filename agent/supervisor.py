"""The main thread's round: clock, stuck looks, dead threads, heartbeat, documents, status file, watchdog.

Runs until told to stop.
"""

import logging
import random
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from time import monotonic
from typing import TYPE_CHECKING

import msgspec

from agent import status
from agent.ask.box.sd_notify import Notifier
from agent.clock import BoxClock
from agent.files import write_atomically
from agent.loop import Loop
from agent.model import Look
from agent.reload import Reload
from agent.reporting import Reporter
from agent.session import Session
from agent.settings import Settings
from agent.slots import Slots
from agent.threads import Threads, describe, whereabouts
from contract.vocabulary import Reason

if TYPE_CHECKING:
    from agent.tell.uplink import Uplink

log = logging.getLogger(__name__)

TICK_S = 0.5
"""Pause between two rounds. Neither a stop nor events on their way to the center wait for it."""
RETRY_S = 1.0
"""A part of the round that failed is tried again so soon: only success sets when it is due next."""
DOCUMENTS_EVERY_S = 10.0
"""A document holds all cameras: what is learnt of several within this time is told once."""
STATUS_EVERY_S = 15.0
"""The status file is written when something changed, and so often in any case."""
CHECKPOINT_S = 60.0
"""What was watched is kept so often, in place: a crash loses at most this much of the claim, and no transition."""


class Supervisor:
    """The main thread's round. `keeping`: what writes down what a disk did not take, or what is new."""

    def __init__(
        self,
        settings: Settings,
        *,
        session: Session,
        clock: BoxClock,
        slots: Slots,
        looks: Mapping[str, Loop[Look]],
        reporter: Reporter,
        uplink: "Uplink",
        threads: Threads,
        keeping: Sequence[Callable[[], None]],
        reload: Reload,
    ) -> None:
        self._looks, self._reporter, self._uplink, self._session = looks, reporter, uplink, session
        self._keeping, self._clock, self._threads, self._notifier = keeping, clock, threads, Notifier()
        self._changed, self._heartbeat_s = slots.changed, settings.heartbeat
        self._status_file = status.place(settings.state_dir)
        self._heartbeat_due = self._status_due = self._second_due = self._documents_due = 0.0
        self._unsaid = False
        self._checkpoint_due = monotonic() + CHECKPOINT_S / 6
        self._was_connected = False
        self._resting: dict[str, float] = {}
        """The parts that failed when they were tried last, and when they are tried again (monotonic s)."""
        self._unwritable = ""
        self._reload = reload

    def run(self, stopping: threading.Event) -> None:
        """Blocks until `stopping` is set, or there is a new configuration to be taken over."""
        self._notifier.say("READY=1")
        while not stopping.wait(TICK_S) and not self._reload.wanted.is_set():
            self.round()
        if stopping.is_set():
            self._notifier.say("STOPPING=1", "STATUS=stopping")
        else:
            self._notifier.say("RELOADING=1", "STATUS=reloading")

    def round(self) -> None:
        """Do every part that is due. If one fails the others go on, but the watchdog is not told that we live."""
        asking = (self._each_second, self._give_up_stuck_looks)
        telling = (self._beat, self._publish_changes, self._show)
        keeping = (*self._keeping, self._session.tend, self._checkpoint, self._read_again)
        done = [self._do(part) for part in (*asking, *telling, *keeping)]
        if all(done) and self._notifier.alive_due and self._progresses():
            self._notifier.alive()

    def _do(self, part: Callable[[], None]) -> bool:
        if monotonic() < self._resting.get(part.__name__, 0.0):
            return False
        try:
            part()
        except Exception as error:
            if part.__name__ not in self._resting:
                words, where = describe(type(error), error), whereabouts(error.__traceback__)
                log.error("%s failed: %s\n%s", part.__name__, words, where)
            self._resting[part.__name__] = monotonic() + RETRY_S
            return False
        self._resting.pop(part.__name__, None)
        return True

    def _progresses(self) -> bool:
        """Whether the line's threads live and not more than half of the cameras go without looks."""
        idle = sum(look.idle for look in self._looks.values())
        return self._threads.complete and not self._uplink.stalled and 2 * idle <= len(self._looks)

    def _each_second(self) -> None:
        if (now := monotonic()) >= self._second_due:
            self._threads.check()
            if self._clock.poll():
                self._status_due = 0.0
            self._second_due = now + 1.0

    def _give_up_stuck_looks(self) -> None:
        for name, look in self._looks.items():
            if look.give_up_if_stuck():
                about = {"slot": name, "reason": Reason.TIMED_OUT}
                log.warning("%s: the look hangs; reported as unknown until it ends", name, extra=about)
                self._changed.set()

    def _beat(self) -> None:
        now, connected = monotonic(), self._uplink.connected.is_set()
        if now >= self._heartbeat_due or (connected and not self._was_connected):
            self._uplink.publish("hb", self._reporter.heartbeat())
            self._heartbeat_due = now + self._heartbeat_s * random.uniform(0.9, 1.1)  # noqa: S311 - jitter
        self._was_connected = connected

    def _publish_changes(self) -> None:
        if self._changed.is_set():
            self._changed.clear()
            self._unsaid, self._status_due = True, 0.0
        if self._unsaid and (now := monotonic()) >= self._documents_due:
            for leaf, document in self._reporter.news():
                self._uplink.publish(leaf, document, retain=True)
            self._unsaid, self._documents_due = False, now + DOCUMENTS_EVERY_S

    def _show(self) -> None:
        if (now := monotonic()) >= self._status_due:
            self._write_status()
            self._status_due = now + STATUS_EVERY_S

    def _checkpoint(self) -> None:
        if (now := monotonic()) >= self._checkpoint_due:
            self._session.checkpoint(self._reporter.unsettled)
            self._checkpoint_due = now + CHECKPOINT_S

    def _read_again(self) -> None:
        before = self._reload.problems
        self._reload.tend()
        if self._reload.problems is not before:
            self._heartbeat_due = self._status_due = 0.0

    def _write_status(self) -> None:
        uplink = self._uplink
        shown = self._reporter.status(
            connected=uplink.connected.is_set(), line=uplink.detail, problem=uplink.problem or ""
        )
        try:
            write_atomically(self._status_file, msgspec.json.encode(shown), mode=0o644)
            self._unwritable = ""
        except OSError as error:
            said = error.strerror or str(error)
            if said != self._unwritable:  # once, not every 15 s
                log.warning("cannot write %s: %s", self._status_file, said)
                self._session.fault(f"{self._status_file.name} cannot be written: {said}")
            self._unwritable = said
        states = Counter(camera.availability.value for camera in shown.cameras)
        counted = ", ".join(f"{states[one]} {one}" for one in states)
        self._notifier.say(f"STATUS={len(shown.cameras)} cameras: {counted or 'none'}; {shown.uplink.detail}")
