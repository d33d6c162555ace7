"""Drawing a stretch of the kitchen's surfaces at any scale: the nearer the lens comes, the finer the grain it finds."""

from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from simulator.kitchen.furniture import Scene
from simulator.kitchen.marks import LENGTH, ROUND, WIDTH, Mark

_BRIGHT = {"top": 250, "floor": 230, "ceiling": 246}


def paint(of: Scene, surface: str, region: tuple[float, float, float, float], scale: float) -> NDArray[np.uint32]:
    """A stretch of a surface, (x0, y0, x1, y1) in metres, at `scale` pixels a metre: rows downward, 0x00BBGGRR.

    Shapes are drawn at twice the scale and averaged, so that edges are smooth.
    """
    x0, y0, x1, y1 = region
    width, height = max(int((x1 - x0) * scale), 1) * 2, max(int((y1 - y0) * scale), 1) * 2
    image = Image.new("RGB", (width, height), of.bare[surface])
    pen = ImageDraw.Draw(image)
    for turn in (0.0, ROUND) if surface in {"wall", "front"} else (0.0,):
        left = x0 - turn
        box = of.boxes[surface]
        hit = (box[:, 0] < x1 - turn) & (box[:, 2] > left) & (box[:, 1] < y1) & (box[:, 3] > y0)
        for i in np.flatnonzero(hit):
            _draw(pen, of.marks[surface][i], left, y1, width / (x1 - x0), height / (y1 - y0))
    picture = np.asarray(image.reduce(2)).astype(np.int16)
    picture += _grain(region, picture.shape[1], picture.shape[0], of.grain)[:, :, None]
    across = x0 + (np.arange(picture.shape[1]) + 0.5) * ((x1 - x0) / picture.shape[1])
    lit = np.right_shift(np.clip(picture, 0, 255).astype(np.uint16) * _light(surface, across)[None, :, None], 8)
    red, green, blue = (lit[..., i].astype(np.uint32) for i in range(3))
    packed: NDArray[np.uint32] = red | green << np.uint32(8) | blue << np.uint32(16)
    return packed


def _light(surface: str, across: NDArray[np.float64]) -> NDArray[np.uint16]:
    """How bright the places of a surface are, of 256: each wall another way, so that corners show."""
    if surface in _BRIGHT:
        return np.full(len(across), _BRIGHT[surface], np.uint16)
    corners = (LENGTH, LENGTH + WIDTH, 2 * LENGTH + WIDTH, ROUND, ROUND + LENGTH)
    walls: NDArray[np.uint16] = np.array((255, 236, 248, 220, 255, 236), np.uint16)[np.searchsorted(corners, across)]
    return walls if surface == "wall" else np.right_shift(walls * np.uint16(200), np.uint16(8))


def _draw(pen: ImageDraw.ImageDraw, mark: Mark, left: float, top: float, kx: float, ky: float) -> None:
    x0, y0, x1, y1 = (mark.x0 - left) * kx, (top - mark.y1) * ky, (mark.x1 - left) * kx, (top - mark.y0) * ky
    line = max(round(0.006 * kx), 1)
    if mark.kind == "disc":
        pen.ellipse((x0, y0, x1, y1), mark.fill, mark.edge, line)
    elif mark.kind == "pot":
        pen.rounded_rectangle((x0, y0, x1, y1), (x1 - x0) * 0.3, mark.fill, mark.edge, line)
    else:
        pen.rectangle((x0, y0, x1, y1), mark.fill, mark.edge if mark.kind == "box" else None, line)
    if mark.kind == "text":
        size = min((y1 - y0) * 0.9, (x1 - x0) / max(len(mark.text), 1) * 1.7)
        if size >= 5:
            pen.text(((x0 + x1) / 2, (y0 + y1) / 2), mark.text, mark.edge, _font(round(size)), anchor="mm")


@cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


GRAINS = ((0.08, 5.0), (0.02, 5.0), (0.005, 5.0), (0.00125, 4.0))
"""Grains of all materials: size in metres, contrast in grey levels. The finer ones show when a lens comes close."""


@cache
def _grains(contrast: float) -> NDArray[np.uint8]:
    """Grain around 128."""
    return np.clip(np.random.default_rng(45).normal(128.5, contrast, (1024, 1024)), 0, 255).astype(np.uint8)


def _grain(region: tuple[float, float, float, float], width: int, height: int, strength: float) -> NDArray[np.int16]:
    x0, y0, x1, y1 = region
    total = np.zeros((height, width), np.int16)
    for size, contrast in GRAINS:
        if (x1 - x0) / width > size:
            continue
        left, top = int(np.floor(x0 / size)), int(np.floor(-y1 / size))
        columns, rows = np.arange(left, int(x1 / size) + 2) % 1024, np.arange(top, int(-y0 / size) + 2) % 1024
        cells = Image.fromarray(_grains(contrast * strength)[np.ix_(rows, columns)])
        right, bottom = min(x1 / size - left, len(columns)), min(-y0 / size - top, len(rows))
        box = x0 / size - left, -y1 / size - top, right, bottom
        total += np.asarray(cells.resize((width, height), Image.Resampling.BILINEAR, box=box))
        total -= 128
    return total
