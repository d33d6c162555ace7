"""A TCP or TLS connection to one enrolled camera, every wait cut by one wall-clock deadline.

Only the literal address of the enrolment is ever dialled, no name is ever looked up. Protocols must not be known here.
"""

import contextlib
import errno
import socket
import time
from typing import Self, TypeVar

from agent.ask.attempt import Deadline, HungUp, Trouble
from agent.ask.box import neighbours, route
from agent.ask.net.message import Inbox, Reading
from agent.model import Camera
from contract.vocabulary import Reason

T = TypeVar("T")

CONNECT_S = 3.0
"""Longest wait for a connection: SYN and two repetitions (RFC 6298: after 1 s and 3 s)."""
PART_S = 0.5
_READ = 16_000
"""Bytes at once: fewer than what the unit has malloc map anew each time (MALLOC_MMAP_THRESHOLD_)."""
_THEIRS = frozenset({errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.EHOSTDOWN, errno.ETIMEDOUT})


class NoConnection(Trouble):
    """The port did not accept. Every other Trouble of a conversation came after it had."""


class Wire:
    """One open connection. `deadline` may be replaced between two exchanges."""

    def __init__(self, sock: socket.socket, camera: Camera, deadline: Deadline) -> None:
        self.deadline = deadline
        self.inbox = Inbox()
        """What arrived; `heard` since the last `send`."""
        self._socket = sock
        self._camera = camera

    def send(self, data: bytes, *, login: bool = False) -> None:
        """Send everything; what carries a `login` only to the camera's own device, as far as the kernel can tell.

        Raises Trouble(TIMED_OUT, UNREACHABLE), HungUp, neighbours.Stranger.
        """
        if login:
            neighbours.beware(self._camera, self.deadline)
        self.inbox.heard = False
        try:
            self._socket.settimeout(self.deadline.left())
            self._socket.sendall(data)
        except OSError as error:
            raise _broken(error) from None

    def read(self, reading: Reading[T]) -> T:
        """What a reading of `inbox` comes to. Raises Trouble as it does, and TIMED_OUT, HungUp."""
        try:
            while True:
                next(reading)
                self.inbox.feed(self._received())
        except StopIteration as end:
            found: T = end.value
            return found

    def hears(self, seconds: float) -> bool:
        """Whether anything comes so soon, the end included; it is left for the next reading. Raises as `read` does."""
        whole, self.deadline = self.deadline, self.deadline.within(seconds)
        try:
            self.inbox.feed(self._received())
        except Trouble as trouble:
            if trouble.reason is not Reason.TIMED_OUT or whole.passed():
                raise
            return False
        finally:
            self.deadline = whole
        return True

    def close(self) -> None:
        self._socket.close()

    def lent(self, camera: Camera, deadline: Deadline) -> "Wire":
        """The same connection for another slot of the device, once all that arrived has been read."""
        return Wire(self._socket, camera, deadline)

    def part(self) -> None:
        """Close, once the camera has seen that we go, or after PART_S: one that takes a single client is free then."""
        end = time.monotonic() + PART_S
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)
            while (left := end - time.monotonic()) > 0:
                self._socket.settimeout(left)
                if not self._socket.recv(_READ):
                    break
        self.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _received(self) -> bytes:
        """More, or b"" at the end; waited for while time is left: a dripping camera must not outlive the deadline."""
        try:
            self._socket.settimeout(self.deadline.left())
            return self._socket.recv(_READ)
        except OSError as error:
            raise _broken(error) from None


def connect(camera: Camera, port: int, deadline: Deadline, *, tls: bool = False) -> Wire:
    """Open a connection to the camera's enrolled address; with `tls` as `camera.tls` demands (verify or pin).

    Raises NoConnection(UNREACHABLE: refused, host unreachable, SYN unanswered for 3 s; AGENT_FAULT: our own side has
    no route, no descriptors, no permission); in the TLS handshake Trouble(HOSTILE: wrong certificate; MALFORMED: not
    TLS; TIMED_OUT), HungUp.
    """
    sock = dial(camera.address, port, deadline)
    try:
        return Wire(_secured(sock, camera, deadline) if tls else sock, camera, deadline)
    except BaseException:
        sock.close()
        raise


def certificate(camera: Camera, port: int, deadline: Deadline) -> str:
    """SHA-256 (hex) of the certificate shown at that port; "" where nobody speaks TLS there. Nothing is sent in it."""
    from agent.ask.net import tls

    try:
        with dial(camera.address, port, deadline) as sock:
            sock.settimeout(deadline.left())
            return tls.fingerprint(sock)
    except (OSError, Trouble):
        return ""


def _secured(sock: socket.socket, camera: Camera, deadline: Deadline) -> socket.socket:
    from agent.ask.net import tls  # 3 MB and 4 ms that most cameras do not ask for

    try:
        sock.settimeout(deadline.left())
        secured = tls.wrapped(sock, camera)
    except OSError as error:
        raise _broken(error) from None
    if not tls.is_pinned(secured, camera):
        secured.close()
        raise Trouble(Reason.HOSTILE, "certificate is not the pinned one")
    return secured


def url_host(address: str) -> str:
    """The address as it stands in a URL: IPv6 in brackets and without its scope."""
    return f"[{address.partition('%')[0]}]" if ":" in address else address


def dial(address: str, port: int, deadline: Deadline) -> socket.socket:
    """A TCP connection to a camera: the one place where one is made. Raises as `connect` does."""
    if not 0 < port < 65536:
        raise NoConnection(Reason.MALFORMED, "port out of range")
    sock = None
    try:
        family, target = _target(address, port)
        sock = socket.socket(family, socket.SOCK_STREAM)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.settimeout(deadline.within(CONNECT_S).left())
        sock.connect(target)
        route.connected(address, sock.getsockname()[0])
    except (OSError, Trouble) as error:
        if sock:
            sock.close()
        raise _unconnected(error, port) from None
    return sock


def _target(address: str, port: int) -> tuple[int, tuple[str | int | bytes, ...]]:
    """Family and address as the kernel wants them. Raises OSError for what is no literal: no name is looked up."""
    if ":" not in address:
        socket.inet_pton(socket.AF_INET, address)
        return socket.AF_INET, (address, port)
    family, _, _, _, target = socket.getaddrinfo(address, port, flags=socket.AI_NUMERICHOST)[0]
    return family, target


def _unconnected(error: OSError | Trouble, port: int) -> Trouble:
    """A reset is none of these: the peer answered the SYN, or it would be a refusal (RFC 9293, 3.10.7.3)."""
    if isinstance(error, Trouble):
        return NoConnection(error.reason, error.detail)
    if isinstance(error, TimeoutError):
        return NoConnection(Reason.UNREACHABLE, f"no answer to the connection attempt at port {port}")
    if error.errno == errno.ECONNRESET:
        return _broken(error)
    reason = Reason.UNREACHABLE if error.errno in _THEIRS else Reason.AGENT_FAULT
    return NoConnection(reason, f"{error.strerror or type(error).__name__} at port {port}")


def _broken(error: OSError) -> Trouble:
    """What an error after the connection was made means."""
    match error:
        case TimeoutError() | BlockingIOError():
            return Trouble(Reason.TIMED_OUT, "no complete answer in time")
        case ConnectionError():
            return HungUp("connection accepted, then reset")
    if type(error).__module__ == "ssl":
        from agent.ask.net import tls

        return tls.meaning(error)
    reason = Reason.UNREACHABLE if error.errno in _THEIRS else Reason.AGENT_FAULT
    return Trouble(reason, error.strerror or type(error).__name__)
