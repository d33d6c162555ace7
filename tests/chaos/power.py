"""R4: power cuts. What the agent said it had recorded is in the file system as the cut leaves it, or at the center."""

import random
import shutil
import time
from pathlib import Path
from typing import NamedTuple

from agent.tell.journal import Journal
from benchmarks.measure import Figure
from tests.chaos import evidence, trials
from tests.chaos.evidence import Logged
from tests.chaos.options import Options, folder
from tests.chaos.site import Site, cast_of
from tests.chaos.weather import Weather
from tests.support.disks import Ext4, mounted
from tests.support.waiting import until


class Cut(NamedTuple):
    """`logged`: changes that the agent had logged, and so recorded; `lost`: those of them whose event is neither in the
    image nor at the center.
    """

    logged: int
    lost: list[Logged]
    rows: int
    opened_s: float
    set_aside: bool


def run(options: Options) -> list[Figure]:
    with folder(options, "power") as home:
        return cuts(home, 10 if options.quick else 100, seed=options.seed)


def cuts(home: Path, count: int, *, seed: int) -> list[Figure]:
    """So many cuts of one running site; half of them while the center does not answer, so that rows gather.

    They go on until the weather has shown: a box that records nothing loses nothing. Failed where somebody died.
    """
    rnd = random.Random(seed)
    site = Site(home, cast_of(6))
    done: list[Cut] = []
    with Ext4(site.state) as disk, site:
        trials.started(site)
        with Weather(site, dwell_s=(1.5, 4), seed=seed):
            until(
                lambda: _enough(site, disk, rnd, done, count),
                "changes are logged between the cuts",
                progress=lambda: len(evidence.said(site)),
            )
            site.thaw("center")
        site.complain_of_dead()
    lost = [one for cut in done for one in cut.lost]
    rows, told = [cut.rows for cut in done], done[-1].logged - done[0].logged
    note = f"{min(rows)} to {max(rows)} rows in the image; {told} changes logged meanwhile"
    return [
        Figure("R4", f"changes lost in {len(done)} power cuts", len(lost), "", 0, note),
        Figure("R4", "slowest opening of the journal afterwards", max(cut.opened_s for cut in done), "s", 5),
        Figure("R4", "journals set aside as damaged", sum(cut.set_aside for cut in done), "", None),
    ]


def _enough(site: Site, disk: Ext4, rnd: random.Random, done: list[Cut], count: int) -> bool:
    """Another cut; whether these are so many, and changes were logged between the first and the last."""
    number = len(done)
    if number % 10 == 1:
        site.freeze("center")
    if number % 10 == 6:
        site.thaw("center")
    time.sleep(rnd.uniform(0.3, 1.2))
    done.append(_cut(site, disk, site.folder / f"cut-{number}"))
    return len(done) >= count and done[-1].logged > done[0].logged


def _cut(site: Site, disk: Ext4, home: Path) -> Cut:
    """Everything stands still while the image is copied; what the agent has logged by then it has recorded.

    Where something is lost the image stays, with the log and the center's database as they were.
    """
    site.complain_of_dead()
    home.mkdir()
    image = home / "cut.img"
    site.freeze("agent")
    try:
        said = evidence.said(site)
        disk.cut(image)
        at_center = evidence.held(site).events  # what has left the journal was there before that
        shutil.copy(image, home / "as-cut.img")
        for file in (site.folder / "agent.log", *site.folder.glob("center.db*")):
            shutil.copy(file, home)
    finally:
        site.thaw("agent")
    with mounted(image, home / "state") as point:
        file = evidence.journal_file(point)
        left = evidence.read_journal(file).rows
        began = time.monotonic()
        journal = Journal(file)
        took = time.monotonic() - began
        set_aside = not journal.durable or journal.lost > 0
        journal.close()
    lost = evidence.missing(said, at_center | left)
    if not lost:
        shutil.rmtree(home)
    return Cut(len(said), lost, len(left), took, set_aside)
