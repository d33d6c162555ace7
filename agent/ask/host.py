"""The box itself as its kernel tells it: the one file that imports psutil.

Cameras, the broker and what a figure means must not be known here.
"""

import array
import fcntl
import ipaddress
import os
import socket
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil
from msgspec import Struct

from contract.messages import HostHealth

_SIOCGIFCONF, _SIOCGIFNETMASK = 0x8912, 0x891B
_IFREQ = 40 if struct.calcsize("P") == 8 else 32
"""Bytes of a struct ifreq: 16 of name, then an address."""
_MAX_ADDRESSES = 256


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
    """Every IPv4 address of every interface, read anew; empty when the kernel tells none.

    By netdevice(7): the unit allows no netlink, which getifaddrs(3) and so psutil would need.
    """
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            stats = psutil.net_if_stats()
            return tuple(_nic(sock, name, address, stats) for name, address in _named(sock))
    except OSError:
        return ()


def _named(sock: socket.socket) -> list[tuple[str, str]]:
    """(interface or alias, address), as SIOCGIFCONF lists them."""
    room = array.array("B", bytes(_IFREQ * _MAX_ADDRESSES))
    place, _ = room.buffer_info()
    listed = fcntl.ioctl(sock, _SIOCGIFCONF, struct.pack("iP", len(room), place))
    entries = room.tobytes()[: struct.unpack("iP", listed)[0]]
    return [_entry(entries[at : at + _IFREQ]) for at in range(0, len(entries), _IFREQ)]


def _entry(ifreq: bytes) -> tuple[str, str]:
    return os.fsdecode(ifreq[:16].rstrip(b"\0")), socket.inet_ntoa(ifreq[20:24])


def _nic(sock: socket.socket, name: str, address: str, stats: Mapping[str, Any]) -> NicAddress:
    asked = struct.pack("16sHH4s16x", os.fsencode(name), socket.AF_INET, 0, socket.inet_aton(address))
    try:
        netmask = socket.inet_ntoa(fcntl.ioctl(sock, _SIOCGIFNETMASK, asked)[20:24])
    except OSError:  # it went away meanwhile
        netmask = "255.255.255.255"
    stat = stats.get(name.partition(":")[0])  # an alias such as eth0:1 has no statistics of its own
    return NicAddress(
        name=name,
        address=address,
        prefix=_prefix(netmask),
        up=stat is not None and stat.isup,
        point_to_point=stat is not None and "pointopoint" in stat.flags,
    )


def _prefix(netmask: str) -> int:
    try:
        return ipaddress.IPv4Network(f"0.0.0.0/{netmask}").prefixlen
    except ValueError:
        return 32


def health(state_dir: Path) -> HostHealth:
    """CPU since the last call, memory, the disk that holds `state_dir`, the hottest sensor."""
    return HostHealth(
        cpu_ratio=round(psutil.cpu_percent() / 100, 3),
        memory_ratio=round(psutil.virtual_memory().percent / 100, 3),
        disk_ratio=round(psutil.disk_usage(str(state_dir)).percent / 100, 3),
        temperature_c=_temperature_c(),
    )


def _temperature_c() -> float | None:
    try:
        readings = [one.current for sensors in psutil.sensors_temperatures().values() for one in sensors]
    except (OSError, AttributeError):
        return None
    return max(readings, default=None)
