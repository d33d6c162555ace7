"""Runs it, prints the tables, keeps them, gives the checks of T8 as figures."""

import sys
import time
from pathlib import Path

from benchmarks import measure
from benchmarks.measure import Figure
from benchmarks.truth.cast import FULL, QUICK
from benchmarks.truth.report import Contradicted, figures, story, witnessed
from benchmarks.truth.run import OURS, run

KEPT = Path("var") / "benchmarks"


def measured(quick: bool) -> list[Figure]:
    played = run(QUICK if quick else FULL)
    KEPT.mkdir(parents=True, exist_ok=True)
    (KEPT / "truth-story.txt").write_text("\n".join(story(played, OURS)) + "\n")
    contradicted = ""
    try:
        witnessed(played)
    except Contradicted as error:
        contradicted = f"**These figures say nothing**: {error}\n\n"
    made, tables = figures(played)
    head = (
        f"{time.strftime('%Y-%m-%d %H:%M')}, {measure.machine()}, load {Path('/proc/loadavg').read_text().split()[0]}"
    )
    text = f"{head}\n\n{contradicted}{tables}\n\n{measure.table(made)}\n"
    (KEPT / ("truth-quick.md" if quick else "truth.md")).write_text(text)
    print(tables)
    print(f"story of what we said: {KEPT / 'truth-story.txt'}", file=sys.stderr)
    if contradicted:
        raise Contradicted(contradicted.strip())
    return made
