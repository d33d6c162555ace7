"""Wires the rooms together, starts them, stops them.

Nothing is asked, decided or told here; this file only knows who needs whom. The cameras come first: what the first look
does not need (discovery, questions, MQTT) is imported while it is on its way.
"""

import contextlib
import logging
import math
import signal
import threading
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import msgspec

from agent import limits, login_gate, status
from agent.ask import look as looking
from agent.ask.attempt import boot_ms
from agent.ask.box import clocks, neighbours
from agent.clock import BoxClock
from agent.decide.availability import Change
from agent.learnt import Learnt, LearntFile
from agent.login_gate import LoginGate, Refusal
from agent.model import Camera, Evidence, Look, NotSeen, Picture, Seen
from agent.permit import Permit, onvif_login, stream_login
from agent.rounds.capability import CapabilityTask, Inspected
from agent.rounds.look import LookTask
from agent.session import Session
from agent.settings import Settings
from agent.tell.journal import Journal
from agent.threads import Threads, entry
from contract.messages import Command, Result, Verdict
from contract.policy import Policy
from contract.vocabulary import Availability, Reason

if TYPE_CHECKING:
    from agent.ask.discovery.round import DiscoveryOptions
    from agent.supervisor import Supervisor
    from agent.tell.uplink import Uplink

log = logging.getLogger(__name__)

STUCK_GRACE_S = 2.0
"""A look may outlive its deadline by this much (a slow box) before it counts as stuck."""
STOP_S = 8.0
MAX_TOLD = 10
"""So many problems of a configuration are told one by one."""


class Daemon:
    """The running agent. `run` blocks until SIGTERM or SIGINT, then stops within ten seconds."""

    def __init__(self, settings: Settings, policy: Policy) -> None:
        self._settings, self._policy = settings, policy
        self._journal = Journal(settings.state_dir / "journal.db")
        self._ledger = Session(self._journal, boot=clocks.boot_id(), now=boot_ms)
        self._threads = Threads(self._ledger.fault)
        self._time = BoxClock(
            settings.state_dir / "clock.json",
            boot=self._ledger.boot,
            anchor=self._ledger.anchor,
            fault=self._ledger.fault,
        )
        self._memory = LearntFile(settings.state_dir / "learnt.json")
        self._door = LoginGate(
            settings.state_dir / login_gate.NAME,
            now=self._time.certain_s,
            refused=self._login_refused,
            works=self._login_works,
        )
        self._beside: dict[str, str] = {}
        """Slot -> MAC of another device that stood at its address when it was last looked at."""
        self._stopping = threading.Event()
        self._changed = threading.Event()
        """Set when a document or the status file no longer says what is known."""
        self._watches = {camera.slot: self._watch(camera) for camera in settings.cameras}
        self._inspector = CapabilityTask(
            self._cameras,
            inspect=self._inspect,
            decode=self._decode,
            judge=self._judge,
            told=self._told,
            judged=self._judged,
            now=boot_ms,
            interval_s=settings.capability.interval,
        )

    def _watch(self, camera: Camera) -> LookTask:
        return LookTask(
            camera,
            look=self._look,
            record=self._record,
            now=boot_ms,
            policy=self._policy,
            interval_s=self._settings.look.interval,
            hurry_s=self._policy.online.confirm_after.value,
            stuck_after_s=self._settings.look.deadline + STUCK_GRACE_S,
        )

    def _furnish(self) -> None:
        """The rooms that the first look does not need."""
        from agent.reporting import Reporter
        from agent.rounds.discovery import DiscoveryTask
        from agent.rounds.movement import MovementTask
        from agent.rounds.picture import PictureTask

        self._gallery = PictureTask(
            self._viewable,
            policy=self._policy,
            interval_s=self._settings.picture.interval,
            deadline_s=self._settings.picture.deadline,
            memory=self._memory,
            door=self._door,
            record=self._ledger.picture,
            glimpsed=lambda slot, decodable, why: self._watches[slot].glimpsed(decodable=decodable, reason=why),
            changed=self._changed.set,
        )
        self._mover = MovementTask(
            self._cameras,
            settings=self._settings.movement,
            intent_file=self._settings.state_dir / "moving.json",
            memory=self._memory,
            door=self._door,
            movable=self._viewable,
            device_of=self._inspector.device,
            clock=self._trusted_s,
            spared=self._gallery.spared,
            take=self._inspector.take,
            record=self._ledger.picture,
            not_restored=self._ledger.view_not_restored,
            fault=self._ledger.fault,
        )
        self._scout = DiscoveryTask(
            self._cameras,
            options=self._discovery_options(),
            hello=self._settings.discovery.hello,
            ledger=self._ledger,
            memory=self._memory,
            door=self._door,
            moved=self._moved,
            left=self._poke,
        )
        self._reporter = Reporter(
            self._settings,
            self._policy,
            ledger=self._ledger,
            door=self._door,
            time=self._time,
            watches=self._watches,
            inspector=self._inspector,
            scout=self._scout,
            gallery=self._gallery,
            mover=self._mover,
        )
        self._uplink = self._make_uplink()

    def _make_supervisor(self) -> "Supervisor":
        from agent.supervisor import Supervisor

        return Supervisor(
            watches=self._watches,
            reporter=self._reporter,
            uplink=self._uplink,
            ledger=self._ledger,
            memory=self._memory,
            door=self._door,
            time=self._time,
            threads=self._threads,
            changed=self._changed,
            heartbeat_s=self._settings.heartbeat,
            status_file=status.place(self._settings.state_dir),
        )

    def _make_uplink(self) -> "Uplink":
        from agent.tell.preflight import Endpoint
        from agent.tell.uplink import Uplink

        settings, first = self._settings, self._settings.broker[0]
        return Uplink(
            [Endpoint(host=one.host, port=one.port, ca=one.ca, cert=one.cert, key=one.key) for one in settings.broker],
            city=settings.gateway.city,
            gateway=settings.gateway.id,
            session=lambda: self._ledger.session,
            username=first.username,
            password=first.password.reveal if first.password else None,
            keepalive_s=int(settings.keepalive),
            journal=self._journal,
            greet=self._reporter.greeting,
            command=self._command,
            passed=self._time.passed,
            duplicate=self._ledger.duplicate_identity,
        )

    def _discovery_options(self) -> "DiscoveryOptions":
        from agent.ask.discovery.round import DiscoveryOptions

        options = self._settings.discovery
        return DiscoveryOptions(
            interfaces=options.interfaces,
            subnets=options.subnets,
            duration_s=options.duration,
            loopback=options.loopback,
            ports=options.ports,
        )

    # ---- life ---------------------------------------------------------------------------------

    def run(self) -> int:
        """Watch until told to stop; the exit code."""
        for sign in (signal.SIGTERM, signal.SIGINT):
            signal.signal(sign, lambda *_: self._stopping.set())
        limits.apply()
        self._time.poll()
        for watch in self._watches.values():
            watch.start()
        self._tell_problems()
        log.info("watching %d cameras as %s", len(self._watches), self._settings.gateway.id)
        self._furnish()
        self._inspector.start()
        self._uplink.start()
        self._threads.register(map(entry, self._watches.values()))
        self._threads.register([entry(self._inspector)])
        self._threads.register(self._uplink.entries())
        if self._settings.discovery.enabled:
            self._threads.register(self._scout.start(self._settings.discovery.interval))
        if self._settings.picture.enabled:
            self._gallery.start()
            self._threads.register([entry(self._gallery)])
        self._mover.start()
        self._threads.register([entry(self._mover)])
        self._make_supervisor().run(self._stopping)
        self._stop()
        return 0

    def _tell_problems(self) -> None:
        """Of the configuration in place of which the last good one runs."""
        problems = self._settings.problems
        for problem in problems[:MAX_TOLD]:
            log.warning("not used: %s", problem)
            self._ledger.fault(f"the new configuration is not used: {problem}"[:1000])
        if problems:
            log.warning("%d problems in the new configuration: the last good one runs; mend it, restart", len(problems))

    def _stop(self) -> None:
        self._inspector.stop()
        self._scout.stop()
        self._gallery.stop()
        self._mover.stop()
        for watch in self._watches.values():
            watch.stop()
        self._uplink.publish("hb", self._reporter.heartbeat())
        self._ledger.close(self._reporter.unsettled)
        self._uplink.stop("stopped by request", STOP_S)
        self._journal.close()
        self._memory.save_if_changed()
        self._door.save_refused()
        self._time.save()
        with contextlib.suppress(OSError):
            status.place(self._settings.state_dir).unlink(missing_ok=True)

    # ---- asking -------------------------------------------------------------------------------

    def _cameras(self) -> list[Camera]:
        return [watch.camera for watch in self._watches.values()]

    def _trusted_s(self) -> float | None:
        """UTC seconds while the kernel vouches for the clock and nothing speaks against it."""
        health = self._time.health
        return self._time.utc_ms() / 1000 if health.synced and not health.untrusted else None

    def _viewable(self) -> list[Camera]:
        """Those whose stream the last look saw."""
        return [watch.camera for watch in self._watches.values() if watch.streams]

    def _look(self, camera: Camera) -> Look:
        known = self._memory.recall(camera)
        look = self._seen(known)
        self._memory.learn_nic(camera.slot, look.nic)
        self._beware(known)
        lost = isinstance(look.stream, NotSeen) and look.stream.reason in (Reason.UNASKED, Reason.UNSUPPORTED)
        refusal = self._door.refusal(camera, onvif_login)
        if isinstance(look.tcp, Seen) and (lost or (refusal and not refusal.paused)):
            self._inspector.suggest(camera.slot)  # it answers, but where its stream is must be learnt (again)
        return look

    def _seen(self, camera: Camera) -> Look:
        refusal = None if camera.stream_path else self._door.refusal(camera, onvif_login)
        pathless = looking.LOGIN_REFUSED if refusal else None
        permit = Permit(bool(camera.stream_path) and self._door.may(camera, stream_login))
        asked = permit.allowed
        try:
            return looking.look(camera, log_in=permit, deadline_s=self._settings.look.deadline, pathless=pathless)
        finally:
            if asked:
                self._door.met(camera, stream_login, permit.met)

    def _login_refused(self, camera: Camera, refusal: Refusal) -> None:
        left = f"; it leaves {refusal.attempts_left} attempts" if refusal.attempts_left is not None else ""
        log.warning(
            "%s: the camera at %s refuses our login%s. The next one is tried in %d min, so that it does not lock the"
            " account; a corrected user or password in the configuration is tried at once",
            camera.slot,
            camera.address,
            left,
            math.ceil((refusal.until_s - self._time.certain_s()) / 60),
        )
        self._changed.set()

    def _login_works(self, camera: Camera) -> None:
        """What could not be asked meanwhile is asked now, of all slots at that address."""
        log.info("%s: the login that was refused works again", camera.slot)
        self._inspector.request(one.slot for one in self._cameras() if one.address == camera.address)
        self._changed.set()

    def _beware(self, camera: Camera) -> None:
        """Another device at the camera's address is a reason to look around now; what the round finds decides."""
        before = self._beside.get(camera.slot, "")
        self._beside[camera.slot] = neighbours.another(camera)
        scout = getattr(self, "_scout", None)  # not there yet at the first look; its first round comes anyway
        if scout and self._beside[camera.slot] not in ("", before):
            scout.hurry()

    def _inspect(self, cameras: Sequence[Camera]) -> Iterator[Evidence]:
        from agent.ask import inspection

        auth = {camera.slot: self._memory.learnt(camera).auth for camera in cameras}
        known = [self._memory.identified(camera) for camera in cameras]
        return inspection.inspect(known, door=self._door, auth=auth, deadline_s=self._settings.capability.deadline)

    def _judge(self, evidence: Evidence) -> tuple[Verdict, ...]:
        """With what an earlier movement proved of this very camera."""
        from agent.decide.judge import judge
        from agent.decide.proof import with_proof

        kept, address = self._memory.proof(evidence.slot), self._watches[evidence.slot].camera.address
        return judge(with_proof(evidence, kept, address), self._policy)

    def _decode(self, asked: Sequence[tuple[Camera, Evidence]]) -> Iterator[tuple[str, Seen[Picture] | NotSeen]]:
        from agent.examine import decode

        return decode([(self._memory.identified(camera), told) for camera, told in asked], door=self._door)

    def _told(self, camera: Camera, evidence: Evidence) -> None:
        told = evidence.capabilities
        if told.refused:
            self._poke(camera.slot)  # why its stream is not known is known now
        if isinstance(told.stream_uri, Seen):
            uri = told.stream_uri.value
            small = told.sub_stream_uri.value if isinstance(told.sub_stream_uri, Seen) else None
            learnt = Learnt(
                address=camera.address,
                stream_port=uri.port,
                stream_path=uri.path,
                sub_port=small.port if small else 0,
                sub_path=small.path if small else "",
                auth=told.auth,
            )
            if self._memory.learn(camera, learnt):
                self._poke(camera.slot)

    def _judged(self, slot: str, before: Inspected | None, after: Inspected) -> None:
        if before:
            self._ledger.capability_changes(slot, before.verdicts.verdicts, after.verdicts.verdicts)
        self._changed.set()

    # ---- what follows -------------------------------------------------------------------------

    def _record(self, slot: str, change: Change) -> None:
        where = self._ledger.transition(slot, change)
        log.info("%s: %s -> %s %s [%s]", slot, change.from_, change.to, change.reason or "", where or "not recorded")
        if (change.from_, change.to) == (Availability.OFFLINE, Availability.ONLINE):
            self._inspector.suggest(slot)  # it may have come back with another firmware
        self._changed.set()

    def _poke(self, slot: str) -> None:
        self._watches[slot].poke()

    def _moved(self, slot: str, address: str) -> None:
        watch = self._watches[slot]
        watch.camera = msgspec.structs.replace(watch.camera, address=address)
        watch.poke()
        self._inspector.request([slot])
        self._changed.set()

    def _command(self, command: Command) -> Result:
        slots = [command.slot] if command.slot else list(self._watches)
        if any(slot not in self._watches for slot in slots):
            return Result(id=command.id, outcome="refused", detail="no such slot here")
        match command.verb:
            case "look":
                for slot in slots:
                    self._poke(slot)
            case "inspect":
                self._inspector.request(slots)
            case "discover":
                self._scout.hurry()
            case "rebirth":
                pass  # the uplink greets again
            case _:
                return Result(id=command.id, outcome="unsupported")
        return Result(id=command.id, outcome="done")
