import pytest
from hypothesis import given
from hypothesis import strategies as st

from center.intervals import EMPTY, intersection, normal, total
from center.rate import (
    Count,
    Figures,
    Rules,
    count,
    dark,
    figures,
    lit,
    local,
    month_span,
    percent,
    pooled,
    service,
    state_at,
)
from center.timeline import Known

RULES = Rules("visible", 180_000)
spans = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=6).map(normal)


@given(spans, spans, spans, spans, st.sampled_from(("visible", "local")))
def test_on_off_and_unknown_fill_the_assessed_time(
    a: object, b: object, serv: object, silence: object, how: str
) -> None:
    """E = On + Off + Unknown with none negative; dark takes from On only and never changes E or Off."""
    on, off, in_service, dark_time = (normal(x) for x in (a, b, serv, silence))  # type: ignore[arg-type]
    known = Known(on, normal(s for s in off if not intersection((s,), on)))
    made = figures(in_service, lit(known, dark_time, Rules(how, 180_000)))  # type: ignore[arg-type]
    assert made.assessed == total(in_service)
    assert made.unknown >= 0
    assert made.off == total(intersection(known.off, in_service))
    bright = figures(in_service, lit(known, EMPTY, RULES))
    assert made.on <= bright.on
    assert how == "visible" or made == bright


def test_a_slot_never_heard_of_counts_in_full() -> None:
    """Registered and unknown all month: nothing of it is online, all of it may have been."""
    made = figures(((0, 1000),), Known())
    assert (made.slots, made.assessed, made.on, made.unknown) == (1, 1000, 0, 1000)


def test_pooled_is_the_sum_of_times_not_the_mean_of_rates() -> None:
    """A slot of one hour and one of three weigh one to three."""
    both = pooled([Figures(1, 100, 100, 0), Figures(1, 300, 0, 300)])
    assert (both.on, both.assessed) == (100, 400)


def test_service_runs_from_acceptance_to_the_act_that_ends_it() -> None:
    """Service is cut to the month; before acceptance and after the end nothing is assessed."""
    assert service(50, None, (0, 100)) == ((50, 100),)
    assert service(50, 70, (0, 100)) == ((50, 70),)
    assert service(150, None, (0, 100)) == EMPTY
    assert service(10, 20, (30, 100)) == EMPTY


def test_dark_is_silence_beyond_the_grace_while_the_center_listened() -> None:
    """Silence is dark from the 181st second on; the center's own downtime and first 180 s are not."""
    uptime = ((0, 10_000_000),)
    assert dark(((0, 1_000_000), (2_000_000, 9_900_000)), uptime, RULES) == ((1_180_000, 2_000_000),)
    assert dark(((0, 100_000),), ((0, 200_000), (5_000_000, 6_000_000)), RULES) == ((5_180_000, 6_000_000),)
    assert dark(EMPTY, EMPTY, RULES) == EMPTY


@pytest.mark.parametrize(
    ("numerator", "denominator", "text"),
    [
        (42_293, 42_489, "99.54%"),  # as a ministry printed it: the fifth decimal rounds up
        (1, 3, "33.33%"),
        (2, 3, "66.67%"),
        (1, 8_000, "0.01%"),  # 0.0125
        (3, 20_000, "0.02%"),  # 0.015, half up
        (99_999, 100_000, "99.99%"),
        (2**60 - 1, 2**60, "99.99%"),
        (1, 2**60, "0.01%"),
        (1, 1, "100.00%"),
        (0, 5, "0.00%"),
        (0, 0, "n/a"),
    ],
)
def test_percentages_are_rounded_but_never_into_a_pass(numerator: int, denominator: int, text: str) -> None:
    """Half up to two decimals; 100.00 is all and 0.00 is none, and nothing to assess is neither."""
    assert percent(numerator, denominator) == text


def test_months_are_those_of_shanghai() -> None:
    """A month begins at 16:00 UTC of the day before."""
    begin, end = month_span("2026-12")
    assert local(begin).isoformat() == "2026-12-01T00:00:00+08:00"
    assert local(end).isoformat() == "2027-01-01T00:00:00+08:00"
    assert end - begin == 31 * 86_400_000


@pytest.mark.parametrize("text", ["2026-13", "2026-1", "26-01", "2026-00", " 2026-01", "2026-01\n"])
def test_what_is_no_month_is_refused(text: str) -> None:
    """Only YYYY-MM is a month."""
    with pytest.raises(ValueError, match="2"):
        month_span(text)


def test_every_slot_is_counted_once() -> None:
    """Online, offline, unknown and never seen add up to registered."""
    counts = [count(state, seen=seen) for state in ("online", "offline", "unknown") for seen in (True, False)]
    for one in counts:
        assert one.registered == one.online + one.offline + one.unknown + one.never_seen == 1
    assert counts[-1] == Count(registered=1, never_seen=1)


def test_the_state_at_a_past_moment_is_what_is_proven_of_it() -> None:
    """The begin of an interval is in it, its end is not, elsewhere is unknown."""
    known = Known(((10, 20),), ((20, 30),))
    assert [state_at(known, moment) for moment in (9, 10, 19, 20, 29, 30)] == [
        *("unknown", "online", "online", "offline", "offline", "unknown")
    ]
