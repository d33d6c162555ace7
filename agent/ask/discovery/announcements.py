"""Hello and Bye as they are announced: an ear that may fail to open, reads only, and answers nothing.

A Hello says where to look again at once, a Bye is no more than a hint.
"""

import ipaddress
import select
import time
from contextlib import ExitStack
from types import TracebackType

from msgspec import Struct

from agent.ask.box import interfaces, neighbours
from agent.ask.box.nics import addresses
from agent.ask.discovery import sockets
from agent.ask.discovery.admission import Admission, device
from agent.ask.discovery.messages import MAX_DATAGRAM_BYTES, Reply, parse
from agent.ask.discovery.round import DiscoveryOptions
from agent.ask.onvif import xaddr
from agent.model import DiscoveredDevice

WINDOW_S = 60.0
"""The caps of a round (per sender, in all) hold for each such window."""
_BATCH = 64
_SHARE = 0.25


class Announcement(Struct, frozen=True, kw_only=True):
    """A Hello or a Bye that a device sent by itself.

    `kind`: Hello or Bye. Unproven like every datagram: a reason to look, never a state.
    """

    kind: str
    device: DiscoveredDevice


class Listener:
    """Hears Hello and Bye on every suitable link.

    Never raises: when port 3702 or every membership is refused, `listening` is False, `notes` say why and `poll`
    returns nothing. Interfaces are chosen when it is made; make a new one when they change.
    """

    def __init__(self, settings: DiscoveryOptions) -> None:
        nics, passed_over = interfaces.suitable(addresses(), settings.interfaces, loopback=settings.loopback)
        self._stack = ExitStack()
        self._sock, failures = sockets.open_group(nics, self._stack)
        self.notes = (*passed_over, *failures)
        self._networks = [nic.network for nic in nics]
        self._ports = frozenset(settings.ports) or xaddr.PORTS
        self._admission, self._window_ends_s = Admission(), 0.0

    @property
    def listening(self) -> bool:
        return self._sock is not None

    def poll(self, timeout_s: float = 0.0) -> tuple[Announcement, ...]:
        """What was announced since the last call, waiting up to `timeout_s` for the first; at most 64 datagrams."""
        if self._sock is None or not select.select([self._sock], [], [], timeout_s)[0]:
            return ()
        if time.monotonic() >= self._window_ends_s:
            self._admission, self._window_ends_s = Admission(), time.monotonic() + WINDOW_S
        macs, heard = neighbours.neighbours(), []
        for _ in range(_BATCH):
            try:
                data, (sender, _port) = self._sock.recvfrom(MAX_DATAGRAM_BYTES + 1)
            except OSError:
                break
            heard += self._take(data, sender, macs)
        return tuple(heard)

    def close(self) -> None:
        self._stack.close()
        self._sock = None

    def __enter__(self) -> "Listener":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _take(self, data: bytes, sender: str, macs: dict[str, str]) -> list[Announcement]:
        ip = ipaddress.IPv4Address(sender)
        network = next((network for network in self._networks if ip in network), None)
        refused = self._admission.admit(sender, len(data), share=_SHARE, vouched=False, neighbour=sender in macs)
        reply = None if refused or network is None else parse(data)
        if not isinstance(reply, Reply) or reply.kind not in ("Hello", "Bye"):
            return []
        return [
            Announcement(kind=reply.kind, device=device(match, sender, network, self._ports, macs.get(sender, "")))
            for match in reply.matches
        ]
