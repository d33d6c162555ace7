"""日管控、周排查、月调度: one printed page of a unit, to be signed by the person who answers for it."""

import re
from datetime import datetime, timedelta

from starlette.requests import Request
from starlette.responses import Response

from center.intervals import Span
from center.rate import SHANGHAI, local, to_ms
from center.show import word
from center.web import lifeline
from center.web.crumbs import ending, region_crumbs
from center.web.moment import counted
from center.web.render import page
from center.web.site import Visit, Wrongly
from center.web.times import Time, times_of
from center.web.units import lead, unit_seen
from contract.text import lasted

PERIODS = {
    "day": ("日管控", "Daily check", "食品安全员", "food safety officer"),
    "week": ("周排查", "Weekly check", "食品安全总监", "food safety director"),
    "month": ("月调度", "Monthly review", "主要负责人", "person in charge"),
}
"""Name -> title, and who signs, in both languages."""


def sheet(request: Request) -> Response:
    visit = Visit(request)
    unit, now, lang = unit_seen(visit), visit.now, visit.lang
    period = visit.choice("period", *PERIODS)
    span = span_of(period, visit)
    absents = now.absent_at(unit.unit)
    with visit.site.store.read() as reader:
        names = reader.cameras_of(unit.unit, now.at_ms)
        positions = reader.positions([position for position, _ in names])
        times = times_of(reader, visit, positions, span, "")
    title, signs = PERIODS[period][lang == "en"], PERIODS[period][2 + (lang == "en")]
    crumbs = [*region_crumbs(visit, unit.region), (unit.name, visit.url("units", unit.unit))]
    return page(
        "sheet.html",
        **visit.context(),
        crumbs=ending(crumbs, title),
        title=title,
        signs=signs,
        unit=unit,
        periods=[("" if key == "day" else key, names_[lang == "en"]) for key, names_ in PERIODS.items()],
        begins=f"{local(span[0]):%Y-%m-%d}",
        ends=f"{local(span[1] - 1):%Y-%m-%d}",
        over=span[1] <= now.at_ms,
        lead=lead(visit, counted([unit], absents), absents),
        trouble=next((one.trouble for one in times.values() if one.trouble), ""),
        heads=_heads(lang),
        rows=[_row(zone or position, times[position], lang) for position, zone in names if position in times],
    )


def span_of(period: str, visit: Visit) -> Span:
    """[from, to) in UTC ms: the day, the week from Monday on, or the month that holds `day`. Raises Wrongly."""
    told = visit.params.get("day", "")
    try:
        if told and not re.fullmatch(r"20[0-9]{2}-[0-9]{2}-[0-9]{2}", told):
            raise ValueError(told)
        day = datetime.fromisoformat(told).replace(tzinfo=SHANGHAI) if told else local(visit.now.at_ms)
    except ValueError as error:
        raise Wrongly("日期应为“年-月-日”，例如 2026-11-30", "a day is YYYY-MM-DD, such as 2026-11-30") from error
    begin = day.replace(hour=0, minute=0, second=0, microsecond=0)
    if period == "week":
        begin -= timedelta(days=begin.weekday())
        end = begin + timedelta(days=7)
    elif period == "month":
        begin = begin.replace(day=1)
        end = (begin + timedelta(days=31)).replace(day=1)
    else:
        end = begin + timedelta(days=1)
    if to_ms(begin) >= visit.now.at_ms:
        raise Wrongly(f"{told} 尚未开始", f"{told} has not begun")
    return to_ms(begin), to_ms(end)


def _heads(lang: str) -> list[str]:
    more = (
        ("longest outage", "why unknown", "checked by hand") if lang == "en" else ("最长离线", "未知的原因", "人工核查")
    )
    return [word("zone", lang), *(lifeline.NAMES[state][lang == "en"] for state in lifeline.STATES), *more]


def _row(name: str, time: Time, lang: str) -> list[str]:
    """The camera, how long it was in each state, its longest outage, why it was unknown; the last cell is for a pen."""
    sums = lifeline.sums(time.pieces)
    longest = max((one.end - one.begin for one in time.pieces if one.state == lifeline.OFFLINE), default=0)
    unknown = [one for one in time.pieces if one.state == lifeline.UNKNOWN]
    first = max(unknown, key=lambda one: one.end - one.begin).why if unknown else ""
    cells = [lasted(sums[state], lang) if sums[state] else "-" for state in lifeline.STATES]
    return [name, *cells, lasted(longest, lang) if longest else "-", lifeline.WHY[first][lang == "en"], ""]
