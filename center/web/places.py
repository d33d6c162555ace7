"""全省 -> 市 -> 县: what fails first, each with its figures of the month and how it stands now."""

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from center.absent import Absent, cause_words
from center.commands.assessment import item
from center.days.beside import OWN_UNITS
from center.days.engine import Assessed
from center.rate import local, month_of, month_span
from center.readings import NAMES
from center.registry.tree import Region
from center.show import word
from center.store.lists import UnitRow
from center.web import cells
from center.web.answers import listed, table_page
from center.web.checks import ROLES
from center.web.children import by_code, children
from center.web.crumbs import ending, region_crumbs
from center.web.moment import counted
from center.web.shelf import Figures, Missing
from center.web.site import Visit, nothing
from center.web.stops import waiting_in
from center.web.summary import Place, cards, total
from center.web.tables import Cell, Column, Rows
from center.web.trend import trend
from contract.text import lasted


def first(request: Request) -> Response:
    """The first page of whoever asks."""
    visit = Visit(request)
    if visit.scope.unit:
        return RedirectResponse(visit.url("units", visit.scope.unit), 303)
    page = "now" if visit.account.role == "engineer" else "places"
    return RedirectResponse(visit.url(page, visit.scope.region), 303)


def place(request: Request) -> Response:
    visit = Visit(request)
    tree, code = visit.now.tree, request.path_params["code"]
    if not visit.scope.region_seen(tree, code):
        raise nothing()
    kind = visit.choice("kind", "", *(one.id for one in visit.site.policy.kinds if one.counts))
    here = inside(visit, code, kind)
    figures = visit.figures()
    own = visit.choice("own", "", "1")
    region = tree[code]
    if own or not _divided(region, here):
        units = [one for one in here.units if not own or one.region == code]
        columns, rows = _unit_table(visit, units, figures)
        level = "unit"
    else:
        columns, rows = _place_table(visit, here, figures, kind)
        level = region.kind
    title = OWN_UNITS if own and not region.parent else visit.place(code)
    crumbs = region_crumbs(visit, code)
    crumbs = ending(crumbs, title) if own else [*crumbs[:-1], (title, "")]
    return table_page(
        visit,
        "place.html",
        f"{code}-{visit.month}-{level}",
        listed(visit, columns, rows),
        title=title,
        crumbs=crumbs,
        region=region,
        cards=cards(visit, here, figures, total(figures, region, kind)),
        missing=figures if isinstance(figures, Missing) else None,
        state=_state(visit, figures),
        kinds=_kinds(visit),
        months=_months(visit),
        waiting=waiting_in(visit, code),
        trend=trend(visit, region, kind, figures),
        checks=visit.account.role in ROLES,
        whole=bool(own) or level == "unit",
        word_of_unit=visit.say("单位", "units") if level == "unit" else visit.say("地区", "places"),
    )


def _kinds(visit: Visit) -> list[tuple[str, str]]:
    """Of unit, as a switch."""
    counting = (kind for kind in visit.site.policy.kinds if kind.counts)
    return [("", visit.say("全部", "all")), *((kind.id, visit.say(kind.title.zh, kind.title.en)) for kind in counting)]


def inside(visit: Visit, code: str, kind: str) -> Place:
    now = visit.now

    def found() -> Place:
        units = [one for one in now.units_in(code) if not kind or one.kind == kind]
        absents = [one for one in now.absent_in(code) if not kind or now.units[one.unit].kind == kind]
        return Place(now.tree[code], units, absents, counted(units, absents))

    return now.once(("place", code, kind), found)


def _divided(region: Region, here: Place) -> bool:
    """Whether other places lie in it: a county, and a row that is one itself, lists units at once."""
    return region.kind in ("province", "city") or any(one.region != region.code for one in here.units)


# ---- a table of places --------------------------------------------------------------------------


def _place_table(
    visit: Visit, here: Place, figures: Figures | Missing, kind: str
) -> tuple[list[Column], list[list[Cell]]]:
    say, lang, deciding = visit.say, visit.lang, visit.site.rule.deciding
    columns = [
        Column("name", say("地区", "place")),
        Column("now", say("在线/应有", "online / registered"), "online", figure=True),
        Column("offline", word("offline", lang), "offline", figure=True),
        Column("verdict", word("verdict", lang), "verdict"),
        Column("covered", say("已建/应建", "covered / obligated"), "coverage", figure=True),
        Column("coverage", word("coverage", lang), "coverage", figure=True),
        *(Column(name, cells.rate_title(name, deciding, lang), f"reading_{name}", figure=True) for name in NAMES),
        Column("evidence", word("evidence", lang), "evidence", figure=True),
        Column("change", say("较上月", "change"), "change", figure=True),
        Column("failing", word("failing", lang), "failing", figure=True),
        Column("first", word("first", lang)),
    ]
    before = by_code(visit.site.shelf.figures(month_of(month_span(visit.month)[0] - 1)), visit.now.tree, here, kind)
    failing = visit.choice("failing", "", "1")
    rows = []
    for one in children(visit, here, figures, kind):
        if failing and not one.fails:
            continue
        own = "1" if one.key == here.region.code else ""
        link = visit.url("places", one.key, month=visit.params.get("month", ""), kind=kind, own=own)
        nothing_here = Cell("not assessed" if lang == "en" else "不考核", 2)
        rows.append(
            [
                Cell(one.name, link=link, mark="name"),
                cells.standing(one.standing, lang) if one.standing.registered else nothing_here,
                Cell(str(one.standing.offline), one.standing.offline, mark="bad" if one.standing.offline else ""),
                *(_month_cells(one.row, before.get(one.key), lang) if one.row else [Cell("-", 9, mark="none")] * 10),
            ]
        )
    return columns, rows


def _month_cells(row: Assessed, before: Assessed | None, lang: str) -> list[Cell]:
    deciding = (row.numerator, row.denominator)
    return [
        cells.verdict(row, lang),
        Cell(f"{row.covered}/{row.obligated}", row.obligated - row.covered),
        cells.share(row.covered, row.obligated, lang),
        *cells.reading_cells(row, lang),
        cells.share(row.on_ms + row.off_ms, row.e_ms, lang),
        cells.change(deciding, (before.numerator, before.denominator) if before else (0, 0), lang),
        Cell(str(row.failing), row.failing),
        Cell(item(row.first[0], lang) if row.first else ""),
    ]


# ---- a table of units ---------------------------------------------------------------------------


def _unit_table(
    visit: Visit, units: Sequence[UnitRow], figures: Figures | Missing
) -> tuple[list[Column], Sequence[Sequence[Cell]]]:
    say, lang = visit.say, visit.lang
    deciding = visit.site.rule.deciding
    columns = [
        Column("name", say("单位", "unit")),
        Column("now", say("在线/应有", "online / registered"), "online", figure=True),
        Column("lasting", word("lasting", lang), "lasting", figure=True),
        Column("cause", word("reason", lang), "cause"),
        Column("telephone", word("telephone", lang)),
        Column(
            "rate",
            cells.rate_title(deciding, deciding, lang),
            f"reading_{deciding}",
            figure=True,
        ),
        Column("evidence", word("evidence", lang), "evidence", figure=True),
    ]
    failing = visit.choice("failing", "", "1")
    its = [(unit, sorted(visit.now.absent_at(unit.unit), key=lambda one: one.since_ms)) for unit in units]
    its = [(unit, absents) for unit, absents in its if absents or not failing]
    its.sort(key=lambda one: one[1][0].since_ms if one[1] else visit.now.at_ms)
    return columns, Rows(its, lambda one: _unit_cells(visit, one[0], one[1], figures))


def _unit_cells(visit: Visit, unit: UnitRow, its: Sequence[Absent], figures: Figures | Missing) -> list[Cell]:
    """`its`: what is not online there, the longest first."""
    lang = visit.lang
    causes = "、".join(dict.fromkeys(cause_words(one.cause, lang) for one in its))
    ms = visit.now.at_ms - its[0].since_ms if its else 0
    row = figures.row("unit", unit.unit) if isinstance(figures, Figures) else None
    shares = [Cell("-", 9, mark="none")] * 2
    if row:
        known = (row.on_ms + row.off_ms, row.e_ms)
        shares = [cells.share(*cells.readings(row)[visit.site.rule.deciding], lang), cells.share(*known, lang)]
    return [
        Cell(unit.name, link=visit.url("units", unit.unit), mark="name"),
        cells.standing(counted([unit], its), lang),
        Cell(lasted(ms, lang) if its else "", ms),
        Cell(causes),
        cells.telephone(unit.telephone),
        *shares,
    ]


# ---- the month --------------------------------------------------------------------------------------


def _state(visit: Visit, figures: Figures | Missing) -> str:
    if not isinstance(figures, Figures):
        return ""
    until = f"{local(figures.until_ms):%Y-%m-%d %H:%M}"
    if figures.final:
        return word("final", visit.lang, str(figures.final.number), f"{local(figures.final.at_ms):%Y-%m-%d %H:%M}")
    return f"{word('provisional', visit.lang)} · {visit.say('截至', 'until')} {until}"


def _months(visit: Visit) -> list[tuple[str, str]]:
    """(month, URL) before and after this one."""
    begin, end = month_span(visit.month)
    found = [month_of(begin - 1)] + ([month_of(end)] if end < visit.site.clock_ms() else [])
    return [(name, visit.again(month=name, page="")) for name in found]
