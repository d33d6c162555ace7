"""What is worked out once for all transitions, or not sought where nothing differs, is what the definition says."""

from collections import defaultdict
from collections.abc import Iterator
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from center import testimony
from center.beats import Stretch
from center.intervals import Maxima, intersection, normal
from center.live import Live
from center.one_run import OneRun
from center.testimony import as_claims, lines, told_by_run
from center.timeline import History, Run, sessions
from center.zero import Clock
from tests.center.boxes import Faults, Kitchen
from tests.center.hearing import hear
from tests.center.letters import T0
from tests.center.slowly import Slowly
from tests.center.villains import MINUTE, Box, Villain
from tests.support.examples import examples

EXAMPLES = examples(100, 10_000)
UP = ((T0 - 60 * MINUTE, T0 + 170 * MINUTE), (T0 + 180 * MINUTE, T0 + 1000 * MINUTE))
DARK_AFTER = 180_000
randoms = st.integers(0, 2**48).map(Random)


def both(t: testimony.Testimony, within_ms: int) -> Iterator[tuple[OneRun, Slowly, list[Stretch]]]:
    """Each run of a gateway, told to both."""
    boots = {s.alike.boot for s in t.beats} | {a.boot for a in t.anchors}
    clocks = {
        boot: Clock([s for s in t.beats if s.alike.boot == boot], [a for a in t.anchors if a.boot == boot])
        for boot in boots
    }
    heard = normal((s.first_ms, s.last_ms + DARK_AFTER) for s in t.beats)
    live, told, line = Live(intersection(heard, t.up), within_ms), told_by_run(t), lines(t)
    beats: dict[Run, list[Stretch]] = defaultdict(list)
    for s in t.beats:
        beats[s.alike[:3]].append(s)
    for run, session in sessions(History(t.held, tuple(as_claims(told)))).items():
        if clock := clocks.get(run[2]):
            its = (run, session, told.get(run, []), line.get(run[:2], []), clock, live)
            yield OneRun(*its), Slowly(*its), beats[run]


def same(t: testimony.Testimony, within_ms: int) -> None:
    for one, slow, beats in both(t, within_ms):
        assert {slot: normal(spans) for slot, spans in one.off().items()} == {
            slot: normal(spans) for slot, spans in slow.off().items()
        }
        assert one.on() == slow.on()
        assert one.doubt(beats, ()) == slow.doubt(beats, ())
        assert one.findings == slow.findings


withins = st.sampled_from((60_000, 30 * MINUTE, 10**12))


@settings(max_examples=EXAMPLES, deadline=None)
@given(randoms, withins)
def test_of_a_box_that_lies_the_quick_way_says_what_the_definition_says(rnd: Random, within_ms: int) -> None:
    """On, off, doubt and findings of every run, whatever is told when."""
    box = Box(rnd)
    said = box.run() + Villain(rnd, box, rnd.randint(1, box.minutes)).lies(rnd.choice((0, 3, 12, 60)))
    same(hear(said, UP), within_ms)


@settings(max_examples=EXAMPLES, deadline=None)
@given(randoms, st.builds(Faults, *(st.booleans() for _ in Faults._fields)), withins)
def test_of_a_box_in_trouble_the_quick_way_says_what_the_definition_says(
    rnd: Random, faults: Faults, within_ms: int
) -> None:
    """Crashes, lost and late messages, put-back and copied cards, wrong clocks."""
    world = Kitchen(rnd, faults).run()
    same(hear([m for m in world.messages if rnd.random() < 0.95], UP), within_ms)


@given(st.lists(st.integers(-5, 5), min_size=1, max_size=40), st.booleans(), st.data())
def test_the_greatest_of_any_part(values: list[int], rising: bool, data: st.DataObject) -> None:
    """Of any part of a list, whether or not it rises."""
    values = sorted(values) if rising else values
    begin = data.draw(st.integers(0, len(values) - 1))
    end = data.draw(st.integers(begin + 1, len(values)))
    assert Maxima(values).most(begin, end) == max(values[begin:end])
    value = data.draw(st.integers(-6, 5))
    assert Maxima(values).above(value, begin, end) == next((i for i in range(begin, end) if values[i] > value), end)
