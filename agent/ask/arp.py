"""Who the kernel says is on our links: /proc/net/arp, read here and parsed apart.

On a link of ours the ARP table is the truth about a MAC; what a camera claims of itself must not be known here.
"""

from pathlib import Path

from agent.ask.asking import Trouble
from agent.model import Camera
from contract.vocabulary import Reason

TABLE = Path("/proc/net/arp")
_COMPLETE = 0x2  # ATF_COM of <net/if_arp.h>: the hardware address is known


def neighbours(path: Path = TABLE) -> dict[str, str]:
    """IPv4 address -> MAC (lower case, colons) of every neighbour that answered; empty when the table is unreadable."""
    try:
        return parse(path.read_text("ascii", "replace"))
    except OSError:
        return {}


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
    seen = neighbours(path).get(camera.address, "") if known else ""
    return seen if seen != known else ""


def beware(camera: Camera) -> None:
    """Called before a login is sent. Raises Trouble(REFUSED) where another device has taken the camera's address."""
    if mac := another(camera):
        raise Trouble(Reason.REFUSED, f"another device answers at this address ({mac}), no login")


def _complete(flags: str) -> bool:
    try:
        return bool(int(flags, 16) & _COMPLETE)
    except ValueError:
        return False
