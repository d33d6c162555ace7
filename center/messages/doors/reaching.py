"""A connection to an address that somebody wrote into the rules: where it may lead, and how long it may take.

What is said over it must not be known here.
"""

import http.client
import ipaddress
import socket
import ssl
import threading
import time
from contextlib import closing, suppress
from pathlib import Path
from types import TracebackType
from typing import NamedTuple
from urllib.parse import urlsplit

DEADLINE_S = 20.0
"""For the whole of it: an answer that comes byte by byte is cut off as one that never comes."""
CONNECT_S = 8.0
MOST_BYTES = 65_536
METADATA = frozenset(map(ipaddress.ip_address, ("100.100.100.200", "fd00:ec2::254")))
"""Where clouds tell a machine its secrets, beside the link-local 169.254.169.254."""


class Unreached(Exception):
    """`said`: a code. `uncertain`: the request had been sent. `for_ever`: it must be mended in the rules."""

    def __init__(self, said: str, *, uncertain: bool = False, for_ever: bool = False) -> None:
        super().__init__(said)
        self.said, self.uncertain, self.for_ever = said, uncertain, for_ever


class Deadline:
    """`with Deadline(s) as d:` what `d.guard` knows is cut off at its end, wherever it waits then."""

    def __init__(self, within_s: float) -> None:
        self._end = time.monotonic() + within_s
        self._timer = threading.Timer(within_s, self._cut)
        self._timer.daemon = True
        self._lock = threading.Lock()
        self._spare: socket.socket | None = None
        self.passed = False

    def __enter__(self) -> "Deadline":
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        with self._lock:
            if self._spare:
                self._spare.close()
                self._spare = None

    @property
    def left_s(self) -> float:
        return max(0.01, self._end - time.monotonic())

    def guard(self, connection: socket.socket) -> None:
        """A second handle of it stays ours, whatever TLS does with the first."""
        with self._lock:
            self._spare = connection.dup()
        if self.passed:
            self._cut()

    def _cut(self) -> None:
        self.passed = True
        with self._lock:
            if self._spare:
                with suppress(OSError):
                    self._spare.shutdown(socket.SHUT_RDWR)


def forbidden(address: str) -> bool:
    """Whether it is this machine, its link, or no single host."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    ip = getattr(ip, "ipv4_mapped", None) or ip
    return ip.is_loopback or ip.is_link_local or ip.is_multicast or ip.is_unspecified or ip in METADATA


def connected(host: str, port: int, deadline: Deadline, *, local: bool) -> socket.socket:
    """To the first address of the name that answers; the one that was looked at is the one that is used.

    Raises Unreached, OSError.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    fit = [info for info in found if local or not forbidden(str(info[4][0]))]
    if not fit:
        raise Unreached("local_address", for_ever=True)
    trouble: OSError = OSError()
    for family, kind, protocol, _, address in fit:
        connection = socket.socket(family, kind, protocol)
        connection.settimeout(min(CONNECT_S, deadline.left_s))
        try:
            connection.connect(address)
        except OSError as error:
            connection.close()
            trouble = error
            continue
        connection.settimeout(deadline.left_s + 1)  # the deadline comes first, and knows that it was it
        deadline.guard(connection)
        return connection
    raise trouble


def context(ca: str) -> ssl.SSLContext:
    """Certificate and name are checked; `ca`: by this authority alone. Raises OSError."""
    return ssl.create_default_context(cafile=ca or None)


_CODES: tuple[tuple[type[Exception] | tuple[type[Exception], ...], str], ...] = (
    (TimeoutError, "timeout"),
    (socket.gaierror, "unknown_host"),
    (ssl.SSLCertVerificationError, "certificate"),
    (ssl.SSLError, "tls"),
    (ConnectionRefusedError, "nobody_listens"),
    (ConnectionError, "broken_off"),
    ((http.client.HTTPException, ValueError), "garbage"),
)


def code(error: Exception, deadline: Deadline) -> str:
    """What went wrong, as a code; what the other side wrote is not repeated."""
    if deadline.passed:
        return "timeout"
    return next((its for kinds, its in _CODES if isinstance(error, kinds)), "broken_off")


class Answer(NamedTuple):
    """`retry_after_s`: as asked for, 0 for unsaid."""

    status: int
    body: bytes
    retry_after_s: float


class Target:
    """An address that is posted to. Redirects are not followed: they are an answer like any other."""

    def __init__(self, url: str, ca: Path | None, *, local: bool, within_s: float = DEADLINE_S) -> None:
        parts = urlsplit(url)
        self._tls = context(str(ca) if ca else "") if parts.scheme == "https" else None
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if self._tls else 80)
        self._path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._local, self._within_s = local, within_s

    def post(self, body: bytes, headers: dict[str, str], query: str = "") -> Answer:
        """Raises Unreached. `query`: added to the address; it may hold a key."""
        sent = False
        with Deadline(self._within_s) as deadline:
            try:
                connection = connected(self._host, self._port, deadline, local=self._local)
                if self._tls:
                    connection = self._tls.wrap_socket(connection, server_hostname=self._host)
                with closing(http.client.HTTPConnection(self._host, self._port)) as spoken:
                    spoken.sock = connection
                    sent = True
                    spoken.request("POST", self._path_with(query), body, headers | {"Connection": "close"})
                    answer = spoken.getresponse()
                    content = answer.read(MOST_BYTES)
                    told = answer.getheader("Retry-After", "")
            except (OSError, http.client.HTTPException, ValueError) as error:
                raise Unreached(code(error, deadline), uncertain=sent) from None
            if deadline.passed:
                raise Unreached("timeout", uncertain=True)
        return Answer(answer.status, content, float(told) if told.isdecimal() and len(told) < 7 else 0.0)

    def _path_with(self, query: str) -> str:
        return f"{self._path}{'&' if '?' in self._path else '?'}{query}" if query else self._path
