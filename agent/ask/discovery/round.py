"""WS-Discovery on the wire: one round of probes from every suitable link; the socket shell around pure parsing.

Nobody but the sender of a reply is ever named as a place to ask, whatever its XAddr says.
"""

import ipaddress
import selectors
import socket
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack

from msgspec import Struct, structs

from agent.ask.box import interfaces, neighbours
from agent.ask.box.nics import addresses
from agent.ask.discovery import schedule, sockets, tcp_probe
from agent.ask.discovery.admission import Admission, DeviceTable
from agent.ask.discovery.messages import MAX_DATAGRAM_BYTES, Rejection, build, parse
from agent.ask.onvif import xaddr
from agent.model import DiscoveredDevice

CPU_S = 0.35
"""CPU seconds a round may spend on reading replies; released step by step, as the budget of datagrams is."""
FIRST_SHARE = 0.25
AGAIN_SHARE = 0.5
"""The part of the CPU seconds that senders of whom something was taken may use up: they answer every probe, and on a
slow box would leave nothing for those who had no turn yet."""
HELLO_ONLY = "answers no probe; it announced itself (Hello)"
_PAUSE_S = 0.02
_BATCH = 64
_ARP_AGE_S = 0.25
_NOTED_STRANGERS = 5
_NOTED_CROWD = 4_096


class DiscoveryOptions(Struct, frozen=True, kw_only=True):
    """How to look. `interfaces`: names or addresses, empty = every suitable one. `subnets`: CIDRs asked one by one.

    `duration_s` is stretched where the configured subnets need longer at 200 probes/s. `ports`: those an XAddr may
    name. `knock_s`: seconds for TCP to known and configured addresses that UDP left silent, 0 = never.
    """

    interfaces: tuple[str, ...] = ()
    subnets: tuple[str, ...] = ()
    duration_s: float = 4.5
    loopback: bool = False
    ports: tuple[int, ...] = tuple(sorted(xaddr.PORTS))
    knock_ports: tuple[int, ...] = tcp_probe.PORTS
    knock_s: float = 8.0


class Round(Struct, frozen=True, kw_only=True):
    """What one round of discovery brought. Absence from `found` says nothing about a camera.

    `announced`: devices that said Hello meanwhile and answered neither a probe nor over TCP. `rejected`: datagrams not
    used, by Rejection. `interfaces`: "name address" of each probed. `notes`: for a person.
    """

    found: tuple[DiscoveredDevice, ...] = ()
    announced: tuple[DiscoveredDevice, ...] = ()
    rejected: dict[str, int] = {}
    interfaces: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def probe(
    settings: DiscoveryOptions, *, known: Sequence[str] = (), announced: Sequence[DiscoveredDevice] = ()
) -> Round:
    """One round: multicast from every suitable address, unicast to `known` addresses and the configured subnets.

    Cameras exist that answer no probe and say Hello: those heard meanwhile, and those `announced` before, are asked
    over TCP. Takes `duration_s` or what the subnets need, then at most `knock_s` for TCP, twice. Never raises for want
    of a network: a NIC that fails costs only itself, none at all gives an empty round with a note.
    """
    nics, passed_over = interfaces.suitable(addresses(), settings.interfaces, loopback=settings.loopback)
    subnets, complaints = schedule.subnets(settings.subnets)
    with ExitStack() as stack:
        links, failures = sockets.open_all(nics, stack)
        nics = tuple(nic for nic, _ in links)
        targets = schedule.targets(known, subnets, own={nic.address for nic in nics})
        plain, refused = sockets.open_plain(stack) if any(targets) else (None, [])
        sweep = _Sweep(settings, [nic.network for nic in nics], subnets, targets)
        ear, _ = sockets.open_group(nics, stack)
        sweep.run([sock for _, sock in links], plain, ear)
    macs = neighbours.neighbours()
    found = sweep.table.devices(macs)
    silent = schedule.silent(targets, {device.address for device in found}, macs, [nic.network for nic in nics])
    found += tcp_probe.knock(silent, settings.knock_ports, macs, seconds=settings.knock_s)
    unproven = _unproven(found, announced, sweep.heard.devices(macs))
    ports = {one.address: one.port for one in unproven.values()}
    knocked = tcp_probe.knock(tuple(unproven), settings.knock_ports, macs, seconds=settings.knock_s, first=ports)
    found += tuple(structs.replace(unproven.pop(one.address), port=one.port, notes=(HELLO_ONLY,)) for one in knocked)
    only_heard = [one for address, one in unproven.items() if sweep.heard.holds(address)]
    nowhere = [] if nics else ["no interface to probe from"]
    return Round(
        found=found,
        announced=tuple(structs.replace(one, notes=(*one.notes, HELLO_ONLY)) for one in only_heard),
        rejected={str(why): count for why, count in sweep.rejected.items()},
        interfaces=tuple(f"{nic.name} {nic.address}" for nic in nics),
        notes=(*passed_over, *complaints, *failures, *refused, *nowhere, *sweep.notes()),
    )


def _unproven(found: Sequence[DiscoveredDevice], *announced: Sequence[DiscoveredDevice]) -> dict[str, DiscoveredDevice]:
    """By address, those that announced themselves and were not found; what was heard last counts."""
    known = {one.address for one in found}
    return {one.address: one for heard in announced for one in heard if one.address not in known}


class _Sweep:
    """One round under way: sends what is due, takes in what comes, within its budget."""

    def __init__(
        self,
        settings: DiscoveryOptions,
        links: Sequence[ipaddress.IPv4Network],
        subnets: Sequence[ipaddress.IPv4Network],
        targets: schedule.Targets,
    ) -> None:
        self.table = DeviceTable(frozenset(settings.ports) or xaddr.PORTS)
        self.heard = DeviceTable(frozenset(settings.ports) or xaddr.PORTS)
        """Who said Hello."""
        self.rejected: Counter[Rejection] = Counter()
        self._networks = [*links, *subnets]
        self._targets = targets
        self._end_s = settings.duration_s
        self._released_s = schedule.last_multicast_s(settings.duration_s)
        """When all of the budget is: with the last wave of answers, for nobody speaks after it."""
        self._admission = Admission()
        self._asked: set[str] = set()
        self._tickets: dict[str, list[bytes]] = {address: [] for address in targets.known}
        self._elsewhere: dict[str, None] = {}
        self._unsent: dict[str, None] = {}
        self._crowded: dict[str, None] = {}
        """Senders of answers for which there was no room."""
        self._macs: Mapping[str, str] = {}
        self._macs_read_s = -1.0
        self._began_s = self._spent_s = 0.0

    def run(
        self, links: Sequence[socket.socket], plain: socket.socket | None, ear: socket.socket | None = None
    ) -> None:
        """`ear`: hears what is said to all."""
        if not links and plain is None:
            return
        every = [*links, *filter(None, (plain, ear))]
        self._began_s = time.monotonic()
        sends = schedule.schedule(len(links), self._targets, self._end_s)
        upcoming = next(sends, None)
        with selectors.DefaultSelector() as selector:
            for sock in every:
                selector.register(sock, selectors.EVENT_READ, sock)
            while (now_s := self._elapsed_s()) < self._end_s:
                while upcoming and upcoming.due_s <= now_s:
                    self._send(upcoming, plain if upcoming.link is None else links[upcoming.link])
                    upcoming = next(sends, None)
                if upcoming:
                    self._end_s = max(self._end_s, upcoming.due_s + schedule.LAST_WORDS_S)
                wake_s = min(upcoming.due_s, self._end_s) if upcoming else self._end_s
                for key, _ in selector.select(max(wake_s - now_s, 0)):
                    self._drain(key.data)
                if self._overdrawn():
                    time.sleep(_PAUSE_S)

    def notes(self) -> list[str]:
        notes = [f"probes could not be sent from {trouble}" for trouble in self._unsent]
        if left := [one for one in self._crowded if not self.table.holds(one)]:
            notes.append(
                f"answers of {len(left)} senders were not used, more than one round reads: {', '.join(left[:5])}"
            )
        if self._elsewhere:
            notes.append("answered from outside the links and subnets asked, not used: " + ", ".join(self._elsewhere))
        return notes

    def _send(self, send: schedule.Send, sock: socket.socket | None) -> None:
        if sock is None:
            return
        message_id, message = build(send.kind)
        self._asked.add(message_id)
        if send.to in self._tickets:
            self._tickets[send.to].append(message_id.encode())
        try:
            sock.sendto(message, (send.to or sockets.GROUP, sockets.PORT))
        except OSError as error:  # link gone, no route, own firewall: the next probe may fare better
            if not send.to:
                self._unsent[f"{sock.getsockname()[0]}: {error.strerror or error}"] = None

    def _drain(self, sock: socket.socket) -> None:
        before_s = time.thread_time()
        for _ in range(_BATCH):
            try:
                data, (sender, _port) = sock.recvfrom(MAX_DATAGRAM_BYTES + 1)
            except OSError:
                return
            why = self._take(data, sender)
            if why is not None:
                self.rejected[why] += 1
            after_s = time.thread_time()
            self._spent_s += after_s - before_s
            before_s = after_s

    def _take(self, data: bytes, sender: str) -> Rejection | None:
        share = self._share()
        vouched = any(ticket in data for ticket in self._tickets.get(sender, ()))
        network = self._network(sender)
        if network is None and sender not in self._tickets:
            return self._from_elsewhere(sender)
        taken = self.table.holds(sender)
        why = self._admission.admit(
            sender,
            len(data),
            share=0.0 if self._overdrawn(AGAIN_SHARE if taken else 1.0) else share,
            vouched=vouched,
            neighbour=sender in self._neighbours(),
            taken=taken,
        )
        if why is not None:
            return self._crowd(sender, why)
        reply = parse(data)
        if isinstance(reply, Rejection):
            return reply
        table = {"ProbeMatches": self.table, "Hello": self.heard}.get(reply.kind)
        if table is None:
            return Rejection.OTHER_MESSAGE
        if reply.relates_to and not reply.relates_to & self._asked:
            return Rejection.FOREIGN_RELATES_TO
        added = table.add(sender, reply.matches, network, share=share, vouched=vouched)
        return None if added else self._no_room(sender, vouched=vouched)

    def _no_room(self, sender: str, *, vouched: bool) -> Rejection:
        self._admission.had_no_room(sender, vouched=vouched)
        return self._crowd(sender, Rejection.FLOOD)

    def _crowd(self, sender: str, why: Rejection) -> Rejection:
        if why is Rejection.FLOOD and len(self._crowded) < _NOTED_CROWD:
            self._crowded[sender] = None
        return why

    def _from_elsewhere(self, sender: str) -> Rejection:
        if len(self._elsewhere) < _NOTED_STRANGERS:
            self._elsewhere[sender] = None
        return Rejection.OFF_SUBNET

    def _network(self, sender: str) -> ipaddress.IPv4Network | None:
        ip = ipaddress.IPv4Address(sender)
        return next((network for network in self._networks if ip in network), None)

    def _neighbours(self) -> Mapping[str, str]:
        if self._elapsed_s() - self._macs_read_s > _ARP_AGE_S:
            self._macs, self._macs_read_s = neighbours.neighbours(), self._elapsed_s()
        return self._macs

    def _elapsed_s(self) -> float:
        return time.monotonic() - self._began_s

    def _share(self) -> float:
        return min(1.0, FIRST_SHARE + (1 - FIRST_SHARE) * self._elapsed_s() / self._released_s)

    def _overdrawn(self, part: float = 1.0) -> bool:
        return self._spent_s > CPU_S * part * self._share()
