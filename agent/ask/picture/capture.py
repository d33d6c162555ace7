"""One visit to a camera for its picture: a keyframe and what follows it over RTSP, or a JPEG snapshot over HTTP.

Our own clients fetch the bytes, so that no decoder speaks to a camera, follows a redirect or holds a password.
"""

import time
from typing import NamedTuple

from agent.ask.attempt import Deadline, Trouble
from agent.ask.net import digest, http
from agent.ask.net.message import Reply
from agent.ask.rtsp import nal, rtp
from agent.ask.rtsp.client import LoginFailed
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
MAX_BYTES = 4 * 1024 * 1024
"""Of one visit's pictures, compressed: a keyframe in 4K takes 1 MB at most, a snapshot of 12 megapixels 4 MB."""
MAX_RECEIVED = 12 * 1024 * 1024
"""Of all media received in one visit, what comes before the first keyframe included."""
HEAD_S = 1.0
"""All pictures of so long from the first keyframe on: long enough to see a camera shake."""
SECOND_S = 4.0
"""How long after the first keyframe the next one is waited for; most cameras send one every 2 s."""
SILENCE_S = 3.0
"""After PLAY: who sent nothing for so long sends nothing; less says nothing about the camera."""


class Footage(NamedTuple):
    """What a visit brought home: takes of a film, or one with one JPEG in it."""

    codec: str
    takes: tuple[Take, ...]


# ---- RTSP ---------------------------------------------------------------------------------------


class _Viewing(RtspSession):
    """A session for the picture alone: no backchannel asked for, held until the visit's own deadline."""

    tag = ""
    hold_s = 60.0
    max_received = MAX_RECEIVED


def film(camera: Camera, *, log_in: bool | Permit, deadline: Deadline, brief: bool = False) -> Footage:
    """Pictures of `camera.stream_path`: HEAD_S from a keyframe on, and the next keyframe where it comes in SECOND_S.

    `brief`: the first keyframe is enough. Everything travels on the one connection to the enrolled address (RFC 2326,
    10.12); TEARDOWN always follows. Raises rtsp.Status, LoginFailed or Trouble: TIMED_OUT when no whole keyframe comes
    in time (NO_KEYFRAME) or nothing at all, the session ended by the camera included (NO_MEDIA); HOSTILE for floods and
    redirects, UNASKED where the codec is none we read (NO_DECODER): no word about it.
    """
    with _Viewing(camera, deadline, log_in=log_in) as viewing:
        track, codec = _video(viewing.open())
        channel = viewing.setup(track, 0)
        viewing.play()
        reel, silent = Reel(codec, track.parameter_sets, cap=MAX_BYTES, head_s=HEAD_S), Deadline(SILENCE_S)
        came = _watch(viewing, channel, track, reel, deadline, brief=brief)
    if reel.takes:
        return Footage(codec, reel.takes)
    if reel.full:
        raise Trouble(Reason.HOSTILE, f"a keyframe larger than {MAX_BYTES} bytes")
    if came:
        raise Trouble(Reason.TIMED_OUT, "no keyframe in time", Finding.NO_KEYFRAME)
    waited = silent.passed() or not deadline.passed()  # or it ended the session by itself
    raise Trouble(Reason.TIMED_OUT, "no video after PLAY", Finding.NO_MEDIA if waited else "")


def _video(media: tuple[Media, ...]) -> tuple[Media, str]:
    """The largest video track that can be read, as far as the description tells, else the first; and its codec."""
    videos = [one for one in media if one.kind == "video"]
    readable = [(track, codec) for track in videos for codec in track.codecs[:MAX_CODECS] if codec in CODECS]
    if readable:
        return max(readable, key=lambda one: _pixels(*one))
    if not videos:
        raise Trouble(Reason.MALFORMED, "the description names no video")
    names = " ".join(codec for track in videos for codec in track.codecs)
    raise Trouble(Reason.UNASKED, tidy(f"no decoder here for {names or 'its video'}", 80), Finding.NO_DECODER)


def _pixels(track: Media, codec: str) -> int:
    width, height = max((nal.size(codec, unit) for unit in track.parameter_sets), default=(0, 0))
    return width * height or track.pixels


def _watch(viewing: RtspSession, channel: int, track: Media, reel: Reel, deadline: Deadline, *, brief: bool) -> bool:
    """Fill the reel; returns whether any video came. What has come is enough when the camera ends the session."""
    kinds = {form.number for form in track.formats if form.codec in CODECS}
    came, end = False, deadline
    while not (reel.done or end.passed()):
        try:
            frame = viewing.receive(end.left())
        except Trouble as trouble:
            if trouble.reason is Reason.HOSTILE:
                raise
            frame = None
        if frame is None:
            break
        # one track alone was set up, so its payload type tells it from RTCP where a camera uses another channel
        packet = rtp.parse(frame.data) if frame.channel == channel or kinds else None
        if packet is None or (kinds and packet.kind not in kinds):
            continue
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
