"""RTP packets (RFC 3550, 5.1) and their framing within an RTSP connection (RFC 2326, 10.12), packed and parsed.

Pure.
"""

import struct
from typing import NamedTuple

FRAME_HEAD = 4
"""Bytes before the packet in an interleaved frame: "$", channel, length."""
_HEAD = struct.Struct("!BBHII")
_VERSION = 2


class Packet(NamedTuple):
    """One RTP packet.

    `kind`: payload type 0..127; `stamp`: in units of the payload's clock; `marker`: the first after a silence.
    """

    kind: int
    seq: int
    stamp: int
    payload: bytes
    marker: bool = False


class Frame(NamedTuple):
    """An interleaved frame: what arrived on one channel (0..255) of an RTSP connection."""

    channel: int
    data: bytes


def pack(packet: Packet, ssrc: int) -> bytes:
    """The packet without padding, extension or contributing sources; numbers wrap around as RTP's do."""
    second = packet.kind & 0x7F | packet.marker << 7
    head = _HEAD.pack(_VERSION << 6, second, packet.seq & 0xFFFF, packet.stamp & 0xFFFFFFFF, ssrc & 0xFFFFFFFF)
    return head + packet.payload


def parse(data: bytes) -> Packet | None:
    """The packet without sources, extension and padding; None when the bytes are not one whole RTP packet."""
    if len(data) < _HEAD.size or data[0] >> 6 != _VERSION:
        return None
    first, second, seq, stamp, _ = _HEAD.unpack_from(data)
    start, end = _HEAD.size + 4 * (first & 0x0F), len(data)
    if first & 0x10:  # one extension: two bytes of profile, two of length in words
        start += 4 + 4 * int.from_bytes(data[start + 2 : start + 4], "big")
    if first & 0x20:
        end -= data[-1]
    if not start <= end <= len(data):
        return None
    return Packet(second & 0x7F, seq, stamp, data[start:end], bool(second >> 7))


def frame(channel: int, data: bytes) -> bytes:
    """The bytes of an interleaved frame. `data` of at most 65,535 bytes."""
    return struct.pack("!cBH", b"$", channel, len(data)) + data
