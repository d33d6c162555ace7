"""Whether it may be our own side that keeps a camera from being reached: no route, no carrier, another way than before.

A monitor without a link does not judge. What a camera's silence means otherwise must not be known here.
"""

import ipaddress
import socket
from pathlib import Path

from msgspec.structs import replace

from agent.ask.attempt import boot_ms
from agent.ask.box import link, neighbours
from agent.ask.box.nics import addresses
from agent.model import Camera, Look, NotSeen, Seen
from contract.vocabulary import Reason

SETTLE_MS = 45_000
"""A switch forwards nothing over a port that has just got its carrier: 30 s of listening and learning (IEEE 802.1D)."""

_nics: dict[str, str] = {}
"""Address of ours -> the interface that had it when that was read last."""
_from: dict[str, str] = {}
"""Address of a camera -> the address of ours that its newest connection was made from."""
_carriers: dict[str, tuple[bytes, int, int]] = {}
"""Interface -> how often its carrier had changed, since when no more change was seen, when that was read (boot ms)."""
_NEVER = (b"", 0, -(10**9))
_FRESH_MS = 1_000
"""A reading so young need not be repeated where a camera was reached: the next camera that is not reads anew."""


def weighed(camera: Camera, look: Look) -> Look:
    """The look, with the interface it went over if the camera was reached, and its failures blamed on whose they are.

    UNREACHABLE becomes AGENT_FAULT where our own side may be the cause; `camera.nic` is the interface over which the
    camera was last reached ("" = not known). UNREACHABLE stays where the way is in order: also for a neighbour that
    does not answer ARP (EHOSTUNREACH), which is how a camera without power looks. Of an IPv6 way only the route counts.
    """
    if isinstance(look.tcp, Seen):
        ports, onvif = look.tcp.value, camera.ports.onvif
        look = replace(look, nic=_reached(camera.address))
        link.heard(look.nic, camera.address, onvif if onvif in ports else ports[0])
    if not any(_unreachable(one) for one in (look.tcp, look.stream)):
        return look
    excuse = _excuse(camera.address, look.nic or camera.nic)
    if not excuse and not isinstance(look.tcp, Seen) and not _refused(look):
        excuse = _silent(camera.address)
    if not excuse:
        return look
    return replace(look, **{name: _blamed(getattr(look, name), excuse) for name in ("tcp", "clock", "stream")})


def _unreachable(one: object) -> bool:
    return isinstance(one, NotSeen) and one.reason is Reason.UNREACHABLE


def _refused(look: Look) -> bool:
    """Whether the camera itself said no to a connection: then the way to it is in order."""
    return any(isinstance(one, NotSeen) and "refused" in one.detail for one in (look.tcp, look.clock, look.stream))


def _silent(address: str) -> str:
    """Why the camera's silence may be that of its link: with everybody else on it."""
    try:
        nic = _nics.get(_source(address), "")
    except OSError:
        return ""
    return link.mute(nic, address) if nic and neighbours.on_link(address) else ""


def _blamed(one: NotSeen, excuse: str) -> NotSeen:
    return replace(one, reason=Reason.AGENT_FAULT, detail=excuse) if _unreachable(one) else one


def connected(address: str, ours: str) -> None:
    """A connection to the camera was made from this address of ours.

    The route tells the same only until it changes: of a link that ended during the look it would name another one.
    """
    _from[address] = ours


def _reached(address: str) -> str:
    """The interface over which the camera was just reached; "" where that cannot be told."""
    ours = _from.get(address, "")
    if ours not in _nics:
        _read_nics()
    nic = _nics.get(ours, "")
    if nic and boot_ms() - _carriers.get(nic, _NEVER)[2] >= _FRESH_MS:
        _settled_for_ms(nic)
    return nic


def _excuse(address: str, nic: str) -> str:
    """Why our own side may be to blame, in words; "" = the way is in order."""
    try:
        ours = _source(address)
    except OSError as error:
        return f"no way to {address}: {error.strerror or error}"
    if ":" in ours:
        return ""
    up = _read_nics()
    way = _nics.get(ours, "")
    if ours not in up or nic not in ("", way):
        return f"the way leads over {way or ours}" + (f", the camera was last reached over {nic}" if nic else "")
    if not up[ours]:
        return f"{way} has no carrier"
    if not nic and (twin := _twin(address, way)):
        return f"{way} and {twin} are both in the subnet of {address}: the camera may hang on the one not asked"
    since_ms = _settled_for_ms(way)
    return f"the carrier of {way} changed {since_ms / 1000:.0f} s ago" if since_ms < SETTLE_MS else ""


def _twin(address: str, way: str) -> str:
    """Another interface with a carrier in the camera's subnet; "" = none."""
    ip = ipaddress.ip_address(address)
    there = (one for one in addresses() if one.up and not one.point_to_point and ip in one.network)
    names = (one.name.partition(":")[0] for one in there)
    return next((name for name in names if name != way), "")


def _source(address: str) -> str:
    """The address of ours that the route to the camera gives; nothing is sent. Raises OSError without a route."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.connect((address, 9))
        return str(sock.getsockname()[0])


def _read_nics() -> dict[str, bool]:
    """Our addresses, and whether the interface of each has a carrier; the names are kept."""
    now = addresses()
    _nics.update({one.address: one.name.partition(":")[0] for one in now})
    return {one.address: one.up for one in now}


def _settled_for_ms(nic: str) -> int:
    """For how long the carrier has not changed, as far as has been seen: since the boot if never looked at before."""
    changes, now = _carrier_changes(nic), boot_ms()
    before, since, _ = _carriers.get(nic, (changes, 0, now))
    if before != changes:
        since = now
    _carriers[nic] = (changes, since, now)
    return now - since


def _carrier_changes(nic: str) -> bytes:
    """As the kernel writes it; b"" where it does not say. Unbuffered: read once a second."""
    try:
        with Path(f"/sys/class/net/{nic}/carrier_changes").open("rb", buffering=0) as file:
            return file.read(20)
    except OSError:
        return b""
