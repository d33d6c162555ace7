"""Whom a round of discovery asks, and when; pure."""

import heapq
import itertools
from collections.abc import Iterator, Mapping, Sequence
from ipaddress import IPv4Address, IPv4Network
from typing import NamedTuple

from agent.ask.discovery.messages import KINDS
from contract.text import tidy

REPEATS = 5
"""Times each kind of probe is multicast. The usual two or three leave one round in 430 without a camera where 30 % are
lost each way; five leave one in 24,000."""
SPACING_S = 0.2
"""Between two probes to the same ears: there are cameras that restart above eight requests a second."""
UNICAST_PER_S = 200
MAX_TARGETS = 4_096
LAST_WORDS_S = 1.0
"""Listened at least this long after the last probe."""


class Targets(NamedTuple):
    """Literal addresses to be asked by unicast: enrolled ones, and the hosts of the configured subnets."""

    known: tuple[str, ...]
    hosts: tuple[str, ...]


class Send(NamedTuple):
    """One probe: seconds after the start, index of the link (None = by unicast to `to`), and one of KINDS."""

    due_s: float
    link: int | None
    to: str
    kind: str


def subnets(texts: Sequence[str]) -> tuple[list[IPv4Network], list[str]]:
    """The networks written in `texts`, and a note for each that is none, or when they are too large together."""
    networks, notes = [], []
    for text in texts:
        try:
            networks.append(IPv4Network(text, strict=False))
        except ValueError:
            notes.append(f"{tidy(text)} is not an IPv4 network; left out")
    if sum(network.num_addresses for network in networks) > MAX_TARGETS:
        notes.append(f"the configured subnets hold more than {MAX_TARGETS} addresses; the rest is not asked one by one")
    return networks, notes


def targets(known: Sequence[str], networks: Sequence[IPv4Network], own: set[str]) -> Targets:
    """At most 4,096 of each, without our own addresses among the hosts, nor what is no literal IPv4 address."""
    first = tuple(itertools.islice(filter(_is_ipv4, dict.fromkeys(known)), MAX_TARGETS))
    every = itertools.islice((str(address) for network in networks for address in network.hosts()), MAX_TARGETS)
    return Targets(first, tuple(address for address in dict.fromkeys(every) if address not in own | {*first}))


def silent(asked: Targets, heard: set[str], macs: Mapping[str, str], links: Sequence[IPv4Network]) -> tuple[str, ...]:
    """Those worth a knock by TCP: not heard, and not proven absent by an ARP request that nobody answered."""
    return tuple(a for a in itertools.chain(*asked) if a not in heard and (a in macs or not _on_link(a, links)))


def schedule(links: int, asked: Targets, duration_s: float) -> Iterator[Send]:
    """All probes of a round, by time: each kind REPEATS times on each link, twice to known addresses, once to hosts.

    A shorter round repeats less often, but asks every kind once at least.
    """
    multicast = (
        Send(turn * SPACING_S, link, "", kind) for turn, kind in enumerate(_turns(duration_s)) for link in range(links)
    )
    return heapq.merge(multicast, _unicast(asked), key=lambda send: send.due_s)


def last_multicast_s(duration_s: float) -> float:
    """When everybody is asked for the last time, seconds after the start."""
    return (len(_turns(duration_s)) - 1) * SPACING_S


def _turns(duration_s: float) -> tuple[str, ...]:
    return (KINDS * REPEATS)[: max(int((duration_s - LAST_WORDS_S) / SPACING_S) + 1, len(KINDS))]


def _unicast(asked: Targets) -> Iterator[Send]:
    due_s = 0.0
    for turn, kind in enumerate(KINDS * 2):
        began_s = due_s
        for address in (*asked.known, *(asked.hosts if turn < len(KINDS) else ())):
            yield Send(due_s, None, address, kind)
            due_s += 1 / UNICAST_PER_S
        due_s = max(due_s, began_s + SPACING_S)


def _is_ipv4(text: str) -> bool:
    try:
        IPv4Address(text)
    except ValueError:
        return False
    return True


def _on_link(address: str, links: Sequence[IPv4Network]) -> bool:
    ip = IPv4Address(address)
    return not ip.is_loopback and any(ip in network for network in links)
