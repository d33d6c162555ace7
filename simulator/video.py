"""Pictures into video: H.264 and H.265 as NAL units, one encoder per film.

The one place that knows av; what a picture shows is the kitchen's affair.
"""

from fractions import Fraction
from typing import Any

import av
import numpy as np

from simulator.kitchen.darkroom import develop
from simulator.shot import Shot

SECONDS = 2
"""Length of a film's loop, which is one group of pictures."""
QUANTISER = 22
"""Constant, so that what stands still is sent once and stays as it is."""


class Encoder:
    """One stream of pictures; the first is a key picture with its parameter sets before it."""

    def __init__(self, width: int, height: int, fps: int, codec: str) -> None:
        self._codec, self._loop = codec, fps * SECONDS
        self._size = width, height
        self._encoder: Any = av.CodecContext.create("libx265" if codec == "H265" else "libx264", "w")
        self._encoder.width, self._encoder.height, self._encoder.pix_fmt = width, height, "yuv420p"
        self._encoder.framerate, self._encoder.time_base = Fraction(fps), Fraction(1, fps)
        self._encoder.gop_size, self._encoder.thread_count = self._loop, 1
        self._encoder.options = {"preset": "ultrafast", "tune": "zerolatency"} | _private(codec, self._loop)
        self._shown = 0

    def picture(self, shot: Shot, phase: float) -> tuple[bytes, ...]:
        """The next picture's NAL units; width and height in pixels, even."""
        return self._encode(np.asarray(develop(shot, *self._size, phase)))

    def parameter_sets(self) -> tuple[bytes, ...]:
        """VPS, SPS and PPS of every film of this size, rate and codec; spends the encoder on a grey picture."""
        nals = self._encode(np.full((self._size[1], self._size[0], 3), 128, np.uint8))
        return tuple(nal for nal in nals if _is_parameter_set(self._codec, nal))

    def _encode(self, pixels: Any) -> tuple[bytes, ...]:
        frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
        frame.pts = self._shown
        self._shown += 1
        return tuple(nal for packet in self._encoder.encode(frame) for nal in nal_units(bytes(packet)))


def _private(codec: str, gop: int) -> dict[str, str]:
    constant = {"qp": str(QUANTISER)}
    common = f"keyint={gop}:min-keyint={gop}:scenecut=0"
    if codec == "H265":
        return constant | {"x265-params": f"{common}:pools=none:frame-threads=1:log-level=none:repeat-headers=1"}
    return constant | {"x264-params": f"{common}:sliced-threads=0", "profile": "main"}


def nal_units(annex_b: bytes) -> list[bytes]:
    """NAL units of an Annex B byte stream (ITU-T H.264 and H.265, Annex B), start codes removed."""
    pieces = annex_b.replace(b"\x00\x00\x00\x01", b"\x00\x00\x01").split(b"\x00\x00\x01")
    return [piece for piece in pieces if piece]


def _is_parameter_set(codec: str, nal: bytes) -> bool:
    if codec == "H265":
        return (nal[0] >> 1) & 0x3F in {32, 33, 34}  # VPS, SPS, PPS
    return nal[0] & 0x1F in {7, 8}  # SPS, PPS
