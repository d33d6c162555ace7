"""What a camera says as bytes put behind the agent's own connections, and files without a disk.

Only the dialling is replaced, by a pair of joined sockets; everything above it is what runs in a kitchen.
"""

import socket
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path

from agent.ask.net import connection
from agent.model import Camera, Credentials, Ports

PASSWORD = "sekret-canary"
CAMERA = Camera(
    slot="s1",
    address="127.0.0.1",
    ports=Ports(onvif=80, rtsp=554),
    credentials=Credentials("admin", PASSWORD),
    stream_path="/main",
)
MAX_SAID = 64 * 1024


class Line:
    """What was asked over all connections so far."""

    def __init__(self, data: bytes, stack: ExitStack) -> None:
        self._data, self._stack = data[:MAX_SAID], stack
        self._peers: list[socket.socket] = []

    def dial(self, *_: object) -> socket.socket:
        """A connection on which the camera has said all it will ever say."""
        ours, theirs = socket.socketpair()
        self._peers.append(self._stack.enter_context(theirs))
        self._stack.enter_context(ours)
        theirs.sendall(self._data)
        theirs.shutdown(socket.SHUT_WR)
        return ours

    def asked(self) -> bytes:
        """All that arrived at the camera."""
        heard = b""
        for peer in self._peers:
            peer.setblocking(False)
            while True:
                try:
                    piece = peer.recv(65536)
                except OSError:
                    break
                if not piece:
                    break
                heard += piece
        return heard


@contextmanager
def camera_says(data: bytes) -> Iterator[Line]:
    """Whoever dials meanwhile is answered with `data` and the end of the connection."""
    real = connection.dial
    with ExitStack() as stack:
        line = Line(data, stack)
        connection.dial = line.dial  # type: ignore[assignment]
        try:
            yield line
        finally:
            connection.dial = real


@contextmanager
def file(data: bytes) -> Iterator[Path]:
    """A file with these bytes, in memory where there is such a folder; a link to one would not be read."""
    _FOLDER.path.write_bytes(data)
    yield _FOLDER.path


class _Folder:
    """Of this process, made when it is first wanted: a fuzzer starts several."""

    @cached_property
    def path(self) -> Path:
        shared = Path("/dev/shm")
        self._kept = tempfile.TemporaryDirectory(dir=shared if shared.is_dir() else None)
        return Path(self._kept.name) / "fuzzed"


_FOLDER = _Folder()
