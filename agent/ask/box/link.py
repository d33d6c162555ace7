"""Whether a link of ours is alive: a switch that goes silent keeps our carrier up and takes all neighbours at once.

Who was heard on a link is remembered; when one neighbour is silent, the others are asked. What a camera's silence means
otherwise must not be known here.
"""

import contextlib
import errno
import selectors
import socket
import threading
import time
from pathlib import Path

from agent.ask.attempt import boot_ms
from agent.ask.box import neighbours

MEMORY_MS = 600_000
"""Who was not heard for so long may have been taken away."""
ASK_S = 1.0
"""How long neighbours are given to answer a connection attempt, by whatever: a refusal is an answer too."""
_CACHED_MS = 2_000
_PEERS = 6
_PORTS = (80, 53)
"""Tried at a neighbour that is no camera; what answers does not matter."""
_PROBES_MS = 9_000
"""By then the kernel has asked a neighbour anew by ARP, and given it up if need be (arp(7): 5 s, then 3 times 1 s)."""
_ANSWERS = frozenset({0, errno.ECONNREFUSED, errno.ECONNRESET})

_lock = threading.Lock()
_heard: dict[str, dict[str, tuple[int, int]]] = {}
"""Interface -> address of a camera -> (port that accepted, boot ms)."""
_poked: dict[str, int] = {}
"""Interface -> since when its neighbours are made to prove themselves by ARP, boot ms."""
_last: dict[str, tuple[int, bool]] = {}


def heard(nic: str, address: str, port: int) -> None:
    """A camera answered over this interface."""
    with _lock:
        _heard.setdefault(nic, {})[address] = (port, boot_ms())
        _poked.pop(nic, None)


def mute(nic: str, address: str) -> str:
    """Why the silence of `address` is no word about it, in words; "" where a neighbour answers, or there is none."""
    cameras, others = _peers(nic, address)
    if not cameras and not others:
        return ""
    with _lock:
        at, alive = _last.get(nic, (-_CACHED_MS, False))
    if boot_ms() - at >= _CACHED_MS:
        alive = _any_answers([*cameras, *((one, port) for one in others for port in _PORTS)]) or _proven(nic, others)
        with _lock:
            _last[nic] = (boot_ms(), alive)
    if alive:
        return ""
    return f"nobody answers on {nic}, none of {1 + len(cameras) + len(others)} neighbours: it may be the switch"


def _peers(nic: str, address: str) -> tuple[list[tuple[str, int]], list[str]]:
    """Cameras heard there lately, the last first, and other hosts that the kernel knows there."""
    since = boot_ms() - MEMORY_MS
    with _lock:
        known = dict(_heard.get(nic, {}))
    heard_too = ((at, one, port) for one, (port, at) in known.items() if at > since and one != address)
    lately = sorted(heard_too, reverse=True)
    others = [one for one in _on(nic) if one not in known and one != address]
    return [(one, port) for _, one, port in lately[:_PEERS]], others[:_PEERS]


def _on(nic: str, path: Path | None = None) -> list[str]:
    """Complete entries of the ARP table for this interface."""
    with contextlib.suppress(OSError):
        rows = (path or neighbours.TABLE).read_text("ascii", "replace")
        found, words = neighbours.parse(rows), [row.split() for row in rows.splitlines()[1:]]
        return [row[0] for row in words if row[-1:] == [nic] and row[0] in found]
    return []


def _any_answers(peers: list[tuple[str, int]]) -> bool:
    end = time.monotonic() + ASK_S
    with contextlib.ExitStack() as stack:
        selector = stack.enter_context(selectors.DefaultSelector())
        for peer in peers:
            sock = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
            sock.setblocking(False)
            with contextlib.suppress(OSError):
                if sock.connect_ex(peer) in _ANSWERS:
                    return True
                selector.register(sock, selectors.EVENT_WRITE, sock)
        while selector.get_map() and (left := end - time.monotonic()) > 0:
            for key, _ in selector.select(left):
                if key.data.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) in _ANSWERS:
                    return True
                selector.unregister(key.data)
    return False


def _proven(nic: str, others: list[str]) -> bool:
    """Whether a host that answers no connection still answers ARP: it stays in the table although it was asked anew."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for one in others:
            with contextlib.suppress(OSError):
                sock.sendto(b"", (one, 9))
    with _lock:
        since = _poked.setdefault(nic, boot_ms())
    return boot_ms() - since >= _PROBES_MS and any(one in others for one in _on(nic))
