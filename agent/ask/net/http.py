"""HTTP POST and GET to one enrolled camera, with caps on everything it may answer.

No redirect is followed, no proxy asked, no compression or multipart read. SOAP and logins must not be known here.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple, Self

from agent.ask.attempt import Deadline, HungUp, Trouble
from agent.ask.net import connection, device_lock
from agent.ask.net.message import (
    MAX_HEADERS,
    MAX_LINE,
    USER_AGENT,
    Inbox,
    Reading,
    Reply,
    TooLarge,
    content_length,
    read_head,
    request,
    safe_path,
    shown,
)
from agent.model import Camera
from contract.reasons import Finding
from contract.text import tidy
from contract.vocabulary import Reason

__all__ = ["CAP", "HttpConnection", "Place", "Reply", "post"]

CAP = 128 * 1024
"""Largest body read. A megabyte of XML attributes is enough to keep a SOAP library busy for 20 s."""
MAX_CHUNKS = 4_096
_ALLOWED = {"content-encoding": ("", "identity"), "transfer-encoding": ("", "identity", "chunked")}
_NO_BODY = (204, 205)


class Place(NamedTuple):
    """A port of the enrolled address and a path; `claimed` by the device, or a guess of ours."""

    port: int
    path: str
    claimed: bool


NOT_HERE = frozenset({404, 405, 410, 501})
"""There is no such thing at this place (RFC 9110, 15.5.5, 15.5.6, 15.5.11, 15.6.2)."""
_REASONS = {
    **dict.fromkeys(NOT_HERE, Reason.UNSUPPORTED),
    415: Reason.UNSUPPORTED,  # it lives, and takes nothing like what we sent (15.5.16)
    **dict.fromkeys((401, 403, 407), Reason.REFUSED),
    **dict.fromkeys((429, 503), Reason.BUSY),  # it lives and has no room for us now (15.6.4; RFC 6585, 4)
}


def reason_of(status: int) -> Reason:
    """Why a status other than 2xx brought nothing, where no body says it better; one table for all that speak HTTP.

    400 and 500 say that the question was not understood, or the answer not made: nothing of what the camera has.
    """
    return _REASONS.get(status, Reason.MALFORMED)


class HttpConnection:
    """Posts to one port of one camera over one kept-alive connection, one request at a time; not for two threads."""

    def __init__(self, camera: Camera, port: int) -> None:
        self._camera = camera
        self._port = port
        host = connection.url_host(camera.address)
        self._ours = {
            "Host": host if port == (80 if camera.tls == "off" else 443) else f"{host}:{port}",
            "User-Agent": USER_AGENT,
            "Accept-Encoding": "identity",
        }
        self._wire: connection.Wire | None = None
        self._lock: device_lock.DeviceLock | None = None

    def post(
        self,
        path: str,
        body: bytes,
        *,
        deadline: Deadline,
        cap: int = CAP,
        headers: Mapping[str, str] | None = None,
        login: bool = False,
    ) -> Reply:
        """Send one POST, return the reply with any status but 3xx.

        `headers` add to or replace ours; `login`: the body carries one (an Authorization among `headers` is seen). When
        the camera has closed the kept-alive connection meanwhile, the post is sent once more over a fresh one. Raises
        Trouble: HOSTILE for a redirect, an encoded, multipart or too large answer; MALFORMED, TIMED_OUT, UNREACHABLE
        and AGENT_FAULT as in connection; HungUp; neighbours.Stranger.
        """
        ours = {"Content-Type": "application/soap+xml; charset=utf-8", "Content-Length": str(len(body))}
        message = self._message("POST", path, {**ours, **(headers or {})}, body)
        return self._send(message, deadline, cap, login=login or _logs_in(headers))

    def get(self, path: str, *, deadline: Deadline, cap: int = CAP, headers: Mapping[str, str] | None = None) -> Reply:
        """Send one GET; as `post` in everything else."""
        return self._send(self._message("GET", path, headers or {}), deadline, cap, login=_logs_in(headers))

    def _send(self, message: bytes, deadline: Deadline, cap: int, *, login: bool) -> Reply:
        if kept := self._wire:
            kept.deadline = deadline
            try:
                return self._exchange(kept, message, cap, login=login)
            except Trouble as trouble:
                if not isinstance(trouble, HungUp) or kept.inbox.heard:
                    raise
        if self._lock is None:
            self._lock = device_lock.acquire(self._camera, device_lock.HTTP, deadline)
        try:
            self._wire = connection.connect(self._camera, self._port, deadline, tls=self._camera.tls != "off")
        except BaseException:
            self.close()
            raise
        return self._exchange(self._wire, message, cap, login=login)

    def close(self) -> None:
        if self._wire:
            self._wire.close()
            self._wire = None
        if self._lock:
            self._lock.release()
            self._lock = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _message(self, method: str, path: str, extra: Mapping[str, str], body: bytes = b"") -> bytes:
        return request(method, safe_path(path), "HTTP/1.1", {**self._ours, **extra}, body)

    def _exchange(self, wire: connection.Wire, message: bytes, cap: int, *, login: bool) -> Reply:
        keep = False
        try:
            wire.send(message, login=login)
            reply, framed = wire.read(read_reply(wire.inbox, cap, tolerant=message.startswith(b"POST")))
            keep = framed and wire.inbox.empty and not _closes(reply)
            return reply
        finally:
            if not keep:
                self.close()


def post(
    camera: Camera,
    port: int,
    path: str,
    body: bytes,
    *,
    deadline: Deadline,
    cap: int = CAP,
    headers: Mapping[str, str] | None = None,
) -> Reply:
    """One POST over a connection of its own; see HttpConnection.post."""
    with HttpConnection(camera, port) as ours:
        return ours.post(path, body, deadline=deadline, cap=cap, headers={**(headers or {}), "Connection": "close"})


def _logs_in(headers: Mapping[str, str] | None) -> bool:
    return "Authorization" in (headers or {})


def _closes(reply: Reply) -> bool:
    """Whether the camera closes the connection after this reply (RFC 9112, 9.3)."""
    wanted = reply.first("connection").lower()
    return "close" in wanted or (reply.version == "1.0" and "keep-alive" not in wanted)


def _checked(head: Reply) -> Reply:
    """The head, when it breaks no rule. Raises Trouble(HOSTILE)."""
    if 300 <= head.status < 400:
        raise _redirected(head)
    for name, value in head.headers:
        if name in _ALLOWED and value.lower() not in _ALLOWED[name]:
            raise Trouble(Reason.HOSTILE, tidy(f"encoded answer: {value}", 80))
    if head.first("content-type").lower().startswith("multipart/"):
        raise Trouble(Reason.HOSTILE, "multipart answer")
    return head


def _redirected(head: Reply) -> Trouble:
    """Never followed; told with its target, for a person may have to enter what it says."""
    target = shown(head.first("location"))
    finding = Finding.USE_TLS if target.lower().startswith("https:") else Finding.REDIRECTED
    return Trouble(Reason.HOSTILE, tidy(f"redirect ({head.status}) to {target or 'nowhere'}, not followed"), finding)


_ENVELOPE_END = re.compile(rb"</(?:[A-Za-z0-9._-]{1,40}:)?Envelope\s*>\s*$")
"""Where a SOAP answer ends, whatever its headers say of its length."""


def read_reply(inbox: Inbox, cap: int, *, tolerant: bool = False) -> Reading[tuple[Reply, bool]]:
    """A reply with its body, and whether the body's end was marked (RFC 9112, 6.3).

    `tolerant`: an envelope tells its own end, so one without Content-Length, or with a wrong one, is read all the same.
    """
    head = _checked((yield from read_head(inbox, b"HTTP")))
    if head.status in _NO_BODY:
        return head, True
    if "chunked" in head.first("transfer-encoding").lower():
        return head._replace(body=(yield from _chunked(inbox, cap))), True
    length = content_length(head, cap)
    if length is None:
        return head._replace(body=(yield from inbox.rest(cap, _ENVELOPE_END if tolerant else None))), False
    if not tolerant:
        return head._replace(body=(yield from inbox.exactly(length))), True
    body = yield from inbox.at_most(length, _ENVELOPE_END)
    if len(body) < length and not _ENVELOPE_END.search(body[-200:]):
        raise Trouble(Reason.MALFORMED, f"connection closed within the answer: {len(body)} of {length} bytes came")
    return head._replace(body=body), len(body) == length


def _chunked(inbox: Inbox, cap: int) -> Reading[bytes]:
    body = bytearray()
    for _ in range(MAX_CHUNKS):
        size = _chunk_size((yield from inbox.line(MAX_LINE)))
        if len(body) + size > cap:
            raise TooLarge(cap)
        if size == 0:
            yield from _skip_trailers(inbox)
            return bytes(body)
        body += yield from inbox.exactly(size)
        yield from inbox.line(MAX_LINE)
    raise Trouble(Reason.HOSTILE, f"more than {MAX_CHUNKS} chunks")


def _chunk_size(line: bytes) -> int:
    digits = line.partition(b";")[0].strip()
    if not 0 < len(digits) <= 16 or not all(c in b"0123456789abcdefABCDEF" for c in digits):
        raise Trouble(Reason.MALFORMED, "unreadable chunk size")
    return int(digits, 16)


def _skip_trailers(inbox: Inbox) -> Reading[None]:
    for _ in range(MAX_HEADERS):
        if not (yield from inbox.line(MAX_LINE)):
            return
    raise Trouble(Reason.HOSTILE, "trailers without end")
