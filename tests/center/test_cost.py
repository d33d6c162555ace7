"""What a gateway can make the center compute: twice the messages cost about twice as much, with the same answer."""

import cProfile
import pstats
from bisect import bisect_right
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from center.beats import Alike, Stretch
from center.rate import Rules, month_span
from center.record import Recorder
from center.report import When, report
from center.store import Store
from center.timeline import AnchorPoint
from center.zero import AGREE_MS, HELD_MS, STEP_MS, Clock, Epoch, _agreeing, _in_a_row
from tests.center.letters import T0, anchor, beat, birth, event, events, letter, moved, register

DAY_MS = 86_400_000


def slowly_agreeing(by_zero: Sequence[Stretch]) -> Epoch | None:
    """As it is defined: every window of zeros by itself."""
    for i, first in enumerate(by_zero):
        end = bisect_right(by_zero, first.zero_ms + AGREE_MS, key=lambda s: s.zero_ms)
        rows = [row for row in _in_a_row(by_zero[i:end]) if row[-1] - row[0] >= HELD_MS]
        if rows:
            return Epoch(min(row[1] for row in rows), max(row[2] for row in rows), first.zero_ms)
    return None


def a_stretch(first: int, length: int, zero: int) -> Stretch:
    alike = Alike("j", "s", "b", 0, 1, "", "", 0, 0)
    return Stretch(alike, first, first + length, first - zero, first + length - zero, 0, zero)


minutes = st.integers(0, 40).map(lambda n: n * 30_000)
stretches = st.lists(
    st.builds(
        a_stretch,
        minutes,
        st.sampled_from((0, 0, 0, 30_000, 90_000, 240_000)),
        st.integers(0, 9).map(lambda n: n * 40_000),
    ),
    max_size=25,
)


@settings(max_examples=500, deadline=None)
@given(stretches)
def test_the_first_agreement_is_the_one_defined(found: list[Stretch]) -> None:
    """Looking at what is new only gives the same zero, from and to, as looking at every window."""
    ordered = sorted(found, key=lambda s: (s.zero_ms, s.at_lo, s))
    assert _agreeing(ordered) == slowly_agreeing(ordered)


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


@settings(max_examples=500, deadline=None)
@given(anchors)
def test_anchors_are_believed_in_turn(found: list[AnchorPoint]) -> None:
    """The nearest word before, else the first, is what a later one about an earlier time is held against."""
    assert Clock([], [])._in_turn(found) == slowly_in_turn(found)


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


def calls(folder: Path, sent: list[object]) -> int:
    """How many calls the rate takes: a count, that no other program on the machine changes."""
    store = Store(str(folder / f"{len(sent)}.db"))
    register(store, "k1", "k2")
    with store.write() as tx:
        tx.put_uptime(T0 - 7_200_000, T0 + 30 * DAY_MS)
    recorder = Recorder(store)
    for i in range(0, len(sent), 500):
        recorder.record(sent[i : i + 500])  # type: ignore[arg-type]
    span = month_span("2026-11")
    profile = cProfile.Profile()
    with store.read() as reader:
        profile.enable()
        report(reader, When("2026-11", span, span[1], live=False), "slot", Rules())
        profile.disable()
    store.close()
    return int(pstats.Stats(profile).total_calls)  # type: ignore[attr-defined]


@pytest.mark.parametrize("hostile", [anchors_and_claims, scattered_zeros, new_sessions])
def test_twice_the_messages_cost_about_twice(tmp_path: Path, hostile: object) -> None:
    """Whatever a box sends, its cost grows with its bytes, not with their square."""
    few, many = (calls(tmp_path, hostile(n)) for n in (500, 2_000))  # type: ignore[operator]
    assert many < 8 * few
