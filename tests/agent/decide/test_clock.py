"""What is believed of the wall clock: first by example, then whatever it does."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.decide.clock import (
    FAR_MS,
    GRACE_MS,
    LEAP_MS,
    PATIENCE_MS,
    RELEASED_MS,
    UNSYNCED_ERR_MS,
    Anchoring,
    Clock,
    Floor,
    Reading,
    floor,
    step,
)
from contract.vocabulary import ClockDoubt

HOUR, DAY, DECADE = 3_600_000, 86_400_000, 10 * 366 * 86_400_000
TRUE = RELEASED_MS + 100 * DAY
"""UTC at boot ms 0, truly."""


def fresh(kept: Floor | None = None) -> Clock:
    return Clock(floor=floor(kept, "now"))


def reading(at: int, off: int = 0, *, synced: bool = False) -> Reading:
    """The wall clock is off by `off` ms at boot ms `at`."""
    return Reading(at=at, utc_ms=max(0, TRUE + at + off), synced=synced, err_ms=20)


def run(clock: Clock, *readings: Reading) -> tuple[Clock, list[Anchoring]]:
    told = []
    for one in readings:
        clock, anchoring = step(clock, one)
        told += [anchoring] if anchoring else []
    return clock, told


def test_a_disciplined_clock_anchors_once_and_again_when_it_has_stepped() -> None:
    """Once at synchronisation; slewing does not repeat it, a step of more than 2 s does."""
    steps = [(1000, 0), (2000, 500), (3000, -2000), (4000, 2001), (5000, 2001)]
    clock, told = run(fresh(), *(reading(at, off, synced=True) for at, off in steps))
    assert [(one.at, one.err_ms, one.source) for one in told] == [(1000, 20, "ntp"), (4000, 20, "ntp")]
    assert clock.doubt is None


def test_a_box_that_wakes_in_1970_is_undated_until_it_is_set() -> None:
    """A clock before the last certain time is not trusted and gives no anchor; the first disciplined word does."""
    lost = [reading(at, -TRUE) for at in range(0, 60_000, 1000)]
    clock, told = run(fresh(), *lost)
    assert (clock.doubt, told) == (ClockDoubt.BEHIND, [])
    assert clock.utc_ms(60_000) == RELEASED_MS + 60_000
    clock, told = run(clock, reading(61_000, synced=True))
    assert (clock.doubt, [one.utc_ms for one in told]) == (None, [TRUE + 61_000])


@pytest.mark.parametrize(
    ("off", "doubt"),
    [(-61_000, ClockDoubt.BEHIND), (-59_000, None), (0, None), (FAR_MS - DAY, None), (FAR_MS + DAY, ClockDoubt.AHEAD)],
)
def test_an_undisciplined_clock_must_not_contradict_the_floor(off: int, doubt: ClockDoubt | None) -> None:
    """It anchors, with an error of a minute, unless it is before the last certain time or absurdly far after it."""
    clock, told = run(fresh(Floor(boot="earlier", at=5 * HOUR, utc_ms=TRUE)), reading(1000, off))
    assert clock.doubt is doubt
    assert [(one.source, one.err_ms) for one in told] == ([] if doubt else [("system", UNSYNCED_ERR_MS)])


def test_the_floor_goes_on_with_the_boot_clock() -> None:
    """What was certain some time ago is certain of a moment as much later; another boot began after it."""
    same, other = Floor(boot="now", at=1000, utc_ms=TRUE), Floor(boot="earlier", at=9 * DAY, utc_ms=TRUE)
    assert floor(same, "now").by(1000 + HOUR) == TRUE + HOUR
    assert floor(other, "now").by(HOUR) == TRUE + HOUR
    assert floor(Floor(boot="earlier", at=0, utc_ms=0), "now").utc_ms == floor(None, "now").utc_ms == RELEASED_MS


def test_an_undisciplined_clock_never_overrules_a_disciplined_one() -> None:
    """Once a disciplined clock has spoken, no other anchors in this run, and one that jumped is not trusted."""
    clock, told = run(fresh(), reading(1000, synced=True), reading(2000), reading(3000, 5000), reading(HOUR, 5000))
    assert len(told) == 1
    assert clock.doubt is ClockDoubt.LEAPT
    assert clock.utc_ms(HOUR) == TRUE + HOUR


@pytest.mark.parametrize("off", [-DECADE, DECADE, -DAY, LEAP_MS + 1, -TRUE])
@pytest.mark.parametrize("synced", [True, False])
def test_a_leap_must_stand_before_it_is_believed(off: int, synced: bool) -> None:
    """A clock that leaps away and comes back within ten minutes moves nothing; trust is back with it."""
    away = [reading(at, off, synced=synced) for at in range(2000, PATIENCE_MS, 10_000)]
    clock, told = run(fresh(), reading(1000, synced=synced), *away)
    assert len(told) == 1
    assert clock.doubt is ClockDoubt.LEAPT
    assert clock.utc_ms(PATIENCE_MS) == TRUE + PATIENCE_MS
    clock, told = run(clock, reading(PATIENCE_MS, synced=synced))
    assert (clock.doubt if synced else None, told) == (None, [])


def standing(off: int, center: int | None = None) -> list[Reading]:
    """A disciplined clock that is off by `off` ms for a little longer than patience lasts; what the center's is off."""
    at_s = range(2000, PATIENCE_MS + 20_000, 10_000)
    told = None if center is None else TRUE + center
    return [msgspec.structs.replace(reading(at, off, synced=True), center=told) for at in at_s]


def test_a_leap_forward_of_a_disciplined_clock_that_stands_is_believed() -> None:
    """After ten minutes a source that insists is right, where nobody speaks against it."""
    clock, told = run(fresh(), reading(1000, synced=True), *standing(DAY))
    assert [one.utc_ms - one.at - TRUE for one in told] == [0, DAY]
    assert clock.doubt is None
    assert clock.floor.by(0) == TRUE + DAY


@pytest.mark.parametrize("off", [-DAY, -1024 * 7 * DAY])
def test_below_what_is_certain_nobody_is_believed_however_long(off: int) -> None:
    """A time source 1,024 weeks back (or a spoofed one) anchors nothing and lowers nothing, however long it stands."""
    clock, told = run(fresh(), reading(1000, synced=True), *standing(off))
    assert [one.utc_ms - one.at - TRUE for one in told] == [0]
    assert clock.doubt is ClockDoubt.BEHIND
    assert clock.floor.by(0) == TRUE
    clock, told = run(clock, reading(PATIENCE_MS + 30_000, synced=True))
    assert (told, clock.doubt) == ([], None)


@pytest.mark.parametrize(("off", "doubt"), [(-DAY, ClockDoubt.BEHIND), (DAY, ClockDoubt.AHEAD)])
def test_the_centers_clock_outweighs_whoever_sets_ours(off: int, doubt: ClockDoubt) -> None:
    """What the center's acknowledgements say is a witness: against it no source is believed, with it any, at once."""
    clock, told = run(fresh(), reading(1000, synced=True), *standing(off, center=0))
    assert [one.utc_ms - one.at - TRUE for one in told] == [0]
    assert clock.doubt is doubt
    clock, told = run(fresh(), reading(1000, DECADE, synced=True), *standing(0, center=0)[:2])
    assert [one.utc_ms - one.at - TRUE for one in told] == [DECADE, 0], "a floor that was a lie is left"
    assert clock.doubt is None


def test_nobody_needs_to_have_set_the_clock_at_once() -> None:
    """That no source disciplines the clock is a doubt after five minutes, and again after it was lost for as long."""
    clock, _ = run(fresh(), reading(1000), reading(GRACE_MS))
    assert clock.doubt is None
    clock, _ = run(clock, reading(GRACE_MS + 1001))
    assert clock.doubt is ClockDoubt.UNSYNCED
    clock, _ = run(clock, reading(GRACE_MS + 2000, synced=True))
    assert clock.doubt is None
    lost = 2 * GRACE_MS
    assert run(clock, reading(lost))[0].doubt is None
    assert run(clock, reading(lost), reading(lost + GRACE_MS + 1))[0].doubt is ClockDoubt.UNSYNCED


offsets = st.integers(-2 * DECADE, 2 * DECADE) | st.integers(-5000, 5000) | st.just(-TRUE) | st.just(0)


@given(st.lists(st.tuples(st.integers(1, 2 * PATIENCE_MS), offsets, st.booleans()), max_size=40))
def test_whatever_the_clock_does(moves: list[tuple[int, int, bool]]) -> None:
    """An undisciplined clock never lowers the floor, never anchors before it, and never after a disciplined one."""
    clock, at, sure = fresh(Floor(boot="earlier", at=0, utc_ms=TRUE - HOUR)), 0, False
    for pause, off, synced in moves:
        at += pause
        now = reading(at, off, synced=synced)
        before = clock.floor.by(at)
        clock, told = step(clock, now)
        if told:
            assert (told.at, told.utc_ms) == (now.at, now.utc_ms)
            assert synced or (not sure and told.utc_ms >= before - 60_000 and told.err_ms >= UNSYNCED_ERR_MS)
        if not synced:
            assert clock.floor.by(at) == before
        sure = sure or (told is not None and synced)
        assert clock.sure == sure
