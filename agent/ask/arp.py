"""Who the kernel says is on our links: /proc/net/arp, read here and parsed apart.

On a link of ours the ARP table is the truth about a MAC; what a camera claims of itself must not be known here.
"""

from pathlib import Path

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


def _complete(flags: str) -> bool:
    try:
        return bool(int(flags, 16) & _COMPLETE)
    except ValueError:
        return False
