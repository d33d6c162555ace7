"""What a month's spans are read with: the registry, when the center itself could not hear, what was ever seen.

Derived as the spans are. What follows from it is the SQL's.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, zip_longest
from operator import attrgetter
from pathlib import Path
from typing import Any, NamedTuple

from center.days.engine import BESIDE, HEARD, TABLES, quoted, write
from center.history import Uptime, recall
from center.intervals import Span, difference, intersection, normal
from center.model import Bound, Position
from center.rate import Rules, lit, month_of, month_span
from center.registry.tree import Tree
from center.report import Heard, When, together
from center.store import Reader
from center.store.outside import Opinion

GATEWAYS_AT_ONCE = 200
OWN_UNITS = "省属学校"
"""The provincial level of the bulletin: what lies in the province itself."""


def registry(connection: Any, reader: Reader, folder: Path) -> None:
    tree = Tree(reader.regions())
    positions = reader.positions()
    write(connection, folder / "places.parquet", TABLES["places"], _places(positions, tree))
    regions = {piece.region for position in positions for piece in position.pieces}
    write(connection, folder / "ancestors.parquet", TABLES["ancestors"], _ancestors(regions, tree))
    calendars = [(scope, kind, *entry) for scope, kind, entry in reader.calendars()]
    write(connection, folder / "calendars.parquet", TABLES["calendars"], calendars)
    excluded = [(row[0], row[1], row[2], row[3]) for row in reader.registered("exclusions")]
    write(connection, folder / "exclusions.parquet", TABLES["exclusions"], excluded)
    write(connection, folder / "units.parquet", BESIDE["units"], _units(reader, tree))
    write(connection, folder / "rows.parquet", BESIDE["rows"], _rows(reader))


def _places(positions: list[Position], tree: Tree) -> Iterator[tuple[Any, ...]]:
    for position in positions:
        for number, piece in enumerate(position.pieces):
            names = (piece.position, number, piece.zone, piece.unit, piece.unit_name, piece.kind)
            yield (*names, *_place(piece.region, tree), piece.since_ms, piece.until_ms)


def _place(code: str, tree: Tree) -> tuple[str, ...]:
    region, row, province = tree[code], tree.row(code), tree.province(code)
    return (region.code, region.name, row.code, row.name, province.code, province.name)


def _ancestors(regions: set[str], tree: Tree) -> Iterator[tuple[str, str, int]]:
    for region in sorted(regions):
        code, rank = region, 1
        while code:
            yield region, code, rank
            code, rank = tree[code].parent, rank + 1


def _units(reader: Reader, tree: Tree) -> Iterator[tuple[Any, ...]]:
    """Without contact and telephone, which are nobody else's."""
    for unit, since, name, region, kind, _, begins, ends, zones, *_ in reader.registered("units"):
        yield (unit, since, name, kind, *_place(region, tree), begins, ends, zones)


def _rows(reader: Reader) -> Iterator[tuple[str, str, int]]:
    """In the order of the notice, then the provincial level."""
    regions = reader.regions()
    yield from ((region.code, region.name, region.place) for region in regions if region.place)
    last = max((region.place for region in regions), default=0)
    yield from ((region.code, OWN_UNITS, last + 1) for region in regions if region.kind == "province")


def away(connection: Any, reader: Reader, folder: Path, cities: Sequence[str], span: Span) -> None:
    """Of the whole month, so that it says the same of a running one tomorrow; E ends now."""
    up, whole = Uptime(reader), normal([month_span(month_of(span[0]))])
    rows = [(city, *gap) for city in cities for gap in difference(whole, up[city])]
    write(connection, folder / "away.parquet", BESIDE["away"], rows)


def opinions(connection: Any, reader: Reader, folder: Path, span: Span) -> None:
    """The platform's words of the month: each holds until its next one of that position, at most as long as it says."""
    begin, end = month_span(month_of(span[0]))
    write(connection, folder / "opinions.parquet", BESIDE["opinions"], _held(reader.opinions(begin, end), begin, end))


def _held(words: Iterable[Opinion], begin: int, end: int) -> Iterator[tuple[str, int, int, bool]]:
    for position, its in groupby(words, key=attrgetter("position")):
        listed = list(its)
        for one, after in zip_longest(listed, listed[1:]):
            until = min(one.until_ms, after.at_ms if after else end, end)
            since = max(one.at_ms, begin)
            if since < until:
                yield position, since, until, bool(one.online)


# ---- what was ever seen ---------------------------------------------------------------------------


class Asked(NamedTuple):
    """`cities`: of each gateway's topics. `before`: the month before as it is laid by the same rules, if it is."""

    city: str
    span: Span
    rules: Rules
    cities: dict[str, str]
    before: Path | None


def heard(
    connection: Any,
    reader: Reader,
    part: Path,
    bounds: Sequence[tuple[str, tuple[Bound, ...]]],
    up: Uptime,
    asked: Asked,
) -> None:
    """Of every position that is heard in this city: whether it was proven online once, until the span's end.

    The first time within the span, by the days that are laid; else the last ms before it, where it ever was: by what
    the month before says of it, else by the facts. So a month's first days are not a reason to read all of the past.
    """
    earlier, name = asked.span[0] - 1, f"{asked.city}.parquet"
    seen = _this_month(connection, part, asked.rules)
    known = _seen(connection, asked.before / "heard" / name) if asked.before else set()
    seen |= {position: earlier for position, _ in bounds if position in known and position not in seen}
    since = {position: its for position, its in bounds if position not in seen}
    seen |= dict.fromkeys(_before(reader, since, up, asked), earlier)
    rows = [(position, asked.city, seen.get(position)) for position, _ in bounds]
    write(connection, part.parent.parent / "heard" / name, HEARD, rows)


def _seen(connection: Any, file: Path) -> set[str]:
    if not file.exists():
        return set()
    told = f"SELECT position FROM read_parquet('{quoted(file)}') WHERE seen_ms IS NOT NULL"  # noqa: S608
    return {position for (position,) in connection.execute(told).fetchall()}


def _this_month(connection: Any, part: Path, rules: Rules) -> dict[str, int]:
    files = ", ".join(f"'{quoted(file)}'" for file in sorted(part.glob("*.parquet")))
    if not files:
        return {}
    states = "('on', 'dark')" if rules.dark == "local" else "('on')"
    told = f"FROM read_parquet([{files}]) WHERE state IN {states}"
    asked = f"SELECT position, min(from_ms) {told} GROUP BY position"
    return dict(connection.execute(asked).fetchall())


def _before(reader: Reader, bounds: dict[str, tuple[Bound, ...]], up: Uptime, asked: Asked) -> Iterator[str]:
    """Of all that is kept: a camera that was out of order all month was seen once all the same."""
    past = (reader.kept_from(), asked.span[0])
    when = When("", past, past[1], live=False)
    early = {position: its for position, its in bounds.items() if its[0].since_ms < past[1]}
    names = sorted(early, key=lambda position: early[position][-1].gateway)
    for i in range(0, len(names), GATEWAYS_AT_ONCE):
        chosen = names[i : i + GATEWAYS_AT_ONCE]
        gateways = sorted({bound.gateway for position in chosen for bound in early[position]})
        boxes = {
            gateway: Heard(told, up[asked.cities.get(gateway, "")], when, asked.rules)
            for gateway, told in recall(reader, gateways, past).items()
        }
        for position in chosen:
            known, silence = together(early[position], boxes)
            if intersection(lit(known, silence, asked.rules).on, (past,)):
                yield position
