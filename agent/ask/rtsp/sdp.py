"""Session descriptions (SDP, RFC 4566) as cameras really write them: read tolerantly, never raised at.

Pure.
"""

import base64
import binascii
import re
from typing import NamedTuple

from msgspec import Struct

from contract.text import tidy

MAX_MEDIA = 32
_DIRECTIONS = ("sendrecv", "sendonly", "recvonly", "inactive")
_STATIC = {
    "0": "PCMU",
    "3": "GSM",
    "4": "G723",
    "8": "PCMA",
    "9": "G722",
    "14": "MPA",
    "18": "G729",
    "26": "JPEG",
    "32": "MPV",
    "33": "MP2T",
}
"""Payload types that need no rtpmap (RFC 3551, table 4 and 5)."""
MAX_PAYLOAD_TYPE = 127
MAX_SETS = 8
_SECTION = re.compile(r"(?:^|[\r\n])[ \t]*m=")
_LINE_END = re.compile(r"[\r\n]+")
_RTPMAP = re.compile(r"rtpmap:\s*([0-9]{1,9})\s+([^/\s]+)(?:/([0-9]{1,6}))?", re.IGNORECASE)
_SIZE = re.compile(r"(?:framesize:\s*\d{1,3}\s+|x-dimensions:\s*)(\d{1,5})\s*[-,x]\s*(\d{1,5})", re.IGNORECASE)
"""3GPP TS 26.234, 5.3.3.2, and what cameras write beside it."""
_SPROP = re.compile(
    r"sprop-(?:vps|sps|pps|parameter-sets)\s*=[\s\"]*([A-Za-z0-9+/=]+(?:\s*,\s*[A-Za-z0-9+/=]+)*)", re.IGNORECASE
)
_FOLD = re.compile(r"[\r\n]+[ \t]+(?![ \t]|[A-Za-z]=)")
"""A line that goes on behind white space, as in mail; SDP knows no such thing."""
_ALIASES = {"HEVC": "H265", "H.265": "H265", "AVC": "H264", "H.264": "H264"}
"""What cameras call the two codecs beside the names that are registered for RTP."""


class Format(Struct, frozen=True, kw_only=True):
    """One RTP payload type (0..127) of a media section: its codec and clock rate in Hz (0 = not said: the usual)."""

    number: int
    codec: str
    rate: int


class Media(Struct, frozen=True, kw_only=True):
    """One m= section. `direction` is from the client's view: ONVIF's backchannel is an audio one with sendonly.

    `kind`: video, audio, application...; `direction` is "sendrecv" when nothing is said (RFC 4566, 6); `control` as
    written, never to be followed to another host.
    """

    kind: str
    codecs: tuple[str, ...] = ()
    direction: str = "sendrecv"
    control: str = ""
    formats: tuple[Format, ...] = ()
    pixels: int = 0
    """Width x height as a=framesize or a=x-dimensions says; 0 = not said."""
    parameter_sets: tuple[bytes, ...] = ()
    """NAL units for the decoder that may not come with the stream (sprop-..., RFC 6184, 8.1 and RFC 7798, 7.1)."""

    def __str__(self) -> str:
        return " ".join((self.kind, *self.codecs))


def parse(description: bytes) -> tuple[Media, ...]:
    """The media sections in order, at most 32; empty when there is none. Unknown and broken lines are passed over."""
    head, *sections = _sections(description)
    direction = _direction(_attributes(head), "sendrecv")
    return tuple(_media(section, direction) for section in sections)


def outline(description: bytes) -> tuple[Media, ...]:
    """As `parse`, but kinds and codecs alone: all that a look wants, at a third of the cost."""
    return tuple(_outline(section) for section in _sections(description)[1:])


def _sections(description: bytes) -> list[str]:
    """What stands before the first m= line, and each media section from there on."""
    return _SECTION.split(_FOLD.sub("", description.decode("latin-1")))[: 1 + MAX_MEDIA]


def session_control(description: bytes) -> str:
    """The control of all media together, as written; "" where the description names none (RFC 2326, C.1.1)."""
    return _control(_attributes(_SECTION.split(description.decode("latin-1"), maxsplit=1)[0]))


def _control(attributes: list[str]) -> str:
    return tidy(next((a[8:].strip() for a in attributes if a.lower().startswith("control:")), ""))


def _media(section: str, inherited: str) -> Media:
    read = _read(section)
    return Media(
        kind=read.kind,
        codecs=_codecs(read.listed, read.maps),
        formats=_formats(read.listed, read.maps),
        pixels=_pixels(read.attributes),
        parameter_sets=_parameter_sets(read.attributes),
        direction=_direction(read.attributes, inherited),
        control=_control(read.attributes),
    )


class _Read(NamedTuple):
    """What a section says of kind and codecs, and what it was read from."""

    kind: str
    listed: list[str]
    """Payload types."""
    maps: list[re.Match[str]]
    attributes: list[str]


def _outline(section: str) -> Media:
    read = _read(section)
    return Media(kind=read.kind, codecs=_codecs(read.listed, read.maps))


def _read(section: str) -> _Read:
    words, attributes = _LINE_END.split(section, maxsplit=1)[0].split(), _attributes(section)
    maps = [found for attribute in attributes if (found := _RTPMAP.match(attribute))]
    return _Read(tidy(words[0].lower(), 40) if words else "", words[3:], maps, attributes)


def _attributes(section: str) -> list[str]:
    lines = map(str.strip, _LINE_END.split(section))
    return [line[2:].strip() for line in lines if line[:2].lower() == "a="]


def _direction(attributes: list[str], inherited: str) -> str:
    return next((a.lower() for a in attributes if a.lower() in _DIRECTIONS), inherited)


def _codecs(formats: list[str], maps: list[re.Match[str]]) -> tuple[str, ...]:
    """Names of the payload types listed; of all rtpmaps when the list and they do not match."""
    named = {match[1]: _codec(match[2]) for match in maps}
    listed = [named.get(number) or _STATIC.get(number, "") for number in formats]
    return tuple(dict.fromkeys([name for name in listed if name] or named.values()))


def _codec(name: str) -> str:
    return _ALIASES.get(name.upper(), tidy(name.upper(), 40))


def _formats(listed: list[str], maps: list[re.Match[str]]) -> tuple[Format, ...]:
    """The payload types listed whose codec is known, in order."""
    wanted = dict.fromkeys(listed)  # a hostile description lists 16,000 of them beside 2,500 rtpmaps
    found = {n: Format(number=int(n), codec=_STATIC[n], rate=0) for n in wanted if n in _STATIC}
    for match in maps:
        number, codec, rate = match[1], _codec(match[2]), int(match[3] or 0)
        if number in wanted and int(number) <= MAX_PAYLOAD_TYPE:
            found[number] = Format(number=int(number), codec=codec, rate=rate)
    return tuple(found[n] for n in wanted if n in found)


def _pixels(attributes: list[str]) -> int:
    found = (_SIZE.match(attribute) for attribute in attributes)
    return next((int(match[1]) * int(match[2]) for match in found if match), 0)


def _parameter_sets(attributes: list[str]) -> tuple[bytes, ...]:
    """Those that can be read, in order, at most MAX_SETS."""
    texts = [text.strip() for a in attributes for found in _SPROP.findall(a) for text in found.split(",")]
    return tuple(filter(None, map(_base64, texts[:MAX_SETS])))


def _base64(text: str) -> bytes:
    """Cameras leave the padding out, or write too much of it."""
    bare = text.partition("=")[0]
    try:
        return base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True)
    except binascii.Error:
        return b""
