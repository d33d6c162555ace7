"""Child only: geometry of pictures: how far the camera turned, zoomed or lost focus between two frames. Pure.

Frames are BGR or gray arrays (height, width[, 3]) of uint8.

Lengths are in widths of the frame, from its middle: whatever the size of the picture, x runs -0.5..0.5. The lens is
taken for rectilinear and square-pixelled: one that bends lines (barrel distortion) makes angles come out too small, by
about as much as its picture is bent. Angles of views that recur or overlap do not depend on the lens at all.
"""

from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

Frame = NDArray[np.uint8]
Floats = NDArray[np.float64]

WIDTH_PX = 640
"""Frames are looked at in this width; a larger one would show noise, not structure."""
FEATURES = 1200
MANY_FEATURES = 3000
"""For two pictures that nothing links but their one comparison."""
BANDS = 0.09
"""Share of the height at top and bottom without features: cameras write time and name there, which never move."""
MIN_INLIERS = 18
MIN_INLIER_RATIO = 0.3
_REPROJECTION_PX = 2.5
_RATIO = 0.8
_MAX_POINTS = 160


_AROUND: Floats = np.array([[x, y, 1.0] for x in (-0.15, 0.15) for y in (-0.1, 0.1)])


class View(NamedTuple):
    """What of one frame is compared: `gray` in WIDTH_PX, feature points (n, 2) in widths, their descriptors."""

    gray: Frame
    points: Floats
    descriptors: Frame | None


class Match(NamedTuple):
    """The same things in two views: `a` and `b` (n, 2), in widths; `h`: the homography from a to b (3, 3).

    `held` (m, 2): points of `b` that stood still and are not explained by h. `covered`: share of the places where
    things of a should be in b, in which they are.
    """

    a: Floats
    b: Floats
    h: Floats
    held: Floats
    covered: float

    @property
    def moves(self) -> Floats:
        """How far four points around the middle of the picture moved (4, 2), in widths: x to the right, y down."""
        at = _AROUND @ self.h.T
        return np.asarray(at[:, :2] / at[:, 2:] - _AROUND[:, :2])

    @property
    def moved(self) -> float:
        """How far things moved in the picture, in widths."""
        return float(np.mean(np.hypot(*self.moves.T)))

    @property
    def scale(self) -> float:
        """How much larger things became (at the middle of the picture)."""
        u, v, w = self.h @ np.array([0.0, 0.0, 1.0])
        row = self.h[2, :2]
        jacobian = (self.h[:2, :2] * w - np.outer([u, v], row)) / (w * w)
        return float(np.sqrt(abs(np.linalg.det(jacobian))))


def decoded(jpeg: bytes) -> Frame | None:
    """The frame in a JPEG, None where it holds none."""
    frame = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    return None if frame is None else np.asarray(frame, np.uint8)


def view(frame: Frame, features: int = FEATURES) -> View:
    """The features of a frame (ORB, Rublee et al. 2011), `features` at most."""
    gray = gray_of(frame)
    height, width = gray.shape
    mask = np.zeros_like(gray)
    mask[int(height * BANDS) : int(height * (1 - BANDS))] = 255
    orb = cv2.ORB.create(nfeatures=features, fastThreshold=8)
    keypoints, descriptors = orb.detectAndCompute(gray, mask)
    points = np.array([point.pt for point in keypoints], np.float64).reshape(-1, 2)
    middle = np.array([(width - 1) / 2, (height - 1) / 2])
    return View(gray, (points - middle) / width, descriptors)


def gray_of(frame: Frame) -> Frame:
    """The frame in gray and WIDTH_PX wide."""
    gray = cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY) if frame.ndim == 3 else frame
    height, width = gray.shape
    if width == WIDTH_PX:
        return np.ascontiguousarray(gray)
    size = (WIDTH_PX, max(round(height * WIDTH_PX / width), 16))
    shrinking = width > WIDTH_PX
    return np.asarray(cv2.resize(gray, size, interpolation=cv2.INTER_AREA if shrinking else cv2.INTER_LINEAR), np.uint8)


def match(a: View, b: View) -> Match | None:
    """The same things in both views, or None where too few are found that agree on one homography (RANSAC)."""
    return _matched(a, b, _homography)


def enlarged(a: View, b: View) -> Match | None:
    """As `match`, where nothing but the zoom moved: larger, shifted, turned, and never in perspective.

    Few points fit a wrong homography well: in steam the scale then erred by up to 16 %, of a similarity by 1 %.
    """
    return _matched(a, b, _similarity)


_Fit = Callable[[Floats, Floats], tuple[Floats | None, NDArray[np.uint8]]]
"""A homography (3, 3) from the first points to the second, None where there is none, and a mask of those that agree."""


def _homography(left: Floats, right: Floats) -> tuple[Floats | None, NDArray[np.uint8]]:
    h, mask = cv2.findHomography(left, right, cv2.RANSAC, _REPROJECTION_PX / WIDTH_PX, maxIters=2000)
    return h, mask


def _similarity(left: Floats, right: Floats) -> tuple[Floats | None, NDArray[np.uint8]]:
    threshold = _REPROJECTION_PX / WIDTH_PX
    h, mask = cv2.estimateAffinePartial2D(left, right, ransacReprojThreshold=threshold, maxIters=2000)
    return None if h is None else np.vstack([h, [0.0, 0.0, 1.0]]), mask


def _matched(a: View, b: View, fit: _Fit) -> Match | None:
    """Of several movements seen in one picture the one that covers most of it: near things and text have few places."""
    if a.descriptors is None or b.descriptors is None or min(len(a.points), len(b.points)) < MIN_INLIERS:
        return None
    pairs = _pairs(a.descriptors, b.descriptors)
    left, right = a.points[pairs[:, 0]], b.points[pairs[:, 1]]
    best, most, covered, rest = None, 0.0, 0.0, np.arange(len(pairs))
    for _ in range(MOVEMENTS):
        if len(rest) < MIN_INLIERS:
            break
        cv2.setRNGSeed(1)  # the same frames give the same answer
        h, mask = fit(left[rest], right[rest])
        inlier = np.zeros(len(rest), bool) if h is None else mask.ravel().astype(bool)
        if h is None or inlier.sum() < max(MIN_INLIERS, MIN_INLIER_RATIO * len(rest)):
            break
        one, two = left[rest[inlier]], right[rest[inlier]]
        if _plausible(h) and _spread(one) and _spread(two):
            there, share = _coverage(a, two, h)
            if there * share > most:
                best, most, covered = (one, two, np.asarray(h, np.float64)), there * share, share
        rest = rest[~inlier]
        if covered > WHOLE:
            break
    if best is None:
        return None
    still = np.hypot(*(left - right).T) < HELD
    held = right[still & (np.hypot(*(carried(left, best[2]) - right).T) > FLED)]
    return Match(*best, held, covered)


def _coverage(a: View, found: Floats, h: Floats) -> tuple[int, float]:
    """In how many places of the second view the same things were found, and their share of those where they should be.

    Letters that stand in both views say that all should be there, and are themselves a few places.
    """
    due = carried(a.points, h)
    height = len(a.gray) / WIDTH_PX
    inside = (np.abs(due[:, 0]) < 0.5) & (np.abs(due[:, 1]) < height / 2)
    there = places(found)
    return there, there / max(places(due[inside]), there)


MOVEMENTS = 3
"""In one picture: the room, text that stands while the room turns, somebody who walks."""
PLACE = 0.1
"""Side of a place, in widths: what is found in one counts once, however many points it has there."""
WHOLE = 0.6
"""A movement that explains more of the places leaves nothing to look for."""
HELD, FLED = 1.5 / WIDTH_PX, 6.0 / WIDTH_PX
"""Nearer to where it was than the first, farther from where the room's movement takes it than the second: held."""


def places(points: Floats) -> int:
    """In how many places of the picture there are points."""
    x, y = np.floor(points / PLACE).T
    return len(np.unique(100 * x + y))


def carried(points: Floats, h: Floats) -> Floats:
    """Where a homography takes points (n, 2)."""
    to = np.column_stack([points, np.ones(len(points))]) @ h.T
    return np.asarray(to[:, :2] / to[:, 2:])


def _pairs(a: Frame, b: Frame) -> NDArray[np.int64]:
    """Indices of descriptors that are each other's nearest, and much nearer than the second nearest."""
    distances, nearest = cv2.batchDistance(a, b, cv2.CV_32S, normType=cv2.NORM_HAMMING, K=2)
    forth = np.flatnonzero(distances[:, 0] < _RATIO * distances[:, 1])
    if not len(forth):
        return np.empty((0, 2), np.int64)
    there = nearest[forth, 0]
    _, back = cv2.batchDistance(b[there], a, cv2.CV_32S, normType=cv2.NORM_HAMMING, K=1)
    mutual = back[:, 0] == forth
    return np.stack([forth[mutual], there[mutual]], axis=1).astype(np.int64)


def _plausible(h: Floats) -> bool:
    """Whether a homography may come from turning or zooming: not mirrored, nothing behind the camera, scale sane."""
    corners = np.array([[x, y, 1.0] for x in (-0.2, 0.2) for y in (-0.12, 0.12)]) @ h.T
    if not np.all(corners[:, 2] * h[2, 2] > 0) or np.linalg.det(h) * h[2, 2] <= 0:
        return False
    none = np.empty((0, 2))
    return 0.2 < Match(none, none, h, none, 0.0).scale < 5.0


def _spread(points: Floats) -> bool:
    """Whether the points cover an area: a cluster or a line of them proves no view."""
    return bool(np.min(np.linalg.eigvalsh(np.cov(points.T))) > 0.008**2)


# ---- angles -------------------------------------------------------------------------------------

FOCALS: Floats = np.geomspace(0.2, 16.0, 89)
"""Focal lengths tried, in widths: fields of view from 136° down to 3.6°."""
_SIGMA = 0.8 / WIDTH_PX


class Turn(NamedTuple):
    """The rotation between two views for each of FOCALS: `vectors` (f, 3) in degrees, `costs` (f,) how ill it fits."""

    vectors: Floats
    costs: Floats


def turn(found: Match) -> Turn:
    """The rotation that best explains a match, per focal length (Kabsch 1976 on the rays through the points)."""
    step = max(len(found.a) // _MAX_POINTS, 1)
    a, b = found.a[::step], found.b[::step]
    rays_a, rays_b = _rays(a), _rays(b)
    u, _, vt = np.linalg.svd(np.einsum("fni,fnj->fij", rays_a, rays_b))
    v, ut = np.swapaxes(vt, 1, 2), np.swapaxes(u, 1, 2)
    v[:, :, 2] *= np.sign(np.linalg.det(v @ ut))[:, None]
    rotations = v @ ut
    seen = np.einsum("fij,fnj->fni", rotations, rays_a)
    projected = seen[..., :2] / np.maximum(seen[..., 2:], 1e-3) * FOCALS[:, None, None]
    errors = np.sum((projected - b) ** 2, axis=2) / _SIGMA**2
    return Turn(_vectors(rotations), np.minimum(errors, 25.0).sum(axis=1))


def _rays(points: Floats) -> Floats:
    """Unit rays (f, n, 3) through the points, per focal length."""
    rays = np.empty((len(FOCALS), len(points), 3))
    rays[..., :2] = points
    rays[..., 2] = FOCALS[:, None]
    return np.asarray(rays / np.linalg.norm(rays, axis=2, keepdims=True))


def _vectors(rotations: Floats) -> Floats:
    """Rotation vectors (axis times angle), degrees."""
    cosine = np.clip((np.trace(rotations, axis1=1, axis2=2) - 1) / 2, -1.0, 1.0)
    angle = np.arccos(cosine)
    axis = np.stack(
        [
            rotations[:, 2, 1] - rotations[:, 1, 2],
            rotations[:, 0, 2] - rotations[:, 2, 0],
            rotations[:, 1, 0] - rotations[:, 0, 1],
        ],
        axis=1,
    )
    return np.asarray(np.degrees(axis / np.maximum(2 * np.sinc(angle / np.pi), 1e-9)[:, None]))


class Lens(NamedTuple):
    """An estimate of the focal length: the `row` of FOCALS, fractional; `spread`: its standard error, in rows."""

    row: float
    spread: float

    @property
    def fov_deg(self) -> float:
        """Horizontal field of view."""
        return fov_deg(self.row)


def fov_deg(row: float) -> float:
    """Horizontal field of view at a fractional row of FOCALS, degrees."""
    focal = float(np.interp(row, np.arange(len(FOCALS)), FOCALS))
    return float(np.degrees(2 * np.arctan(0.5 / focal)))


def at(values: Floats, row: float) -> Floats:
    """`values` (one per focal length) interpolated at a fractional row."""
    low = min(max(int(row), 0), len(values) - 2)
    part = row - low
    return np.asarray(values[low] * (1 - part) + values[low + 1] * part)


def lens(turns: list[Turn]) -> Lens | None:
    """The focal length that explains all turns of one camera best, from how shifts grow towards the picture's edges.

    None without turns. The error is found by drawing the turns anew (bootstrap): turns by small angles, and long
    lenses, leave it large.
    """
    if not turns:
        return None
    costs = np.stack([one.costs for one in turns])
    best = _lowest(costs.sum(axis=0))
    draws = np.random.default_rng(1).integers(0, len(turns), (40, len(turns)))
    guesses = [_lowest(costs[draw].sum(axis=0)) for draw in draws]
    return Lens(best, float(np.std(guesses)) if len(turns) > 2 else len(FOCALS) / 4)


def _lowest(costs: Floats) -> float:
    """Row of the minimum, refined by a parabola through its neighbours."""
    i = int(np.argmin(costs))
    if not 0 < i < len(costs) - 1:
        return float(i)
    left, middle, right = costs[i - 1 : i + 2]
    bend = left - 2 * middle + right
    return i + float(0.5 * (left - right) / bend if bend > 0 else 0.0)


# ---- sharpness and detail -----------------------------------------------------------------------


EDGE_PX = 1.6
"""Edges are sought in a picture smoothed so much: twice as much leaves a sixty-fourth of the noise's energy. By night
noise was three quarters of what edges have at 0.8 px, so that a picture out of focus hardly seemed less sharp."""


def sharpness(frame: Frame) -> float:
    """Energy of edges relative to the contrast of the picture; falls when focus is lost. Its unit is its own."""
    gray = gray_of(frame).astype(np.float32)
    edges = cv2.Laplacian(cv2.GaussianBlur(gray, (0, 0), EDGE_PX), cv2.CV_32F)
    return float(1000.0 * np.var(edges) / (np.var(gray) + 25.0))


def detail_ratio(before: Frame, after: Frame, found: Match) -> float:
    """How much sharper edges of `after` are than the same edges of `before` enlarged to their size.

    0.7 to 1.2 = enlarged only, by whatever filter; a lens gives 1.5 and more, as far as the scene has detail.
    `found` matches the views of both. Frames are compared in tiles and the middle tile counts, since people move; only
    along edges that both have, since noise and coding are no detail.
    """
    old, new = _gray_full(before), _gray_full(after)
    if old.shape != new.shape:
        old = np.asarray(cv2.resize(old, new.shape[::-1], interpolation=cv2.INTER_CUBIC), np.float32)
    height, width = new.shape
    to_px = np.array([[width, 0, (width - 1) / 2], [0, width, (height - 1) / 2], [0, 0, 1.0]])
    h = to_px @ found.h @ np.linalg.inv(to_px)
    enlarged = np.asarray(cv2.warpPerspective(old, h, (width, height), flags=cv2.INTER_CUBIC), np.float32)
    blur_px = 1.5 * max(found.scale, 1.0)
    edges = np.minimum(_slope(enlarged, blur_px), _slope(new, blur_px))
    band = int(height * BANDS)
    edges[:band] = edges[-band:] = 0
    on_edge = edges > np.quantile(edges, 1 - _EDGES)
    fine, coarse = _bend(new), _bend(enlarged)
    gains = [
        float(fine[tile][on_edge[tile]].sum() / max(coarse[tile][on_edge[tile]].sum(), 1e-6))
        for tile in _tiles(height, width)
        if on_edge[tile].sum() >= _MIN_EDGE_PX
    ]
    return float(np.median(gains)) if gains else 1.0


_EDGES = 0.1
"""Share of the picture that counts as edges."""
_MIN_EDGE_PX = 200


def _gray_full(frame: Frame) -> NDArray[np.float32]:
    gray = cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY) if frame.ndim == 3 else frame
    return np.asarray(gray, np.float32)


def _tiles(height: int, width: int) -> list[tuple[slice, slice]]:
    """Tiles of a grid of 8 by 6."""
    ys, xs = np.linspace(0, height, 7).astype(int), np.linspace(0, width, 9).astype(int)
    return [(slice(top, bottom), slice(left, right)) for top, bottom in pairwise(ys) for left, right in pairwise(xs)]


def _slope(gray: NDArray[np.float32], blur_px: float) -> NDArray[np.float32]:
    smooth = cv2.GaussianBlur(gray, (0, 0), blur_px)
    return np.asarray(np.hypot(cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1)), np.float32)


def _bend(gray: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(cv2.Laplacian(cv2.GaussianBlur(gray, (0, 0), 0.5), cv2.CV_32F) ** 2, np.float32)
