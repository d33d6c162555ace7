"""What the first look does not need, made as the settings want it: the other loops, and the line to the center."""

from collections.abc import Callable
from typing import Any

from agent.ask.discovery.round import DiscoveryOptions
from agent.clock import BoxClock
from agent.commands import Commands
from agent.learnt import LearntFile
from agent.login_gate import LoginGate
from agent.loop import Loop
from agent.reporting import Reporter
from agent.rounds.capability import CapabilityTask
from agent.rounds.discovery import AnnouncementTask, DiscoveryTask
from agent.rounds.movement import FIRST_S as MOVEMENT_FIRST_S
from agent.rounds.movement import MovementTask
from agent.rounds.picture import FIRST_S as PICTURE_FIRST_S
from agent.rounds.picture import PictureTask
from agent.rounds.renewal import FIRST_S as RENEWAL_FIRST_S
from agent.rounds.renewal import RenewalTask
from agent.session import Session
from agent.settings import Settings
from agent.settings.entries import DiscoveryEntry
from agent.slots import Slots
from agent.tell import recovery
from agent.tell.failures import Kind
from agent.tell.journal import Journal
from agent.tell.pairs import FOLDER as PAIRS
from agent.tell.pairs import Pairs
from agent.tell.preflight import Endpoint
from agent.tell.uplink import Uplink
from contract import topics
from contract.policy import Policy

INTENT_FILE = "moving.json"
"""In the state directory: what is to be put back."""


def rounds(
    settings: Settings,
    policy: Policy,
    *,
    session: Session,
    clock: BoxClock,
    slots: Slots,
    learnt: LearntFile,
    door: LoginGate,
) -> list[Loop[Any]]:
    """Not started. Movement is among them in any case: what was left turned away is put back."""
    ask, look = settings.capability, settings.picture
    capability = CapabilityTask(slots, learnt=learnt, door=door, interval_s=ask.interval, deadline_s=ask.deadline)
    movement = MovementTask(
        slots,
        settings=settings.movement,
        intent_file=settings.state_dir / INTENT_FILE,
        learnt=learnt,
        door=door,
        trusted_s=clock.trusted_s,
        session=session,
    )
    found: list[Loop[Any]] = [
        Loop("capability", capability, tell=session.fault, wake=slots.ask_now),
        Loop("movement", movement, tell=session.fault, first_in_s=MOVEMENT_FIRST_S),
    ]
    if settings.discovery.enabled:
        found += _discovery(settings.discovery, slots, learnt, door, session.fault)
    if look.enabled:
        picture = PictureTask(
            slots,
            policy=policy,
            learnt=learnt,
            door=door,
            interval_s=look.interval,
            deadline_s=look.deadline,
            recorders=settings.recorders,
            look_s=settings.look.interval,
        )
        first_in_s = min(PICTURE_FIRST_S, look.interval)
        found.append(Loop("picture", picture, tell=session.fault, first_in_s=first_in_s))
    return found


def _discovery(
    entry: DiscoveryEntry, slots: Slots, learnt: LearntFile, door: LoginGate, tell: Callable[[str], None]
) -> list[Loop[Any]]:
    options = DiscoveryOptions(
        interfaces=entry.interfaces,
        subnets=entry.subnets,
        duration_s=entry.duration,
        loopback=entry.loopback,
        ports=entry.ports,
    )
    task = DiscoveryTask(slots, options=options, learnt=learnt, door=door, interval_s=entry.interval)
    found: list[Loop[Any]] = [Loop("discovery", task, tell=tell, wake=slots.discover_now)]
    if entry.hello:
        found.append(Loop("announcements", AnnouncementTask(slots, options=options), tell=tell))
    return found


def uplink(
    settings: Settings, *, journal: Journal, session: Session, clock: BoxClock, slots: Slots, reporter: Reporter
) -> Uplink:
    """Not started."""
    first = settings.broker[0]
    return Uplink(
        [Endpoint(host=one.host, port=one.port, ca=one.ca, cert=one.cert, key=one.key) for one in settings.broker],
        city=settings.gateway.city,
        gateway=settings.gateway.id,
        session=lambda: session.id,
        username=first.username,
        password=first.password.reveal if first.password else None,
        keepalive_s=int(settings.keepalive),
        journal=journal,
        greet=reporter.greeting,
        command=Commands(slots).obey,
        passed=clock.passed,
        witness=clock.witness,
        duplicate=session.duplicate_identity,
        pairs=_pairs(settings),
    )


def _pairs(settings: Settings) -> Pairs | None:
    """None where no certificate is configured: there is nothing to renew."""
    certificate = next((one.cert for one in settings.broker if one.ca and one.cert), None)
    return Pairs(settings.state_dir / PAIRS, certificate) if certificate else None


def renewal(settings: Settings, uplink: Uplink, *, session: Session, clock: BoxClock) -> list[Loop[Any]]:
    """Of the certificate, not started; none where there is none."""
    if not uplink.pairs:
        return []
    task = RenewalTask(
        uplink.pairs,
        Way(uplink),
        user=settings.broker[0].username,
        now_s=lambda: clock.trusted_s() or clock.certain_s(),
        tell=session.fault,
        recover=_recovery(settings),
    )
    uplink.certified = task.hear
    return [Loop("renewal", task, tell=session.fault, wake=task.wake, first_in_s=RENEWAL_FIRST_S)]


def _recovery(settings: Settings) -> Callable[[bytes], bytes | None] | None:
    """Asks each broker that has such a port, in turn, until one answers."""
    city, gateway = settings.gateway.city, settings.gateway.id
    leaves = (topics.up(city, gateway, topics.CSR), topics.down(city, gateway, topics.CERT))
    doors = [
        (Endpoint(host=one.host, port=one.recovery_port, ca=one.ca), one.recovery_password.reveal)
        for one in settings.broker
        if one.ca and one.recovery_port and one.recovery_password
    ]
    user = settings.broker[0].username

    def recover(request: bytes) -> bytes | None:
        answers = (recovery.ask(door, user, password, leaves, request) for door, password in doors)
        return next((answer for answer in answers if answer is not None), None)

    return recover if doors else None


class Way:
    """The uplink, as renewal sees it."""

    def __init__(self, uplink: Uplink) -> None:
        self._uplink = uplink

    @property
    def stands(self) -> bool:
        return self._uplink.connected.is_set()

    @property
    def unaccepted(self) -> bool:
        return self._uplink.problem is Kind.AUTH

    def ask(self, request: bytes) -> None:
        self._uplink.publish(topics.CSR, request)

    def connect_anew(self) -> None:
        self._uplink.hurry()
