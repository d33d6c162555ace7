"""What the agent recorded, what the center holds, what the simulator really did: three witnesses.

The journal's file is never opened, only copies of it.
"""

import contextlib
import json
import re
import shutil
import sqlite3
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from center import timeline
from center.alarms import FINDINGS
from center.history import recall
from center.intervals import Intervals, intersection, normal, total
from center.notary import Judged, judge
from center.rate import Rules
from center.store import Store
from center.testimony import CONTRADICTION
from contract.vocabulary import Availability
from scripts.stage import CITY, GATEWAY
from simulator.faults import read_log
from simulator.truth import intervals
from tests.chaos.site import Failed, Site

Key = tuple[str, int]
"""(store, seq)."""
_SAID = re.compile(r"^INFO agent\.\S+: (\S+): \w+ -> (\w+) .*\[(\w+):(\d+)\]$", re.MULTILINE)


# ---- what the agent recorded --------------------------------------------------------------------


class Journal(NamedTuple):
    """A journal's file at one moment. `high`: each store's highest seq; `rows`: the events that are still in it."""

    high: dict[str, int]
    rows: dict[Key, dict[str, Any]]


def journal_file(state: Path) -> Path:
    return state / "journal.db"


def read_journal(file: Path, attempts: int = 50) -> Journal:
    """What stands in the file, read from a copy: the agent keeps it locked, and SQLite would recover it in place.

    A copy counts only if neither file changed meanwhile. Raises OSError when there is no journal, or no quiet moment;
    sqlite3.Error when it is not one.
    """
    with tempfile.TemporaryDirectory(prefix="chaos-journal-") as folder:
        for _ in range(attempts):
            before = _stamps(file)
            for suffix in ("", "-wal"):
                copy = Path(f"{folder}/copy.db{suffix}")
                copy.unlink(missing_ok=True)
                with contextlib.suppress(FileNotFoundError):
                    shutil.copyfile(f"{file}{suffix}", copy)
            if _stamps(file) == before:
                with contextlib.closing(sqlite3.connect(f"{folder}/copy.db")) as db:
                    return _journal(db)
            time.sleep(0.01)
    raise OSError(f"{file} never stood still")


def _stamps(file: Path) -> list[tuple[int, int, int]]:
    """Raises FileNotFoundError when there is no journal."""
    main, wal = file.stat(), Path(f"{file}-wal")
    both = [main, wal.stat()] if wal.exists() else [main]
    return [(one.st_ino, one.st_size, one.st_mtime_ns) for one in both]


def _journal(db: sqlite3.Connection) -> Journal:
    names = {number: (name, gone) for number, name, gone in db.execute("SELECT number, name, gone FROM store")}
    high = dict(names.values())
    rows: dict[Key, dict[str, Any]] = {}
    for key, body in db.execute("SELECT id, body FROM event"):
        store, seq = names[key >> SEQ_BITS][0], key & (1 << SEQ_BITS) - 1
        rows[store, seq] = json.loads(body)
        high[store] = max(seq, high[store])
    return Journal(high, rows)


SEQ_BITS = 40
"""A row's id is its store's number, then its seq in so many bits."""


class Witness:
    """Reads the site's journal several times a second and remembers every row and every seq it ever saw.

    Since seqs are given out without holes, `high` also stands for the rows that came and went between two readings.
    """

    def __init__(self, site: Site, every_s: float = 0.4) -> None:
        self._file, self._every_s = journal_file(site.state), every_s
        self.high: dict[str, int] = {}
        self.rows: dict[Key, dict[str, Any]] = {}
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="witness", daemon=True)

    def __enter__(self) -> "Witness":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stopping.wait(self._every_s):
            self.look()

    def look(self) -> None:
        """Once more now; a journal that is just being made, moved or spoilt is left for the next time."""
        with contextlib.suppress(sqlite3.Error, OSError, KeyError):
            seen = read_journal(self._file)
            with self._lock:
                self.rows.update(seen.rows)
                self.high.update({store: max(high, self.high.get(store, 0)) for store, high in seen.high.items()})

    def recorded(self) -> set[Key]:
        with self._lock:
            return {(store, seq) for store, high in self.high.items() for seq in range(1, high + 1)}


# ---- what the center holds ----------------------------------------------------------------------


class Held(NamedTuple):
    """`events` by key; `gaps`: what was declared lost, in words; `aside`: reasons of what was set aside."""

    events: dict[Key, dict[str, Any]]
    gaps: list[str]
    aside: list[str]


def held(site: Site) -> Held:
    with contextlib.closing(sqlite3.connect(f"file:{site.database}?mode=ro", uri=True, timeout=30)) as db:
        events = db.execute(_EVENTS, (GATEWAY,))
        found = {(store, seq): json.loads(payload) for store, seq, payload in events}
        gaps = [f"{store} {low}..{high}: {why}" for store, low, high, why in db.execute(_GAPS, (GATEWAY,))]
        codes = ", ".join("?" * len(FINDINGS))
        found_aside = db.execute(f"SELECT reason FROM quarantine WHERE code NOT IN ({codes})", FINDINGS)
        aside = [reason for (reason,) in found_aside]
    return Held(found, gaps, aside)


_EVENTS = "SELECT store, seq, payload FROM events WHERE gateway = ? AND kind <> '' ORDER BY received_ms DESC"
_GAPS = "SELECT store, from_seq, to_seq, why FROM lost WHERE gateway = ?"


def arrived(site: Site, slot: str, to: str, since_boot_ms: int) -> bool:
    """Whether the center holds a transition of the slot to this state that happened since then."""
    question = "SELECT payload FROM events WHERE kind = 'transition' AND slot = ? AND at >= ?"
    with contextlib.closing(sqlite3.connect(f"file:{site.database}?mode=ro", uri=True, timeout=30)) as db:
        return any(json.loads(row[0])["to"] == to for row in db.execute(question, (slot, since_boot_ms)))


# ---- held against each other --------------------------------------------------------------------


class Account(NamedTuple):
    """`lost`: recorded and not at the center; `altered`: there with another content; `unsaid`: changes that the agent's
    log tells of and the center lacks; `doubled`: one change of one slot under two seqs.
    """

    recorded: int
    lost: list[Key]
    altered: list[Key]
    unsaid: list["Logged"]
    doubled: list[str]
    gaps: list[str]
    aside: list[str]


def account(site: Site, witness: Witness) -> Account:
    center = held(site)
    recorded = witness.recorded()
    if not recorded:
        raise Failed("the harness never saw a row in the agent's journal: nothing can be said of what was kept")
    logged = said(site)
    if not logged:
        raise Failed("the agent's log tells of no change: nothing can be said of what was kept")
    altered = [key for key, row in witness.rows.items() if key in center.events and center.events[key] != row]
    return Account(
        recorded=len(recorded),
        lost=sorted(recorded - center.events.keys()),
        altered=altered,
        unsaid=missing(logged, center.events),
        doubled=doubled(center.events.values()),
        gaps=center.gaps,
        aside=center.aside,
    )


class Logged(NamedTuple):
    """A change that the agent's log tells of, and the event that it was recorded as."""

    slot: str
    to: str
    key: Key


def said(site: Site) -> list[Logged]:
    """Every change that the agent's log tells of; it logs a change once it has recorded it."""
    return [Logged(slot, to, (store, int(seq))) for slot, to, store, seq in _SAID.findall(site.said("agent"))]


def missing(logged: Iterable[Logged], has: Mapping[Key, dict[str, Any]]) -> list[Logged]:
    """Those whose own event is not there, or says something else: no other event stands in for it."""
    return [one for one in logged if not _tells(has.get(one.key), one)]


def _tells(event: dict[str, Any] | None, logged: Logged) -> bool:
    if event is None or event["kind"] != "transition":
        return False
    return (event["slot"], event["to"]) == (logged.slot, logged.to)


def doubled(events: Iterable[dict[str, Any]]) -> list[str]:
    seen = Counter((e["session"], e["slot"], e["at"], e["from"], e["to"]) for e in events if e["kind"] == "transition")
    return [" ".join(map(str, key)) for key, count in seen.items() if count > 1]


# ---- the truth ----------------------------------------------------------------------------------


class Lie(NamedTuple):
    """The center is sure of `state` in [from_ms, to_ms), UTC, while the simulator was the other."""

    slot: str
    state: str
    from_ms: int
    to_ms: int

    @property
    def length_ms(self) -> int:
        return self.to_ms - self.from_ms


class Truth(NamedTuple):
    """`known_ratio`: share of the slots' time that the center knows; `wrong_ratio`: of that, what the simulator denies,
    which is never none since a change is noticed late; `lies` are later than that can be.
    """

    known_ratio: float
    wrong_ratio: float
    lies: list[Lie]
    overlaps: int
    """Moments that the center holds for online and offline at once: intervals of them."""
    contradictions: list[str]
    """What the center believes this honest gateway to have contradicted."""


def known(site: Site) -> dict[str, timeline.Known]:
    return judged(site).known


def judged(site: Site) -> Judged:
    store = Store(str(site.database), create=False)
    try:
        with store.read() as reader:
            past = recall(reader, [GATEWAY], (0, int(time.time() * 1000) + 86_400_000))[GATEWAY]
            rules = Rules()
            testimony = past.testimony._replace(up=reader.uptime(CITY))
            return judge(testimony, rules.dark_after_ms, rules.within_ms)
    finally:
        store.close()


def tolerance_ms(site: Site) -> int:
    """A change is dated by the first look that differs: so late may the center rightly be, at worst.

    A look may last its deadline and two seconds, and begin as late after it was due, before it counts as none.
    """
    return round(1000 * (site.look_s + 2 * (site.deadline_s + 2)))


def truth(site: Site) -> Truth:
    """What the center is sure of against the simulator's own log."""
    log = read_log(site.log.read_text().splitlines())
    from_ms = min(entry.utc_ms for entry in log)
    to_ms = int(time.time() * 1000)
    lies: list[Lie] = []
    sure_ms = wrong_ms = overlaps = 0
    found = judged(site)
    for slot, its in found.known.items():
        spans = intervals(log, slot, from_ms, to_ms)
        for state, believed, opposite in (
            ("online", its.on, Availability.OFFLINE),
            ("offline", its.off, Availability.ONLINE),
        ):
            sure_ms += total(intersection(believed, ((from_ms, to_ms),)))
            really = normal((s.from_ms, s.to_ms) for s in spans if s.standing is opposite)
            wrong = intersection(believed, really)
            wrong_ms += total(wrong)
            lies += _lies(slot, state, wrong, tolerance_ms(site))
        overlaps += len(intersection(its.on, its.off))
    against_itself = [one.text for one in found.findings if one.code == CONTRADICTION]
    known_ratio = sure_ms / max(1, (to_ms - from_ms) * len(site.cast))
    return Truth(known_ratio, wrong_ms / max(1, sure_ms), lies, overlaps, against_itself)


def _lies(slot: str, state: str, wrong: Intervals, tolerated_ms: int) -> Iterator[Lie]:
    for begin, end in wrong:
        if end - begin > tolerated_ms:
            yield Lie(slot, state, begin, end)
