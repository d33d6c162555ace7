"""Child only: by which angles a camera turned between views, and through which lens: found from the views alone. Pure.

Who turned the camera must not be known here. Points are in widths of the frame, from its middle. The lens is rectilinear
but for one term of radial distortion (Brown 1966): a point seen at radius r stands at r (1 + bend r^2). A turn moves
things along x with 1/f^2 - 3 bend, along y with bend alone: so many matches tell both apart, for lenses of some 25
degrees and more. For longer ones the error grows, and is told.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from agent.ask.views import WIDTH_PX, Match

Floats = NDArray[np.float64]

_POINTS = 120
"""Per turn; a few hundred matches tell no more."""
_SIGMA = 0.8 / WIDTH_PX
_OUTLIER = 16.0
"""Squared errors count up to so many sigmas squared."""
_BENDS = (-0.4, 2.0)
"""Bends tried: from a slight pincushion to a barrel that draws the middle of the edge in by a third."""
_USUAL_BEND = 0.5
"""Weight of what lenses usually are, where the views do not tell."""
_FOCALS = (0.2, 16.0)
"""Fields of view from 136 to 3.6 degrees."""


class Turn(NamedTuple):
    """Where the same things stand in two views: `a` and `b` (_POINTS, 2); `weight` 0 marks padding."""

    a: Floats
    b: Floats
    weight: Floats


class Lens(NamedTuple):
    """`focal`: in widths; `bend`: see above."""

    focal: float
    bend: float = 0.0

    @property
    def fov_deg(self) -> float:
        """Horizontal field of view."""
        return float(np.degrees(2 * np.arctan(0.5 * (1 + 0.25 * self.bend) / self.focal)))


def turn(found: Match) -> Turn:
    """What of a match is kept."""
    chosen = np.linspace(0, len(found.a) - 1, _POINTS).astype(int)
    weight = np.ones(_POINTS)
    if len(found.a) < _POINTS:
        chosen = np.minimum(np.arange(_POINTS), len(found.a) - 1)
        weight[len(found.a) :] = 0.0
    return Turn(found.a[chosen], found.b[chosen], weight)


def vectors(turns: Sequence[Turn], lens: Lens) -> Floats:
    """The rotation of each turn (n, 3): axis times angle, degrees. Positive about y: to the left of the picture."""
    if not turns:
        return np.zeros((0, 3))
    a, b, weight = _stacked(turns)
    return _as_vectors(_rotations(_rays(a, lens), _rays(b, lens), weight))


def lens(turns: Sequence[Turn], near: Lens | None = None) -> Lens | None:
    """The lens that explains all turns best; None without any. `near`: an earlier estimate, where there is one."""
    if not turns:
        return None
    a, b, weight = _stacked(turns)

    def cost(log_focal: float, bend: float) -> float:
        if not (np.log(_FOCALS[0]) <= log_focal <= np.log(_FOCALS[1]) and _BENDS[0] <= bend <= _BENDS[1]):
            return float("inf")
        return _misfit(a, b, weight, Lens(float(np.exp(log_focal)), bend))

    if near is None:
        grid = [(f, bend) for bend in (0.0, 0.4, 1.0, 1.6) for f in np.linspace(*np.log(_FOCALS), 20)]
        start = min(grid, key=lambda point: cost(*point))
        steps = (0.12, 0.15)
    else:
        start, steps = (float(np.log(near.focal)), near.bend), (0.03, 0.04)
    log_focal, bend = _lowest(cost, start, steps)
    return Lens(float(np.exp(log_focal)), bend)


def spread(turns: Sequence[Turn], best: Lens) -> tuple[Lens, Lens]:
    """The lenses that each half of the turns finds alone: how far they differ is how little is known."""
    halves = [lens(turns[half::2], best) for half in (0, 1)]
    return halves[0] or best, halves[1] or best


# ---- rays and rotations -------------------------------------------------------------------------


def _stacked(turns: Sequence[Turn]) -> tuple[Floats, Floats, Floats]:
    return np.stack([t.a for t in turns]), np.stack([t.b for t in turns]), np.stack([t.weight for t in turns])


def _straight(points: Floats, lens: Lens) -> Floats:
    """Points where a rectilinear lens would show them."""
    return np.asarray(points * (1 + lens.bend * np.sum(points**2, axis=-1, keepdims=True)))


def _rays(points: Floats, lens: Lens) -> Floats:
    """Unit rays (..., 3) through the points: x to the right, y down, z ahead."""
    straight = _straight(points, lens)
    rays = np.concatenate([straight, np.full((*straight.shape[:-1], 1), lens.focal)], axis=-1)
    return np.asarray(rays / np.linalg.norm(rays, axis=-1, keepdims=True))


def _rotations(a: Floats, b: Floats, weight: Floats) -> Floats:
    """The rotations (n, 3, 3) that turn rays a into rays b with the least squares (Kabsch 1976)."""
    u, _, vt = np.linalg.svd(np.einsum("nk,nki,nkj->nij", weight, a, b))
    v, ut = np.swapaxes(vt, 1, 2), np.swapaxes(u, 1, 2)
    v[:, :, 2] *= np.sign(np.linalg.det(v @ ut))[:, None]
    return np.asarray(v @ ut)


def _misfit(a: Floats, b: Floats, weight: Floats, lens: Lens) -> float:
    """Squared distances, in sigmas, between where a lens says that things stand and where they do."""
    rays = _rays(a, lens)
    turned = np.einsum("nij,nkj->nki", _rotations(rays, _rays(b, lens), weight), rays)
    expected = turned[..., :2] / np.maximum(turned[..., 2:], 1e-3) * lens.focal
    stretch = 1 + 3 * lens.bend * np.sum(b**2, axis=-1)
    errors = np.sum((expected - _straight(b, lens)) ** 2, axis=-1) / (stretch * _SIGMA) ** 2
    return float(np.sum(weight * np.minimum(errors, _OUTLIER))) + (lens.bend / _USUAL_BEND) ** 2


def _as_vectors(rotations: Floats) -> Floats:
    cosine = np.clip((np.trace(rotations, axis1=1, axis2=2) - 1) / 2, -1.0, 1.0)
    angle = np.arccos(cosine)
    sides = [rotations[:, i, j] - rotations[:, j, i] for i, j in ((2, 1), (0, 2), (1, 0))]
    return np.asarray(np.degrees(np.stack(sides, axis=1) / np.maximum(2 * np.sinc(angle / np.pi), 1e-9)[:, None]))


def _lowest(
    cost: "Callable[[float, float], float]", start: tuple[float, float], steps: tuple[float, float]
) -> tuple[float, float]:
    """The minimum of a function of two figures (Nelder and Mead 1965)."""
    corners = [np.array(start), np.array(start) + [steps[0], 0], np.array(start) + [0, steps[1]]]
    ranked = sorted(((cost(*corner), tuple(corner)) for corner in corners), key=lambda pair: pair[0])
    for _ in range(60):
        (low, best), (_, good), (high, worst) = ranked
        if high - low < 0.02 and np.hypot(*np.subtract(worst, best)) < 2e-3:
            break
        middle = (np.array(best) + good) / 2
        tried = [(cost(*point), tuple(point)) for point in (middle + middle - worst,)]
        if tried[0][0] < low:
            further = middle + 2 * (middle - worst)
            tried.append((cost(*further), tuple(further)))
        elif tried[0][0] >= ranked[1][0]:
            nearer = (middle + worst) / 2
            tried.append((cost(*nearer), tuple(nearer)))
        new = min(tried, key=lambda pair: pair[0])
        if new[0] < high:
            ranked = sorted([*ranked[:2], new], key=lambda pair: pair[0])
        else:
            shrunk = [(np.array(best) + point) / 2 for _, point in ranked[1:]]
            ranked = sorted([ranked[0], *((cost(*p), tuple(p)) for p in shrunk)], key=lambda pair: pair[0])
    return float(ranked[0][1][0]), float(ranked[0][1][1])
