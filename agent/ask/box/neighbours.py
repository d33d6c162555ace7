"""Who the kernel says is on our links: /proc/net/arp, read here and parsed apart.

On a link of ours the ARP table is the truth about a MAC; what a camera claims of itself must not be known here.
"""

import contextlib
import socket
import time
from pathlib import Path

from agent.ask.attempt import Deadline, Trouble
from agent.model import Camera
from contract.vocabulary import Reason

TABLE = Path("/proc/net/arp")
ROUTES = Path("/proc/net/route")
NICS = Path("/sys/class/net")
PATIENCE_S = 1.5
"""How long the kernel is given to learn who is at an address; it asks once a second."""
_COMPLETE = 0x2  # ATF_COM of <net/if_arp.h>: the hardware address is known
_UP, _GATEWAY = 0x1, 0x2  # RTF_UP, RTF_GATEWAY of <net/route.h>
_ETHERNET = "1"  # ARPHRD_ETHER of <net/if_arp.h>, Wi-Fi too


class Stranger(Trouble):
    """It is not proven that the camera's own device is at its address: the login was not sent."""


def neighbours(path: Path = TABLE) -> dict[str, str]:
    """IPv4 address -> MAC (lower case, colons) of every neighbour that answered; empty when the table is unreadable."""
    try:
        return parse(path.read_text("ascii", "replace"))
    except OSError:
        return {}


def neighbour(address: str, path: Path = TABLE) -> str:
    """The MAC of one of them; "" where it is not known. Asked twice a look, so the other rows are not taken apart."""
    try:
        head, *rows = path.read_text("ascii", "replace").splitlines()
    except (OSError, ValueError):
        return ""
    return parse("\n".join([head, *(row for row in rows if row.startswith(f"{address} "))])).get(address, "")


def parse(text: str) -> dict[str, str]:
    """The complete entries of the table's text; whatever is not a row is passed over."""
    found = {}
    for row in text.splitlines()[1:]:
        match row.split():
            case [address, _, flags, mac, *_] if _complete(flags) and mac.strip("0:"):
                found[address] = mac.lower()
    return found


def another(camera: Camera, path: Path = TABLE) -> str:
    """The MAC at the camera's address if it is not the one it is known by; "" when nothing speaks against it."""
    known = camera.identity.mac.lower()
    seen = neighbour(camera.address, path) if known else ""
    return seen if seen != known else ""


def beware(camera: Camera, deadline: Deadline) -> None:
    """Called on an open connection, right before a login is sent.

    Raises Stranger: REFUSED where another device has taken the camera's address, TIMED_OUT where the address is on a
    link of ours and the table does not tell who has it, even after the kernel was made to ask.
    """
    known = camera.identity.mac.lower()
    if not known or (seen := neighbour(camera.address)) == known:
        return
    if not seen and on_link(camera.address):
        seen = _asked(camera.address, deadline)
        if not seen:
            raise Stranger(Reason.TIMED_OUT, "no answer to ARP, so who is at this address is not known: no login")
    if seen not in ("", known):
        raise Stranger(Reason.REFUSED, f"another device answers at this address ({seen}), no login")


def on_link(address: str, path: Path = ROUTES, nics: Path = NICS) -> bool:
    """Whether the kernel's main table (IPv4) leads to the address over an Ethernet or Wi-Fi link without a gateway.

    Tunnels and modems have no ARP. False too where the table cannot be read.
    """
    try:
        rows = path.read_text("ascii", "replace").splitlines()[1:]
        wanted = int.from_bytes(socket.inet_aton(address), "big")
        ways = [way for row in rows if (way := _way(row, wanted))]
        _, gateway, nic = max(ways, default=(0, True, ""))
        return not gateway and (nics / nic / "type").read_text("ascii").strip() == _ETHERNET
    except (OSError, ValueError, OverflowError):
        return False


def _way(row: str, wanted: int) -> tuple[int, bool, str] | None:
    """(length of the prefix, whether over a gateway, interface) of a route to `wanted`. Raises ValueError."""
    nic, to, _, flags, _, _, _, mask, *_ = row.split()
    bits, covered = int(flags, 16), socket.ntohl(int(mask, 16))
    if not bits & _UP or socket.ntohl(int(to, 16)) != wanted & covered:
        return None
    return covered.bit_count(), bool(bits & _GATEWAY), nic


def _asked(address: str, deadline: Deadline) -> str:
    """The MAC once the kernel has it: a datagram that nobody reads (to the discard port) makes it ask."""
    end = deadline.within(PATIENCE_S)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock, contextlib.suppress(OSError):
        sock.sendto(b"", (address, 9))
    while not (seen := neighbour(address)) and not end.passed():
        time.sleep(0.01)
    return seen


def _complete(flags: str) -> bool:
    try:
        return bool(int(flags, 16) & _COMPLETE)
    except ValueError:
        return False
