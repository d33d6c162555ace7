"""What makers write into their pictures: date and time, the camera's name, three lines of a school: where, how large.

It stands at the same place whatever the head does, and no light, noise or fault of the sensor touches it.
"""

import random
from collections.abc import Callable

from PIL import Image, ImageDraw, ImageFont

_WHITE, _BLACK = (255, 255, 255), (0, 0, 0)


def write(image: Image.Image, layout: str, stamp: str, *, colon: bool) -> None:
    """Write `stamp`, and what else the layout holds (shot.TEXTS); the stamp's colon blinks. Nothing without stamp."""
    if stamp:
        _LAYOUTS[layout](image, stamp if colon else stamp.replace(":", " "))


def _stamp(image: Image.Image, stamp: str) -> None:
    _line(image, stamp, 1 / 27, left=1 / 48, top=1 / 45)


def _hikvision(image: Image.Image, stamp: str) -> None:
    """The stamp above, 5.5 % down; the name at the lower right, well above the edge."""
    _line(image, stamp, 1 / 25, left=1 / 48, top=0.055)
    _line(image, "Canteen kitchen 03", 1 / 25, right=0.98, top=0.85)


def _dahua(image: Image.Image, stamp: str) -> None:
    _line(image, stamp, 1 / 22, right=0.98, top=0.04)
    _line(image, "CAM 3", 1 / 22, left=0.02, top=0.9)


def _large(image: Image.Image, stamp: str) -> None:
    """Letters of a main stream on a small sub-stream: 9 % of its height."""
    _line(image, stamp, 1 / 11, left=1 / 48, top=0.09)
    _line(image, "Canteen kitchen 03", 1 / 11, left=0.47, top=0.8)


def _school(image: Image.Image, stamp: str) -> None:
    """The stamp, and at the lower right three lines of Chinese: school, room, number."""
    _stamp(image, stamp)
    for number, length in enumerate((9, 7, 8)):
        _characters(image, length, left=0.66, top=0.74 + 0.06 * number, size=1 / 20, seed=number)


def _line(image: Image.Image, text: str, size: float, *, top: float, left: float = 0.0, right: float = 0.0) -> None:
    """One line, `size` and `top` in heights of the picture, its left or right end in widths."""
    px = max(round(image.height * size), 8)
    pen, font, edge = ImageDraw.Draw(image), ImageFont.load_default(px), max(px // 12, 1)
    x = image.width * left if left else image.width * right - pen.textlength(text, font)
    pen.text((x, image.height * top), text, _WHITE, font, stroke_width=edge, stroke_fill=_BLACK)


def _characters(image: Image.Image, count: int, *, left: float, top: float, size: float, seed: int) -> None:
    """As dense as Chinese, for no font that is always there has any: each a few strokes across and down."""
    dice, pen = random.Random(seed), ImageDraw.Draw(image)
    px = max(image.height * size, 10.0)
    for number in range(count):
        x, y = image.width * left + number * px, image.height * top
        strokes = []
        for _ in range(3):
            down, across = dice.uniform(0.1, 0.85) * px, dice.uniform(0.1, 0.85) * px
            strokes += [(x, y + down, x + 0.85 * px, y + down), (x + across, y, x + across, y + 0.9 * px)]
        for fill, width in ((_BLACK, px / 6), (_WHITE, px / 14)):
            for stroke in strokes:
                pen.line(stroke, fill, max(round(width), 1))


_LAYOUTS: dict[str, Callable[[Image.Image, str], None]] = {
    "stamp": _stamp,
    "hikvision": _hikvision,
    "dahua": _dahua,
    "large": _large,
    "school": _school,
}
