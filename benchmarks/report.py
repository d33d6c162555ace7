"""Writes docs/benchmarks/: the table into its README, the figures as JSON, and the plots.

What was measured, and how, must not be known here beyond the names of the rows kept for the plots.
"""

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import measure
from benchmarks.measure import Figure
from benchmarks.probe import NAMES

START, END = "<!-- results: written by scripts/bench -->", "<!-- end of results -->"


def write(folder: Path, figures: Sequence[Figure], failed: Mapping[str, str], began: float) -> None:
    """Replace what stands between the marks in README.md (made anew where there is none), and the files beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    readme = folder / "README.md"
    text = readme.read_text() if readme.exists() else f"# Benchmarks\n\n{START}\n{END}\n"
    head, _, rest = text.partition(START)
    tail = rest.partition(END)[2]
    readme.write_text(f"{head}{START}\n{_results(figures, failed, began)}\n{END}{tail}")
    kept = {"machine": measure.machine(), "figures": [one._asdict() for one in figures], "rows": measure.KEPT}
    (folder / "results.json").write_text(json.dumps(kept, indent=1) + "\n")
    if rows := measure.KEPT.get("probe"):
        _plots(folder, rows)


def _results(figures: Sequence[Figure], failed: Mapping[str, str], began: float) -> str:
    minutes = (time.monotonic() - began) / 60
    lines = [f"{time.strftime('%Y-%m-%d')}, {measure.machine()}, {minutes:.0f} minutes.", "", measure.table(figures)]
    missed = [one for one in figures if one.missed]
    goals = sum(one.goal is not None for one in figures)
    lines += ["", f"{goals - len(missed)} of {goals} goals met."]
    lines += [f"- missed: {one.name}, {one.what}: {one.value:.3g} {one.unit}, goal {one.goal:g}" for one in missed]
    lines += [f"- not measured: {name}: {why}" for name, why in failed.items()]
    return "\n".join(lines)


def _plots(folder: Path, rows: Sequence[Sequence[Any]]) -> None:
    """CPU and memory over the number of cameras (replies at once), latency (30 ms a reply)."""
    for file, column, delay_ms, title in (
        ("cpu.png", 4, 0, "CPU seconds of one capability probe of all cameras, imports included"),
        ("latency.png", 5, 30, "seconds until all cameras have been asked, 30 ms a reply"),
        ("memory.png", 6, 0, "peak memory of the probing process, MB"),
    ):
        _plot(folder / file, [row for row in rows if row[1] == delay_ms and row[2] == "s"], column, title)


def _plot(file: Path, rows: Sequence[Sequence[Any]], column: int, title: str) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4.5))
    for way, name in NAMES.items():
        points = sorted((row[0], row[column]) for row in rows if row[3] == way)
        if points:
            axes.plot(*zip(*points, strict=True), marker="o", label=name, linewidth=2.5 if way == "ours" else 1.2)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xticks([1, 4, 16, 64, 256], ["1", "4", "16", "64", "256"])
    axes.set_xlabel("cameras")
    axes.set_title(title, fontsize=10)
    axes.grid(visible=True, which="major", alpha=0.3)
    axes.legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(file, dpi=110, metadata={"Software": None})
    pyplot.close(figure)
