"""摄像机，一机一档: position, bindings, identity, ladder, verdicts with their evidence, its time, its events."""

from collections.abc import Sequence
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from center.absent import cause_words
from center.rate import local, month_span
from center.readings import DAY_MS
from center.show import minute, word
from center.store import Reader
from center.store.cameras import Exclusion
from center.store.requests import APPROVED
from center.web import lifeline, strips
from center.web.absences import heard
from center.web.answers import listed, table_page
from center.web.crumbs import ending, region_crumbs
from center.web.site import Visit, nothing
from center.web.story import IDENTITY, KINDS, faults, story
from center.web.tables import Cell, Column
from center.web.times import row_of, times_of
from contract.messages import BROKEN_JSON, Capability, Inventory, InventorySlot, Verdict
from contract.reasons import explain
from contract.vocabulary import Clause, Rung, Standing, name


def camera(request: Request) -> Response:
    visit = Visit(request)
    now, position = visit.now, request.path_params["position"]
    if not position.isprintable():  # no database keeps such an id, and not each can be asked for it
        raise nothing()
    with visit.site.store.read() as reader:
        unit = now.units.get(reader.unit_of(position, now.at_ms))
        if unit is None or not visit.scope.unit_seen(now.tree, unit.unit, unit.region):
            raise nothing()
        found = reader.positions([position])[0]
        here = found.heard_at(now.at_ms)
        at = (here.gateway, here.slot) if here else ("", "")  # where it was before, another one may be heard now
        stands = reader.stands(*at) if here else None
        told = story(reader, found.bounds, visit.lang)
        inventory, verdicts = _documents(reader, *at)
        month = month_span(visit.month)
        spans = ((now.at_ms - DAY_MS, now.at_ms), visit.say("最近 24 小时", "the last 24 hours")), (month, visit.month)
        times = [times_of(reader, visit, [found], span, title)[position] for span, title in spans]
        planned = reader.exclusions_of(position, month)
        wrong = [name for *_, name in faults(reader, found.bounds, (now.at_ms - 1, now.at_ms), visit.lang)]
    zone = found.pieces[-1].zone or position
    columns = [
        Column("at", word("when", visit.lang)),
        Column("kind", word("what", visit.lang)),
        Column("words", visit.say("内容", "content")),
        Column("where", word("gateway", visit.lang)),
    ]
    rows = [
        [
            Cell(f"{local(one.at_ms):%Y-%m-%d %H:%M:%S}", one.at_ms, mark="name"),
            Cell(KINDS[one.kind][visit.lang == "en"]),
            Cell(one.words),
            Cell(f"{one.gateway} {one.slot}"),
        ]
        for one in told
    ]
    absent = next((one for one in now.absent_at(unit.unit) if one.position == position), None)
    crumbs = [*region_crumbs(visit, unit.region), (unit.name, visit.url("units", unit.unit))]
    return table_page(
        visit,
        "camera.html",
        f"camera-{position}-events",
        listed(visit, columns, rows),
        title=zone,
        crumbs=ending(crumbs, zone),
        unit=unit,
        position=found,
        absent=absent,
        sound=_sound(visit, wrong, verdicts, known=absent is None or absent.state == "offline"),
        cause=cause_words(absent.cause, visit.lang) if absent else "",
        stands=stands,
        rung=name(Rung(stands.level), visit.lang) if stands and stands.level in set(Rung) else "",
        heard=heard(now, at[0], visit),
        inventory=inventory,
        identity=[one for one in told if one.kind in IDENTITY],
        kinds=KINDS,
        verdicts=[_verdict(one, visit.lang) for one in verdicts],
        times=times,
        stops=[stop.words(visit.lang) for stop in times[-1].stops if stop.state != APPROVED],
        planned=[_planned(one, visit) for one in planned],
        patterns=strips.PATTERNS,
        legend=_legend(visit.lang),
        row_of=lambda one: row_of(one, visit.lang),
    )


def _sound(visit: Visit, wrong: Sequence[str], verdicts: Sequence[Verdict], *, known: bool) -> str:
    """完好: picture and functions, beside 在线 and never inside it. `wrong`: faults of the picture that last."""
    say = visit.say
    failed = [
        name(one.clause, visit.lang)
        for one in verdicts
        if one.standing is Standing.NOT_MET and one.clause != Clause.ONLINE
    ]
    picture = (
        say("、", ", ").join(wrong)
        if wrong
        else say("未报异常", "no fault told")
        if known
        else word("unknown", visit.lang)
    )
    functions = say("、", ", ").join(failed) + say(" 不符合", ": not met") if failed else ""
    functions = functions or (say("没有不符合的", "none not met") if verdicts else say("未核验", "not inspected"))
    return say(f"画面 {picture} · 功能 {functions}", f"picture {picture} · functions {functions}")


def _legend(lang: str) -> list[tuple[str, str, str]]:
    """letter, name, whether it counts."""
    at = lang == "en"
    return [(names[2 + at], names[at], lifeline.COUNTS[state][at]) for state, names in lifeline.NAMES.items()]


def _planned(one: Exclusion, visit: Visit) -> tuple[str, ...]:
    causes = {"planned": ("计划", "planned"), "force_majeure": ("不可抗力", "force majeure")}
    cause = causes.get(one.cause, (one.cause, one.cause))[visit.lang == "en"]
    return (minute(one.from_ms), minute(one.to_ms), cause, one.reason, one.requested_by, one.approved_by)


def _documents(reader: Reader, gateway: str, slot: str) -> tuple[InventorySlot | None, tuple[Verdict, ...]]:
    """What the gateway says of the device, and what it judged; documents that cannot be read are none."""
    device, verdicts = None, ()
    for kind, form in (("inv", Inventory), ("cap", Capability)):
        payload = reader.document(gateway, kind) if gateway else None
        try:
            told: Any = msgspec.json.decode(payload, type=form) if payload else None
        except BROKEN_JSON:
            continue
        mine = next((one for one in told.slots if one.slot == slot), None) if told else None
        if mine and kind == "inv":
            device = mine
        elif mine:
            verdicts = mine.verdicts
    return device, verdicts


def _verdict(one: Verdict, lang: str) -> tuple[str, ...]:
    """clause, standing, level, measured, required, evidence, what to do."""
    measures = (one.measured, one.required)
    figure = [f"{its:g}" if isinstance(its, float) else "-" if its is None else str(its) for its in measures]
    unit = {"deg": "°", "px": " px"}.get(one.unit, one.unit)
    told = [f"{value}{unit}" if value != "-" else value for value in figure]
    level = f"{one.level.value} {name(one.level, lang)}"
    return (name(one.clause, lang), name(one.standing, lang), level, *told, "; ".join(one.proof), explain(one, lang))
