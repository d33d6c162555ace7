"""What the daemon reports of itself: heartbeat, birth, inventory, capability, and the status file.

Gathers what the rooms know and hands it on; nothing is asked or decided here.
"""

import logging
import os
from collections.abc import Mapping
from time import monotonic

import msgspec

from agent import __version__, upgrade
from agent.ask.attempt import boot_ms
from agent.ask.box import health
from agent.clock import BoxClock
from agent.decide import soundness
from agent.login_gate import LoginGate, Refusal
from agent.loop import Loop
from agent.model import Look, NotSeen, Seen
from agent.records import Inspected
from agent.reload import Reload
from agent.session import Session
from agent.settings import Settings
from agent.slot import Slot
from agent.slots import Slots
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
from contract.messages import Birth, ClockHealth, HostHealth, ProgramHealth
from contract.policy import Policy
from contract.problems import Words
from contract.text import tidy
from contract.vocabulary import PTZ_FAULT

log = logging.getLogger(__name__)

REDATE_S = 6 * 3600.0
OLD_ROUNDS = 2.5
"""A picture that two rounds in a row did not see again is no longer the present."""
FULL_EVERY = 15
"""Clock and host ride on every 15th heartbeat, and each when what it says of clock or journal has changed."""


class Reporter:
    """Reads the rooms; every method may be called from any thread."""

    def __init__(
        self,
        settings: Settings,
        policy: Policy,
        *,
        session: Session,
        slots: Slots,
        looks: Mapping[str, Loop[Look]],
        door: LoginGate,
        clock: BoxClock,
        reload: Reload,
    ) -> None:
        self._reload, self._program_told = reload, ProgramHealth()
        self._settings, self._policy, self._rules = settings, policy.id, policy
        self._session, self._slots, self._looks, self._door = session, slots, looks, door
        self._clock, self._started_at = clock, boot_ms()
        self._clock_told: ClockHealth | None = None
        self._beats = 0
        self._said: dict[str, str] = {}
        """Leaf -> what the document said when it was last told."""
        self._redate_at = monotonic() + REDATE_S
        self._health: HostHealth | None = None

    def unsettled(self) -> list[int]:
        """Starts of the looks in flight, overdue or unconfirmed, and of doubts, boot ms."""
        starts = []
        for name, look in self._looks.items():
            starts += [look.unfinished_since, self._slots[name].unsettled_since]  # in this order: see the latter
        return [since for since in starts if since is not None]

    # ---- for the center -----------------------------------------------------------------------

    def heartbeat(self) -> bytes:
        beat = self._session.heartbeat(self.unsettled, self._slots)
        clock, told, full = self._clock.health, self._clock_told, self._beats % FULL_EVERY == 0
        if full or told is None or (told.synced, told.untrusted) != (clock.synced, clock.untrusted):
            self._clock_told = clock
            beat = msgspec.structs.replace(beat, clock=clock)
        trouble = self._session.journal.trouble
        if full or (self._health and self._health.journal != trouble):
            self._health = self._host(trouble)
            beat = msgspec.structs.replace(beat, host=self._health)
        program = ProgramHealth(config=self._reload.health, upgrade=upgrade.last())
        if full or program != self._program_told:
            self._program_told = program
            beat = msgspec.structs.replace(beat, program=program)
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
        verdicts = {name: one.verdicts.verdicts for name, one in self._inspected()}
        return documents.short_hash(msgspec.json.encode(verdicts))

    def inventory(self) -> bytes:
        devices = {name: slot.device for name, slot in self._slots.items() if slot.device}
        found = self._slots.discovered
        strangers = found.strangers if found else ()
        document = documents.inventory(self._settings.gateway.id, self._slots.cameras, devices, strangers)
        return msgspec.json.encode(document)

    def capability(self) -> bytes:
        verdicts = [one.verdicts for _, one in self._inspected()]
        document = documents.capability(self._settings.gateway.id, self._session.boot, self._policy, verdicts)
        return msgspec.json.encode(document)

    def _inspected(self) -> list[tuple[str, Inspected]]:
        return [(name, slot.inspected) for name, slot in self._slots.items() if slot.inspected]

    def greeting(self) -> list[tuple[str, bytes]]:
        """Birth, inventory and capability, as they are published at each connection: (leaf, document)."""
        inventory = self.inventory()
        birth = Birth(
            gateway=self._settings.gateway.id,
            session=self._session.id,
            boot=self._session.boot,
            store=self._session.store,
            version=__version__,
            clock=self._clock.health,
            inventory_hash=documents.short_hash(inventory),
            oldest=self._session.journal.oldest,
        )
        return [("state", msgspec.json.encode(birth)), ("inv", inventory), ("cap", self.capability())]

    # ---- for whoever stands at the box --------------------------------------------------------

    def status(self, *, connected: bool, line: str, problem: str) -> Status:
        """`connected`, `line`: the state of the uplink, and that in words; `problem` as in UplinkStatus."""
        journal = self._session.journal
        return Status(
            pid=os.getpid(),
            version=__version__,
            city=self._settings.gateway.city,
            gateway=self._settings.gateway.id,
            session=self._session.id,
            policy=self._policy,
            boot=self._session.boot,
            started_ms=self._clock.utc_ms(self._started_at),
            at_ms=self._clock.utc_ms(),
            at_boot_ms=boot_ms(),
            clock=self._clock.health,
            host=self._health,
            uplink=UplinkStatus(connected=connected, detail=line, pending=journal.pending, problem=problem),
            journal=JournalStatus(durable=journal.durable, trouble=journal.trouble, lost=journal.lost),
            discovery=self._discovery(),
            cameras=tuple(self._camera(slot) for slot in self._slots.values()),
            config=tuple(Words(one.text("en"), one.text("zh")) for one in self._reload.problems),
            config_since_ms=self._reload.since_ms,
            upgrade=upgrade.last(),
        )

    def _discovery(self) -> DiscoveryStatus:
        last = self._slots.discovered
        if last is None:
            return DiscoveryStatus()
        return DiscoveryStatus(
            at_ms=self._clock.utc_ms(last.at),
            interfaces=last.round.interfaces,
            found=len(last.round.found),
            unregistered=tuple(device.address for device in last.strangers),
            rejected=last.round.rejected,
            notes=last.round.notes,
        )

    def _camera(self, slot: Slot) -> CameraStatus:
        state, last, loop = slot.state, slot.last_look, self._looks[slot.name]
        device, inspected, clock = slot.device, slot.inspected, last.clock if last else None
        stream = last.stream if last else None
        picture, refusal = self._picture(slot), self._door.refusal(slot.camera)
        return CameraStatus(
            slot=slot.camera.slot,
            name=slot.camera.name,
            zone=slot.camera.zone,
            address=slot.camera.address,
            channel=slot.camera.channel,
            availability=state.availability,
            level=state.level,
            reason=state.reason,
            detail=stream.detail if isinstance(stream, NotSeen) else picture.detail if state.reason else "",
            finding=stream.finding if isinstance(stream, NotSeen) and stream.reason is state.reason else "",
            looked_ms=self._clock.utc_ms(last.at) if last else None,
            late_ms=loop.late_ms,
            since_ms=self._clock.utc_ms(slot.changed_at) if slot.changed_at is not None else None,
            skew_s=clock.value.skew_s if isinstance(clock, Seen) else None,
            stuck=loop.stuck,
            login_paused=refusal is not None and refusal.paused,
            login_refused=self._login(refusal) if refusal else None,
            identity_changed=self._door.is_barred(slot.camera.slot),
            model=tidy(f"{device.manufacturer} {device.model}") if device else "",
            verdicts=inspected.verdicts.verdicts if inspected else (),
            picture=picture,
        )

    def _login(self, refusal: Refusal) -> LoginStatus:
        now_ms, now_s = self._clock.utc_ms(), self._clock.certain_s()
        return LoginStatus(
            since_ms=now_ms - round((now_s - refusal.since_s) * 1000),
            until_ms=now_ms + round((refusal.until_s - now_s) * 1000),
            attempts_left=refusal.attempts_left,
        )

    def _picture(self, slot: Slot) -> PictureStatus:
        shown = slot.picture
        since = {str(fault): shown.state[fault].since for fault in soundness.held(shown.state)}
        since[PTZ_FAULT] = slot.ptz_fault_since
        held = {fault: at for fault, at in since.items() if at is not None}
        faults = tuple(FaultStatus(fault=fault, since_ms=self._clock.utc_ms(at)) for fault, at in held.items())
        last, seen_at = shown.last, shown.seen_at
        lost = last if isinstance(last, NotSeen) else None
        finding = last.finding if isinstance(last, NotSeen) else last.value.finding if last else ""
        return PictureStatus(
            sound=False if faults else soundness.sound(shown.state, self._rules),
            faults=faults,
            seen_ms=self._clock.utc_ms(seen_at) if seen_at is not None else None,
            old=seen_at is not None and boot_ms() - seen_at > OLD_ROUNDS * self._settings.picture.interval * 1000,
            reason=lost.reason if lost else None,
            detail=lost.detail if lost else "",
            finding=finding,
        )
