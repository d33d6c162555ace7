"""What the daemon reports of itself: heartbeat, birth, inventory, capability, and the status file.

Gathers what the rooms know and hands it on; nothing is asked or decided here.
"""

import os
import time
from collections.abc import Mapping

import msgspec

from agent import __version__
from agent.ask import clocks, host
from agent.ask.asking import boot_ms
from agent.inspector import Inspector
from agent.ledger import Ledger
from agent.memory import Memory
from agent.model import NotSeen, Seen, tidy
from agent.scout import Scout
from agent.settings import Settings
from agent.status import CameraStatus, DiscoveryStatus, Status, UplinkStatus
from agent.tell import documents
from agent.watch import Watch
from contract.messages import Birth, HostHealth
from contract.vocabulary import Availability

REDATE_S = 6 * 3600.0
FULL_EVERY = 15
"""Clock and host ride on every 15th heartbeat."""


class Reporter:
    """Reads the rooms; every method may be called from any thread."""

    def __init__(
        self,
        settings: Settings,
        policy: str,
        *,
        ledger: Ledger,
        memory: Memory,
        watches: Mapping[str, Watch],
        inspector: Inspector,
        scout: Scout,
    ) -> None:
        self._settings, self._policy = settings, policy
        self._ledger, self._memory, self._watches = ledger, memory, watches
        self._inspector, self._scout = inspector, scout
        self._started_ms = clocks.utc_ms()
        self._beats = 0
        self._said: dict[str, str] = {}
        """Leaf -> what the document said when it was last told."""
        self._redate_at = time.monotonic() + REDATE_S
        self._health: HostHealth | None = None

    def unsettled(self) -> list[int]:
        """Starts of the looks in flight or unconfirmed, boot ms."""
        return [since for watch in self._watches.values() if (since := watch.unsettled_since) is not None]

    # ---- for the center -----------------------------------------------------------------------

    def heartbeat(self) -> bytes:
        by_state: dict[Availability, list[str]] = {one: [] for one in Availability}
        for slot, watch in self._watches.items():
            by_state[watch.snapshot().state.availability].append(slot)
        beat = self._ledger.heartbeat(
            self.unsettled,
            len(self._watches),
            tuple(by_state[Availability.OFFLINE]),
            tuple(by_state[Availability.UNKNOWN]),
        )
        if self._beats % FULL_EVERY == 0:
            self._health = host.health(self._settings.state_dir)
            beat = msgspec.structs.replace(beat, clock=clocks.clock(), host=self._health)
        self._beats += 1
        return msgspec.json.encode(beat)

    def news(self) -> list[tuple[str, bytes]]:
        """Inventory and capability as far as they say something else than when they were last told: (leaf, document).

        A camera asked again that answers as before has a newer date only; that alone is told every REDATE_S at most,
        for the document of 16 cameras is as long as a hundred heartbeats.
        """
        inventory = self.inventory()
        found = (
            ("inv", inventory, documents.short_hash(inventory)),
            ("cap", self.capability(), self._capability_said()),
        )
        stale = time.monotonic() >= self._redate_at
        fresh = [(leaf, document, said) for leaf, document, said in found if stale or self._said.get(leaf) != said]
        self._said.update({leaf: said for leaf, _, said in fresh})
        if stale:
            self._redate_at = time.monotonic() + REDATE_S
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
            clock=clocks.clock(),
            inventory_hash=documents.short_hash(inventory),
            oldest=self._ledger.journal.oldest,
        )
        return [("state", msgspec.json.encode(birth)), ("inv", inventory), ("cap", self.capability())]

    # ---- for whoever stands at the box --------------------------------------------------------

    def status(self, *, connected: bool, line: str) -> Status:
        """`connected`, `line`: the state of the uplink, and that in words."""
        return Status(
            pid=os.getpid(),
            version=__version__,
            city=self._settings.gateway.city,
            gateway=self._settings.gateway.id,
            session=self._ledger.session,
            policy=self._policy,
            started_ms=self._started_ms,
            at_ms=clocks.utc_ms(),
            clock=clocks.clock(),
            host=self._health,
            uplink=UplinkStatus(connected=connected, detail=line, pending=self._ledger.journal.pending),
            discovery=self._discovery(),
            cameras=tuple(self._camera(watch) for watch in self._watches.values()),
        )

    def _discovery(self) -> DiscoveryStatus:
        last = self._scout.last
        if last is None:
            return DiscoveryStatus()
        return DiscoveryStatus(
            at_ms=self._scout.last_ms,
            interfaces=last.interfaces,
            found=len(last.found),
            unregistered=tuple(device.address for device in self._scout.strangers),
            rejected=last.rejected,
            notes=last.notes,
        )

    def _camera(self, watch: Watch) -> CameraStatus:
        now = watch.snapshot()
        inspected = self._inspector.latest.get(now.camera.slot)
        device = inspected.device if inspected else None
        clock = now.last.clock if now.last else None
        stream = now.last.stream if now.last else None
        return CameraStatus(
            slot=now.camera.slot,
            name=now.camera.name,
            zone=now.camera.zone,
            address=now.camera.address,
            availability=now.state.availability,
            level=now.state.level,
            reason=now.state.reason,
            detail=stream.detail if isinstance(stream, NotSeen) else "",
            looked_ms=_utc_ms(now.last.at) if now.last else None,
            late_ms=now.late_ms,
            since_ms=_utc_ms(now.since) if now.since is not None else None,
            skew_s=clock.value.skew_s if isinstance(clock, Seen) else None,
            stuck=now.stuck,
            login_paused=not all(
                self._memory.may_log_in(now.camera.address, one, clocks.utc_ms() / 1000)
                for one in (now.camera.credentials, now.camera.stream_credentials)
            ),
            identity_changed=self._memory.is_barred(now.camera.slot),
            model=tidy(f"{device.manufacturer} {device.model}") if device else "",
            verdicts=inspected.verdicts.verdicts if inspected else (),
        )


def _utc_ms(at_boot_ms: int) -> int:
    return clocks.utc_ms() - (boot_ms() - at_boot_ms)
