"""P1, P2, P3: the complete capability probe beside the floor and the peers, on a farm of cameras.

Every contender is a process of its own, made anew each time, interleaved with the others; the farm counts the calls,
and a contender that made fewer than the common set is no contender.
"""

import base64
import json
import os
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks import measure, venvs
from benchmarks.farm import PASSWORD, PORT, USER, Farm
from benchmarks.measure import Figure

ROOT = Path(__file__).parents[1]
ASYNC = "onvif-zeep-async==4.3.*"
NAMES = {
    "ours": "ours",
    "floor": "floor",
    "floor-asyncio": "floor, asyncio",
    "async-1": "onvif-zeep-async, one by one",
    "async-16": "onvif-zeep-async, 16 at once",
    "naive": "onvif-zeep, as its README",
}


class Cost(NamedTuple):
    """Of one process for the whole batch: CPU seconds from its start, wall seconds, peak of its memory in MB."""

    cpu_s: float
    wall_s: float
    peak_mb: float


class Round(NamedTuple):
    """`count` cameras that answer after `delay_ms`; contender -> how often it runs."""

    count: int
    delay_ms: int
    kind: str
    runs: Mapping[str, int]


COMPLETE = (
    Round(1, 0, "s", {"floor": 5, "ours": 5, "async-1": 5, "async-16": 5, "naive": 5}),
    Round(4, 0, "s", {"floor": 5, "ours": 5, "async-1": 5, "async-16": 5, "naive": 5}),
    Round(16, 0, "s", {"floor": 7, "ours": 7, "async-1": 5, "async-16": 5, "naive": 3}),
    Round(64, 0, "s", {"floor": 7, "ours": 7, "async-1": 5, "async-16": 5, "naive": 1}),
    Round(256, 0, "s", {"floor": 5, "ours": 5, "async-1": 3, "async-16": 1}),
    Round(16, 0, "t", {"floor": 7, "ours": 7}),
    Round(64, 0, "t", {"floor": 7, "ours": 7}),
    Round(1, 30, "s", {"floor-asyncio": 5, "ours": 5, "async-16": 5, "naive": 3}),
    Round(16, 30, "s", {"floor-asyncio": 5, "ours": 5, "async-16": 5, "naive": 1}),
    Round(64, 30, "s", {"floor-asyncio": 5, "ours": 5, "async-16": 3}),
    Round(256, 30, "s", {"floor-asyncio": 3, "ours": 3, "async-16": 1}),
)
QUICK = (
    Round(16, 0, "s", {"floor": 5, "ours": 5, "async-1": 2, "naive": 1}),
    Round(64, 0, "s", {"floor": 5, "ours": 5, "async-1": 1}),
    Round(256, 0, "s", {"ours": 1}),
    Round(16, 0, "t", {"floor": 3, "ours": 3}),
    Round(64, 0, "t", {"floor": 3, "ours": 3}),
    Round(64, 30, "s", {"floor-asyncio": 3, "ours": 3}),
)
Key = tuple[int, int, str, str]
"""Cameras, delay, kind, contender."""


def probe(rounds: Sequence[Round]) -> list[Figure]:
    """All rounds, and what they say about the goals."""
    costs: dict[Key, list[Cost]] = {}
    for one in rounds:
        for way, cost in round_of(one):
            costs.setdefault((one.count, one.delay_ms, one.kind, way), []).append(cost)
    measure.keep("probe", [[*key, *_middle(values)] for key, values in costs.items()])
    return [*_cpu(costs), *_latency(costs), *_memory(costs), *_others(costs)]


def round_of(one: Round) -> list[tuple[str, Cost]]:
    """Every run of the round in order, interleaved. Raises RuntimeError when a contender fails or asks too little."""
    taken = []
    with Farm(one.count, one.delay_ms, one.kind) as farm:
        _run("ours", farm, [])  # the farm keeps its answers from here on
        common = farm.asked()
        for repetition in range(max(one.runs.values())):
            for way, times in one.runs.items():
                if repetition < times:
                    taken.append((way, _run(way, farm, common.first)))
                    asked = farm.asked()
                    _check(way, common.operations(), asked.operations(), asked.counts)
    return taken


def _check(way: str, common: Counter[str], asked: Counter[str], counts: Mapping[str, int]) -> None:
    """The first camera was asked the whole common set, the others as much."""
    missing, least = common - asked, min(counts.values())
    if missing or least < common.total() or (way in ("ours", "floor") and asked != common):
        raise RuntimeError(f"{way} did not make the common calls: missing {dict(missing)}, {least} at least")


def _run(way: str, farm: Farm, recorded: Sequence[bytes]) -> Cost:
    python, words = _command(way)
    told = "\n".join([PASSWORD, *farm.addresses])
    if way.startswith("floor"):
        requests = [base64.b64encode(raw).decode() for raw in recorded]
        told = json.dumps({"recorded": farm.addresses[0], "requests": requests, "addresses": farm.addresses})
    done = subprocess.run(
        [python, "-m", *words, str(time.monotonic())],
        input=told,
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"], "LANG": "C.UTF-8"},
    )
    if done.returncode:
        raise RuntimeError(f"{way} failed: {done.stderr[-1000:]}")
    return Cost(**json.loads(done.stdout))


def _command(way: str) -> tuple[str, list[str]]:
    at = [str(PORT), USER]
    if way.startswith("async-"):
        return str(venvs.python_with(ASYNC)), ["benchmarks.zeep_async", way.removeprefix("async-"), *at]
    ways = {
        "ours": ["benchmarks.ours", *at],
        "naive": ["benchmarks.naive", *at],
        "floor": ["benchmarks.floor", "one-by-one"],
        "floor-asyncio": ["benchmarks.floor", "asyncio"],
    }
    return sys.executable, ways[way]


# ---- what it says ---------------------------------------------------------------------------------


def _middle(values: Sequence[Cost]) -> Cost:
    return Cost(*(statistics.median(column) for column in zip(*values, strict=True)))


def _compared(name: str, what: str, ours: Sequence[float], theirs: Sequence[float], goal: float, of: str) -> Figure:
    """`of`: floor or the peer's name. Runs are paired as they were interleaved; a peer that ran less, by its median."""
    if len(ours) == len(theirs):
        ratio, note = measure.median_ratio(ours, theirs)
    else:
        ratio = statistics.median(ours) / statistics.median(theirs)
        note = f"{len(ours)} runs against {len(theirs)}"
    us, them = (f"{statistics.median(values):.3g} s" for values in (ours, theirs))
    beside = {"floor": them} if of == "floor" else {"peer": f"{them} ({of})"}
    return Figure(name, what, ratio, "x", goal, note, us=us, **beside)


def _cpu(costs: Mapping[Key, Sequence[Cost]]) -> list[Figure]:
    figures = []

    def cpu(*key: object) -> list[float]:
        return [cost.cpu_s for cost in costs.get(key, ())]  # type: ignore[call-overload]

    for kind in "st":
        for count in (16, 64):
            ours, floor = cpu(count, 0, kind, "ours"), cpu(count, 0, kind, "floor")
            what = f"probe CPU, {count} cameras of Profile {kind.upper()}"
            if ours and floor:
                figures.append(_compared("P1", f"{what} / floor", ours, floor, 4, "floor"))
            best = min((cpu(count, 0, kind, way) for way in ("async-1", "async-16")), key=_or_never)
            if best:
                figures.append(_compared("P1", f"{what} / onvif-zeep-async at its best", ours, best, 0.3, ASYNC[:16]))
            if naive := cpu(count, 0, kind, "naive"):
                figures.append(_compared("P1", f"{what} / onvif-zeep", ours, naive, 0.03, "onvif-zeep"))
    return figures


def _or_never(values: Sequence[float]) -> float:
    return statistics.median(values) if values else float("inf")


def _latency(costs: Mapping[Key, Sequence[Cost]]) -> list[Figure]:
    ours, floor = ([one.wall_s for one in costs[64, 30, "s", way]] for way in ("ours", "floor-asyncio"))
    return [_compared("P2", "probe latency, 64 cameras, 30 ms a reply / asyncio floor", ours, floor, 2.5, "floor")]


def _memory(costs: Mapping[Key, Sequence[Cost]]) -> list[Figure]:
    small, large = (statistics.median(one.peak_mb for one in costs[count, 0, "s", "ours"]) for count in (64, 256))
    slow = max(one.peak_mb for one in costs[64, 30, "s", "ours"])
    floor = statistics.median(one.peak_mb for one in costs[64, 0, "s", "floor"])
    beside = {"floor": f"{floor:.3g} MB"}
    return [
        Figure("P3", "child's peak, 64 cameras", small, "MB", 45, us=f"{small:.3g} MB", **beside),
        Figure("P3", "child's peak, 64 cameras, 30 ms a reply (all at once)", slow, "MB", 45, us=f"{slow:.3g} MB"),
        Figure("P3", "each further camera up to 256", (large - small) / 192, "MB", 0.05, us=f"{large:.3g} MB at 256"),
    ]


def _others(costs: Mapping[Key, Sequence[Cost]]) -> list[Figure]:
    """Lines for information: everybody at 16 and 64 cameras."""
    figures = []
    for (count, delay_ms, kind, way), values in costs.items():
        if way not in ("ours", "floor") and kind == "s" and count in (16, 64):
            middle = _middle(values)
            what = f"{NAMES[way]}, {count} cameras, {delay_ms} ms: CPU (wall {middle.wall_s:.3g} s, {len(values)} runs)"
            figures.append(Figure("", what, middle.cpu_s, "s", None, f"peak {middle.peak_mb:.3g} MB"))
    return figures
