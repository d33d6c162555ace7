"""Child only, run as `python -m agent.ask.picture.decoder`: the decoder. Compressed pictures in, numbers out.

It is given no address and no password and can open neither socket nor file: whatever a picture does to it stays here.
"""

import base64
import io
import json
import math
import os
import resource
import struct
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple, cast

import cv2
import numpy as np
import numpy.ma  # used by the median, which would load it when nothing can be opened any more
from numpy import fft
from numpy.typing import NDArray

from agent.ask.picture import against, measure
from agent.ask.rtsp.interlaced import as_frames

Frame = NDArray[np.uint8]
MAX_PX = 36_000_000
"""Largest picture, pixels: H.264 level 6.2 ends at 35.7 million (ITU-T H.264, table A-1)."""
SURE_PX = 9_500_000
"""Up to here (H.264 level 5.2, 4K) memory suffices for any stream, and what cannot be decoded is broken."""
EFFORT_PX = 4_000_000
"""Pixels decoded of one take, two pictures at least: most of a sub-stream's second, two pictures of a main stream."""
SHOWN = 4
"""Pictures measured of one take, spread evenly over those decoded."""
MEASURED_PX = 960
"""Pictures are measured at this width or up to twice as much; JPEGs at half of it."""
_OPTIONS = "input_format;{}|protocol_whitelist;none|fpsprobesize;0"
"""The demuxer is named, so that no bytes pass for a playlist; no protocol may be opened; no frame rate is sought."""
_QUICK = "|probesize;32"
"""One picture is enough to know a stream by; probing more decodes twice."""
_DEMUXERS = {"H264": "h264", "H265": "hevc"}
_TIMEOUT_MS = 5_000


class Undecodable(Exception):
    """No picture comes out of the bytes."""


class TooLarge(Exception):
    """A picture larger than any camera's."""


class NoMemory(Exception):
    """A large picture that may be sound, but not with the memory we have."""


class DecodedTake(NamedTuple):
    """Pictures of one take. `width`, `height`: as coded and cropped, not turned. `first`: the first one in full, BGR.

    `frames`: BGR, those very large reduced, all of one size; `indices`: which pictures of the take they are.
    """

    width: int
    height: int
    first: Frame
    frames: list[Frame]
    indices: list[int]


# ---- decoding -----------------------------------------------------------------------------------


def decode(codec: str, data: bytes, pictures: int) -> DecodedTake:
    """Up to SHOWN of the `pictures` in `data`, an Annex B stream (H264, H265) or one JPEG.

    Raises Undecodable, TooLarge, NoMemory.
    """
    try:
        return _jpeg(data) if codec == "JPEG" else _film(codec, data, pictures)
    except cv2.error as error:
        raise (NoMemory if error.code == cv2.Error.StsNoMem else Undecodable)(error.err) from None
    except MemoryError:
        raise NoMemory from None


def _film(codec: str, data: bytes, pictures: int) -> DecodedTake:
    film = _opened(codec, as_frames(codec, data))
    width, height = int(film.get(cv2.CAP_PROP_FRAME_WIDTH)), int(film.get(cv2.CAP_PROP_FRAME_HEIGHT))
    _check_size(width, height)
    shown = list(_retrieved(film, _evenly(min(pictures, max(EFFORT_PX // (width * height), 2)))))
    if not shown:
        raise NoMemory if width * height > SURE_PX else Undecodable
    first = shown[0][1]
    fit = [(i, _reduced(frame)) for i, frame in shown if frame.shape == first.shape]
    return DecodedTake(first.shape[1], first.shape[0], first, [frame for _, frame in fit], [i for i, _ in fit])


def _retrieved(film: cv2.VideoCapture, wanted: list[int]) -> Iterator[tuple[int, Frame]]:
    """The wanted pictures, as far as they come."""
    for i in range(wanted[-1] + 1):
        if not film.grab():
            return
        if i in wanted:
            found, frame = film.retrieve()
            if found:
                yield i, np.asarray(frame, np.uint8)


def _opened(codec: str, data: bytes) -> cv2.VideoCapture:
    limits = (cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, _TIMEOUT_MS, cv2.CAP_PROP_READ_TIMEOUT_MSEC, _TIMEOUT_MS)
    for probing in (_QUICK, ""):
        os.environ["OPENCV_FFMPEG_CAPTURE_OPTIONS"] = _OPTIONS.format(_DEMUXERS[codec]) + probing
        film = cv2.VideoCapture()
        source = cast("cv2.IStreamReader", io.BytesIO(data))  # what its stub calls so is any io.BufferedIOBase
        if film.open(source, cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1, *limits]):
            return film
    raise Undecodable


def _evenly(count: int) -> list[int]:
    """Up to SHOWN indices from 0 to count - 1, ends included."""
    last, shown = max(count, 1) - 1, min(max(count, 1), SHOWN)
    return sorted({round(last * i / max(shown - 1, 1)) for i in range(shown)})


def _reduced(frame: Frame) -> Frame:
    factor = frame.shape[1] // MEASURED_PX
    if factor < 2:
        return frame
    size = (frame.shape[1] // factor, frame.shape[0] // factor)
    return np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), np.uint8)


def _jpeg(data: bytes) -> DecodedTake:
    """Decoded at a half, a quarter or an eighth where that leaves enough: the smaller, the cheaper."""
    width, height = jpeg_size(data)
    _check_size(width, height)
    reductions = {2: cv2.IMREAD_REDUCED_COLOR_2, 4: cv2.IMREAD_REDUCED_COLOR_4, 8: cv2.IMREAD_REDUCED_COLOR_8}
    wanted = max((flag for factor, flag in reductions.items() if width // factor >= MEASURED_PX // 2), default=1)
    frame = cv2.imdecode(np.frombuffer(data, np.uint8), wanted | cv2.IMREAD_IGNORE_ORIENTATION)
    if frame is None:
        raise Undecodable
    first = np.asarray(frame, np.uint8)
    return DecodedTake(width, height, first, [first], [0])


def jpeg_size(data: bytes) -> tuple[int, int]:
    """Width and height that the frame header states (ITU-T T.81, B.2.2). Raises Undecodable."""
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF:
        kind = data[at + 1]
        if kind == 0xFF:  # a fill byte
            at += 1
        elif 0xC0 <= kind <= 0xCF and kind not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack_from("!HH", data, at + 5)
            return width, height
        else:
            at += 2 + max(int.from_bytes(data[at + 2 : at + 4], "big"), 2)
    raise Undecodable


def _check_size(width: int, height: int) -> None:
    if width <= 0 or height <= 0:
        raise Undecodable
    if width * height > MAX_PX:
        raise TooLarge(f"a picture of {width}x{height}")


# ---- enlarged pictures --------------------------------------------------------------------------


TILE_PX = 64
LEAST_PX = 900_000
"""Smaller pictures claim no detail that could be missing."""
ENLARGED_DB = 17.0
"""How far fine detail may fall behind coarse detail, decibels of power. Sharp photographs coded as cameras do: 7 to 16;
enlarged twice or more, or as soft: 16 to 23. Strong compression hides the difference."""


def enlarged(frame: Frame) -> bool:
    """Whether the picture has the detail of one of half its width or less, and so may have been enlarged: a warning.

    From the spectrum of the tiles with most contrast: an enlarged picture has coarse detail (0.12 to 0.2 periods a
    pixel) and hardly any fine (0.3 to 0.42), for none can be made up.
    """
    height, width = frame.shape[0] // TILE_PX, frame.shape[1] // TILE_PX
    if frame.shape[0] * frame.shape[1] < LEAST_PX:
        return False
    gray = cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)[: height * TILE_PX, : width * TILE_PX]
    tiles = gray.reshape(height, TILE_PX, width, TILE_PX).swapaxes(1, 2).reshape(-1, TILE_PX, TILE_PX)
    spread = tiles[:, ::4, ::4].std(axis=(1, 2))
    rich = tiles[np.argsort(spread)[-len(tiles) // 5 :]].astype(np.float32)
    rich -= rich.mean(axis=(1, 2), keepdims=True)
    window = np.hanning(TILE_PX).astype(np.float32)
    power = np.abs(fft.rfft2(rich * window[:, None] * window)) ** 2
    pitch = np.hypot(fft.fftfreq(TILE_PX)[:, None], fft.rfftfreq(TILE_PX))
    coarse = power[:, (pitch > 0.12) & (pitch < 0.2)].mean(axis=1)
    fine = power[:, (pitch > 0.3) & (pitch < 0.42)].mean(axis=1)
    return bool(np.median(coarse) > 0 and 10 * np.log10(np.median(coarse / (fine + 1e-6))) > ENLARGED_DB)


# ---- thumbnails ---------------------------------------------------------------------------------


THUMBNAIL_PX = 480
"""Width."""
THUMBNAIL_BYTES = 36_000
"""What an answer's line has room for."""
QUALITIES = (80, 60, 40, 20, 8)


def thumbnail(frame: Frame) -> bytes:
    """A small JPEG of the picture, for whoever asked to see it; b"" where none is small enough."""
    height, width = frame.shape[:2]
    scale = min(1.0, THUMBNAIL_PX / max(width, height))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
    tries = (cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes() for quality in QUALITIES)
    return next((jpeg for jpeg in tries if len(jpeg) <= THUMBNAIL_BYTES), b"")


# ---- the process --------------------------------------------------------------------------------


def decode_all(job: Mapping[str, Any], takes: Sequence[bytes]) -> dict[str, Any]:
    """The answer to one job, ready for JSON; see decoder_client.py for both."""
    try:
        return _seen(job, list(_decoded(job, takes)))
    except Undecodable:
        return {"reason": "MALFORMED", "detail": "no picture comes out of what the camera sent"}
    except TooLarge as error:
        return {"reason": "HOSTILE", "detail": str(error)}
    except (NoMemory, MemoryError):
        return {"reason": "AGENT_FAULT", "detail": "not enough memory for this picture"}
    except Exception as error:  # a fault of ours costs this camera its turn, not the next one its decoder
        return {"reason": "AGENT_FAULT", "detail": f"{type(error).__name__} in the decoder"}


def _decoded(job: Mapping[str, Any], takes: Sequence[bytes]) -> Iterator[DecodedTake]:
    """The first take, and those after it that can be decoded too."""
    first, *others = [partial(decode, job["codec"], data, len(t)) for data, t in zip(takes, job["times"], strict=True)]
    yield first()
    for other in others:
        with suppress(Undecodable, NoMemory):
            yield other()


def _seen(job: Mapping[str, Any], takes: Sequence[DecodedTake]) -> dict[str, Any]:
    metrics, first = _measured(job, takes), takes[0]
    whole = first.first.shape[1] == first.width
    return {
        "width": first.width,
        "height": first.height,
        "metrics": metrics,
        "upscaled": whole and enlarged(first.first),
        "signature": base64.b64encode(against.signature(takes[-1].frames[-1], metrics)).decode(),
        "thumbnail": base64.b64encode(thumbnail(first.first)).decode() if job.get("thumbnail") else "",
    }


def _measured(job: Mapping[str, Any], takes: Sequence[DecodedTake]) -> dict[str, float]:
    """What measure.py measures, where that is asked for; `frames` measured, and the `span_s` from first to last."""
    shown = [
        (times[i], group, frame)
        for group, (times, take) in enumerate(zip(job["times"], takes, strict=False))
        for i, frame in zip(take.indices, take.frames, strict=True)
        if frame.shape == takes[0].frames[0].shape
    ]
    metrics = {"frames": len(shown), "span_s": round(shown[-1][0] - shown[0][0], 3)}
    if job["measured"]:
        metrics |= measure.measure(
            [frame for _, _, frame in shown],
            against.remembered(base64.b64decode(job["reference"])),
            [group for _, group, _ in shown],
        )
    return {name: float(value) for name, value in metrics.items() if math.isfinite(value)}


def main() -> None:
    """Answer jobs from standard input until it ends: a line of JSON and the takes of one visit, for a line of JSON."""
    results = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints must not pass for a result
    cv2.setNumThreads(1)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # no picture is left on the disk
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))  # from here on nothing can be opened
    while line := sys.stdin.buffer.readline():
        job = json.loads(line)
        answer = decode_all(job, [sys.stdin.buffer.read(size) for size in job["sizes"]])
        results.write(json.dumps(answer).encode() + b"\n")
        results.flush()


if __name__ == "__main__":
    main()
