"""A picture of 8192x8192 grey pixels in a quarter of a megabyte of H.264 (ITU-T H.264, 7.3), written bit by bit.

A decoder that trusts it takes some hundred megabytes; that is its purpose.
"""

import re
from functools import cache

from simulator.rtp import Payload, payloads

SIDE = 8192
_BLOCKS = SIDE // 16
_MACROBLOCK = "00100" + "1" + "1" + "1"
"""Intra 16x16 predicted from the mean, chroma from the mean, no change of the quantiser, no coefficient."""


def ue(value: int) -> str:
    """Exp-Golomb code (9.1)."""
    bits = f"{value + 1:b}"
    return "0" * (len(bits) - 1) + bits


def nal(head: int, bits: str) -> bytes:
    """A NAL unit with its stop bit and emulation prevention (7.4.1)."""
    bits += "1"
    bits += "0" * (-len(bits) % 8)
    body = int(bits, 2).to_bytes(len(bits) // 8, "big")
    return bytes([head]) + re.sub(rb"\x00\x00(?=[\x00-\x03])", b"\x00\x00\x03", body)


@cache
def parameter_sets() -> tuple[bytes, bytes]:
    """SPS (Baseline, level 6.2, picture order type 2) and PPS (CAVLC)."""
    size = ue(_BLOCKS - 1) + ue(_BLOCKS - 1)
    sps = f"{66:08b}" + f"{0:08b}" + f"{62:08b}" + ue(0) + ue(0) + ue(2) + ue(1) + "0" + size + "1100"
    pps = ue(0) + ue(0) + "00" + ue(0) + ue(0) + ue(0) + "000" + ue(0) + ue(0) + ue(0) + "100"
    return nal(0x67, sps), nal(0x68, pps)


def nals() -> tuple[bytes, ...]:
    """The NAL units of one key picture, its parameter sets first."""
    head = ue(0) + ue(7) + ue(0) + "0000" + ue(0) + "00" + ue(0) + ue(1)
    return (*parameter_sets(), nal(0x65, head + _MACROBLOCK * _BLOCKS**2))


@cache
def picture() -> list[Payload]:
    """Its RTP payloads."""
    return payloads("H264", nals())
