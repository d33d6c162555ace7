"""A real camera's recorded replies, found by operation, namespace and the values asked for.

A reply goes out verbatim but for host and port inside XAddr and Uri elements, which become the simulator's own. What
the file does not hold was never asked: HTTP 500 with an empty body. This module must not invent replies.
"""

import re
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit
from xml.etree import ElementTree

import msgspec
from msgspec import Struct

from contract.messages import BROKEN_JSON
from contract.plain import read_plain
from contract.problems import unreadable
from simulator.persona import Profile
from simulator.soap import Ask

_SETTINGS = {"true", "false", "All", "RTP-Unicast", "RTP-Multicast", "RTSP", "UDP", "TCP", "HTTP"}
_URL = re.compile(r"(<(?:\w+:)?(?:XAddr|Uri)(?:\s[^>]*)?>\s*)(http|rtsp)://[^/<\s]*")


class Exchange(Struct, frozen=True):
    """One recorded reply. `tokens`: text values of the request; `namespace` "" = the recorder did not know it."""

    operation: str
    namespace: str
    tokens: tuple[str, ...]
    status: int
    response: str


class Reply(NamedTuple):
    """A recorded reply as it is sent."""

    status: int
    body: str


NEVER_ASKED = Reply(500, "")


class Capture(Struct, frozen=True):
    """A capture file."""

    device: str
    exchanges: tuple[Exchange, ...]

    def answer(self, ask: Ask) -> Reply:
        """What the camera said to this question."""
        held = [e for e in self.exchanges if e.operation == ask.operation and e.namespace == ask.namespace]
        held = held or [e for e in self.exchanges if e.operation == ask.operation and not e.namespace]
        fitting = [e for e in held if set(e.tokens) - _SETTINGS <= set(ask.texts)]
        if not fitting:
            return NEVER_ASKED
        best = max(fitting, key=lambda e: len(set(e.tokens) & set(ask.texts)))
        return Reply(best.status, best.response)

    @property
    def refuses_everybody(self) -> bool:
        """Every reply is a NotAuthorized fault: recorded with a wrong password."""
        return all("NotAuthorized" in e.response for e in self.exchanges)

    @property
    def profiles(self) -> tuple[Profile, ...]:
        """One profile per recorded stream URI, in the size its media profile says; always H.264."""
        sizes = self._sizes()
        found = {}
        for exchange in self.exchanges:
            url = re.search(r"<(?:\w+:)?Uri[^>]*>\s*(rtsp://[^<\s]+)", exchange.response)
            if exchange.operation == "GetStreamUri" and url:
                token = next((t for t in exchange.tokens if t in sizes), next(iter(sizes), ""))
                found[_path(url[1])] = sizes.get(token, "640x360")
        return tuple(Profile(token=p, name=p, size=size, path=p) for p, size in found.items())

    def _sizes(self) -> dict[str, str]:
        """Encoder resolution by profile token, from GetProfiles."""
        sizes = {}
        for exchange in self.exchanges:
            if exchange.operation != "GetProfiles" or exchange.status != 200:
                continue
            for profile in _tolerant(exchange.response).iterfind(".//{*}Profiles"):
                width = profile.findtext(".//{*}VideoEncoderConfiguration/{*}Resolution/{*}Width")
                height = profile.findtext(".//{*}VideoEncoderConfiguration/{*}Resolution/{*}Height")
                if width and height:
                    sizes[profile.get("token", "")] = f"{width.strip()}x{height.strip()}"
        return sizes


def _path(url: str) -> str:
    parts = urlsplit(url.replace("&amp;", "&"))
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _tolerant(text: str) -> ElementTree.Element:
    try:
        return ElementTree.fromstring(text.encode())
    except ElementTree.ParseError:
        return ElementTree.Element("nothing")


def at_home(body: str, host: str, onvif_port: int, rtsp_port: int) -> str:
    """The reply with host and port of every http and rtsp address in XAddr and Uri elements replaced by ours."""
    ports = {"http": onvif_port, "rtsp": rtsp_port}
    return _URL.sub(lambda m: f"{m[1]}{m[2]}://{host}:{ports[m[2]]}", body)


def load(path: Path) -> Capture:
    """Read a capture file. Raises OSError or msgspec.DecodeError."""
    try:
        return msgspec.json.decode(read_plain(path), type=Capture)
    except OSError as error:
        raise unreadable(str(path), error) from None
    except BROKEN_JSON as error:
        raise ValueError(f"{path}: not a capture: {error}") from None
