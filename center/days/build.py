"""Lays a month's spans, and what they are read with, as Parquet for each city and day, from the facts and the registry.

A day of a city whose spans are as they were is left alone. What an On span is, is decided elsewhere.
"""

import csv
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from center.days.engine import SPANS, TABLES, opened, to_parquet, write
from center.intervals import Intervals, Span, difference, intersection
from center.model import Position
from center.rate import Rules, local
from center.readings import DAY_MS
from center.registry.tree import Tree
from center.report import When, told
from center.store import Reader
from center.timeline import Known

NOWHERE = "none"
"""The part of positions that are heard nowhere: they have no spans."""


class Built(NamedTuple):
    """Days of a city that were laid anew, and those found as they were."""

    written: int
    unchanged: int


def build(reader: Reader, folder: Path, span: Span, rules: Rules) -> Built:
    """`span`: from a local midnight to another, or to now. Everything is laid that is known of it."""
    cities = reader.addresses()
    days: list[bool] = []
    names: set[str] = set()
    with opened() as connection:
        _registry(connection, reader, folder)
        part: _Part | None = None
        for position, known, silence in told(reader, When("", span, span[1], live=False), rules):
            city = cities.get(position.bounds[-1].gateway, NOWHERE) if position.bounds else NOWHERE
            if part is None or part.city != city:
                days += part.close(connection) if part else []
                part = _Part(folder / "spans", city, span)
                names.add(city)
            part.add(position, known, silence)
        days += part.close(connection) if part else []
    _forget(folder / "spans", names, span)
    return Built(sum(days), len(days) - sum(days))


class _Part:
    """One city's days, as CSV until they are whole."""

    def __init__(self, folder: Path, city: str, span: Span) -> None:
        self.city, self._span = city, span
        (folder / city).mkdir(parents=True, exist_ok=True)
        self._days = [_Day(folder / city, begin) for begin in range(span[0], span[1], DAY_MS)]

    def add(self, position: Position, known: Known, silence: Intervals) -> None:
        """dark: told on while nothing was heard of its gateway."""
        lit, dark = difference(known.on, silence), intersection(known.on, silence)
        for state, spans in (("on", lit), ("off", known.off), ("dark", dark)):
            for begin, end in intersection(spans, (self._span,)):
                self._cut(position.position, state, begin, end)

    def _cut(self, position: str, state: str, begin: int, end: int) -> None:
        """At every midnight."""
        number = (begin - self._span[0]) // DAY_MS
        while begin < end:
            midnight = min(end, self._span[0] + (number + 1) * DAY_MS)
            self._days[number].add(position, state, begin, midnight)
            begin, number = midnight, number + 1

    def close(self, connection: Any) -> list[bool]:
        """Whether each day was written."""
        return [day.close(connection) for day in self._days]


class _Day:
    """The file takes its name once it is whole; `.sha256` beside it tells what it was made of."""

    def __init__(self, folder: Path, begin: int) -> None:
        self._file = folder / f"{local(begin):%Y-%m-%d}.parquet"
        self._text = self._file.with_suffix(".csv.part")
        self._data = self._text.open("w", encoding="utf-8", newline="")
        self._table = csv.writer(self._data)

    def add(self, position: str, state: str, begin: int, end: int) -> None:
        self._table.writerow((position, state, begin, end))

    def close(self, connection: Any) -> bool:
        self._data.close()
        digest = hashlib.sha256(self._text.read_bytes()).hexdigest()
        mark = self._file.with_suffix(".sha256")
        same = self._file.exists() and mark.exists() and mark.read_text() == digest
        if not same:
            mark.unlink(missing_ok=True)
            to_parquet(connection, self._text, self._file, SPANS)
            mark.write_text(digest)
        self._text.unlink()
        return not same


def _forget(folder: Path, parts: set[str], span: Span) -> None:
    """Days of cities that nothing is heard in any more: what was heard there counts where it is heard now."""
    days = {f"{local(begin):%Y-%m-%d}" for begin in range(span[0], span[1], DAY_MS)}
    for file in folder.glob("*/*.parquet"):
        if file.parent.name not in parts and file.stem in days:
            file.unlink()
            file.with_suffix(".sha256").unlink(missing_ok=True)


# ---- what the spans are read with ---------------------------------------------------------------


def _registry(connection: Any, reader: Reader, folder: Path) -> None:
    tree = Tree(reader.regions())
    positions = reader.positions()
    write(connection, folder / "places.parquet", TABLES["places"], _places(positions, tree))
    regions = {piece.region for position in positions for piece in position.pieces}
    write(connection, folder / "ancestors.parquet", TABLES["ancestors"], _ancestors(regions, tree))
    calendars = [(scope, kind, *entry) for scope, kind, entry in reader.calendars()]
    write(connection, folder / "calendars.parquet", TABLES["calendars"], calendars)
    excluded = [(row[0], row[1], row[2], row[3]) for row in reader.registered("exclusions")]
    write(connection, folder / "exclusions.parquet", TABLES["exclusions"], excluded)


def _places(positions: list[Position], tree: Tree) -> Iterator[tuple[Any, ...]]:
    for position in positions:
        for number, piece in enumerate(position.pieces):
            names = (piece.position, number, piece.zone, piece.unit, piece.unit_name, piece.kind)
            region, row, province = tree[piece.region], tree.row(piece.region), tree.province(piece.region)
            places = (region.code, region.name, row.code, row.name, province.code, province.name)
            yield (*names, *places, piece.since_ms, piece.until_ms)


def _ancestors(regions: set[str], tree: Tree) -> Iterator[tuple[str, str, int]]:
    for region in sorted(regions):
        code, rank = region, 1
        while code:
            yield region, code, rank
            code, rank = tree[code].parent, rank + 1
