"""Interlaced video told to a decoder as whole frames, both fields' lines where they are. Pure.

OpenCV's FFmpeg converts no picture that is marked as interlaced: what it hands out then is whatever stood in memory. In
H.264 the coding itself marks it, unless picture timing says otherwise (D.2.3, pic_struct); in H.265 that alone does.
"""

import re

from agent.ask.rtsp import nal

_FRAME = b"\x06\x01\x01\x04\x80"
"""SEI of H.264: picture timing, and in it pic_struct 0, a frame."""
_START = b"\0\0\0\1"
_SEARCHED = 4096
"""Bytes in which the parameter sets stand."""
_TIMED_H265 = re.compile(rb"\x00\x00\x01\x4e\x01[\x00\x01]")
"""Picture timing, or a buffering period, behind which it may stand."""


def as_frames(codec: str, data: bytes) -> bytes:
    """The Annex B stream with no picture marked as interlaced; where none is, as it was."""
    if codec == "H265":
        return _without_timing(data) if _TIMED_H265.search(data) else data
    first = next((read for unit in nal.parted(data[:_SEARCHED]) if (read := nal.sequence(unit))), None)
    return _with_frames(data) if first and first.has_fields else data


def _without_timing(data: bytes) -> bytes:
    units = (nal.untimed("H265", unit) if unit[0] >> 1 & 0x3F == 39 else unit for unit in nal.parted(data))
    return b"".join(_START + unit for unit in units if unit)


def _with_frames(data: bytes) -> bytes:
    units: list[bytes] = []
    for unit in nal.parted(data):
        match unit[0] & 0x1F:
            case 6:
                units.append(nal.untimed("H264", unit))
            case 7:
                units.append(nal.with_timing(unit))
            case 1 | 5 if nal.begins_picture("H264", unit):
                units += [_FRAME, unit]
            case _:
                units.append(unit)
    return b"".join(_START + unit for unit in units if unit)
