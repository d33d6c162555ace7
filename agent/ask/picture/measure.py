"""Child only: what may be wrong with a picture, as numbers. Pure functions of arrays.

Frames are BGR or gray arrays (height, width[, 3]) of uint8. Which number is a fault says agent/decide/rules_picture.py.

Lengths are in pixels of the picture reduced to WIDTH_PX (a smaller one as it is), brightness in levels 0..255. A number
that cannot be had from what is given (no reference, one frame only) is left out. Bands at the top and bottom are left
out, since cameras write the time and their name there.
"""

from collections.abc import Sequence
from itertools import pairwise

import cv2
import numpy as np

from agent.ask.picture import against, planes
from agent.ask.picture.against import Usual
from agent.ask.picture.planes import Floats, Frame

LEAST_PX = 64
"""A picture narrower or lower than this is not judged."""
WHITE, HEADROOM = 240, 8
BURNT = 250
"""Level from which on a pixel shows no more than that it is bright: the end of the range, but for what coding does."""


def measure(
    frames: Sequence[Frame], reference: Usual | Frame | None = None, groups: Sequence[int] = ()
) -> dict[str, float]:
    """One number per question, from the frames of one visit in order.

    `reference`: the camera's usual view, a frame or what is remembered of one. `groups`: for each frame the number of
    the group of pictures it belongs to (counted by keyframes); without at least two groups `still_ratio` is left out.
    """
    if not frames or min(frames[-1].shape[:2]) < LEAST_PX:
        return {}
    whole = [planes.gray(frame) for frame in frames]
    grays = [planes.inner(planes.small(gray)) for gray in whole]
    last, gray = planes.small(frames[-1]), grays[-1]
    metrics: dict[str, float | None] = {
        "flat_ratio": flat_ratio(last),
        "dark_level": planes.quantile(gray[::2, ::2], 0.95),
        "bright_level": bright_level(gray),
        "burnt_ratio": float((gray[::2, ::2] >= BURNT).mean()),
        "edge_width_px": edge_width_px(gray),
        "cast": cast(last),
        "noise": noise([planes.inner(one) for one in whole]),
        "streak": streak(gray),
        "still_ratio": still_ratio(whole, groups),
        "change": change(grays),
        "plain_ratio": plain_ratio(gray),
        "jitter_px": jitter_px([one for i, one in enumerate(grays) if i >= len(groups) or groups[i] == groups[0]]),
    }
    if reference is not None:
        usual = reference if isinstance(reference, Usual) else _usual(reference)
        metrics |= against.compared(frames[-1], usual, metrics)
    return {name: value for name, value in metrics.items() if value is not None}


def _usual(frame: Frame) -> Usual:
    gray = planes.inner(planes.small(planes.gray(frame)))
    return Usual(frame, edge_width_px(gray), streak(gray))


# ---- signal, colour -----------------------------------------------------------------------------


def flat_ratio(frame: Frame) -> float:
    """Share of 16 px squares that hold one even colour, the same in all: near 1 on a screen without signal.

    Even to a level, as only what is drawn is: in the darkest picture and on a covered lens light still varies from one
    place to the other. White is left to `bright_level`: an overexposed sensor is as even.
    """
    pixels = planes.inner(frame).astype(np.float32)
    mean = planes.means(pixels, 16)
    deviation = np.sqrt(np.maximum(planes.means(pixels * pixels, 16) - mean * mean, 0))
    colour = np.median(mean, axis=(0, 1))
    if colour.min() > WHITE:
        return 0.0
    flat = (deviation < 1) & (np.abs(mean - colour) < 1)
    return float(flat.reshape(*flat.shape[:2], -1).all(axis=2).mean())


def bright_level(gray: Frame) -> float:
    """Level of the dark parts, less HEADROOM times what the bright parts leave free of the range.

    A white kitchen is bright all over and still exposed below the end; what is overexposed runs into it.
    """
    some = gray[::2, ::2]
    return planes.quantile(some, 0.05) - HEADROOM * (255 - planes.quantile(some, 0.95))


def cast(frame: Frame) -> float:
    """Colour that even the grayest tenth of the picture has: chroma in CIE L*a*b* units, 0 in a gray picture.

    Scenes hold something neutral (steel, tiles, paper, shadow); a cast leaves nothing neutral. Very dark and very
    bright pixels are left out: they have no colour to lose.
    """
    if frame.ndim == 2:
        return 0.0
    lab = cv2.cvtColor(cv2.blur(planes.inner(frame), (5, 5))[::3, ::3].astype(np.float32) / 255, cv2.COLOR_BGR2Lab)
    shown = (lab[..., 0] > 25) & (lab[..., 0] < 95)
    if shown.mean() < 0.05:
        return 0.0
    return planes.quantile(cv2.magnitude(lab[..., 1], lab[..., 2])[shown], 0.1)


# ---- sharpness, noise, stripes ------------------------------------------------------------------


def edge_width_px(gray: Frame) -> float | None:
    """Width (standard deviation, px of WIDTH_PX) of the sharpest tenth of the edges; None where there are none.

    An edge smeared by a Gaussian has slope = height / (width * sqrt(2 pi)): slope and height are measured at the same
    place, so that contrast does not matter. Part of a sound picture may be out of focus; a blurred one is all over.
    """
    soft, slope = planes.slope(gray, 1.0)
    window, levels = np.ones((21, 21), np.uint8), soft.astype(np.uint8)
    height = cv2.subtract(cv2.dilate(levels, window), cv2.erode(levels, window))
    least = max(16.0, 0.25 * planes.quantile(height[::4, ::4], 0.98))
    steep = np.where(height > least, slope / np.maximum(height, 1), np.float32(0))
    peaks = planes.blocks(steep, 32).max(axis=2)
    peaks = peaks[peaks > 0]
    if len(peaks) < 6:
        return None
    return float(1 / (np.sqrt(2 * np.pi) * planes.quantile(peaks, 0.9)))


def noise(grays: Sequence[Frame]) -> float:
    """Standard deviation of what flickers from pixel to pixel, levels, in the quieter half of the picture.

    In space by Immerkaer's mask (1996), in time by the difference of frames; the smaller counts: texture stands still,
    and what moves is smooth. The noisiest of the frames counts, since encoders repeat what they cannot code. Of one
    frame, in space only.
    """
    spatial = max(planes.quantile(_immerkaer(gray), 0.5) for gray in grays)
    pairs = [(a, b) for a, b in pairwise(grays) if a.shape == b.shape]
    temporal = [planes.quantile(_flicker(a, b), 0.5) for a, b in pairs]
    return min(spatial, max(temporal)) if temporal else spatial


def _immerkaer(gray: Frame) -> Floats:
    mask = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    response = np.abs(cv2.filter2D(gray, cv2.CV_32F, mask))
    return np.asarray(planes.means(response, 16) * np.sqrt(np.pi / 2) / 6, np.float32)


def _flicker(a: Frame, b: Frame) -> Floats:
    """Standard deviation of the noise of one frame, from the difference of two, in each square."""
    difference = cv2.subtract(b, a, dtype=cv2.CV_32F)
    variance = planes.means(difference * difference, 16) - planes.means(difference, 16) ** 2
    return np.asarray(np.sqrt(np.maximum(variance, 0) / 2), np.float32)


def streak(gray: Frame) -> float:
    """Strength (rms, levels) of stripes that run from side to side or from top to bottom, whatever is in the picture.

    The profile across the stripes is taken in eight strips; what a quarter of the pairs of strips share at least is
    stripe, not scene.
    """
    return max(_shared(gray), _shared(np.ascontiguousarray(gray.T)))


def _shared(gray: Frame) -> float:
    profiles = cv2.resize(gray.astype(np.float32), (8, gray.shape[0]), interpolation=cv2.INTER_AREA)
    fine = profiles - cv2.GaussianBlur(profiles, (1, 0), sigmaX=0.1, sigmaY=8.0, borderType=cv2.BORDER_REPLICATE)
    covariance = fine.T @ fine / len(fine)
    pairs = covariance[np.triu_indices(len(covariance), 2)]
    return float(np.sqrt(max(planes.quantile(pairs, 0.25), 0.0)))


def plain_ratio(gray: Frame) -> float:
    """Share of the picture in its largest connected part without any edge, where that part touches the border."""
    steep = (planes.slope(gray, 1.5)[1] > 2.0).astype(np.float32)
    plain = (planes.means(steep, 16) < 0.05).astype(np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(plain, connectivity=4)
    rows, columns = plain.shape
    border = {int(label) for edge in (labels[0], labels[-1], labels[:, 0], labels[:, -1]) for label in edge} - {0}
    return float(max((stats[label, cv2.CC_STAT_AREA] for label in border), default=0) / (rows * columns))


# ---- several frames -----------------------------------------------------------------------------


def still_ratio(grays: Sequence[Frame], groups: Sequence[int]) -> float | None:
    """Greatest share of 16 px squares bit-equal between two frames of different groups of pictures.

    Within a group, encoders repeat what is nearly still without a bit of difference, so equality says nothing there. A
    keyframe codes everything anew: a live sensor's noise then changes nearly every square however strongly compressed
    (measured: at most 2 % stay equal), a frozen picture coded with the same quantiser stays equal but for what the
    clock in it drags along. So it is with JPEG snapshots (each a group of its own), and with a rate-controlled encoder
    once a still picture has let it settle (seconds to a minute), where frames at the same place in their groups are
    compared, best the keyframes themselves. An encoder that does not settle hides a freeze: not decided.
    """
    pairs = [(i, j) for i in range(len(groups)) for j in range(i + 1, len(groups)) if groups[i] != groups[j]]
    return max((_equal(grays[i], grays[j]) for i, j in pairs if grays[i].shape == grays[j].shape), default=None)


def _equal(a: Frame, b: Frame) -> float:
    """Share of 16 px squares in which nothing differs."""
    rows, columns = a.shape[0] // 16, a.shape[1] // 16
    differ = (a != b)[: rows * 16, : columns * 16].reshape(rows, 16, columns, 16)
    return float(1 - differ.any(axis=1).any(axis=2).mean())


def change(grays: Sequence[Frame]) -> float | None:
    """How much any part of the picture changed in the visit: mean levels of 16 px squares, the 98th percentile."""
    means = [planes.means(gray.astype(np.float32), 16) for gray in grays]
    return max((planes.quantile(np.abs(mean - means[0]), 0.98) for mean in means[1:]), default=None)


def jitter_px(grays: Sequence[Frame]) -> float | None:
    """How far the view shakes about a steady movement: rms, px of WIDTH_PX. None of fewer than three frames.

    The frames are taken to be evenly spaced in time, as those of one group of pictures are.
    """
    if len(grays) < 3:
        return None
    shifts = [shift_px(a, b) for a, b in pairwise(grays)]
    if any(shift is None for shift in shifts):
        return None
    places = np.vstack([np.zeros(2), np.cumsum(np.array(shifts), axis=0)])
    time = np.arange(len(places), dtype=np.float64)
    design = np.stack([time, np.ones_like(time)], axis=1)
    rest = places - design @ np.linalg.lstsq(design, places, rcond=None)[0]
    return float(np.sqrt((rest**2).sum() / max(len(places) - 2, 1)))


def shift_px(a: Frame, b: Frame) -> tuple[float, float] | None:
    """By how much the whole picture moved from a to b, px: what most of six parts agree on; None if they do not."""
    a, b = (cv2.resize(gray, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA).astype(np.float32) for gray in (a, b))
    rows, columns = a.shape[0] // 2, a.shape[1] // 3
    window = cv2.createHanningWindow((columns, rows), cv2.CV_32F)
    found = []
    for top in (0, rows):
        for left in (0, columns, 2 * columns):
            part = np.s_[top : top + rows, left : left + columns]
            shift, response = cv2.phaseCorrelate(a[part], b[part], window)
            if response > 0.05:
                found.append(np.array(shift) * 2)
    if len(found) < 3:
        return None
    middle = np.median(np.array(found), axis=0)
    agree = sum(bool(np.hypot(*(shift - middle)) < 2.0) for shift in found)
    return (float(middle[0]), float(middle[1])) if agree >= 3 else None
