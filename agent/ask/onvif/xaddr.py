"""What an address claimed by a camera is worth: judged as text, never resolved, never followed, pure.

Cameras name other hosts by mistake (0.0.0.0, 127.0.0.1, 169.254.x.y, the address before the last DHCP lease) and by
malice; so only port and path are taken from an XAddr, and the host is always the one that answered.
"""

import ipaddress
import re
from collections.abc import Container, Sequence
from typing import NamedTuple

from agent.model import tidy

DEFAULT_PORT = 80
DEFAULT_PATH = "/onvif/device_service"
PORTS = frozenset({80, 81, 82, 83, 85, 88, 443, 2020, 5000, 6688, 8443, 8899, 8999, 10080, *range(8000, 8100)})
"""Ports at which ONVIF services are met in the field; any other an XAddr names is noted, not used."""

_URL = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*):(?://(?P<authority>[^/?#]*))?(?P<path>[^?#]*)(?P<rest>.*)")
_PATH = re.compile(r"/[A-Za-z0-9._~!$&'()*+,;=:@/%-]{0,199}")


class XAddr(NamedTuple):
    """A usable XAddr taken apart; `host` is a literal dotted IPv4 address, `path` starts with a slash."""

    scheme: str
    host: str
    port: int
    path: str


class Endpoint(NamedTuple):
    """Where to ask, on the sender's own address, and what was odd about the claims."""

    port: int
    path: str
    notes: tuple[str, ...]


def parse(text: str) -> XAddr | str:
    """The parts of one XAddr, or in one word why it cannot be used.

    `http://2130706433/` and `http://0x7f.1/` are addresses to a C resolver and names to us: only what `ipaddress`
    calls a dotted IPv4 address passes. A port given twice (`:8106:8106`, seen in the field) counts once.
    """
    match = _URL.fullmatch(text)
    if match is None or match["scheme"].lower() not in ("http", "https"):
        return "scheme"
    authority = match["authority"] or ""
    if "@" in authority:
        return "userinfo"
    host, *ports = authority.split(":")
    try:
        ipaddress.IPv4Address(host)
    except ValueError:
        return "host"
    port = _port(set(ports), 443 if match["scheme"].lower() == "https" else DEFAULT_PORT)
    if port is None:
        return "port"
    path = match["path"] if _PATH.fullmatch(match["path"]) and match["path"] != "/" else DEFAULT_PATH
    return XAddr(match["scheme"].lower(), host, port, path)


def _port(claimed: set[str], default: int) -> int | None:
    if len(claimed) != 1:
        return None if claimed else default
    text = claimed.pop()
    if not re.fullmatch("[0-9]{1,5}", text):
        return None
    return int(text) if 0 < int(text) < 65536 else None


def endpoint(
    xaddrs: Sequence[str], sender: str, network: ipaddress.IPv4Network | None, ports: Container[int] = PORTS
) -> Endpoint:
    """Port and path to use at `sender`: of the XAddr naming it, else one in the same network, else the first.

    Where several are equally near, http goes before https (certificates of cameras are self-signed). A port outside
    `ports` becomes 80 with a note; a sender on the loopback may name any unprivileged port: that is our own machine.
    """
    usable, notes = [], []
    for text in xaddrs:
        parsed = parse(text)
        if isinstance(parsed, XAddr):
            usable.append(parsed)
        else:
            notes.append(f"XAddr unusable ({parsed}): {shown(text)}")
    if not usable:
        return Endpoint(DEFAULT_PORT, DEFAULT_PATH, (*notes, "no usable XAddr, port and path are the usual ones"))
    best = min(usable, key=lambda xaddr: (_distance(xaddr, sender, network), xaddr.scheme != "http"))
    notes += [f"XAddr names another host: {host}" for host in dict.fromkeys(x.host for x in usable) if host != sender]
    if not _allowed(best.port, sender, ports):
        notes.append(f"XAddr names port {best.port}, which is not allowed")
        return Endpoint(DEFAULT_PORT, best.path, tuple(notes))
    return Endpoint(best.port, best.path, tuple(notes))


def shown(text: str) -> str:
    """The claim fit for a log or a message: one tidy line, userinfo hidden."""
    return re.sub(r"//[^/]*@", "//***@", tidy(text))


def _distance(xaddr: XAddr, sender: str, network: ipaddress.IPv4Network | None) -> int:
    if xaddr.host == sender:
        return 0
    return 1 if network is not None and ipaddress.IPv4Address(xaddr.host) in network else 2


def _allowed(port: int, sender: str, ports: Container[int]) -> bool:
    return port in ports or (port >= 1024 and ipaddress.IPv4Address(sender).is_loopback)
