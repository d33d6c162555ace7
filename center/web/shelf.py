"""The figures of months, as `days build` has laid or `days freeze` frozen them, read in the background.

No request waits for them: until they are read, and where they are not built, the page says so. What a figure is, is
decided elsewhere; they are those of `days show` and `assessment --days`.
"""

import json
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from center.days.build import rules_text
from center.days.engine import Assessed, Row, assess, month
from center.days.final import Final, newest
from center.placing import alone, placed
from center.rate import Rules, month_span
from center.readings import Rule
from contract.problems import Told, Words

RETRY_S = 10.0
MONTHS = 4
"""So many are kept in memory; of a province of 18,000 units each is some 100 MB."""


class Figures(NamedTuple):
    """`until_ms`: the end of what they are of. `final`: None while provisional."""

    month: str
    until_ms: int
    final: Final | None
    assessed: tuple[Assessed, ...]
    rows: dict[tuple[str, str, str], Row]
    """By level, key and kind of unit ("": all)."""

    def row(self, level: str, key: str, kind: str = "") -> Row | None:
        return self.rows.get((level, key, kind))


class Missing(NamedTuple):
    """Why there are none. `command`: what makes them, "" where they are being read."""

    words: Words
    command: str = ""


class Policied(NamedTuple):
    rules: Rules
    rule: Rule
    digest: str


Stamp = tuple[str, ...]
"""What lies in a month's folder, as far as its figures hang on it."""


class Kept(NamedTuple):
    """`again_s`: when it is read again though nothing has changed, by the monotonic clock."""

    stamp: Stamp
    found: Figures | Missing
    again_s: float = float("inf")


class Shelf:
    """`days`: the folder of `days build --out`, None where none was named."""

    def __init__(self, days: Path | None, policied: Policied) -> None:
        self._days = days
        self._policied = policied
        self._kept: dict[str, Kept] = {}
        self._finals: dict[str, tuple[Stamp, Final | None]] = {}
        self._read: set[str] = set()
        self._lock = threading.Lock()
        self._reader = ThreadPoolExecutor(1, "figures")

    def figures(self, name: str) -> Figures | Missing:
        """The newest that are read. What changed in the folder is read meanwhile."""
        if self._days is None:
            return Missing(
                Words(
                    "the pages were started without --days: there are no figures of months", "网页启动时未指定 --days"
                ),
                f"canteen-center web --days FOLDER; canteen-center days build --out FOLDER --month {name}",
            )
        stamp = _stamp(self._days / name)
        if not stamp:
            return unbuilt(name, self._days)
        with self._lock:
            before = self._kept.get(name)
            if before and before.stamp == stamp and time.monotonic() < before.again_s:
                self._kept[name] = self._kept.pop(name)  # looked at last
                return before.found
            if name not in self._read:
                self._read.add(name)
                self._reader.submit(self._take, name, stamp)
        if before:
            return before.found
        return Missing(Words("the figures are being read: look again in a minute", "数字正在读取，请一分钟后刷新"))

    def final(self, name: str) -> Final | None:
        """A month's document, with its rows above the units; None where it is not final, or not by this policy."""
        stamp = _stamp(self._days / name) if self._days else ()
        before = self._finals.get(name)
        if before is None or before[0] != stamp:
            try:
                found = newest(self._days / name) if self._days and stamp else None
            except Told:  # damaged: whoever asks for that month is told so
                found = None
            mine = found if found and found.policy == self._policied.digest else None
            before = self._finals[name] = (stamp, mine)
        return before[1]

    def close(self) -> None:
        self._reader.shutdown(cancel_futures=True)

    def _take(self, name: str, stamp: Stamp) -> None:
        days = self._days or Path()
        try:
            _quiet(days / name, stamp)
            found = _figures(days, name, self._policied)
            _quiet(days / name, stamp)
            kept = Kept(stamp, found)
        except Told as told:
            kept = Kept(stamp, Missing(told.words, _build(name, days)), time.monotonic() + RETRY_S)
        with self._lock:
            self._read.discard(name)
            before = self._kept.pop(name, None)
            if isinstance(kept.found, Missing) and before and isinstance(before.found, Figures):
                kept = before  # being laid anew: what was read stays until that is done
            self._kept[name] = kept
            while len(self._kept) > MONTHS:
                del self._kept[next(iter(self._kept))]


def unbuilt(name: str, days: Path) -> Missing:
    words = Words(f"the figures of {name} are not built yet", f"{name} 的月度数字尚未生成")
    return Missing(words, _build(name, days))


def _build(name: str, days: Path) -> str:
    return f"canteen-center days build --out {days} --month {name}"


def _quiet(home: Path, stamp: Stamp) -> None:
    """Raises Told while somebody lays the month, or where that was done since. Nobody who wants to is kept from it:
    a province takes minutes to read, so it is read without holding its lock, between two looks.
    """
    with placed(home, "--days"), alone(home, reading=True):
        pass
    if _stamp(home) != stamp:
        raise Told("the month is being laid anew", "该月正在重新生成")


def _stamp(home: Path) -> Stamp:
    """() where nothing of the month is."""
    try:
        names = sorted(file.name for file in home.glob("final-*.json"))
        there = (home / "now" / "laid.json").stat()
    except OSError:
        return ()
    return (*names, str(there.st_mtime_ns), str(there.st_ino))


def _figures(days: Path, name: str, policied: Policied) -> Figures:
    """Raises Told: another one is writing there, damaged, laid by other rules or an older version."""
    home, whole = days / name, month_span(name)
    with placed(days, "--days"):
        final = newest(home)
        folder = home / (f"final-{final.number}" if final else "now")
        until = whole[1] if final else min(whole[1], _laid(folder / "laid.json", policied.rules))
        if final and final.policy != policied.digest:
            raise Told(f"{name} is final under another policy", f"{name} 按另一办法定稿")
        span = (whole[0], until)
        rows: Sequence[Row] = month(folder, span, policied.rules, policied.rule)
        if final:
            rows = [*(row for row in rows if row.level in ("unit", "slot")), *final.rows]
        assessed = assess(folder, span, policied.rules, policied.rule)
    return Figures(name, until, final, tuple(assessed), {(row.level, row.key, row.kind): row for row in rows})


def _laid(file: Path, rules: Rules) -> int:
    """The end of what is laid, UTC ms."""
    try:
        mark = json.loads(file.read_text("utf-8"))
        end, told = int(mark["end"]), mark["rules"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Told(f"{file} cannot be read", f"{file} 无法读取") from error
    if told != rules_text(rules):
        raise Told("the folder was laid by another policy", "文件夹按另一办法生成")
    return end
