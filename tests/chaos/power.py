"""R4: power cuts. What the agent said it had recorded is in the file system as the cut leaves it, or at the center."""

import random
import time
from pathlib import Path
from typing import NamedTuple

from agent.tell.journal import Journal
from benchmarks.measure import Figure
from tests.chaos import evidence, trials
from tests.chaos.disks import Ext4, mounted
from tests.chaos.options import Options, folder
from tests.chaos.site import Site, cast_of, until
from tests.chaos.weather import Weather


class Cut(NamedTuple):
    """`lost`: changes that the agent had logged, and so recorded, that are neither in the image nor at the center."""

    lost: int
    rows: int
    opened_s: float
    set_aside: bool


def run(options: Options) -> list[Figure]:
    with folder(options, "power") as home:
        return cuts(home, 10 if options.quick else 100, seed=options.seed)


def cuts(home: Path, count: int, *, seed: int) -> list[Figure]:
    """So many cuts of one running site; half of them while the center does not answer, so that rows gather."""
    rnd = random.Random(seed)
    site = Site(home, cast_of(6))
    with Ext4(site.state) as disk, site:
        trials.started(site)
        done = []
        with Weather(site, dwell_s=(1.5, 4), seed=seed):
            for i in range(count):
                if i % 10 == 1:
                    site.freeze("center")
                if i % 10 == 6:
                    site.thaw("center")
                time.sleep(rnd.uniform(0.3, 1.2))
                done.append(_cut(site, disk, home))
            site.thaw("center")
    lost = sum(cut.lost for cut in done)
    rows = [cut.rows for cut in done]
    return [
        Figure(
            "R4", f"changes lost in {count} power cuts", lost, "", 0, f"{min(rows)} to {max(rows)} rows in the image"
        ),
        Figure("R4", "slowest opening of the journal afterwards", max(cut.opened_s for cut in done), "s", 5),
        Figure("R4", "journals set aside as damaged", sum(cut.set_aside for cut in done), "", None),
    ]


def _cut(site: Site, disk: Ext4, home: Path) -> Cut:
    """Everything stands still while the image is copied; what the agent has logged by then it has recorded."""
    site.freeze("agent")
    try:
        until(lambda: _stands_still(site), 10, "the agent stands still", 0.005)
        said = evidence.said(site)
        disk.cut(home / "cut.img")
        at_center = evidence.held(site).events  # what has left the journal was there before that
    finally:
        site.thaw("agent")
    with mounted(home / "cut.img", home / "cut") as point:
        file = evidence.journal_file(point)
        left = evidence.read_journal(file).rows
        began = time.monotonic()
        journal = Journal(file)
        took = time.monotonic() - began
        set_aside = not journal.durable or journal.lost > 0
        journal.close()
    survived = evidence.told((at_center | left).values())
    return Cut(evidence.missing(said, survived), len(left), took, set_aside)


def _stands_still(site: Site) -> bool:
    """Every thread of the agent; a signal reaches one that waits for the disk only afterwards."""
    tasks = Path(f"/proc/{site.running['agent'].pid}/task").glob("*/stat")
    return all(task.read_text().rpartition(")")[2].split()[0] == "T" for task in tasks)
