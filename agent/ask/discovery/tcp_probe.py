"""The last resort of discovery: TCP and the unauthenticated ONVIF clock, at addresses that were named to us.

Cameras exist whose WS-Discovery is switched off. Only known addresses and configured subnets are ever knocked at.
"""

import queue
import threading
from collections.abc import Mapping, Sequence

from agent.ask.attempt import Deadline, Trouble
from agent.ask.onvif import clock as onvif_clock
from agent.ask.onvif import xaddr
from agent.model import Camera, DiscoveredDevice, Ports

PORTS = (80, 8000, 8080, 8899, 2020, 5000, 6688, 8999, 10080)
"""Ports of ONVIF services met in the field, the commonest first."""
WORKERS = 16
PER_PORT_S = 1.5
_SLOW_PORTS = 2
"""A host that lets this many ports time out answers at none: a firewall drops what it does not know."""


def knock(
    addresses: Sequence[str],
    ports: Sequence[int],
    macs: Mapping[str, str],
    *,
    seconds: float,
    first: Mapping[str, int] | None = None,
) -> tuple[DiscoveredDevice, ...]:
    """Those of `addresses` that answer GetSystemDateAndTime at one of `ports`, in their order, within `seconds`.

    `first`: address -> the port that it announced, tried before the others.
    """
    if not addresses or seconds <= 0:
        return ()
    deadline, found = Deadline(seconds), dict[str, int]()
    waiting: queue.SimpleQueue[str] = queue.SimpleQueue()
    for address in addresses:
        waiting.put(address)
    threads = [
        threading.Thread(target=_work, args=(waiting, ports, first or {}, deadline, found), name="knock", daemon=True)
        for _ in range(min(WORKERS, len(addresses)))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return tuple(_device(address, found[address], macs) for address in addresses if address in found)


def _work(
    waiting: "queue.SimpleQueue[str]",
    ports: Sequence[int],
    first: Mapping[str, int],
    deadline: Deadline,
    found: dict[str, int],
) -> None:
    while not deadline.passed():
        try:
            address = waiting.get_nowait()
        except queue.Empty:
            return
        announced = (first[address],) if address in first and xaddr.may_be_asked(first[address]) else ()
        port = _answering(address, tuple(dict.fromkeys((*announced, *ports))), deadline)
        if port is not None:
            found[address] = port


def _answering(address: str, ports: Sequence[int], deadline: Deadline) -> int | None:
    slow = 0
    for port in ports:
        attempt = deadline.within(PER_PORT_S)
        try:
            reading = onvif_clock.clock(
                Camera(slot="discovery", address=address, ports=Ports(onvif=port)), deadline=attempt
            )
        except Trouble:
            slow += attempt.passed()
            if slow >= _SLOW_PORTS or deadline.passed():
                return None
        else:
            if reading.skew_s is not None:  # a login page or somebody else's SOAP fault is no sign of a camera
                return port
    return None


def _device(address: str, port: int, macs: Mapping[str, str]) -> DiscoveredDevice:
    return DiscoveredDevice(
        address=address,
        port=port,
        mac=macs.get(address, ""),
        responded_from=address,
        notes=("silent to WS-Discovery, answers ONVIF over TCP",),
    )
