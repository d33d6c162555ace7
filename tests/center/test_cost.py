"""What a gateway can make the center compute: twice the messages cost about twice as much, with the same answer."""

import cProfile
import pstats
import sqlite3
import sys
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from center.alarms import alarms
from center.beats import CELL_MS, NEAR_MS, Alike, Stretch
from center.decode import Incoming
from center.history import recall
from center.rate import Rules, month_span
from center.record import Recorder
from center.report import When, report
from center.store import Store
from center.timeline import AnchorPoint
from center.zero import (
    AGREE_MS,
    EVER,
    GRID_MS,
    HELD_MS,
    IN_A_ROW_MS,
    OFF_MS,
    STEP_MS,
    Clock,
    Epoch,
    epochs,
    first_zero,
)
from tests.center.letters import GATEWAY, T0, anchor, beat, birth, event, events, letter, moved, register
from tests.support.examples import examples

DAY_MS = 86_400_000


def in_turn(s: Stretch) -> tuple[int, int, Stretch]:
    return s.first_ms, s.last_ms, s


def slowly(told: Sequence[Stretch]) -> list[Epoch]:
    """As it is defined: each epoch by every window of zeros, with all that was told since the one before."""
    found: list[Epoch] = []
    since = fresh = told
    while True:
        newest = found[-1] if found else None
        near = [s for s in since if newest and abs(first_zero(s) - newest.zero_ms) <= OFF_MS]

        def end_by(now: Stretch, near: Sequence[Stretch] = near) -> int:
            """How far the newest epoch was borne out before that came."""
            heard = ((min(s.last_ms, now.first_ms), s.alike.late * CELL_MS) for s in near if in_turn(s) < in_turn(now))
            return max((last_ms - zero_ms for last_ms, zero_ms in heard), default=-EVER)

        off = [s for s in fresh if s not in near and s.at_lo > end_by(s)]
        windows = {first_zero(s) // GRID_MS - n for s in off for n in range(4)}
        rows = [row for low in windows for row in agreed(off, low)]
        if not rows:
            return found
        known_ms, *_, row = min(rows)
        found = [*found[:-1], newest._replace(end=end_by(row[0]))] if newest else []
        found.append(Epoch(min(s.at_lo for s in row), EVER, min(map(first_zero, row)), known_ms))
        last = in_turn(row[-1])
        before = [s for s in off if s.first_ms < known_ms or in_turn(s) <= last]
        fresh = [s for s in fresh if s.first_ms >= known_ms and in_turn(s) > last]
        since = [*before, *fresh]


def agreed(told: Sequence[Stretch], low: int) -> Iterator[tuple[int, tuple[int, int, Stretch], int, list[Stretch]]]:
    """The first row of this window that lasts for long enough, with since when it does, and by which of them."""
    row: list[Stretch] = []
    known_ms, last = EVER, in_turn(told[0])
    for s in told:
        if not low * GRID_MS <= first_zero(s) < low * GRID_MS + AGREE_MS + GRID_MS:
            continue
        if s.first_ms >= known_ms:
            break
        if row and s.first_ms > max(one.last_ms for one in row) + IN_A_ROW_MS:
            row = []
        row.append(s)
        if max(one.last_ms for one in row) - row[0].first_ms >= HELD_MS:
            its_ms = max(s.first_ms, row[0].first_ms + HELD_MS)
            known_ms, last = min((known_ms, last), (its_ms, in_turn(s)), key=lambda one: one[0])
    if known_ms < EVER:
        yield known_ms, last, low, row


def a_stretch(first: int, length: int, zero: int, number: int) -> Stretch:
    alike = Alike("j", "s", "b", 0, number, "", "", zero // CELL_MS, 0)
    return Stretch(alike, first, first + length, first - zero, first + length - zero, 0, zero)


minutes = st.integers(0, 40).map(lambda n: n * 30_000)
stretches = st.lists(
    st.builds(
        a_stretch,
        minutes,
        st.sampled_from((0, 0, 0, 30_000, 90_000, 240_000, 600_000)),
        st.integers(-9, 18).map(lambda n: n * 40_000),
        st.integers(),
    ),
    max_size=25,
)


@settings(max_examples=examples(150, 10_000), deadline=None)
@given(stretches)
def test_the_epochs_are_those_defined(found: list[Stretch]) -> None:
    """Looking at each stretch once gives the same epochs as looking at every window."""
    assert epochs(found) == slowly(sorted(found, key=in_turn))


@settings(max_examples=examples(150, 10_000), deadline=None)
@given(stretches, minutes)
def test_no_later_heartbeat_changes_an_epoch(found: list[Stretch], now: int) -> None:
    """What was known by then stays: an epoch that ends ends with what was known before the next one began."""
    then = epochs([_by(s, now) for s in found if s.first_ms <= now])
    final = [e for e in epochs(found) if e.known_ms <= now]
    assert [e[:1] + e[2:] for e in then if e.known_ms <= now] == [e[:1] + e[2:] for e in final]
    assert [e.end for e in then[:-1]] == [e.end for e in final[:-1]]


def _by(s: Stretch, now: int) -> Stretch:
    """As much of it as had come by then."""
    last = min(s.last_ms, now)
    return s._replace(last_ms=last, at_hi=s.at_lo + last - s.first_ms)


def slowly_in_turn(anchors: list[AnchorPoint]) -> list[AnchorPoint]:
    """As it is defined: each against all that were believed before it."""
    believed: list[AnchorPoint] = []
    for a in sorted(anchors, key=lambda a: (a.received_ms, a)):
        before = [b for b in believed if b.at <= a.at]
        rules = max(before, key=lambda b: b.at) if before else min(believed, key=lambda b: b.at, default=a)
        later = any(b.at >= a.at for b in believed)
        if not (later and abs(rules.utc_ms - rules.at - (a.utc_ms - a.at)) > STEP_MS):
            believed.append(a)
    return believed


anchors = st.lists(
    st.builds(
        lambda at, off, received: AnchorPoint("b", at, at + off, received),
        *(st.integers(0, 12), st.sampled_from((0, 1_000, 2_500, 9_000)), st.integers(0, 12)),
    ),
    max_size=12,
)


@settings(max_examples=examples(150, 10_000), deadline=None)
@given(anchors)
def test_anchors_are_believed_in_turn(found: list[AnchorPoint]) -> None:
    """The nearest word before, else the first, is what a later one about an earlier time is held against."""
    assert Clock([], []).in_turn(found, []) == slowly_in_turn(found)


@settings(max_examples=examples(150, 10_000), deadline=None)
@given(stretches, anchors, st.lists(st.tuples(minutes, minutes), max_size=12))
def test_a_clock_tells_where_its_word_begins_and_ends(
    found: list[Stretch], dated: list[AnchorPoint], asked: list[tuple[int, int]]
) -> None:
    """As the first and the last of all that it tells."""
    clock = Clock(found, dated)
    for begin, end in asked:
        told = list(clock.told(begin, end))
        assert clock.ends(begin, end) == ((told[0][0], told[-1][1]) if told else None)


@settings(max_examples=examples(150, 10_000), deadline=None)
@given(stretches)
def test_a_sign_of_life_is_held_against_the_epoch_that_it_is_of(found: list[Stretch]) -> None:
    """The newest that had begun by its last boot ms, else the first."""
    clock = Clock(found, [])
    for s in found if clock.epochs else ():
        its = next((e for e in reversed(clock.epochs) if e.begin <= s.at_hi), clock.epochs[0])
        alive = s.first_ms <= clock.epochs[0].known_ms or -90_000 <= first_zero(s) - its.zero_ms <= 390_000
        assert clock.fits(s) == alive


# ---- growth --------------------------------------------------------------------------------------


def spread(n: int, i: int) -> int:
    return i * (25 * DAY_MS // n)


def anchors_and_claims(n: int) -> list[object]:
    """Each transition with an anchor of its own that contradicts the last, and a heartbeat that agrees with none."""
    sent: list[object] = [letter("state", birth())]
    for i in range(n):
        at, seq = spread(n, i), 2 * i + 1
        rows = (anchor(seq, at, T0 + at + i % 2 * 5_000), moved(seq + 1, at, "online" if i % 2 else "offline"))
        sent += [letter("ev", events(*rows), T0 + at + 500), letter("hb", beat(at + 1_000, seq + 1), T0 + at + 1_500)]
    return sent


def scattered_zeros(n: int) -> list[object]:
    """A heartbeat a minute, each of a boot that began at another time."""
    sent: list[object] = [letter("state", birth()), letter("ev", events(moved(1, 0, "online"), anchor(2)), T0)]
    return sent + [
        letter("hb", beat(i * 60_000 + i * 7_919_000 % 3_600_000, 2), T0 + i * 60_000 + 3_700_000) for i in range(n)
    ]


def new_sessions(n: int) -> list[object]:
    """Ever a new run."""
    sent: list[object] = []
    for i in range(n):
        at, name = spread(n, i), f"s{i}"
        rows = (event(2 * i + 1, session=name), moved(2 * i + 2, at, "online", session=name))
        sent += [
            letter("ev", events(*rows), T0 + at + 500),
            letter("hb", beat(at + 60_000, 2 * i + 2, since=at, session=name), T0 + at + 60_500),
        ]
    return sent


def in_batches(rows: list[dict[str, object]], at: int) -> list[object]:
    return [letter("ev", events(*rows[i : i + 100]), at) for i in range(0, len(rows), 100)]


def late_transitions(n: int) -> list[object]:
    """A claim of 20 days, anchors all over them, and transitions at their begin that it did not know of."""
    far = 20 * DAY_MS
    anchors = [anchor(2 + i, far * i // n, T0 + far * i // n + i % 2) for i in range(n)]
    moves = [moved(2 + n + i, 0, "offline" if i % 2 else "online") for i in range(n)]
    claims: list[object] = [
        letter("hb", beat(far, 1), T0 + far + 50),
        letter("hb", beat(far, 2 * n + 1), T0 + far + 99),
    ]
    first = [letter("state", birth()), letter("ev", events(anchor(1)), T0 + 10)]
    return [*first, claims[0], *in_batches([*anchors, *moves], T0 + far + 60), claims[1]]


def gaps_over_all(n: int) -> list[object]:
    """Anchors, and gaps that each name all of them, all of their time, and seqs that are not held."""
    far = 20 * DAY_MS
    anchors = [anchor(1 + i, far * i // n, T0 + far * i // n + i % 2) for i in range(n)]
    span = {"from_seq": 1, "to_seq": 10 * n, "from": 0, "to": far, "why": "x"}
    gaps = [event(10 * n + 1 + i, "gap", far, **span) for i in range(n)]
    return [letter("state", birth()), *in_batches([*anchors, *gaps], T0 + far)]


def claims_in_vain(n: int) -> list[object]:
    """Transitions, and claims that know of them and tell of other time: half of them of long before, half of later."""
    hours = 3 * 3_600_000
    rows = [anchor(1), *(moved(2 + i, hours + i, "online") for i in range(n))]
    sent: list[object] = [letter("state", birth())]
    sent += [letter("hb", beat(at, 0), T0 + at + 50) for at in range(hours - 300_000, hours, 60_000)]
    sent += in_batches(rows, T0 + hours + n)
    for i in range(n):
        at = hours + (60 + i) * 60_000
        settled = (60_000 * (1 + i % 3), at - i % 4 * 60_000)[i % 2]
        told = beat(at, n + 1).replace(b'"settled_to":%d' % at, b'"settled_to":%d' % settled)
        sent.append(letter("hb", told, T0 + at + 50))
    return sent


def many_epochs(n: int) -> list[object]:
    """Ever again the machine was paused, with an anchor in each time between."""
    sent: list[object] = [letter("state", birth()), letter("ev", events(moved(1, 0, "online")), T0)]
    for i in range(n):
        boot, came = i * 650_000, T0 + i * 250_000
        sent.append(letter("ev", events(anchor(2 + i, boot, came)), came))
        sent += [letter("hb", beat(boot + late, 2 + i), came + late) for late in (0, 120_000, 240_000)]
    return sent


def kept(folder: Path, sent: list[object]) -> Store:
    store = Store(str(folder / f"{len(sent)}.db"))
    register(store, "k1", "k2")
    with store.write() as tx:
        tx.put_uptime(T0 - 7_200_000, T0 + 30 * DAY_MS)
    recorder = Recorder(store)
    for i in range(0, len(sent), 500):
        recorder.record(sent[i : i + 500])  # type: ignore[arg-type]
    return store


def measured(folder: Path, sent: list[object], measure: Callable[[], AbstractContextManager[Callable[[], int]]]) -> int:
    """What the rate takes."""
    store, span = kept(folder, sent), month_span("2026-11")
    with store.read() as reader, measure() as found:
        report(reader, When("2026-11", span, span[1], live=False), "slot", Rules())
    store.close()
    return found()


@contextmanager
def calls() -> Iterator[Callable[[], int]]:
    """A count, that no other program on the machine changes."""
    profile = cProfile.Profile()
    profile.enable()
    yield lambda: int(pstats.Stats(profile).total_calls)  # type: ignore[attr-defined]
    profile.disable()


@contextmanager
def lines_run() -> Iterator[Callable[[], int]]:
    """A line counts as often as a loop in it goes round, which no call shows."""
    count = 0

    def trace(_frame: object, event: str, _: object) -> object:
        nonlocal count
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)  # type: ignore[arg-type]
    try:
        yield lambda: count
    finally:
        sys.settrace(before)


@contextmanager
def peak_bytes() -> Iterator[Callable[[], int]]:
    peaks: list[int] = []
    tracemalloc.start()
    try:
        yield peaks.pop
        peaks.append(tracemalloc.get_traced_memory()[1])
    finally:
        tracemalloc.stop()


@contextmanager
def hundred_steps() -> Iterator[Callable[[], int]]:
    """Of SQLite, in databases that are opened in here."""
    steps = [0]

    def connected(connection: sqlite3.Connection, _: object) -> None:
        connection.set_progress_handler(lambda: steps.__setitem__(0, steps[0] + 1), 100)

    sa.event.listen(sa.engine.Engine, "connect", connected)
    try:
        yield lambda: steps[0]
    finally:
        sa.event.remove(sa.engine.Engine, "connect", connected)


SHAPES = [
    anchors_and_claims,
    scattered_zeros,
    new_sessions,
    late_transitions,
    gaps_over_all,
    claims_in_vain,
    many_epochs,
]


@pytest.mark.parametrize("hostile", SHAPES)
def test_twice_the_messages_cost_about_twice(tmp_path: Path, hostile: object) -> None:
    """Whatever a box sends, its cost grows with its bytes, not with their square."""
    few, many = (measured(tmp_path, hostile(n), calls) for n in (500, 2_000))  # type: ignore[operator]
    assert many < 8 * few


def test_twice_the_epochs_cost_about_twice(tmp_path: Path) -> None:
    """Each looks at what is of its own time."""
    few, many = (measured(tmp_path, many_epochs(n), lines_run) for n in (150, 600))
    assert many < 5.5 * few


def test_twice_the_messages_take_about_twice_the_memory(tmp_path: Path) -> None:
    """Transitions that a claim contradicts are not each laid upon each anchor."""
    few, many = (measured(tmp_path, late_transitions(n), peak_bytes) for n in (250, 1_000))
    assert many < 6 * few


def test_twice_the_gaps_cost_the_database_about_twice(tmp_path: Path) -> None:
    """What several gaps name is sought once, for the rate as for the alarms."""
    spent = []
    with hundred_steps() as steps:
        for n in (100, 400):
            store = kept(tmp_path, gaps_over_all(n))
            with store.read() as reader:
                begun = steps()
                recall(reader, [GATEWAY], month_span("2026-11"))
                alarms(reader, [])
                spent.append(steps() - begun)
            store.close()
    assert 0 < spent[1] < 6 * spent[0]


def test_a_heartbeat_costs_the_same_however_many_came_before(tmp_path: Path) -> None:
    """Too far apart to become one stretch, all alike: the database looks at the last of them, and not at all."""
    with hundred_steps() as steps:
        store = Store(str(tmp_path / "center.db"))
        register(store, "k1")
        recorder, spent = Recorder(store), []
        recorder.record([letter("state", birth()), letter("ev", events(anchor(1), moved(2, 0, "online")))])
        for part in range(2):
            begun = steps()
            for i in range(10 * part, 10 * (part + 1)):
                at = range(i * 100 * 2 * NEAR_MS, (i + 1) * 100 * 2 * NEAR_MS, 2 * NEAR_MS)
                recorder.record([letter("hb", beat(ms, 2), at=T0 + ms) for ms in at])
            spent.append(steps() - begun)
        store.close()
    assert 0 < spent[1] < 1.5 * spent[0], f"{spent} hundred steps: the second thousand beside the first"


def test_a_center_whose_clock_went_back_keeps_heartbeats_alike_in_one_stretch(tmp_path: Path) -> None:
    """What was received "before" the newest one and what goes on from it are stored at once, as one row."""
    store = Store(str(tmp_path / "center.db"))
    register(store, "k1")
    recorder = Recorder(store)

    def heard(at: int) -> Incoming:
        return letter("hb", beat(at, 2), at=T0 + at)

    recorder.record([letter("state", birth()), heard(2 * NEAR_MS)])
    recorder.record([heard(3 * NEAR_MS), heard(NEAR_MS)])
    with store.read() as reader:
        found = reader.beats([(GATEWAY, "j1", "s1", "b1")])[GATEWAY]
    store.close()
    assert [(one.first_ms - T0, one.last_ms - T0) for one in found] == [(NEAR_MS, 3 * NEAR_MS)]
