from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.decide.schedule import MOMENTS, left_s, next_due_ms, offset_ms, window_day

slots = st.text(min_size=1, max_size=20)
intervals = st.floats(0.001, 86_400)


@given(slots, intervals, st.integers(0, 10**12))
def test_due_within_one_interval_on_a_fixed_grid(slot: str, interval_s: float, after_ms: int) -> None:
    """The next instant is later than now, at most one interval away, and always on the slot's grid."""
    due, interval = next_due_ms(slot, interval_s, after_ms=after_ms), round(interval_s * 1000)
    assert after_ms < due <= after_ms + interval
    assert (due - offset_ms(slot, interval_s)) % interval == 0


def test_missed_instants_are_skipped() -> None:
    """Being late by several intervals costs those instants: none is made up for."""
    first = next_due_ms("a", 30, after_ms=0)
    assert next_due_ms("a", 30, after_ms=first + 100_000) == first + 120_000


def test_the_offset_is_the_same_after_every_restart() -> None:
    """The offset is a stable hash of the slot, not of this process."""
    assert offset_ms("kitchen-2", 30) == 27_000


def test_slots_are_spread_over_the_interval() -> None:
    """A hundred slots fall into every tenth of the interval."""
    tenths = {offset_ms(f"slot-{n}", 30) // 3000 for n in range(100)}
    assert tenths == set(range(10))


def test_slots_begin_at_few_moments() -> None:
    """Several begin together, and of a hundred no more than a fifth."""
    begun = Counter(offset_ms(f"slot-{n}", 30) for n in range(100))
    assert len(begun) == MOMENTS
    assert max(begun.values()) <= 20


def test_an_interval_of_nothing_is_refused() -> None:
    """An interval below a millisecond would be a busy loop."""
    with pytest.raises(ValueError, match="less than a millisecond"):
        next_due_ms("a", 0, after_ms=0)


NIGHT, OVER_MIDNIGHT, ALWAYS = (2 * 3600, 4 * 3600), (23 * 3600, 1 * 3600), (0, 86_400)
AT_0300 = 1_799_953_200.0
"""2027-01-15 03:00 in Shanghai, 19:00 UTC of the day before."""


@pytest.mark.parametrize(
    ("window", "hours_later", "left"),
    [
        (NIGHT, 0.0, 3600),
        (NIGHT, -1.0, 7200),
        (NIGHT, -1.001, 0),
        (NIGHT, 0.999, 3.6),
        (NIGHT, 1.0, 0),
        (NIGHT, 24.0, 3600),
        (OVER_MIDNIGHT, -3.5, 5400),
        (OVER_MIDNIGHT, -2.5, 1800),
        (OVER_MIDNIGHT, 0.0, 0),
        (ALWAYS, 0.0, 21 * 3600),
    ],
)
def test_a_window_is_of_shanghai_time(window: tuple[int, int], hours_later: float, left: float) -> None:
    """Half-open, the same every day, over midnight where it ends before it begins."""
    assert left_s(*window, AT_0300 + 3600 * hours_later) == pytest.approx(left)


def test_a_window_over_midnight_is_one_night() -> None:
    """Before and after midnight it is the same window; the next evening another."""
    nights = [window_day(OVER_MIDNIGHT[0], AT_0300 + 3600 * later) for later in (-3.5, -2.5, 20.5)]
    assert nights[0] == nights[1] == nights[2] - 1
