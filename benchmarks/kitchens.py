"""What thousands of honest gateways have told in some months, laid into a database as the intake would have laid it.

A gateway: ten cameras, some 210 transitions a month, every heartbeat of a minute in its stretch, a new boot every
three to five weeks. One in eight has its line cut for two hours each month. The last month is the same however many
lie before it.
"""

from collections.abc import Iterator, Sequence
from random import Random
from typing import Any, NamedTuple

import sqlalchemy as sa

from center.model import RunRow
from center.store import Store, bulk, schema, statements
from center.store.engine import address
from center.store.registered import bindings, gateways, positions, regions, units

SLOTS = tuple(f"k{i}" for i in range(10))
MINUTE, HOUR, DAY_MS = 60_000, 3_600_000, 86_400_000
OUTAGES = 10
"""Of a camera in a month: one in three days, as a transition of it and one back."""
CITIES = tuple(f"41{n:02d}" for n in range(1, 19))


class Rows(NamedTuple):
    """Of one gateway, for each table."""

    events: list[tuple[Any, ...]]
    beats: list[tuple[Any, ...]]
    anchors: list[tuple[Any, ...]]
    closings: list[tuple[Any, ...]]
    sessions: list[tuple[Any, ...]]
    runs: list[tuple[Any, ...]]


def name(number: int) -> str:
    return f"zz-school-{number:06d}"


def months_before(month: str, count: int) -> list[str]:
    """The last `count` months up to `month`, in order."""
    year, number = int(month[:4]), int(month[5:])
    back = [year * 12 + number - 1 - i for i in range(count)]
    return [f"{one // 12}-{one % 12 + 1:02d}" for one in reversed(back)]


def told(number: int, begin: int, end: int) -> Rows:
    """What the gateway of this number told in [begin, end) of UTC ms."""
    rows = Rows([], [], [], [], [], [])
    seq = 0
    for boot, start, stop in reversed(list(_boots(number, begin, end))):
        rnd = Random(f"{number} {boot}")
        cut = stop - 20 * DAY_MS + rnd.randrange(DAY_MS) if number % 8 == 5 else EVER
        seq = _run(rnd, Where(name(number), "j1", f"s{boot}", f"b{boot}"), (start, stop), cut, seq, rows)
    return rows


def _boots(number: int, begin: int, end: int) -> Iterator[tuple[int, int, int]]:
    """(number from the last, start, stop), the last first."""
    rnd = Random(number)
    boot, stop = 0, end
    while stop > begin:
        start = stop - rnd.randrange(21 * DAY_MS, 35 * DAY_MS)
        yield boot, max(start, begin), stop
        boot, stop = boot + 1, start - 95_000


EVER = 2**60


class Where(NamedTuple):
    gateway: str
    store: str
    session: str
    boot: str


def _run(rnd: Random, at: Where, span: tuple[int, int], cut: int, seq: int, rows: Rows) -> int:
    """One run in [start, stop) of UTC ms, its line cut for two hours from `cut` on; the last seq."""
    start, stop = span
    zero = start - rnd.randrange(20_000, 40_000)
    moves = sorted(_moves(rnd, span))
    moves = [(start + 1_500, slot, "online") for slot in SLOTS] + moves

    def heard(ms: int) -> int:
        return (ms if not cut <= ms < cut + 2 * HOUR else cut + 2 * HOUR) + rnd.randrange(20, 900)

    def event(ms: int, told_ms: int, kind: str, slot: str = "", state: str = "") -> int:
        nonlocal seq
        seq += 1
        key, payload = (at.gateway, at.store, seq, seq * 7919), b'{"seq":%d,"kind":"%s"}' % (seq, kind.encode())
        rows.events.append((*key, at.session, at.boot, kind, slot, state, ms - zero, told_ms, payload))
        return seq

    first = heard(start)
    event(start, first, "anchor")
    rows.anchors.append((at.gateway, at.store, seq, seq * 7919, at.boot, start - zero, start, 20, first))
    rows.sessions.append((at.gateway, at.session, stop, start, None, None, "1", at.store, at.boot, ""))
    states = dict.fromkeys(SLOTS, "unknown")
    beat = start + 3_000 + rnd.randrange(50_000)
    for (ms, slot, state), following in zip(moves, [*(m[0] for m in moves[1:]), EVER], strict=True):
        event(ms, heard(ms + 4_000), "transition", slot, state)
        states[slot] = state
        last = beat
        while last + MINUTE < min(following + 4_000, stop):
            last += MINUTE
        if beat < min(following + 4_000, stop):
            rows.beats.extend(_stretches(rnd, at, (beat, last), zero, seq, states, start - zero, cut))
            beat = last + MINUTE
    held = RunRow(*at, zero, stop, seq - len(moves), seq)
    rows.runs.append(tuple(held.rough()))
    return seq


def _moves(rnd: Random, span: tuple[int, int]) -> Iterator[tuple[int, str, str]]:
    """Each camera is gone for some minutes to hours, about once in three days."""
    start, stop = span
    for slot in SLOTS:
        at = start + 60_000
        while True:
            at += rnd.randrange(HOUR, 2 * 30 * DAY_MS // OUTAGES - 2 * HOUR)
            back = at + rnd.choice((4, 11, 45, 130, 400)) * MINUTE + rnd.randrange(MINUTE)
            if back >= stop:
                break
            yield at, slot, "offline"
            yield back, slot, "online"
            at = back


def _stretches(
    rnd: Random,
    at: Where,
    span: tuple[int, int],
    zero: int,
    seq: int,
    states: dict[str, str],
    since: int,
    cut: int,
) -> Iterator[tuple[Any, ...]]:
    """Heartbeats from the first to the last, none while the line is cut (a broker keeps them five minutes)."""
    first, last = span
    offline = ",".join(sorted(slot for slot, state in states.items() if state == "offline"))
    unknown = ",".join(sorted(slot for slot, state in states.items() if state == "unknown"))
    parts = [(first, last)]
    if first < cut + 2 * HOUR and last > cut:
        gone, back = (
            (cut - first) // MINUTE * MINUTE + first,
            (cut + 2 * HOUR - first) // MINUTE * MINUTE + MINUTE + first,
        )
        parts = [part for part in ((first, min(gone, last)), (max(back, first), last)) if part[0] <= part[1]]
    for begin, end in parts:
        delay = rnd.randrange(20, 900)
        words = (at.gateway, at.store, at.session, at.boot, since, seq, offline, unknown)
        late = (zero + delay) // MINUTE
        bounds = (begin + delay, end + rnd.randrange(20, 900), begin - zero, end - zero, end - zero - 2_000)
        yield (*words, late, 0, *bounds, zero + rnd.randrange(15, 25))


# ---- into a database ----------------------------------------------------------------------------


def lay(database: str, count: int, span: tuple[int, int]) -> int:
    """Registers `count` gateways and lays what they told in [from, to) of UTC ms; returns how many transitions."""
    store = Store(database)
    store.close()
    engine = sa.create_engine(address(database))
    transitions, at_once = 0, max(1, 200 * 31 * DAY_MS // (span[1] - span[0]))
    with engine.begin() as there:
        if engine.dialect.name == "sqlite":
            there.exec_driver_sql("PRAGMA synchronous=OFF")
        _register(there, count, span[0])
        there.execute(sa.insert(schema.uptime), {"cities": "", "from_ms": span[0], "to_ms": span[1]})
        for low in range(0, count, at_once):
            every = [told(number, *span) for number in range(low, min(low + at_once, count))]
            put(there, every)
            transitions += sum(len(one.events) - len(one.anchors) for one in every)
    engine.dispose()
    return transitions


def put(there: sa.Connection, every: Sequence[Rows]) -> None:
    for table, columns, several in (
        (schema.events, statements.EVENT, [row for one in every for row in one.events]),
        (schema.beats, statements.BEAT, [row for one in every for row in one.beats]),
        (schema.anchors, statements.ANCHOR, [row for one in every for row in one.anchors]),
        (schema.sessions, statements.SESSION, [row for one in every for row in one.sessions]),
        (schema.runs, statements.RUN, [row for one in every for row in one.runs]),
    ):
        bulk.insert(there, table, columns, several, statements.NOTHING)


def _register(there: sa.Connection, count: int, since_ms: int) -> None:
    tops = [{"code": "41", "name": "河南省", "kind": "province", "parent": "", "place": 1}]
    tops += [{"code": city, "name": city, "kind": "city", "parent": "41", "place": 1} for city in CITIES]
    there.execute(sa.insert(regions), tops)
    names = [(name(g), CITIES[g * len(CITIES) // count]) for g in range(count)]
    there.execute(sa.insert(gateways), [{"gateway": n, "since_ms": 0, "city": city} for n, city in names])
    made = [{"unit": f"u-{n}", "since_ms": 0, "name": n, "kind": "canteen", "region": city} for n, city in names]
    there.execute(sa.insert(units), made)
    places = [(n, slot) for n, _ in names for slot in SLOTS]
    served = [{"position": f"{n}/{s}", "since_ms": since_ms, "unit": f"u-{n}", "zone": s} for n, s in places]
    there.execute(sa.insert(positions), served)
    bound = [{"position": f"{n}/{s}", "since_ms": since_ms, "gateway": n, "slot": s} for n, s in places]
    there.execute(sa.insert(bindings), bound)
    there.execute(sa.insert(schema.imports), {"at_ms": 1})
