"""The box itself as its kernel tells it: the one file that imports psutil.

Cameras, the broker and what a figure means must not be known here.
"""

import contextlib
import ipaddress
import socket
from pathlib import Path

import psutil
from msgspec import Struct

from contract.messages import HostHealth


class NicAddress(Struct, frozen=True, kw_only=True):
    """One IPv4 address of one network interface. `prefix` = length of its network, `up` = running."""

    name: str
    address: str
    prefix: int
    up: bool = True
    point_to_point: bool = False

    @property
    def network(self) -> ipaddress.IPv4Network:
        return ipaddress.IPv4Network((self.address, self.prefix), strict=False)


def addresses() -> tuple[NicAddress, ...]:
    """Every IPv4 address of every interface, read anew; empty when the kernel tells none."""
    try:
        named, stats = psutil.net_if_addrs(), psutil.net_if_stats()
    except OSError:
        return ()
    found = []
    for name, entries in named.items():
        stat = stats.get(name.partition(":")[0])  # an alias such as eth0:1 has no statistics of its own
        for entry in entries:
            if entry.family == socket.AF_INET:
                found.append(
                    NicAddress(
                        name=name,
                        address=entry.address,
                        prefix=_prefix(entry.netmask),
                        up=stat is not None and stat.isup,
                        point_to_point=stat is not None and "pointopoint" in stat.flags,
                    )
                )
    return tuple(found)


def _prefix(netmask: str | None) -> int:
    try:
        return ipaddress.IPv4Network(f"0.0.0.0/{netmask}").prefixlen
    except ValueError:
        return 32


def health(state_dir: Path) -> HostHealth:
    """CPU since the last call, memory, the disk that holds `state_dir`, the hottest sensor."""
    return HostHealth(
        cpu_ratio=round(psutil.cpu_percent() / 100, 3),
        memory_ratio=round(psutil.virtual_memory().percent / 100, 3),
        disk_ratio=_disk_ratio(state_dir),
        temperature_c=_temperature_c(),
    )


def _disk_ratio(folder: Path) -> float:
    """Of the disk that `folder` is on; of the one that it would be on where it is gone."""
    for place in (folder.absolute(), *folder.absolute().parents):
        with contextlib.suppress(OSError):
            return round(psutil.disk_usage(str(place)).percent / 100, 3)
    return 1.0


def _temperature_c() -> float | None:
    try:
        readings = [one.current for sensors in psutil.sensors_temperatures().values() for one in sensors]
    except (OSError, AttributeError):
        return None
    return max(readings, default=None)
