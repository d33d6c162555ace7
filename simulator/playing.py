"""Sending pictures and the kitchen's sound in real time over an RTSP connection, for ever."""

import asyncio
import random
import secrets
from asyncio import StreamWriter

from simulator import giant, sdp
from simulator.persona import Profile, size_of
from simulator.room import HOLD_S
from simulator.rtp import AUDIO_CLOCK, VIDEO_CLOCK, Payload, interleaved
from simulator.studio import Film, Format, Live, Studio
from simulator.unit import Unit

MAX_UNSENT = 2 * 1024 * 1024
"""A client that reads so slowly loses pictures, like a camera's."""
SOUND = 160
"""Samples in a packet: 20 ms."""


def format_of(profile: Profile) -> Format:
    return Format(*size_of(profile.size), profile.fps, profile.codec)


class Projector:
    """Which picture comes next: of a film while nothing but cooks moves, live while a motor runs."""

    def __init__(self, unit: Unit, studio: Studio, profile: Profile) -> None:
        self._unit, self._studio, self._profile = unit, studio, profile
        self._film: Film | None = None
        self._live: Live | None = None
        self._shown = 0

    @property
    def live(self) -> bool:
        """Whether the last picture was a live one."""
        return self._live is not None

    async def next(self, now: float) -> list[Payload]:
        """RTP payloads of the picture taken at `now`. A change begins with a key picture."""
        if self._unit.fault == "rtsp-huge-frame":
            self._film = self._live = None
            return giant.picture()
        packets = await self._picture(now)
        spoilt = self._unit.fault == "rtsp-undecodable"
        return [_blanked(one, self._profile.codec) for one in packets] if spoilt else packets

    async def _picture(self, now: float) -> list[Payload]:
        form, source = format_of(self._profile), self._profile.source
        shot, phase = self._unit.shot(source, now), self._shown % form.loop
        if self._unit.moving(source, now):
            self._film, self._live = None, self._live or self._studio.live(form)
            self._shown += 1
            return await self._live.picture(shot, phase / form.loop)
        film = self._studio.film(form, shot)
        if film is not self._film:
            self._film, self._live, self._shown, phase = film, None, 0, 0
        self._shown += 1
        return await film.picture(phase)


def _blanked(payload: Payload, codec: str) -> Payload:
    """The same packet, all zero bits behind its headers: no number (ue(v), ITU-T H.264, 9.1) can be read from that."""
    fragment = (payload.data[0] >> 1) & 0x3F == 49 if codec == "H265" else payload.data[0] & 0x1F == 28
    head = (2 if codec == "H265" else 1) + fragment
    zeros = b"\x00\x00\x03" * (len(payload.data) // 3 + 1)
    return payload._replace(data=payload.data[:head] + zeros[: len(payload.data) - head])


async def play(
    unit: Unit, studio: Studio, profile: Profile, channels: dict[str, int], stamp: int, writer: StreamWriter
) -> None:
    """Send until cancelled or the connection is gone. `stamp`: RTP timestamp of the first packet of each track.

    Where live pictures come late, the ones due meanwhile are skipped; a film is shown whole.
    """
    loop, ssrc = asyncio.get_running_loop(), secrets.randbits(31)
    started, number, seq = loop.time(), 0, 0
    projector, dice = Projector(unit, studio, profile), random.Random(unit.spec.seed)
    speaker = asyncio.create_task(_sound(unit, channels, stamp, writer, ssrc + 1))
    try:
        while not writer.is_closing():
            late = dice.uniform(0.0, unit.spec.jitter_s)
            await asyncio.sleep(started + number / profile.fps + late - loop.time())
            packets = await projector.next(started + number / profile.fps)
            if sdp.VIDEO in channels and _may_send(unit, writer):
                at = stamp + number * VIDEO_CLOCK // profile.fps
                framed = enumerate(packets, seq)
                writer.write(b"".join(interleaved(channels[sdp.VIDEO], 96, p, n, at, ssrc) for n, p in framed))
            seq += len(packets)
            number = max(number + 1, int((loop.time() - started) * profile.fps) if projector.live else 0)
    finally:
        speaker.cancel()


async def _sound(unit: Unit, channels: dict[str, int], stamp: int, writer: StreamWriter, ssrc: int) -> None:
    """What the microphone hears, packet by packet; a half-duplex one hears nothing while somebody talks."""
    loop = asyncio.get_running_loop()
    started, seq = loop.time(), 0
    audio = unit.persona.audio if unit.persona else None
    while sdp.MICROPHONE in channels and not writer.is_closing():
        await asyncio.sleep(started + (seq + 1) * SOUND / AUDIO_CLOCK - loop.time())
        now = started + seq * SOUND / AUDIO_CLOCK
        shut = audio is not None and audio.speaker == "half_duplex" and now < unit.room.talking_until + HOLD_S
        heard = unit.room.hear(int(now * AUDIO_CLOCK), SOUND, deafened=shut)
        if _may_send(unit, writer):
            packet = Payload(marker=seq == 0, data=heard)
            writer.write(interleaved(channels[sdp.MICROPHONE], 0, packet, seq, stamp + seq * SOUND, ssrc))
        seq += 1


def _may_send(unit: Unit, writer: StreamWriter) -> bool:
    silent = unit.fault in {"hang", "rtsp-silent"}
    return not silent and writer.transport.get_write_buffer_size() < MAX_UNSENT
