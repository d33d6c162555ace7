"""Discovery rounds in the background: who is where, and what follows for the slots.

How a round is made and how the vote goes stands elsewhere; absence from a round is never evidence.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence

from agent.ask.attempt import boot_ms
from agent.ask.discovery.announcements import Listener
from agent.ask.discovery.round import DiscoveryOptions, Round, probe
from agent.decide import roster
from agent.decide.roster import Presence, Sighting
from agent.learnt import LearntFile
from agent.login_gate import LoginGate
from agent.model import Camera, DiscoveredDevice
from agent.session import Session
from agent.threads import ThreadEntry
from contract.messages import Identity

log = logging.getLogger(__name__)

EAR_S = 1.0
HELLO_PAUSE_S = 30.0
"""A camera that says Hello all day must not make us probe all day."""


class DiscoveryTask:
    """One thread, and one that hears Hello and Bye between the rounds.

    `moved(slot, address)`: a slot's camera answers from another address. `left(slot)`: it said Bye, which is a reason
    to look, no more. `hello`: whether to hear such announcements at all.
    """

    def __init__(
        self,
        cameras: Callable[[], Sequence[Camera]],
        *,
        options: DiscoveryOptions,
        hello: bool,
        ledger: Session,
        memory: LearntFile,
        door: LoginGate,
        moved: Callable[[str, str], None],
        left: Callable[[str], None],
    ) -> None:
        self._cameras, self._options, self._hello = cameras, options, hello
        self._moved, self._left = moved, left
        self._ledger, self._memory, self._door = ledger, memory, door
        self._told: dict[str, tuple[Presence, tuple[str, ...]]] = {}
        self.last: Round | None = None
        self.last_at: int | None = None
        """Boot ms of the last round."""
        self._wake = threading.Event()
        self._stopping = False
        self.strangers: tuple[DiscoveredDevice, ...] = ()

    def start(self, interval_s: float) -> list[ThreadEntry]:
        """Both threads, as entries of what must live."""
        return [
            self._thread("scout", lambda: self._run(interval_s)),
            *([self._thread("scout-ear", self._hear)] if self._hello else []),
        ]

    def _thread(self, name: str, work: Callable[[], None]) -> ThreadEntry:
        """Start the work on a thread. It has ended well when it returned: with the agent, or with nothing to hear."""
        threads, returned = list[threading.Thread](), threading.Event()

        def run() -> None:
            work()
            returned.set()

        def start() -> None:
            threads[:] = [threading.Thread(target=run, name=name, daemon=True)]
            threads[0].start()

        start()
        return ThreadEntry(name, lambda: threads[0].is_alive() or returned.is_set(), start)

    def stop(self) -> None:
        self._stopping = True
        self._wake.set()

    def hurry(self) -> None:
        """Make a round now."""
        self._wake.set()

    def _run(self, interval_s: float) -> None:
        while not self._stopping:
            try:
                self._once()
            except Exception:  # a bug here must not end discovery for good
                log.exception("discovery failed")
            self._wake.wait(timeout=interval_s)
            self._wake.clear()

    def _hear(self) -> None:
        """Between rounds: a Hello brings the next round forward, a Bye the next look."""
        next_round = 0.0
        with Listener(self._options) as ear:
            while ear.listening and not self._stopping:
                for heard in ear.poll(EAR_S):
                    if heard.kind == "Bye":
                        self._leave(heard.device.address)
                    elif time.monotonic() >= next_round:
                        next_round = time.monotonic() + HELLO_PAUSE_S
                        self.hurry()

    def _leave(self, address: str) -> None:
        for camera in self._cameras():
            if camera.address == address:
                self._left(camera.slot)

    def _once(self) -> None:
        found = probe(self._options, known=[camera.address for camera in self._cameras()])
        cameras = [self._memory.recall(camera) for camera in self._cameras()]
        report = roster.match(cameras, found.found)
        self.strangers = report.unregistered
        for camera, sighting in zip(cameras, report.sightings, strict=True):
            self._take(camera, sighting)
        self._say(found)

    def _take(self, camera: Camera, sighting: Sighting) -> None:
        if not sighting.may_log_in:
            self._door.bar(camera.slot)
        elif sighting.device and sighting.presence in (Presence.SEEN, Presence.MOVED):
            self._memory.learn_identity(camera.slot, roster.learn(camera.identity, sighting.device))
            if sighting.score > 0:  # an impostor that merely falls silent stays barred
                self._door.lift(camera.slot)
        if sighting.presence is Presence.MOVED and sighting.device:
            self._ledger.address_changed(camera.slot, sighting.before, sighting.device.address)
            self._moved(camera.slot, sighting.device.address)
        news = (sighting.presence, sighting.rivals)
        if self._told.get(camera.slot) == news:
            return
        self._told[camera.slot] = news
        if sighting.presence is Presence.IDENTITY_CHANGED and sighting.device:
            self._ledger.identity_changed(camera.slot, _who(camera.identity), _who(sighting.device))
            log.warning(
                "%s: another device stands at %s (%s); no login there until its identity is in the settings",
                camera.slot,
                camera.address,
                _who(sighting.device),
            )
        if sighting.rivals:
            self._ledger.conflict(camera.slot, _who(camera.identity), sighting.rivals)

    def _say(self, found: Round) -> None:
        if self.last is None or found.notes != self.last.notes:
            for note in found.notes:
                log.info("discovery: %s", note)
        self.last, self.last_at = found, boot_ms()


def _who(one: Identity | DiscoveredDevice) -> str:
    """MAC, endpoint reference and serial number in one line."""
    return " ".join(filter(None, (one.mac, one.epr, one.serial)))
