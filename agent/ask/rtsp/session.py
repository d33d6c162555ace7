"""One media session with a backchannel over the RTSP connection itself (RFC 2326, 10.4-10.12): SETUP, PLAY, TEARDOWN.

Every session that may have begun is torn down, however it ends, and none is held for 3 s: a track that is held blocks
the camera's own call button. What is sent and heard must not be known here.
"""

import contextlib
import re

from agent.ask.attempt import Deadline, Trouble
from agent.ask.net import connection
from agent.ask.net.message import MAX_JUNK, Reply, safe_path
from agent.ask.rtsp import rtp, sdp
from agent.ask.rtsp.client import BACKCHANNEL, Rtsp, Status
from agent.ask.rtsp.sdp import Media
from agent.model import Camera, tidy
from agent.permit import Permit
from contract.vocabulary import Reason

HOLD_S = 2.5
"""Longest time from the first SETUP to TEARDOWN."""
GOODBYE_S = 0.4
"""Longest time for TEARDOWN, beyond any deadline."""
MAX_RECEIVED = 32 * 1024 * 1024
"""Bytes of media read in one session, none of them kept: HOLD_S of a camera's port of 100 Mbit/s."""
MAX_CHANNEL = 255
_FRAME_OR_REPLY = re.compile(rb"\$[\0-\xff]{3}|RTSP/\d\.\d[ \t]+\d{3}(?!\d)")
_HOST = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*://)+([^/]*)")  # once more in "rtsp://rtsp://", seen in the field
_SESSION = re.compile(r"[\x21-\x3a\x3c-\x7e]{1,128}")
_CHANNELS = re.compile(r"interleaved\s*=\s*([0-9]{1,3})(?![0-9])", re.IGNORECASE)


class Session(Rtsp):
    """One connection, and at most one session on it.

    Tracks are named by their control URLs: path kept, host forced, never another connection. Who wants other media
    than the backchannel sets the attributes below otherwise.
    """

    tag = BACKCHANNEL
    """Feature tag required in every request, as in the example of ONVIF Streaming, 5.3; "" = none."""
    hold_s = HOLD_S
    max_received = MAX_RECEIVED

    def __init__(self, camera: Camera, deadline: Deadline, *, log_in: bool | Permit) -> None:
        super().__init__(camera, deadline, log_in=log_in)
        self._base = camera.stream_path
        self._begun = False
        self._id = ""
        self._received = 0

    def open(self) -> tuple[Media, ...]:
        """The media at `camera.stream_path`, backchannel if required. Raises Status, LoginFailed, Trouble."""
        path = self._camera.stream_path
        reply = self._describe(path, require_backchannel=bool(self.tag))
        self._base = _base(reply.first("content-base"), path, connection.url_host(self._camera.address))
        return sdp.parse(reply.body)

    def setup(self, track: Media, channel: int) -> int:
        """SETUP of one track on this connection; returns the channel the camera chose. Raises as `open` does."""
        if not self._begun:
            self._deadline = self._wire.deadline = self._deadline.within(self.hold_s)
        url = self._url(track_path(self._base, track.control))
        self._begun = True
        asked = f"RTP/AVP/TCP;unicast;interleaved={channel}-{channel + 1}"
        try:
            reply = self._request("SETUP", url, {"Transport": asked, **self._session()})
        except Trouble as trouble:
            if isinstance(trouble, Status) or trouble.reason is Reason.REFUSED:
                self._begun = bool(self._id)  # a clear no begins nothing
            raise
        self._id = self._id or _session_id(reply)
        return _channel(reply.first("transport"), channel)

    def play(self) -> None:
        """PLAY the tracks that were set up; without a Range, which makes some servers seek in what is live.

        Raises Status, LoginFailed, Trouble.
        """
        self._request("PLAY", self._url(self._base), self._session())

    def lasts(self, seconds: float) -> bool:
        """Whether the session may be held so much longer."""
        return not self._deadline.passed(in_s=seconds)

    def send(self, channel: int, packet: bytes) -> None:
        """One packet, framed. Raises Trouble(TIMED_OUT, UNREACHABLE), HungUp."""
        self._wire.deadline = self._deadline
        self._wire.send(rtp.frame(channel, packet))

    def receive(self, within_s: float) -> rtp.Frame | None:
        """The next frame, None when none is complete `within_s` seconds or before the session's time is up.

        Raises HungUp or Trouble(MALFORMED) when the camera ends the session, HOSTILE beyond `max_received` bytes.
        """
        self._wire.deadline = self._deadline.within(within_s)
        try:
            frame = self._frame()
        except Trouble as trouble:
            if trouble.reason is not Reason.TIMED_OUT:
                raise
            return None
        if not frame:
            raise Trouble(Reason.MALFORMED, "an RTSP reply to no request, amid the media")
        return frame

    def close(self) -> None:
        """TEARDOWN where a session may have begun, then the connection."""
        try:
            if self._begun:
                self._tear_down()
        finally:
            super().close()

    def _tear_down(self) -> None:
        """Also after a SETUP whose answer never came, and then without the session's name."""
        self._begun = False
        self._deadline = self._wire.deadline = Deadline(GOODBYE_S)
        with contextlib.suppress(Trouble):
            self._request("TEARDOWN", self._url(self._base), self._session())

    def _session(self) -> dict[str, str]:
        required = {"Require": self.tag} if self.tag else {}
        return {**required, "Session": self._id} if self._id else required

    def _reply(self) -> Reply:
        while self._begun and self._frame():
            pass  # media on its way, older than the reply
        return super()._reply()

    def _frame(self) -> rtp.Frame | None:
        """The next frame; None where a reply comes first. Nothing is lost when the time for it is up."""
        head = self._wire.skip_to(_FRAME_OR_REPLY, MAX_JUNK)
        if head[:1] != b"$":
            return None
        size = rtp.FRAME_HEAD + int.from_bytes(head[2:4], "big")
        data = self._wire.exactly(size)
        self._received += size
        if self._received > self.max_received:
            raise Trouble(Reason.HOSTILE, f"more than {self.max_received} bytes of media in one session")
        return rtp.Frame(head[1], data[rtp.FRAME_HEAD :])


def track_path(base: str, control: str) -> str:
    """Path and query of a track (RFC 2326, C.1.1), whatever host its control URL names.

    A relative one is put behind the base as it stands, query or not: so clients do, and cameras expect.
    """
    if named := _HOST.match(control):
        return control[named.end() :] or "/"
    if control in ("", "*"):
        return base
    return base + control if base.endswith("/") or control.startswith("/") else f"{base}/{control}"


def _base(content_base: str, path: str, host: str) -> str:
    """The path that relative controls stand on: Content-Base where it names this camera and can be used, else ours."""
    named = _HOST.match(content_base)
    if not named or re.sub(r":[0-9]*$", "", named[1]) != host:
        return path
    try:
        return safe_path(content_base[named.end() :])
    except Trouble:
        return path


def _session_id(reply: Reply) -> str:
    """Raises Trouble(MALFORMED) where there is none that can be sent back."""
    name = reply.first("session").partition(";")[0].strip()
    if not _SESSION.fullmatch(name):
        raise Trouble(Reason.MALFORMED, "SETUP answered without a usable Session")
    return name


def _channel(transport: str, asked: int) -> int:
    """The channel in the camera's Transport header, which may differ from the one asked for; that one if it is silent.

    Raises Trouble(MALFORMED) when the media would travel otherwise than on this connection.
    """
    found = _CHANNELS.search(transport)
    channel = int(found[1]) if found else asked
    if channel > MAX_CHANNEL or (transport and not found and "tcp" not in transport.lower()):
        raise Trouble(Reason.MALFORMED, tidy(f"SETUP answered with another transport: {transport}", 120))
    return channel
