"""The lens: which pixel of the panorama each pixel of a picture shows (rectilinear projection), zoom and defocus."""

from collections import OrderedDict
from math import atan, degrees, pi, radians, tan
from threading import Lock
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from simulator.kitchen.panorama import FINENESS, sheet
from simulator.shot import Shot

_STEP = 16
"""Directions are reckoned at every 16th pixel and drawn straight between."""
_MAX_BLUR = 12.0
"""Radius of a picture wholly out of focus, pixels at a width of 1920."""


class Grid(NamedTuple):
    """For a camera that looks north: `places` in a sheet's pixels per pixel of the picture, and the part needed."""

    places: NDArray[np.int64]
    left: int
    right: int
    top: int
    bottom: int


class Lens:
    """Keeps the last grids and pictures. `see` may be called from several threads."""

    def __init__(self) -> None:
        self._grids: OrderedDict[tuple[float, ...], Grid] = OrderedDict()
        self._lock = Lock()

    def see(self, shot: Shot, width: int, height: int) -> Image.Image:
        """The kitchen as it falls on the sensor, before anything that moves, noise and faults."""
        image = self._cut(shot, width, height, field(shot.fov, shot.zoom))
        if shot.defocus:
            image = image.filter(ImageFilter.GaussianBlur(shot.defocus * _MAX_BLUR * width / 1920))
        return image

    def _cut(self, shot: Shot, width: int, height: int, fov: float) -> Image.Image:
        focal = width / 2 / tan(radians(fov / 2))
        wanted = focal * pi / 180 * 0.8
        fine = next((f for f in FINENESS if f >= wanted), FINENESS[-1])
        of = sheet("white" if shot.scene == "white-tiles" else "work", fine)
        grid = self._grid(fine, shot.tilt, focal, width, height)
        shift = round(shot.pan * fine) % of.width
        of.need(grid.left + shift, grid.right + shift, grid.top, grid.bottom)
        picture = of.pixels[shift:].take(grid.places)
        return Image.frombuffer("RGBX", (width, height), picture, "raw", "RGBX", 0, 1).convert("RGB")

    def _grid(self, fine: int, tilt: float, focal: float, width: int, height: int) -> Grid:
        key = (fine, tilt, focal, width, height)
        with self._lock:
            if key in self._grids:
                self._grids.move_to_end(key)
                return self._grids[key]
        made = _grid(fine, tilt, focal, width, height)
        with self._lock:
            self._grids[key] = made
            while len(self._grids) > 6:
                self._grids.popitem(last=False)
        return made


def field(fov: float, zoom: float) -> float:
    """Degrees seen from left to right at a magnification."""
    return 2 * degrees(atan(tan(radians(fov / 2)) / zoom))


def _grid(fine: int, tilt: float, focal: float, width: int, height: int) -> Grid:
    # Near the poles directions do not run straight between grid points.
    step = _STEP if abs(tilt) + degrees(atan(height / 2 / focal)) < 70 else 1
    x = (np.arange(0, width + step, step) - (width - 1) / 2) / focal
    y = ((height - 1) / 2 - np.arange(0, height + step, step))[:, None] / focal
    up, level = np.sin(radians(tilt)), np.cos(radians(tilt))
    ahead, rise = level - y * up, y * level + up
    columns = np.degrees(np.arctan2(x, ahead)) * fine
    rows = (90 - np.degrees(np.arctan2(rise, np.hypot(x, ahead)))) * fine
    total = 360 * fine
    index = (np.floor(_between(rows, step, width, height)).astype(np.int64) + 1) * total
    index += np.floor(_between(columns, step, width, height)).astype(np.int64)
    inside = np.clip(index, 0, (180 * fine + 1) * total)
    return Grid(inside, int(columns.min()), int(columns.max()), int(rows.min()), int(rows.max()))


def _between(coarse: NDArray[np.float64], step: int, width: int, height: int) -> NDArray[np.float32]:
    """Values at every pixel from those at every `step`-th, straight lines between."""
    if step == 1:
        return coarse[:height, :width].astype(np.float32)
    share = (np.arange(step) / step).astype(np.float32)
    grid = coarse.astype(np.float32)
    down = grid[:-1, None, :] + (grid[1:] - grid[:-1])[:, None, :] * share[None, :, None]
    down = down.reshape(-1, grid.shape[1])[:height]
    across = down[:, :-1, None] + (down[:, 1:] - down[:, :-1])[:, :, None] * share
    return across.reshape(height, -1)[:, :width]
