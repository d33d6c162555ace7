"""From the store to figures for every level: pooled online rates and the count of this moment, for people and programs.

How time comes to be known, and what a rate is, is decided elsewhere; printing to a terminal is the command line's.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from center.history import Past, recall
from center.intervals import Intervals, Span, normal
from center.model import Slot
from center.rate import Count, Figures, Rules, count, dark, figures, local, percent, service, state_at
from center.store import Reader
from center.timeline import Known, current, known

LEVELS: dict[str, Callable[[Slot], tuple[str, str]]] = {
    "province": lambda s: (s.city[:2], s.city[:2]),
    "city": lambda s: (s.city, s.city),
    "county": lambda s: (f"{s.city}/{s.county}", s.county),
    "unit": lambda s: (f"{s.city}/{s.county}/{s.unit}/{s.kind}", s.unit),
    "slot": lambda s: (f"{s.gateway}/{s.slot}", s.zone or s.slot),
}
"""Level -> (key, name) of the row that a slot belongs to."""
GATEWAYS_AT_ONCE = 200


class Row(NamedTuple):
    key: str
    name: str
    figures: Figures = Figures()
    counts: Count = Count()


class Report(NamedTuple):
    """Figures of [span) in UTC ms and counts at `moment`: rows of one level and their total."""

    month: str
    span: Span
    moment: int
    level: str
    rules: Rules
    rows: tuple[Row, ...]
    total: Row


class When(NamedTuple):
    """`span`: what is assessed. `live`: count what is newest now; else what is proven of `moment`, a past one."""

    month: str
    span: Span
    moment: int
    live: bool = True


def report(reader: Reader, when: When, level: str, rules: Rules) -> Report:
    """Counts every slot of the registry that is in service, whether or not anything was ever heard of it."""
    rows: dict[str, Row] = {}
    total = Row("", "")
    for slot, its_figures, its_count in _slots(reader, when, rules):
        key, name = LEVELS[level](slot)
        rows[key] = _plus(rows.get(key, Row(key, name)), its_figures, its_count)
        total = _plus(total, its_figures, its_count)
    return Report(when.month, when.span, when.moment, level, rules, tuple(rows[key] for key in sorted(rows)), total)


def _plus(row: Row, its_figures: Figures, its_count: Count) -> Row:
    return row._replace(figures=row.figures.plus(its_figures), counts=row.counts.plus(its_count))


def _slots(reader: Reader, when: When, rules: Rules) -> Iterator[tuple[Slot, Figures, Count]]:
    uptime: dict[str, Intervals] = {}
    by_gateway: dict[str, list[Slot]] = defaultdict(list)
    for slot in reader.slots():
        by_gateway[slot.gateway].append(slot)
    for gateways in _chunks(sorted(by_gateway)):
        for gateway, past in recall(reader, gateways, when.span).items():
            city = by_gateway[gateway][0].city
            if city not in uptime:
                uptime[city] = reader.uptime(city)
            yield from _gateway(by_gateway[gateway], past, uptime[city], when, rules)


def _chunks(names: Sequence[str]) -> Iterator[Sequence[str]]:
    return (names[i : i + GATEWAYS_AT_ONCE] for i in range(0, len(names), GATEWAYS_AT_ONCE))


def _gateway(
    slots: Iterable[Slot], past: Past, uptime: Intervals, when: When, rules: Rules
) -> Iterator[tuple[Slot, Figures, Count]]:
    times = known(past.history)
    silence = dark(past.receipts, uptime, rules)
    states = _live(past, when.moment, rules) if when.live else {}
    for slot, periods in _periods(slots).items():
        its_known = times.get(slot.slot, Known())
        in_span = normal(part for since, until in periods for part in service(since, until, when.span))
        in_service = any(since <= when.moment and (until is None or when.moment < until) for since, until in periods)
        state = states.get(slot.slot, "unknown") if when.live else state_at(its_known, when.moment)
        its_count = count(state, seen=slot.slot in past.seen) if in_service else Count()
        if in_span or in_service:
            yield slot, figures(in_span, its_known, silence, rules), its_count


def _periods(slots: Iterable[Slot]) -> dict[Slot, list[tuple[int, int | None]]]:
    """(accepted, ended) of each position, which counts once wherever it was."""
    found: dict[Slot, list[tuple[int, int | None]]] = defaultdict(list)
    for slot in slots:
        found[slot._replace(accepted_ms=0, ended_ms=None)].append((slot.accepted_ms, slot.ended_ms))
    return found


def _live(past: Past, now_ms: int, rules: Rules) -> dict[str, str]:
    """The newest states, unless the gateway said goodbye or has been silent for too long."""
    heard_ms = past.receipts[-1][1] if past.receipts else None
    if past.left or heard_ms is None or now_ms - heard_ms > rules.dark_after_ms:
        return {}
    return current(past.history, past.session)


# ---- for programs -------------------------------------------------------------------------------


def as_json(made: Report) -> dict[str, Any]:
    """What `rate --json` prints.

    {month, from, to, now, level, dark, rows: [row], total: row, point_in_time: {at, ...counts, share},
    readings: {time: ratio}} with row = {key, name, slots, E_ms, on_ms, off_ms, unknown_ms, rate, evidence, upper,
    point_in_time: counts} and ratio = {numerator, denominator, text}; times ISO 8601 in Asia/Shanghai; `to` is where
    a running month ends for now; text is truncated, never rounded, and "n/a" where the denominator is 0.
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
        "readings": {"time": ratio(total.figures.on, total.figures.assessed)},
    }


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
        "point_in_time": row.counts._asdict(),
    }


def ratio(numerator: int, denominator: int) -> dict[str, Any]:
    return {"numerator": numerator, "denominator": denominator, "text": percent(numerator, denominator)}
