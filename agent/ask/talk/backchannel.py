"""Talking through the ONVIF backchannel (ONVIF Streaming, 5.3): its track opened, and a chirp heard again.

A chirp played through the camera's loudspeaker is looked for in what its own microphone sends meanwhile.
"""

import contextlib
import secrets
import threading
import time
from itertools import chain, pairwise
from math import sqrt
from typing import Any, NamedTuple, TypeVar

from agent.ask.attempt import Deadline, Trouble, ask
from agent.ask.rtsp import rtp
from agent.ask.rtsp.client import Status
from agent.ask.rtsp.sdp import Format, Media
from agent.ask.rtsp.session import GOODBYE_S, RtspSession
from agent.ask.talk import chirp, g711
from agent.model import Camera, NotSeen, Seen, Talk
from agent.permit import Permit, permit
from contract.vocabulary import Reason

T = TypeVar("T")
LEAD_S, TAIL_S = 0.4, 0.9
"""Listening before and after the chirp: a loudspeaker's buffer and a microphone's coding take up to 0.6 s."""
SHORTEST_TAIL_S = 0.5
PACKET = 160
"""Samples in a packet: 20 ms (RFC 3551, 4.2)."""
MAX_SAMPLES = 5 * g711.RATE_HZ
"""Kept of what the microphone sends; a camera may begin with a second of past sound."""
_TALK, _MICROPHONE, _VIDEO = 0, 2, 4
"""Channels asked for."""
_MUTED_RMS = 16
"""Of 16-bit samples; G.711 codes a silent input as at most 8."""
_MUTED_SHARE = 0.1
_SHORTEST_MUTE_S, _LATEST_MUTE_S = 0.7, 0.6
_one_at_a_time = threading.Lock()
"""Two cameras of one kitchen would hear each other."""


def onvif_path(path: str) -> str:
    """The stream path at which a backchannel is offered: Dahua has one only where the URL says that ONVIF is spoken.

    The path that ONVIF names says so by itself; one that a person wrote down may not (go2rtc's notes on RTSP sources).
    """
    if path.startswith("/cam/realmonitor?") and "proto=" not in path:
        return f"{path}&unicast=true&proto=Onvif"
    return path


def setup(camera: Camera, *, log_in: bool | Permit, deadline_s: float = 5.0) -> Seen[bool] | NotSeen:
    """SETUP of the backchannel's track at `camera.stream_path`, and TEARDOWN at once; makes no sound.

    Seen(True): the track opens. NotSeen: UNSUPPORTED (the camera refuses SETUP of it), BUSY (some have one backchannel,
    and somebody talks), UNASKED (no stream path, or no such track this time), and others as in rtsp.
    """
    opened = _opened(camera, log_in, Deadline(deadline_s - GOODBYE_S))
    if isinstance(opened, Seen):
        opened.value.session.close()
        return _in_place(opened, True)
    return opened


def sound(camera: Camera, *, log_in: bool | Permit, deadline_s: float = 8.0) -> Talk:
    """Open the backchannel, play one second of chirp and listen, all in one session of less than 3 s.

    `heard` is UNSUPPORTED where the stream has no microphone, UNASKED where it or the backchannel speaks no G.711 at
    8 kHz. People hear it: only when asked for. One camera of this process at a time; `deadline_s` runs from its turn.
    """
    with _one_at_a_time:
        deadline = Deadline(deadline_s - GOODBYE_S)
        opened = _opened(camera, log_in, deadline)
        if isinstance(opened, NotSeen):
            return Talk(setup=opened)
        with opened.value.session:
            recording = ask(lambda: _converse(opened.value), deadline=deadline)
    done = _in_place(opened, True)
    if isinstance(recording, NotSeen):
        return Talk(setup=done, heard=recording)
    samples = list(chain.from_iterable(piece.samples for piece in recording.value.pieces))
    heard = round(chirp.correlation(chirp.chirp(), samples), 3)
    return Talk(setup=done, heard=_in_place(recording, heard), half_duplex=muted(recording.value))


def _in_place(seen: Seen[Any], value: T) -> Seen[T]:
    return Seen(value=value, at=seen.at, took_s=seen.took_s, attempts=seen.attempts)


# ---- opening ------------------------------------------------------------------------------------


class _Open(NamedTuple):
    """A session whose backchannel is set up: interleaved frames on `channel` go to the loudspeaker."""

    session: RtspSession
    media: tuple[Media, ...]
    track: Media
    channel: int


def _opened(camera: Camera, log_in: bool | Permit, deadline: Deadline) -> Seen[_Open] | NotSeen:
    one = permit(log_in)  # for all attempts together
    return ask(lambda: _open(camera, one, deadline), deadline=deadline)


def _open(camera: Camera, log_in: Permit, deadline: Deadline) -> _Open:
    if not camera.stream_path:
        raise Trouble(Reason.UNASKED, "no stream path known yet")
    session = RtspSession(camera, deadline, log_in=log_in)
    try:
        media = _described(session)
        track = _talk_track(media)
        return _Open(session, media, track, session.setup(track, _TALK))
    except BaseException:
        session.close()
        raise


def _described(session: RtspSession) -> tuple[Media, ...]:
    """Only SETUP may say no here: what DESCRIBE says of the path is for others to ask."""
    try:
        return session.open()
    except Status as status:
        reason = Reason.UNASKED if status.reason is Reason.UNSUPPORTED else status.reason
        raise Trouble(reason, f"DESCRIBE: {status.detail}") from None


def _talk_track(media: tuple[Media, ...]) -> Media:
    """The sendonly audio track, of several one that speaks G.711. Raises Trouble(UNASKED) when there is none."""
    tracks = [one for one in media if (one.kind, one.direction) == ("audio", "sendonly")]
    if not tracks:
        raise Trouble(Reason.UNASKED, "no audio sendonly in this description")
    return next((one for one in tracks if _spoken(one)), tracks[0])


def _spoken(track: Media) -> tuple[Format, ...]:
    """Its formats that we speak."""
    return tuple(f for f in track.formats if f.codec in g711.CODECS and f.rate in (0, g711.RATE_HZ))


# ---- talking and listening ----------------------------------------------------------------------


class Piece(NamedTuple):
    """One packet from the microphone: when it arrived, in seconds of the recording, and its 16-bit samples."""

    at_s: float
    samples: list[int]


class Recording(NamedTuple):
    """What the camera's own microphone sent while we talked.

    `talk_s`: when, in seconds of the recording, the chirp began to be sent.
    """

    pieces: list[Piece]
    talk_s: float


def _converse(opened: _Open) -> Recording:
    session, spoken = opened.session, _spoken(opened.track)
    if not spoken:
        raise Trouble(Reason.UNASKED, f"backchannel speaks {' '.join(opened.track.codecs)}, not G.711 at 8 kHz")
    microphone = _microphone(opened.media)
    channel = session.setup(microphone, _MICROPHONE)
    _set_up_video(session, opened.media)
    session.play()
    if not session.lasts(LEAD_S + chirp.LENGTH_S + SHORTEST_TAIL_S):
        raise Trouble(Reason.TIMED_OUT, "too slow to hear a chirp within the time a track may be held")
    ear = _Ear(session, channel, _spoken(microphone))
    for n, packet in enumerate(_packets(spoken[0])):
        ear.listen(LEAD_S + n * PACKET / g711.RATE_HZ)
        session.send(opened.channel, packet)
    ear.listen(LEAD_S + chirp.LENGTH_S + TAIL_S)
    if not ear.pieces:
        raise Trouble(Reason.TIMED_OUT, "the microphone sent no sound")
    return Recording(ear.pieces, LEAD_S)


def _set_up_video(session: RtspSession, media: tuple[Media, ...]) -> None:
    """The picture is thrown away; but where all tracks are one pipeline (GStreamer's server) a missing one leaves the
    backchannel dead half of the time.
    """
    video = next((one for one in media if one.kind == "video"), None)
    if video:
        with contextlib.suppress(Status):
            session.setup(video, _VIDEO)


def _microphone(media: tuple[Media, ...]) -> Media:
    tracks = [one for one in media if one.kind == "audio" and one.direction in ("recvonly", "sendrecv")]
    if not tracks:
        raise Trouble(Reason.UNSUPPORTED, "the stream has no microphone")
    for track in tracks:
        if _spoken(track):
            return track
    raise Trouble(Reason.UNASKED, f"microphone speaks {' '.join(tracks[0].codecs)}, not G.711 at 8 kHz")


def _packets(spoken: Format) -> list[bytes]:
    """The chirp in RTP; the first packet carries the marker (RFC 3551, 4.1), all numbers begin at random."""
    sound = g711.encode(spoken.codec, chirp.chirp())
    ssrc, seq, stamp = secrets.randbits(32), secrets.randbits(16), secrets.randbits(32)
    return [
        rtp.pack(rtp.Packet(spoken.number, seq + n, stamp + start, sound[start : start + PACKET], start == 0), ssrc)
        for n, start in enumerate(range(0, len(sound), PACKET))
    ]


class _Ear:
    """Keeps what arrives from the microphone from now on; all else is thrown away."""

    def __init__(self, session: RtspSession, channel: int, formats: tuple[Format, ...]) -> None:
        self.pieces: list[Piece] = []
        self._session = session
        self._channel = channel
        self._codecs = {one.number: one.codec for one in formats}
        self._room = MAX_SAMPLES
        self._began = time.monotonic()

    def listen(self, until_s: float) -> None:
        """Until so many seconds of the recording have passed, or the session's time is up."""
        while (left := self._began + until_s - time.monotonic()) > 0 and (frame := self._session.receive(left)):
            packet = rtp.parse(frame.data) if frame.channel == self._channel else None
            codec = self._codecs.get(packet.kind) if packet else None
            samples = g711.decode(codec, packet.payload[: self._room]) if packet and codec else []
            if samples:
                self._room -= len(samples)
                self.pieces.append(Piece(time.monotonic() - self._began, samples))


# ---- half duplex --------------------------------------------------------------------------------


def muted(recording: Recording) -> bool:
    """Whether the microphone fell silent just while we talked: it was alive before, and was again afterwards."""
    loudness = [(piece.at_s, _rms(piece.samples)) for piece in recording.pieces]
    before = [rms for at_s, rms in loudness if at_s < recording.talk_s]
    usual = sorted(before)[len(before) // 2] if before else 0.0
    if usual <= _MUTED_RMS:
        return False
    alive = [at_s for at_s, rms in loudness if rms > max(_MUTED_RMS, _MUTED_SHARE * usual)]
    return any(
        end - start >= _SHORTEST_MUTE_S and abs(start - recording.talk_s) <= _LATEST_MUTE_S
        for start, end in pairwise(alive)
    )


def _rms(samples: list[int]) -> float:
    return sqrt(sum(x * x for x in samples) / len(samples)) if samples else 0.0
