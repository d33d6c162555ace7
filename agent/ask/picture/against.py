"""Child only: a picture against the camera's own usual view, remembered small: what is covered, elsewhere, recoloured.

Numbers only.
"""

import struct
from collections.abc import Mapping
from math import isnan, nan, sqrt
from typing import NamedTuple

import cv2
import numpy as np
from numpy import fft
from numpy.typing import NDArray

from agent.ask.picture import planes
from agent.ask.picture.planes import SIGNATURE_PX, Floats, Frame

PLACE_PX = 5
"""Side of the squares in which detail is sought, of a remembered view."""
LEAST_PLACES = 12
COLOUR_PX = (24, 14)
"""Width and height of the colour of a remembered view."""
TILE_PX = (5, 6)
"""Height and width of the tiles in which the view is sought again."""
LEAST_TILES = 12
_FLAT = 4.0
"""Deviation, levels, below which a tile has no structure to be known again by."""
ALIKE = 0.8
"""Likeness from which on no part of the view is sought that might be another."""
_NUMBERS = "!ff"
_COMMON = 0.3
_SAME = 0.85
_SHIFT = 3


class Usual(NamedTuple):
    """What a camera showed when it was sound: the view, and numbers of `measure` that a room has of itself."""

    view: Frame
    edge_width_px: float | None = None
    streak: float | None = None


def signature(frame: Frame, metrics: Mapping[str, float]) -> bytes:
    """The view, small, its colour smaller still, and what `metrics` say of it, to be compared with later."""
    small = cv2.resize(frame, SIGNATURE_PX, interpolation=cv2.INTER_AREA)
    parts = cv2.cvtColor(small if small.ndim == 3 else cv2.cvtColor(small, cv2.COLOR_GRAY2BGR), cv2.COLOR_BGR2YCrCb)
    colour = cv2.resize(parts[..., 1:], COLOUR_PX, interpolation=cv2.INTER_AREA)
    numbers = struct.pack(_NUMBERS, metrics.get("edge_width_px", nan), metrics.get("streak", nan))
    return np.ascontiguousarray(parts[..., 0]).tobytes() + np.ascontiguousarray(colour).tobytes() + numbers


def remembered(view: bytes) -> Usual | None:
    """What `signature` kept; None if these bytes are no signature."""
    (width, height), (across, down) = SIGNATURE_PX, COLOUR_PX
    pixels, end = width * height, width * height + 2 * across * down
    if len(view) != end + struct.calcsize(_NUMBERS):
        return None
    gray = np.frombuffer(view[:pixels], np.uint8).reshape(height, width)
    colour = np.frombuffer(view[pixels:end], np.uint8).reshape(down, across, 2)
    whole = np.dstack([gray, cv2.resize(colour, SIGNATURE_PX, interpolation=cv2.INTER_LINEAR)])
    edge, stripes = (None if isnan(number) else number for number in struct.unpack(_NUMBERS, view[end:]))
    return Usual(np.asarray(cv2.cvtColor(whole, cv2.COLOR_YCrCb2BGR), np.uint8), edge, stripes)


def compared(frame: Frame, usual: Usual, metrics: Mapping[str, float | None]) -> dict[str, float | None]:
    """What has changed since the usual view; `metrics`: what was measured of the frame by itself."""
    now = planes.inner(planes.thumb(frame)).astype(np.float32)
    then = planes.inner(planes.thumb(usual.view)).astype(np.float32)
    changes = {"recast": recast(frame, usual.view), **_beyond(usual, metrics)}
    places, kept = kept_places(now, then)
    if places < LEAST_PLACES:  # hardly anything to know the view by, and nothing that could be covered
        return {**changes, "covered_ratio": 0.0, "uneven": uneven(now), "uneven_before": uneven(then)}
    whole = np.kron(kept, np.ones((PLACE_PX, PLACE_PX)))
    match = view_match(now, then, whole) if kept.sum() >= LEAST_PLACES / 2 else None
    if match is None or match < ALIKE:  # as most visits are not, and it costs as much as all the rest
        changes |= replaced(now, then) | {"uneven": uneven(now), "uneven_before": uneven(then)}
    return changes | {"covered_ratio": float(1 - kept.sum() / places), "view_match": match}


def _beyond(usual: Usual, metrics: Mapping[str, float | None]) -> dict[str, float | None]:
    """`softer`: how many times as wide edges are; `new_streak`: stripes that are none of the room (rms, levels)."""
    edge, stripes = metrics.get("edge_width_px"), metrics.get("streak")
    before, had = usual.edge_width_px, usual.streak
    return {
        "softer": edge / before if edge and before else None,
        "new_streak": None if stripes is None or had is None else sqrt(max(stripes**2 - had**2, 0.0)),
    }


# ---- colour -------------------------------------------------------------------------------------


def recast(frame: Frame, reference: Frame) -> float | None:
    """How much the balance of the colours has shifted all over: natural logarithm, 0.1 = a tenth more of one.

    Ratios of colours, so that less light changes nothing; the middle of all places, so that neither people nor a red
    wall that was there before do. None where either view is gray: by night there is no colour to lose.
    """
    if frame.ndim == 2 or reference.ndim == 2:
        return None
    now, then = _colours(frame), _colours(reference)
    shown = ((now > 12) & (now < 240) & (then > 12) & (then < 240)).all(axis=1)
    if shown.mean() < 0.1:
        return None
    now, then = now[shown], then[shown]
    if min(float(np.percentile(np.ptp(view, axis=1), 90)) for view in (now, then)) < 6:
        return None
    shift = np.log(now / then)
    return float(np.hypot(*np.median(shift[:, [0, 2]] - shift[:, [1]], axis=0)))


def _colours(frame: Frame) -> Floats:
    """Colour of each place (n, 3), blue first."""
    coarse = cv2.resize(planes.inner(frame), COLOUR_PX, interpolation=cv2.INTER_AREA)
    return np.asarray(coarse, np.float32).reshape(-1, 3)


# ---- place by place -----------------------------------------------------------------------------


def replaced(now: Floats, then: Floats) -> dict[str, float]:
    """`replaced_ratio`: share of the tiles with structure that show another one; `patch`: how surely one side was kept.

    Something before the lens comes in from a side: beyond an edge the view is as before, on this side of it nothing is.
    In another view what seems kept is kept by chance, here and there. `patch` is the logarithm of how much likelier two
    shares of kept tiles, parted by the best straight edge, are than one share all over, times their difference: 0 where
    there is no such edge, above about 8 where no chance makes it. The view may be shifted a little as a whole.
    """
    a, b = _structure(now), _structure(then)
    known = _tiles(then).std(axis=(1, 3)) >= _FLAT
    if known.sum() < LEAST_TILES:
        return {}
    inner = np.s_[_SHIFT:-_SHIFT, _SHIFT:-_SHIFT]
    _, _, _, (x, y) = cv2.minMaxLoc(cv2.matchTemplate(a, b[inner], cv2.TM_CCORR_NORMED))
    found = []
    for shift in {(0, 0), (x - _SHIFT, y - _SHIFT)}:  # of a view that is mostly another the best shift is a chance one
        kept = known & (_found_again(a, b, shift) > _SAME)
        found.append((_parted(known, kept), 1 - float(kept.sum() / known.sum())))
    patch, share = max(found, key=lambda one: (one[0], -one[1]))
    return {"replaced_ratio": share, "patch": patch, "elsewhere": _elsewhere(a, b)}


_SIDES = (0.5, 0.6, 0.7, 0.8, 0.9)
"""Shares of the view, from one side on, that are looked at for one texture."""
_TEXTURE, _EVEN, _COARSE = 3.0, 2.5, 0.55
"""Deviation in a tile, levels, from which on there is a texture; what counts as 1 of how tiles differ in that, and of
how their levels do."""


def uneven(view: Floats) -> float | None:
    """How far the view, or the most even side of it (half or more), is from showing one texture all over.

    By how much its tiles differ in structure, and in level but for a shade that goes evenly across. A cloth before the
    lens has 0.5 to 1, a room seldom less: there things of all sizes stand beside each other. None where no
    side has a texture.
    """
    tiles = _tiles(view)
    level, structure = tiles.mean(axis=(1, 3)), tiles.std(axis=(1, 3))
    rows, columns = level.shape
    whole = slice(None)
    sides: list[tuple[slice, slice]] = [(whole, whole)]
    for share in _SIDES:
        down, across = round(rows * share), round(columns * share)
        sides += [(whole, slice(across)), (whole, slice(columns - across, None))]
        sides += [(slice(down), whole), (slice(rows - down, None), whole)]
    found = [_of_one_texture(level[side], structure[side]) for side in sides]
    return min((one for one in found if one is not None), default=None)


def _of_one_texture(level: Floats, structure: Floats) -> float | None:
    texture = planes.quantile(structure, 0.5)
    if texture < _TEXTURE:
        return None
    down, across = (np.linspace(-1, 1, size) for size in level.shape)
    part = level - level.mean()
    shade = across * (part @ across).sum() / (across @ across) / len(down)
    shade = shade + (down * (down @ part).sum() / (down @ down) / len(across))[:, None]
    differ = planes.quantile(structure, 0.9) / max(planes.quantile(structure, 0.1), 0.5)
    return max(differ / _EVEN, float((part - shade).std()) / (_COARSE * texture))


def _elsewhere(now: Floats, then: Floats) -> float:
    """Likeness -1..1 of the two views (`_structure`) where one is shifted against the other by more than `view_match`
    allows, at the best such shift that leaves _COMMON of them: what a camera that was turned a little shows.
    """
    rows, columns = now.shape
    size = (2 * rows, 2 * columns)
    a, b, ones = (fft.rfft2(view, size) for view in (now, then, np.ones_like(now)))
    a_power, b_power = fft.rfft2(now * now, size), fft.rfft2(then * then, size)
    shared, first, second, common = (
        fft.irfft2(one * np.conj(two), size) for one, two in ((a, b), (a_power, ones), (ones, b_power), (ones, ones))
    )
    like = shared / np.sqrt(np.maximum(first * second, 1e-3))
    down, across = fft.fftfreq(size[0], 1 / size[0]), fft.fftfreq(size[1], 1 / size[1])
    far = (np.abs(down)[:, None] > _SHIFT + 1) | (np.abs(across) > _SHIFT + 1)
    return float(like[far & (common > _COMMON * now.size)].max())


def _tiles(view: Floats) -> Floats:
    """(rows, high, columns, wide)."""
    high, wide = TILE_PX
    rows, columns = view.shape[0] // high, view.shape[1] // wide
    return view[: rows * high, : columns * wide].reshape(rows, high, columns, wide)


def _found_again(now: Floats, then: Floats, shift: tuple[int, int]) -> Floats:
    """For each tile of `then` its correlation -1..1 with the same place now, a pixel to and fro."""
    rows, columns = then.shape
    near = np.pad(now, _SHIFT + 1, mode="edge")
    b = _tiles(then)
    b = b - b.mean(axis=(1, 3), keepdims=True)
    best = np.full((b.shape[0], b.shape[2]), -1.0, np.float32)
    for y in (-1, 0, 1):
        for x in (-1, 0, 1):
            top, left = _SHIFT + 1 + shift[1] + y, _SHIFT + 1 + shift[0] + x
            a = _tiles(near[top : top + rows, left : left + columns])
            a = a - a.mean(axis=(1, 3), keepdims=True)
            power = np.sqrt((a * a).sum(axis=(1, 3)) * (b * b).sum(axis=(1, 3)))
            best = np.maximum(best, (a * b).sum(axis=(1, 3)) / np.maximum(power, 1e-6))
    return best


def _parted(known: NDArray[np.bool_], kept: NDArray[np.bool_]) -> float:
    """See `patch` of `replaced`."""
    most, whole = 0.0, float(kept.sum() / known.sum())
    for axis in (0, 1):
        for way in (1, -1):
            all_, same = (np.cumsum(some.sum(axis=axis)[::way])[:-1].astype(float) for some in (known, kept))
            beyond, beyond_same = known.sum() - all_, kept.sum() - same
            fit = (all_ >= 2) & (beyond >= 2)
            here, there = same[fit] / all_[fit], beyond_same[fit] / beyond[fit]
            gain = all_[fit] * _surprise(here, whole) + beyond[fit] * _surprise(there, whole)
            most = max(most, float((gain * (here - there)).max(initial=0.0)))
    return most


def _surprise(share: NDArray[np.float64], expected: float) -> NDArray[np.float64]:
    """How unlikely a share is where another is expected (Kullback and Leibler), nats for each of those counted."""
    p, q = np.clip(share, 1e-6, 1 - 1e-6), min(max(expected, 1e-6), 1 - 1e-6)
    return np.asarray(p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q)))


def kept_places(now: Floats, then: Floats) -> tuple[int, NDArray[np.bool_]]:
    """How many places had detail, and (rows, columns) which of them still have it.

    Detail is compared with the best kept places, so that less light or contrast all over covers nothing.
    """
    detail_then, detail_now = (planes.blocks(view, PLACE_PX).std(axis=2) for view in (then, now))
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
