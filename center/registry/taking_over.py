"""Takes sheets over into the registry: all of it or nothing, every change on record with the person who made it."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, BinaryIO, NamedTuple

from center.rate import local
from center.registry import whole
from center.registry.problems import Findings, Place, Problem, Unfit
from center.registry.reading import Known, Reading
from center.registry.sheets import ALL
from center.registry.source import Progress, tables
from center.registry.tree import Tree, regions_of
from center.store import Store
from center.store.registered import TABLES
from center.store.registrar import ADDED, CHANGED, Changed, Clash, Counts, Registrar
from contract.policy import Policy
from contract.regions import Regions

CHUNK = 1 << 20
_KEYS = {name: len(table.primary_key.columns) for name, table in TABLES.items()}


class Order(NamedTuple):
    """`regions`: taken over before the sheets are read; None: those of the database. `correct`: where a file puts
    something that is registered elsewhere, the registry was wrong, of the past too. `keep`: False for a dry run.
    """

    by: str
    now_ms: int
    policy: Policy
    regions: Regions | None = None
    correct: bool = False
    keep: bool = True


class File(NamedTuple):
    """One file of a registry, open for reading."""

    name: str
    data: BinaryIO


class Summary(NamedTuple):
    """Of each table that the files speak of: counts, and the first rows that are added and changed."""

    counts: dict[str, Counts]
    added: dict[str, list[Changed]]
    changed: dict[str, list[Changed]]
    warnings: list[Problem]

    @property
    def total(self) -> Counts:
        return Counts(*(sum(numbers) for numbers in zip(Counts(), *self.counts.values(), strict=True)))


class _Undo(Exception):
    """Ends a dry run's transaction."""


def quiet(done: int, of: int) -> None:
    """Shows no progress."""


def nothing_more(_: Registrar) -> None:
    """Writes nothing beside the registry."""


def take_over(
    store: Store,
    files: Sequence[File],
    order: Order,
    progress: Progress = quiet,
    also: Callable[[Registrar], None] = nothing_more,
) -> Summary:
    """Registers what the files say; the same files again change nothing. `also`: what is written in the same
    transaction, once all of it is fit. Raises Unfit, and what `also` raises.
    """
    findings = Findings()
    with store.registrar() as registrar:
        with registrar.staging():
            _stage(registrar, files, order, findings, progress)
            findings.judge()
        summary = Summary({}, {}, {}, findings.warnings)
        try:
            with registrar.writing():
                _write(registrar, files, order, findings, summary)
                if not order.keep:
                    raise _Undo
                also(registrar)
        except _Undo:
            pass
    return summary


def kinds(policy: Policy) -> dict[str, str]:
    """Every name of a kind of unit -> its id."""
    return {name.lower(): kind.id for kind in policy.kinds for name in (kind.id, kind.title.zh, kind.title.en)}


def _stage(registrar: Registrar, files: Sequence[File], order: Order, findings: Findings, progress: Progress) -> None:
    stage = _Stage(registrar)
    shipped = list(regions_of(order.regions)) if order.regions else []
    tree = Tree([*registrar.regions(), *shipped])
    today = f"{local(order.now_ms):%Y-%m-%d}"
    known = Known(tree, kinds(order.policy), today, registrar.addresses(), registrar.units())
    reading = Reading(known, findings, stage.put)
    for file in files:
        before, rows = reading.tables, stage.rows + len(reading.whole_units)
        try:
            for table in tables(file.data, findings, progress):
                reading.read(table)
        except Unfit as unfit:
            findings.take(unfit)
        if reading.tables == before and not findings.problems:
            findings.wrong(Place(), "no_header")
        elif stage.rows + len(reading.whole_units) == rows:
            findings.warn(Place(file.name), "no_rows")
    for region in shipped:
        if region.code not in reading.regions:  # what a sheet says of a place is newer
            stage.put("regions", "", 0, tuple(region))
    if not findings.problems:
        _address(registrar, reading, tree, stage)
        _expand(registrar, reading, findings, stage)
    for name, sheet, line, key in stage.doubles:
        registrar.flush(name)
        first = registrar.again(name, key)[0]
        findings.wrong(Place(sheet, line), "again", " ".join(str(part) for part in key[:1]), str(first))


class _Stage:
    """Hands rows on; a key that was there already is noted."""

    def __init__(self, registrar: Registrar) -> None:
        self._registrar = registrar
        self._seen: set[int] = set()
        self.rows = 0
        self.doubles: list[tuple[str, str, int, tuple[Any, ...]]] = []

    def put(self, table: str, sheet: str, line: int, row: tuple[Any, ...]) -> None:
        self.rows += 1
        if table != "bindings":  # theirs are looked for in the database: some have no time yet
            key = row[: _KEYS[table]]
            mark = hash((table, key))
            if mark in self._seen:
                self.doubles.append((table, sheet, line, key))
            self._seen.add(mark)
        self._registrar.put(table, (line, sheet, *row))


def _address(registrar: Registrar, reading: Reading, tree: Tree, stage: _Stage) -> None:
    """A gateway that nobody gave a city is addressed in that of the unit where it was first named."""
    if not reading.unaddressed:
        return
    registrar.flush("units")
    regions = registrar.unit_regions()
    for gateway, (sheet, line, unit) in reading.unaddressed.items():
        if unit in regions:
            stage.put("gateways", sheet, line, (gateway, 0, tree[regions[unit]].city, None, None))


def _expand(registrar: Registrar, reading: Reading, findings: Findings, stage: _Stage) -> None:
    """An exclusion of a unit is one of each position that is in service there then."""
    if not reading.whole_units:
        return
    registrar.flush("positions")
    there = registrar.positions_of({unit for _, _, unit, _ in reading.whole_units})
    for sheet, line, unit, (begin, end, *rest) in reading.whole_units:
        of_it = (row[1:] for row in there if row[0] == unit)
        mine = sorted(
            {one for one, since, until in of_it if since < max(end, begin + 1) and (until or end + 1) > begin}
        )
        for position in mine:
            stage.put("exclusions", sheet, line, (position, begin, end, *rest))
        if not mine:
            findings.wrong(Place(sheet, line), "nobody", unit)


# ---- within the transaction ---------------------------------------------------------------------


def _write(registrar: Registrar, files: Sequence[File], order: Order, findings: Findings, summary: Summary) -> None:
    _clashes(findings, "bound", registrar.bind())
    if registrar.staged["bindings"]:
        _clashes(findings, "again", registrar.doubled("bindings"))
    findings.judge()
    for name in TABLES:
        counts = registrar.compare(name)
        if counts != Counts():
            summary.counts[name] = counts
            summary.added[name] = registrar.first(name, ADDED)
            summary.changed[name] = registrar.first(name, CHANGED)
            if not order.correct:
                _clashes(findings, "moved", registrar.moves(name))
    findings.judge()
    differing = [name for name, counts in summary.counts.items() if counts.added or counts.changed]
    if not differing:
        return
    source = ", ".join(file.name for file in files)
    number = registrar.begin_import(order.now_ms, order.by, source, _digest(files), summary.total)
    for name in differing:
        registrar.write(name, number)
    for problem in whole.problems(registrar, set(differing), order.policy):
        findings.wrong(*problem[:2], *problem.words)
    findings.judge()


def _clashes(findings: Findings, name: str, clashes: list[Clash]) -> None:
    for clash in clashes:
        findings.wrong(Place(clash.sheet, clash.line), name, *(str(word) for word in clash.words))


def _digest(files: Sequence[File]) -> str:
    digest = hashlib.sha256()
    for file in files:
        file.data.seek(0)
        while chunk := file.data.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


# ---- for people ---------------------------------------------------------------------------------


def titles() -> dict[str, tuple[str, str]]:
    """Table -> its name in Chinese and English."""
    return {sheet.name: (sheet.zh, sheet.name) for sheet in ALL}


def fields(changed: Changed) -> Iterator[tuple[str, Any, Any]]:
    """(column, before, after) of what differs."""
    return ((name, changed.before[name], now) for name, now in changed.after.items() if changed.before[name] != now)
