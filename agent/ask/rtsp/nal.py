"""What stands at the beginning of NAL units of H.264 (ITU-T H.264, 7.3) and H.265 (ITU-T H.265, 7.3). Pure.

Enough to tell pictures apart, to know from which one a decoder may begin, and how large they are; whatever cannot be
read is answered with "no" or 0.
"""

import re
from collections.abc import Iterator

_EMULATION = re.compile(rb"\x00\x00\x03")
_START = re.compile(rb"\x00\x00+\x01")
_HEAD_BYTES = 64
_MAX_ZEROS = 31
_INTRA = frozenset({2, 4, 7, 9})
"""slice_type of I and SI slices (H.264, table 7-6)."""
_RECOVERY_POINT = 6
_HIGH_PROFILES = frozenset({100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135})
_MB_PX = 16
MAX_SIDE_PX = 32_768


def parted(unit: bytes) -> Iterator[bytes]:
    """The unit; or the several that a camera has sent as one, Annex B start codes and all. None holds such a code."""
    parts = _START.split(unit)
    if len(parts) == 1:
        yield unit
        return
    for part in parts:
        if whole := part.rstrip(b"\0"):
            yield whole


class _Bits:
    """Reads bits; beyond the end they are 0."""

    def __init__(self, payload: bytes) -> None:
        data = _EMULATION.sub(b"\x00\x00", payload)
        self._value, self._left = int.from_bytes(data, "big"), 8 * len(data)

    def u(self, count: int) -> int:
        self._left -= count
        if self._left < 0:
            return 0
        return self._value >> self._left & ((1 << count) - 1)

    def ue(self) -> int:
        zeros = 0
        while zeros < _MAX_ZEROS and self._left > 0 and not self.u(1):
            zeros += 1
        return (1 << zeros) - 1 + self.u(zeros)

    def se(self) -> int:
        code = self.ue()
        return (code + 1) // 2 if code % 2 else -(code // 2)


# ---- slices -------------------------------------------------------------------------------------


def begins_picture(codec: str, unit: bytes) -> bool:
    """Whether a slice is the first of its picture: first_mb_in_slice 0, or first_slice_segment_in_pic_flag."""
    head = 1 if codec == "H264" else 2
    return len(unit) > head and bool(unit[head] & 0x80)


def is_intra(unit: bytes) -> bool:
    """Whether an H.264 slice refers to no other picture."""
    bits = _Bits(unit[1:_HEAD_BYTES])
    bits.ue()
    return bits.ue() in _INTRA


def recovery(unit: bytes) -> int | None:
    """After how many pictures one that decodes from this H.264 SEI on is right (D.1.8); None = it is no such point."""
    at = 1
    while at + 2 < len(unit):
        kind, at = _sei_number(unit, at)
        size, at = _sei_number(unit, at)
        if kind == _RECOVERY_POINT:
            return _Bits(unit[at : at + size]).ue()
        at += size
    return None


def _sei_number(unit: bytes, at: int) -> tuple[int, int]:
    number = 0
    while at < len(unit) and unit[at] == 0xFF:
        number, at = number + 255, at + 1
    return (number + unit[at], at + 1) if at < len(unit) else (0, at)


# ---- how large ----------------------------------------------------------------------------------


def size(codec: str, unit: bytes) -> tuple[int, int]:
    """Width and height in a sequence parameter set, px, not cropped; (0, 0) where it is none or cannot be read."""
    if not unit:
        return 0, 0
    width, height = _size_h264(unit) if codec == "H264" else _size_h265(unit)
    fits = 0 < width <= MAX_SIDE_PX and 0 < height <= MAX_SIDE_PX
    return (width, height) if fits else (0, 0)


def _size_h264(unit: bytes) -> tuple[int, int]:
    if unit[0] & 0x1F != 7:
        return 0, 0
    bits = _Bits(unit[1:512])
    profile = bits.u(8)
    bits.u(16)
    bits.ue()
    if profile in _HIGH_PROFILES:
        _skip_high(bits)
    bits.ue()
    _skip_order(bits)
    bits.ue()
    bits.u(1)
    width, units = (bits.ue() + 1) * _MB_PX, bits.ue() + 1
    return width, units * _MB_PX * (1 if bits.u(1) else 2)


def _skip_high(bits: _Bits) -> None:
    """Chroma format, depths and scaling matrices (7.3.2.1.1)."""
    chroma = bits.ue()
    if chroma == 3:
        bits.u(1)
    bits.ue()
    bits.ue()
    bits.u(1)
    if bits.u(1):
        for number in range(8 if chroma != 3 else 12):
            if bits.u(1):
                last = following = 8
                for _ in range(16 if number < 6 else 64):
                    if following:
                        following = (last + bits.se()) % 256
                    last = following or last


def _skip_order(bits: _Bits) -> None:
    """Picture order count."""
    kind = bits.ue()
    if kind == 0:
        bits.ue()
    elif kind == 1:
        bits.u(1)
        bits.se()
        bits.se()
        for _ in range(min(bits.ue(), 255)):
            bits.se()


def _size_h265(unit: bytes) -> tuple[int, int]:
    if unit[0] >> 1 & 0x3F != 33:
        return 0, 0
    bits = _Bits(unit[2:512])
    bits.u(4)
    layers = bits.u(3)
    bits.u(1)
    bits.u(88)
    bits.u(8)
    present = [(bits.u(1), bits.u(1)) for _ in range(layers)]
    if layers:
        bits.u(2 * (8 - layers))
    for profile, level in present:
        bits.u(88 if profile else 0)
        bits.u(8 if level else 0)
    bits.ue()
    if bits.ue() == 3:
        bits.u(1)
    return bits.ue(), bits.ue()
