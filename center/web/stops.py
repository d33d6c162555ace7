"""What a unit asks for: time to be left out, a stop that it announces; and the answer of those who supervise it.

Only the unit itself asks, only those above it decide; both give a reason, and both are on record.
"""

from collections.abc import Mapping, Sequence

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from center.rate import local
from center.registry import asking
from center.registry.asking import By
from center.registry.problems import Place, Problem, Unfit
from center.registry.words import said
from center.show import minute, word
from center.store import requests as store
from center.store.lists import UnitRow
from center.store.requests import Wish
from center.web import planned
from center.web.admission import network
from center.web.answers import listed, table_page
from center.web.crumbs import ending, region_crumbs
from center.web.site import Visit, Wrongly, nothing
from center.web.tables import Cell, Column
from center.web.units import unit_seen

ASKS, DECIDES = ("unit",), ("county", "city", "province")
"""Roles that ask, and that decide on what lies in their region."""
SHOWN_MS = 92 * 86_400_000
"""So far back a region's list goes; what is open stands in it whenever it was asked."""
FROM, TO = ("起", "from"), ("止", "to")
REASON, ANSWER = ("事由", "the reason"), ("审批意见", "the answer")


def of_unit(request: Request) -> Response:
    visit = Visit(request)
    unit = unit_seen(visit)
    if request.method != "POST":
        return _page(visit, unit)
    try:
        _act(visit, unit)
    except Unfit as unfit:
        wrong = [said(Problem(Place(), *one[1:]), visit.lang) for one in unfit.problems]
        return _page(visit, unit, wrong, request.state.form)
    except asking.Refused as refused:
        return _page(visit, unit, [visit.say(refused.words.zh, refused.words.en)], request.state.form)
    return RedirectResponse(visit.url("stops", unit.unit), 303)


def _act(visit: Visit, unit: UnitRow) -> None:
    """What the form says. Raises Unfit and Refused with what is wrong with it, Wrongly, HTTPException."""
    form: Mapping[str, str] = visit.request.state.form
    act = form.get("act", "")
    if visit.account.role not in {"ask": ASKS, "withdraw": ASKS, "approve": DECIDES, "refuse": DECIDES}.get(act, ()):
        raise Wrongly("本账号不能这样做", "this account may not do that", 403)
    by = By(visit.account.name, visit.site.clock_ms())
    number = _ask(visit, unit, form, by) if act == "ask" else _decide(visit, unit, form, by)
    visit.site.admission.note(by.person, network(visit.visitor.address), act, f"request {number} {unit.unit}")


def _ask(visit: Visit, unit: UnitRow, form: Mapping[str, str], by: By) -> int:
    position, cause = form.get("position", ""), form.get("cause", "")
    with visit.site.store.read() as reader:
        known = {name for name, _ in reader.cameras_of(unit.unit, by.now_ms)}
    if cause not in asking.CAUSES or (position and position not in known):
        raise Wrongly("请从列表中选择", "choose one of the list")
    span = (asking.moment(form.get("from", ""), FROM), asking.moment(form.get("to", ""), TO))
    reason = asking.reason(form.get("reason", ""), REASON)
    wish = Wish(unit.unit, position, *span, cause, reason, by.person, by.now_ms)
    return asking.ask(visit.site.store, wish, visit.site.policy)


def _decide(visit: Visit, unit: UnitRow, form: Mapping[str, str], by: By) -> int:
    number = form.get("number", "")
    with visit.site.store.read() as reader:
        found = reader.request(int(number)) if number.isascii() and number.isdecimal() and len(number) < 10 else None
    if found is None or found.wish.unit != unit.unit:
        raise nothing()
    if form["act"] == "withdraw":
        asking.withdraw(visit.site.store, found, by)
        return found.number
    answer = asking.reason(form.get("answer", ""), ANSWER)
    if form["act"] == "approve":
        asking.approve(visit.site.store, found, by, answer, visit.site.policy)
    else:
        asking.refuse(visit.site.store, found, by, answer)
    return found.number


# ---- pages ----------------------------------------------------------------------------------------


def _page(visit: Visit, unit: UnitRow, wrong: Sequence[str] = (), typed: Mapping[str, str] | None = None) -> Response:
    """`typed`: what was sent and is wrong, to be put right."""
    role = visit.account.role
    with visit.site.store.read() as reader:
        every = reader.requests_of(unit.unit)
        cameras = reader.cameras_of(unit.unit, visit.now.at_ms)
    zones = dict(cameras)
    title = visit.say("计划停机与剔除申请", "Stops and requests")
    rows = [_row(visit, one, zones) for one in every]
    crumbs = [*region_crumbs(visit, unit.region), (unit.name, visit.url("units", unit.unit))]
    answer = table_page(
        visit,
        "stops.html",
        f"requests-{unit.unit}",
        listed(visit, _columns(visit), rows),
        title=title,
        crumbs=ending(crumbs, title),
        unit=unit,
        cameras=cameras,
        wrong=wrong,
        typed=typed or {},
        asks=role in ASKS,
        causes=[(name, visit.say(*planned.CAUSES[name])) for name in asking.CAUSES],
        rate=visit.site.policy.rate,
        open=[
            (one.number, f"{planned.words_of(one, zones, visit.lang)} · {one.wish.person}")
            for one in every
            if one.state == store.OPEN and role in DECIDES
        ],
        own=[(one.number, planned.words_of(one, zones, visit.lang)) for one in every if one.stands and role in ASKS],
    )
    answer.status_code = 400 if wrong else 200
    return answer


def in_region(request: Request) -> Response:
    """What the units of a region ask for: what waits for a decision first, the oldest first."""
    visit = Visit(request)
    now, code = visit.now, request.path_params["code"]
    if not visit.scope.region_seen(now.tree, code):
        raise nothing()
    state = visit.choice("state", "", *store.STATES)
    with visit.site.store.read() as reader:
        every = reader.requests_since(now.at_ms - SHOWN_MS)
    mine = [one for one in every if (unit := now.units.get(one.wish.unit)) and code in now.tree.chain(unit.region)]
    waiting = [one for one in mine if one.state == store.OPEN]
    rest = sorted((one for one in mine if one.state != store.OPEN), key=lambda one: -one.number)
    title = visit.say("计划停机与剔除申请", "Stops and requests")
    rows = []
    for one in (*waiting, *rest):
        if not state or one.state == state:
            unit = now.units[one.wish.unit]
            first = Cell(f"{visit.place(unit.region)} {unit.name}", link=visit.url("stops", unit.unit), mark="name")
            rows.append([first, *_row(visit, one, {})])
    states = [("", f"{visit.say('全部', 'all')} {len(mine)}")]
    states += [
        (name, f"{visit.say(*planned.STATES[name])} {sum(one.state == name for one in mine)}") for name in store.STATES
    ]
    return table_page(
        visit,
        "requests.html",
        f"{code}-{local(now.at_ms):%Y%m%d-%H%M}-requests",
        listed(visit, [Column("unit", word("unit", visit.lang)), *_columns(visit)], rows),
        title=title,
        crumbs=ending(region_crumbs(visit, code), title),
        states=states,
        days=SHOWN_MS // 86_400_000,
    )


def waiting_in(visit: Visit, code: str) -> int:
    """How many of a region wait for a decision."""
    with visit.site.store.read() as reader:
        every = reader.requests_since(visit.now.at_ms)
    units = (visit.now.units.get(one.wish.unit) for one in every if one.state == store.OPEN)
    return sum(code in visit.now.tree.chain(unit.region) for unit in units if unit)


def _columns(visit: Visit) -> list[Column]:
    say = visit.say
    return [
        Column("position", word("position", visit.lang)),
        Column("from", say("起", "from")),
        Column("to", say("止", "to")),
        Column("cause", say("性质", "kind")),
        Column("reason", say("事由", "reason")),
        Column("state", word("state", visit.lang)),
        Column("counts", say("是否计入", "does it count"), "excluded"),
        Column("person", say("申请人", "asked by")),
        Column("asked", say("申请时间", "asked at")),
        Column("decider", say("审批人", "decided by")),
        Column("decided", say("审批时间", "decided at")),
        Column("answer", say("审批意见", "answer")),
        Column("number", say("编号", "no."), figure=True),
    ]


def _row(visit: Visit, one: store.Request, zones: Mapping[str, str]) -> list[Cell]:
    wish = one.wish
    return [
        Cell(zones.get(wish.position) or wish.position or visit.say("全部摄像机", "all cameras"), mark="some"),
        Cell(minute(wish.from_ms), wish.from_ms),
        Cell(minute(wish.to_ms), wish.to_ms),
        Cell(planned.cause_of(wish.cause, visit.lang)),
        Cell(wish.reason),
        Cell(visit.say(*planned.STATES[one.state]), mark=planned.MARKS[one.state]),
        Cell(visit.say(*planned.COUNTS[one.state])),
        Cell(wish.person),
        Cell(minute(wish.asked_ms), wish.asked_ms),
        Cell(one.decider),
        Cell(minute(one.decided_ms) if one.decided_ms else "", one.decided_ms),
        Cell(one.answer),
        Cell(str(one.number), one.number),
    ]
