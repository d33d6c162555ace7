from itertools import pairwise
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from center.intervals import EMPTY, difference, intersection, total
from center.timeline import AnchorPoint, Claim, Dating, Held, History, Known, Lost, current, known
from tests.center.agents import RECEIVED, SLOTS, world

randoms = st.integers(0, 2**32).map(Random)


@settings(max_examples=1000, deadline=None)
@given(randoms)
def test_whatever_is_lost_the_result_is_true_or_unknown(rnd: Random) -> None:
    """Events lost, shuffled, falsified or taken by a clone, claims lost or doubled: known time is true time."""
    w = world(rnd)
    keep, believe = rnd.choice((0.3, 0.7, 0.9, 1.0)), rnd.choice((0.3, 0.8, 1.0))
    held = [h for h in w.held if rnd.random() < keep]
    claims = [c for c in w.claims if rnd.random() < believe]
    anchors = [a for a in w.anchors if rnd.random() < 0.9]
    spoilt = frozenset((h.store, h.seq) for h in held if rnd.random() < 0.05)
    held = [h._replace(to="online", at=h.at - 1) if (h.store, h.seq) in spoilt else h for h in held]
    held = [h._replace(session="clone") if rnd.random() < 0.05 else h for h in held]
    rnd.shuffle(held)
    rnd.shuffle(claims)
    for slot, its in known(History(tuple(held), tuple(claims * 2), tuple(anchors), (), spoilt)).items():
        assert difference(its.on, w.truth.get((slot, "online"), EMPTY)) == EMPTY
        assert difference(its.off, w.truth.get((slot, "offline"), EMPTY)) == EMPTY


@settings(max_examples=500, deadline=None)
@given(randoms)
def test_nothing_lost_everything_known(rnd: Random) -> None:
    """With every event and claim held, all covered online and offline time is known."""
    w = world(rnd, interruptions=False)
    rnd.shuffle(w.held)
    times = known(History(tuple(w.held), tuple(w.claims), tuple(w.anchors)))
    for slot in SLOTS:
        its = times.get(slot, Known())
        assert its.on == intersection(w.truth.get((slot, "online"), EMPTY), w.covered)
        assert its.off == intersection(w.truth.get((slot, "offline"), EMPTY), w.covered)


def held(seq: int, at: int, to: str = "", slot: str = "a", session: str = "s") -> Held:
    return Held("j", seq, session, "b", slot, at, to)


def claim(settled: int, high: int, since: int = 0, session: str = "s") -> Claim:
    return Claim("j", session, "b", since, settled, high, RECEIVED, RECEIVED - settled)


ANCHOR = (AnchorPoint("b", 0, 0, RECEIVED),)


def test_a_lost_event_makes_time_unknown_from_the_last_claim_before_it_to_the_next_transition() -> None:
    """Seq 2 lost: known until the claim that reached 1, unknown from there, known again from transition 3."""
    events = (held(1, 10, "online"), held(3, 60, "offline"))
    its = known(History(events, (claim(30, 1), claim(50, 2), claim(90, 3)), ANCHOR))["a"]
    assert its == Known(on=((10, 30),), off=((60, 90),))


def test_one_seq_with_two_contents_is_as_good_as_lost() -> None:
    """A spoilt seq proves nothing, and what was held before it is proven no further than the claim before it."""
    events = (held(1, 10, "online"), held(2, 20, "offline"), held(3, 60, "online"))
    its = known(History(events, (claim(15, 1), claim(90, 3)), ANCHOR, (), frozenset({("j", 2)})))["a"]
    assert its == Known(on=((10, 15), (60, 90)))


def test_a_seq_of_a_clone_does_not_fill_a_hole() -> None:
    """A seq that another session wrote is a hole: the session's own event of that number may be on its way."""
    events = (held(1, 10, "online"), held(2, 20, "offline", session="clone"), held(3, 60, "online"))
    its = known(History(events, (claim(15, 1), claim(90, 3)), ANCHOR))["a"]
    assert its == Known(on=((10, 15), (60, 90)))


def test_a_session_starts_unknown() -> None:
    """Nothing carries over from the session before, however little time lies between."""
    events = (held(1, 10, "online"), held(2, 60, session="t"), held(3, 70, "online", session="t"))
    its = known(History(events, (claim(50, 1), claim(90, 3, 50, "t")), ANCHOR))["a"]
    assert its.on == ((10, 50), (70, 90))


def test_an_interruption_of_the_watching_is_not_bridged() -> None:
    """After the watching was interrupted a slot is unknown until its next transition."""
    events = (held(1, 10, "online"), held(2, 80, "offline"))
    its = known(History(events, (claim(30, 1), claim(99, 2, 50)), ANCHOR))["a"]
    assert its == Known(on=((10, 30),), off=((80, 99),))


def test_a_closing_coverage_never_stands_in_for_a_lost_transition() -> None:
    """A card lost its last row, seq 2: the next session's coverage event at seq 2 proves nothing of the one before."""
    events = (held(1, 10, "online"), held(3, 95, "online", session="t"))
    claims = (claim(30, 1), claim(50, 2), claim(99, 3, 90, "t"))
    assert known(History(events, claims, ANCHOR))["a"].on == ((10, 30), (95, 99))


def test_evicted_time_is_unknown() -> None:
    """The span of a gap that the agent declared is unknown, whatever is held around it."""
    its = known(History((held(1, 10, "online"),), (claim(90, 1),), ANCHOR, (Lost("b", 30, 40),)))["a"]
    assert its.on == ((10, 30), (40, 90))


def test_contradicting_sessions_are_both_disbelieved() -> None:
    """Two sessions that claim one moment, one online and one offline, leave it unknown."""
    events = (held(1, 10, "online"), held(2, 20, "offline", session="t"))
    its = known(History(events, (claim(50, 1), claim(80, 2, 20, "t")), ANCHOR))["a"]
    assert its == Known(on=((10, 20),), off=((50, 80),))


def test_without_an_anchor_nothing_is_known() -> None:
    """A boot that was never tied to UTC is undated, hence unknown; one anchor, even a late one, dates all of it."""
    events, claims = (held(1, 10, "online"),), (claim(90, 1),)
    assert known(History(events, claims)) == {}
    late = AnchorPoint("b", 5_000, 105_000, RECEIVED)
    assert known(History(events, claims, (late,)))["a"].on == ((100_010, 100_090),)


def test_an_anchor_ahead_of_its_receipt_is_not_believed() -> None:
    """An anchor more than five minutes later than its own receipt dates nothing."""
    mad = AnchorPoint("b", 0, RECEIVED + 300_001, RECEIVED)
    assert known(History((held(1, 10, "online"),), (claim(90, 1),), (mad,)))["a"] == Known()


def test_nothing_is_known_of_what_lies_after_the_last_word() -> None:
    """However far ahead a claim reaches, time is known to five minutes after it was received at most."""
    its = known(History((held(1, 10, "online"),), (claim(10 * RECEIVED, 1),), ANCHOR))["a"]
    assert its.on == ((10, RECEIVED + 300_000),)


@given(st.lists(st.tuples(st.integers(0, 200), st.integers(0, 400)), min_size=1, max_size=6), st.data())
def test_dating_is_monotonic_and_never_doubles_time(points: list[tuple[int, int]], data: st.DataObject) -> None:
    """However the clock jumped, dated spans follow one another and are no longer than the boot time they stand for."""
    dating = Dating((AnchorPoint("b", at, utc, RECEIVED) for at, utc in points), 0)
    cuts = sorted(data.draw(st.lists(st.integers(0, 250), min_size=2, max_size=6)))
    spans = [span for begin, end in pairwise(cuts) for span in dating.spans(begin, end)]
    edges = [edge for span in spans for edge in span]
    assert edges == sorted(edges)
    assert total(tuple(spans)) <= cuts[-1] - cuts[0]


def test_a_disciplined_clock_overrules_one_that_nobody_vouches_for() -> None:
    """An anchor of an undisciplined clock dates a boot until a better one arrives, then no part of it."""
    wild, sure = AnchorPoint("b", 0, 0, RECEIVED, 60_000), AnchorPoint("b", 100, 5_100, RECEIVED, 20)
    assert list(Dating([wild], 0).spans(0, 50)) == [(0, 50)]
    assert list(Dating([wild, sure], 0).spans(0, 50)) == [(5_000, 5_050)]


def test_a_clock_that_nobody_vouches_for_must_agree_with_the_centers() -> None:
    """A box that woke hours behind dates nothing by itself; messages that were all held up for long prove nothing."""
    wild = AnchorPoint("b", 0, 0, RECEIVED, 60_000)
    assert list(Dating([wild], 300_000).spans(0, 50)) == [(0, 50)]
    assert list(Dating([wild], 300_001).spans(0, 50)) == []
    events = (held(1, 10, "online"),)
    prompt, late = claim(90, 1)._replace(zero_ms=10), claim(90, 1)._replace(zero_ms=399_910)
    assert known(History(events, (prompt,), (wild,)))["a"].on == ((10, 90),)
    assert known(History(events, (late,), (wild,))).get("a", Known()) == Known()


def test_dating_squeezes_a_backward_jump_and_leaves_a_forward_jump_to_nobody() -> None:
    """A clock set back costs known time, a clock set forward leaves a hole: neither invents any."""
    back = Dating([AnchorPoint("b", 0, 1000, RECEIVED), AnchorPoint("b", 100, 1050, RECEIVED)], 0)
    assert list(back.spans(0, 200)) == [(1000, 1050), (1050, 1150)]
    forth = Dating([AnchorPoint("b", 0, 1000, RECEIVED), AnchorPoint("b", 100, 5000, RECEIVED)], 0)
    assert list(forth.spans(0, 200)) == [(1000, 1100), (5000, 5100)]


def test_the_current_state_is_the_last_held_unless_something_is_missing() -> None:
    """The newest transition counts at once, before any claim reaches it; a seq known to be missing makes it unknown."""
    events = (held(1, 10, "online"), held(2, 20, "offline", "b"))
    assert current(History(events), "s") == {"a": "online", "b": "offline"}
    assert current(History(events, (claim(30, 3),)), "s") == {"a": "unknown", "b": "unknown"}
    assert current(History(events), "another") == {}
