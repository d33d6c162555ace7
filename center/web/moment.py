"""How everything stands now: what `offline` lists, and the units, read once for all who look within some seconds."""

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable
from typing import Any, NamedTuple, TypeVar, cast

from center.absent import STATES, Absent, absent
from center.rate import Count, Rules
from center.registry.tree import Tree
from center.store import Store
from center.store.lists import UnitRow

T = TypeVar("T")
FRESH_MS, TIMES = 15_000, 10
"""It is read anew after so long, and not before so many times what reading took: a large province stays readable."""
OF_GATEWAY = frozenset({"silent", "left", "never", "restarted"})
"""Causes that lie with a gateway: all its cameras are one line."""


class Cause(NamedTuple):
    """Positions of one unit that are not online for one cause. `since_ms`: of the first of them."""

    first: Absent
    positions: tuple[Absent, ...]
    since_ms: int


class Moment(NamedTuple):
    """`heard_ms`: until when the center last heard, 0 for never; `heard`: gateway -> its last sign of life. `kept`:
    see `once`.
    """

    at_ms: int
    tree: Tree
    absent: tuple[Absent, ...]
    units: dict[str, UnitRow]
    heard_ms: int
    heard: dict[str, int]
    kept: dict[Hashable, Any]

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """What many ask of one moment is worked out for the first of them."""
        if key not in self.kept:
            self.kept[key] = make()
        return cast("T", self.kept[key])

    def absent_at(self, unit: str) -> list[Absent]:
        """In the order of all; the caller keeps them as they are."""

        def found() -> dict[str, list[Absent]]:
            its: dict[str, list[Absent]] = defaultdict(list)
            for one in self.absent:
                its[one.unit].append(one)
            return dict(its)

        return self.once("absent", found).get(unit, [])

    def absent_in(self, code: str) -> list[Absent]:
        """In the order of all; the caller keeps them as they are."""

        def found() -> list[Absent]:
            within = self._regions_in(code)
            return [one for one in self.absent if one.region in within]

        return self.once(("absent", code), found)

    def units_in(self, code: str) -> list[UnitRow]:
        """By their ids; the caller keeps them as they are."""

        def found() -> list[UnitRow]:
            within = self._regions_in(code)
            return [one for one in self.units.values() if one.region in within]

        return self.once(("units", code), found)

    def standing(self, code: str) -> Count:
        return self.once(("standing", code), lambda: counted(self.units_in(code), self.absent_in(code)))

    def _regions_in(self, code: str) -> set[str]:
        """Of those that units lie in: they are some hundred, of tens of thousands of units."""
        every = self.once("regions", lambda: {one.region for one in self.units.values()})
        return {one for one in every if code in self.tree.chain(one)}


def counted(units: Iterable[UnitRow], absents: Iterable[Absent]) -> Count:
    """Every position in service is online or absent."""
    registered = sum(unit.positions for unit in units)
    by = Counter(one.state for one in absents)
    return Count(registered, registered - sum(by.values()), *(by[state] for state in STATES))


def causes(absents: Iterable[Absent]) -> list[Cause]:
    """One line for each cause: a dark gateway is one, not one for each camera. In the order of the first of each."""
    lines: dict[tuple[str, ...], list[Absent]] = defaultdict(list)
    for one in absents:
        lines[one.unit, one.state, one.cause, one.gateway if one.cause in OF_GATEWAY else ""].append(one)
    return [Cause(its[0], tuple(its), min(one.since_ms for one in its)) for its in lines.values()]


class Moments:
    """Gives the newest; one request reads it anew when it is too old, the others meanwhile get the one before."""

    def __init__(self, store: Store, rules: Rules, clock_ms: Callable[[], int], fresh_ms: int = FRESH_MS) -> None:
        self._store = store
        self._rules = rules
        self._clock_ms = clock_ms
        self._fresh_ms = fresh_ms
        self._reading = threading.Lock()
        self._kept: Moment | None = None
        self._again_s = 0.0

    def now(self) -> Moment:
        kept = self._kept
        if kept and time.monotonic() < self._again_s:
            return kept
        if not self._reading.acquire(blocking=kept is None or self._fresh_ms == 0):
            return kept or self.now()
        try:
            if self._kept is kept:
                began = time.monotonic()
                self._kept = self._read()
                took = time.monotonic() - began
                self._again_s = time.monotonic() + (max(self._fresh_ms / 1000, TIMES * took) if self._fresh_ms else 0)
            return self._kept or self._read()
        finally:
            self._reading.release()

    def _read(self) -> Moment:
        now, rules = self._clock_ms(), self._rules
        with self._store.read() as reader:
            found = absent(reader, now, rules)
            units = {row.unit: row for row in reader.units_now(now, rules.kinds)}
            return Moment(
                now,
                Tree(reader.regions()),
                tuple(found),
                units,
                max(reader.heard_to().values(), default=0),
                reader.boxes_heard(),
                {},
            )
