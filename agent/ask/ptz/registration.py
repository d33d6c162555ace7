"""Child only: geometry of pictures: how far the camera turned, zoomed or lost focus between two frames. Pure.

Frames are BGR or gray arrays (height, width[, 3]) of uint8.

Lengths are in widths of the frame, from its middle: whatever the size of the picture, x runs -0.5..0.5. The lens is
square-pixelled, and bends lines by one radial term, which is found as far as it matters (`bend`): a bent lens taken for
a straight one makes angles too small. Angles of views that recur or overlap do not depend on the lens at all.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

Frame = NDArray[np.uint8]
Floats = NDArray[np.float64]

WIDTH_PX = 640
"""Frames are looked at in this width; a larger one would show noise, not structure."""
FEATURES = 1200
MORE = 3
"""So many times as many are looked for, to choose from."""
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

    `pairs`: all points that look alike, (k, 2) in either view, right or wrong. `held` (m, 2): points of `b` that stood
    still and are not explained by h. `covered`: share of the places where
    things of a should be in b, in which they are.
    """

    a: Floats
    b: Floats
    h: Floats
    pairs: tuple[Floats, Floats]
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
    def whole(self) -> bool:
        """Whether most of the view is seen to agree, and there is enough of it to speak of the view."""
        return self.covered >= MOST and places(self.b) >= ENOUGH

    @property
    def shifted(self) -> float:
        """How far things moved where they are, in widths: of things at an edge the middle is told by guess alone."""
        return float(np.median(np.hypot(*(self.b - self.a).T)))

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
    orb = cv2.ORB.create(nfeatures=MORE * features, fastThreshold=8)
    keypoints, descriptors = orb.compute(gray, _spread_out(orb.detect(gray, mask), gray.shape, features))
    points = np.array([point.pt for point in keypoints], np.float64).reshape(-1, 2)
    middle = np.array([(width - 1) / 2, (height - 1) / 2])
    return View(gray, (points - middle) / width, descriptors)


def _spread_out(found: Sequence[cv2.KeyPoint], shape: tuple[int, ...], features: int) -> list[cv2.KeyPoint]:
    """The strongest of each place: a pattern that is near would have most of all features, and the room none."""
    side = PLACE * WIDTH_PX
    most = 2 * features // max(round(shape[0] / side) * round(shape[1] / side), 1)
    kept: dict[tuple[int, int], int] = {}
    chosen = []
    for point in sorted(found, key=lambda point: -point.response):
        place = (int(point.pt[0] // side), int(point.pt[1] // side))
        kept[place] = kept.get(place, 0) + 1
        if kept[place] <= most:
            chosen.append(point)
    return chosen[:features]


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
    return Match(*best, (left, right), held, covered)


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
MOST, ENOUGH = 0.4, 12
"""Share of the places where things should be found again, and how many at least: a fifth of the view."""
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
    return 0.2 < Match(none, none, h, (none, none), none, 0.0).scale < 5.0


def _spread(points: Floats) -> bool:
    """Whether the points cover an area: a cluster or a line of them proves no view."""
    return bool(np.min(np.linalg.eigvalsh(np.cov(points.T))) > 0.008**2)


# ---- angles -------------------------------------------------------------------------------------

FOCALS: Floats = np.geomspace(0.2, 16.0, 89)
"""Focal lengths tried, in widths: fields of view from 136° down to 3.6°."""
_SIGMA = 0.8 / WIDTH_PX


class RotationFit(NamedTuple):
    """The rotation between two views for each of FOCALS: `vectors` (f, 3) in degrees, `costs` (f,) how ill it fits."""

    vectors: Floats
    costs: Floats


def fit_rotation(found: Match, bent: float = 0.0) -> RotationFit:
    """The rotation that best explains a match, per focal length (Kabsch 1976 on the rays through the points).

    `bent`: of the lens, see `bend`.
    """
    step = max(len(found.a) // _MAX_POINTS, 1)
    a, b = straight(found.a[::step], bent), straight(found.b[::step], bent)
    rotations = _rotations(a, b)
    return RotationFit(_vectors(rotations), np.minimum(_errors(rotations, a, b), _WRONG).sum(axis=1))


_WRONG = 25.0
"""Squared error, in units of _SIGMA, from which on a pair of points is no pair."""


def _rotations(a: Floats, b: Floats) -> Floats:
    u, _, vt = np.linalg.svd(np.einsum("fni,fnj->fij", _rays(a), _rays(b)))
    v, ut = np.swapaxes(vt, 1, 2), np.swapaxes(u, 1, 2)
    v[:, :, 2] *= np.sign(np.linalg.det(v @ ut))[:, None]
    return np.asarray(v @ ut)


def _errors(rotations: Floats, a: Floats, b: Floats) -> Floats:
    """How far each point (f, n) is from where the rotation takes it, squared, in units of _SIGMA."""
    seen = np.einsum("fij,fnj->fni", rotations, _rays(a))
    projected = seen[..., :2] / np.maximum(seen[..., 2:], 1e-3) * FOCALS[:, None, None]
    return np.asarray(np.sum((projected - b) ** 2, axis=2) / _SIGMA**2)


# ---- lenses that bend lines ---------------------------------------------------------------------


BENDS = (0.0, 0.03, 0.06, 0.1, 0.15, 0.2)
"""Tried: by such a share the left and right edge of the picture are drawn in (barrel distortion)."""
BETTER = 0.92
"""A bent lens must explain the pairs so much better than a straight one: a little better, many do."""
DOUBTFUL = 0.97
"""And one that explains them so much better cannot be ruled out."""
BEND_ERROR = 0.08
"""Share of an angle by which a bend that cannot be told makes it wrong, at the most seen."""
_ENOUGH = 24
"""Matches to tell a lens by."""


def straight(points: Floats, bent: float) -> Floats:
    """Where the points would be through a lens that bends no lines: one radial term (Brown 1966)."""
    return points if not bent else points * (1 + 4 * bent * np.sum(points**2, axis=1, keepdims=True))


def bend(found: Sequence[Match]) -> tuple[float, float]:
    """How much the lens bends lines, of BENDS, from all pairs of points: those at the edges are what tells it.

    The likely one, 0 where a straight lens explains them nearly as well; and the one that may be instead, the same
    where there is no doubt. On real rooms a bend of 0.15 was found as 0.06 to 0.2, and what is left made angles wrong
    by BEND_ERROR at the most.
    """
    some = found[:: max(len(found) // _ENOUGH, 1)]
    if not some:
        return 0.0, 0.0
    costs = [float(np.sum([_misfit(one, bent) for one in some], axis=0).min()) for bent in BENDS]
    best = int(np.argmin(costs))
    likely = BENDS[best] if costs[best] < BETTER * costs[0] else 0.0
    return likely, BENDS[best] if costs[best] < DOUBTFUL * costs[0] else likely


def _misfit(found: Match, bent: float) -> Floats:
    """How ill all pairs fit the rotation that the match shows, per focal length."""
    step = max(len(found.a) // _MAX_POINTS, 1)
    rotations = _rotations(straight(found.a[::step], bent), straight(found.b[::step], bent))
    step = max(len(found.pairs[0]) // (2 * _MAX_POINTS), 1)
    a, b = (points[::step] for points in found.pairs)
    stretch = 1 + 12 * bent * np.sum(b**2, axis=1)  # errors count as they are seen in the picture
    errors = _errors(rotations, straight(a, bent), straight(b, bent)) / stretch**2
    return np.asarray(np.minimum(errors, _WRONG).sum(axis=1))


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


def lens(fits: list[RotationFit]) -> Lens | None:
    """The focal length that explains all rotations of one camera best, from how shifts grow towards the edges.

    None without fits. The error comes from drawing the fits anew (bootstrap). Small rotations and long lenses leave it
    large.
    """
    if not fits:
        return None
    costs = np.stack([one.costs for one in fits])
    best = _lowest(costs.sum(axis=0))
    draws = np.random.default_rng(1).integers(0, len(fits), (40, len(fits)))
    guesses = [_lowest(costs[draw].sum(axis=0)) for draw in draws]
    return Lens(best, float(np.std(guesses)) if len(fits) > 2 else len(FOCALS) / 4)


def _lowest(costs: Floats) -> float:
    """Row of the minimum, refined by a parabola through its neighbours."""
    i = int(np.argmin(costs))
    if not 0 < i < len(costs) - 1:
        return float(i)
    left, middle, right = costs[i - 1 : i + 2]
    bend = left - 2 * middle + right
    return i + float(0.5 * (left - right) / bend if bend > 0 else 0.0)
