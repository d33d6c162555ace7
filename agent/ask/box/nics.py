"""The box's network interfaces and their IPv4 addresses, as its kernel tells them.

Cameras, the broker and which interface is suitable for what must not be known here.
"""

import array
import fcntl
import ipaddress
import os
import socket
import struct

from msgspec import Struct

_SIOCGIFCONF, _SIOCGIFFLAGS, _SIOCGIFNETMASK = 0x8912, 0x8913, 0x891B
_UP_AND_RUNNING = 0x1 | 0x40
"""Switched on, and with a carrier as far as the driver knows."""
_POINT_TO_POINT = 0x10
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

    By netdevice(7): the unit allows no netlink, which getifaddrs(3) would need.
    """
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            return tuple(_nic(sock, name, address) for name, address in _named(sock))
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


def _nic(sock: socket.socket, name: str, address: str) -> NicAddress:
    netmask = socket.inet_ntoa(_asked(sock, _SIOCGIFNETMASK, name, address, bytes(4), at=20))
    (flags,) = struct.unpack("H", _asked(sock, _SIOCGIFFLAGS, name, address, bytes(2), at=16))
    return NicAddress(
        name=name,
        address=address,
        prefix=_prefix(netmask),
        up=flags & _UP_AND_RUNNING == _UP_AND_RUNNING,
        point_to_point=bool(flags & _POINT_TO_POINT),
    )


def _asked(sock: socket.socket, request: int, name: str, address: str, default: bytes, *, at: int) -> bytes:
    """What the kernel says of this address of this interface; `default` where it went away meanwhile."""
    ifreq = struct.pack("16sHH4s16x", os.fsencode(name), socket.AF_INET, 0, socket.inet_aton(address))
    try:
        return fcntl.ioctl(sock, request, ifreq)[at : at + len(default)]
    except OSError:
        return default


def _prefix(netmask: str) -> int:
    try:
        return ipaddress.IPv4Network(f"0.0.0.0/{netmask}").prefixlen
    except ValueError:
        return 32
