"""From the store to figures for every level: pooled online rates and the count of this moment, for people and programs.

How time comes to be known, and what a rate is, is decided elsewhere; printing to a terminal is the command line's.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from center.calendar import Entry, Gap, windows
from center.devices import doubled
from center.history import Past, Uptime, recall
from center.intervals import Intervals, Span, difference, intersection, normal, union
from center.model import Bound, Piece, Position
from center.notary import judge
from center.rate import TOO_LATE_MS, Count, Figures, Rules, count, dark, lit, local, percent, service, state_at
from center.readings import NAMES, Readings, Rule, readings
from center.registry.tree import Tree
from center.store import Reader
from center.testimony import CONTRADICTION, claims_of
from center.timeline import History, Known, current

LEVELS: dict[str, Callable[[Tree, Piece], tuple[str, str]]] = {
    "province": lambda tree, p: tree.province(p.region)[:2],
    "city": lambda tree, p: tree.row(p.region)[:2],
    "county": lambda tree, p: tree[p.region][:2],
    "unit": lambda tree, p: (p.unit, p.unit_name),
    "slot": lambda tree, p: (p.position, p.zone or p.position),
}
"""Level -> (key, name) of the row that a position counts in while it is there. A city is a row of the bulletin."""
POSITIONS_AT_ONCE = 2000
SHIPPED = Rule()


class Row(NamedTuple):
    """One line of a report: a place at some level, its three readings and its counts."""

    key: str
    name: str
    readings: Readings = Readings()
    counts: Count = Count()

    @property
    def figures(self) -> Figures:
        return self.readings.time


class Report(NamedTuple):
    """Figures of [span) in UTC ms and counts at `moment`: rows of one level and their total."""

    month: str
    span: Span
    moment: int
    level: str
    rules: Rules
    rule: Rule
    rows: tuple[Row, ...]
    total: Row


class When(NamedTuple):
    """`span`: what is assessed. `live`: count what is newest now; else what is proven of `moment`, a past one."""

    month: str
    span: Span
    moment: int
    live: bool = True


def report(reader: Reader, when: When, level: str, rules: Rules, rule: Rule = SHIPPED) -> Report:
    """Counts every position of the registry that is in service, whether or not anything was ever heard of it."""
    tree = Tree(reader.regions())
    rows: dict[str, Row] = {}
    total = Row("", "")
    for parts in _positions(reader, tree, when, rules, rule):
        mine: dict[str, Row] = {}
        whole = Row("", "")
        for piece, its_readings, its_count in parts:
            key, name = LEVELS[level](tree, piece)
            mine[key] = _plus(mine.get(key, Row(key, name)), its_readings, its_count)
            whole = _plus(whole, its_readings, its_count)
        for key, row in mine.items():
            rows[key] = _plus(rows.get(key, Row(key, row.name)), _once(row.readings), row.counts)
        total = _plus(total, _once(whole.readings), whole.counts)
    listed = tuple(rows[key] for key in sorted(rows))
    return Report(when.month, when.span, when.moment, level, rules, rule, listed, total)


def _once(its: Readings) -> Readings:
    """A position is one, however many times of service it had."""
    return its._replace(time=its.time._replace(slots=min(its.time.slots, 1)))


def _plus(row: Row, its_readings: Readings, its_count: Count) -> Row:
    return row._replace(readings=row.readings.plus(its_readings), counts=row.counts.plus(its_count))


Part = tuple[Piece, Readings, Count]


def _positions(reader: Reader, tree: Tree, when: When, rules: Rules, rule: Rule) -> Iterator[list[Part]]:
    """The parts of one position after the other, each in one place."""
    hours = _Hours(reader, tree, when, rules)
    for position, heard in _heard(reader, when, rules):
        yield list(_parts(position, heard, hours, when, rules, rule))


def assessed(reader: Reader, when: When, rules: Rules) -> Iterator[list[tuple[Piece, Intervals, Known]]]:
    """Of one position after the other: each place it was in, E there, and what counts as known; dark is not online."""
    tree = Tree(reader.regions())
    hours = _Hours(reader, tree, when, rules)
    for position, heard in _heard(reader, when, rules):
        its_known, silence = together(position.bounds, heard)
        counted = lit(its_known, silence, rules)
        yield [
            (piece, e, counted)
            for piece in position.pieces
            if not rules.kinds or piece.kind in rules.kinds
            for e in (hours.assessed(piece, service(piece.since_ms, piece.until_ms, when.span)),)
            if e
        ]


def in_service(reader: Reader, when: When, rules: Rules) -> Iterator[list[tuple[Piece, Intervals]]]:
    """Of one position after the other: each place it was in, and E there. No fact is read."""
    hours = _Hours(reader, Tree(reader.regions()), when, rules)
    for position in reader.positions():
        yield [
            (piece, e)
            for piece in position.pieces
            if not rules.kinds or piece.kind in rules.kinds
            for e in (hours.assessed(piece, service(piece.since_ms, piece.until_ms, when.span)),)
            if e
        ]


def told(
    reader: Reader, when: When, rules: Rules, among: Sequence[str] | None = None
) -> Iterator[tuple[Position, Known, Intervals]]:
    """Every position (of these), city by city, with what is known of it within the span and when it was dark."""
    for position, heard in _heard(reader, when, rules, among):
        yield position, *together(position.bounds, heard)


class Life(NamedTuple):
    """One position within a span. `assessed`: E; `known`: what counts; `dark`: its gateway was silent; `withdrawn`:
    its gateway contradicted itself; `up`: the center could hear it.
    """

    position: Position
    assessed: Intervals
    known: Known
    dark: Intervals
    withdrawn: Intervals
    up: Intervals


def lives(reader: Reader, when: When, rules: Rules, among: Sequence[str]) -> Iterator[Life]:
    """Of these positions, by the same rules as the report. Raises Gap."""
    hours = _Hours(reader, Tree(reader.regions()), when, rules, among)
    for its, heard in _heard(reader, when, rules, among):
        known, silence = together(its.bounds, heard)
        e = union(
            *(
                hours.assessed(piece, service(piece.since_ms, piece.until_ms, when.span))
                for piece in its.pieces
                if not rules.kinds or piece.kind in rules.kinds
            )
        )
        up = union(*(heard[bound.gateway].hearable for bound in its.bounds))
        yield Life(its, e, lit(known, silence, rules), silence, withdrawn(its.bounds, heard), up)


def _heard(
    reader: Reader, when: When, rules: Rules, among: Sequence[str] | None = None
) -> Iterator[tuple[Position, dict[str, "Heard"]]]:
    """Every position, by the city that it is heard in now, with the gateways that it is or was heard at."""
    found, uptime = reader.positions(among), Uptime(reader)
    cities = reader.addresses(None if among is None else {bound.gateway for p in found for bound in p.bounds})
    found.sort(key=lambda p: cities.get(p.bounds[-1].gateway, "") if p.bounds else "")
    for i in range(0, len(found), POSITIONS_AT_ONCE):
        chunk = found[i : i + POSITIONS_AT_ONCE]
        gateways = sorted({bound.gateway for position in chunk for bound in position.bounds})
        heard = {
            gateway: Heard(past, uptime[cities.get(gateway, "")], when, rules)
            for gateway, past in recall(reader, gateways, when.span).items()
        }
        yield from ((position, heard) for position in chunk)


class _Hours:
    """When a position is assessed: the hours of its canteen's calendar, without what was approved to be left out."""

    def __init__(
        self, reader: Reader, tree: Tree, when: When, rules: Rules, among: Sequence[str] | None = None
    ) -> None:
        self._excluded = reader.excluded(when.span, among)
        self._span = when.span
        self._tree = tree
        self._windows: dict[tuple[str, str], Intervals] = {}
        self._entries: dict[tuple[str, str], list[Entry]] | None = None
        if rules.calendar:
            self._entries = defaultdict(list)
            for scope, kind, entry in reader.calendars():
                self._entries[scope, kind].append(entry)

    def assessed(self, piece: Piece, service: Intervals) -> Intervals:
        """Raises Gap where the calendar does not say."""
        if self._entries is not None and service:
            service = intersection(service, self._open(piece.unit, piece.region, piece.kind))
        excluded = self._excluded.get(piece.position)
        return difference(service, excluded) if excluded else service

    def _open(self, unit: str, region: str, kind: str) -> Intervals:
        """By its own calendar, else its county's, its city's, its province's; one of its kind before one of all."""
        entries = self._entries or {}
        code = region
        scopes = [unit]
        while code:
            scopes.append(code)
            code = self._tree[code].parent
        for scope in scopes:
            for of in (kind, ""):
                if (scope, of) in entries:
                    if (scope, of) not in self._windows:
                        self._windows[scope, of] = windows(scope, entries[scope, of], self._span)
                    return self._windows[scope, of]
        raise Gap(unit, f"{local(self._span[0]):%Y-%m-%d}")


class Heard:
    """What one gateway tells of its slots. `hearable`: when the center could hear it."""

    def __init__(self, past: Past, up: Intervals, when: When, rules: Rules) -> None:
        self.hearable = up
        up = union(up, past.testimony.up)
        judged = judge(past.testimony._replace(up=up), rules.dark_after_ms, rules.within_ms)
        self.known, self.silence, self.seen = dict(judged.known), dark(judged.life, up, rules), past.seen
        for slot, spans in doubled(past.twins, TOO_LATE_MS).items():  # the picture counts once
            its = self.known.get(slot, Known())
            self.known[slot] = Known(difference(its.on, spans), its.off)
        self.live = _live(past, judged.life, when.moment, rules) if when.live else {}
        self._contradicted = [(f.slot, (f.begin, f.end)) for f in judged.findings if f.code == CONTRADICTION]

    def contradicted(self, slot: str) -> Intervals:
        """What it told of this slot, or of all, and what its own word contradicts."""
        return normal(span for its, span in self._contradicted if its in (slot, ""))


def _parts(
    position: Position, heard: dict[str, Heard], hours: "_Hours", when: When, rules: Rules, rule: Rule
) -> Iterator[Part]:
    its_known, silence = together(position.bounds, heard)
    state = _state(position, heard, its_known, when)
    counted = lit(its_known, silence, rules)
    seen = any(bound.slot in heard[bound.gateway].seen for bound in position.bounds if bound.gateway in heard)
    for piece in position.pieces:
        if rules.kinds and piece.kind not in rules.kinds:
            continue
        in_span = hours.assessed(piece, service(piece.since_ms, piece.until_ms, when.span))
        in_service = piece.since_ms <= when.moment and (piece.until_ms is None or when.moment < piece.until_ms)
        if in_span or in_service:
            its_count = count(state, seen=seen) if in_service else Count()
            yield piece, readings(in_span, in_span, counted, when.span, rule), its_count


def together(bounds: Iterable[Bound], heard: dict[str, Heard]) -> tuple[Known, Intervals]:
    """What is known of it, and when it was dark, of all boxes that it was heard at, each in its own time."""
    on, off, silent = [], [], []
    for bound in bounds:
        at = heard[bound.gateway]
        during = ((bound.since_ms, bound.until_ms or TOO_LATE_MS),)
        own = at.known.get(bound.slot, Known())
        on.append(intersection(own.on, during))
        off.append(intersection(own.off, during))
        silent.append(intersection(at.silence, during))
    return Known(union(*on), union(*off)), union(*silent)


def withdrawn(bounds: Iterable[Bound], heard: dict[str, Heard]) -> Intervals:
    """When a box that it was heard at contradicted itself: what that told online is unknown."""
    during = ((bound, ((bound.since_ms, bound.until_ms or TOO_LATE_MS),)) for bound in bounds)
    return union(*(intersection(heard[bound.gateway].contradicted(bound.slot), its) for bound, its in during))


def _state(position: Position, heard: dict[str, Heard], its_known: Known, when: When) -> str:
    if not when.live:
        return state_at(its_known, when.moment)
    now = [b for b in position.bounds if b.since_ms <= when.moment and (b.until_ms is None or when.moment < b.until_ms)]
    return heard[now[-1].gateway].live.get(now[-1].slot, "unknown") if now else "unknown"


def _live(past: Past, life: Intervals, now_ms: int, rules: Rules) -> dict[str, str]:
    """The newest states, unless the gateway said goodbye or has been silent for too long."""
    heard_ms = max((last for _, last in life), default=None)
    if past.left or heard_ms is None or now_ms - heard_ms > rules.dark_after_ms:
        return {}
    t = past.testimony
    claims = (*t.before, *(one.claim for one in t.closings), *claims_of(t.beats))
    return current(History(t.held, claims), past.session)


def standing(reader: Reader, now_ms: int, rules: Rules) -> Count:
    """This moment as it is kept, whatever the size of the province."""
    words = reader.standing(now_ms, now_ms - rules.dark_after_ms, rules.kinds)
    online, offline, never = (words.get(word, 0) for word in ("online", "offline", ""))
    every = sum(words.values())
    return Count(every, online, offline, every - online - offline - never, never)


# ---- for programs -------------------------------------------------------------------------------


def as_json(made: Report) -> dict[str, Any]:
    """What `rate --json` prints.

    {month, from, to, now, level, dark, rows: [row], total: row, point_in_time: {at, ...counts, share},
    readings: {time, days, spot: ratio}, deciding} with row = {key, name, slots, E_ms, on_ms, off_ms, unknown_ms, rate,
    evidence, upper, readings, point_in_time: counts} and ratio = {numerator, denominator, text}; times ISO 8601 in
    Asia/Shanghai; `to` is where a running month ends for now; text is rounded half up, never into a pass, and "n/a"
    where the denominator is 0; `rate` is that of the reading `time`.
    """
    begin, end = (local(ms).isoformat() for ms in made.span)
    now, total = local(made.moment).isoformat(), made.total
    return {
        "month": made.month,
        "from": begin,
        "to": end,
        "now": now,
        "level": made.level,
        "dark": made.rules.dark,
        "rows": [_row_json(row) for row in made.rows],
        "total": _row_json(total),
        "point_in_time": {
            "at": now,
            **total.counts._asdict(),
            "share": ratio(total.counts.online, total.counts.registered),
        },
        "readings": _ratios(total),
        "deciding": made.rule.deciding,
    }


def _ratios(row: Row) -> dict[str, Any]:
    return {name: ratio(*row.readings.ratio(name)) for name in NAMES}


def _row_json(row: Row) -> dict[str, Any]:
    f = row.figures
    return {
        "key": row.key,
        "name": row.name,
        "slots": f.slots,
        "E_ms": f.assessed,
        "on_ms": f.on,
        "off_ms": f.off,
        "unknown_ms": f.unknown,
        "rate": ratio(f.on, f.assessed),
        "evidence": ratio(f.assessed - f.unknown, f.assessed),
        "upper": ratio(f.on + f.unknown, f.assessed),
        "readings": _ratios(row),
        "point_in_time": row.counts._asdict(),
    }


def ratio(numerator: int, denominator: int) -> dict[str, Any]:
    return {"numerator": numerator, "denominator": denominator, "text": percent(numerator, denominator)}
