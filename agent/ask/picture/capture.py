"""One visit to a camera for its picture: a keyframe and what follows it over RTSP, or a JPEG snapshot over HTTP.

Our own clients fetch the bytes, so that no decoder speaks to a camera, follows a redirect or holds a password.
"""

import time
from typing import NamedTuple

from agent.ask.attempt import Deadline, GaveWay, Trouble
from agent.ask.net import digest, http
from agent.ask.net.message import Reply
from agent.ask.rtsp import nal, rtp
from agent.ask.rtsp.client import SILENCE_S, LoginFailed
from agent.ask.rtsp.depacketize import CODECS, Reel, Take
from agent.ask.rtsp.sdp import Media
from agent.ask.rtsp.session import RtspSession
from agent.model import Camera
from agent.permit import Permit, permit
from contract.reasons import Finding
from contract.text import tidy
from contract.vocabulary import Reason

JPEG = "JPEG"
MAX_CODECS = 16
RTCP = range(72, 77)
"""RTCP's packet types 200 to 204, read as payload types (RFC 3551, 6)."""
MAX_BYTES = 4 * 1024 * 1024
"""Of one visit's pictures, compressed: a keyframe in 4K takes 1 MB at most, a snapshot of 12 megapixels 4 MB."""
MAX_RECEIVED = 12 * 1024 * 1024
"""Of all media received in one visit, what comes before the first keyframe included."""
HEAD_S = 1.0
"""All pictures of so long from the first keyframe on: long enough to see a camera shake."""
SECOND_S = 4.0
"""How long after the first keyframe the next one is waited for; most cameras send one every 2 s."""
PAUSE_S, _GLANCE_S = 1.0, 0.25
"""Of the media: after so long a look that waits is let in. A film that has begun ends there."""
_NO_ANSWER = frozenset({Reason.BUSY, Reason.UNREACHABLE, Reason.AGENT_FAULT})
"""To SETUP or PLAY: what says nothing of the stream."""


class Footage(NamedTuple):
    """What a visit brought home: takes of a film, or one with one JPEG in it."""

    codec: str
    takes: tuple[Take, ...]


# ---- RTSP ---------------------------------------------------------------------------------------


class _Viewing(RtspSession):
    """A session for the picture alone: no backchannel asked for, held until the visit's own deadline."""

    tag = ""
    gives_way = True
    hold_s = 60.0
    max_received = MAX_RECEIVED


class _Patient(_Viewing):
    """One that waits long for its keyframe."""

    max_received = 8 * MAX_RECEIVED


def film(
    camera: Camera, *, log_in: bool | Permit, deadline: Deadline, brief: bool = False, patient: bool = False
) -> Footage:
    """Pictures of `camera.stream_path`: HEAD_S from a keyframe on, and the next keyframe where it comes in SECOND_S.

    `brief`: the first keyframe is enough. `patient`: the deadline leaves time for much video before it. Everything
    travels on the one connection to the enrolled address (RFC 2326, 10.12); TEARDOWN always follows. Raises
    rtsp.Status, LoginFailed or Trouble: TIMED_OUT when no whole keyframe comes in time (NO_KEYFRAME) or nothing at all,
    the session ended by the camera included (NO_MEDIA); HOSTILE for floods and redirects, UNASKED where video comes in
    a codec that is none we read (MJPEG_ONLY, NO_DECODER); BUSY where there is no room; SETUP_FAILED where SETUP or PLAY
    of what was described is not granted for any other reason.
    """
    with (_Patient if patient else _Viewing)(camera, deadline, log_in=log_in) as viewing:
        track, codec = _video(viewing.open())
        incoming = _Incoming(viewing, _granted(viewing, track), track)
        silent = Deadline(SILENCE_S)
        if not codec:
            raise _unreadable(track) if incoming.next(deadline) else _nothing(silent, deadline)
        reel = Reel(codec, track.parameter_sets, cap=MAX_BYTES, head_s=HEAD_S)
        came = _watch(incoming, reel, deadline, brief=brief)
    if reel.takes:
        return Footage(codec, reel.takes)
    if reel.full:
        raise Trouble(Reason.HOSTILE, f"a keyframe larger than {MAX_BYTES} bytes")
    if came:
        raise Trouble(Reason.TIMED_OUT, "no keyframe in time", Finding.NO_KEYFRAME)
    raise _nothing(silent, deadline)


def _granted(viewing: RtspSession, track: Media) -> int:
    """SETUP and PLAY of the track; the channel that its packets come on."""
    patience = Deadline(SILENCE_S)
    try:
        channel = viewing.setup(track, 0)
        viewing.play()
    except Trouble as trouble:
        if trouble.finding == Finding.UDP_ONLY and viewing.grants_udp(track):
            raise
        hurried = trouble.reason is Reason.TIMED_OUT and not patience.passed()
        if hurried or trouble.reason in _NO_ANSWER:
            raise
        raise Trouble(trouble.reason, trouble.detail, Finding.SETUP_FAILED) from None
    return channel


def _video(media: tuple[Media, ...]) -> tuple[Media, str]:
    """The largest video track that can be read, as far as the description tells, and its codec; else the first, ""."""
    videos = [one for one in media if one.kind == "video"]
    readable = [(track, codec) for track in videos for codec in track.codecs[:MAX_CODECS] if codec in CODECS]
    if readable:
        return max(readable, key=lambda one: _pixels(*one))
    if not videos:
        raise Trouble(Reason.MALFORMED, "the description names no video")
    return videos[0], ""


def _unreadable(track: Media) -> Trouble:
    finding = Finding.MJPEG_ONLY if track.codecs == (JPEG,) else Finding.NO_DECODER
    return Trouble(Reason.UNASKED, tidy(f"no decoder here for {' '.join(track.codecs) or 'its video'}", 80), finding)


def _pixels(track: Media, codec: str) -> int:
    width, height = max((nal.size(codec, unit) for unit in track.parameter_sets), default=(0, 0))
    return width * height or track.pixels


def _nothing(silent: Deadline, deadline: Deadline) -> Trouble:
    waited = silent.passed() or not deadline.passed()  # or it ended the session by itself
    return Trouble(Reason.TIMED_OUT, "no video after PLAY", Finding.NO_MEDIA if waited else "")


class _Incoming:
    """The packets of one track, the only one that was set up.

    By the payload types that the description lists, on whatever channel: some cameras use another one than they named.
    On the track's own channel another type is taken where it comes first (the description is wrong then).
    """

    def __init__(self, viewing: RtspSession, channel: int, track: Media) -> None:
        self._viewing, self._channel = viewing, channel
        readable = {form.number for form in track.formats if form.codec in CODECS}
        self._listed = readable or {form.number for form in track.formats}
        self._only_listed = False
        self._other: int | None = None

    def next(self, end: Deadline) -> rtp.Packet | None:
        """The next one; None when none comes before `end`, or the camera ends the session.

        Raises Trouble(HOSTILE); GaveWay where nothing came for PAUSE_S and a look waits.
        """
        silent = Deadline(PAUSE_S)
        while not end.passed():
            try:
                frame = self._viewing.receive(min(end.left(), _GLANCE_S))
            except Trouble as trouble:
                if trouble.reason is Reason.HOSTILE:
                    raise
                return None
            if frame is None:
                if silent.passed() and self._viewing.look_waits:
                    raise GaveWay
                continue
            packet = rtp.parse(frame.data)
            if packet and self._is_ours(packet.kind, own=frame.channel == self._channel):
                return packet
        return None

    def _is_ours(self, kind: int, *, own: bool) -> bool:
        if kind in self._listed:
            self._only_listed = True
            return True
        if not own or kind in RTCP or self._only_listed:
            return False
        self._other = kind if self._other is None else self._other
        return kind == self._other


def _watch(incoming: _Incoming, reel: Reel, deadline: Deadline, *, brief: bool) -> bool:
    """Fill the reel; returns whether any video came. What has come is enough when the camera ends the session."""
    came, end = False, deadline
    while not (reel.done or end.passed()):
        try:
            packet = incoming.next(end)
        except GaveWay:
            if not reel.begun:
                raise
            break
        if packet is None:
            break
        came, begun = True, reel.begun
        reel.add(packet, time.monotonic())
        if reel.begun and not begun:
            if brief:
                break
            end = deadline.within(SECOND_S)
    reel.end()
    return came


# ---- HTTP ---------------------------------------------------------------------------------------


def photograph(camera: Camera, path: str, *, log_in: bool | Permit, deadline: Deadline) -> Footage:
    """The JPEG at `path` of the camera's ONVIF port; logs in by Digest (Basic only where `camera.allow_basic`), once.

    Raises LoginFailed or Trouble: HOSTILE for redirects, encodings and bodies above MAX_BYTES.
    """
    with http.HttpConnection(camera, camera.ports.onvif) as session:
        reply = session.get(path, deadline=deadline, cap=MAX_BYTES)
        if reply.status == 401:
            reply = _logged_in(session, camera, path, reply, permit(log_in), deadline)
    if not 200 <= reply.status < 300:
        raise Trouble(http.reason_of(reply.status), f"HTTP {reply.status} {tidy(reply.phrase, 60)}".rstrip())
    if not reply.body.startswith(b"\xff\xd8"):
        raise Trouble(Reason.MALFORMED, "the snapshot is no JPEG")
    return Footage(JPEG, (Take(reply.body, (0.0,)),))


def _logged_in(
    session: http.HttpConnection, camera: Camera, path: str, refusal: Reply, login: Permit, deadline: Deadline
) -> Reply:
    if not camera.credentials:
        raise Trouble(Reason.REFUSED, "login asked for, no credentials enrolled")
    if not login.allowed:
        raise Trouble(Reason.REFUSED, "login asked for, logging in is suspended")
    challenge = digest.choose(refusal.all("www-authenticate"), allow_basic=camera.allow_basic)
    answer = digest.authorization(challenge, camera.credentials, "GET", path)
    reply = session.get(path, deadline=deadline, cap=MAX_BYTES, headers={"Authorization": answer})
    if reply.status in (401, 403):
        words = " ".join((reply.phrase, reply.body[:2000].decode("latin-1")))
        left = digest.attempts_left(words)
        login.refused(left, digest.forgives_s(words, reply.first("retry-after")))
        raise LoginFailed(f"HTTP {reply.status} to our login", left)
    login.accepted()
    return reply
