"""R6: full, read-only and corrupt storage. The agent lives, says so to the center, and recovers by itself."""

import json
import random
import shutil
import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

from benchmarks.measure import Figure
from tests.chaos import evidence, trials
from tests.chaos.evidence import Witness
from tests.chaos.options import Options, folder
from tests.chaos.site import Failed, Site, cast_of, until
from tests.chaos.weather import Weather
from tests.support.disks import Ext4, Tmpfs

RECOVERED_S = 60.0


class Trial:
    """Counts what went wrong in a series of the same harm."""

    def __init__(self, what: str) -> None:
        self.what = what
        self.rounds = self.dead = self.silent = 0
        self.recovered_s: list[float] = []

    def figures(self) -> list[Figure]:
        note = f"of {self.rounds}"
        return [
            Figure("R6", f"{self.what}: agent did not live", self.dead, "", 0, note),
            Figure("R6", f"{self.what}: center was not told", self.silent, "", 0, note),
            Figure(
                "R6",
                f"{self.what}: cause ends to durable and a fresh transition",
                max(self.recovered_s, default=float("inf")),
                "s",
                RECOVERED_S,
                "worst",
            ),
        ]


def filled(options: Options) -> list[Figure]:
    with folder(options, "full") as home:
        return full(home, _rounds(options), seed=options.seed)


def protected(options: Options) -> list[Figure]:
    with folder(options, "readonly") as home:
        return read_only(home, _rounds(options), seed=options.seed)


def spoilt(options: Options) -> list[Figure]:
    with folder(options, "corrupt") as home:
        return corrupt(home, _rounds(options), seed=options.seed)


def went_back(options: Options) -> list[Figure]:
    with folder(options, "wentback") as home:
        return restored(home, 1 if options.quick else 10, seed=options.seed)


def _rounds(options: Options) -> int:
    return 2 if options.quick else 20


# ---- what is told --------------------------------------------------------------------------------


def told_of_journal(site: Site, since_boot_ms: int) -> list[str]:
    """What the center was told of the journal, or of the disk it is on, since then: faults and resets."""
    question = "SELECT payload FROM events WHERE kind IN ('fault', 'store_reset') AND at >= ? ORDER BY at"
    with closing(sqlite3.connect(f"file:{site.database}?mode=ro", uri=True, timeout=30)) as db:
        events = [json.loads(row[0]) for row in db.execute(question, (since_boot_ms,))]
    said = [f"{event['kind']}: {event.get('what') or event.get('why', '')}" for event in events]
    return [one for one in said if "journal" in one or "cannot be written" in one or one.startswith("store_reset")]


FULL = ("full", "No space left")
"""A journal that has room within its files goes on, and only what stands beside it cannot be written."""


def _tells(
    site: Site, since: int, trial: Trial, words: Sequence[str] = ("",), meanwhile: Callable[[], object] = lambda: None
) -> None:
    def told() -> bool:
        meanwhile()
        return any(word in what for what in told_of_journal(site, since) for word in words)

    try:
        until(told, 40, "the center is told", 0.3)
    except Failed:
        trial.silent += 1


def _recovers(site: Site, trial: Trial, began: float) -> None:
    """Seconds until what the agent records is on the disk again and a change that happens then is at the center."""
    try:
        until(lambda: durable(site) and sound(site), 2 * RECOVERED_S, "the journal is sound again", 0.2)
        fresh = trials.fresh_transition_s(site)
        trial.recovered_s.append(time.monotonic() - began if fresh < float("inf") else fresh)
        until(site.watched, 60, "every camera is online again", 0.2)
    except Failed:
        trial.recovered_s.append(float("inf"))


def sound(site: Site) -> bool:
    """Whether the agent says that nothing is wrong with its journal; the reserve, too, is filled again."""
    journal = site.status().get("journal", {})
    return journal.get("durable") is True and not journal["trouble"]


def durable(site: Site) -> bool:
    """Whether what the agent recorded last is in the file on the disk (or was, and is at the center)."""
    try:
        seen = evidence.read_journal(evidence.journal_file(site.state))
    except (OSError, sqlite3.Error, KeyError):
        return False
    center = evidence.held(site).events
    newest = max(center, key=lambda key: (center[key]["at"], key[1]), default=("", 0))
    return newest[0] in seen.high and seen.high[newest[0]] >= newest[1]


# ---- the harms -----------------------------------------------------------------------------------


def full(home: Path, rounds: int, *, seed: int) -> list[Figure]:
    trial = Trial("disk full")
    site = Site(home, cast_of(4))
    with Tmpfs(site.state, "4m") as disk, site, Witness(site) as witness:
        trials.started(site)
        for i in range(rounds):
            since = trials.boot_ms()
            with Weather(site, dwell_s=(2, 15), seed=seed + i):
                _while(disk.fill, 12.0)
                _tells(site, since, trial, FULL, disk.fill)
            _lives(site, trial)
            began = time.monotonic()
            disk.relieve()
            _recovers(site, trial, began)
        return trial.figures() + _afterwards(site, witness, "disk full")


def _while(act: Callable[[], object], seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        act()
        time.sleep(0.2)


def _lives(site: Site, trial: Trial) -> None:
    trial.rounds += 1
    if not site.alive("agent"):
        trial.dead += 1
        site.launch("agent")


def _afterwards(site: Site, witness: Witness, what: str) -> list[Figure]:
    settled = trials.drained(site, witness)
    site.end_of("agent")
    witness.look()
    trials.drained(site, witness, 15)
    return [
        *trials.conservation("R6", what, evidence.account(site, witness)),
        *trials.truthfulness("R6", what, evidence.truth(site), 0.1),
        Figure("R6", f"{what}: all of it at the center", settled, "s", None),
    ]


def read_only(home: Path, rounds: int, *, seed: int) -> list[Figure]:
    """Half of them strike while the agent runs; half are there when it starts."""
    trial = Trial("read-only disk")
    site = Site(home, cast_of(4))
    with Ext4(site.state, 16) as disk, site, Witness(site) as witness:
        trials.started(site)
        for i in range(rounds):
            since = trials.boot_ms()
            with Weather(site, dwell_s=(2, 15), seed=seed + i):
                if i % 2 == 0:
                    disk.fail()
                else:
                    site.kill("agent")
                    disk.unmount()
                    disk.mount(read_only=True)
                    site.launch("agent")
                _tells(site, since, trial)
            _lives(site, trial)
            began = time.monotonic()
            if i % 2 == 0:
                disk.repair_elsewhere()
            else:
                disk.remount("rw")
            _recovers(site, trial, began)
        return trial.figures() + _afterwards(site, witness, "read-only disk")


def corrupt(home: Path, rounds: int, *, seed: int) -> list[Figure]:
    """Sectors of the journal are overwritten, half of the times under the running agent; then it starts anew.

    What was in it is gone; it has to be said. Silent is a round in which changes went missing and nothing was said.
    """
    trial = Trial("corrupt journal")
    rnd = random.Random(seed)
    missing = 0
    with Site(home, cast_of(4)) as site:
        trials.started(site)
        for i in range(rounds):
            site.freeze("center")  # so that there is something in it
            with Weather(site, dwell_s=(2, 6), seed=seed + i):
                time.sleep(8)
                since = trials.boot_ms()
                if i % 2:
                    spoil(site.state, rnd)
                    time.sleep(4)
            _lives(site, trial)
            site.kill("agent")
            if i % 2 == 0:
                spoil(site.state, rnd)
            site.thaw("center")
            began = time.monotonic()
            site.launch("agent")
            _recovers(site, trial, began)
            before, missing = missing, _missing(site)
            trial.silent += missing > before and not told_of_journal(site, since)
        site.end_of("agent")
        time.sleep(1)
        found = evidence.truth(site)
        note = f"{missing} changes lost with them"
        return [
            *trial.figures(),
            Figure("R6", "corrupt journal: set aside", len(list(site.state.glob("*.corrupt-*"))), "", None, note),
            *trials.truthfulness("R6", "corrupt journal", found, 0.05),
        ]


def restored(home: Path, rounds: int, *, seed: int) -> list[Figure]:
    """The state is put back as it was some time before: an old copy, or a card that never wrote what it said it had.

    What was recorded after the copy is at the center already; what follows must not be taken for it.
    """
    trial = Trial("journal back in time")
    missing = 0
    with Site(home, cast_of(4)) as site:
        trials.started(site)
        for i in range(rounds):
            with Weather(site, dwell_s=(2, 8), seed=seed + i):
                time.sleep(3)
                site.kill("agent")
                shutil.copytree(site.state, home / "copy")
                site.launch("agent")
                time.sleep(15)
                since = trials.boot_ms()
                site.kill("agent")
                shutil.rmtree(site.state)
                (home / "copy").rename(site.state)
                site.launch("agent")
                _tells(site, since, trial)
            _lives(site, trial)
            began = time.monotonic()
            _recovers(site, trial, began)
            missing = _missing(site)
        site.end_of("agent")
        time.sleep(1)
        return [
            *trial.figures(),
            Figure("R6", "journal back in time: changes lost before it was noticed", missing, "", None),
            Figure(
                "R2",
                "journal back in time: transitions doubled",
                len(evidence.doubled(evidence.held(site).events.values())),
                "",
                0,
            ),
            *trials.truthfulness("R6", "journal back in time", evidence.truth(site), 0.1),
        ]


def _missing(site: Site) -> int:
    """Changes that the agent's log tells of and the center does not hold."""
    return len(evidence.missing(evidence.said(site), evidence.held(site).events))


def spoil(state: Path, rnd: random.Random, share: float = 0.3) -> None:
    """Random bytes over every third sector of the database, and of its write-ahead log."""
    for suffix in ("", "-wal"):
        file = Path(f"{evidence.journal_file(state)}{suffix}")
        if file.exists():
            with file.open("r+b") as stream:
                for sector in range(file.stat().st_size // 512):
                    if rnd.random() < share:
                        stream.seek(512 * sector)
                        stream.write(rnd.randbytes(512))
