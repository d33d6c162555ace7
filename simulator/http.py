"""The camera's HTTP port: SOAP by POST, snapshots by GET."""

import asyncio
from asyncio import StreamReader, StreamWriter
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

from simulator import onvif
from simulator.manners import TEN_MEGABYTES, HangUp, say
from simulator.onvif import Answer
from simulator.persona import Profile, Quirk, size_of
from simulator.studio import Studio
from simulator.unit import Unit

ISAPI = "/ISAPI/System/TwoWayAudio/channels"
_CHANNELS = (
    b'<?xml version="1.0" encoding="UTF-8"?><TwoWayAudioChannelList version="2.0"'
    b' xmlns="http://www.hikvision.com/ver20/XMLSchema"><TwoWayAudioChannel version="2.0"><id>1</id>'
    b"<enabled>false</enabled><audioCompressionType>G.711ulaw</audioCompressionType>"
    b"<audioInputType>MicIn</audioInputType></TwoWayAudioChannel></TwoWayAudioChannelList>"
)
MAX_HEAD, MAX_BODY = 64 * 1024, 1024 * 1024


class Request(NamedTuple):
    """One HTTP request, read whole."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


async def serve(unit: Unit, studio: Studio, reader: StreamReader, writer: StreamWriter) -> None:
    """Answer requests on one connection until it ends."""
    try:
        while request := await _read(reader):
            answer = await _answer(unit, studio, request)
            if answer.close:
                return
            await say(unit.fault, writer, _wire(unit, request, answer))
            if unit.has(Quirk.CLOSES_AFTER_REPLY) or request.headers.get("connection", "").lower() == "close":
                return
    except (HangUp, ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
        return


async def _read(reader: StreamReader) -> Request | None:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.split("\r\n")
    method, target, _ = first.split(" ", 2)
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    length = int(headers.get("content-length", "0"))
    if length > MAX_BODY:
        return None
    return Request(method, target, headers, await reader.readexactly(length))


async def _answer(unit: Unit, studio: Studio, request: Request) -> Answer:
    if unit.fault == "tenmegabytes":
        return Answer(200, b'<?xml version="1.0"?><Envelope>' + b"x" * TEN_MEGABYTES)
    if request.method == "POST":
        return onvif.answer(unit, request.target, request.body, request.headers.get("authorization", ""))
    return await _get(unit, studio, request) if request.method == "GET" else Answer(404)


async def _get(unit: Unit, studio: Studio, request: Request) -> Answer:
    """A snapshot, or the list of ISAPI's talk channels where the maker has that; both behind Digest."""
    url = urlsplit(request.target)
    wanted = parse_qs(url.query).get("profile", [""])[0]
    profile = next((p for p in unit.profiles if p.token == wanted), None) if url.path == "/onvif/snapshot" else None
    profile = None if unit.fault == "no-snapshot" else profile
    talks = url.path == ISAPI and unit.persona is not None and unit.persona.audio.vendor == "isapi"
    if profile is None and not talks:
        return Answer(404)
    login = unit.door.header(request.headers.get("authorization", ""), "GET", "digest")
    unit.note("http", "snapshot" if profile else "isapi", authenticated=login.accepted, shown=login.shown)
    if unit.auth.soap != "none" and not login.accepted:
        return Answer(401, login.text.encode(), "text/plain", tuple(unit.door.challenges("digest")))
    if profile:
        return Answer(200, await _jpeg(unit, studio, profile), "image/jpeg")
    return Answer(200, _CHANNELS, "application/xml")


async def _jpeg(unit: Unit, studio: Studio, profile: Profile) -> bytes:
    now = unit.clock()
    return await studio.jpeg(*size_of(profile.size), unit.shot(profile.source, now), now / 2 % 1)


def _wire(unit: Unit, request: Request, answer: Answer) -> bytes:
    if unit.fault == "redirect":
        answer = Answer(307)
    lines = [f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}", "Server: Device/1.0"]
    if answer.status == 307:
        lines.append(f"Location: http://{unit.spec.foreign_host}:{unit.onvif_port}{request.target}")
    lines += [f"WWW-Authenticate: {challenge}" for challenge in answer.challenges]
    if answer.body:
        lines.append(f"Content-Type: {answer.content_type}")
    chunked = unit.has(Quirk.CHUNKED) and answer.body
    lines.append("Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(answer.body)}")
    body = _chunks(answer.body) if chunked else answer.body
    return "\r\n".join([*lines, "", ""]).encode() + body


def _chunks(body: bytes) -> bytes:
    pieces = [body[i : i + 1000] for i in range(0, len(body), 1000)]
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
