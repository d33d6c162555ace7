"""Discovery rounds: who is where, and what follows for the slots; and what is announced between them.

How a round is made stands in `ask`, how the vote goes in `decide`; absence from a round is never evidence.
"""

import logging
import time

from agent.ask.attempt import boot_ms
from agent.ask.discovery.announcements import Listener
from agent.ask.discovery.round import DiscoveryOptions, Round, probe
from agent.decide import roster
from agent.decide.roster import Presence, Sighting
from agent.learnt import LearntFile
from agent.login_gate import LoginGate
from agent.loop import Round as Task
from agent.model import DiscoveredDevice
from agent.slots import Discovered, Slots
from contract.vocabulary import Reason

log = logging.getLogger(__name__)

EAR_S = 1.0
DEAF_MS = 60_000
"""Where nothing can be heard, that is tried again so much later."""
MAX_ANNOUNCED = 200
HELLO_PAUSE_S = 30.0
"""A camera that says Hello all day must not make us probe all day;
what is heard meanwhile waits for its end."""


class DiscoveryTask(Task):
    """Where each camera is, and who else is there."""

    def __init__(
        self, slots: Slots, *, options: DiscoveryOptions, learnt: LearntFile, door: LoginGate, interval_s: float
    ) -> None:
        self._slots, self._options, self._learnt, self._door = slots, options, learnt, door
        self._interval_ms = int(interval_s * 1000)

    def run(self) -> None:
        announced = tuple(self._slots.announced.values())
        found = probe(self._options, known=[camera.address for camera in self._slots.cameras], announced=announced)
        report = roster.match([self._learnt.recall(camera) for camera in self._slots.cameras], found.found)
        for sighting in report.sightings:
            self._take(sighting)
        self._say(found)
        self._slots.discovered = Discovered(round=found, at=boot_ms(), strangers=report.unregistered)

    def next_ms(self, ended_ms: int) -> int:
        return ended_ms + self._interval_ms

    def _take(self, sighting: Sighting) -> None:
        if not sighting.may_log_in:
            self._door.bar(sighting.slot)
        elif sighting.device and sighting.presence in (Presence.SEEN, Presence.MOVED) and sighting.score > 0:
            self._door.lift(sighting.slot)  # an impostor that merely falls silent stays barred
        self._slots[sighting.slot].apply(sighting)
        if sighting.presence is Presence.MOVED:
            self._slots.ask([sighting.slot])

    def _say(self, found: Round) -> None:
        before = self._slots.discovered
        if before is None or found.notes != before.round.notes:
            for note in found.notes:
                log.info("discovery: %s", note)


class AnnouncementTask(Task):
    """Hears Hello and Bye between the rounds: a Hello brings the next round forward, a Bye the next look."""

    def __init__(self, slots: Slots, *, options: DiscoveryOptions) -> None:
        self._slots, self._options = slots, options
        self._ear: Listener | None = None
        self._next_round_s = 0.0
        self._news = False
        """A Hello was heard that no round has followed yet."""

    def run(self) -> None:
        self._ear = self._ear or Listener(self._options)
        for heard in self._ear.poll(EAR_S):
            if heard.kind == "Bye":
                for slot in self._slots.at(heard.device.address):
                    slot.look_now.set()
                self._slots.announced.pop(heard.device.address, None)
            else:
                self._news = True
                self._announced(heard.device)
        if self._news and time.monotonic() >= self._next_round_s:
            self._news, self._next_round_s = False, time.monotonic() + HELLO_PAUSE_S
            self._slots.discover_now.set()

    def _announced(self, device: DiscoveredDevice) -> None:
        """Remembered until it says Bye, the latest MAX_ANNOUNCED: some answer no probe and say Hello only once."""
        announced = self._slots.announced
        announced.pop(device.address, None)
        while len(announced) >= MAX_ANNOUNCED:
            announced.pop(next(iter(announced)), None)
        announced[device.address] = device

    def next_ms(self, ended_ms: int) -> int:
        if self._ear and self._ear.listening:
            return ended_ms
        self._close()
        return ended_ms + DEAF_MS

    def missed(self, since_ms: int, reason: Reason) -> None:
        """The thread ends: the next one opens an ear of its own."""
        self._close()

    def _close(self) -> None:
        if self._ear:
            self._ear.close()
        self._ear = None
