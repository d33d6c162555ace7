"""What the first bytes of NAL units tell, of streams that a real encoder made."""

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.ask.rtsp import nal
from agent.ask.rtsp.interlaced import as_frames
from tests.agent.ask.rtsp import players

SETS = {"H264": 7, "H265": 33}


def kind(codec: str, unit: bytes) -> int:
    return unit[0] & 0x1F if codec == "H264" else unit[0] >> 1 & 0x3F


@pytest.mark.parametrize("codec", SETS)
@pytest.mark.parametrize("size", [(320, 240), (1920, 1088), (704, 576), (2560, 1440)])
def test_the_size_in_a_parameter_set(codec: str, size: tuple[int, int]) -> None:
    """Width and height as coded, of either codec; any other unit has none."""
    (first, *_) = players.clip(*size, codec, 2)
    sizes = [nal.size(codec, unit) for unit in first]
    assert [found for found in sizes if found != (0, 0)] == [size]
    assert [kind(codec, unit) for unit, found in zip(first, sizes, strict=True) if found != (0, 0)] == [SETS[codec]]


@pytest.mark.parametrize("codec", SETS)
def test_every_picture_has_one_slice_that_begins_it(codec: str) -> None:
    """Among all slices of a picture the first alone says that it is."""
    for picture in players.clip(320, 240, codec, 6):
        slices = [unit for unit in picture if kind(codec, unit) < (6 if codec == "H264" else 32)]
        assert [nal.begins_picture(codec, unit) for unit in slices] == [True] + [False] * (len(slices) - 1)


def encoded(options: str) -> list[list[bytes]]:
    encoder = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt = 320, 240, "yuv420p"
    encoder.options = {"preset": "ultrafast", "x264-params": f"repeat-headers=1:scenecut=0:{options}"}
    frames = [packet for n in range(40) for packet in encoder.encode(players.ramp(320, 240, n))]
    return [list(players.units(bytes(packet))) for packet in [*frames, *encoder.encode(None)]]


@pytest.mark.parametrize(
    ("options", "after"), [("open-gop=1:keyint=10:bframes=2", 0), ("intra-refresh=1:keyint=10:bframes=0", 9)]
)
def test_recovery_points_of_streams_without_idr(options: str, after: int) -> None:
    """Open groups recover at once, intra refresh after some pictures; streams of IDRs have no such point but there."""
    points = [nal.recovery("H264", unit) for picture in encoded(options)[1:] for unit in picture if unit[0] & 0x1F == 6]
    assert {point for point in points if point is not None} == {after}


def test_intra_slices() -> None:
    """I slices refer to no other picture, P slices do."""
    pictures = encoded("keyint=10:bframes=0")
    slices = [[nal.is_intra(unit) for unit in picture if unit[0] & 0x1F in (1, 5)] for picture in pictures]
    assert [n for n, found in enumerate(slices) if all(found)] == [0, 10, 20, 30]


def test_units_that_were_sent_as_one_are_parted() -> None:
    """Annex B start codes inside a payload part its units; a unit without any is itself, trailing zeros and all."""
    assert list(nal.parted(b"\0\0\0\1\x67s\0\0\1\x68p\0\0\0\1\x65i")) == [b"\x67s", b"\x68p", b"\x65i"]
    assert list(nal.parted(b"\x65i\0\0")) == [b"\x65i\0\0"]


@given(st.sampled_from(sorted(SETS)), st.binary(max_size=80))
def test_any_bytes(codec: str, unit: bytes) -> None:
    """Whatever a camera sends, reading it raises nothing."""
    nal.size(codec, unit)
    nal.size(codec, bytes([0x67 if codec == "H264" else 0x42]) + unit)
    nal.begins_picture(codec, unit)
    nal.is_intra(unit)
    nal.recovery(codec, b"\x06\x06" + unit)
    nal.untimed(codec, b"\x06\x06" + unit)
    nal.with_timing(b"\x67" + unit)
    as_frames(codec, b"\0\0\1\x67" + unit)
    list(nal.parted(unit))
