"""One media session with a backchannel over the RTSP connection itself (RFC 2326, 10.4-10.12): SETUP, PLAY, TEARDOWN.

Every session that may have begun is torn down, however it ends, and none is held for 3 s: a track that is held blocks
the camera's own call button.
"""

import contextlib
import re
from collections import deque
from collections.abc import Callable, Sequence

from agent.ask.attempt import Deadline, Trouble
from agent.ask.net.message import MAX_JUNK, Reply, safe_path
from agent.ask.rtsp import rtp, sdp
from agent.ask.rtsp.client import BACKCHANNEL, Rtsp, Status
from agent.ask.rtsp.sdp import Media
from agent.model import Camera
from agent.permit import Permit
from contract.text import tidy
from contract.vocabulary import Reason

HOLD_S = 2.5
"""Longest time from the first SETUP to TEARDOWN."""
GOODBYE_S = 0.4
"""Longest time for TEARDOWN, beyond any deadline."""
MAX_RECEIVED = 32 * 1024 * 1024
"""Bytes of media read in one session, none of them kept: HOLD_S of a camera's port of 100 Mbit/s."""
MAX_EARLY = 2 * 1024 * 1024
"""Bytes kept of media that comes before the reply to PLAY: a keyframe in 4K has 1 MB at most."""
MAX_CHANNEL = 255
_FRAME_OR_REPLY = re.compile(rb"\$[\0-\xff]{3}|RTSP/\d\.\d[ \t]+\d{3}(?!\d)")
_HOST = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*://)+([^/]*)")  # once more in "rtsp://rtsp://", seen in the field
_SESSION = re.compile(r"[\x21-\x3a\x3c-\x7e]{1,128}")
_UNKNOWN_PATH = frozenset({400, 404, 454, 459, 460})
"""Bad request, not found, session not found there, and aggregate operation not allowed, or the only one allowed."""
_RECORDER_FULL = 500
"""To SETUP or PLAY of what was just described: recorders say so that they have no room (go2rtc met one)."""
_UDP_PORT = 50_000
_CHANNELS = re.compile(r"interleaved\s*=\s*([0-9]{1,3})(?![0-9])", re.IGNORECASE)


class RtspSession(Rtsp):
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
        self._base = self._whole = camera.stream_path
        """What relative controls stand on, and what is played: all tracks together."""
        self._begun = False
        self._id = ""
        self._received = self._early_bytes = 0
        self._early: deque[rtp.Frame] = deque()

    def open(self) -> tuple[Media, ...]:
        """The media at `camera.stream_path`, backchannel if required. Raises Status, LoginFailed, Trouble."""
        path = self._camera.stream_path
        reply = self._describe(path, require_backchannel=bool(self.tag))
        self._base = _base(reply.first("content-base") or reply.first("content-location"), path)
        self._whole = track_path(self._base, sdp.session_control(reply.body))
        return sdp.parse(reply.body)

    def setup(self, track: Media, channel: int) -> int:
        """SETUP of one track on this connection; returns the channel the camera chose.

        Raises as `open` does, and Trouble(BUSY).
        """
        if not self._begun:
            self._deadline = self._wire.deadline = self._deadline.within(self.hold_s)
        reply = self._set_up(track, f"RTP/AVP/TCP;unicast;interleaved={channel}-{channel + 1}")
        return _channel(reply.first("transport"), channel)

    def grants_udp(self, track: Media) -> bool:
        """Whether SETUP of the track for UDP is granted. Nothing is played, so that nothing is sent there."""
        try:
            self._set_up(track, f"RTP/AVP;unicast;client_port={_UDP_PORT}-{_UDP_PORT + 1}")
        except Trouble:
            return False
        return True

    def _set_up(self, track: Media, transport: str) -> Reply:
        bases = dict.fromkeys((self._base, self._camera.stream_path))  # a base from elsewhere may be no path here
        paths = [track_path(base, track.control) for base in bases]
        reply = self._at_first("SETUP", paths, lambda: {"Transport": transport, **self._session()})
        self._id = self._id or _session_id(reply)
        return reply

    def play(self) -> None:
        """PLAY the tracks that were set up; without a Range, which makes some servers seek in what is live.

        At the control of the whole session, where the description names one (RFC 2326, C.1.1). Raises Status,
        LoginFailed, Trouble.
        """
        self._at_first("PLAY", [self._whole, self._base, self._camera.stream_path], self._session)

    def _at_first(self, method: str, paths: Sequence[str], headers: Callable[[], dict[str, str]]) -> Reply:
        """The reply at the first of these paths that the camera knows."""
        *others, last = dict.fromkeys(paths)
        for path in (*others, last):
            self._begun = True
            try:
                return self._request(method, self._url(path), headers())
            except Trouble as trouble:
                if method == "SETUP" and (isinstance(trouble, Status) or trouble.reason is Reason.REFUSED):
                    self._begun = bool(self._id)  # a clear no begins nothing
                status = trouble.status if isinstance(trouble, Status) else 0
                if status == _RECORDER_FULL:
                    raise Trouble(Reason.BUSY, trouble.detail) from None
                if status not in _UNKNOWN_PATH or path == last:
                    raise
        raise AssertionError("one of them is the last")

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
        if self._early:
            return self._early.popleft()
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
            self._request("TEARDOWN", self._url(self._whole), self._session())

    def _session(self) -> dict[str, str]:
        required = {"Require": self.tag} if self.tag else {}
        return {**required, "Session": self._id} if self._id else required

    def _reply(self) -> Reply:
        """The reply; media that comes before it, as from cameras that send before they grant PLAY, is kept."""
        while self._begun and (frame := self._frame()):
            self._early.append(frame)
            self._early_bytes += len(frame.data)
            while self._early_bytes > MAX_EARLY:
                self._early_bytes -= len(self._early.popleft().data)
        return super()._reply()

    def _frame(self) -> rtp.Frame | None:
        """The next frame; None where a reply comes first. Nothing is lost when the time for it is up."""
        head = self._wire.read(self._wire.inbox.skip_to(_FRAME_OR_REPLY, MAX_JUNK))
        if head[:1] != b"$":
            return None
        size = rtp.FRAME_HEAD + int.from_bytes(head[2:4], "big")
        data = self._wire.read(self._wire.inbox.exactly(size))
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
    return f"{base.removesuffix('/')}/{control.removeprefix('/')}"


def _base(content_base: str, path: str) -> str:
    """The path that relative controls stand on: that of Content-Base, whatever host it names, where it can be used."""
    named = _HOST.match(content_base)
    if not named or not content_base[named.end() :]:
        return path
    try:
        return safe_path(content_base[named.end() :])
    except Trouble:
        return path


def _session_id(reply: Reply) -> str:
    """Empty where none was given, as by some cameras. Raises Trouble(MALFORMED) for one that cannot be sent back."""
    name = reply.first("session").partition(";")[0].strip()
    if name and not _SESSION.fullmatch(name):
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
