"""Real rooms for T4: views cut from panoramas of canteens and restaurants, with faults made in light, as a sensor does.

The panoramas are nobody's to ship: whoever has a folder of them (equirectangular, JPEG or PNG) names it.
"""

import multiprocessing
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from math import pi, radians, tan
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

import cv2
import numpy as np

from agent.ask.picture import measure
from benchmarks import visits
from benchmarks.measure import Figure
from benchmarks.photographs import HEIGHT, WIDTH, Frame
from benchmarks.visits import Floats, Rng

FOV, WIDE = 60.0, 90.0
SHARP_PX = 2400
"""A panorama not so wide shows less than a camera's sub-stream does: its views are taken WIDE, and counted apart."""
TILT = -15.0
STEP = 45
GAMMA = 2.2
MIDDLE = 0.2
"""Mean light that an exposure control aims at, of 1."""
SOUND = ("day", "people", "night IR", "night after day", "one stop dark", "preset one degree off")
FAULTS = (
    *(name for name in visits.FAULTS),
    "freeze",
    "blur disc",
    "blur haze",
    "luma lights off",
    "luma overexposed",
    "block textured",
    "scene_change turned",
    "scene_change tilted",
)


class Seen(NamedTuple):
    """One visit to a room: `fault` "" = sound. `sharp`: see SHARP_PX."""

    room: str
    sharp: bool
    fault: str
    scene: str
    grade: int
    metrics: dict[str, float]


def seen(folder: Path, *, quick: bool) -> list[Seen]:
    """Visits to every panorama of the folder, every STEP degrees (`quick`: every third), measured on all cores."""
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in (".jpg", ".png"))
    tasks = [(path, yaw) for path in files for yaw in range(0, 360, STEP * (3 if quick else 1))]
    with multiprocessing.get_context("spawn").Pool(initializer=cv2.setNumThreads, initargs=(1,)) as pool:
        return [one for some in pool.starmap(_visited, tasks, chunksize=1) for one in some]


def _visited(path: Path, yaw: int) -> list[Seen]:
    room = np.asarray(cv2.imread(str(path)), np.uint8)
    sharp = room.shape[1] >= SHARP_PX
    look = partial(_view, room, fov=FOV if sharp else WIDE)
    rng, grade = np.random.default_rng(crc32(f"{path.stem} {yaw}".encode())), yaw // STEP % visits.GRADES
    return [
        Seen(path.stem, sharp, fault, scene, grade, measure.measure(one.frames, one.reference, one.groups))
        for fault, scene, one in (*_sound(look, yaw, rng), *_faulty(look, yaw, grade, rng))
    ]


def _view(room: Frame, yaw: float, tilt: float, fov: float) -> Floats:
    """The picture of a camera that looks there, levels."""
    focal = WIDTH / 2 / tan(radians(fov / 2))
    fine = max(room.shape[1] / (focal * 2 * pi), 1.0)
    x, y = np.meshgrid((np.arange(WIDTH) - WIDTH / 2) / focal, (HEIGHT / 2 - np.arange(HEIGHT)) / focal)
    up, level = np.sin(radians(tilt)), np.cos(radians(tilt))
    ahead, rise = level - y * up, y * level + up
    across = np.degrees(np.arctan2(x, ahead)) + yaw
    height = np.degrees(np.arctan2(rise, np.hypot(x, ahead)))
    soft = cv2.GaussianBlur(room, (0, 0), 0.4 * fine) if fine > 1.3 else room
    to_x = (across % 360 / 360 * room.shape[1]).astype(np.float32)
    to_y = ((90 - height) / 180 * room.shape[0]).astype(np.float32)
    return np.asarray(cv2.remap(soft, to_x, to_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP), np.float32)


def _exposed(view: Floats, light: float) -> Floats:
    """The same with so many times the light: what is too bright is burnt."""
    return np.asarray(255 * np.clip((view / 255) ** GAMMA * light, 0, 1) ** (1 / GAMMA), np.float32)


def _light(view: Floats) -> float:
    """What an exposure control sets."""
    return float(np.clip(MIDDLE / (float(((view / 255) ** GAMMA).mean()) + 1e-3), 0.35, 2.5))


def _sound(look: "partial[Floats]", yaw: float, rng: Rng) -> Iterator[tuple[str, str, visits.Visit]]:
    view = look(yaw, TILT)
    day = _exposed(view, light := _light(view))
    off = look(yaw + rng.uniform(-1.5, 1.5), TILT + rng.uniform(-1, 1))
    by_night = visits.night(view.astype(np.uint8), rng)
    films = (
        visits.still(day),
        visits.walking(day, day.astype(np.uint8)[:, ::-1], rng),
        visits.still(by_night),
        visits.still(visits.night(view.astype(np.uint8), rng)),
        visits.still(_exposed(view, light * rng.uniform(0.35, 0.6))),
        visits.still(_exposed(off, light)),
    )
    for scene, film in zip(SOUND, films, strict=True):
        noise = rng.uniform(2.5, 6) if "night" in scene or "dark" in scene else rng.uniform(1, 4)
        before = visits.night(view.astype(np.uint8), rng) if scene == "night IR" else _exposed(view, _about(light, rng))
        way = visits.WAYS[rng.integers(len(visits.WAYS))]
        yield "", scene, visits.taken(film, noise, rng, _grainy(before, rng), way=way)


def _about(light: float, rng: Rng) -> float:
    return light * rng.uniform(0.8, 1.25)


def _grainy(view: Floats, rng: Rng) -> Frame:
    return np.asarray(np.clip(view + rng.normal(0, 2, view.shape), 0, 255), np.uint8)


def _faulty(look: "partial[Floats]", yaw: float, grade: int, rng: Rng) -> Iterator[tuple[str, str, visits.Visit]]:
    view = look(yaw, TILT)
    day, light = _exposed(view, _light(view)), _light(view)
    turned = look(yaw + look.keywords["fov"] * (0.5, 0.75, 1.6)[grade], TILT)
    tilted = look(yaw, TILT + (15, 25, 35)[grade])
    made: dict[str, Floats] = {
        "freeze": day,
        "blur disc": _disc(day, (7, 10, 15)[grade]),
        "blur haze": _hazy(day, (2, 3, 5)[grade]),
        "luma lights off": _exposed(view, light * (0.03, 0.015, 0.006)[grade]),
        "luma overexposed": _exposed(view, light * (8, 14, 25)[grade]),
        "block textured": _cloth(day, (0.6, 0.75, 0.9)[grade], rng),
        "scene_change turned": _exposed(turned, _light(turned)),
        "scene_change tilted": _exposed(tilted, _light(tilted)),
    }
    for fault in FAULTS:
        film = visits.still(made[fault]) if fault in made else visits.FAULTS[fault](day, grade, rng)
        noise = 0.0 if fault == "signal_loss" else rng.uniform(1, 4)
        way = visits.WAYS[rng.integers(len(visits.WAYS) - (fault in visits.IN_TIME))]
        before = _grainy(_exposed(view, _about(light, rng)), rng)
        yield fault, "", visits.taken(film, noise, rng, before, way=way, frozen=fault == "freeze")


# ---- the table ----------------------------------------------------------------------------------

RECALL, SHARP_ALARMS, ALARMS = 0.95, 0.01, 0.02
Counted = Sequence[tuple[Seen, tuple[str, ...]]]


def figures(counted: Counted) -> list[Figure]:
    """Faults missed per kind, slight ones named apart; sound visits taken for faulty, in sharp rooms and in all."""
    found = []
    for fault in FAULTS:
        own = [(one.grade, fault.split()[0] in codes) for one, codes in counted if one.fault == fault]
        missed = 100 * (1 - sum(seen for _, seen in own) / len(own))
        slight = [seen for grade, seen in own if grade == 0]
        note = f"of {len(own)}; of the {len(slight)} slight ones {len(slight) - sum(slight)}"
        found.append(Figure("T4", f"rooms, {fault}: missed", missed, "%", round(100 * (1 - RECALL)), note))
    for words, goal, sharp in (("sharp rooms", SHARP_ALARMS, True), ("all rooms", ALARMS, False)):
        sound = [bool(codes) for one, codes in counted if not one.fault and (one.sharp or not sharp)]
        share = 100 * sum(sound) / len(sound)
        found.append(Figure("T4", f"{words}: sound taken for faulty", share, "%", 100 * goal, f"of {len(sound)}"))
    return found


def table(counted: Counted) -> str:
    """Recall by grade per kind of fault, and what sound visits were taken for, by scene."""
    lines = ["| rooms | n | slight, clear, severe | said instead |", "|---|---|---|---|"]
    for fault in FAULTS:
        own = [(one.grade, codes) for one, codes in counted if one.fault == fault]
        hit = [(grade, fault.split()[0] in codes) for grade, codes in own]
        grades = ", ".join(_share([yes for grade, yes in hit if grade == g]) for g in range(visits.GRADES))
        instead = Counter(code for _, codes in own if fault.split()[0] not in codes for code in codes or ("nothing",))
        lines.append(f"| {fault} | {len(own)} | {grades} | {_counted(instead)} |")
    for scene in SOUND:
        sound = [codes for one, codes in counted if not one.fault and one.scene == scene]
        lines.append(f"| sound: {scene} | {len(sound)} | | {_counted(Counter(c for codes in sound for c in codes))} |")
    return "\n".join(lines)


def _share(seen: Sequence[bool]) -> str:
    return f"{sum(seen)}/{len(seen)}"


def _counted(codes: "Counter[str]") -> str:
    return ", ".join(f"{code} {count}" for code, count in codes.most_common())


# ---- faults made here ---------------------------------------------------------------------------


def _disc(view: Floats, radius: int) -> Floats:
    """As a lens out of focus spreads every point."""
    spot = cv2.circle(np.zeros((2 * radius + 1,) * 2, np.float32), (radius, radius), radius, 1, -1, cv2.LINE_AA)
    return np.asarray(cv2.filter2D(view, -1, spot / spot.sum()), np.float32)


def _hazy(view: Floats, spread: float) -> Floats:
    """As a greasy lens: softer, and part of the light goes all over."""
    soft, veil = (cv2.GaussianBlur(view, (0, 0), sigma) for sigma in (spread, 40.0))
    return np.asarray(0.6 * soft + 0.4 * veil, np.float32)


def _cloth(view: Floats, share: float, rng: Rng) -> Floats:
    """Something woven hangs before that share of the picture."""
    threads = cv2.GaussianBlur(rng.normal(0, 1, view.shape[:2]).astype(np.float32), (0, 0), 2.0)
    woven = 110 + 28 * threads / threads.std()
    covered, edge = view.copy(), int(view.shape[1] * share)
    covered[:, :edge] = np.repeat(woven[:, :edge, None], 3, axis=2)
    return covered
