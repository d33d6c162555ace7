"""All that can be seen from the camera's place, as equirectangular pictures of rising fineness, made where looked at.

A picture's first row looks straight up, its first column to the north; columns run clockwise. One panorama serves all
cameras; its tiles are drawn once, by one thread at a time.
"""

from functools import cache
from threading import Lock
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.kitchen.furniture import Scene, scene
from simulator.kitchen.marks import COUNTER, DEPTH, HEIGHT, LENGTH, ROUND, WIDTH
from simulator.kitchen.paint import paint

EAST, NORTH, EYE = 3.6, 2.7, 2.5
"""Where the camera hangs: metres from the room's south-west corner, and above the floor."""
FINENESS = (14, 28, 56, 112)
"""Pixels a degree."""
TILE = 420
_LEVEL = 1e-6  # of a tangent: looking level is looking just below it


class Sheet:
    """The panorama at one fineness; unseen parts cost no memory. `pixels`: flat, 0xXXBBGGRR, one spare row each end.

    A view may run over the end of a row: it goes on in the next, one pixel lower, which nobody sees.
    """

    def __init__(self, of: Scene, fine: int) -> None:
        self.fine, self.width, self.height = fine, 360 * fine, 180 * fine
        self.pixels = np.zeros((self.height + 2) * self.width, np.uint32)
        self._of, self._made, self._lock = of, np.zeros((self.height // TILE, self.width // TILE), bool), Lock()

    def need(self, left: int, right: int, top: int, bottom: int) -> None:
        """Draw what is missing of columns left..right (any integers) and rows top..bottom."""
        across, down = self._made.shape[1], self._made.shape[0]
        columns = {column % across for column in range(left // TILE, right // TILE + 1)}
        with self._lock:
            for row in range(max(top // TILE, 0), min(bottom // TILE, down - 1) + 1):
                for column in columns:
                    if not self._made[row, column]:
                        self._draw(row, column)
                        self._made[row, column] = True

    def _draw(self, row: int, column: int) -> None:
        steps = (np.arange(TILE, dtype=np.float32) + 0.5) / self.fine
        azimuth, elevation = (
            np.radians(column * TILE / self.fine + steps),
            np.radians(90 - row * TILE / self.fine - steps),
        )
        tile = _tile(self._of, azimuth, elevation, self.fine * 57.3)
        whole = self.pixels[self.width : -self.width].reshape(self.height, self.width)
        whole[row * TILE : (row + 1) * TILE, column * TILE : (column + 1) * TILE] = tile


@cache
def sheet(kind: str, fine: int) -> Sheet:
    return Sheet(scene(kind), fine)


class _Hit(NamedTuple):
    """Where horizontal rays meet an upright box: distance, place along the walls, which wall 0..3; per column."""

    away: NDArray[np.float32]
    along: NDArray[np.float32]
    wall: NDArray[np.int64]


def _hit(azimuth: NDArray[np.float32], inset: float) -> _Hit:
    east, north = np.sin(azimuth), np.cos(azimuth)
    x = np.where(east > 0, LENGTH - inset - EAST, inset - EAST) / np.where(east == 0, 1e-9, east)
    y = np.where(north > 0, WIDTH - inset - NORTH, inset - NORTH) / np.where(north == 0, 1e-9, north)
    away = np.minimum(x, y)
    at_x, at_y = EAST + away * east, NORTH + away * north
    wall = np.where(y <= x, np.where(north > 0, 0, 2), np.where(east > 0, 1, 3))
    along = np.choose(wall, (at_x, LENGTH + WIDTH - at_y, 2 * LENGTH + WIDTH - at_x, 2 * LENGTH + WIDTH + at_y))
    return _Hit(away.astype(np.float32), along.astype(np.float32), wall)


def _tile(
    of: Scene, azimuth: NDArray[np.float32], elevation: NDArray[np.float32], per_radian: float
) -> NDArray[np.uint32]:
    """The pixels in these directions."""
    wall, front = _hit(azimuth, 0.0), _hit(azimuth, DEPTH)
    counter = ~np.any([(front.along > left) & (front.along < right) for left, right in of.gaps], axis=0)
    slope = np.tan(elevation)[:, None]
    slope = np.where(np.abs(slope) < _LEVEL, -_LEVEL, slope).astype(np.float32)
    behind, before = EYE + slope * wall.away, EYE + slope * front.away
    on_front = counter & (before >= 0) & (before < COUNTER)
    on_top = counter & (before >= COUNTER) & (behind < COUNTER)
    on_floor = np.where(counter, before, behind) < 0
    on_ceiling = behind > HEIGHT
    on_wall = ~(on_front | on_top | on_floor | on_ceiling)
    out = np.zeros(behind.shape, np.uint32)
    for surface, mask, hit, height in (("wall", on_wall, wall, behind), ("front", on_front, front, before)):
        _fill(out, mask, _Place(of, surface, per_radian), np.broadcast_to(hit.along, mask.shape), height, hit.away)
    for surface, mask, level in (("top", on_top, COUNTER), ("floor", on_floor, 0.0), ("ceiling", on_ceiling, HEIGHT)):
        away = np.clip((level - EYE) / slope, 0, 12)
        x, y = EAST + away * np.sin(azimuth), NORTH + away * np.cos(azimuth)
        _fill(out, mask, _Place(of, surface, per_radian), x, y, away)
    return out


class _Place(NamedTuple):
    """`per_radian`: pixels that are wanted of what is a metre away, a metre long."""

    scene: Scene
    surface: str
    per_radian: float


def _fill(
    out: NDArray[np.uint32],
    mask: NDArray[np.bool_],
    place: _Place,
    x: NDArray[np.floating],
    y: NDArray[np.floating],
    away: NDArray[np.floating],
) -> None:
    """Fill the masked pixels from a surface, at the scale in which its middle is seen."""
    if not mask.any():
        return
    px, py = x[mask], y[mask]
    if place.surface in {"wall", "front"} and px.max() - px.min() > ROUND / 2:
        px = np.where(px < ROUND / 2, px + ROUND, px)
    x0, y0, x1, y1 = float(px.min()), float(py.min()), float(px.max()) + 0.01, float(py.max()) + 0.01
    middle = float(np.median(np.broadcast_to(away, mask.shape)[mask][::16]))
    picture = paint(
        place.scene,
        place.surface,
        (x0, y0, x1, y1),
        min(place.per_radian / middle, (4e6 / ((x1 - x0) * (y1 - y0))) ** 0.5),
    )
    high, wide = picture.shape
    columns = np.minimum(((px - x0) * (wide / (x1 - x0))).astype(np.int32), wide - 1)
    rows = np.minimum(((y1 - py) * (high / (y1 - y0))).astype(np.int32), high - 1)
    out[mask] = picture.ravel()[rows * wide + columns]
