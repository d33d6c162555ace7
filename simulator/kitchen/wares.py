"""What hangs and stands along the walls: shelves, windows, hoods with pots, posters, racks."""

import random
from collections.abc import Iterator

from simulator.kitchen.marks import ROUND, WORDS, Mark, label, tint, vivid


def walls(dice: random.Random) -> Iterator[Mark]:
    x = 0.1
    kinds = (_shelf, _window, _hood, _posters, _rack)
    turn = 0
    while x < ROUND - 0.9:
        wide = dice.uniform(0.9, 1.9)
        yield from kinds[turn % len(kinds)](dice, x, min(wide, ROUND - 0.1 - x))
        turn += dice.choice((1, 1, 2))
        x += wide + dice.uniform(0.05, 0.2)
    for y in (2.32, 2.5, 2.74):
        yield Mark(
            "wall", "box", 0, y, ROUND, y + dice.uniform(0.03, 0.07), tint(dice, (150, 152, 152), 30), (110, 112, 112)
        )
    for _ in range(60):
        x, y = dice.uniform(0, ROUND), dice.uniform(0.95, 2.25)
        yield Mark(
            "wall", "box", x, y, x + dice.uniform(0.02, 0.09), y + dice.uniform(0.02, 0.12), vivid(dice), (40, 40, 40)
        )


def _shelf(dice: random.Random, x: float, wide: float) -> Iterator[Mark]:
    for level in (1.15, 1.5, 1.85):
        at = x + 0.03
        while at < x + wide - 0.2:
            w, h = dice.uniform(0.07, 0.2), dice.uniform(0.12, 0.28)
            fill = vivid(dice)
            if dice.random() < 0.4:
                yield Mark("wall", "box", at + w * 0.2, level + h, at + w * 0.8, level + h + 0.03, (50, 50, 54))
            yield Mark(
                "wall", dice.choice(("box", "box", "pot")), at, level, at + w, level + h, fill, tint(dice, fill, 50)
            )
            if w > 0.1:
                yield Mark(
                    "wall",
                    "text",
                    at + 0.01,
                    level + h * 0.3,
                    at + w - 0.01,
                    level + h * 0.6,
                    (244, 240, 226),
                    (40, 36, 34),
                    dice.choice(WORDS)[:5],
                )
            at += w + dice.uniform(0.01, 0.06)
        yield Mark("wall", "box", x, level - 0.03, x + wide, level, (104, 84, 62), (64, 52, 40))


def _window(dice: random.Random, x: float, wide: float) -> Iterator[Mark]:
    yield Mark("wall", "box", x, 1.1, x + wide, 2.15, (120, 100, 80), (70, 60, 50))
    panes = dice.randint(2, 4)
    for i in range(panes):
        left, right = x + 0.05 + i * (wide - 0.05) / panes, x + (i + 1) * (wide - 0.05) / panes
        yield Mark("wall", "box", left, 1.15, right, 2.1, (186, 212, 232))
        for _ in range(5):
            low, at = dice.uniform(1.16, 1.4), dice.uniform(left, right - 0.08)
            yield Mark(
                "wall",
                "box",
                at,
                1.15,
                at + dice.uniform(0.03, 0.08),
                low + dice.uniform(0, 0.4),
                tint(dice, (96, 128, 92), 40),
            )


def _hood(dice: random.Random, x: float, wide: float) -> Iterator[Mark]:
    yield Mark("wall", "box", x, 1.75, x + wide, 2.2, tint(dice, (172, 176, 180), 14), (90, 94, 98))
    for i in range(int(wide / 0.12)):
        yield Mark("wall", "box", x + 0.03 + i * 0.12, 1.8, x + 0.09 + i * 0.12, 1.95, (96, 100, 104))
    yield label(dice, "wall", x + 0.1, 2.03, 0.1)
    at = x + 0.05
    while at < x + wide - 0.25:
        w, h = dice.uniform(0.16, 0.34), dice.uniform(0.12, 0.3)
        fill = tint(dice, dice.choice(((70, 72, 76), (170, 90, 50), (188, 192, 196))), 20)
        yield Mark("wall", "pot", at, 0.9, at + w, 0.9 + h, fill, (36, 36, 38))
        yield Mark("wall", "box", at - 0.03, 0.9 + h * 0.7, at + w + 0.03, 0.9 + h * 0.78, (30, 30, 32))
        at += w + dice.uniform(0.06, 0.16)


def _posters(dice: random.Random, x: float, wide: float) -> Iterator[Mark]:
    at = x
    while at < x + wide - 0.3:
        w, low = dice.uniform(0.3, 0.55), dice.uniform(1.05, 1.3)
        paper, top = (
            tint(dice, dice.choice(((244, 240, 226), (226, 236, 246), (250, 226, 180))), 8),
            low + dice.uniform(0.5, 0.85),
        )
        yield Mark("wall", "box", at, low, at + w, top, paper, (90, 90, 92))
        yield Mark(
            "wall",
            "text",
            at + 0.02,
            top - 0.13,
            at + w - 0.02,
            top - 0.03,
            vivid(dice),
            (250, 250, 250),
            dice.choice(WORDS),
        )
        line = top - 0.17
        while line > low + 0.05:
            words = " ".join(f"{dice.choice(WORDS).lower()} {dice.randint(0, 999)}" for _ in range(2))
            yield Mark(
                "wall",
                "text",
                at + 0.02,
                line - 0.035,
                at + w * dice.uniform(0.6, 0.96),
                line,
                paper,
                (50, 50, 56),
                words,
            )
            line -= 0.055
        at += w + dice.uniform(0.04, 0.12)


def _rack(dice: random.Random, x: float, wide: float) -> Iterator[Mark]:
    yield Mark("wall", "box", x, 1.95, x + wide, 2.0, (70, 72, 76), (40, 42, 46))
    at = x + 0.05
    while at < x + wide - 0.08:
        w, long = dice.uniform(0.04, 0.2), dice.uniform(0.25, 0.6)
        fill = tint(dice, dice.choice(((186, 190, 194), (84, 86, 90), (170, 120, 70))), 20)
        yield Mark("wall", "box", at + w * 0.4, 1.95 - long, at + w * 0.6, 1.95, fill)
        yield Mark(
            "wall",
            dice.choice(("disc", "box", "pot")),
            at,
            1.95 - long - w,
            at + w,
            1.95 - long + 0.02,
            fill,
            (44, 44, 46),
        )
        at += w + dice.uniform(0.03, 0.1)
