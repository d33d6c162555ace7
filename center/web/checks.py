"""Spot checks of a region: drawn by a published seed before their period, opened by hand, entered, compared.

Only those who supervise a region see them: who is drawn shall not know it beforehand.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from center.commands.spot_check import as_json
from center.outside import spots
from center.outside.spots import Labels, Refused
from center.registry import asking
from center.registry.cells import written
from center.registry.problems import Findings, Unfit
from center.registry.words import said
from center.show import minute, word
from center.store.outside import Draw, Drawn
from center.web.admission import network
from center.web.answers import listed, table_page
from center.web.crumbs import ending, region_crumbs
from center.web.site import Visit, nothing
from center.web.summary import Card
from center.web.tables import Cell, Column, Shown
from contract.problems import Told, Words

ROLES = ("county", "city", "province")
MOST, LONGEST_MS = 500, 92 * spots.DAY_MS
"""Of a draw whose agreement a page works out; larger ones are for the command."""
AT_ONCE = 20
"""Results in one form."""
LABELS = Labels(
    Words("the seed", "种子"), Words("the number", "抽取次数"), Words("the begin", "时段起"), Words("the end", "时段止")
)


def checks(request: Request) -> Response:
    visit = Visit(request)
    code = request.path_params["code"]
    if visit.account.role not in ROLES or not visit.scope.region_seen(visit.now.tree, code):
        raise nothing()
    seed, mine = visit.params.get("seed", ""), _drawn_in(visit, code)
    draw = next((one for one in mine if one.seed == seed), None)
    if seed and draw is None:
        raise nothing()
    if request.method != "POST":
        return _one(visit, code, draw) if draw else _all(visit, code, mine)
    try:
        seed = _enter(visit, draw) if draw else _draw(visit, code)
    except Unfit as unfit:
        wrong = [said(one, visit.lang) for one in unfit.problems]
        return _one(visit, code, draw, wrong) if draw else _all(visit, code, mine, wrong)
    except Told as told:  # refused, or a calendar that does not say
        wrong = [visit.say(told.words.zh, told.words.en)]
        return _one(visit, code, draw, wrong) if draw else _all(visit, code, mine, wrong)
    return RedirectResponse(visit.url("checks", code, seed=seed), 303)


def _drawn_in(visit: Visit, code: str) -> list[Draw]:
    """Of this region and what lies in it, the newest first; those of all the province are the province's."""
    tree = visit.now.tree
    with visit.site.store.read() as reader:
        every = reader.draws()
    top = tree.province(code).code
    return [one for one in reversed(every) if (one.region or top) in tree and code in tree.chain(one.region or top)]


def _draw(visit: Visit, code: str) -> str:
    """The seed by which it goes. Raises Refused, Gap."""
    form: Mapping[str, str] = visit.request.state.form
    now_ms = visit.site.clock_ms()
    begin, end = spots.usual(now_ms)
    if form.get("from"):
        begin = asking.moment(form["from"], (LABELS.begin.zh, LABELS.begin.en))
        end = begin + 7 * spots.DAY_MS
    if form.get("to"):
        end = asking.moment(form["to"], (LABELS.end.zh, LABELS.end.en))
    number = form.get("n", "")
    n = int(number) if number.isascii() and number.isdecimal() and len(number) < 6 else 0
    region = code if visit.now.tree[code].parent else ""
    seed = spots.named(form.get("seed", ""), region, LABELS.seed)
    asked = Draw(seed, begin, end, n, now_ms, visit.account.name, region)
    spots.judge(asked, LABELS)
    if n > MOST or end - begin > LONGEST_MS:
        raise Refused(
            f"of more than {MOST}, or of more than {LONGEST_MS // spots.DAY_MS} days: canteen-center spot-check draw",
            f"超过 {MOST} 次或 {LONGEST_MS // spots.DAY_MS} 天的，请用 canteen-center spot-check draw",
        )
    spots.make(visit.site.store, asked, visit.site.rules)
    visit.site.admission.note(asked.person, network(visit.visitor.address), "draw", asked.seed)
    return asked.seed


def _enter(visit: Visit, draw: Draw) -> str:
    """What was filled in of the form. Raises Refused, Unfit."""
    form: Mapping[str, str] = visit.request.state.form
    with visit.site.store.read() as reader:
        rows = reader.drawn(draw.seed)
    told = [
        (row.number, row.position, form[f"result-{row.number}"], form.get(f"note-{row.number}", ""))
        for row in rows
        if form.get(f"result-{row.number}")
    ]
    if not told:
        raise Refused("no result was chosen", "没有选择任何结果")
    findings, now_ms = Findings(), visit.site.clock_ms()
    listed_rows = spots.typed(told, findings)
    spots.enter_rows(visit.site.store, draw.seed, listed_rows, visit.account.name, now_ms, findings)
    address = network(visit.visitor.address)
    visit.site.admission.note(visit.account.name, address, "enter", f"{draw.seed}: {len(told)}")
    return draw.seed


# ---- pages ----------------------------------------------------------------------------------------


def _all(visit: Visit, code: str, mine: Sequence[Draw], wrong: Sequence[str] = ()) -> Response:
    say, lang = visit.say, visit.lang
    with visit.site.store.read() as reader:
        entered = reader.entered_of()
    columns = [
        Column("seed", say("种子", "seed")),
        Column("place", word("place", lang)),
        Column("from", say("时段起", "from")),
        Column("to", say("时段止", "to")),
        Column("n", say("抽取", "drawn"), figure=True),
        Column("entered", say("已填", "entered"), figure=True),
        Column("at", say("抽取时间", "drawn at")),
        Column("person", say("抽取人", "drawn by")),
    ]
    rows = [
        [
            Cell(one.seed, link=visit.url("checks", code, seed=one.seed), mark="name"),
            Cell(visit.place(one.region or visit.now.tree.province(code).code)),
            Cell(minute(one.from_ms), one.from_ms),
            Cell(minute(one.to_ms), one.to_ms),
            Cell(str(one.n), one.n),
            Cell(str(entered.get(one.seed, 0)), entered.get(one.seed, 0)),
            Cell(minute(one.at_ms), one.at_ms),
            Cell(one.person),
        ]
        for one in mine
    ]
    title = say("人工抽查", "Spot checks")
    typed = visit.request.state.form if wrong else {}
    usual = spots.usual(visit.site.clock_ms())
    return _answered(
        visit,
        "checks.html",
        f"{code}-spot-checks",
        listed(visit, columns, rows),
        wrong,
        title=title,
        crumbs=ending(region_crumbs(visit, code), title),
        typed=typed,
        begins=f"{written(usual[0])}".replace(" ", "T"),
        ends=f"{written(usual[1])}".replace(" ", "T"),
        most=MOST,
    )


def _one(visit: Visit, code: str, draw: Draw, wrong: Sequence[str] = ()) -> Response:
    say, lang, now_ms = visit.say, visit.lang, visit.site.clock_ms()
    small = draw.n <= MOST and draw.to_ms - draw.from_ms <= LONGEST_MS
    with visit.site.store.read() as reader:
        rows = reader.drawn(draw.seed)
        found = as_json(spots.agreement(reader, rows, visit.site.rules)) if small else None
    columns = [
        Column("number", word("number", lang), figure=True),
        Column("position", word("position", lang)),
        Column("unit", word("unit", lang)),
        Column("zone", word("zone", lang)),
        Column("at", word("at", lang)),
        Column("result", word("result", lang)),
        Column("note", word("note", lang)),
        Column("person", word("who", lang)),
        Column("entered", say("填报时间", "entered at")),
    ]
    due = [row for row in rows if not row.result and row.at_ms <= now_ms]
    title = say("抽查", "Spot check")
    crumbs = [*region_crumbs(visit, code), (say("人工抽查", "Spot checks"), visit.url("checks", code))]
    return _answered(
        visit,
        "check.html",
        f"{code}-spot-check",
        listed(visit, columns, [_row(row, lang) for row in rows]),
        wrong,
        title=title,
        crumbs=ending(crumbs, draw.seed),
        draw=draw,
        cards=_cards(visit, found) if found else [],
        command=f'canteen-center spot-check show --seed "{draw.seed}"',
        due=[] if draw.late else due[:AT_ONCE],
        more=max(0, len(due) - AT_ONCE),
        coming=sum(row.at_ms > now_ms for row in rows),
        results=[(name, word(name, lang)) for name in (spots.OPENED, spots.NOT_OPENED, spots.NOT_TRIED)],
    )


def _answered(
    visit: Visit, template: str, name: str, shown: Shown, wrong: Sequence[str], **context: object
) -> Response:
    answer = table_page(visit, template, name, shown, wrong=wrong, **context)
    answer.status_code = 400 if wrong else 200
    return answer


def _row(row: Drawn, lang: str) -> list[Cell]:
    return [
        Cell(str(row.number), row.number),
        Cell(row.position, mark="name"),
        Cell(row.unit_name),
        Cell(row.zone),
        Cell(written(row.at_ms), row.at_ms),
        Cell(word(row.result, lang) if row.result else ""),
        Cell(row.note),
        Cell(row.person),
        Cell(minute(row.entered_ms) if row.entered_ms else "", row.entered_ms),
    ]


def _cards(visit: Visit, found: Mapping[str, Any]) -> list[Card]:
    """The agreement with its bound, and which way the others differ."""
    say = visit.say
    share, bound = found["share"], found["bound"]
    told = f"{share['numerator']}/{share['denominator']}"
    range_ = f"{bound['low']} – {bound['high']}"
    return [
        Card(say("与计算一致", "agrees with the computed"), share["text"], "agreement", told),
        Card(say("95% 置信区间", "95 % bound"), range_, "agreement", "Clopper-Pearson"),
        Card(say("计为在线而打不开", "counted online, not opened"), str(found["not_opened"]), "agreement"),
        Card(say("计为离线而能打开", "counted offline, opened"), str(found["opened"]), "agreement"),
        Card(say("计算为未知", "computed as unknown"), str(found["unknown"]), "agreement"),
        Card(say("已填/抽取", "entered / drawn"), f"{found['entered']}/{found['drawn']}", "agreement"),
    ]
