"""Child only: a picture against the camera's own usual view, remembered small: what is covered, elsewhere, recoloured.

Numbers only.
"""

import struct
from collections.abc import Mapping
from math import isnan, nan, sqrt
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from agent.ask.picture import planes
from agent.ask.picture.planes import SIGNATURE_PX, Floats, Frame

PLACE_PX = 5
"""Side of the squares in which detail is sought, of a remembered view."""
LEAST_PLACES = 12
COLOUR_PX = (24, 14)
"""Width and height of the colour of a remembered view."""
TILE_PX = (8, 6)
"""Width and height of the tiles in which the view is sought again."""
LEAST_TILES = 12
ALIKE = 0.8
"""Likeness from which on no part of the view is sought that might be another."""
_NUMBERS = "!ff"
_SAME = 0.75
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
        return {**changes, "covered_ratio": 0.0}
    whole = np.kron(kept, np.ones((PLACE_PX, PLACE_PX)))
    match = view_match(now, then, whole) if kept.sum() >= LEAST_PLACES / 2 else None
    if match is None or match < ALIKE:  # as most visits are not, and it costs as much as all the rest
        changes |= replaced(now, then)
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
    """`replaced_ratio`: share of the tiles with structure that show another one; `patch`: how far they lie together.

    Something before the lens replaces one part and leaves the other as it was: patch 1. In another view what seems kept
    is kept by chance, here and there: patch 0. The view may be shifted a little as a whole.
    """
    same = _found_again(now, then)
    known = np.isfinite(same)
    if known.sum() < LEAST_TILES:
        return {}
    kept = np.where(known, same, -1) > _SAME
    share = float(kept.sum() / known.sum())
    pairs = [
        (one[both], two[both])
        for one, two, both in (
            (kept[1:], kept[:-1], known[1:] & known[:-1]),
            (kept[:, 1:], kept[:, :-1], known[:, 1:] & known[:, :-1]),
        )
    ]
    alike = float(np.mean(np.concatenate([one == two for one, two in pairs]))) if pairs else 0.0
    chance = share**2 + (1 - share) ** 2
    return {"replaced_ratio": 1 - share, "patch": (alike - chance) / (1 - chance) if chance < 1 else 0.0}


def _found_again(now: Floats, then: Floats) -> Floats:
    """For each tile of `then` its correlation -1..1 with the same place now; NaN where it has no structure."""
    a, b = _structure(now), _structure(then)
    inner = np.s_[_SHIFT:-_SHIFT, _SHIFT:-_SHIFT]
    _, _, _, (x, y) = cv2.minMaxLoc(cv2.matchTemplate(a, b[inner], cv2.TM_CCORR_NORMED))
    wide, high = TILE_PX
    rows, columns = then.shape[0] // high, then.shape[1] // wide
    near = np.pad(a, 2 * _SHIFT, mode="edge")
    found = np.full((rows, columns), np.nan, np.float32)
    for row in range(rows):
        for column in range(columns):
            top, left = row * high, column * wide
            if then[top : top + high, left : left + wide].std() < 4:
                continue
            at_y, at_x = top + y - _SHIFT + 2 * _SHIFT - 1, left + x - _SHIFT + 2 * _SHIFT - 1
            around = near[at_y : at_y + high + 2, at_x : at_x + wide + 2]
            tile = b[top : top + high, left : left + wide]
            found[row, column] = cv2.matchTemplate(around, tile, cv2.TM_CCOEFF_NORMED).max()
    return found


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
