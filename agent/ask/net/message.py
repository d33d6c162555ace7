"""Requests and replies as HTTP and RTSP share them: status line, headers, a body of known length, all capped.

Which status means what, and who may log in, must not be known here.
"""

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from agent.ask.attempt import Trouble
from agent.ask.net.connection import TooLarge, Wire
from contract.vocabulary import Reason

USER_AGENT = "canteen-agent"
MAX_JUNK = 4_096
"""Bytes tolerated before the status line: some cameras send remains of another answer there (go2rtc PR 1589)."""
MAX_LINE = 8_192
MAX_HEADERS = 64
MAX_INTERIM = 4
_STATUS = {name: re.compile(rb"%s/(\d\.\d)[ \t]+(\d{3})(?!\d)" % name) for name in (b"HTTP", b"RTSP")}
_PATH = re.compile(r"/[A-Za-z0-9._~!$&'()*+,;=:@/?%-]*")


class Reply(NamedTuple):
    """A reply. Header names are lower-case; values are latin-1 text and thereby the camera's exact bytes."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    version: str = "1.1"
    phrase: str = ""

    def all(self, name: str) -> tuple[str, ...]:
        """Every value of a header, in order; `name` in lower case."""
        return tuple(value for key, value in self.headers if key == name)

    def first(self, name: str) -> str:
        """The first value of a header, "" when there is none."""
        for key, value in self.headers:
            if key == name:
                return value
        return ""


def safe_path(path: str) -> str:
    """The path (and query) unchanged. Raises Trouble(MALFORMED) unless it is made of URL characters alone."""
    if not _PATH.fullmatch(path):
        raise Trouble(Reason.MALFORMED, "path holds characters that no URL may hold")
    return path


def request(method: str, target: str, protocol: str, headers: Mapping[str, str], body: bytes = b"") -> bytes:
    """The bytes of a request. Raises Trouble(AGENT_FAULT) when a value would break its line."""
    lines = [f"{method} {target} {protocol}", *(f"{name}: {value}" for name, value in headers.items())]
    head = "\r\n".join(lines)
    if not head.count("\r") == head.count("\n") == len(lines) - 1 or "\0" in head:
        raise Trouble(Reason.AGENT_FAULT, "control character in a request header")
    return f"{head}\r\n\r\n".encode("latin-1") + body


def read_head(wire: Wire, name: bytes) -> Reply:
    """Status line and headers of the next final reply; `name` is b"HTTP" or b"RTSP".

    Junk before the status line is dropped up to MAX_JUNK bytes, interim 1xx replies are skipped. Raises
    Trouble(MALFORMED) without a status line, Trouble(HOSTILE) beyond the caps.
    """
    for _ in range(MAX_INTERIM):
        wire.skip_to(_STATUS[name], MAX_JUNK)
        lines = _lines(wire)
        line = next(lines)
        match = _STATUS[name].match(line)
        if not match:
            raise Trouble(Reason.MALFORMED, "broken status line")
        reply = Reply(
            int(match[2]), _headers(lines), b"", match[1].decode(), line[match.end() :].decode("latin-1").strip()
        )
        if reply.status >= 200:
            return reply
    raise Trouble(Reason.HOSTILE, "interim replies without end")


def content_length(reply: Reply, cap: int) -> int | None:
    """Content-Length, None when absent. Raises Trouble(MALFORMED) when unreadable, Trouble(HOSTILE) beyond `cap`."""
    values = set(reply.all("content-length"))
    if not values:
        return None
    value = values.pop()
    if values or not re.fullmatch(r"[0-9]{1,18}", value):
        raise Trouble(Reason.MALFORMED, "unreadable Content-Length")
    if int(value) > cap:
        raise TooLarge(cap)
    return int(value)


def _lines(wire: Wire) -> Iterator[bytes]:
    """The lines of a head, the empty one included; most heads arrive in one piece."""
    if plain := wire.lines(MAX_LINE):
        yield from plain
        yield b""
    while True:
        yield wire.line(MAX_LINE)


def _headers(lines: Iterator[bytes]) -> tuple[tuple[str, str], ...]:
    """Header lines up to the empty one; a line without a colon is passed over, a folded one continues the last."""
    headers: list[tuple[str, str]] = []
    for _ in range(MAX_HEADERS + 1):
        line = next(lines)
        if not line:
            return tuple(headers)
        text = line.decode("latin-1")
        name, colon, value = text.partition(":")
        if text[0] in " \t" and headers:
            headers[-1] = (headers[-1][0], f"{headers[-1][1]} {text.strip()}")
        elif colon:
            headers.append((name.strip().lower(), value.strip(" \t\0")))
    raise Trouble(Reason.HOSTILE, f"more than {MAX_HEADERS} headers")
