"""T4: how many picture faults are found, and how many sound pictures are taken for faulty.

Thresholds are chosen on one part of the sources; figures are of the other, which must lead to no choice.

`python -m benchmarks.quality [--quick] [--check]` prints the table; `--train` the spread of every measured number on
the training sources, beside its threshold: what thresholds are chosen by. Images never leave the cache.
"""

import argparse
import multiprocessing
import os
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

import cv2
import numpy as np

from agent.ask.picture import measure
from agent.decide import rules_picture
from benchmarks import kitchen, photographs, rooms, visits
from benchmarks.measure import Figure
from benchmarks.photographs import Photograph
from contract.policy import load_policy

POLICY = "henan-2021-45"
SOUND = "sound"
CODES = visits.NAMES
RECALL, FALSE_ALARMS = 0.95, 0.01
ROOMS = "CANTEEN_ROOMS"
"""Environment variable: a folder of panoramas of real rooms."""


class Row(NamedTuple):
    """One visit: where it comes from, what is wrong with it (SOUND or one of CODES), what was measured."""

    source: str
    nature: bool
    fault: str
    scene: str
    grade: int
    way: str
    metrics: dict[str, float]


# ---- visits -------------------------------------------------------------------------------------


def rows(*, test: bool, quick: bool) -> list[Row]:
    """Visits to every source for testing or for training (a third of them if `quick`), measured on all cores."""
    every = 3 if quick else 1
    mine = range(len(photographs.photographs(test=test)))[::every]
    views = kitchen.views(test=test)[::every]
    with multiprocessing.get_context("spawn").Pool(initializer=cv2.setNumThreads, initargs=(1,)) as pool:
        of_pictures = pool.map_async(partial(_photographed, test=test), mine, chunksize=1)
        of_kitchen = pool.map_async(_simulated, views, chunksize=1)
        return [row for some in of_pictures.get() + of_kitchen.get() for row in some]


def _photographed(n: int, *, test: bool) -> list[Row]:
    """The n-th photograph, twice sound in every scene, and with every fault in three grades, in scenes in turn."""
    pictures = photographs.photographs(test=test)
    one, rng = pictures[n], np.random.default_rng(crc32(pictures[n].name.encode()))
    others = [other for other in pictures if other.name != one.name]
    other = others[int(rng.integers(len(others)))].image
    found = [
        _row(one, SOUND, scene, i, visits.sound(one.image, scene, rng, other))
        for scene in visits.SCENES
        for i in range(2)
    ]
    for i, fault in enumerate(CODES):
        scenes = [scene for scene in visits.SCENES if fault != "chroma" or scene not in visits.UNCOLOURED]
        for grade in range(visits.GRADES):
            scene = scenes[(n + i + grade) % len(scenes)]
            found.append(_row(one, fault, scene, grade, visits.faulty(one.image, scene, fault, grade, rng, other)))
    return found


def _row(one: Photograph, fault: str, scene: str, grade: int, seen: visits.Visit) -> Row:
    return Row(one.name, one.nature, fault, scene, grade, seen.way, _measured(seen))


def _simulated(view: int) -> list[Row]:
    """The kitchen in one direction: every scene sound, and every fault in every scene where it can be."""
    rng = np.random.default_rng(view)
    wanted: Iterator[tuple[str, str, str]] = iter(
        [(scene, "none", SOUND) for scene in kitchen.scenes()]
        + [(scene, word, code) for word, code in kitchen.FAULTS.items() for scene in kitchen.scenes()]
    )
    return [
        Row(kitchen.name(view), False, code, f"kitchen {scene}", 1, seen.way, _measured(seen))
        for scene, word, code in wanted
        if code != "chroma" or kitchen.coloured(scene)
        for seen in [kitchen.visit(view, scene, word, rng)]
    ]


def _measured(seen: visits.Visit) -> dict[str, float]:
    return measure.measure(seen.frames, seen.reference, seen.groups)


# ---- the table ----------------------------------------------------------------------------------


def figures(quick: bool) -> list[Figure]:
    """T4 on the sources kept for testing; the table goes to standard output."""
    thresholds = load_policy(POLICY).picture.thresholds
    counted = [(row, rules_picture.faults(row.metrics, thresholds)) for row in rows(test=True, quick=quick)]
    print(table(counted))
    sound = [_alarms(row, found) for row, found in counted if row.fault == SOUND]
    alarms = 100 * sum(map(bool, sound)) / len(sound)
    return [
        *(_missed(code, counted) for code in CODES),
        Figure("T4", "sound pictures taken for faulty", alarms, "%", 100 * FALSE_ALARMS, f"of {len(sound)}"),
        *_of_rooms(quick, thresholds),
    ]


def _of_rooms(quick: bool, thresholds: Mapping[str, float]) -> list[Figure]:
    """And on real rooms, where ROOMS names a folder of panoramas (see rooms.py)."""
    folder = os.environ.get(ROOMS)
    if not folder:
        print(f"no real rooms: {ROOMS} names no folder of panoramas", file=sys.stderr)
        return []
    counted = [(one, rules_picture.faults(one.metrics, thresholds)) for one in rooms.seen(Path(folder), quick=quick)]
    print(rooms.table(counted))
    return rooms.figures(counted)


Counted = Sequence[tuple[Row, tuple[str, ...]]]


def _alarms(row: Row, found: tuple[str, ...]) -> set[str]:
    """False alarms. Colour is judged on what may hang in a kitchen: no meadows, no sunsets."""
    return set(found) - ({"chroma"} if row.nature else set())


def _counts(row: Row, fault: str) -> bool:
    return row.fault == fault and not (row.nature and fault == "chroma")


def _missed(code: str, counted: Counted) -> Figure:
    seen = [_is_found(code, found) for row, found in counted if _counts(row, code)]
    missed = 100 * (1 - sum(seen) / len(seen))
    return Figure("T4", f"{code}: faults missed", missed, "%", round(100 * (1 - RECALL)), f"of {len(seen)}")


def _is_found(code: str, found: Collection[str]) -> bool:
    return code.split(maxsplit=1)[0] in found


def table(counted: Counted) -> str:
    """Per code: how many, recall by grade and of all, and false alarms on sound pictures by scene."""
    scenes = list(dict.fromkeys(row.scene for row, _ in counted if row.fault == SOUND))
    sound = {
        scene: [_alarms(row, found) for row, found in counted if row.fault == SOUND and row.scene == scene]
        for scene in scenes
    }
    sound["colours of nature (not counted)"] = [
        {"chroma"} & set(found) for row, found in counted if row.fault == SOUND and row.nature
    ]
    heads = [
        "code",
        "n",
        "recall",
        "slight, clear, severe",
        *(f"{scene} ({len(some)})" for scene, some in sound.items()),
    ]
    lines = [heads, ["---"] * len(heads)]
    for code in CODES:
        shown = [(row.grade, _is_found(code, found)) for row, found in counted if _counts(row, code)]
        grades = [_share([seen for grade, seen in shown if grade == g]) for g in range(visits.GRADES)]
        alarms = [str(sum(_is_found(code, found) for found in some)) for some in sound.values()]
        lines.append([code, str(len(shown)), _share([seen for _, seen in shown]), ", ".join(grades), *alarms])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + (
        f"\n\nRight of recall: how many sound pictures of that kind were taken for this.\n{_by_coding(counted)}\n"
    )


def _by_coding(counted: Counted) -> str:
    """Recall of freeze by how the picture was coded, since coding is what hides it."""
    ways = {
        way: [_is_found("freeze", f) for row, f in counted if row.fault == "freeze" and row.way == way]
        for way in visits.WAYS
    }
    return "freeze by coding: " + ", ".join(
        f"{way} {_share(seen)} of {len(seen)}" for way, seen in ways.items() if seen
    )


def _share(seen: Sequence[bool]) -> str:
    return f"{sum(seen) / len(seen):.3f}" if seen else "-"


# ---- choosing thresholds ------------------------------------------------------------------------


def spreads(of: Sequence[Row], thresholds: dict[str, float]) -> str:
    """Every number's spread over sound rows and over those of each fault it decides."""
    decides = {
        "flat_ratio": ["signal_loss"], "dark_level": ["luma dark"], "bright_level": ["luma bright"],
        "edge_width_px": ["blur"], "cast": ["chroma"], "noise": ["noise"], "streak": ["streak"],
        "still_ratio": ["freeze"], "change": ["freeze"], "covered_ratio": ["block"], "plain_ratio": ["block"],
        "jitter_px": ["jitter"], "view_match": ["scene_change"],
    }  # fmt: skip
    lines = [
        f"{'':42}" + "".join(f"{q:>9}" for q in ("least", "1 %", "5 %", "median", "95 %", "99 %", "most", "left out"))
    ]
    for name, codes in decides.items():
        lines.append(f"{name}, threshold {thresholds.get(name)}")
        kinds = list(dict.fromkeys(row.scene for row in of if row.fault == SOUND))
        for label, some in [
            *((f"  sound {kind}", [row for row in of if row.fault == SOUND and row.scene == kind]) for kind in kinds),
            *(
                (f"  {code} {g}", [r for r in of if _counts(r, code) and r.grade == g])
                for code in codes
                for g in range(3)
            ),
        ]:
            had = [row.metrics[name] for row in some if name in row.metrics]
            spread = np.quantile(had, [0, 0.01, 0.05, 0.5, 0.95, 0.99, 1]).tolist() if had else []
            lines.append(f"{label:42}" + "".join(f"{value:9.2f}" for value in spread) + f"{len(some) - len(had):9}")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality", description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--train", action="store_true", help="spreads on the training sources")
    arguments = parser.parse_args()
    if arguments.train:
        print(spreads(rows(test=False, quick=arguments.quick), load_policy(POLICY).picture.thresholds))
        return 0
    missed = [one for one in figures(arguments.quick) if one.missed]
    for one in missed:
        print(f"missed {one.what}: {one.value:.1f} %, goal {one.goal:g} %", file=sys.stderr)
    return 1 if missed and arguments.check else 0


if __name__ == "__main__":
    sys.exit(main())
