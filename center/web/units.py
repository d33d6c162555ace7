"""A unit: "12 of 12 in order" or the one thing to do; then each camera with its last 24 hours."""

from collections.abc import Sequence
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from center.absent import Absent, cause_words
from center.rate import Count, percent
from center.readings import DAY_MS, NAMES
from center.show import word
from center.store.lists import UnitRow
from center.web import cells, lifeline, strips
from center.web.absences import heard
from center.web.answers import listed, table_page
from center.web.crumbs import ending, region_crumbs
from center.web.moment import causes, counted
from center.web.planned import words_of
from center.web.shelf import Figures, Missing
from center.web.site import Visit, nothing
from center.web.tables import Cell, Column
from center.web.times import times_of
from contract.text import lasted
from contract.vocabulary import MARKS, Standing

COMING_MS = 31 * DAY_MS


class Lead(NamedTuple):
    """What stands first. `good`: all is in order."""

    good: bool
    text: str
    todo: str
    more: tuple[str, ...]


def unit_seen(visit: Visit) -> UnitRow:
    """The unit of the path, if it is there and theirs."""
    unit = visit.now.units.get(visit.request.path_params["unit"])
    if unit is None or not visit.scope.unit_seen(visit.now.tree, unit.unit, unit.region):
        raise nothing()
    return unit


def unit_page(request: Request) -> Response:
    visit = Visit(request)
    unit, now, lang, say = unit_seen(visit), visit.now, visit.lang, visit.say
    absents = now.absent_at(unit.unit)
    by_position = {one.position: one for one in absents}
    figures = visit.figures()
    with visit.site.store.read() as reader:
        names = reader.cameras_of(unit.unit, now.at_ms)
        positions = reader.positions([position for position, _ in names])
        times = times_of(
            reader, visit, positions, (now.at_ms - DAY_MS, now.at_ms), say("最近 24 小时", "last 24 hours")
        )
        coming = reader.stops_of([unit.unit], (now.at_ms, now.at_ms + COMING_MS))
        places = {one.position: one.heard_at(now.at_ms) for one in positions}
    deciding = visit.site.rule.deciding
    columns = [
        Column("zone", word("zone", lang)),
        Column("state", word("state", lang), "online"),
        Column("lasting", word("lasting", lang), "lasting", figure=True),
        Column("cause", word("reason", lang), "cause"),
        Column("rate", cells.rate_title(deciding, deciding, lang), f"reading_{deciding}", figure=True),
        Column("heard", say("网关最近上报", "gateway last heard"), "heard", figure=True),
        Column("gateway", word("gateway", lang)),
    ]
    rows = []
    for position, zone in names:
        one = by_position.get(position)
        bound = places.get(position)
        row = figures.row("slot", position) if isinstance(figures, Figures) else None
        ms = now.at_ms - one.since_ms if one else 0
        rows.append(
            [
                Cell(zone or position, link=visit.url("positions", position), mark="name"),
                cells.state(one, lang) if one else Cell(word("online", lang), mark="good"),
                Cell(lasted(ms, lang) if one else "", ms),
                Cell(cause_words(one.cause, lang) if one else ""),
                cells.share(*cells.readings(row)[deciding], lang) if row else Cell("-", 9, mark="none"),
                heard(now, bound.gateway if bound else "", visit),
                Cell(f"{bound.gateway} {bound.slot}" if bound else "", mark="whole"),
            ]
        )
    rows.sort(key=lambda its: -its[2].by)
    return table_page(
        visit,
        "unit.html",
        f"unit-{unit.unit}-{visit.month}",
        listed(visit, columns, rows),
        title=unit.name,
        crumbs=ending(region_crumbs(visit, unit.region), unit.name),
        unit=unit,
        telephone=cells.telephone(unit.telephone),
        lead=lead(visit, counted([unit], absents), absents),
        missing=figures if isinstance(figures, Missing) else None,
        shares=_shares(visit, figures, unit),
        strips=[(position, zone or position, times[position]) for position, zone in names if position in times],
        coming=[words_of(one, dict(names), lang) for one in coming],
        patterns=strips.PATTERNS,
        legend=[(its[2 + (lang == "en")], its[lang == "en"]) for its in lifeline.NAMES.values()],
    )


def lead(visit: Visit, count: Count, absents: Sequence[Absent]) -> Lead:
    """The longest offline first: what is told to be closed before what nobody knows."""
    lang, say = visit.lang, visit.say
    if not count.registered:
        text = say("没有登记摄像机位", "no camera position is registered")
        return Lead(False, text, say("请联系县级监管部门登记。", "Ask the county to register them."), ())
    if not absents:
        text = say(f"● {count.online}/{count.registered} 正常", f"● {count.online} of {count.registered} in order")
        return Lead(True, text, say("无需处理。", "Nothing to do."), ())
    lines = [
        f"{say('、', ', ').join(its.zone for its in one.positions)} {word(one.first.state, lang)} "
        f"{lasted(visit.now.at_ms - one.since_ms, lang)}: {cause_words(one.first.cause, lang)}"
        for one in causes(absents)
    ]
    first = causes(absents)[0].first
    sign = MARKS[Standing.NOT_MET] if count.offline else MARKS[Standing.UNKNOWN]
    return Lead(False, f"{sign} {lines[0]}", cells.to_do(first.cause, lang), tuple(lines[1:]))


def _shares(visit: Visit, figures: Figures | Missing, unit: UnitRow) -> list[tuple[str, str, str, str]]:
    """(name, percent, numerator/denominator, definition) of the month; times as people say them."""
    row = figures.row("unit", unit.unit) if isinstance(figures, Figures) else None
    if row is None:
        return []
    lang, deciding = visit.lang, visit.site.rule.deciding
    its = {f"reading_{name}": (cells.rate_title(name, deciding, lang), *cells.readings(row)[name]) for name in NAMES}
    its["evidence"] = (word("evidence", lang), row.on_ms + row.off_ms, row.e_ms)
    timed = ("reading_time", "evidence")
    return [
        (title, percent(*both), "/".join(lasted(n, lang) if about in timed else str(n) for n in both), about)
        for about, (title, *both) in its.items()
    ]
