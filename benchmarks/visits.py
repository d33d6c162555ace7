"""Visits to a camera, made up: a sound scene or one with a known fault, a sensor's noise, a clock overlay, an encoder.

What is to be found in them is known because it was put there; how it is found must not be known here.
"""

from collections.abc import Callable
from fractions import Fraction
from functools import cache
from typing import NamedTuple

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.photographs import HEIGHT, WIDTH, Frame

Floats = NDArray[np.float32]
Rng = np.random.Generator
FPS, GOP = 12, 12
SHOWN = (0, 3, 6, 9, 11, 12)
"""Frames of a visit that are measured, as the agent takes them: a second from a keyframe on, and the next keyframe."""
GROUPS = tuple(i // GOP for i in SHOWN)


class Visit(NamedTuple):
    """`frames`: as decoded. `groups`: the group of pictures of each. `reference`: the view at an earlier visit."""

    frames: list[Frame]
    groups: tuple[int, ...]
    reference: Frame
    way: str
    """How it was coded, one of WAYS."""


# ---- sound scenes -------------------------------------------------------------------------------


def day(image: Frame, rng: Rng) -> Floats:
    return np.asarray(image.astype(np.float32) * rng.uniform(0.85, 1.1) + rng.uniform(-8, 8), np.float32)


def night(image: Frame, rng: Rng) -> Floats:
    """Infrared: gray, brightest in the middle, less contrast."""
    gray = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY).astype(np.float32)
    y, x = np.mgrid[-1 : 1 : HEIGHT * 1j, -1 : 1 : WIDTH * 1j]
    lamp = np.exp(-(x**2 + y**2) / rng.uniform(0.9, 2.0))
    seen = 12 + (25 + gray * rng.uniform(0.5, 0.8)) * lamp
    return np.repeat(seen[..., None], 3, axis=2).astype(np.float32)


def steam(image: Frame, rng: Rng) -> Floats:
    """Clouds of white before a part of the scene."""
    coarse = rng.uniform(0, 1, (4, 6)).astype(np.float32)
    cloud = cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)[..., None]
    veil = np.clip(cloud * rng.uniform(0.6, 0.95), 0, 0.85)
    return np.asarray(day(image, rng) * (1 - veil) + 225 * veil, np.float32)


def window(image: Frame, rng: Rng) -> Floats:
    """A burnt-out window, light spilling from it, the rest exposed for it."""
    seen = day(image, rng) * rng.uniform(0.5, 0.8)
    left, top = int(rng.uniform(0, 0.7) * WIDTH), int(rng.uniform(0, 0.4) * HEIGHT)
    pane = np.zeros((HEIGHT, WIDTH, 1), np.float32)
    pane[top : top + HEIGHT // 2, left : left + int(WIDTH * rng.uniform(0.15, 0.3))] = 1
    glow = cv2.GaussianBlur(pane, (0, 0), 60)[..., None]
    return np.asarray(seen + 90 * glow + 400 * pane, np.float32)


def tiles(image: Frame, rng: Rng) -> Floats:
    """An empty kitchen of white tiles in perspective, a steel counter, a drain, a few things from a photograph."""
    side, room = rng.integers(40, 90), np.full((2 * HEIGHT, 2 * WIDTH, 3), rng.uniform(196, 228), np.float32)
    grout = rng.uniform(8, 45)
    for at in range(0, 2 * WIDTH, side):
        room[:, at : at + 3] -= grout
    for at in range(0, 2 * HEIGHT, side):
        room[at : at + 3] -= grout
    room[int(1.45 * HEIGHT) : int(1.7 * HEIGHT)] = rng.uniform(150, 190)
    room += cv2.resize(
        rng.normal(0, 14, (5, 8)).astype(np.float32), (2 * WIDTH, 2 * HEIGHT), interpolation=cv2.INTER_CUBIC
    )[..., None]
    for _ in range(rng.integers(2, 5)):
        h, w = rng.integers(40, 110), rng.integers(40, 140)
        top, left = rng.integers(0, HEIGHT - h), rng.integers(0, WIDTH - w)
        y, x = rng.integers(int(0.9 * HEIGHT), 2 * HEIGHT - h), rng.integers(WIDTH // 3, int(1.6 * WIDTH) - w)
        room[y : y + h, x : x + w] = image[top : top + h, left : left + w]
    corners = np.array([[0.2, 0.2], [1.8, 0.3], [1.9, 1.8], [0.1, 1.7]]) + rng.uniform(-0.15, 0.15, (4, 2))
    to = np.array([[0, 0], [WIDTH, 0], [WIDTH, HEIGHT], [0, HEIGHT]], np.float32)
    turn = cv2.getPerspectiveTransform((corners * (WIDTH, HEIGHT)).astype(np.float32), to)
    return np.asarray(cv2.warpPerspective(room, turn, (WIDTH, HEIGHT), flags=cv2.INTER_AREA), np.float32)


def _uneven(rng: Rng, strength: float, coarse: tuple[int, int], size: tuple[int, int]) -> Floats:
    """Smooth light and shade, (height, width, 1)."""
    spots = rng.normal(0, strength, coarse).astype(np.float32)
    return np.asarray(cv2.resize(spots, size, interpolation=cv2.INTER_CUBIC)[..., None], np.float32)


Scene = Callable[[Frame, Rng], Floats]
SCENES: dict[str, Scene] = {"day": day, "night IR": night, "steam": steam, "white tiles": tiles, "window light": window}

# ---- faults -------------------------------------------------------------------------------------
# Each takes (scene before the sensor, grade 0..2, rng) and gives a function of the frame number. The slightest grade is
# what a person who looks at the picture would already call a fault.

Film = Callable[[int], Floats]


def still(scene: Floats) -> Film:
    return lambda _: scene


def _signal_loss(scene: Floats, grade: int, rng: Rng) -> Film:
    colour = ((0, 0, 0), (200, 40, 24), (128, 128, 128))[grade]
    screen = np.full(scene.shape, colour, np.uint8)
    if rng.random() < 0.5:
        cv2.putText(
            screen, "NO VIDEO", (WIDTH // 2 - 110, HEIGHT // 2), cv2.FONT_HERSHEY_SIMPLEX, 1.5, (255, 255, 255), 3
        )
    return still(screen.astype(np.float32))


def _dark(scene: Floats, grade: int, rng: Rng) -> Film:
    return still(scene * np.float32((0.13, 0.08, 0.04)[grade]))


def _bright(scene: Floats, grade: int, rng: Rng) -> Film:
    return still(scene * np.float32(0.6) + np.float32((185, 205, 225)[grade]))


def _blur(scene: Floats, grade: int, rng: Rng) -> Film:
    return still(np.asarray(cv2.GaussianBlur(scene, (0, 0), (3.0, 4.5, 7.0)[grade]), np.float32))


_CASTS = ((1.1, 1.0, 0.45), (0.45, 1.0, 1.1), (1.05, 0.5, 1.05), (0.5, 1.1, 0.55), (0.45, 1.05, 1.05), (1.05, 1.0, 0.4))


def _chroma(scene: Floats, grade: int, rng: Rng) -> Film:
    gains = np.array(_CASTS[rng.integers(len(_CASTS))], np.float32) ** np.float32((0.7, 1.0, 1.5)[grade])
    return still(scene * gains)


def _noise(scene: Floats, grade: int, rng: Rng) -> Film:
    sigma = np.float32((25, 40, 60)[grade])
    return lambda _: np.asarray(scene + sigma * _grain(rng), np.float32)


def _streak(scene: Floats, grade: int, rng: Rng) -> Film:
    """Bars of random places, or a rolling wave; across or upright."""
    upright, wave = rng.random() < 0.4, rng.random() < 0.5
    length = WIDTH if upright else HEIGHT

    def at(i: int) -> Floats:
        lines = np.zeros(length, np.float32)
        if wave:
            lines += (18, 30, 45)[grade] * np.sin(np.arange(length) * 2 * np.pi / period + i * roll)
        else:
            for _ in range((8, 16, 28)[grade]):
                start = rng.integers(0, length - 5)
                lines[start : start + rng.integers(1, 5)] = rng.choice((-150, 150))
        return np.asarray(scene + (lines[None, :, None] if upright else lines[:, None, None]), np.float32)

    period, roll = rng.uniform(8, 26), rng.uniform(0, 2)
    return at


def _block(scene: Floats, grade: int, rng: Rng) -> Film:
    """Something near and out of focus before 60, 75, 90 % of the picture."""
    share, cover = (0.6, 0.75, 0.9)[grade], np.zeros((HEIGHT, WIDTH, 1), np.float32)
    way = rng.integers(4)
    if way < 2:
        cover[:, : int(WIDTH * share)] = 1
    else:
        cover[: int(HEIGHT * share)] = 1
    cover = cover[:, ::-1] if way == 1 else cover[::-1] if way == 3 else cover
    mask = cv2.GaussianBlur(np.ascontiguousarray(cover), (0, 0), rng.uniform(4, 18))[..., None]
    shade = _uneven(rng, 6, (3, 4), (WIDTH, HEIGHT))
    colour = rng.uniform(25, 200) * rng.uniform(0.85, 1.15, 3)
    return still(np.asarray(scene * (1 - mask) + (colour + shade) * mask, np.float32))


def _jitter(scene: Floats, grade: int, rng: Rng) -> Film:
    reach = (0.012, 0.02, 0.04)[grade] * WIDTH

    def at(_: int) -> Floats:
        x, y = rng.uniform(-reach, reach), rng.uniform(-reach, reach) / 2
        move = np.array([[1, 0, x], [0, 1, y]], np.float32)
        return np.asarray(cv2.warpAffine(scene, move, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REFLECT), np.float32)

    return at


FAULTS: dict[str, Callable[[Floats, int, Rng], Film]] = {
    "signal_loss": _signal_loss,
    "luma dark": _dark,
    "luma bright": _bright,
    "blur": _blur,
    "chroma": _chroma,
    "noise": _noise,
    "streak": _streak,
    "block": _block,
    "jitter": _jitter,
}
IN_TIME = {"freeze", "jitter"}
"""Faults that one snapshot cannot show."""
NAMES = (*FAULTS, "freeze", "scene_change")
GRADES = 3
UNCOLOURED = {"night IR"}
"""Scenes that have no colour to lose."""

# ---- sensor, overlay, encoder -------------------------------------------------------------------


def sound(image: Frame, scene: str, rng: Rng, other: Frame) -> Visit:
    """A camera as it should be. `other`: another photograph; a piece of it walks through some of the visits."""
    seen = SCENES[scene](image, np.random.default_rng(seed := int(rng.integers(2**31))))
    film = walking(seen, other, rng) if rng.random() < 0.5 else still(seen)
    return taken(film, _noise_of(scene, rng), rng, _earlier(image, scene, seed, rng), way=WAYS[rng.integers(len(WAYS))])


def faulty(image: Frame, scene: str, fault: str, grade: int, rng: Rng, other: Frame) -> Visit:
    """A camera with this fault, and the view before it came."""
    seen = SCENES[scene](image, np.random.default_rng(seed := int(rng.integers(2**31))))
    earlier = _earlier(image, scene, seed, rng)
    way = WAYS[rng.integers(len(WAYS) - (fault in IN_TIME))]
    noise = 0.0 if fault == "signal_loss" else _noise_of(scene, rng)
    if fault == "freeze":
        return taken(still(seen), noise, rng, earlier, way=way, frozen=True)
    if fault == "scene_change":
        return taken(still(_elsewhere(seen, SCENES[scene](other, rng), grade)), noise, rng, earlier, way=way)
    return taken(FAULTS[fault](seen, grade, rng), noise, rng, earlier, way=way)


def _elsewhere(scene: Floats, other: Floats, grade: int) -> Floats:
    """Turned by three quarters of a view, by more than a view, or another place."""
    if grade:
        return np.ascontiguousarray(other[:, ::-1] if grade == 1 else other)
    step = int(0.75 * WIDTH)
    return np.ascontiguousarray(np.concatenate([scene[:, step:], other[:, :step]], axis=1))


def _earlier(image: Frame, scene: str, seed: int, rng: Rng) -> Frame:
    """The same view at an earlier visit: other light, other noise. By night it may be a view by day."""
    before = SCENES[scene](image, np.random.default_rng(seed)) * rng.uniform(0.8, 1.2) + rng.uniform(-15, 15)
    return np.asarray(np.clip(before + rng.normal(0, 2, before.shape), 0, 255), np.uint8)


def _noise_of(scene: str, rng: Rng) -> float:
    return float(rng.uniform(2.5, 6.0) if scene == "night IR" else rng.uniform(0.7, 3.0))


def walking(scene: Floats, other: Frame, rng: Rng) -> Film:
    """Somebody, a tenth of the picture wide, walks."""
    w, h = WIDTH // 10, HEIGHT // 2
    left, top = int(rng.integers(0, WIDTH - w)), int(rng.integers(0, HEIGHT - h))
    person = other[top : top + h, left : left + w].astype(np.float32)
    if np.ptp(scene, axis=2).max() < 1:
        person = np.repeat(person.mean(axis=2, keepdims=True) * 0.6, 3, axis=2)
    start, step, y = rng.uniform(0, WIDTH * 0.5), rng.uniform(2, 9), int(rng.integers(HEIGHT // 4, HEIGHT // 2))

    def at(i: int) -> Floats:
        frame = scene.copy()
        x = int(start + i * step)
        frame[y : y + h, x : x + w] = person[: HEIGHT - y]
        return frame

    return at


def taken(film: Film, noise: float, rng: Rng, reference: Frame, *, way: str, frozen: bool = False) -> Visit:
    """`frozen`: the sensor's picture stands still, noise and all; the clock written into it goes on, mostly."""
    ticking, size = rng.random() < 0.8, rng.uniform(0.5, 1.0)
    start = GOP * SETTLED if frozen else 0
    shots: list[Frame] = []
    seen: Frame | None = None
    for i in range(1 if way == "jpeg" else start + SHOWN[-1] + 1):
        if seen is None or not frozen:
            seen = _sensed(film(i), noise, rng)
        shots.append(_stamped(seen, i if ticking else 0, size))
    if way == "jpeg":
        return Visit([as_jpeg(shots[0], int(rng.integers(60, 95)))], (0,), reference, way)
    decoded = encoded(shots, way, rng)[start:]
    return Visit([decoded[i] for i in SHOWN], GROUPS, reference, way)


def _sensed(scene: Floats, noise: float, rng: Rng) -> Frame:
    """With the sensor's noise: mostly of brightness, some of colour."""
    seen = scene + np.float32(noise) * _grain(rng)
    if noise:
        seen = seen + np.float32(0.5 * noise) * np.dstack([_grain(rng) for _ in range(3)])
    return np.asarray(np.clip(seen, 0, 255), np.uint8)


@cache
def _sheet() -> Floats:
    return np.random.default_rng(5).standard_normal((3 * HEIGHT, 3 * WIDTH, 1), np.float32)


def _grain(rng: Rng) -> Floats:
    """White noise of deviation 1: a random piece of a large sheet of it, which is quick."""
    top, left = rng.integers(0, 2 * HEIGHT), rng.integers(0, 2 * WIDTH)
    return _sheet()[top : top + HEIGHT, left : left + WIDTH]


def _stamped(frame: Frame, i: int, size: float) -> Frame:
    """Date, time with hundredths (the hardest), and the camera's name."""
    frame = frame.copy()
    clock = f"2026-11-23 12:00:{i // FPS:02d}.{i * 8 % 100:02d}", (8, int(28 * size))
    label = "Camera 01", (WIDTH - int(190 * size), HEIGHT - 12)
    for text, at in (clock, label):
        cv2.putText(frame, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.8 * size, (0, 0, 0), 4)
        cv2.putText(frame, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.8 * size, (255, 255, 255), 2)
    return frame


WAYS = ("qp", "crf", "bit_rate", "jpeg")
"""How a camera codes: H.264 with a constant quantiser, constant quality or a bit rate; or one JPEG snapshot."""
SETTLED = 20
"""Groups of pictures since the picture froze: a visit comes every few minutes, a group every two seconds."""


def as_jpeg(frame: Frame, quality: int) -> Frame:
    """Through JPEG and back, as a camera's snapshot."""
    _, data = cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)


def encoded(frames: list[Frame], way: str, rng: Rng) -> list[Frame]:
    """Through H.264 and back, as a camera's sub-stream."""
    encoder = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt = WIDTH, HEIGHT, "yuv420p"
    encoder.framerate, encoder.time_base = Fraction(FPS), Fraction(1, FPS)
    encoder.gop_size, encoder.thread_count = GOP, 1
    options = {"preset": "ultrafast", "tune": "zerolatency", "x264-params": f"keyint={GOP}:min-keyint={GOP}:scenecut=0"}
    if way == "bit_rate":
        encoder.bit_rate = int(rng.integers(400_000, 1_200_000))
    else:
        options[way] = str(rng.integers(22, 31))
    encoder.options = options
    packets = [
        packet for frame in frames for packet in encoder.encode(av.VideoFrame.from_ndarray(frame, format="bgr24"))
    ]
    packets += encoder.encode(None)
    decoder = av.CodecContext.create("h264", "r")
    decoder.thread_count = 1
    shown = [picture for packet in packets for picture in decoder.decode(packet)] + decoder.decode(None)
    return [np.asarray(picture.to_ndarray(format="bgr24"), np.uint8) for picture in shown]
