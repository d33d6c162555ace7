"""What the daemon reports of itself: heartbeat, birth, inventory, capability, and the status file.

Gathers what the rooms know and hands it on; nothing is asked or decided here.
"""

import logging
import os
from collections.abc import Mapping
from time import monotonic

import msgspec

from agent import __version__
from agent.ask.attempt import boot_ms
from agent.ask.box import health
from agent.clock import BoxClock
from agent.decide import soundness
from agent.login_gate import LoginGate, Refusal
from agent.model import NotSeen, Seen
from agent.rounds.capability import CapabilityTask
from agent.rounds.discovery import DiscoveryTask
from agent.rounds.look import LookTask
from agent.rounds.movement import MovementTask
from agent.rounds.picture import PictureState, PictureTask
from agent.session import Session
from agent.settings import Settings
from agent.status import (
    CameraStatus,
    DiscoveryStatus,
    FaultStatus,
    JournalStatus,
    LoginStatus,
    PictureStatus,
    Status,
    UplinkStatus,
)
from agent.tell import documents
from agent.threads import describe
from contract.messages import Birth, ClockHealth, HostHealth
from contract.policy import Policy
from contract.problems import Words
from contract.text import tidy
from contract.vocabulary import PTZ_FAULT

log = logging.getLogger(__name__)

REDATE_S = 6 * 3600.0
FULL_EVERY = 15
"""Clock and host ride on every 15th heartbeat, and each when what it says of clock or journal has changed."""


class Reporter:
    """Reads the rooms; every method may be called from any thread."""

    def __init__(
        self,
        settings: Settings,
        policy: Policy,
        *,
        ledger: Session,
        door: LoginGate,
        time: BoxClock,
        watches: Mapping[str, LookTask],
        inspector: CapabilityTask,
        scout: DiscoveryTask,
        gallery: PictureTask,
        mover: MovementTask,
    ) -> None:
        self._settings, self._policy, self._rules = settings, policy.id, policy
        self._ledger, self._door, self._watches = ledger, door, watches
        self._inspector, self._scout, self._gallery, self._mover = inspector, scout, gallery, mover
        self._time, self._started_at = time, boot_ms()
        self._clock_told: ClockHealth | None = None
        self._beats = 0
        self._said: dict[str, str] = {}
        """Leaf -> what the document said when it was last told."""
        self._redate_at = monotonic() + REDATE_S
        self._health: HostHealth | None = None

    def unsettled(self) -> list[int]:
        """Starts of the looks in flight or unconfirmed, boot ms."""
        return [since for watch in self._watches.values() if (since := watch.unsettled_since) is not None]

    # ---- for the center -----------------------------------------------------------------------

    def heartbeat(self) -> bytes:
        beat = self._ledger.heartbeat(self.unsettled, self._watches)
        clock, told, full = self._time.health, self._clock_told, self._beats % FULL_EVERY == 0
        if full or told is None or (told.synced, told.untrusted) != (clock.synced, clock.untrusted):
            self._clock_told = clock
            beat = msgspec.structs.replace(beat, clock=clock)
        trouble = self._ledger.journal.trouble
        if full or (self._health and self._health.journal != trouble):
            self._health = self._host(trouble)
            beat = msgspec.structs.replace(beat, host=self._health)
        self._beats += 1
        return msgspec.json.encode(beat)

    def _host(self, trouble: str) -> HostHealth | None:
        try:
            return msgspec.structs.replace(health.health(self._settings.state_dir), journal=trouble)
        except Exception as error:  # psutil raises whatever it trips over in /proc and /sys
            log.warning("the box's own figures cannot be read: %s", describe(type(error), error))
            return None

    def news(self) -> list[tuple[str, bytes]]:
        """Inventory and capability as far as they say something else than when they were last told: (leaf, document).

        A camera asked again that answers as before has a newer date only; that alone is told every REDATE_S at most,
        for the document of 16 cameras is as long as a hundred heartbeats.
        """
        inventory, verdicts_said = self.inventory(), self._capability_said()  # before the document, which may be newer
        found = (
            ("inv", inventory, documents.short_hash(inventory)),
            ("cap", self.capability(), verdicts_said),
        )
        stale = monotonic() >= self._redate_at
        fresh = [(leaf, document, said) for leaf, document, said in found if stale or self._said.get(leaf) != said]
        self._said.update({leaf: said for leaf, _, said in fresh})
        if stale:
            self._redate_at = monotonic() + REDATE_S
        return [(leaf, document) for leaf, document, _ in fresh]

    def _capability_said(self) -> str:
        """What the capability document says, the dates left out."""
        verdicts = {one.verdicts.slot: one.verdicts.verdicts for one in self._inspector.latest.copy().values()}
        return documents.short_hash(msgspec.json.encode(verdicts))

    def inventory(self) -> bytes:
        cameras = [watch.camera for watch in self._watches.values()]
        devices = {slot: one.device for slot, one in self._inspector.latest.copy().items() if one.device}
        document = documents.inventory(self._settings.gateway.id, cameras, devices, self._scout.strangers)
        return msgspec.json.encode(document)

    def capability(self) -> bytes:
        verdicts = [one.verdicts for one in self._inspector.latest.copy().values()]
        document = documents.capability(self._settings.gateway.id, self._ledger.boot, self._policy, verdicts)
        return msgspec.json.encode(document)

    def greeting(self) -> list[tuple[str, bytes]]:
        """Birth, inventory and capability, as they are published at each connection: (leaf, document)."""
        inventory = self.inventory()
        birth = Birth(
            gateway=self._settings.gateway.id,
            session=self._ledger.session,
            boot=self._ledger.boot,
            store=self._ledger.store,
            version=__version__,
            clock=self._time.health,
            inventory_hash=documents.short_hash(inventory),
            oldest=self._ledger.journal.oldest,
        )
        return [("state", msgspec.json.encode(birth)), ("inv", inventory), ("cap", self.capability())]

    # ---- for whoever stands at the box --------------------------------------------------------

    def status(self, *, connected: bool, line: str, problem: str) -> Status:
        """`connected`, `line`: the state of the uplink, and that in words; `problem` as in UplinkStatus."""
        journal = self._ledger.journal
        return Status(
            pid=os.getpid(),
            version=__version__,
            city=self._settings.gateway.city,
            gateway=self._settings.gateway.id,
            session=self._ledger.session,
            policy=self._policy,
            boot=self._ledger.boot,
            started_ms=self._time.utc_ms(self._started_at),
            at_ms=self._time.utc_ms(),
            at_boot_ms=boot_ms(),
            clock=self._time.health,
            host=self._health,
            uplink=UplinkStatus(connected=connected, detail=line, pending=journal.pending, problem=problem),
            journal=JournalStatus(durable=journal.durable, trouble=journal.trouble, lost=journal.lost),
            discovery=self._discovery(),
            cameras=tuple(self._camera(watch) for watch in self._watches.values()),
            config=tuple(Words(one.text("en"), one.text("zh")) for one in self._settings.problems),
        )

    def _discovery(self) -> DiscoveryStatus:
        last = self._scout.last
        if last is None:
            return DiscoveryStatus()
        return DiscoveryStatus(
            at_ms=self._time.utc_ms(self._scout.last_at) if self._scout.last_at is not None else None,
            interfaces=last.interfaces,
            found=len(last.found),
            unregistered=tuple(device.address for device in self._scout.strangers),
            rejected=last.rejected,
            notes=last.notes,
        )

    def _camera(self, watch: LookTask) -> CameraStatus:
        now = watch.snapshot()
        inspected = self._inspector.latest.get(now.camera.slot)
        device = inspected.device if inspected else None
        clock = now.last.clock if now.last else None
        stream = now.last.stream if now.last else None
        picture, refusal = self._picture(now.camera.slot), self._door.refusal(now.camera)
        return CameraStatus(
            slot=now.camera.slot,
            name=now.camera.name,
            zone=now.camera.zone,
            address=now.camera.address,
            availability=now.state.availability,
            level=now.state.level,
            reason=now.state.reason,
            detail=stream.detail if isinstance(stream, NotSeen) else picture.detail if now.state.reason else "",
            looked_ms=self._time.utc_ms(now.last.at) if now.last else None,
            late_ms=now.late_ms,
            since_ms=self._time.utc_ms(now.since) if now.since is not None else None,
            skew_s=clock.value.skew_s if isinstance(clock, Seen) else None,
            stuck=now.stuck,
            login_paused=refusal is not None and refusal.paused,
            login_refused=self._login(refusal) if refusal else None,
            identity_changed=self._door.is_barred(now.camera.slot),
            model=tidy(f"{device.manufacturer} {device.model}") if device else "",
            verdicts=inspected.verdicts.verdicts if inspected else (),
            picture=picture,
        )

    def _login(self, refusal: Refusal) -> LoginStatus:
        now_ms, now_s = self._time.utc_ms(), self._time.certain_s()
        return LoginStatus(
            since_ms=now_ms - round((now_s - refusal.since_s) * 1000),
            until_ms=now_ms + round((refusal.until_s - now_s) * 1000),
            attempts_left=refusal.attempts_left,
        )

    def _picture(self, slot: str) -> PictureStatus:
        shown = self._gallery.shown.get(slot, PictureState())
        since = {str(fault): shown.state[fault].since for fault in soundness.held(shown.state)}
        since[PTZ_FAULT] = self._mover.faulty.get(slot)
        held = {fault: at for fault, at in since.items() if at is not None}
        faults = tuple(FaultStatus(fault=fault, since_ms=self._time.utc_ms(at)) for fault, at in held.items())
        lost = shown.last if isinstance(shown.last, NotSeen) else None
        return PictureStatus(
            sound=False if faults else soundness.sound(shown.state, self._rules),
            faults=faults,
            seen_ms=self._time.utc_ms(shown.seen_at) if shown.seen_at is not None else None,
            reason=lost.reason if lost else None,
            detail=lost.detail if lost else "",
        )
