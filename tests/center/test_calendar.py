"""Terms, holidays and opening hours, worked out by hand."""

from pathlib import Path

import pytest

from center.calendar import Entry, Gap, clash, windows
from center.intervals import total
from center.rate import SHANGHAI, Rules, moment_ms, month_span
from center.report import When, report
from center.store import Store
from tests.center.test_registry import P1, POSITIONS, UNITS, refused, take

HOUR = 3_600_000
TERM = Entry("2026-09-01", "2027-01-20", "12345", "06:30-19:00")
HOLIDAY = Entry("2026-10-01", "2026-10-07")
MOVED = Entry("2026-10-10", "2026-10-10", "", "06:30-19:00")


def at(text: str) -> int:
    return moment_ms(text, SHANGHAI)


def test_a_month_with_holidays_by_hand() -> None:
    """October 2026: 22 weekdays, five of them holidays, one Saturday worked instead: 18 days of 12.5 hours."""
    found = windows("41", (TERM, HOLIDAY, MOVED), month_span("2026-10"))
    assert total(found) == 18 * 25 * HOUR // 2
    assert found[0] == (at("2026-10-08 06:30"), at("2026-10-08 19:00"))
    assert (at("2026-10-10 06:30"), at("2026-10-10 19:00")) in found


def test_the_shortest_row_of_a_day_decides() -> None:
    """A holiday lies over its term, a day of work over the holiday; the rows' order does not matter."""
    week = (at("2026-10-05"), at("2026-10-12"))
    one = windows("41", (TERM, HOLIDAY, MOVED), week)
    assert windows("41", (MOVED, HOLIDAY, TERM), week) == one
    assert len(one) == 3


def test_a_day_that_no_row_covers_is_a_gap() -> None:
    """Whether it is assessed is not guessed; the day is named."""
    with pytest.raises(Gap) as caught:
        windows("4101", (TERM,), (at("2026-08-31"), at("2026-09-03")))
    assert caught.value.day == "2026-08-31"


def test_rows_of_one_length_for_one_day_clash() -> None:
    """Neither is the exception of the other, unless they speak of different weekdays."""
    saturday = TERM._replace(weekdays="6", hours="08:00-12:00")
    assert clash((TERM, saturday, HOLIDAY)) is None
    assert clash((TERM, HOLIDAY, HOLIDAY._replace(from_day="2026-10-02", to_day="2026-10-08"))) is not None


CALENDAR = "scope,kind,from_day,to_day,weekdays,hours\n"
PROVINCE = "41,,2026-01-01,2026-12-31,1-5,06:30-19:00\n41,,2026-10-01,2026-10-07,,\n"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = Store(str(tmp_path / "center.db"))
    take(made, UNITS.encode(), (POSITIONS + P1).encode())
    return made


def assessed(store: Store, month: str) -> int:
    span = month_span(month)
    with store.read() as reader:
        rules = Rules(calendar=True)
        return report(reader, When(month, span, span[1], live=False), "city", rules).total.figures.assessed


def test_the_nearest_calendar_counts(store: Store) -> None:
    """A unit's own before its county's, that before the city's; one of its kind before one of all."""
    with pytest.raises(Gap):
        assessed(store, "2026-10")
    take(store, (CALENDAR + PROVINCE).encode())
    assert assessed(store, "2026-10") == 17 * 25 * HOUR // 2
    take(store, (CALENDAR + "4101,caterer,2026-01-01,2026-12-31,,00:00-24:00\n").encode())
    assert assessed(store, "2026-10") == 17 * 25 * HOUR // 2
    take(store, (CALENDAR + "4101,canteen,2026-01-01,2026-12-31,,00:00-24:00\n").encode())
    assert assessed(store, "2026-10") == 31 * 24 * HOUR
    take(store, (CALENDAR + "U1,,2026-01-01,2026-12-31,,10:00-11:00\n").encode())
    assert assessed(store, "2026-10") == 31 * HOUR


def test_a_calendar_of_nothing_is_refused(store: Store) -> None:
    """An unknown scope, a row that ends before it begins, two rows of one length for one day."""
    assert (
        "neither the code of a region nor a unit's id"
        in refused(store, (CALENDAR + "U9,,2026-01-01,2026-12-31,,\n").encode())[0]
    )
    assert "the end lies before" in refused(store, (CALENDAR + "41,,2026-01-02,2026-01-01,,\n").encode())[0]
    two = "41,,2026-10-01,2026-10-07,,\n41,,2026-10-05,2026-10-11,,\n"
    assert "has two rows of one length for one day" in refused(store, (CALENDAR + two).encode())[0]
