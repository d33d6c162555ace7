"""From tables of cells to rows of the registry's tables, every cell checked.

What is registered already is known by name only.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, BinaryIO, NamedTuple

from center.registry import cells
from center.registry.cells import Parse, Value, narrow
from center.registry.problems import Findings, Place, Wrong, letters
from center.registry.sheets import READ, Column, Sheet
from center.registry.source import Row, Table, tables
from center.registry.tree import Region, Tree
from contract.messages import CITY_PATTERN, GATEWAY_PATTERN, SLOT_PATTERN
from contract.text import COMPUTED

HEADER_WITHIN = 10
"""A header stands in one of the first rows: titles and notes may stand above it."""
IGNORED = ("备注", "序号", "说明", "note", "notes", "no.", "remark", "remarks")
"""Columns that people add for themselves."""
CACHED = 50_000
LEVELS = {
    **{name: name for name in ("province", "city", "zone", "county", "former", "unlisted")},
    "省": "province",
    "省级": "province",
    "省辖市": "city",
    "示范区": "zone",
    "开发区": "zone",
    "区县": "county",
    "县": "county",
    "区": "county",
}
CAUSES = {"planned": "planned", "计划": "planned", "force_majeure": "force_majeure", "不可抗力": "force_majeure"}

_BLANK: dict[str, Value] = {"until": None, "since": 0, "number": 0}
"""What an empty cell means, where that is not the empty text."""

Put = Callable[[str, str, int, tuple[Value, ...]], None]
"""(table, sheet, line, row): one row for a table of the registry; None keeps what is registered."""


class Known(NamedTuple):
    """`kinds`: every name of a kind of unit -> its id. `today`: local day. `gateways`: registered -> city of the topic.
    `units`: registered ids.
    """

    tree: Tree
    kinds: dict[str, str]
    today: str
    gateways: dict[str, str]
    units: frozenset[str]


class Header(NamedTuple):
    """`at`: for each column of the sheet that stands there, where."""

    sheet: Sheet
    line: int
    at: dict[str, int]
    width: int


class Reading:
    """One import's files, one after the other. `unaddressed`: new gateway -> (sheet, line, unit) whose city is wanted;
    `whole_units`: exclusions of all positions of a unit.
    """

    def __init__(self, known: Known, findings: Findings, put: Put) -> None:
        self._known, self._findings, self._put = known, findings, put
        self._gateways = dict(known.gateways)
        self._units: dict[tuple[Value, ...], str] = {}
        self._told = set(known.units)
        self.unaddressed: dict[str, tuple[str, int, str]] = {}
        self.whole_units: list[tuple[str, int, str, tuple[Any, ...]]] = []
        self.tables = 0
        self.regions: set[str] = set()

    def read(self, table: Table) -> None:
        rows = iter(table.rows)
        header = self._header(table, rows)
        if header is None:
            return
        self.tables += 1
        plan = self._plan(header, raw=table.raw)
        take = self._taker(header.sheet)
        blanks: tuple[Value, ...] = (None,) * len(header.sheet.columns)
        positions = [header.sheet.columns.index(header.sheet.column(name)) for name in header.at]
        straight = positions == list(range(len(blanks))) and list(header.at.values()) == positions
        for line, values in _parsed(rows, plan, header, table, self._findings):
            if straight:
                take(table.name, line, values)
            else:
                whole = list(blanks)
                for index, value in zip(positions, values, strict=True):
                    whole[index] = value
                take(table.name, line, whole)

    # ---- the header

    def _header(self, table: Table, rows: Iterator[Row]) -> Header | None:
        best: tuple[int, Header | None, list[str]] = (0, None, [])
        seen = 0
        for line, texts in rows:
            seen += any(text.strip() for text in texts)
            names = [_name(text) for text in texts]
            found = max((_recognized(sheet, line, names) for sheet in READ), key=_fits)
            if len(found.at) > best[0]:
                best = (len(found.at), found, texts)
            if set(found.sheet.sign) <= set(found.at) or seen >= HEADER_WITHIN:
                break
        header = best[1]
        if header is None or len(header.at) < 2:
            self._no_header(table, seen)
            return None
        self._judge_header(table, header, best[2])
        return None if self._missing(table, header) else header

    def _no_header(self, table: Table, seen: int) -> None:
        if table.name:  # a workbook may hold sheets of other things
            if seen:
                self._findings.warn(Place(table.name), "other_sheet")
        else:
            self._findings.wrong(Place(table.name, 1 if seen else 0), "no_header" if seen else "empty_file")

    def _missing(self, table: Table, header: Header) -> bool:
        sheet, place = header.sheet, Place(table.name, header.line)
        missing = [c for c in sheet.columns if (c.required or c.name in sheet.sign) and c.name not in header.at]
        for column in missing:
            self._findings.wrong(place, "missing", f"{column.zh} ({column.name})", sheet.zh)
        return bool(missing)

    def _judge_header(self, table: Table, header: Header, texts: list[str]) -> None:
        used = set(header.at.values())
        first: dict[str, int] = {}
        for index, text in enumerate(texts):
            name = _name(text)
            place = Place(table.name, header.line, letters(index + table.left))
            if name and index not in used and name not in IGNORED:
                twice = _column(header.sheet, name) is not None
                self._findings.wrong(place, "twice" if twice else "unknown", repr(text.strip()[:40]))
            first.setdefault(name, index)

    # ---- the rows

    def _plan(self, header: Header, *, raw: bool) -> list[tuple[int, Parse]]:
        parsers = self._parsers()
        plan = []
        for name, index in header.at.items():
            column = header.sheet.column(name)
            parse = parsers[column.kind] if column.kind in parsers else parsers[column.kind.removesuffix("?")]
            blank = _BLANK.get(column.kind, "")
            required = column.required and not column.kind.endswith("?")
            plan.append((index, _cell(parse, blank, required=required, raw=raw, cached=name != "position")))
        return plan

    def _parsers(self) -> dict[str, Parse]:
        tree, today = self._known.tree, self._known.today
        return {
            "id": cells.identity,
            "text": cells.text_of(cells.MAX_TEXT, required=True),
            "optional": cells.text_of(cells.MAX_TEXT, required=False),
            "note": cells.text_of(cells.MAX_NOTE, required=True),
            "list": cells.listed,
            "region": lambda raw: tree.find(raw, today),
            "kind": cells.chosen(self._known.kinds),
            "level": cells.chosen(LEVELS),
            "cause": cells.chosen(CAUSES),
            "day": cells.day,
            "time": cells.moment,
            "until": cells.moment,
            "since": cells.moment,
            "telephone": cells.telephone,
            "national": cells.national,
            "gateway": cells.matching(GATEWAY_PATTERN),
            "slot": cells.matching(SLOT_PATTERN),
            "city": cells.matching(CITY_PATTERN),
            "weekdays": cells.weekdays,
            "hours": cells.hours,
            "number": _number,
        }

    def _taker(self, sheet: Sheet) -> Callable[[str, int, list[Value]], None]:
        takers = {"flat": self._flat, "positions": self._position, "exclusions": self._exclusion}
        takers |= {"regions": self._region, "units": self._unit, "gateways": self._gateway}
        return takers.get(sheet.name, lambda name, line, values: self._plain(sheet, name, line, values))

    def _plain(self, sheet: Sheet, name: str, line: int, values: list[Value]) -> None:
        self._put(sheet.table, name, line, _keyed(sheet, values))

    def _region(self, sheet: str, line: int, values: list[Value]) -> None:
        self._put("regions", sheet, line, tuple(values))
        self.regions.add(str(values[0]))
        *texts, place = values
        told = dict(zip(Region._fields, (str(text or "") for text in texts), strict=False))
        self._known.tree.add(Region(**told, place=int(place or 0)))

    def _unit(self, sheet: str, line: int, values: list[Value]) -> None:
        *given, since = values
        self._put("units", sheet, line, (given[0], since or 0, *given[1:]))

    def _gateway(self, sheet: str, line: int, values: list[Value]) -> None:
        values[1] = values[1] or 0
        self._gateways.setdefault(str(values[0]), str(values[2]))
        self.unaddressed.pop(str(values[0]), None)
        self._put("gateways", sheet, line, tuple(values))

    def _flat(self, sheet: str, line: int, values: list[Value]) -> None:
        """One row of the first version's table: its unit, its gateway, the position and where it is heard."""
        city, county, unit, kind, zone, slot, gateway, accepted, ended = values
        key = (city, county, unit, kind)
        of = self._units.get(key)
        if of is None:
            of = self._units[key] = self._flat_unit(sheet, line, str(city), str(county), str(unit), str(kind))
        if not of or not self._in_order(sheet, line, accepted, ended):
            return
        there = self._gateways.get(gateway)  # type: ignore[arg-type]
        if there is None:
            self._gateways[str(gateway)] = str(city)
            self._put("gateways", sheet, line, (gateway, 0, city, None, None))
        elif there != city:
            self._findings.wrong(Place(sheet, line), "cities", str(gateway), str(city), there)
            return
        position = f"{gateway}/{slot}"
        self._put("positions", sheet, line, (position, accepted, ended, of, zone, None, None))
        self._put("bindings", sheet, line, (position, accepted, gateway, slot))

    def _flat_unit(self, sheet: str, line: int, city: str, county: str, unit: str, kind: str) -> str:
        """The unit's id, "" if its place is wrong."""
        try:
            code = self._known.tree.find(county, self._known.today, city=city)
        except Wrong as wrong:
            self._findings.wrong(Place(sheet, line), wrong.name, "区县 (county)", *wrong.words)
            return ""
        of = flat_unit(city, code, unit, kind)
        if of not in self._told:
            self._told.add(of)
            self._put("units", sheet, line, (of, 0, unit, code, kind, *(None,) * 6))
        return of

    def _position(self, sheet: str, line: int, values: list[Value]) -> None:
        position, unit, zone, programme, gb_id, accepted, ended, gateway, slot, bound = values
        if not self._in_order(sheet, line, accepted, ended):
            return
        self._put("positions", sheet, line, (position, accepted, ended, unit, zone, programme, gb_id))
        if bool(gateway) != bool(slot):
            self._findings.wrong(Place(sheet, line), "pair")
        elif gateway:
            self._put("bindings", sheet, line, (position, bound, gateway, slot, accepted))
            if gateway not in self._gateways:
                self.unaddressed.setdefault(str(gateway), (sheet, line, str(unit)))

    def _in_order(self, sheet: str, line: int, accepted: Value, ended: Value) -> bool:
        if ended is not None and int(ended) < int(accepted or 0):
            self._findings.wrong(Place(sheet, line), "ended")
            return False
        return True

    def _exclusion(self, sheet: str, line: int, values: list[Value]) -> None:
        position, unit, begin, end, *rest = values
        if bool(position) == bool(unit):
            self._findings.wrong(Place(sheet, line), "whom")
        elif int(end or 0) < int(begin or 0):
            self._findings.wrong(Place(sheet, line), "backwards")
        elif position:
            self._put("exclusions", sheet, line, (position, begin, end, *rest))
        else:
            self.whole_units.append((sheet, line, str(unit), (begin, end, *rest)))


def flat_unit(city: str, region: str, name: str, kind: str) -> str:
    """The id of a unit that was registered without one, as a sheet gives it back."""
    return narrow(f"{city}/{region}/{name}/{kind}")


def _keyed(sheet: Sheet, values: list[Value]) -> tuple[Value, ...]:
    """What a row's key is made of is told by an absent column as by an empty cell."""
    keys: dict[str, Value] = {"kind": "", "weekdays": ""}
    given = zip(sheet.columns, values, strict=True)
    return tuple(keys.get(column.name) if value is None else value for column, value in given)


def _number(raw: str) -> int:
    text = narrow(raw)
    if (not text.isdecimal() and text) or len(text) > 6:
        raise Wrong("number", repr(raw[:40]))
    return int(text or 0)


def _name(text: str) -> str:
    """A header without the signs that mark it as required, and without what stands in brackets."""
    return narrow(text).partition("(")[0].strip(" *\ufeff").replace(" ", "").replace("\n", "").lower()


def _column(sheet: Sheet, name: str) -> Column | None:
    return next((c for c in sheet.columns if name in (c.name, c.zh, *c.also)), None) if name else None


def _recognized(sheet: Sheet, line: int, names: list[str]) -> Header:
    at: dict[str, int] = {}
    for index, name in enumerate(names):
        column = _column(sheet, name)
        if column and column.name not in at:
            at[column.name] = index
    return Header(sheet, line, at, len(names))


def _fits(header: Header) -> tuple[bool, int]:
    return set(header.sheet.sign) <= set(header.at), len(header.at)


def _cell(parse: Parse, blank: Value, *, required: bool, raw: bool, cached: bool) -> Parse:
    """`raw`: as a workbook has it, no formula hides in it. `cached`: its few values stand in many rows."""

    def checked(text: str) -> Value:
        if not raw and text[:1] in ("=", "'"):
            text = _unguarded(text)
        if not text or text.isspace():
            if required:
                raise Wrong("empty")
            return blank
        return parse(text)

    if not cached:
        return checked
    kept: dict[str, Value] = {}

    def remembered(text: str) -> Value:
        try:
            return kept[text]
        except KeyError:
            pass
        if len(kept) >= CACHED:
            kept.clear()
        value = kept[text] = checked(text)
        return value

    return remembered


def _unguarded(text: str) -> str:
    """A CSV's text that begins with = + - or @ is written behind an apostrophe: a spreadsheet would compute it."""
    if text.startswith("="):
        raise Wrong("formula")
    return text[1:] if text.lstrip("'")[:1] in COMPUTED else text


def _parsed(
    rows: Iterable[Row], plan: list[tuple[int, Parse]], header: Header, table: Table, findings: Findings
) -> Iterator[tuple[int, list[Value]]]:
    """(line, values) of each row without a mistake; the mistakes of the others are noted."""
    width = header.width
    for line, texts in rows:
        if len(texts) != width:
            if len(texts) > width and any(text.strip() for text in texts[width:]):
                findings.wrong(Place(table.name, line), "fields", str(len(texts)), str(width))
                continue
            if len(texts) < width and any(texts) and not table.raw:
                findings.wrong(Place(table.name, line), "fields", str(len(texts)), str(width))
                continue
        full = texts if len(texts) == width else (texts + [""] * width)[:width]
        try:
            yield line, [parse(full[index]) for index, parse in plan]
        except Wrong:
            if any(text.strip() for text in full):
                _note(line, full, plan, header, table, findings)


def _note(
    line: int, texts: list[str], plan: list[tuple[int, Parse]], header: Header, table: Table, findings: Findings
) -> None:
    columns = {index: header.sheet.column(name) for name, index in header.at.items()}
    for index, parse in plan:
        try:
            parse(texts[index])
        except Wrong as wrong:
            column = columns[index]
            place = Place(table.name, line, letters(index + table.left))
            findings.wrong(place, wrong.name, f"{column.zh} ({column.name})", *wrong.words)


def read(data: BinaryIO, known: Known, findings: Findings) -> list[tuple[str, str, int, tuple[Value, ...]]]:
    """(table, sheet, line, row) of all that stands in a file. Raises Unfit with every problem."""
    rows: list[tuple[str, str, int, tuple[Value, ...]]] = []
    reading = Reading(known, findings, lambda *row: rows.append(row))
    for table in tables(data, findings):
        reading.read(table)
    findings.judge()
    return rows
