"""A TCP or TLS connection to one enrolled camera, every wait cut by one wall-clock deadline.

Only the literal address of the enrolment is ever dialled, no name is ever looked up. Protocols must not be known here.
"""

import errno
import re
import socket
import struct
from typing import Self

from agent.ask.attempt import Deadline, HungUp, Trouble
from agent.ask.box import neighbours
from agent.model import Camera
from contract.vocabulary import Reason

CONNECT_S = 3.0
"""Longest wait for a connection: SYN and two repetitions (RFC 6298: after 1 s and 3 s)."""
_READ = 16_384
_LATE_S = 0.05
"""A read may outlive the deadline by so much, so that the kernel is told a new timeout for few reads only."""
_TIMEVAL = struct.Struct("@ll" if socket.SO_RCVTIMEO == 20 else "=qq")  # the option's newer number has 64-bit time
_THEIRS = frozenset({errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.EHOSTDOWN, errno.ETIMEDOUT})


class TooLarge(Trouble):
    """An answer of more bytes than its reader allows. HOSTILE, unless more are allowed on a second thought."""

    def __init__(self, cap: int) -> None:
        super().__init__(Reason.HOSTILE, f"answer larger than {cap} bytes")


class NoConnection(Trouble):
    """The port did not accept. Every other Trouble of a conversation came after it had."""


class Wire:
    """One open connection. Reads are capped by the caller; `deadline` may be replaced between two exchanges."""

    def __init__(self, sock: socket.socket, camera: Camera, deadline: Deadline) -> None:
        self.deadline = deadline
        self.heard = False
        """Whether anything arrived since the last `send`."""
        self._socket = sock
        self._camera = camera
        self._buffer = bytearray()
        self._plain = type(sock) is socket.socket
        self._patience_s = 0.0
        """The timeout that the kernel was told last."""
        if self._plain:
            sock.settimeout(None)  # the kernel keeps the time: a third of the system calls

    def send(self, data: bytes, *, login: bool = False) -> None:
        """Send everything; what carries a `login` only to the camera's own device, as far as the kernel can tell.

        Raises Trouble(TIMED_OUT, UNREACHABLE), HungUp, neighbours.Stranger.
        """
        if login:
            neighbours.beware(self._camera, self.deadline)
        self.heard = False
        try:
            sent = self._sent_at_once(data)
            if sent < len(data):
                self._socket.settimeout(self.deadline.left())
                self._socket.sendall(data[sent:])
                if self._plain:
                    self._socket.settimeout(None)
        except OSError as error:
            raise _broken(error) from None

    def _sent_at_once(self, data: bytes) -> int:
        """How many bytes went without waiting."""
        if not self._plain:
            return 0
        self.deadline.left()
        try:
            return self._socket.send(data, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return 0

    def line(self, cap: int) -> bytes:
        """One line without its end. Raises Trouble(HOSTILE) when it is longer than `cap` bytes."""
        searched = 0
        while (end := self._buffer.find(b"\n", searched)) < 0 and len(self._buffer) <= cap:
            searched = len(self._buffer)
            self._fill()
        if not 0 <= end <= cap:
            raise Trouble(Reason.HOSTILE, f"line longer than {cap} bytes")
        return self._take(end + 1).rstrip(b"\r\n")

    def exactly(self, size: int) -> bytes:
        """The next `size` bytes; the caller has checked that it wants so many."""
        while len(self._buffer) < size:
            self._fill()
        return self._take(size)

    def rest(self, cap: int) -> bytes:
        """All until the camera closes. Raises Trouble(HOSTILE) beyond `cap` bytes."""
        while self._receive():
            if len(self._buffer) > cap:
                raise TooLarge(cap)
        return self._take(len(self._buffer))

    def lines(self, cap: int) -> list[bytes] | None:
        """All lines up to the empty one, which is taken too; None, and nothing taken, unless they are here and plain.

        Plain: CR LF at each end and nowhere else, at most `cap` bytes together.
        """
        end = self._buffer.find(b"\r\n\r\n", 0, cap)
        if end < 0:
            return None
        whole = bytes(self._buffer[:end])
        lines = whole.split(b"\r\n")
        if not whole.count(b"\r") == whole.count(b"\n") == len(lines) - 1:
            return None
        del self._buffer[: end + 4]
        return lines

    def skip_to(self, start: re.Pattern[bytes], cap: int) -> bytes:
        """Drop what stands before `start`, return what matched without taking it.

        Raises Trouble(MALFORMED) when the first `cap` bytes hold no such thing.
        """
        while not (match := start.search(self._buffer)) and len(self._buffer) < cap:
            self._fill()
        if not match or match.start() > cap:
            raise Trouble(Reason.MALFORMED, f"no status line in the first {cap} bytes")
        found = bytes(match[0])
        del self._buffer[: match.start()]
        return found

    def idle(self) -> bool:
        """Whether all that arrived has been read."""
        return not self._buffer

    def close(self) -> None:
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _take(self, size: int) -> bytes:
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        return taken

    def _fill(self) -> None:
        if self._receive():
            return
        if self.heard:
            raise Trouble(Reason.MALFORMED, "connection closed within the answer")
        raise HungUp("connection accepted, then closed without an answer")

    def _receive(self) -> bool:
        """Wait for more, no longer than what is left each time: a dripping camera must not outlive the deadline."""
        left = self.deadline.left()
        try:
            if self._plain:
                if not left <= self._patience_s <= left + _LATE_S:
                    self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _timeval(left))
                    self._patience_s = left
            else:
                self._socket.settimeout(left)
            data = self._socket.recv(_READ)
        except OSError as error:
            raise _broken(error) from None
        self._buffer += data
        self.heard = self.heard or bool(data)
        return bool(data)


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


def _timeval(seconds: float) -> bytes:
    """As setsockopt wants it, a millisecond at least, for 0 would mean for ever (socket(7))."""
    microseconds = max(int(seconds * 1e6), 1000)
    return _TIMEVAL.pack(*divmod(microseconds, 1_000_000))


def url_host(address: str) -> str:
    """The address as it stands in a URL: IPv6 in brackets and without its scope."""
    return f"[{address.partition('%')[0]}]" if ":" in address else address


def dial(address: str, port: int, deadline: Deadline) -> socket.socket:
    """A TCP connection to a camera: the one place where one is made. Raises as `connect` does."""
    if not 0 < port < 65536:
        raise NoConnection(Reason.MALFORMED, "port out of range")
    sock = None
    try:
        found = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
        family, kind, protocol, _, target = found[0]
        sock = socket.socket(family, kind, protocol)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.settimeout(deadline.within(CONNECT_S).left())
        sock.connect(target)
    except (OSError, Trouble) as error:
        if sock:
            sock.close()
        raise _unconnected(error, port) from None
    return sock


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
