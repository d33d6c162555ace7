"""A camera's time as spans: nothing is left out, each says why and whether it counts; they add up to the report."""

import re
from itertools import pairwise

import pytest

from center.intervals import normal
from center.model import Bound, Position
from center.rate import Rules
from center.report import Life, When, lives, report
from center.store import Store
from center.store.cameras import Exclusion
from center.timeline import Known
from center.web import lifeline, strips
from center.web.lifeline import APART, OFFLINE, ONLINE, PLANNED, UNKNOWN, pieces
from tests.center.provinces import MONTH, SPAN, made

KINDS = frozenset({"canteen", "caterer"})


def of(**sets: tuple[tuple[int, int], ...]) -> Life:
    bound = Bound("g", "k", 0)
    known = Known(normal(sets.get("on", ())), normal(sets.get("off", ())))
    whole = ((0, 100),)
    rest = (sets.get("dark", ()), sets.get("withdrawn", ()), sets.get("up", whole))
    return Life(Position("P", (), (bound,)), sets.get("assessed", whole), known, *rest)


def test_every_moment_is_in_one_span_that_says_why() -> None:
    """Not assessed before planned, then what was known, then the reason why it was not."""
    life = of(
        assessed=((10, 90),),
        on=((10, 20), (50, 60)),
        off=((20, 30),),
        dark=((30, 40),),
        withdrawn=((40, 45),),
        up=((0, 70), (80, 100)),
    )
    left_out = Exclusion(90, 100, "planned", "", "", "", 0, "")
    found = pieces(life, [left_out], (0, 100))
    assert [(one.state, one.begin, one.end, one.why) for one in found] == [
        (APART, 0, 10, "service"),
        (ONLINE, 10, 20, ""),
        (OFFLINE, 20, 30, ""),
        (UNKNOWN, 30, 40, "dark"),
        (UNKNOWN, 40, 45, "withdrawn"),
        (UNKNOWN, 45, 50, "untold"),
        (ONLINE, 50, 60, ""),
        (UNKNOWN, 60, 70, "untold"),
        (UNKNOWN, 70, 80, "away"),
        (UNKNOWN, 80, 90, "untold"),
        (PLANNED, 90, 100, "excluded"),
    ]
    assert [one.evidence_ms for one in found[3:6]] == [30, 30, 30]
    assert found[8].evidence_ms == 60
    assert found[1].evidence_ms is None
    assert sum(lifeline.sums(found).values()) == 100


def test_the_spans_of_a_month_add_up_to_the_report(url: str) -> None:
    """Online, offline and unknown of each position are its On, Off and the rest of E, to the millisecond."""
    store = Store(made(url))
    when = When(MONTH, SPAN, SPAN[1] - 1, live=False)
    rules = Rules(kinds=KINDS)
    with store.read() as reader:
        rows = {row.key: row.figures for row in report(reader, when, "slot", rules).rows}
        names = [f"P{number}" for number in range(1, 8)]
        for life in lives(reader, when, rules, names):
            name = life.position.position
            found = pieces(life, reader.exclusions_of(name, SPAN), SPAN)
            assert (found[0].begin, found[-1].end) == SPAN
            assert all(a.end == b.begin for a, b in pairwise(found))
            sums, figures = lifeline.sums(found), rows[name]
            assert sums[ONLINE] == figures.on, name
            assert sums[OFFLINE] == figures.off, name
            assert sums[UNKNOWN] == figures.unknown, name
    store.close()


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_a_strip_shows_each_span_where_it_is(lang: str) -> None:
    """Left edge and width in percent of the whole; what is to come stays empty; a fault of the picture lies below."""
    found = pieces(of(on=((0, 25),), off=((25, 50),)), [], (0, 50))
    drawn = str(strips.strip(found, [(10, 20, "<b>")], (0, 100), lang, 'x"<'))
    rects = re.findall(r'<rect x="([\d.]+)%" y="0" width="([\d.]+)%" height="\d+" fill="url\(#p-(\w+)\)"', drawn)
    assert rects == [("0.000", "25.000", "online"), ("25.000", "25.000", "offline")]
    assert re.findall(r'<rect x="10.000%" y="27" width="10.000%"', drawn)
    assert "<b>" not in drawn
    letters = re.findall(r"(?:stroke-width=\"3\">)(.)<", drawn)
    assert letters == [lifeline.NAMES[state][2 + (lang == "en")] for state in (ONLINE, OFFLINE)]
