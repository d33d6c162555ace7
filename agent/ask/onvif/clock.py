"""Is it there, does ONVIF answer: GetSystemDateAndTime without credentials, from prebuilt bytes.

The first thing asked of any camera, for it reveals nothing of ours.
"""

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from xml.parsers import expat

from agent.ask.attempt import Deadline, Trouble
from agent.ask.net.http import HttpConnection, post, reason_of
from agent.ask.net.message import Reply
from agent.model import Camera, ClockReading
from contract.vocabulary import Reason

_ACTION = "http://www.onvif.org/ver10/device/wsdl/GetSystemDateAndTime"
_HEADERS = {"Content-Type": f'application/soap+xml; charset=utf-8; action="{_ACTION}"'}
_QUESTION = (
    b'<?xml version="1.0" encoding="UTF-8"?><s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body>'
    b'<GetSystemDateAndTime xmlns="http://www.onvif.org/ver10/device/wsdl"/></s:Body></s:Envelope>'
)
_TIMES = frozenset({"UTCDateTime", "LocalDateTime"})
_PARTS = ("Year", "Month", "Day", "Hour", "Minute", "Second")


def clock(camera: Camera, *, deadline: Deadline, connection: HttpConnection | None = None) -> ClockReading:
    """The camera's clock, asked of `camera.onvif_path` (ONVIF Core, 8.3.5; access class PRE_AUTH).

    Over a connection of its own, or over `connection` when there is more to ask.

    A camera that wants a login even for this (401, NotAuthorized) or has no usable time has answered all the same:
    skew_s is None. Raises Trouble: UNSUPPORTED where HTTP but no such service answers, BUSY (503), REFUSED (403), and
    as in http.post and parse_clock.
    """
    if connection:
        reply = connection.post(camera.onvif_path, _QUESTION, deadline=deadline, headers=_HEADERS)
    else:
        reply = post(camera, camera.ports.onvif, camera.onvif_path, _QUESTION, deadline=deadline, headers=_HEADERS)
    now = time.time()
    if reply.status == 401:
        return ClockReading(skew_s=None)
    try:
        return parse_clock(reply.body, now)
    except Trouble as trouble:
        if trouble.reason is Reason.MALFORMED and reply.status >= 300:
            raise _without_envelope(reply) from None
        raise


def parse_clock(reply: bytes, now: float) -> ClockReading:
    """The reading in a SOAP reply that came at `now` (Unix seconds of the box).

    A Fault, an absent or an impossible UTCDateTime gives skew_s None. Raises Trouble(HOSTILE) for a DOCTYPE, before
    anything in it is looked at, and Trouble(MALFORMED) for anything but a SOAP envelope.
    """
    try:
        values = _Envelope().read(_utf8(reply))
    except expat.ExpatError:
        values = _mended(reply)
    skew_s = _skew_s(values, "UTCDateTime", now)
    return ClockReading(skew_s=skew_s, local_skew_s=_skew_s(values, "LocalDateTime", now) if skew_s is None else None)


def _skew_s(values: Mapping[str, str], element: str, now: float) -> float | None:
    try:
        said = datetime(*(int(values[f"{element}/{part}"]) for part in _PARTS), tzinfo=UTC)  # type: ignore[arg-type, misc]
    except (KeyError, ValueError, OverflowError):
        return None
    return round(said.timestamp() - now, 3)


def _without_envelope(reply: Reply) -> Trouble:
    return Trouble(reason_of(reply.status), f"HTTP {reply.status} without a SOAP envelope")


def _mended(reply: bytes) -> dict[str, str]:
    from agent.ask.onvif.mending import mended  # its patterns take 7 ms of a start, and few cameras need them

    try:
        return _Envelope().read(mended(_utf8(reply).decode("utf-8", "replace")).encode())
    except expat.ExpatError as error:
        raise Trouble(Reason.MALFORMED, f"not XML: {expat.ErrorString(error.code)}") from None


class _Envelope:
    """The parts of UTCDateTime and LocalDateTime in a SOAP envelope, by local name: prefixes may be undeclared."""

    def __init__(self) -> None:
        self._open: list[str] = []
        self._values: dict[str, str] = {}
        self._complete = False

    def read(self, xml: bytes) -> dict[str, str]:
        """Raises expat.ExpatError for what is no XML, unless the envelope was complete before."""
        parser = expat.ParserCreate("utf-8")
        parser.buffer_text = parser.ordered_attributes = True
        parser.StartDoctypeDeclHandler = self._doctype
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        try:
            parser.Parse(xml, True)
        except expat.ExpatError:
            if not self._complete:  # what follows the envelope is not ours
                raise
        return self._values

    def _doctype(self, *_: object) -> None:
        raise Trouble(Reason.HOSTILE, "DOCTYPE in an answer")

    def _start(self, name: str, _: object) -> None:
        local = name.rpartition(":")[2]
        if not self._open and local != "Envelope":
            raise Trouble(Reason.MALFORMED, "not a SOAP envelope")
        self._open.append(local)

    def _end(self, _: str) -> None:
        self._open.pop()
        self._complete = not self._open

    def _text(self, text: str) -> None:
        for element in self._open[-3:-1]:
            if element in _TIMES:
                key = f"{element}/{self._open[-1]}"
                self._values[key] = self._values.get(key, "") + text


def _utf8(reply: bytes) -> bytes:
    """From the first tag on, and in UTF-8 whatever it claims: Chinese firmware writes GBK under a UTF-8 declaration."""
    xml = reply[max(reply.find(b"<"), 0) :]
    try:
        xml.decode()
    except UnicodeDecodeError:
        return xml.decode("gb18030", "replace").encode()
    return xml
