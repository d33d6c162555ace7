"""RTP packets and interleaved frames, byte by byte."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.ask.rtsp import rtp
from agent.ask.rtsp.rtp import Packet

PLAIN = bytes.fromhex("80 80 0001 000000a0 deadbeef") + b"sound"


def test_a_packet_on_the_wire() -> None:
    """Version 2, marker and payload type, sequence, timestamp, source, payload (RFC 3550, 5.1)."""
    assert rtp.pack(Packet(0, 1, 160, b"sound", True), 0xDEADBEEF) == PLAIN
    assert rtp.parse(PLAIN) == Packet(0, 1, 160, b"sound", True)


def test_a_frame_on_the_wire() -> None:
    """A dollar sign, the channel, the length, the data (RFC 2326, 10.12)."""
    assert rtp.frame(2, b"abc") == b"$\x02\x00\x03abc"


def test_sources_extension_and_padding_are_left_out() -> None:
    """Contributing sources, an extension and padding are not payload."""
    head = struct.pack("!BBHII", 0x80 | 0x20 | 0x10 | 2, 8, 5, 6, 7)
    data = head + b"\0" * 8 + b"\xbe\xde\0\x01" + b"\0" * 4 + b"sound" + b"\0\0\x03"
    assert rtp.parse(data) == Packet(8, 5, 6, b"sound")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x80" * 11,
        b"\x40" + PLAIN[1:],
        b"\x8f" + PLAIN[1:],
        b"\x90" + PLAIN[1:12],
        b"\xa0" + PLAIN[1:-1] + b"\xff",
    ],
)
def test_no_packet(data: bytes) -> None:
    """Too short, another version, or lengths beyond the data: no packet."""
    assert rtp.parse(data) is None


@given(st.binary(max_size=80))
def test_any_bytes_are_a_packet_or_none(data: bytes) -> None:
    """Whatever arrives, its payload is a piece of it."""
    packet = rtp.parse(data)
    assert packet is None or packet.payload in data


@given(st.integers(0, 127), st.integers(0, 1 << 40), st.integers(0, 1 << 40), st.binary(max_size=50), st.booleans())
def test_numbers_wrap_around(kind: int, seq: int, stamp: int, payload: bytes, marker: bool) -> None:
    """Sequence and timestamp go round like RTP's; all else arrives as it was."""
    packet = rtp.parse(rtp.pack(Packet(kind, seq, stamp, payload, marker), 1))
    assert packet == Packet(kind, seq & 0xFFFF, stamp & 0xFFFFFFFF, payload, marker)
