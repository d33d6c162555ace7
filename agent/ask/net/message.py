"""Requests and replies as HTTP and RTSP share them: status line, headers, a body of known length, all capped.

Pure: bytes are fed into an Inbox, wherever they come from, and read out of it by generators.
"""

import re
from collections.abc import Callable, Generator, Mapping
from typing import NamedTuple, TypeVar

from agent.ask.attempt import HungUp, Trouble
from contract.text import tidy
from contract.vocabulary import Reason

T = TypeVar("T")
Reading = Generator[None, None, T]
"""Reads from an Inbox. It yields where it wants more bytes, and returns what it read. Raises Trouble."""

USER_AGENT = "canteen-agent"
MAX_JUNK = 4_096
"""Bytes tolerated before the status line: some cameras send remains of another answer there (go2rtc PR 1589)."""
MAX_LINE = 8_192
MAX_HEADERS = 64
MAX_INTERIM = 4
_TAIL = 200
"""Where the end of an answer is looked for: its last bytes."""
_STATUS = {name: re.compile(rb"%s/(\d\.\d)[ \t]+(\d{3})(?!\d)" % name) for name in (b"HTTP", b"RTSP")}
_LENGTH = re.compile(r"[0-9]{1,18}")
_PATH = re.compile(r"/[A-Za-z0-9._~!$&'()*+,;=:@/?%-]*")


class TooLarge(Trouble):
    """An answer of more bytes than its reader allows. HOSTILE, unless more are allowed on a second thought."""

    def __init__(self, cap: int) -> None:
        super().__init__(Reason.HOSTILE, f"answer larger than {cap} bytes")


class Inbox:
    """Bytes that arrived and are not read yet. Who reads caps what it reads."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._ended = False
        self.heard = False
        """Whether anything arrived since this was last set back."""

    def feed(self, data: bytes) -> None:
        """More arrived; b"" = nothing more will."""
        self._buffer += data
        self.heard = self.heard or bool(data)
        self._ended = not data

    @property
    def empty(self) -> bool:
        """Whether all that arrived has been read."""
        return not self._buffer

    def line(self, cap: int) -> Reading[bytes]:
        """One line without its end. Raises Trouble(HOSTILE) when it is longer than `cap` bytes."""
        searched = 0
        while (end := self._buffer.find(b"\n", searched)) < 0 and len(self._buffer) <= cap:
            searched = len(self._buffer)
            yield from self._more()
        if not 0 <= end <= cap:
            raise Trouble(Reason.HOSTILE, f"line longer than {cap} bytes")
        return self._take(end + 1).rstrip(b"\r\n")

    def exactly(self, size: int) -> Reading[bytes]:
        """The next `size` bytes; the caller has checked that it wants so many."""
        while len(self._buffer) < size:
            yield from self._more()
        return self._take(size)

    def rest(self, cap: int, end: re.Pattern[bytes] | None = None) -> Reading[bytes]:
        """All until the end, or until what came ends in `end`. Raises Trouble(HOSTILE) beyond `cap` bytes."""
        while not (self._ended or (end and self._ends_in(end))):
            yield
            if len(self._buffer) > cap:
                raise TooLarge(cap)
        return self.all_so_far()

    def all_so_far(self) -> bytes:
        """All that arrived and is not read yet."""
        return self._take(len(self._buffer))

    def at_most(self, size: int, end: re.Pattern[bytes]) -> Reading[bytes]:
        """The next `size` bytes, or fewer where nothing more comes, or what came ends in `end`."""
        while len(self._buffer) < size and not (self._ended or self._ends_in(end)):
            yield
        return self._take(min(size, len(self._buffer)))

    def skip_to(self, start: re.Pattern[bytes], cap: int) -> Reading[bytes]:
        """Drop what stands before `start`, return what matched without taking it.

        Raises Trouble(MALFORMED) when the first `cap` bytes hold no such thing.
        """
        while not (match := start.search(self._buffer)) and len(self._buffer) < cap:
            yield from self._more()
        if not match or match.start() > cap:
            raise Trouble(Reason.MALFORMED, f"no status line in the first {cap} bytes")
        found = bytes(match[0])
        del self._buffer[: match.start()]
        return found

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

    def _more(self) -> Reading[None]:
        """Raises Trouble where nothing more comes: MALFORMED within an answer, HungUp without one."""
        yield
        if self._ended:
            if self.heard:
                raise Trouble(Reason.MALFORMED, "connection closed within the answer")
            raise HungUp("connection accepted, then closed without an answer")

    def _ends_in(self, end: re.Pattern[bytes]) -> bool:
        return bool(end.search(self._buffer, max(0, len(self._buffer) - _TAIL)))

    def _take(self, size: int) -> bytes:
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        return taken


def read_whole(data: bytes, read: Callable[[Inbox], Reading[T]]) -> T:
    """What `read` makes of a camera that says `data` and closes. Raises Trouble as it does."""
    inbox = Inbox()
    inbox.feed(data)
    reading = read(inbox)
    try:
        while True:
            next(reading)
            inbox.feed(b"")
    except StopIteration as end:
        found: T = end.value
        return found


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


def shown(url: str) -> str:
    """A URL of a camera, fit for a message: one tidy line, userinfo hidden."""
    return re.sub(r"//[^/]*@", "//***@", tidy(url, 120))


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


def read_head(inbox: Inbox, name: bytes) -> Reading[Reply]:
    """Status line and headers of the next final reply; `name` is b"HTTP" or b"RTSP".

    Junk before the status line is dropped up to MAX_JUNK bytes, interim 1xx replies are skipped. Raises
    Trouble(MALFORMED) without a status line, Trouble(HOSTILE) beyond the caps.
    """
    for _ in range(MAX_INTERIM):
        yield from inbox.skip_to(_STATUS[name], MAX_JUNK)
        lines = yield from _head(inbox)
        match = _STATUS[name].match(lines[0])
        if not match:
            raise Trouble(Reason.MALFORMED, "broken status line")
        phrase = lines[0][match.end() :].decode("latin-1").strip()
        reply = Reply(int(match[2]), _headers(lines[1:]), b"", match[1].decode(), phrase)
        if reply.status >= 200:
            return reply
    raise Trouble(Reason.HOSTILE, "interim replies without end")


def content_length(reply: Reply, cap: int) -> int | None:
    """Content-Length, None when absent. Raises Trouble(MALFORMED) when unreadable, Trouble(HOSTILE) beyond `cap`."""
    values = set(reply.all("content-length"))
    if not values:
        return None
    value = values.pop()
    if values or not _LENGTH.fullmatch(value):
        raise Trouble(Reason.MALFORMED, "unreadable Content-Length")
    if int(value) > cap:
        raise TooLarge(cap)
    return int(value)


def _head(inbox: Inbox) -> Reading[list[bytes]]:
    """The status line and the lines of the headers."""
    if plain := inbox.lines(MAX_LINE):  # most heads arrive in one piece
        if len(plain) - 1 > MAX_HEADERS:
            raise Trouble(Reason.HOSTILE, f"more than {MAX_HEADERS} headers")
        return plain
    lines = [(yield from inbox.line(MAX_LINE))]
    while line := (yield from inbox.line(MAX_LINE)):
        if len(lines) > MAX_HEADERS:
            raise Trouble(Reason.HOSTILE, f"more than {MAX_HEADERS} headers")
        lines.append(line)
    return lines


def _headers(lines: list[bytes]) -> tuple[tuple[str, str], ...]:
    """A line without a colon is passed over, a folded one continues the last."""
    headers: list[tuple[str, str]] = []
    for line in lines:
        text = line.decode("latin-1")
        name, colon, value = text.partition(":")
        if text[0] in " \t" and headers:
            headers[-1] = (headers[-1][0], f"{headers[-1][1]} {text.strip()}")
        elif colon:
            headers.append((name.strip().lower(), value.strip(" \t\0")))
    return tuple(headers)
