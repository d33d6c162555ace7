"""RTP: NAL units into payloads (RFC 6184, RFC 7798), headers (RFC 3550).

Pure; it knows nothing of sessions, sockets or time.
"""

import struct
from typing import NamedTuple

MTU = 1400
VIDEO_CLOCK, AUDIO_CLOCK = 90_000, 8_000


class Payload(NamedTuple):
    """`marker`: last of its picture."""

    marker: bool
    data: bytes


def payloads(codec: str, nals: tuple[bytes, ...]) -> list[Payload]:
    """The RTP payloads of one picture, fragmented where a NAL unit exceeds the MTU."""
    cut = _cut_h265 if codec == "H265" else _cut_h264
    pieces = [piece for nal in nals for piece in ([nal] if len(nal) <= MTU else cut(nal))]
    return [Payload(i == len(pieces) - 1, piece) for i, piece in enumerate(pieces)]


def _cut_h264(nal: bytes) -> list[bytes]:
    """FU-A (RFC 6184, 5.8): indicator with type 28, header with start and end bits and the unit's type."""
    indicator, kind = (nal[0] & 0xE0) | 28, nal[0] & 0x1F
    return [bytes([indicator, kind | flags]) + part for flags, part in _parts(nal[1:], MTU - 2)]


def _cut_h265(nal: bytes) -> list[bytes]:
    """Fragmentation units (RFC 7798, 4.4.3): payload header with type 49, then the FU header."""
    header, kind = bytes([(nal[0] & 0x81) | (49 << 1), nal[1]]), (nal[0] >> 1) & 0x3F
    return [header + bytes([kind | flags]) + part for flags, part in _parts(nal[2:], MTU - 3)]


def _parts(data: bytes, size: int) -> list[tuple[int, bytes]]:
    starts = range(0, len(data), size)
    return [((0x80 if i == 0 else 0) | (0x40 if i + size >= len(data) else 0), data[i : i + size]) for i in starts]


def interleaved(channel: int, kind: int, payload: Payload, seq: int, timestamp: int, ssrc: int) -> bytes:
    """An RTP packet framed for the RTSP connection (RFC 2326, 10.12). `kind` = payload type."""
    second = kind | (0x80 if payload.marker else 0)
    head = struct.pack("!BBHII", 0x80, second, seq & 0xFFFF, timestamp & 0xFFFFFFFF, ssrc)
    return struct.pack("!BBH", 0x24, channel, len(head) + len(payload.data)) + head + payload.data
