"""Interlaced H.264 as field pictures (ITU-T H.264, 7.3.3), which no encoder at hand makes: written bit by bit."""

from collections.abc import Iterator

from simulator.giant import nal, ue

BLOCKS, ROWS = 8, 4
WIDTH, HEIGHT = 16 * BLOCKS, 2 * 16 * ROWS
_INTRA_SLICE, _PREDICTED_SLICE = 7, 5
_SAMPLES = 26 - 1
"""mb_type I_PCM of an I slice: the samples themselves."""


def parameter_sets() -> tuple[bytes, bytes]:
    """SPS (Main, frame_mbs_only_flag 0, picture order type 0) and PPS (CAVLC, deblocking told in each slice)."""
    size = ue(BLOCKS - 1) + ue(ROWS - 1)
    sps = f"{77:08b}" + f"{0:08b}" + f"{40:08b}" + ue(0) + ue(0) + ue(0) + ue(4) + ue(2) + "0" + size + "0" + "0100"
    pps = ue(0) + ue(0) + "00" + ue(0) + ue(0) + ue(0) + "000" + ue(0) + ue(0) + ue(0) + "100"
    return nal(0x67, sps), nal(0x68, pps)


def _head(kind: int, frame: int, parity: int, *, key: bool) -> str:
    number, order = f"{frame % 16:04b}", f"{(2 * frame + parity) % 256:08b}"
    return ue(0) + ue(kind) + ue(0) + number + f"1{parity}" + (ue(0) if key else "") + order


def _intra(gray: int) -> bytes:
    """The top field of a keyframe: stripes of this gray and its opposite."""
    bits = _head(_INTRA_SLICE, 0, 0, key=True) + "00" + ue(0) + ue(1)
    for block in range(BLOCKS * ROWS):
        bits += ue(_SAMPLES)
        bits += "0" * (-len(bits) % 8)
        bits += f"{gray if block % 2 else 255 - gray:08b}" * 256 + f"{128:08b}" * 128
    return nal(0x65, bits)


def _repeated(frame: int, parity: int) -> bytes:
    """A field in which nothing differs from the one before."""
    return nal(0x41, _head(_PREDICTED_SLICE, frame, parity, key=False) + "000" + ue(0) + ue(1) + ue(BLOCKS * ROWS))


def film(frames: int, gop: int) -> Iterator[list[bytes]]:
    """NAL units of each field, top and bottom in turn; a keyframe's bottom field is predicted from its top."""
    for number in range(frames):
        frame = number % gop
        yield [_repeated(frame, 0)] if frame else [*parameter_sets(), _intra(40 + number)]
        yield [_repeated(frame, 1)]
