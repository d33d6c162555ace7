"""What stands at the beginning of NAL units of H.264 (ITU-T H.264, 7.3) and H.265 (ITU-T H.265, 7.3). Pure.

Enough to tell pictures apart, to know from which one a decoder may begin, and how large they are; whatever cannot be
read is answered with "no" or 0.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

_EMULATION = re.compile(rb"\x00\x00\x03")
_START = re.compile(rb"\x00\x00+\x01")
_HEAD_BYTES = 64
_MAX_ZEROS = 31
_INTRA = frozenset({2, 4, 7, 9})
"""slice_type of I and SI slices (H.264, table 7-6)."""
_RECOVERY_POINT = 6
_TIMING = 1
_TIMING_ALONE = "000000010"
"""Usability information (E.1.1): pic_struct_present_flag and no other part."""
_NEEDS_EMULATION = re.compile(rb"\x00\x00(?=[\x00-\x03])")
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
        self._value, self._whole = int.from_bytes(data, "big"), 8 * len(data)
        self.left = self._whole
        """Bits not read yet; below 0 beyond the end."""

    def first(self, count: int) -> int:
        """The number that the first bits are."""
        return self._value >> (self._whole - count)

    def u(self, count: int) -> int:
        self.left -= count
        if self.left < 0:
            return 0
        return self._value >> self.left & ((1 << count) - 1)

    def ue(self) -> int:
        zeros = 0
        while zeros < _MAX_ZEROS and self.left > 0 and not self.u(1):
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


class Field(NamedTuple):
    """One of the two fields of an interlaced frame. `frame`: its frame_num; `parity`: 0 = top, 1 = bottom."""

    frame: int
    parity: int


def field(unit: bytes, of: "Sequence") -> Field | None:
    """The field that an H.264 slice is of (7.3.3); None = of a whole frame."""
    if not of.has_fields:
        return None
    bits = _Bits(unit[1:_HEAD_BYTES])
    for _ in range(3):  # first_mb_in_slice, slice_type, pic_parameter_set_id
        bits.ue()
    bits.u(2 if of.planes else 0)
    frame = bits.u(of.number_bits)
    return Field(frame, bits.u(1)) if bits.u(1) else None


def recovery(codec: str, unit: bytes) -> int | None:
    """After how many pictures one that decodes from this SEI on is right; None = it is no such point.

    H.264, D.1.8; H.265, D.2.8.
    """
    for kind, start, end in _messages(codec, unit):
        if kind == _RECOVERY_POINT:
            bits = _Bits(unit[start:end])
            return bits.ue() if codec == "H264" else max(bits.se(), 0)
    return None


def untimed(codec: str, unit: bytes) -> bytes:
    """The SEI without picture timing; b"" where that is all there is."""
    head, kept = _head_size(codec), b""
    at = head
    for kind, _, end in _messages(codec, unit):
        kept += b"" if kind == _TIMING else unit[at:end]
        at = end
    return unit[:head] + kept + b"\x80" if kept else b""


def _head_size(codec: str) -> int:
    """Bytes of a unit's header."""
    return 1 if codec == "H264" else 2


def _messages(codec: str, unit: bytes) -> Iterator[tuple[int, int, int]]:
    """Payload type of each SEI message, and where its payload begins and ends."""
    at = _head_size(codec)
    while at + 2 < len(unit):
        kind, at = _sei_number(unit, at)
        size, at = _sei_number(unit, at)
        yield kind, at, at + size
        at += size


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


class Sequence(NamedTuple):
    """What an H.264 sequence parameter set says: px, not cropped; how a slice tells its frame, and whether of a field.

    `number_bits`: of frame_num. `planes`: whether each colour has slices of its own.
    """

    width: int
    height: int
    number_bits: int
    has_fields: bool
    planes: bool


def sequence(unit: bytes) -> Sequence | None:
    """Of an H.264 unit; None where it is no sequence parameter set, or not a whole one."""
    if not unit or unit[0] & 0x1F != 7:
        return None
    bits = _Bits(unit[1:512])
    read = _sequence(bits)
    return read if bits.left >= 0 else None


def _sequence(bits: _Bits) -> Sequence:
    """Up to frame_mbs_only_flag (7.3.2.1.1)."""
    profile = bits.u(8)
    bits.u(16)
    bits.ue()
    planes = profile in _HIGH_PROFILES and _skip_high(bits)
    number_bits = bits.ue() + 4
    _skip_order(bits)
    bits.ue()
    bits.u(1)
    width, units = (bits.ue() + 1) * _MB_PX, bits.ue() + 1
    has_fields = not bits.u(1)
    return Sequence(width, units * _MB_PX * (2 if has_fields else 1), number_bits, has_fields, planes)


def with_timing(unit: bytes) -> bytes:
    """An H.264 sequence parameter set that announces picture timing, and nothing else as usability information.

    As it was where it cannot be read.
    """
    bits = _Bits(unit[1:])
    whole = bits.left
    if _sequence(bits).has_fields:
        bits.u(1)
    bits.u(1)
    for _ in range(4 if bits.u(1) else 0):  # cropping
        bits.ue()
    if bits.left <= 0:
        return unit
    kept = whole - bits.left
    text = f"{bits.first(kept):0{kept}b}1{_TIMING_ALONE}1"
    body = int(text + "0" * (-len(text) % 8), 2).to_bytes((len(text) + 7) // 8, "big")
    return unit[:1] + _NEEDS_EMULATION.sub(b"\0\0\3", body)


def _size_h264(unit: bytes) -> tuple[int, int]:
    read = sequence(unit)
    return (read.width, read.height) if read else (0, 0)


def _skip_high(bits: _Bits) -> bool:
    """Chroma format, depths and scaling matrices (7.3.2.1.1); whether colours are coded apart."""
    chroma = bits.ue()
    planes = chroma == 3 and bool(bits.u(1))
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
    return planes


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
