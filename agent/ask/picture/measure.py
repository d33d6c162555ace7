"""Child only: what may be wrong with a picture, as numbers. Pure functions of arrays.

Frames are BGR or gray arrays (height, width[, 3]) of uint8. Where they come from, and how many visits make a fault,
must not be known here; which number is a fault says agent/decide/rules_picture.py.

Lengths are in pixels of the picture reduced to WIDTH_PX (a smaller one as it is), brightness in levels 0..255. A number
that cannot be had from what is given (no reference, one frame only) is left out. Bands at the top and bottom are left
out, since cameras write the time and their name there.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Frame = NDArray[np.uint8]
Floats = NDArray[np.float32]

WIDTH_PX = 640
BANDS = 0.12
"""Share of the height left out at top and bottom."""
LEAST_PX = 64
"""A picture narrower or lower than this is not judged."""
WHITE, HEADROOM = 240, 8
SIGNATURE_PX = (96, 54)
"""Width and height of a remembered view: too coarse to know a face by."""


def measure(frames: Sequence[Frame], reference: Frame | None = None, groups: Sequence[int] = ()) -> dict[str, float]:
    """One number per question, from the frames of one visit in order.

    `reference`: the view as it should be (see `remembered`). `groups`: for each frame the number of the group of
    pictures it belongs to (counted by keyframes); without at least two groups `still_ratio` is left out.
    """
    if not frames or min(frames[-1].shape[:2]) < LEAST_PX:
        return {}
    whole = [_gray(frame) for frame in frames]
    grays = [_inner(_small(gray)) for gray in whole]
    last, gray = _small(frames[-1]), grays[-1]
    metrics = {
        "flat_ratio": flat_ratio(last),
        "dark_level": _quantile(gray[::2, ::2], 0.95),
        "bright_level": bright_level(gray),
        "edge_width_px": edge_width_px(gray),
        "cast": cast(last),
        "noise": noise([_inner(one) for one in whole]),
        "streak": streak(gray),
        "still_ratio": still_ratio(whole, groups),
        "change": change(grays),
        "plain_ratio": plain_ratio(gray),
        "jitter_px": jitter_px([one for i, one in enumerate(grays) if i >= len(groups) or groups[i] == groups[0]]),
        **(_against(whole[-1], reference) if reference is not None else {}),
    }
    return {name: value for name, value in metrics.items() if value is not None}


def signature(frame: Frame) -> bytes:
    """The view, small and gray, to be compared with later: SIGNATURE_PX bytes."""
    return np.ascontiguousarray(_thumb(frame)).tobytes()


def remembered(view: bytes) -> Frame | None:
    """The array that `signature` made; None if these bytes are no signature."""
    width, height = SIGNATURE_PX
    return np.frombuffer(view, np.uint8).reshape(height, width) if len(view) == width * height else None


# ---- common ground ------------------------------------------------------------------------------


def _gray(frame: Frame) -> Frame:
    return np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY), np.uint8) if frame.ndim == 3 else frame


def _small(frame: Frame) -> Frame:
    """The frame, at most WIDTH_PX wide."""
    height, width = frame.shape[:2]
    if width <= WIDTH_PX:
        return frame
    size = (WIDTH_PX, max(round(height * WIDTH_PX / width), 1))
    return np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), np.uint8)


def _thumb(frame: Frame) -> Frame:
    return np.asarray(cv2.resize(_gray(frame), SIGNATURE_PX, interpolation=cv2.INTER_AREA), np.uint8)


def _inner(frame: Frame) -> Frame:
    height = frame.shape[0]
    return frame[int(height * BANDS) : height - int(height * BANDS)]


def _blocks(plane: NDArray[np.generic], side: int) -> NDArray[np.float32]:
    """The plane cut in squares: (rows, columns, side * side)."""
    rows, columns = plane.shape[0] // side, plane.shape[1] // side
    cut = plane[: rows * side, : columns * side].reshape(rows, side, columns, side)
    return cut.swapaxes(1, 2).reshape(rows, columns, side * side).astype(np.float32)


def _means(plane: Floats, side: int) -> Floats:
    """The mean of each square: (rows, columns)."""
    rows, columns = plane.shape[0] // side, plane.shape[1] // side
    whole = plane[: rows * side, : columns * side]
    return np.asarray(cv2.resize(whole, (columns, rows), interpolation=cv2.INTER_AREA), np.float32)


def _quantile(values: NDArray[Any], share: float) -> float:
    """The value that so large a share lies below; numpy's own takes ten times as long for a few hundred."""
    flat = values.ravel()
    at = round(share * (len(flat) - 1))
    return float(np.partition(flat, at)[at])


def _slope(gray: Frame, smoothing: float) -> tuple[Floats, Floats]:
    """The picture smoothed by `smoothing` px, and how steep it is, levels per px."""
    soft = cv2.GaussianBlur(gray.astype(np.float32), (0, 0), smoothing)
    return soft, cv2.magnitude(cv2.Sobel(soft, cv2.CV_32F, 1, 0), cv2.Sobel(soft, cv2.CV_32F, 0, 1)) / 8


# ---- signal, colour -----------------------------------------------------------------------------


def flat_ratio(frame: Frame) -> float:
    """Share of 16 px squares that hold one even colour, the same in all: near 1 on a screen without signal.

    Even to a level, as only what is drawn is: in the darkest picture and on a covered lens light still varies from one
    place to the other. White is left to `bright_level`: an overexposed sensor is as even.
    """
    pixels = _inner(frame).astype(np.float32)
    mean = _means(pixels, 16)
    deviation = np.sqrt(np.maximum(_means(pixels * pixels, 16) - mean * mean, 0))
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
    return _quantile(some, 0.05) - HEADROOM * (255 - _quantile(some, 0.95))


def cast(frame: Frame) -> float:
    """Colour that even the grayest tenth of the picture has: chroma in CIE L*a*b* units, 0 in a gray picture.

    Scenes hold something neutral (steel, tiles, paper, shadow); a cast leaves nothing neutral. Very dark and very
    bright pixels are left out: they have no colour to lose.
    """
    if frame.ndim == 2:
        return 0.0
    lab = cv2.cvtColor(cv2.blur(_inner(frame), (5, 5))[::3, ::3].astype(np.float32) / 255, cv2.COLOR_BGR2Lab)
    shown = (lab[..., 0] > 25) & (lab[..., 0] < 95)
    if shown.mean() < 0.05:
        return 0.0
    return _quantile(cv2.magnitude(lab[..., 1], lab[..., 2])[shown], 0.1)


# ---- sharpness, noise, stripes ------------------------------------------------------------------


def edge_width_px(gray: Frame) -> float | None:
    """Width (standard deviation, px of WIDTH_PX) of the sharpest tenth of the edges; None where there are none.

    An edge smeared by a Gaussian has slope = height / (width * sqrt(2 pi)): slope and height are measured at the same
    place, so that contrast does not matter. Part of a sound picture may be out of focus; a blurred one is all over.
    """
    soft, slope = _slope(gray, 1.0)
    window, levels = np.ones((21, 21), np.uint8), soft.astype(np.uint8)
    height = cv2.subtract(cv2.dilate(levels, window), cv2.erode(levels, window))
    least = max(16.0, 0.25 * _quantile(height[::4, ::4], 0.98))
    steep = np.where(height > least, slope / np.maximum(height, 1), np.float32(0))
    peaks = _blocks(steep, 32).max(axis=2)
    peaks = peaks[peaks > 0]
    if len(peaks) < 6:
        return None
    return float(1 / (np.sqrt(2 * np.pi) * _quantile(peaks, 0.9)))


def noise(grays: Sequence[Frame]) -> float:
    """Standard deviation of what flickers from pixel to pixel, levels, in the quieter half of the picture.

    In space by Immerkaer's mask (1996), in time by the difference of frames; the smaller counts: texture stands still,
    and what moves is smooth. The noisiest of the frames counts, since encoders repeat what they cannot code. Of one
    frame, in space only.
    """
    spatial = max(_quantile(_immerkaer(gray), 0.5) for gray in grays)
    pairs = [(a, b) for a, b in pairwise(grays) if a.shape == b.shape]
    temporal = [_quantile(_flicker(a, b), 0.5) for a, b in pairs]
    return min(spatial, max(temporal)) if temporal else spatial


def _immerkaer(gray: Frame) -> Floats:
    mask = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    response = np.abs(cv2.filter2D(gray, cv2.CV_32F, mask))
    return np.asarray(_means(response, 16) * np.sqrt(np.pi / 2) / 6, np.float32)


def _flicker(a: Frame, b: Frame) -> Floats:
    """Standard deviation of the noise of one frame, from the difference of two, in each square."""
    difference = cv2.subtract(b, a, dtype=cv2.CV_32F)
    variance = _means(difference * difference, 16) - _means(difference, 16) ** 2
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
    return float(np.sqrt(max(_quantile(pairs, 0.25), 0.0)))


def plain_ratio(gray: Frame) -> float:
    """Share of the picture in its largest connected part without any edge, where that part touches the border."""
    steep = (_slope(gray, 1.5)[1] > 2.0).astype(np.float32)
    plain = (_means(steep, 16) < 0.05).astype(np.uint8)
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
    means = [_means(gray.astype(np.float32), 16) for gray in grays]
    return max((_quantile(np.abs(mean - means[0]), 0.98) for mean in means[1:]), default=None)


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


# ---- against the view as it should be -----------------------------------------------------------


PLACE_PX = 5
"""Side of the squares in which detail is sought, of a remembered view."""
LEAST_PLACES = 12


def _against(frame: Frame, reference: Frame) -> dict[str, float | None]:
    now = _inner(_thumb(frame)).astype(np.float32)
    then = _inner(_thumb(reference)).astype(np.float32)
    places, kept = kept_places(now, then)
    if places < LEAST_PLACES:
        return {"view_match": view_match(now, then)}
    whole = np.kron(kept, np.ones((PLACE_PX, PLACE_PX)))
    return {
        "covered_ratio": float(1 - kept.sum() / places),
        "view_match": view_match(now, then, whole) if kept.sum() >= LEAST_PLACES / 2 else None,
    }


def kept_places(now: Floats, then: Floats) -> tuple[int, NDArray[np.bool_]]:
    """How many places had detail, and (rows, columns) which of them still have it.

    Detail is compared with the best kept places, so that less light or contrast all over covers nothing.
    """
    detail_then, detail_now = (_blocks(view, PLACE_PX).std(axis=2) for view in (then, now))
    places = detail_then > 4.0
    ratio = detail_now / np.maximum(detail_then, 1e-3)
    best = min(float(np.quantile(ratio[places], 0.95)), 1.0) if places.any() else 1.0
    return int(places.sum()), places & (ratio >= 0.3 * max(best, 0.1))


def view_match(now: Floats, then: Floats, where: NDArray[np.floating] | None = None) -> float | None:
    """Correlation -1..1 of the structure of two small views, light and contrast taken out, best of small shifts.

    None where either has no structure. `where`: the pixels of `then` that count, its lower and right edge missing where
    they fill no square.
    """
    mask = np.ones(then.shape, np.float32)
    if where is not None:
        mask[:] = 0
        mask[: where.shape[0], : where.shape[1]] = where
    inner = np.s_[3:-3, 3:-3]
    a, b = _structure(now), _structure(then)
    best = float(cv2.matchTemplate(a, b[inner], cv2.TM_CCORR_NORMED, mask=mask[inner]).max())
    return best if np.isfinite(best) else None


def _structure(view: Floats) -> Floats:
    fine = view - cv2.GaussianBlur(view, (0, 0), 4.0)
    return np.asarray(fine / (np.sqrt(cv2.GaussianBlur(fine * fine, (0, 0), 4.0)) + 3.0), np.float32)
