"""What an address claimed by a camera is worth: judged as text, never resolved, never followed, pure.

Cameras name other hosts by mistake (0.0.0.0, 127.0.0.1, 169.254.x.y, a name, the address before the last DHCP lease)
and by malice; so only port and path are taken from an XAddr, and the host is always the one that answered.
"""

import ipaddress
import re
from collections.abc import Container, Sequence
from typing import NamedTuple

from contract.text import tidy

DEFAULT_PORT = 80
DEFAULT_PATH = "/onvif/device_service"
PORTS = frozenset({80, 81, 82, 83, 85, 88, 443, 2020, 5000, 6688, 8443, 8899, 8999, 10080, *range(8000, 8100)})
"""Ports at which ONVIF services are met in the field."""
UNPRIVILEGED = 1024
"""From here on a camera may have its services where it likes; below, only at the trade's own ports (RFC 6335, 6)."""

_URL = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*):(?://(?P<authority>[^/?#]*))?(?P<path>[^?#]*)(?P<rest>.*)")
_PATH = re.compile(r"/[A-Za-z0-9._~!$&'()*+,;=:@/%-]{0,199}")
_AUTHORITY = re.compile(r"(?P<host>\[[0-9A-Fa-f:.%A-Za-z]*\]|[^:]+)(?P<ports>(?::[^:]*)*)")


def may_be_asked(port: int, usual: Container[int] = PORTS) -> bool:
    """Whether a service that a camera names at this port is asked there, on the enrolled address."""
    return port in usual or UNPRIVILEGED <= port < 65536


class XAddr(NamedTuple):
    """A usable XAddr taken apart; `host` is a literal dotted IPv4 address, "" for anything else that it may name.

    `path` starts with a slash.
    """

    scheme: str
    host: str
    port: int
    path: str


class Endpoint(NamedTuple):
    """Where the service is said to be, on the sender's own address, and what was odd about the claims."""

    port: int
    path: str
    notes: tuple[str, ...]


def parse(text: str) -> XAddr | str:
    """The parts of one XAddr, or in one word why it cannot be used.

    `http://2130706433/` and `http://0x7f.1/` are addresses to a C resolver and names to us: only what `ipaddress`
    calls a dotted IPv4 address is one. A port given twice (`:8106:8106`, seen in the field) counts once.
    """
    match = _URL.fullmatch(text)
    if match is None or match["scheme"].lower() not in ("http", "https"):
        return "scheme"
    authority = match["authority"] or ""
    if "@" in authority:
        return "userinfo"
    named = _AUTHORITY.fullmatch(authority)
    if named is None:
        return "host"
    port = _port(set(named["ports"].split(":")[1:]), 443 if match["scheme"].lower() == "https" else DEFAULT_PORT)
    if port is None:
        return "port"
    path = match["path"] if _PATH.fullmatch(match["path"]) and match["path"] != "/" else DEFAULT_PATH
    return XAddr(match["scheme"].lower(), _literal(named["host"]), port, path)


def _literal(host: str) -> str:
    try:
        return str(ipaddress.IPv4Address(host))
    except ValueError:
        return ""


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
    """Port and path announced for `sender`: of the XAddr naming it, else one in the same network, else the first.

    Where several are equally near, http goes before https (certificates of cameras are self-signed). The port is the
    one announced, whatever it is; one at which no camera is asked (`ports`, and from 1024 on) is noted.
    """
    usable, notes = [], []
    for text in xaddrs:
        parsed = parse(text)
        if isinstance(parsed, XAddr):
            usable.append(parsed)
            if parsed.host != sender:
                notes.append(f"XAddr names another host: {parsed.host or shown(text)}")
        else:
            notes.append(f"XAddr unusable ({parsed}): {shown(text)}")
    if not usable:
        return Endpoint(DEFAULT_PORT, DEFAULT_PATH, (*notes, "no usable XAddr, port and path are the usual ones"))
    best = min(usable, key=lambda xaddr: (_distance(xaddr, sender, network), xaddr.scheme != "http"))
    if not may_be_asked(best.port, ports):
        notes.append(f"XAddr names port {best.port}, at which no camera is asked: below {UNPRIVILEGED}, and unusual")
    return Endpoint(best.port, best.path, tuple(dict.fromkeys(notes)))


def shown(text: str) -> str:
    """The claim fit for a log or a message: one tidy line, userinfo hidden."""
    return re.sub(r"//[^/]*@", "//***@", tidy(text))


def _distance(xaddr: XAddr, sender: str, network: ipaddress.IPv4Network | None) -> int:
    if xaddr.host == sender:
        return 0
    if not xaddr.host:
        return 3
    return 1 if network is not None and ipaddress.IPv4Address(xaddr.host) in network else 2
