"""Shapes on the kitchen's surfaces: the alphabet in which its furniture is written."""

import random
from typing import NamedTuple

LENGTH, WIDTH, HEIGHT, COUNTER, DEPTH = 8.0, 6.0, 3.0, 0.85, 0.6
"""The room, the height of its counters and how far they stand out, metres."""
ROUND = 2 * (LENGTH + WIDTH)
"""Length of all walls; along them, from left to right as seen from inside, runs the first coordinate."""

Colour = tuple[int, int, int]
WORDS = ("RAW", "COOKED", "FISH", "MEAT", "WASH HANDS", "ALLERGENS", "FLOUR", "RICE", "SALT", "OIL", "EXIT", "KNIVES")


class Mark(NamedTuple):
    """A shape on a surface (wall, front, top, floor, ceiling); metres, on walls and fronts the second is the height.

    `kind`: box, disc, pot, or text on a paper of `fill`; `edge`: of the outline or the letters.
    """

    surface: str
    kind: str
    x0: float
    y0: float
    x1: float
    y1: float
    fill: Colour
    edge: Colour | None = None
    text: str = ""


def tint(dice: random.Random, colour: Colour, by: int) -> Colour:
    shift = dice.randint(-by, by)
    return tuple(min(max(c + shift + dice.randint(-by // 2, by // 2), 0), 255) for c in colour)  # type: ignore[return-value]


def vivid(dice: random.Random) -> Colour:
    return dice.choice(
        (
            (176, 52, 40),
            (40, 84, 150),
            (206, 160, 50),
            (58, 124, 72),
            (120, 72, 130),
            (60, 62, 66),
            (212, 208, 200),
            (150, 96, 56),
        )
    )


def label(dice: random.Random, surface: str, x: float, y: float, high: float) -> Mark:
    text = f"{dice.choice(WORDS)} {dice.randint(2, 99)}"
    paper = dice.choice(((250, 246, 220), (248, 248, 248), (250, 214, 90), (200, 226, 250)))
    return Mark(surface, "text", x, y, x + high * 0.62 * len(text), y + high, paper, (30, 32, 38), text)
