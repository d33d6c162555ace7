"""WS-Discovery messages as bytes: probes built, replies read by the stdlib's expat; pure.

(WS-Discovery, April 2005; ONVIF Core, 7.)
"""

import re
import uuid
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import NamedTuple
from urllib.parse import unquote_to_bytes
from xml.parsers import expat

from contract.text import tidy

MAX_DATAGRAM_BYTES = 16_384
MAX_ELEMENTS = 1_000
MAX_DEPTH = 32
MAX_MATCHES = 8
MAX_WORDS = 64
"""Types, scopes or XAddrs of one match."""

_ENVELOPE = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"'
    ' xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing"'
    ' xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery"><s:Header>'
    '<a:Action s:mustUnderstand="1">http://schemas.xmlsoap.org/ws/2005/04/discovery/Probe</a:Action>'
    "<a:MessageID>{message_id}</a:MessageID>"
    "<a:ReplyTo><a:Address>http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous</a:Address></a:ReplyTo>"
    '<a:To s:mustUnderstand="1">urn:schemas-xmlsoap-org:ws:2005:04:discovery</a:To>'
    "</s:Header><s:Body><d:Probe>{types}</d:Probe></s:Body></s:Envelope>"
)
KINDS = (
    '<d:Types xmlns:dn="http://www.onvif.org/ver10/network/wsdl">dn:NetworkVideoTransmitter</d:Types>',
    '<d:Types xmlns:tds="http://www.onvif.org/ver10/device/wsdl">tds:Device</d:Types>',
    "<d:Types/><d:Scopes/>",
)
"""Typed NVT, typed tds:Device, untyped: there are cameras that answer only one of them."""


class Rejection(StrEnum):
    """Why a datagram was not used."""

    OVERSIZE = "oversize"
    DOCTYPE = "doctype"
    MALFORMED = "malformed"
    OTHER_MESSAGE = "other_message"
    NOT_ONVIF = "not_onvif"
    FOREIGN_RELATES_TO = "foreign_relates_to"
    OFF_SUBNET = "off_subnet"
    SURPLUS = "surplus"
    FLOOD = "flood"


class Match(NamedTuple):
    """One ProbeMatch, Hello or Bye in the camera's own words, tidied."""

    epr: str
    types: tuple[str, ...]
    scopes: tuple[str, ...]
    xaddrs: tuple[str, ...]


class Reply(NamedTuple):
    """What one datagram of WS-Discovery says.

    `kind`: ProbeMatches, Hello or Bye. `relates_to`: bare ids; empty when the reply names none.
    """

    kind: str
    relates_to: frozenset[str]
    matches: tuple[Match, ...]


def build(kind: str) -> tuple[str, bytes]:
    """A new probe of one of KINDS on a single line (cameras exist that overlook one with newlines), and its bare id."""
    message_id = str(uuid.uuid4())
    return message_id, _ENVELOPE.format(message_id=f"urn:uuid:{message_id}", types=kind).encode("ascii")


def parse(data: bytes) -> Reply | Rejection:
    """What one datagram says. Never raises, whatever the bytes; namespaces and declared encodings are not trusted."""
    if len(data) > MAX_DATAGRAM_BYTES:
        return Rejection.OVERSIZE
    text = _envelope_of(_decode(data))
    if b"<!DOCTYPE" in data or "<!DOCTYPE" in text:
        return Rejection.DOCTYPE
    reader = _Reader()
    try:
        reader.read(text)
    except (expat.ExpatError, UnicodeEncodeError):
        reader = _salvage(text)
    except _TooMuchError:
        return Rejection.MALFORMED
    reply = reader.reply()
    if reply is None:
        return Rejection.OTHER_MESSAGE if reader.others else Rejection.MALFORMED
    return reply if _onvif(text, reply) else Rejection.NOT_ONVIF


def bare(message_id: str) -> str:
    """An id or endpoint reference without its urn: and uuid: prefixes, in lower case, for comparison."""
    return re.sub(r"^(urn:)?(uuid:)?", "", message_id.strip().lower())


def scope_value(scopes: Sequence[str], name: str) -> str:
    """The value of the first scope onvif://www.onvif.org/NAME/value, percent-decoded; "" when there is none."""
    start = f"onvif://www.onvif.org/{name}/".lower()
    for scope in scopes:
        if scope.lower().startswith(start):
            return tidy(_decode(unquote_to_bytes(scope[len(start) :])))
    return ""


def _decode(data: bytes) -> str:
    """UTF-16 where it shows, UTF-8, else GB18030 whatever is declared: Chinese firmwares mix them up."""
    if wide := next((codec for start, codec in _WIDE if data.startswith(start)), ""):
        return data.decode(wide, "replace").removeprefix("\ufeff")
    for codec in ("utf-8-sig", "gb18030"):
        try:
            return data.decode(codec)
        except UnicodeDecodeError:
            continue
    return data.decode("utf-8", "replace")


_WIDE = ((b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"), (b"<\0", "utf-16-le"), (b"\0<", "utf-16-be"))
"""How UTF-16 begins, with a byte order mark and without (XML 1.0, F.1)."""


def _envelope_of(text: str) -> str:
    """Without what some firmwares put before the first and after the last tag."""
    return text[max(text.find("<"), 0) : text.rfind(">") + 1]


_OTHER_TRADES = ("Computer", "Print", "Scan", "Fax")
"""How the types of PCs and printers begin (WSD: pub:Computer, wprt:PrintDeviceType, wscn:ScanDeviceType)."""


def _onvif(text: str, reply: Reply) -> bool:
    """Printers and Windows answer untyped probes too; whoever speaks ONVIF names it somewhere.

    What says that it is of another trade has to name ONVIF as its own type or scope.
    """
    types = [word for match in reply.matches for word in match.types]
    scopes = [word.lower() for match in reply.matches for word in match.scopes]
    if any("NetworkVideo" in word for word in types) or any(word.startswith("onvif:") for word in scopes):
        return True
    return "onvif" in text.lower() and not any(_local(word).startswith(_OTHER_TRADES) for word in types)


class _TooMuchError(Exception):
    """More elements or a deeper nesting than any honest reply has."""


_ONE = ("ProbeMatch", "Hello", "Bye")
_LEAVES = ("Types", "Scopes", "XAddrs")


class _Reader:
    """Collects by local names; an unknown or undeclared prefix costs nothing."""

    def __init__(self) -> None:
        self.others = False
        self._kind = ""
        self._relates_to: list[str] = []
        self._matches: list[dict[str, str]] = []
        self._path: list[str] = []
        self._text: list[str] = []
        self._elements = 0

    def read(self, text: str) -> None:
        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text.append
        parser.Parse(text, True)  # a str overrides the declared encoding

    def _start(self, tag: str, _attributes: object) -> None:
        self._elements += 1
        if self._elements > MAX_ELEMENTS or len(self._path) >= MAX_DEPTH:
            raise _TooMuchError
        self._path.append(_local(tag))
        self.enter(self._path[-1])
        self._text.clear()

    def _end(self, _tag: str) -> None:
        self.leave(tuple(self._path[-2:]), "".join(self._text))
        self._path.pop()
        self._text.clear()

    def enter(self, name: str) -> None:
        self.others = self.others or name in ("Envelope", "Body")
        if name in ("ProbeMatches", "Hello", "Bye") and not self._kind:
            self._kind = name
        if name in _ONE and self._kind and len(self._matches) < MAX_MATCHES:
            self._matches.append({})

    def leave(self, path: tuple[str, ...], text: str) -> None:
        if path[-1] == "RelatesTo":
            self._relates_to.append(bare(text))
        elif self._matches and path[-1] in _LEAVES:
            self._matches[-1].setdefault(path[-1], text)
        elif self._matches and path == ("EndpointReference", "Address"):
            self._matches[-1].setdefault("epr", text)

    def reply(self) -> Reply | None:
        if not self._kind or not self._matches:
            return None
        matches = tuple(_match(fields.get) for fields in self._matches)
        return Reply(self._kind, frozenset(filter(None, self._relates_to)), matches)


def _match(field: Callable[[str, str], str]) -> Match:
    return Match(
        tidy(field("epr", "")), _words(field("Types", "")), _words(field("Scopes", "")), _words(field("XAddrs", ""))
    )


def _words(text: str) -> tuple[str, ...]:
    return tuple(tidy(word) for word in dict.fromkeys(text.split()[:MAX_WORDS]) if tidy(word))


def _local(tag: str) -> str:
    return tag.rpartition(":")[2]


_TAG = re.compile(r"<(/?)([A-Za-z_][\w.:-]{0,80})[^<>]*>([^<]*)")
_NAMED = {"&lt;": "<", "&gt;": ">", "&quot;": '"', "&apos;": "'", "&amp;": "&"}


def _salvage(text: str) -> _Reader:
    """What is readable in broken XML: tag by tag, without minding whether they close."""
    reader, before = _Reader(), ""
    for count, (closing, tag, value) in enumerate(_TAG.findall(text)):
        if count > 2 * MAX_ELEMENTS:
            break
        if closing:
            continue
        name = _local(tag)
        reader.enter(name)
        if name in (*_LEAVES, "RelatesTo", "Address"):
            plain = re.sub("&(?:lt|gt|quot|apos|amp);", lambda entity: _NAMED[entity[0]], value)
            reader.leave((before, name), plain)
        before = name
    return reader
