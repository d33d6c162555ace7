"""Which addresses of the box are worth probing from: a choice over a list, pure.

How the list is read from the kernel and what is sent must not be known here.
"""

import ipaddress
import re
from collections.abc import Collection, Sequence

from agent.ask.box.nics import NicAddress

_VIRTUAL = re.compile(
    r"docker|br-[0-9a-f]{12}$|veth|virbr|vmnet|vboxnet|lxc|lxd|cni|flannel|cali|podman|dummy|ifb"  # bridges, containers
    r"|tun|tap|wg|ppp|sit|gre|erspan|ip6|ipip|vti|ipsec|zt|tailscale"  # tunnels
)

_LOOPBACK = "loopback"


def suitable(
    nics: Sequence[NicAddress], wanted: Collection[str] = (), *, loopback: bool = False
) -> tuple[tuple[NicAddress, ...], tuple[str, ...]]:
    """The addresses to probe from, and one note for each that was passed over although it is up or was wanted.

    `wanted` holds interface names or addresses; empty = every suitable one. A wanted interface is taken even if it is
    virtual or the loopback, but never from a link-local address: the kernel cannot choose a link by it.
    """
    chosen, notes = [], []
    for nic in nics:
        named = nic.name in wanted or nic.address in wanted
        if wanted and not named:
            continue
        objection = _objection(nic, named=named, loopback=loopback)
        if not objection:
            chosen.append(nic)
        elif named or (nic.up and objection != _LOOPBACK):
            notes.append(f"{nic.name} {nic.address} not probed: {objection}")
    missing = [name for name in wanted if not any(name in (nic.name, nic.address) for nic in nics)]
    notes += [f"{name} not probed: no such interface with an IPv4 address" for name in missing]
    return tuple(chosen), tuple(notes)


def _objection(nic: NicAddress, *, named: bool, loopback: bool) -> str:
    address = ipaddress.IPv4Address(nic.address)
    if not nic.up:
        return "interface is down"
    if address.is_link_local:
        return "link-local address"
    if named:
        return ""
    if address.is_loopback:
        return "" if loopback else _LOOPBACK
    if nic.point_to_point or _VIRTUAL.match(nic.name):
        return "tunnel or virtual interface; name it under interfaces to use it"
    return ""
