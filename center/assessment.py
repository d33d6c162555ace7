"""Whether a year's item scores: by the deadlines of the policy, month by month. Figures come in, words go out.

A month's coverage and rate are worked out elsewhere. From a deadline on what it asks must hold in every month: the
notice says that a place without full coverage in time, or with an online rate below 100 %, scores nothing (四.2).
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from center.days.engine import Assessed
from contract.policy import Deadline

SCHOOL = "canteen"
"""The kind of unit that `school_canteens` of a deadline means."""

MET, FAILED, INSUFFICIENT, NOTHING, NOT_DUE = "met", "failed", "insufficient", "nothing", "not_due"
RUNNING, TO_COME, GONE = "running", "to_come", "gone"
"""A month that is not over, has not begun, or whose facts were given up before it was final: none of them decides."""
SCORES, SCORES_NOTHING, OPEN = "SCORES", "SCORES_NOTHING", "OPEN"


class Year(NamedTuple):
    """`months`: month -> how it stands; `verdict`: SCORES, SCORES_NOTHING, or OPEN while some month does not decide."""

    key: str
    name: str
    months: dict[str, str]
    verdict: str


def due(deadlines: Sequence[Deadline], last_day: str) -> list[Deadline]:
    """Those that bind a month that ends on this local day."""
    return [one for one in deadlines if one.by <= last_day]


def zero_today(rows: Sequence[Assessed]) -> tuple[int, int]:
    """How many of these places would score zero if assessed today, and of how many that have something to assess."""
    places = [row for row in rows if row.level != "all" and not row.kind and row.verdict != "NOT_ASSESSED"]
    return sum(row.verdict == "WOULD_SCORE_ZERO" for row in places), len(places)


def month_of_place(by_kind: Mapping[str, Assessed], bound: Sequence[Deadline]) -> str:
    """How one place stands in one month. `by_kind`: its rows, "" for all kinds together."""
    if not bound:
        return NOT_DUE
    found = {_asked(by_kind.get(SCHOOL if one.units == "school_canteens" else ""), one.what) for one in bound}
    for word in (FAILED, INSUFFICIENT, MET):
        if word in found:
            return word
    return NOTHING


def _asked(row: Assessed | None, what: str) -> str:
    if row is None or row.verdict == "NOT_ASSESSED":
        return NOTHING
    if row.verdict == "INSUFFICIENT":
        return INSUFFICIENT
    short = row.covered < row.obligated if what == "coverage" else row.numerator < row.denominator
    return FAILED if short else MET


def year_of_place(key: str, name: str, months: dict[str, str]) -> Year:
    words = set(months.values())
    if FAILED in words:
        verdict = SCORES_NOTHING
    elif MET in words and words <= {MET, NOTHING, NOT_DUE}:
        verdict = SCORES
    else:
        verdict = OPEN
    return Year(key, name, months, verdict)
