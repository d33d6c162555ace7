"""What the fault log says of availability."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from contract.vocabulary import Availability
from simulator.faults import FAULTS, Entry, read_log
from simulator.truth import TRUTH, Interval, available_ms, intervals

ON, OFF, UNKNOWN = Availability.ONLINE, Availability.OFFLINE, Availability.UNKNOWN
LOG = [Entry(1000, "a", "none"), Entry(3000, "a", "off"), Entry(2500, "b", "off"), Entry(4000, "a", "none")]


def test_time_before_the_first_entry_is_unknown() -> None:
    """Nobody knows what a camera was before the log began, so it is not available."""
    assert intervals(LOG, "a", 0, 2000) == [Interval(0, 1000, UNKNOWN), Interval(1000, 2000, ON)]
    assert available_ms(LOG, "a", 0, 2000) == 1000


def test_off_interrupts() -> None:
    """Available time is that of none minus that of off, clipped to the span; other slots do not count."""
    assert available_ms(LOG, "a", 1000, 6000) == 4000
    assert available_ms(LOG, "a", 2900, 4100) == 200
    assert available_ms(LOG, "b", 0, 9000) == 0


def test_faults_that_change_nothing_join() -> None:
    """A frozen camera is online: no border appears."""
    log = [Entry(0, "a", "none"), Entry(10, "a", "freeze"), Entry(20, "a", "black"), Entry(30, "a", "none")]
    assert intervals(log, "a", 0, 40) == [Interval(0, 40, ON)]


def test_refusals_are_unknown_and_never_offline() -> None:
    """Whoever is not let in cannot say that a camera is offline."""
    assert {TRUTH[name] for name in ("wrong-password", "lockout")} == {UNKNOWN}
    assert TRUTH["off"] is TRUTH["rtsp-closed"] is OFF


def test_the_log_is_read_back() -> None:
    """Lines of the log become entries; blank lines do not matter."""
    assert read_log(['{"utc_ms":5,"slot":"a","fault":"off"}\n', "\n"]) == [Entry(5, "a", "off")]


@given(st.lists(st.tuples(st.integers(0, 1000), st.sampled_from(sorted(FAULTS))), max_size=20))
def test_intervals_tile_the_span(strokes: list[tuple[int, str]]) -> None:
    """Whatever the log, the intervals cover the span once, in order, and neighbours differ."""
    log = [Entry(at, "a", fault) for at, fault in strokes]
    found = intervals(log, "a", 100, 900)
    assert found[0].from_ms == 100
    assert found[-1].to_ms == 900
    for left, right in pairwise(found):
        assert left.to_ms == right.from_ms
        assert left.standing is not right.standing
    assert 0 <= available_ms(log, "a", 100, 900) <= 800
