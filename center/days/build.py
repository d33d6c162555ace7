"""Lays a month's spans, and what they are read with, as Parquet for each city and day, from the facts and the registry.

Of a gateway that was not heard since a day before the end of what is laid, and that nothing came of later, nothing is
worked out again; of any other, the days that differ are laid anew. What an On span is, is decided elsewhere.
"""

import gc
import json
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

from center.days.beside import Asked, away, heard, opinions, registry
from center.days.engine import opened
from center.days.merge import Fresh, Laid, merge
from center.history import Uptime, recall
from center.intervals import Span, difference, intersection
from center.model import Bound
from center.rate import Rules, local, month_of, month_span
from center.readings import DAY_MS
from center.report import Heard, When, together, withdrawn
from center.store import Reader, Store

GATEWAYS_AT_ONCE = 200
ALONE = 500
"""So few gateways are not worth a second process."""


class Built(NamedTuple):
    """Days of cities that were laid anew, and those left as they were; the gateways that were gone through."""

    written: int
    unchanged: int
    gateways: int


FORM = 4
"""Of what is laid: a folder of another form is laid anew."""


class Mark(NamedTuple):
    """What a folder was laid from. `generation`: what came later is of this one or a later one. `end`: of its span."""

    generation: int
    registry: int
    rules: str
    begin: int
    form: int
    end: int


class Task(NamedTuple):
    """What every process knows. `heard`: gateways that something came of, None for all; `moved`: positions, as well."""

    database: str
    folder: Path
    span: Span
    rules: Rules
    heard: frozenset[str] | None
    moved: frozenset[str]
    cities: dict[str, str]
    """Of each gateway."""
    before: Path | None
    """The month before as it is laid, if it is, by the same rules."""


def build(
    store: Store, folder: Path, span: Span, rules: Rules, *, whole: bool = False, processes: int | None = None
) -> Built:
    """`span`: from a local midnight to another, or to now. `whole`: everything is worked out again."""
    with store.write() as tx:  # what comes while we read is of the next one: it is gone through again next time
        generation = tx.next_generation()
    before = None if whole else _laid_from(folder)
    with store.read() as reader:
        mark = Mark(generation, reader.registry_version(), rules_text(rules), span[0], FORM, span[1])
        names = sorted(set(reader.addresses().values()))
        with opened() as connection:
            if before is None or mark.registry != before.registry:
                registry(connection, reader, folder)
            away(connection, reader, folder, names, span)
            opinions(connection, reader, folder, span)
        same = before and before._replace(generation=generation, registry=mark.registry, end=mark.end) == mark
        moved = reader.moved_since(before.registry) if before and same else frozenset[str]()
        heard = None
        if before and same:  # what was known of the time near the end before, and after it, was not laid then
            heard = frozenset(reader.heard_since(before.generation) | reader.heard_after(before.end - DAY_MS))
        task = Task(store.where, folder, span, rules, heard, moved, reader.addresses(), _month_before(folder, mark))
    count = len(task.cities) if heard is None else len(heard)
    most = min(processes or os.cpu_count() or 1, len(names))
    if most < 2 or count < ALONE:
        parts = [_city(store, task, name) for name in names]
    else:
        with ProcessPoolExecutor(most, get_context("spawn"), _begin, (task,)) as pool:
            parts = list(pool.map(_one, names))
    _forget(folder, set(names), span)
    _file(folder).write_text(json.dumps(mark._asdict()), "utf-8")
    days = len(names) * len(range(span[0], span[1], DAY_MS))
    written = sum(part.written for part in parts)
    return Built(written, days - written, sum(part.gateways for part in parts))


def rules_text(rules: Rules) -> str:
    """The same in every process: a set tells its members in another order in each."""
    return repr(rules._replace(kinds=tuple(sorted(rules.kinds))))  # type: ignore[arg-type]


def _file(folder: Path) -> Path:
    return folder / "laid.json"


def _laid_from(folder: Path) -> Mark | None:
    try:
        mark = Mark(**json.loads(_file(folder).read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return mark if mark.form == FORM else None


def _month_before(folder: Path, mark: Mark) -> Path | None:
    """Where months stand side by side, each with what is laid now."""
    begin = month_span(month_of(mark.begin - 1))[0]
    beside = folder.parent.parent / month_of(begin) / folder.name
    laid = _laid_from(beside)
    return beside if laid and (laid.begin, laid.rules) == (begin, mark.rules) else None


# ---- processes ----------------------------------------------------------------------------------

_mine: list[tuple[Store, Task]] = []
"""Of this process."""


def _begin(task: Task) -> None:
    gc.disable()  # nothing here goes round in circles, and looking for that costs as much as the reading
    _mine.append((Store(task.database, create=False), task))


def _one(city: str) -> Laid:
    laid = _city(*_mine[0], city)
    gc.collect()
    return laid


def _city(store: Store, task: Task, city: str) -> Laid:
    """What is heard in this city now: a gateway, and all positions that are heard there last, after the other."""
    part = task.folder / "spans" / city
    part.mkdir(parents=True, exist_ok=True)
    with store.read() as reader, opened(threads=1) as connection:
        places: dict[str, list[tuple[str, tuple[Bound, ...]]]] = {}
        for position, bounds in reader.bounds_in(city):
            if bounds and task.cities.get(bounds[-1].gateway) == city:
                places.setdefault(bounds[-1].gateway, []).append((position, bounds))
        chosen = sorted(gateway for gateway, its in places.items() if _differs(its, task))
        with Fresh(part, task.span, whole=task.heard is None) as fresh:
            for position in task.moved:
                fresh.gone(position)
            up = Uptime(reader)
            for i in range(0, len(chosen), GATEWAYS_AT_ONCE):
                some = {gateway: places[gateway] for gateway in chosen[i : i + GATEWAYS_AT_ONCE]}
                for gateway, rows in _told(reader, some, up, task):
                    fresh.add(gateway, [position for position, _ in some[gateway]], rows)
            laid = merge(connection, fresh)
        every = [bound for its in places.values() for bound in its]
        heard(connection, reader, part, every, up, Asked(city, task.span, task.rules, task.cities, task.before))
        return laid


def _differs(places: Sequence[tuple[str, tuple[Bound, ...]]], task: Task) -> bool:
    if task.heard is None:
        return True
    return any(
        position in task.moved or any(bound.gateway in task.heard for bound in bounds) for position, bounds in places
    )


Row = tuple[str, str, int, int]
"""(position, state, from, to)."""


def _told(
    reader: Reader, some: dict[str, list[tuple[str, tuple[Bound, ...]]]], up: Uptime, task: Task
) -> Iterator[tuple[str, list[Row]]]:
    """dark: told on while nothing was heard of its gateway. withdrawn: that its gateway itself contradicts."""
    span, when = task.span, When("", task.span, task.span[1], live=False)
    gateways = sorted({bound.gateway for its in some.values() for _, bounds in its for bound in bounds})
    boxes = {
        gateway: Heard(past, up[task.cities.get(gateway, "")], when, task.rules)
        for gateway, past in recall(reader, gateways, span).items()
    }
    for gateway, its in some.items():
        rows: list[Row] = []
        for position, bounds in its:
            known, silence = together(bounds, boxes)
            lit, dark = difference(known.on, silence), intersection(known.on, silence)
            gone = withdrawn(bounds, boxes)
            for state, spans in (("on", lit), ("off", known.off), ("dark", dark), ("withdrawn", gone)):
                rows += ((position, state, begin, end) for begin, end in intersection(spans, (span,)))
        yield gateway, rows


def _forget(folder: Path, parts: set[str], span: Span) -> None:
    """Days of cities that nothing is heard in any more: what was heard there counts where it is heard now."""
    days = {f"{local(begin):%Y-%m-%d}" for begin in range(span[0], span[1], DAY_MS)}
    for file in (folder / "spans").glob("*/*.parquet"):
        if file.parent.name not in parts and file.stem in days:
            file.unlink()
    for file in (folder / "heard").glob("*.parquet"):
        if file.stem not in parts:
            file.unlink()
