"""One visitor per device: whoever has a connection to a device holds its lock, in whichever process or thread.

A lock is a name that the kernel keeps (an abstract Unix socket of our network namespace). It ends with its holder,
however that dies, and the daemon, its children and every command share it. Looks of one process that wait for the same
device hand it on to each other, and with it the connection that the last one left open (`keep`).
"""

import logging
import socket
import threading
import time
from collections import defaultdict
from contextlib import suppress
from types import TracebackType
from typing import Protocol, Self

from agent.ask.attempt import Deadline, Trouble, boot_ms
from agent.model import Camera
from contract.vocabulary import Reason

log = logging.getLogger(__name__)

RTSP, HTTP = "rtsp", "http"
LOOK_S = 60.0
"""A look waits at most this long for the lock, then goes on without: better two visitors than no word at all."""
_PAUSE_S, _LONGEST_PAUSE_S = 0.01, 0.08
"""Between two attempts: most visits are as short as a look, and a picture's may last seconds."""
_SLICE_S = 1.0
_LONG_S = 10.0
_TELL_S = 3600.0


class DeviceLocked(Trouble):
    """Other visits of ours held the device until the deadline: nothing was asked, and nothing is known."""

    def __init__(self) -> None:
        super().__init__(Reason.UNASKED, "another visit of ours held the device all the while")


class _Held(threading.local):
    """The locks that one thread holds: all its connections to a device are one visit."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self.queues: dict[str, _Queue] = {}
        """Where it has the turn."""


class Kept(Protocol):
    """What a look leaves open for the next one."""

    def close(self) -> None: ...


class _Queue:
    """The looks of this process at one device: one at a time. Whoever has `turn` may touch the rest but `waiting`."""

    def __init__(self) -> None:
        self.turn = threading.Lock()
        self.waiting = 0
        """Under `_lock`."""
        self.name: socket.socket | None = None
        """Still bound where the look before handed it on."""
        self.kept: Kept | None = None

    def end(self) -> None:
        """Nobody waits: the device is free."""
        for one in (self.kept, self.name):
            if one:
                with suppress(OSError):
                    one.close()
        self.name = self.kept = None


_of_threads = _Held()
_queues: dict[str, _Queue] = defaultdict(_Queue)
_lock = threading.Lock()
_told: dict[str, float] = {}
"""Address -> when it was last said that looks wait for each other there, monotonic seconds."""


class DeviceLock:
    """Keeps other visitors of ours from one device until `release`, which the thread that acquired it calls."""

    def __init__(
        self, key: str, name: socket.socket | None, longest_pause_ms: int = 0, queue: _Queue | None = None
    ) -> None:
        self._key, self._name, self._queue = key, name, queue
        self.longest_pause_ms = longest_pause_ms
        """While it was waited for: the longest time in which nobody looked whether it was free, in ms.

        Much more than _LONGEST_PAUSE_S says that this process stood still, or that the box slept: then nobody waited.
        """
        counts = _of_threads.counts
        counts[key] = counts.get(key, 0) + 1
        if queue:
            _of_threads.queues[key] = queue

    def release(self) -> None:
        if not self._key:
            return
        counts = _of_threads.counts
        counts[self._key] = counts.get(self._key, 1) - 1
        if counts[self._key] <= 0:
            del counts[self._key]
        key, self._key = self._key, ""
        if self._queue:
            _of_threads.queues.pop(key, None)
            _hand_on(self._queue)
        elif self._name:
            self._name.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def acquire(camera: Camera, kind: str, deadline: Deadline) -> DeviceLock:
    """The device's lock for RTSP or HTTP, at once where this thread has it. Raises DeviceLocked, Trouble(TIMED_OUT)."""
    key = f"{kind}/{camera.address}"
    if key in _of_threads.counts:
        return DeviceLock(key, None)
    name, _ = _waited(key, deadline.left(), look=False)
    if name is None:
        raise DeviceLocked
    return DeviceLock(key, name)


def acquire_for_look(camera: Camera) -> DeviceLock:
    """The device's lock for RTSP, before all other visitors. Never raises, see LOOK_S."""
    key, began = f"{RTSP}/{camera.address}", time.monotonic()
    if key in _of_threads.counts:
        return DeviceLock(key, None)
    with _lock:
        queue = _queues[key]
        queue.waiting += 1
    taken, longest_ms = _queued(queue, began + LOOK_S)
    if taken and queue.name is None:
        queue.name, paused_ms = _waited(key, max(0.0, began + LOOK_S - time.monotonic()), look=True)
        longest_ms = max(longest_ms, paused_ms)
    _tell(camera, time.monotonic() - began)
    return DeviceLock(key, None, longest_ms, queue if taken else None)


def _queued(queue: _Queue, end_s: float) -> tuple[bool, int]:
    """Whether its turn came in time, among the looks of this process; and the longest pause as in DeviceLock."""
    tried_ms, longest_ms, taken = boot_ms(), 0, False
    while not taken and (left_s := end_s - time.monotonic()) > 0:
        taken = queue.turn.acquire(timeout=min(left_s, _SLICE_S))
        tried_ms, before_ms = boot_ms(), tried_ms
        longest_ms = max(longest_ms, tried_ms - before_ms)
    with _lock:  # whoever hands on after this counts us no more: what it left for us is ours, or ends
        queue.waiting -= 1
        taken = taken or queue.turn.acquire(blocking=False)
    return taken, longest_ms


def _hand_on(queue: _Queue) -> None:
    with _lock:
        if not queue.waiting:
            queue.end()
        queue.turn.release()


def is_awaited(camera: Camera) -> bool:
    """Whether another look of this process waits for the device at which this thread looks."""
    queue = _of_threads.queues.get(f"{RTSP}/{camera.address}")
    with _lock:
        return queue is not None and queue.waiting > 0


def look_waits(camera: Camera) -> bool:
    """Whether a look of any process waits for the device that this thread visits."""
    return _is_bound(f"{RTSP}/{camera.address}/look")


def keep(camera: Camera, kept: Kept) -> None:
    """Leave an open connection to the next look, which waits."""
    _of_threads.queues[f"{RTSP}/{camera.address}"].kept = kept


def take_kept(camera: Camera) -> Kept | None:
    """What the look before left open, once; None where this thread does not look there."""
    queue = _of_threads.queues.get(f"{RTSP}/{camera.address}")
    if queue is None:
        return None
    kept, queue.kept = queue.kept, None
    return kept


def join(camera: Camera) -> None:
    """From now on this thread's connections to the device belong to the visit of the thread that holds its lock.

    For a command that must not wait, such as the emergency stop: it goes beside whatever is open.
    """
    for kind in (RTSP, HTTP):
        key = f"{kind}/{camera.address}"
        _of_threads.counts[key] = _of_threads.counts.get(key, 0) + 1


def _waited(key: str, seconds: float, *, look: bool) -> tuple[socket.socket | None, int]:
    """The name (None: it did not become free in time) and the longest pause between two attempts, in ms.

    Looks go first: other visitors wait while one waits, which looks do for RTSP alone.
    """
    end, first = time.monotonic() + seconds, f"{key}/look"
    yields, pause_s = not look and key.startswith(RTSP), _PAUSE_S
    tried_ms, longest_ms = boot_ms(), 0
    flag: socket.socket | None = None
    try:
        while True:
            if not (yields and _is_bound(first)) and (name := _bound(key)):
                return name, longest_ms
            if time.monotonic() >= end:
                return None, longest_ms
            flag = flag or (_bound(first) if look else None)
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
            tried_ms, before_ms = boot_ms(), tried_ms
            longest_ms = max(longest_ms, tried_ms - before_ms)
    finally:
        if flag:
            flag.close()


def _bound(key: str) -> socket.socket | None:
    name = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        name.bind(f"\0canteen-agent/{key}")
    except OSError:
        name.close()
        return None
    return name


def _is_bound(key: str) -> bool:
    if name := _bound(key):
        name.close()
        return False
    return True


def _tell(camera: Camera, waited_s: float) -> None:
    now = time.monotonic()
    with _lock:
        if waited_s < _LONG_S or now - _told.get(camera.address, -_TELL_S) < _TELL_S:
            return
        _told[camera.address] = now
    said = "%s: looks wait %.0f s for each other there; its slots are looked at less often"
    log.warning(said, camera.slot, waited_s, extra={"slot": camera.slot})
