"""What stands above the table of a place: for the province the verdicts first, for all others whom to call."""

from typing import NamedTuple

from center.absent import Absent
from center.assessment import zero_today
from center.days.engine import Assessed
from center.rate import Count, percent
from center.registry.tree import Region
from center.show import word
from center.store.lists import UnitRow
from center.web import cells
from center.web.shelf import Figures, Missing
from center.web.site import Visit

WEEK_MS = 7 * 86_400_000


class Place(NamedTuple):
    """A region, the units that lie in it now, what of them is not online, and how many of all are."""

    region: Region
    units: list[UnitRow]
    absents: list[Absent]
    standing: Count


class Card(NamedTuple):
    """`about`: its definition. `mark`: bad, good or ""."""

    title: str
    text: str
    about: str
    more: str = ""
    mark: str = ""
    link: str = ""


def cards(visit: Visit, here: Place, figures: Figures | Missing, whole: Assessed | None) -> list[Card]:
    """`whole`: the place's own row of the month, None where there is none."""
    standing = _now(visit, here)
    if whole is None or not isinstance(figures, Figures):
        return standing
    lang, deciding = visit.lang, visit.site.rule.deciding
    share = (whole.numerator, whole.denominator)
    mark = cells.MARKS[whole.verdict]
    rate = Card(cells.rate_title(deciding, deciding, lang), percent(*share), f"reading_{deciding}", _of(*share), mark)
    coverage = (whole.covered, whole.obligated)
    known = (whole.on_ms + whole.off_ms, whole.e_ms)
    month = [
        Card(word("coverage", lang), percent(*coverage), "coverage", _of(*coverage)),
        rate,
        Card(word("evidence", lang), percent(*known), "evidence", visit.say("其余为未知", "the rest is unknown")),
    ]
    if here.region.parent:
        return [*standing, *month]
    zero, places = zero_today([row for row in figures.assessed if row.level == "row"])
    title = visit.say("如今日考核不得分", "would score zero today")
    link = visit.again(failing="1", page="")
    return [Card(title, f"{zero}/{places}", "verdict", "", "bad" if zero else "good", link), *month, *standing]


def _now(visit: Visit, here: Place) -> list[Card]:
    count, code, lang = here.standing, here.region.code, visit.lang
    lasting = [visit.now.at_ms - one.since_ms for one in here.absents if one.state != "never_seen"]
    long = sum(ms > WEEK_MS for ms in lasting)
    found = []
    for state, title in (
        ("offline", visit.say("现在离线", "offline now")),
        ("unknown", word("unknown", lang)),
        ("never_seen", word("never_seen", lang)),
    ):
        number = getattr(count, state)
        mark = ("bad" if number else "good") if state == "offline" else ""
        found.append(Card(title, str(number), state, "", mark, visit.url("now", code, state=state)))
    title, link = visit.say("连续超过 7 天", "for more than 7 days"), visit.url("now", code, days="7")
    found.insert(1, Card(title, str(long), "lasting", "", "bad" if long else "", link))
    share = (count.online, count.registered)
    return [*found, Card(word("online", lang), _of(*share), "online", percent(*share))]


def _of(numerator: int, denominator: int) -> str:
    return f"{numerator}/{denominator}"


def total(figures: Figures | Missing, region: Region, kind: str) -> Assessed | None:
    if not isinstance(figures, Figures):
        return None
    level = "all" if not region.parent else "row" if region.place else "county"
    key = region.code if region.parent else None
    mine = (row for row in figures.assessed if row.level == level and row.kind == kind and key in (None, row.key))
    return next(mine, None)
