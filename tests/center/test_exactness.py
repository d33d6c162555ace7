"""Whatever happens to gateways and their messages, what the center says is true or unknown, and always the same."""

import json
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from center.decode import Incoming
from center.history import recall
from center.intervals import EMPTY, Intervals, difference, intersection, normal, union
from center.notary import Judged, judge
from center.rate import Rules, month_span
from center.record import Recorder
from center.report import When, as_json, report
from center.store import Store
from center.testimony import CONTRADICTION, VAIN
from center.timeline import Known
from center.zero import EVER, REFINED_MS, epochs
from tests.center.boxes import SLOTS, Faults, Kitchen, World
from tests.center.hearing import hear
from tests.center.letters import CITY, GATEWAY, T0, register
from tests.support.examples import examples
from tests.support.postgres import Postgres

EXAMPLES = examples(40, 10_000)
"""For each property."""
RULES = Rules(within_ms=10**12)
"""Messages come hours late here: whatever is told counts, whenever."""
UP = ((T0 - 1_000_000, T0 + 10_000_000),)
MEMORY = Path("/dev/shm")
"""Thousands of databases are quicker there."""
randoms = st.integers(0, 2**48).map(Random)
anything = st.builds(Faults, *(st.booleans() for _ in Faults._fields))
long = settings(max_examples=EXAMPLES, deadline=None)


@cache
def registered() -> bytes:
    """A database in which the kitchen stands: made once."""
    with TemporaryDirectory(prefix="exact-", dir=MEMORY if MEMORY.is_dir() else None) as home:
        file = Path(home, "center.db")
        enter(Store(str(file))).close()
        return file.read_bytes()


def enter(store: Store) -> Store:
    register(store, *SLOTS)
    with store.write() as tx:
        tx.put_uptime(*UP[0])
    return store


class Center:
    """A center on a database of its own."""

    def __init__(self, database: str) -> None:
        self._database = database
        self._store = Store(database)
        self._recorder = Recorder(self._store)

    def take(self, messages: Sequence[Incoming]) -> None:
        self._recorder.record(messages)

    def restart(self) -> None:
        self._store.close()
        self._store = Store(self._database)
        self._recorder = Recorder(self._store)

    def judged(self) -> Judged:
        with self._store.read() as reader:
            testimony = recall(reader, [GATEWAY], month_span("2026-11"))[GATEWAY].testimony
            return judge(testimony._replace(up=reader.uptime(CITY)), RULES.dark_after_ms, RULES.within_ms)

    def printed(self, moment: int) -> str:
        """What `rate --json` says of this moment, proven and live."""
        span = (month_span("2026-11")[0], moment)
        with self._store.read() as reader:
            whens = (When("2026-11", span, moment, live=live) for live in (False, True))
            return json.dumps([as_json(report(reader, when, "slot", RULES)) for when in whens])

    def close(self) -> None:
        self._store.close()


def outcome(
    messages: Iterable[Incoming], moment: int, rnd: Random | None = None, database: str = ""
) -> tuple[dict[str, Known], str]:
    """In the order of arrival; or, with `rnd`, shuffled, repeated, regrouped, the center restarted now and then."""
    waiting = sorted(messages, key=lambda m: m.received_ms)
    if rnd and waiting:
        waiting = rnd.sample(waiting, len(waiting)) + rnd.choices(waiting, k=len(waiting) // 3)
    with TemporaryDirectory(prefix="exact-", dir=MEMORY if MEMORY.is_dir() else None) as home:
        file = Path(home, "center.db")
        file.write_bytes(registered())
        if database:
            enter(Store(database)).close()
        center = Center(database or str(file))
        while waiting:
            count = rnd.choice((1, 3, 50)) if rnd else 20
            center.take(waiting[:count])
            waiting = waiting[count:]
            if rnd and rnd.random() < 0.05:
                center.restart()
        judged = center.judged()
        result = judged.known, f"{center.printed(moment)}\n{judged.findings}"
        center.close()
    return result


SHIFT = 10_000
"""What a boot that only the center's clock dates may be off by: the least delay of its heartbeats."""


def slow(world: World, arrived: Iterable[Incoming]) -> Intervals:
    """About when boots were running of which all heartbeats that the center came to know them by were late, before any
    right anchor came: what docs/security.md says that an honest slow box pays.
    """
    t, found = hear(arrived, UP), set()
    for boot, at, utc_ms in world.right:
        known = epochs(s for s in t.beats if s.alike.boot == boot)
        if known and known[0].zero_ms - (utc_ms - at) > REFINED_MS:
            told = (a.received_ms for a in t.anchors if (a.boot, a.at, a.utc_ms) in world.right and a.boot == boot)
            found |= {boot} if min(told, default=EVER) > known[0].known_ms else set()
    return world.about(found)


def untrue(times: dict[str, Known], world: World, arrived: Sequence[Incoming]) -> list[object]:
    """Known time that no gateway ever truly claimed."""
    found: list[object] = []
    roughly, loose = world.dated_by_center(arrived), union(world.loose, slow(world, arrived))
    for slot, its in times.items():
        for state, spans in (("online", its.on), ("offline", its.off)):
            true = world.claimable.get((slot, state), EMPTY)
            nearly = intersection(normal((b - SHIFT, e + SHIFT) for b, e in true), roughly)
            wrong = difference(spans, union(union(true, nearly), loose))
            found += [(slot, state, wrong)] if wrong else []
    return found


def heard(messages: Iterable[Incoming]) -> Judged:
    """What the notary says without a store: the definition."""
    return judge(hear(messages, UP), RULES.dark_after_ms, RULES.within_ms)


def nearly(spans: Intervals) -> Intervals:
    return normal((begin - REFINED_MS, end + REFINED_MS) for begin, end in spans)


def some_of(world: World, rnd: Random) -> list[Incoming]:
    share = rnd.choice((0.5, 0.8, 0.95, 1.0))
    return [message for message in world.messages if b'"anchor"' in message.payload or rnd.random() < share]


@long
@given(randoms, anything)
def test_whatever_arrives_is_true_or_unknown(rnd: Random, faults: Faults) -> None:
    """Any part of any gateway's messages, through crashes, resets and cards put back: nothing untrue; and nothing that
    contradicts, where no card was copied.
    """
    world = Kitchen(rnd, faults).run()
    arrived = some_of(world, rnd)
    judged = heard(arrived)
    assert untrue(judged.known, world, arrived) == []
    codes = {f.code for f in judged.findings}
    assert faults.clones or CONTRADICTION not in codes
    assert faults.evicts or faults.clones or VAIN not in codes


@settings(max_examples=EXAMPLES // 10, deadline=None)
@given(randoms, anything)
@example(Random(3163), Faults(evicts=True, clones=True, bad_clock=True, undisciplined=True, garbles=True))
def test_order_changes_no_byte_of_what_is_defined(rnd: Random, faults: Faults) -> None:
    """In any order, doubled, over restarts of the center, its store says what the notary says without one."""
    world = Kitchen(rnd, faults).run()
    arrived, moment = some_of(world, rnd), world.end_ms + 10_000_000
    orderly, disorderly = outcome(arrived, moment), outcome(arrived, moment, rnd)
    assert disorderly == orderly
    assert {slot: its for slot, its in orderly[0].items() if its != Known()} == {
        slot: its for slot, its in heard(arrived).known.items() if its != Known()
    }


@long
@given(randoms)
@example(Random(32360))
@example(Random(1011314))
@example(Random(44375))
def test_what_arrives_whole_is_known_whole(rnd: Random) -> None:
    """Once every journal row has arrived, all that was truly claimed and dated in time is known, through crashes and
    resets.
    """
    world = Kitchen(rnd, Faults()).run()
    times, loose = heard(world.messages).known, union(world.loose, slow(world, world.messages))
    for slot in SLOTS:
        its = times.get(slot, Known())
        for spans, state in ((its.on, "online"), (its.off, "offline")):
            claimable = world.claimable.get((slot, state), EMPTY)
            assert difference(spans, loose) == difference(claimable, loose)
        assert intersection(its.on, its.off) == EMPTY


@long
@given(randoms, st.booleans())
@example(Random(32360), False)
@example(Random(45613), True)
def test_late_messages_only_add(rnd: Random, undisciplined: bool) -> None:
    """While an honest gateway's messages trickle in, some once more and later, nothing that was known is taken back.

    Nor where nobody disciplines its clock, so that the center's own has to bear it out; what that had dated may be
    dated more finely by an anchor.
    """
    world = Kitchen(rnd, Faults(undisciplined=undisciplined)).run()
    again = [m._replace(received_ms=m.received_ms + rnd.randint(1, 10**7)) for m in rnd.choices(world.messages, k=20)]
    every = [*world.messages, *again]
    now = rnd.choice(every).received_ms
    before, after = heard(m for m in every if m.received_ms <= now).known, heard(every).known
    for slot, its in before.items():
        then = after.get(slot, Known())
        assert difference(its.on, union(nearly(then.on), world.loose)) == EMPTY
        assert difference(its.off, union(nearly(then.off), world.loose)) == EMPTY


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(randoms, anything)
def test_postgresql_says_the_same_as_sqlite(postgres: Postgres, rnd: Random, faults: Faults) -> None:
    """Byte for byte, in another order."""
    world = Kitchen(rnd, faults).run()
    moment = world.end_ms + 10_000_000
    there = outcome(world.messages, moment, rnd, postgres.create())
    assert there == outcome(world.messages, moment)
