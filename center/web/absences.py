"""What is not online now, the longest first: one line for each cause, with whom to call and what to do."""

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response

from center.absent import BUCKETS, STATES, cause_words
from center.rate import local
from center.show import minute, word
from center.web import cells
from center.web.answers import listed, table_page
from center.web.crumbs import ending, region_crumbs
from center.web.moment import Cause, Moment, causes
from center.web.planned import stopped
from center.web.site import Visit, nothing
from center.web.summary import WEEK_MS
from center.web.tables import Cell, Column, Rows
from contract.text import lasted

NAMES = {
    "offline": ("现在离线", "offline now"),
    "no_stream": ("在线未推流", "there, no stream"),
    "long": ("满 3 天", "3 days and more"),
    "fallen": ("曾在线、现不在线", "once online, not now"),
}
"""Of BUCKETS."""
NAMED = 3
"""So many positions of a line are named, the others counted."""


def absences(request: Request) -> Response:
    visit = Visit(request)
    now, code, lang, say = visit.now, request.path_params["code"], visit.lang, visit.say
    if not visit.scope.region_seen(now.tree, code):
        raise nothing()
    state = visit.choice("state", "", *STATES)
    days = visit.choice("days", "", "7")
    bucket = visit.choice("bucket", "", *BUCKETS)
    every, count = now.absent_in(code), now.standing(code)

    def found() -> list[Cause]:
        chosen = (
            one
            for one in every
            if (not state or one.state == state)
            and (not bucket or one.lies_in(bucket, now.at_ms))
            and (not days or (now.at_ms - one.since_ms > WEEK_MS and one.state != "never_seen"))
        )
        return sorted(causes(chosen), key=lambda one: (one.first.state == "never_seen", one.since_ms))

    def planned() -> dict[str, int]:
        with visit.site.store.read() as reader:
            return stopped(reader, every, now.at_ms)

    chosen = now.once(("causes", code, state, bucket, days), found)
    stops = now.once(("stops", code), planned)
    sizes = now.once(
        ("buckets", code), lambda: {name: sum(one.lies_in(name, now.at_ms) for one in every) for name in BUCKETS}
    )
    columns = [
        Column("unit", say("单位", "unit")),
        Column("positions", word("position", lang)),
        Column("n", say("路数", "cameras"), figure=True),
        Column("state", word("state", lang), "offline"),
        Column("lasting", word("lasting", lang), "lasting", figure=True),
        Column("since", word("since", lang)),
        Column("cause", word("reason", lang), "cause"),
        Column("planned", say("计划停机", "planned stop"), "excluded"),
        Column("todo", say("请做", "to do")),
        Column("telephone", word("telephone", lang)),
        Column("gateway", word("gateway", lang)),
        Column("heard", say("网关最近上报", "gateway last heard"), "heard", figure=True),
    ]
    rows = Rows(chosen, lambda one: _row(visit, one, stops))
    title = say("现在不在线的点位", "Positions not online now")
    switches = [("", f"{say('全部', 'all')} {len(every)}")]
    switches += [(name, f"{word(name, lang)} {getattr(count, name)}") for name in STATES]
    return table_page(
        visit,
        "absences.html",
        f"{code}-{local(now.at_ms):%Y%m%d-%H%M}-not-online",
        listed(visit, columns, rows),
        title=title,
        crumbs=ending(region_crumbs(visit, code), title),
        states=switches,
        buckets=[("", say("不分类", "any"))] + [(name, f"{say(*NAMES[name])} {sizes[name]}") for name in BUCKETS],
        count=count,
        chosen=sum(len(one.positions) for one in chosen),
    )


def _row(visit: Visit, one: Cause, stops: Mapping[str, int]) -> list[Cell]:
    first, lang, now = one.first, visit.lang, visit.now
    names = visit.say("、", ", ").join(its.zone for its in one.positions[:NAMED])
    more = len(one.positions) - NAMED
    names += visit.say(f" 等 {len(one.positions)} 路", f" and {more} more") if more > 0 else ""
    alone = visit.url("positions", first.position) if len(one.positions) == 1 else ""
    ms = now.at_ms - one.since_ms
    return [
        Cell(f"{first.place} {first.unit_name}", link=visit.url("units", first.unit), mark="name"),
        Cell(names, link=alone, mark="some"),
        Cell(str(len(one.positions)), len(one.positions)),
        cells.state(first, lang),
        Cell(lasted(ms, lang), ms),
        Cell(minute(one.since_ms), one.since_ms, mark="some"),
        Cell(cause_words(first.cause, lang)),
        _planned(one, stops, visit),
        Cell(cells.to_do(first.cause, lang)),
        cells.telephone(first.telephone),
        Cell(first.gateway, mark="whole"),
        heard(now, first.gateway, visit),
    ]


def _planned(one: Cause, stops: Mapping[str, int], visit: Visit) -> Cell:
    """How many of the line have a planned stop now, and until when the last of them lasts."""
    until = [stops[its.position] for its in one.positions if its.position in stops]
    if not until:
        return Cell("", 0)
    number, at = f"{len(until)}/{len(one.positions)}", minute(max(until))
    return Cell(visit.say(f"{number} 路至 {at}", f"{number} until {at}"), max(until))


def heard(now: Moment, gateway: str, visit: Visit) -> Cell:
    """The age of a gateway's last sign of life; grey, and in words, where it is older than it may be."""
    at = now.heard.get(gateway, 0)
    if not at:
        return Cell(visit.say("从未", "never") if gateway else "", 0, mark="stale" if gateway else "")
    age = now.at_ms - at
    if age <= visit.site.rules.dark_after_ms:
        return Cell(visit.say(f"{age // 1000} 秒前", f"{age // 1000} s ago"), at)
    told = lasted(age, visit.lang)
    return Cell(visit.say(f"{told}前", f"{told} ago"), at, mark="stale")
