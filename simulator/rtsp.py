"""The camera's RTSP port (RFC 2326): Digest, DESCRIBE with and without backchannel, interleaved RTP over TCP."""

import asyncio
import secrets
import socket
import struct
from asyncio import StreamReader, StreamWriter
from typing import NamedTuple
from urllib.parse import urlsplit

from simulator import giant, sdp
from simulator.manners import TEN_MEGABYTES, HangUp, say
from simulator.persona import Profile, Quirk
from simulator.playing import format_of, play
from simulator.studio import Studio
from simulator.unit import Unit

METHODS = ("OPTIONS", "DESCRIBE", "SETUP", "PLAY", "TEARDOWN", "GET_PARAMETER", "SET_PARAMETER")
HUGE = 2_000_000_000
BACKCHANNEL = "www.onvif.org/ver20/backchannel"
RESET = struct.pack("ii", 1, 0)
"""To linger for no time: the connection ends with a reset."""
MAX_LINES, MAX_BODY = 100, 64 * 1024
_PHRASES = {
    200: "OK",
    302: "Moved Temporarily",
    400: "Bad Request",
    401: "Unauthorized",
    404: "Stream Not Found",
    405: "Method Not Allowed",
    453: "Not Enough Bandwidth",
    454: "Session Not Found",
    455: "Method Not Valid in This State",
    461: "Unsupported Transport",
    500: "Internal Server Error",
    503: "Service Unavailable",
    551: "Option not supported",
}


class Request(NamedTuple):
    """One RTSP request."""

    method: str
    url: str
    headers: dict[str, str]

    @property
    def target(self) -> str:
        """Path and query."""
        parts = urlsplit(self.url)
        return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


class Reply(NamedTuple):
    """One RTSP reply."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    length: int = 0
    """Announced length of a body without end."""


class Connection:
    """One client's RTSP connection and the at most one session on it."""

    def __init__(self, unit: Unit, studio: Studio, reader: StreamReader, writer: StreamWriter) -> None:
        self.unit, self.studio, self.reader, self.writer = unit, studio, reader, writer
        self.session = ""
        self.profile: Profile | None = None
        self.channels: dict[str, int] = {}
        self.stamp = 0
        self.playing: asyncio.Task[None] | None = None

    @property
    def fault(self) -> str:
        """The camera's fault as RTSP shows it: one of RTSP alone by its common name."""
        return self.unit.fault.removeprefix("rtsp-")

    async def run(self) -> None:
        """Serve until the client, a fault or an error ends it."""
        try:
            while request := await self._read():
                reply = await self._answer(request)
                await say(self.fault, self.writer, self._wire(request, reply))
                while reply.length:
                    await say(self.fault, self.writer, bytes(MAX_BODY))
                if request.method == "PLAY" and reply.status == 200:
                    self._start()
        except (HangUp, ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
            pass
        finally:
            self._end_session()

    # -- reading ----------------------------------------------------------------------------------

    async def _read(self) -> Request | None:
        """The next request; interleaved packets before it are taken as talk or thrown away."""
        while (first := await self.reader.readexactly(1)) in {b"$", b"\r", b"\n"}:
            if first == b"$":
                await self._packet()
        line = (first + await self.reader.readline()).decode("latin-1").split()
        headers: dict[str, str] = {}
        for _ in range(MAX_LINES):
            name, _, value = (await self.reader.readline()).decode("latin-1").partition(":")
            if not name.strip():
                break
            headers[name.strip().lower()] = value.strip()
        await self.reader.readexactly(min(int(headers.get("content-length", "0")), MAX_BODY))
        return Request(line[0], line[1], headers) if len(line) == 3 else None

    async def _packet(self) -> None:
        head = await self.reader.readexactly(3)
        packet = await self.reader.readexactly(int.from_bytes(head[1:], "big"))
        if self.channels.get(sdp.TALK) == head[0]:
            self._talk_heard(packet)

    def _talk_heard(self, packet: bytes) -> None:
        """Payload types 0 and 8 are PCMU and PCMA (RFC 3551)."""
        codec, payload = {0: "PCMU", 8: "PCMA"}.get(packet[1] & 0x7F, "") if len(packet) > 12 else "", packet[12:]
        self.unit.talk_bytes += len(payload)
        if codec and self.playing and self.unit.persona and self.unit.persona.audio.speaker != "mute":
            self.unit.room.speak(payload, codec, self.unit.clock())

    # -- answering --------------------------------------------------------------------------------

    async def _answer(self, request: Request) -> Reply:
        if request.method == "OPTIONS":
            self.unit.note("rtsp", "OPTIONS")
            return Reply(200, (("Public", ", ".join(METHODS)),))
        audio = self.unit.persona.audio if self.unit.persona else None
        multitrans = request.method == "MULTITRANS" and audio is not None and audio.vendor == "multitrans"
        if request.method not in METHODS and not multitrans:
            return Reply(405)
        refusal = self._log_in(request) or await self._not_granted(request)
        if refusal:
            return refusal
        if request.method == "DESCRIBE":
            return await self._describe(request)
        answers = {"SETUP": self._setup, "PLAY": self._play, "TEARDOWN": self._tear_down}
        if request.method in answers:
            return answers[request.method](request)
        return Reply(200, (("Session", secrets.token_hex(4)),) if multitrans else ())

    def _tear_down(self, _: Request) -> Reply:
        self._end_session()
        if self.unit.persona:
            self.unit.busy_until = asyncio.get_running_loop().time() + self.unit.persona.busy_after_teardown_s
        return Reply(200)

    async def _not_granted(self, request: Request) -> Reply | None:
        """What a camera with such a fault does at SETUP or PLAY: one of faults.REFUSALS."""
        method, _, how = self.fault.rpartition("-")
        if method != request.method.lower():
            return None
        if how == "hang":
            await asyncio.Event().wait()  # until the connection is killed
        if how == "reset":
            self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            self.writer.transport.abort()
        if not how.isdecimal():
            raise HangUp
        return Reply(int(how))

    def _log_in(self, request: Request) -> Reply | None:
        scheme, capture = "basic" if self.fault == "basic" else self.unit.auth.rtsp, self.unit.capture
        login = self.unit.door.header(request.headers.get("authorization", ""), request.method, scheme)
        self.unit.note("rtsp", request.method, authenticated=login.accepted, shown=login.shown)
        if capture.refuses_everybody if capture else (scheme != "none" and not login.accepted):
            challenges = self.unit.door.challenges("digest" if capture else scheme, over_rtsp=True)
            body = login.text.encode() if login.shown else b""
            return Reply(401, tuple(("WWW-Authenticate", c) for c in challenges), body)
        return None

    def _find(self, target: str) -> Profile | None:
        before, track, _ = target.rpartition("/trackID=")
        wanted = before if track else target
        return next((p for p in self.unit.profiles if wanted.rstrip("/") in {p.path, p.path.rstrip("/")}), None)

    def _full(self) -> bool:
        unit = self.unit
        limit = unit.persona.max_sessions if unit.persona else 4
        cooling = asyncio.get_running_loop().time() < unit.busy_until
        return unit.fault == "busy" or cooling or (not self.session and unit.sessions >= limit)

    async def _describe(self, request: Request) -> Reply:
        unit, profile = self.unit, self._find(request.target)
        if profile is None:
            return Reply(404)
        if self._full():
            return Reply(453)
        if unit.fault == "tenmegabytes":
            return Reply(200, (("Content-Type", "application/sdp"),), b"a" * TEN_MEGABYTES)
        if self.fault == "huge-length":
            return Reply(200, (("Content-Type", "application/sdp"),), length=HUGE)
        wants_talk = BACKCHANNEL in request.headers.get("require", "")
        if wants_talk and (refusal := await self._refuse_talk()):
            return refusal
        body = sdp.describe(
            format_of(profile),
            giant.parameter_sets()
            if self.fault == "huge-frame"
            else await self.studio.parameter_sets(format_of(profile)),
            unit.named_host(),
            microphone=bool(unit.persona and unit.persona.audio.sources),
            talk=self._talk(wants_talk),
        )
        base = "rtsp://rtsp://192.0.2.1/" if unit.has(Quirk.CONTENT_BASE_JUNK) else f"{request.url.rstrip('/')}/"
        return Reply(200, (("Content-Type", "application/sdp"), ("Content-Base", base)), body.encode())

    async def _refuse_talk(self) -> Reply | None:
        if self.unit.persona is None:
            return Reply(503)  # a capture says nothing of the backchannel, so neither yes nor no may be said
        if self.unit.persona.audio.backchannel == "hangs":
            await asyncio.Event().wait()  # until the connection is killed
        return Reply(551, (("Unsupported", BACKCHANNEL),)) if self.unit.persona.audio.backchannel == "refused" else None

    def _talk(self, wanted: bool) -> tuple[str, ...]:
        audio = self.unit.persona.audio if self.unit.persona else None
        if audio and (audio.backchannel == "always" or (wanted and audio.backchannel == "offered")):
            return audio.codecs
        return ()

    def _setup(self, request: Request) -> Reply:
        profile, track = self._find(request.target), f"trackID={request.target.rpartition('/trackID=')[2]}"
        if profile is None or track not in self._tracks():
            return Reply(404)
        if self._full() or (track == sdp.TALK and not self._may_talk()):
            return Reply(453)
        transport = request.headers.get("transport", "")
        if "interleaved=" not in transport:
            return Reply(461)
        channel = int(transport.partition("interleaved=")[2].partition("-")[0].partition(";")[0])
        if track == sdp.TALK and track not in self.channels:
            self.unit.talkers += 1
        self._begin_session(profile)
        self.channels[track] = channel
        shown = f"RTP/AVP/TCP;unicast;interleaved={channel}-{channel + 1}"
        return Reply(200, (("Transport", shown), ("Session", f"{self.session};timeout=60")))

    def _tracks(self) -> set[str]:
        """What there is to set up; the backchannel too where it is only shown to those who require it."""
        audio = self.unit.persona.audio if self.unit.persona else None
        microphone = {sdp.MICROPHONE} if audio and audio.sources else set()
        offered = audio and audio.backchannel in {"offered", "always"} and not self.unit.has(Quirk.TALK_REFUSED)
        talk = {sdp.TALK} if offered else set()
        return {sdp.VIDEO} | microphone | talk

    def _may_talk(self) -> bool:
        audio = self.unit.persona.audio if self.unit.persona else None
        return audio is not None and (sdp.TALK in self.channels or self.unit.talkers < audio.sessions)

    def _play(self, request: Request) -> Reply:
        if not self.session or request.headers.get("session", "").partition(";")[0] != self.session:
            return Reply(454)
        # RFC 2326, 12.33: without the first timestamp of each track a player cannot date the pictures.
        tracks = ",".join(
            f"url={request.url.rstrip('/')}/{track};seq=0;rtptime={self.stamp}" for track in self.channels
        )
        return Reply(200, (("Session", self.session), ("Range", "npt=0.000-"), ("RTP-Info", tracks)))

    # -- the session ------------------------------------------------------------------------------

    def _begin_session(self, profile: Profile) -> None:
        if not self.session:
            self.session, self.profile = secrets.token_hex(8), profile
            self.stamp = 1 + secrets.randbelow(
                2**31
            )  # random (RFC 3550, 5.1), and never 0: FFmpeg takes that for unset
            self.unit.sessions += 1

    def _start(self) -> None:
        if self.profile and not self.playing:
            self.playing = asyncio.create_task(
                play(self.unit, self.studio, self.profile, self.channels, self.stamp, self.writer)
            )

    def _end_session(self) -> None:
        if self.playing:
            self.playing.cancel()
        if self.session:
            self.unit.sessions -= 1
        if sdp.TALK in self.channels:
            self.unit.talkers -= 1
        self.session, self.profile, self.playing, self.channels = "", None, None, {}

    def _wire(self, request: Request, reply: Reply) -> bytes:
        if self.fault == "redirect":
            place = f"rtsp://{self.unit.spec.foreign_host}:{self.unit.rtsp_port}{request.target}"
            reply = Reply(302, (("Location", place),))
        lines = [f"RTSP/1.0 {reply.status} {_PHRASES[reply.status]}", f"CSeq: {request.headers.get('cseq', '0')}"]
        lines += [f"{name}: {value}" for name, value in reply.headers]
        if length := reply.length or len(reply.body):
            lines.append(f"Content-Length: {length}")
        junk = b"\x00\x00\x07" if self.unit.has(Quirk.RTSP_JUNK) else b""
        return junk + "\r\n".join([*lines, "", ""]).encode() + reply.body


async def serve(unit: Unit, studio: Studio, reader: StreamReader, writer: StreamWriter) -> None:
    await Connection(unit, studio, reader, writer).run()
