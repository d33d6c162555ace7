"""All enrolled slots: who is to be asked, whose picture is left alone, and what stands beside them."""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from msgspec import Struct

from agent.decide.availability import Change
from agent.learnt import LearntFile
from agent.model import Camera, DiscoveredDevice
from agent.records import FIRST_WAIT_MS, Changes
from agent.session import Session
from agent.slot import Slot
from contract.policy import Policy
from contract.vocabulary import Availability

if TYPE_CHECKING:
    from agent.ask.discovery.round import Round

LONGEST_WAIT_MS = 3_600_000
"""A slot that asks for questions again and again (its camera does not answer them) gets them ever more rarely."""
SEEK_PAUSE_MS = 10_000
"""Between two rounds of discovery for cameras that are gone: a switch that fails takes many, one after the other."""


class Discovered(Struct, frozen=True, kw_only=True):
    """The last round of discovery. `at`: boot ms; `strangers`: devices that no slot claims."""

    round: "Round"
    at: int
    strangers: tuple[DiscoveredDevice, ...]


class Slots(Mapping[str, Slot]):
    """All slots by name, what is wanted of them, and what stands beside them. Thread-safe."""

    def __init__(
        self,
        cameras: Iterable[Camera],
        *,
        policy: Policy,
        session: Session,
        learnt: LearntFile,
        now: Callable[[], int],
    ) -> None:
        self.changed = threading.Event()
        """Set when a document or the status file no longer says what is known."""
        self.discover_now = threading.Event()
        self.ask_now = threading.Event()
        self._slots = {
            camera.slot: Slot(camera, policy=policy, session=session, learnt=learnt, changed=self.changed, now=now)
            for camera in cameras
        }
        self._now = now
        self._lock = threading.Lock()
        self._sought: dict[str, tuple[int, int]] = {}
        """Slot -> when it is worth seeking again (boot ms), and how long the next time waits."""
        self._seek_after = 0
        self._idle = threading.Condition()
        self._checking: frozenset[str] = frozenset()
        self._spared: set[str] = set()
        self.discovered: Discovered | None = None
        self.announced: dict[str, DiscoveredDevice] = {}
        """Address -> who said Hello there, and no Bye since. Written by one thread alone."""

    def __getitem__(self, name: str) -> Slot:
        return self._slots[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._slots)

    def __len__(self) -> int:
        return len(self._slots)

    @property
    def cameras(self) -> list[Camera]:
        return [slot.camera for slot in self._slots.values()]

    @property
    def viewable(self) -> list[Slot]:
        """Those whose stream the last look saw."""
        return [slot for slot in self._slots.values() if slot.streams]

    @property
    def showing(self) -> list[Slot]:
        """Those whose picture may be had: by their stream, or otherwise where all their streams are taken."""
        return [slot for slot in self._slots.values() if slot.streams or slot.busy]

    def at(self, address: str) -> list[Slot]:
        """Those enrolled at this address: the channels of a recorder are several."""
        return [slot for slot in self._slots.values() if slot.camera.address == address]

    # ---- who is to be asked for its capabilities ------------------------------------------------

    def ask(self, names: Iterable[str]) -> None:
        """Ask these soon, whatever was asked before."""
        with self._lock:
            for name in names:
                self._slots[name].asking.wanted = True
        self.ask_now.set()

    def suggest(self, name: str) -> None:
        """Ask this one if it has not been asked lately; each repetition waits twice as long."""
        now, asking = self._now(), self._slots[name].asking
        with self._lock:
            if now < asking.not_before or asking.wanted:
                return
            asking.not_before, asking.wait_ms = now + asking.wait_ms, min(2 * asking.wait_ms, LONGEST_WAIT_MS)
            asking.wanted = True
        self.ask_now.set()

    def answered(self, name: str) -> None:
        """Its questions were answered: a suggestion need not wait."""
        with self._lock:
            self._slots[name].asking.not_before, self._slots[name].asking.wait_ms = 0, FIRST_WAIT_MS

    def take_wanted(self) -> list[Camera]:
        """Those to be asked now, once."""
        with self._lock:
            wanted = [slot for slot in self._slots.values() if slot.asking.wanted]
            for slot in wanted:
                slot.asking.wanted = False
        return [slot.camera for slot in wanted]

    # ---- who is to be sought elsewhere ----------------------------------------------------------

    def seek(self, name: str) -> None:
        """It cannot be reached where it was: look around whether it has another address; ever more rarely."""
        now = self._now()
        with self._lock:
            due, wait_ms = self._sought.get(name, (0, FIRST_WAIT_MS))
            if now < max(due, self._seek_after):
                return
            self._seek_after = now + SEEK_PAUSE_MS
            self._sought[name] = now + wait_ms, min(2 * wait_ms, LONGEST_WAIT_MS)
        self.discover_now.set()

    def reached(self, name: str) -> None:
        """It answers: should it go, it is sought at once."""
        with self._lock:
            self._sought.pop(name, None)

    # ---- a picture is checked or its camera is moved, not both ----------------------------------

    @contextmanager
    def checking(self, names: Iterable[str]) -> Iterator[frozenset[str]]:
        """Those of them whose picture may be checked meanwhile: none that is spared."""
        with self._idle:
            self._checking = frozenset(names) - self._spared
        try:
            yield self._checking
        finally:
            with self._idle:
                self._checking = frozenset()
                self._idle.notify_all()

    @contextmanager
    def spared(self, name: str) -> Iterator[None]:
        """Within this block the slot's picture is not checked, for the camera moves. Waits for a check under way."""
        with self._idle:
            self._spared.add(name)
            self._idle.wait_for(lambda: name not in self._checking)
        try:
            yield
        finally:
            self._spared.discard(name)


def came_back(changes: Changes) -> bool:
    """Whether a camera that was offline is online again: it may have another firmware."""
    return any(
        isinstance(one, Change) and (one.from_, one.to) == (Availability.OFFLINE, Availability.ONLINE)
        for one in changes
    )
