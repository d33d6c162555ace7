"""UDP sockets for WS-Discovery, one per address of the box, so that no route decides which link is asked."""

import socket
from collections.abc import Sequence
from contextlib import ExitStack

from agent.ask.box.nics import NicAddress

GROUP = "239.255.255.250"
PORT = 3702
TTL = 2
RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024  # the kernel cuts it down to net.core.rmem_max


def open_all(nics: Sequence[NicAddress], stack: ExitStack) -> tuple[list[tuple[NicAddress, socket.socket]], list[str]]:
    """A socket per address, closed with `stack`, and a note for each address that would not have one."""
    opened, notes = [], []
    for nic in nics:
        try:
            sock = _open(nic.address, stack)
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(nic.address))
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, TTL)
        except OSError as error:  # the NIC went away, or has an address it cannot multicast from
            notes.append(f"{nic.name} {nic.address} not probed: {error.strerror or error}")
        else:
            opened.append((nic, sock))
    return opened, notes


def open_plain(stack: ExitStack) -> tuple[socket.socket | None, list[str]]:
    """A socket for unicast, where the route does decide; None and a note when there is none to be had."""
    try:
        return _open("0.0.0.0", stack), []
    except OSError as error:
        return None, [f"nobody asked by unicast: {error.strerror or error}"]


def open_group(
    nics: Sequence[NicAddress], stack: ExitStack, *, port: int = PORT
) -> tuple[socket.socket | None, list[str]]:
    """A socket that only hears the group, a member on each link; None when the port or every membership is refused."""
    notes, members = [], 0
    try:
        sock = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((GROUP, port))
        sock.setblocking(False)
    except OSError as error:
        return None, [f"not listening for Hello and Bye: {error.strerror or error}"]
    for nic in nics:
        try:
            membership = socket.inet_aton(GROUP) + socket.inet_aton(nic.address)
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)
            members += 1
        except OSError as error:
            notes.append(f"{nic.name} {nic.address} not listened on: {error.strerror or error}")
    return (sock if members else None), notes


def _open(address: str, stack: ExitStack) -> socket.socket:
    sock = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    sock.setblocking(False)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
    sock.bind((address, 0))
    return sock
