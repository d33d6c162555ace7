"""P10 from facts: a month laid from what gateways told, a day more of it, and the same month behind a longer past.

Measured at two sizes and drawn on to a province of 50,000 gateways by a straight line: each gateway is worked out by
itself. A day more: something came of every gateway, and one day is new.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import sqlalchemy as sa

from benchmarks import kitchens
from benchmarks.measure import Figure
from center.rate import month_span
from center.store.engine import address

PROVINCE = 50_000
SIZES, QUICK_SIZES = (1_000, 5_000), (200, 600)
PASTS, QUICK_PASTS, WITH_A_PAST = (1, 6, 24), (1, 6), 300
"""Months before the one that is laid, and how many gateways have them."""
MONTH, DAY_MS = "2026-10", 86_400_000
REPEATED = 3
_BUILD = """
import sys
from pathlib import Path
from center.days.build import build
from center.rate import Rules
from center.store import Store
if __name__ == "__main__":
    database, folder, begin, end, whole, processes = sys.argv[1:7]
    store = Store(database, create=False)
    span = (int(begin), int(end))
    made = build(store, Path(folder), span, Rules(), whole=whole == "whole", processes=int(processes) or None)
    print(*made)
"""


class Cost(NamedTuple):
    """Of a process with its children."""

    wall_s: float
    cpu_s: float
    peak_mb: float


def figures(quick: bool) -> list[Figure]:
    with tempfile.TemporaryDirectory(prefix="rebuilt-") as name:
        return [*_province(Path(name), QUICK_SIZES if quick else SIZES, quick), *_growth(Path(name), quick)]


def _province(home: Path, sizes: tuple[int, int], quick: bool) -> Iterator[Figure]:
    begin, end = month_span(MONTH)
    whole, more, peak, transitions = [], [], 0.0, 0
    for size in sizes:
        database, folder = str(home / f"{size}.db"), home / f"days-{size}"
        transitions = kitchens.lay(database, size, (month_span(kitchens.months_before(MONTH, 2)[0])[0], end))
        whole.append(_built(database, folder, (begin, end), "whole"))
        _built(database, folder, (begin, end - DAY_MS), "whole")
        _heard_of_all(database)
        more.append(_built(database, folder, (begin, end), "more"))
        peak = max(peak, whole[-1].peak_mb)
    drawn = f"drawn on from {sizes[0]:,} and {sizes[1]:,} gateways; {transitions / sizes[1] / 2:.0f} transitions each"
    for what, costs, goal in (("a month laid from facts", whole, 300), ("a day more of it", more, 60)):
        wall, cpu = (_drawn_on(sizes, [cost[i] for cost in costs]) for i in (0, 1))
        note = f"{cpu:.0f} s of CPU on {os.cpu_count()} cores; {drawn}"
        yield Figure("P10", f"{what}, {PROVINCE:,} gateways", wall, "s", None if quick else goal, note=note)
    yield Figure("P10", f"the largest process of it, {sizes[1]:,} gateways", peak, "MB")


def _drawn_on(sizes: tuple[int, int], costs: list[float]) -> float:
    each = (costs[1] - costs[0]) / (sizes[1] - sizes[0])
    return costs[1] + each * (PROVINCE - sizes[1])


def _growth(home: Path, quick: bool) -> Iterator[Figure]:
    """The same month with another past: CPU of one process, the least of several."""
    begin, end = month_span(MONTH)
    least: dict[int, float] = {}
    pasts = QUICK_PASTS if quick else PASTS
    for past in pasts:
        first = month_span(kitchens.months_before(MONTH, past + 1)[0])[0]
        kitchens.lay(str(home / f"past-{past}.db"), WITH_A_PAST, (first, end))
    for _ in range(1 if quick else REPEATED):
        for past in pasts:
            cost = _built(str(home / f"past-{past}.db"), home / f"past-{past}", (begin, end), "whole", processes=1)
            least[past] = min(cost.cpu_s, least.get(past, cost.cpu_s))
    for past in pasts[1:]:
        what = f"a month from facts behind {past} months of history / behind {pasts[0]}"
        told = f"{least[past]:.2f} s of CPU, {WITH_A_PAST} gateways"
        yield Figure("P10", what, least[past] / least[pasts[0]], "x", 1.1 if past == 24 else None, us=told)


def _built(database: str, folder: Path, span: tuple[int, int], how: str, processes: int = 0) -> Cost:
    script = folder.parent / "build.py"  # a file: the processes that it starts read it as well
    script.write_text(_BUILD)
    command = [sys.executable, str(script), database, str(folder), *map(str, span), how, str(processes)]
    began = time.monotonic()
    environment = os.environ | {"PYTHONPATH": str(Path.cwd())}
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment) as running:
        _, status, usage = os.wait4(running.pid, 0)
        running.returncode = os.waitstatus_to_exitcode(status)
    if running.returncode:
        raise RuntimeError(f"days build ended with {running.returncode}")
    return Cost(time.monotonic() - began, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def _heard_of_all(database: str) -> None:
    """As if something had come of every gateway since."""
    engine = sa.create_engine(address(database))
    with engine.begin() as there:
        there.execute(sa.text("UPDATE runs SET generation = 1000000"))
    engine.dispose()
