"""Reading what a process costs, and saying on which machine."""

import os
import platform
import re
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

_TICKS = os.sysconf("SC_CLK_TCK")


class Memory(NamedTuple):
    """Megabytes (10^6 bytes)."""

    rss_mb: float
    private_dirty_mb: float


class Figure(NamedTuple):
    """One line of the table. `goal` = the largest value that meets it, None = for information."""

    name: str
    what: str
    value: float
    unit: str
    goal: float | None = None
    note: str = ""
    us: str = ""
    """What stands behind a ratio, each with its unit: ours, the peer's (named), the floor's."""
    peer: str = ""
    floor: str = ""

    @property
    def missed(self) -> bool:
        return self.goal is not None and self.value > self.goal


def cpu_s(pid: int) -> tuple[float, float]:
    """User and system seconds of a process, and of its children that ended (proc(5), stat fields 14 to 17)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    own, ended = (sum(map(int, some)) / _TICKS for some in (fields[11:13], fields[13:15]))
    return own, ended


def memory(pid: int) -> Memory:
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    kib = {match[1]: int(match[2]) for match in re.finditer(r"^(\w+):\s+(\d+) kB", text, re.MULTILINE)}
    return Memory(kib["Rss"] * 1024 / 1e6, kib["Private_Dirty"] * 1024 / 1e6)


def machine() -> str:
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    return f"{model}, {os.cpu_count()} cores, Linux {platform.release()}, Python {platform.python_version()}"


def spread(values: Sequence[float]) -> str:
    return f"{min(values):.3g} to {max(values):.3g} over {len(values)}"


def median_ratio(ours: Sequence[float], theirs: Sequence[float]) -> tuple[float, str]:
    """Median of the pairwise ratios, and their spread."""
    ratios = [mine / other for mine, other in zip(ours, theirs, strict=True)]
    return statistics.median(ratios), spread(ratios)


KEPT: dict[str, Any] = {}
"""What the plots are drawn from: benchmark -> rows."""


def keep(name: str, rows: Sequence[Any]) -> None:
    KEPT[name] = rows


def table(figures: Sequence[Figure]) -> str:
    """A Markdown table."""
    lines = ["| # | figure | us | peer | floor | measured | goal | |", "|---|---|---|---|---|---|---|---|"]
    for one in figures:
        goal = "" if one.goal is None else f"<= {one.goal:g} {one.unit}"
        verdict = "" if one.goal is None else ("**missed**" if one.missed else "met")
        note = f" ({one.note})" if one.note else ""
        measured = f"{one.value:.3g} {one.unit}"
        cells = (one.name, one.what + note, one.us, one.peer, one.floor, measured, goal, verdict)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)
