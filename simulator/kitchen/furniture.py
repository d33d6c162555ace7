"""What stands and hangs in the kitchen: seeded, nowhere the same twice, listed once in metres.

It must not know where a camera is, nor how it is drawn.
"""

import random
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.kitchen.marks import DEPTH, LENGTH, ROUND, WIDTH, Colour, Mark, label, tint, vivid
from simulator.kitchen.wares import walls


class Scene(NamedTuple):
    """Per surface its marks in the order of drawing, the box (x0, y0, x1, y1) of each in metres, its bare colour.

    `grain`: contrast of the materials, 1 = as in paint.GRAINS.
    """

    marks: dict[str, list[Mark]]
    boxes: dict[str, NDArray[np.float64]]
    bare: dict[str, Colour]
    grain: float
    gaps: tuple[tuple[float, float], ...]
    """Stretches of the walls without a counter."""


@cache
def scene(kind: str) -> Scene:
    """`kind`: "work" or "white", the same kitchen empty and tiled in white."""
    dice = random.Random(2021)
    gaps = ((6.6, 7.5), (12.0, 13.0), (18.4, 20.2), (26.2, 27.4))
    white = kind == "white"
    drawn = [*_tiles(dice, white=white), *_floor(dice, white=white), *_ceiling(dice), *_fronts(dice, white=white)]
    if not white:
        drawn += [*walls(dice), *_tops(dice), *_specks(dice)]
    drawn += _doors(dice, gaps)
    marks: dict[str, list[Mark]] = {name: [] for name in ("wall", "front", "top", "floor", "ceiling")}
    for mark in drawn:
        marks[mark.surface].append(mark)
    boxes = {name: np.array([(m.x0, m.y0, m.x1, m.y1) for m in own]).reshape(-1, 4) for name, own in marks.items()}
    bare = {"wall": (222, 220, 208), "front": (150, 156, 160), "top": (176, 182, 186), "floor": (120, 112, 104)}
    if white:
        bare = dict.fromkeys(bare, (232, 234, 234))
    return Scene(marks, boxes, bare | {"ceiling": (226, 228, 226)}, 0.5 if white else 1.0, gaps)


# ---- listing ------------------------------------------------------------------------------------


def _tiles(dice: random.Random, *, white: bool) -> Iterator[Mark]:
    side, bare = 0.2, (236, 238, 238) if white else (208, 212, 206)
    for i in range(round(ROUND / side)):
        for j in range(11):
            fill = tint(dice, bare, 2 if white else 7)
            if not white and dice.random() < 0.06:
                fill = tint(dice, (120, 160, 170), 30)
            x, y = i * side, j * side
            yield Mark("wall", "box", x, y, x + side, y + side, fill, (212, 214, 214) if white else (164, 170, 166))


def _floor(dice: random.Random, *, white: bool) -> Iterator[Mark]:
    side, bare = 0.3, (226, 228, 228) if white else (132, 116, 102)
    for i in range(27):
        for j in range(20):
            x, y = i * side, j * side
            fill = tint(dice, bare, 2 if white else 12)
            yield Mark("floor", "box", x, y, x + side, y + side, fill, (204, 206, 206) if white else (92, 86, 80))
    for _ in range(4 if white else 60):
        x, y, size = dice.uniform(0.7, 7.2), dice.uniform(0.7, 5.2), dice.uniform(0.03, 0.3)
        fill = tint(dice, (186, 190, 190) if white else (90, 88, 86), 8 if white else 40)
        yield Mark("floor", dice.choice(("disc", "box")), x, y, x + size, y + size * dice.uniform(0.4, 1.0), fill)


def _ceiling(dice: random.Random) -> Iterator[Mark]:
    for i in range(14):
        for j in range(10):
            x, y = i * 0.6, j * 0.6
            lamp = dice.random() < 0.12
            fill = (254, 254, 250) if lamp else tint(dice, (214, 216, 214), 6)
            yield Mark("ceiling", "box", x, y, x + 0.6, y + 0.6, fill, (180, 182, 180))


def _fronts(dice: random.Random, *, white: bool) -> Iterator[Mark]:
    x = 0.0
    while x < ROUND:
        wide = dice.uniform(0.35, 0.9)
        fill = (
            (224, 226, 228) if white else tint(dice, dice.choice(((158, 164, 168), (140, 148, 154), (120, 96, 72))), 16)
        )
        yield Mark("front", "box", x, 0.06, x + wide, 0.82, fill, (96, 100, 104) if not white else (196, 198, 200))
        if not white:
            yield Mark("front", "box", x + wide * 0.4, 0.7, x + wide * 0.6, 0.73, (60, 62, 64))
            if dice.random() < 0.5:
                yield label(dice, "front", x + wide * 0.2, dice.uniform(0.2, 0.5), 0.09)
        x += wide


def _doors(dice: random.Random, gaps: tuple[tuple[float, float], ...]) -> Iterator[Mark]:
    for left, right in gaps:
        fill = dice.choice(((116, 130, 142), (150, 110, 74), (196, 200, 204)))
        yield Mark("wall", "box", left, 0.0, right, 2.1, fill, (60, 64, 68))
        yield Mark("wall", "box", left + 0.15, 1.3, right - 0.15, 1.9, tint(dice, fill, 30), (70, 74, 78))
        yield Mark("wall", "disc", right - 0.16, 0.98, right - 0.08, 1.06, (40, 40, 42))
        yield label(dice, "wall", left + 0.18, 1.5, 0.12)


def _tops(dice: random.Random) -> Iterator[Mark]:
    for _ in range(150):
        side, deep = dice.randrange(4), dice.uniform(0.03, 0.35)
        along = dice.uniform(0.1, (LENGTH if side % 2 == 0 else WIDTH) - 0.4)
        x, y = ((along, WIDTH - DEPTH + deep), (LENGTH - DEPTH + deep, along), (along, deep), (deep, along))[side]
        size = dice.uniform(0.06, 0.26)
        yield Mark(
            "top",
            dice.choice(("disc", "box")),
            x,
            y,
            x + size,
            y + size * dice.uniform(0.5, 1),
            vivid(dice),
            (60, 60, 62),
        )
        if dice.random() < 0.5:
            yield Mark("top", "disc", x + size * 0.2, y + size * 0.1, x + size * 0.7, y + size * 0.4, vivid(dice))


def _specks(dice: random.Random) -> Iterator[Mark]:
    """Screws, splashes, crumbs and scratches: what a near look finds."""
    for surface, count, wide, low, high in (("wall", 3000, ROUND, 0.9, 2.9), ("front", 1800, ROUND, 0.02, 0.82)):
        for _ in range(count):
            yield _speck(dice, surface, dice.uniform(0, wide), dice.uniform(low, high))
    for surface, count in (("top", 3000), ("floor", 2500)):
        for _ in range(count):
            yield _speck(dice, surface, dice.uniform(0, LENGTH), dice.uniform(0, WIDTH))


def _speck(dice: random.Random, surface: str, x: float, y: float) -> Mark:
    wide, high = dice.uniform(0.003, 0.012), dice.uniform(0.003, 0.01)
    grey = dice.choice((70, 100, 130, 240))
    return Mark(surface, dice.choice(("disc", "box")), x, y, x + wide, y + high, tint(dice, (grey, grey, grey), 24))
