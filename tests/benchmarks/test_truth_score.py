"""The scorer of `scripts/bench truth`: every millisecond is right, wrong or unknown, and nothing is counted twice."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.truth.cast import CAST, CUTS, FULL, QUICK, STRIKES, truth
from benchmarks.truth.score import (
    OFFLINE,
    ONLINE,
    UNKNOWN,
    Rate,
    Score,
    Span,
    filled,
    held,
    ideal,
    merged,
    noticed_ms,
    rate,
    score,
    total,
    without,
)

END = 1000
STATES = (ONLINE, OFFLINE, UNKNOWN)


def spans_of(states: tuple[str, ...]) -> st.SearchStrategy[list[Span]]:
    """Spans that do not overlap, with holes."""
    borders = st.lists(st.integers(-100, END + 100), min_size=2, max_size=14, unique=True).map(sorted)

    def dressed(at: list[int]) -> st.SearchStrategy[list[Span]]:
        pieces = list(pairwise(at))
        kept = st.lists(st.sampled_from((*states, "")), min_size=len(pieces), max_size=len(pieces))
        return kept.map(lambda names: [Span(b, e, n) for (b, e), n in zip(pieces, names, strict=True) if n])

    return borders.flatmap(dressed)


def whole(spans: list[Span]) -> list[Span]:
    """A truth that leaves no moment out."""
    return [s if s.state != UNKNOWN else s._replace(state=ONLINE) for s in filled(spans, -200, END + 200)]


TOLD, TRUE = spans_of(STATES), spans_of((ONLINE, OFFLINE)).map(whole)
WINDOWS = st.lists(st.tuples(st.integers(0, END), st.integers(0, END)), max_size=5)


@given(TRUE, TOLD, WINDOWS)
def test_right_wrong_and_unknown_are_all_of_the_time(
    true: list[Span], told: list[Span], windows: list[tuple[int, int]]
) -> None:
    """right + wrong + unknown = E, and wrong = false online + false offline, whatever the windows."""
    made = score(true, told, windows)
    assert made.assessed == sum(e - b for b, e in merged(windows))
    assert made.right + made.false_online + made.false_offline + made.unknown == made.assessed
    assert made.wrong == made.false_online + made.false_offline


@given(TRUE, TOLD, WINDOWS)
def test_a_millisecond_at_a_time_says_the_same(
    true: list[Span], told: list[Span], windows: list[tuple[int, int]]
) -> None:
    """The scorer agrees with counting each millisecond by itself."""

    def at(spans: list[Span], moment: int) -> str:
        return next((s.state for s in spans if s.begin <= moment < s.end), UNKNOWN)

    counted = Score()
    for moment in {m for b, e in windows for m in range(b, e)}:
        is_, said = at(true, moment), at(told, moment)
        counted = counted.plus(
            Score(
                said == is_,
                (said, is_) == (ONLINE, OFFLINE),
                (said, is_) == (OFFLINE, ONLINE),
                said == UNKNOWN,
            )
        )
    assert score(true, told, windows) == counted


@given(TRUE, WINDOWS)
def test_the_truth_told_is_right_and_its_contrary_wrong(true: list[Span], windows: list[tuple[int, int]]) -> None:
    """Whoever tells the truth is never wrong; whoever tells its contrary is nothing else; silence is unknown."""
    contrary = [s._replace(state=OFFLINE if s.state == ONLINE else ONLINE) for s in true]
    time = sum(e - b for b, e in merged(windows))
    assert score(true, true, windows) == Score(right=time)
    assert score(true, contrary, windows).wrong == time
    assert score(true, [], windows) == Score(unknown=time)


@given(TRUE, TOLD, WINDOWS, WINDOWS)
def test_time_is_split_without_loss(
    true: list[Span], told: list[Span], windows: list[tuple[int, int]], others: list[tuple[int, int]]
) -> None:
    """Within and outside of other windows are together all of it."""
    outside = without(windows, others)
    inside = without(windows, outside)
    assert total([score(true, told, inside), score(true, told, outside)]) == score(true, told, windows)


@given(TRUE, TOLD)
def test_the_rate_lies_within_its_bounds_where_nothing_is_wrong(true: list[Span], told: list[Span]) -> None:
    """Without a wrong millisecond the truth is within [rate, upper]; how far it is outside is at most what is wrong."""
    made, wrong = rate(true, told, 0, END), score(true, told, [(0, END)]).wrong
    assert made.outside_ms <= wrong
    assert made.true == sum(s.end - s.begin for s in filled(true, 0, END) if s.state == ONLINE)
    assert made.on + made.unknown <= made.assessed == END


@given(TRUE, st.integers(1, 200), st.integers(0, 400))
def test_the_ideal_sampler_misses_less_than_an_interval_a_change(true: list[Span], interval: int, phase: int) -> None:
    """It knows always, and each change costs it less than one interval."""
    made = score(true, ideal(true, 0, END, interval, phase), [(0, END)])
    changes = sum(a.state != b.state for a, b in pairwise(true))
    assert made.unknown == 0
    assert made.wrong <= changes * interval


def test_two_things_said_of_one_moment_are_refused() -> None:
    """Neither the truth nor what is told may contradict itself, and no assessed moment may lack its truth."""
    with pytest.raises(ValueError, match="overlap"):
        score([Span(0, 10, ONLINE)], [Span(0, 6, ONLINE), Span(5, 9, OFFLINE)], [(0, 10)])
    with pytest.raises(ValueError, match="no truth"):
        score([Span(0, 10, ONLINE)], [], [(0, 11)])


def test_samples_hold_until_the_next() -> None:
    """A monitor shows what it saw last."""
    assert held([(0, ONLINE), (10, OFFLINE), (30, ONLINE)], 40) == [
        Span(0, 10, ONLINE),
        Span(10, 30, OFFLINE),
        Span(30, 40, ONLINE),
    ]


def test_noticing_is_the_first_word_that_differs() -> None:
    """It counts from the fault on; what was never believed need not be noticed; what was never said is None."""
    assert noticed_ms([(0, ONLINE), (15, ONLINE), (35, OFFLINE)], 10, 100, ONLINE) == 25
    assert noticed_ms([(0, ONLINE), (35, UNKNOWN)], 10, 100, ONLINE) == 25
    assert noticed_ms([(0, ONLINE), (15, ONLINE)], 10, 100, ONLINE) is None
    assert noticed_ms([(0, OFFLINE)], 10, 100, ONLINE) == 0
    assert noticed_ms([(0, ONLINE), (120, OFFLINE)], 10, 100, ONLINE) is None


def test_truth_outside_the_bounds_is_told_by_how_much() -> None:
    """[rate, upper] = [on, on + unknown] over the time assessed."""
    assert Rate(100, 50, 20, 60).outside_ms == 0
    assert Rate(100, 50, 20, 45).outside_ms == 5
    assert Rate(100, 50, 20, 75).outside_ms == 5
    assert Rate(100, 50, 20, 75).error == 0.25


@pytest.mark.parametrize("plan", [FULL, QUICK], ids=["full", "quick"])
def test_the_plan_is_one_that_can_be_judged(plan) -> None:  # type: ignore[no-untyped-def]
    """15 cameras, 3 of them foreign; no camera has two faults at once; none begins or ends where our own side is cut,
    for then nobody could tell whose fault a moment is.
    """
    assert (len(CAST), sum(one.server != "simulated" for one in CAST)) == (15, 3)
    assert len({one.slot for one in CAST}) == 15
    for one in plan.strikes:
        assert one.slot in {actor.slot for actor in CAST}
        assert 0 < one.at_s < one.until_s <= plan.seconds
        for cut in plan.cuts:
            for moment in (one.at_s, one.until_s):
                assert not cut.at_s - plan.look_s < moment < cut.until_s + plan.look_s
        for other in plan.strikes:
            assert one is other or one.slot != other.slot or one.until_s <= other.at_s or other.until_s <= one.at_s
    assert {cut.kind for cut in plan.cuts} == {"uplink", "no carrier", "silent"}


def test_what_opens_meanwhile_is_online_all_the_while() -> None:
    """Only faults in which nobody has a picture make offline time."""
    assert truth("a", 0, 100, []) == [Span(0, 100, ONLINE)]
    black = STRIKES[7]._replace(slot="a", openable=True)
    dead = black._replace(openable=False)
    assert truth("a", 0, 100, [(black, (10, 20))]) == [Span(0, 100, ONLINE)]
    assert truth("a", 0, 100, [(dead, (10, 20))]) == [Span(0, 10, ONLINE), Span(10, 20, OFFLINE), Span(20, 100, ONLINE)]
    assert len(CUTS) == 3
