"""Interlaced video is decoded like any other: by field pictures, by frames with fields in them, in either codec."""

from collections.abc import Iterable

import av
import numpy as np
import pytest

from agent.ask.picture.decoder import decode
from agent.ask.rtsp.interlaced import as_frames
from tests.agent.ask.rtsp import fields, players

START = b"\0\0\0\1"


def encoded(codec: str, options: str) -> bytes:
    encoder = av.CodecContext.create("libx265" if codec == "H265" else "libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt = 320, 256, "yuv420p"
    name = "x265-params" if codec == "H265" else "x264-params"
    encoder.options = {"preset": "ultrafast", name: f"repeat-headers=1:{options}"}
    packets = [packet for n in range(6) for packet in encoder.encode(players.ramp(320, 256, n))]
    return b"".join(bytes(packet) for packet in [*packets, *encoder.encode(None)])


def by_fields() -> bytes:
    units: Iterable[bytes] = (unit for field in fields.film(frames=6, gop=6) for unit in field)
    return b"".join(START + unit for unit in units)


@pytest.mark.parametrize(
    ("codec", "film"),
    [
        ("H264", by_fields()),
        ("H264", encoded("H264", "tff=1:keyint=3")),
        ("H264", encoded("H264", "bff=1:bframes=2:slices=2")),
        ("H265", encoded("H265", "interlace=tff:log-level=none:pools=none")),
    ],
    ids=["fields", "frames", "bottom-first", "h265"],
)
def test_interlaced_pictures_are_seen_as_they_are(codec: str, film: bytes) -> None:
    """What OpenCV hands out of a picture marked as interlaced is not the picture: none is marked so."""
    reader = av.CodecContext.create("hevc" if codec == "H265" else "h264", "r")
    shown = [frame for packet in [*reader.parse(film), *reader.parse(None), None] for frame in reader.decode(packet)]
    luma = shown[0].to_ndarray()[: shown[0].height]
    decoded = decode(codec, film, 2)
    assert decoded.first.shape[:2] == luma.shape
    assert np.corrcoef(decoded.first.mean(axis=2).ravel(), luma.ravel())[0, 1] > 0.8


def test_other_video_is_left_alone() -> None:
    """Byte for byte."""
    for codec in ("H264", "H265"):
        film = b"".join(START + unit for picture in players.clip(320, 240, codec) for unit in picture)
        assert as_frames(codec, film) is film
