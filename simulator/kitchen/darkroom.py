"""From what falls on the sensor to the picture sent: cooks and steam, light, noise, faults and the clock overlay.

`phase` runs from 0 to 1 over one loop of the film; at its end everything that moves is back in its place.
"""

import io
import random
from collections.abc import Callable
from functools import cache
from math import cos, hypot, pi, radians, sin, tan, tau

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageEnhance, ImageFilter, ImageOps

from simulator.kitchen import captions
from simulator.kitchen.lens import Lens, field
from simulator.shot import FREEZING, Shot

_LENS = Lens()
COOKS = 6
FRAMES = 20
"""Steps in which a loop's accidents (noise, shaking) differ."""
_BLUE = (24, 40, 200)
_AWAY = 115.0


def develop(shot: Shot, width: int, height: int, phase: float) -> Image.Image:
    """The picture at a phase of its loop, RGB, width x height pixels."""
    if shot.fault in {"black", "blue"}:
        return Image.new("RGB", (width, height), _BLUE if shot.fault == "blue" else (0, 0, 0))
    still = 0.0 if shot.fault in FREEZING else phase
    image = _exposed(_turned(shot, still), width, height, still)
    if shot.digital and shot.zoom > 1:
        image = _cut_out(image, shot.zoom)
    captions.write(image, shot.text, shot.stamp, colon=(0.0 if shot.fault == "freeze-all" else phase) < 0.5)
    return image


def still(shot: Shot, width: int, height: int, phase: float, form: str = "JPEG") -> bytes:
    """One picture as JPEG, or as PNG of few colours, to be small."""
    image, out = develop(shot, width, height, phase), io.BytesIO()
    if form == "PNG":
        image.quantize(128, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
    else:
        image.save(out, "JPEG", quality=85)
    return out.getvalue()


def _exposed(shot: Shot, width: int, height: int, phase: float) -> Image.Image:
    """What the sensor delivers; a digital zoom comes after it."""
    seen = shot._replace(zoom=1.0) if shot.digital else shot
    image = _LENS.see(seen, width, height)
    if shot.scene != "white-tiles":
        _cooks(image, seen, phase)
    image = _LIGHT.get(shot.scene, _as_it_is)(image, phase)
    image = _FAULTS.get(shot.fault, _as_it_is)(image, phase)
    return _noisy(image, _loudness(shot), shot.seed + round(phase * FRAMES))


def _cut_out(image: Image.Image, zoom: float) -> Image.Image:
    """The middle, enlarged and sharpened, as cameras do: it looks crisp, and no detail is added."""
    (w, h), share = image.size, 1 / zoom
    box = (w * (1 - share) / 2, h * (1 - share) / 2, w * (1 + share) / 2, h * (1 + share) / 2)
    enlarged = image.resize((w, h), Image.Resampling.BICUBIC, box=box)
    return enlarged.filter(ImageFilter.UnsharpMask(radius=1.2, percent=60, threshold=0))


def _turned(shot: Shot, phase: float) -> Shot:
    if shot.fault == "turned-away":
        return shot._replace(pan=(shot.pan + _AWAY) % 360, tilt=25.0)
    if shot.fault == "jitter":
        dice = random.Random(f"{shot.seed}/{round(phase * FRAMES)}")
        return shot._replace(
            pan=(shot.pan + dice.uniform(-0.8, 0.8)) % 360, tilt=shot.tilt + dice.choice((-0.4, 0.0, 0.4))
        )
    return shot


# ---- what moves ---------------------------------------------------------------------------------


def _cooks(image: Image.Image, shot: Shot, phase: float) -> None:
    """Six cooks on their round through the middle of the kitchen, and steam over what they carry."""
    pen = ImageDraw.Draw(image)
    for number in range(COOKS):
        azimuth = number * 360 / COOKS + 10 + 4 * sin(phase * tau + number)
        coat = ((246, 246, 250), (60, 80, 120), (150, 40, 44))[number % 3]
        for low, high, bottom, top, fill in (*_BODY, (-40, -20, 4.2, 3.4, coat), (-20, -18.6, 3.4, 1.2, coat)):
            sides = ((-bottom, low), (bottom, low), (top, high), (-top, high))
            corners = [_place(image, shot, azimuth + side, level) for side, level in sides]
            if all(corners):
                pen.polygon([corner for corner in corners if corner], fill)
        if face := _place(image, shot, azimuth, -16.4):
            size = 1.7 * _focal(image, shot) * pi / 180
            pen.ellipse((face[0] - size, face[1] - size * 1.2, face[0] + size, face[1] + size * 1.2), (226, 184, 150))
        if hand := _place(image, shot, azimuth + 5, -19):
            _steam(image, hand, image.width // 16, phase + number / COOKS)


_BODY = ((-52, -39, 3.0, 3.6, (58, 60, 70)), (-15.6, -13.4, 1.8, 2.4, (250, 250, 250)))
"""Trousers and cap: elevations of hem and top, half widths there, degrees."""


def _focal(image: Image.Image, shot: Shot) -> float:
    """Focal length in pixels."""
    return image.width / 2 / tan(radians(field(shot.fov, shot.zoom) / 2))


def _place(image: Image.Image, shot: Shot, azimuth: float, elevation: float) -> tuple[float, float] | None:
    """Where a direction falls on the picture; None when it lies behind, or far outside."""
    focal = _focal(image, shot)
    a, e, t = radians(azimuth - shot.pan), radians(elevation), radians(shot.tilt)
    right, ahead, up = cos(e) * sin(a), cos(e) * cos(a), sin(e)
    depth, rise = ahead * cos(t) + up * sin(t), up * cos(t) - ahead * sin(t)
    if depth < 0.2 or hypot(right, rise) > 1.5 * depth:
        return None
    return image.width / 2 + focal * right / depth, image.height / 2 - focal * rise / depth


@cache
def _puff(size: int) -> Image.Image:
    return ImageOps.invert(Image.radial_gradient("L")).resize((size, size)).point(lambda v: max(v - 128, 0))


def _steam(image: Image.Image, at: tuple[float, float], size: int, phase: float) -> None:
    for i in range(3):
        risen = (phase + i / 3) % 1
        puff = _puff(max(int(size * (0.6 + risen)), 2))
        place = (
            int(at[0] - puff.width / 2 + size * 0.2 * sin(tau * risen)),
            int(at[1] - puff.height / 2 - size * 1.6 * risen),
        )
        image.paste((240, 242, 244), place, puff.point(lambda v, fade=1 - risen: int(v * fade)))


# ---- light --------------------------------------------------------------------------------------


def _as_it_is(image: Image.Image, phase: float) -> Image.Image:
    return image


def _night(image: Image.Image, phase: float) -> Image.Image:
    """Infrared: no colour, bright in the middle, dark at the edges."""
    grey = image.convert("L").point(lambda v: int(30 + v * 0.72))
    spot = (
        ImageOps.invert(Image.radial_gradient("L"))
        .point(lambda v: int(70 + v * 0.72))
        .resize(image.size, Image.Resampling.BILINEAR)
    )
    return ImageChops.multiply(grey, spot).convert("RGB")


def _steamy(image: Image.Image, phase: float) -> Image.Image:
    """A veil over all, thicker in clouds that drift."""
    clouds = ImageChops.offset(_clouds(), int(_clouds().width * phase), 0)
    mask = clouds.resize(image.size, Image.Resampling.BICUBIC).point(
        lambda v: min(max(int(60 + (v - 128) * 1.2), 25), 190)
    )
    return Image.composite(Image.new("RGB", image.size, (228, 230, 232)), image, mask)


@cache
def _clouds() -> Image.Image:
    """A cloudy pattern that joins itself left and right."""
    small = np.random.default_rng(7).integers(0, 256, (9, 16), np.uint8)
    return Image.fromarray(small).resize((64, 36), Image.Resampling.BICUBIC)


def _sunny(image: Image.Image, phase: float) -> Image.Image:
    """The sun in a window: a patch burnt out with a halo, the rest exposed for it."""
    w, h = image.size
    glow = ImageOps.invert(Image.radial_gradient("L")).point(lambda v: max(v - 75, 0) * 255 // 180)
    dark = ImageEnhance.Brightness(image).enhance(0.72)
    dark.paste(
        (255, 254, 246),
        (int(w * 0.45), -int(h * 0.3)),
        glow.resize((int(w * 0.7), int(h * 1.1)), Image.Resampling.BILINEAR),
    )
    ImageDraw.Draw(dark).rectangle((w * 0.68, h * 0.04, w * 0.93, h * 0.42), (255, 255, 252))
    return dark


_LIGHT: dict[str, Callable[[Image.Image, float], Image.Image]] = {
    "night": _night,
    "steam": _steamy,
    "window-light": _sunny,
}


# ---- faults -------------------------------------------------------------------------------------


def _streaks(image: Image.Image, phase: float) -> Image.Image:
    """Bright and dark stripes from side to side, each loop's step at other places."""
    dice, pen = random.Random(round(phase * FRAMES)), ImageDraw.Draw(image)
    for _ in range(24):
        y, grey = dice.uniform(0, image.height), dice.choice((12, 250))
        pen.rectangle((0, y, image.width, y + image.height * dice.uniform(0.002, 0.012)), (grey, grey, grey))
    return image


def _cast(image: Image.Image, phase: float) -> Image.Image:
    red, green, blue = image.split()
    return Image.merge(
        "RGB",
        (
            red.point(lambda v: int(v * 0.55)),
            green.point(lambda v: min(int(v * 1.05) + 25, 255)),
            blue.point(lambda v: int(v * 0.45)),
        ),
    )


def _cloth(image: Image.Image, phase: float) -> Image.Image:
    """A dark cloth in folds; a strip at the right stays free."""
    w, h = image.size
    cloth = Image.new("RGB", (int(w * 0.86), h), (44, 46, 52))
    pen = ImageDraw.Draw(cloth)
    for i in range(9):
        x = cloth.width * (i + 0.5) / 9
        pen.polygon([(x, 0), (x + w * 0.03, 0), (x + w * 0.05, h), (x + w * 0.01, h)], (52 + i % 3 * 3, 54, 60))
    image.paste(cloth.filter(ImageFilter.GaussianBlur(w / 100)), (0, 0))
    return image


_FAULTS: dict[str, Callable[[Image.Image, float], Image.Image]] = {
    "dark": lambda image, _: image.point(lambda v: int(v * 0.07)),
    "overbright": lambda image, _: image.point(lambda v: min(int(205 + v * 0.5), 255)),
    "blur": lambda image, _: image.filter(ImageFilter.GaussianBlur(image.width / 160)),
    "streak": _streaks,
    "chroma": _cast,
    "cover": _cloth,
}


# ---- noise --------------------------------------------------------------------------


def _loudness(shot: Shot) -> float:
    """Noise of the sensor, grey levels."""
    return 45.0 if shot.fault == "noise" else shot.noise * (3.0 if shot.scene == "night" else 1.0)


def _noisy(image: Image.Image, loudness: float, seed: int) -> Image.Image:
    if not loudness:
        return image
    dice = random.Random(seed)
    grain = _grain(round(loudness, 1))
    place = dice.randrange(grain.width - image.width % grain.width), dice.randrange(grain.height)
    whole = ImageChops.offset(grain, *place)
    sheet = Image.new("L", image.size)
    for x in range(0, image.width, grain.width):
        for y in range(0, image.height, grain.height):
            sheet.paste(whole, (x, y))
    return ImageChops.add(image, Image.merge("RGB", (sheet, sheet, sheet)), 1.0, -128)


@cache
def _grain(loudness: float) -> Image.Image:
    """Gaussian noise around 128."""
    grain = np.random.default_rng(11).normal(128.0, loudness, (512, 512))
    return Image.fromarray(np.clip(np.rint(grain), 0, 255).astype(np.uint8))
