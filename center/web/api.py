"""The same lists as JSON, for programs; the OpenAPI document is made of the very types that are answered."""

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from center.absent import cause_words
from center.daily import Day, as_csv, as_json, day, iso
from center.rate import Count, local, percent
from center.web.admission import network
from center.web.cells import readings
from center.web.children import children
from center.web.exports import KINDS
from center.web.moment import counted
from center.web.places import inside
from center.web.shelf import Figures
from center.web.site import Visit, Wrongly, nothing
from center.web.units import unit_seen
from contract import __version__
from contract.text import tidy


class Share(Struct, frozen=True):
    """Both whole numbers, and their ratio as it is printed; "n/a" where there is nothing to assess."""

    numerator: int
    denominator: int
    text: str


class Standing(Struct, frozen=True):
    """Positions in service now; every one is in exactly one of the four others."""

    registered: int
    online: int
    offline: int
    unknown: int
    never_seen: int


class PlaceRow(Struct, frozen=True):
    """`key`: a code. What is of the month is null where its figures are not built."""

    key: str
    name: str
    now: Standing
    verdict: str | None
    failing: int | None
    coverage: Share | None
    evidence: Share | None
    readings: dict[str, Share] | None


class Places(Struct, frozen=True):
    """`state`: provisional, final, or missing; then `command` makes them. `until`: the end of their time."""

    at: str
    place: str
    month: str
    state: str
    revision: int | None
    until: str | None
    command: str
    deciding: str
    rows: list[PlaceRow]


class Absence(Struct, frozen=True):
    """A position that is not online. `since`: ISO 8601; `cause`: a word, `cause_words`: for people; `level`: the rung
    that its last look reached; `once`: whether it was ever online.
    """

    position: str
    zone: str
    unit: str
    unit_name: str
    region: str
    state: str
    since: str
    cause: str
    cause_words: str
    contact: str
    telephone: str
    gateway: str
    slot: str
    level: str
    once: bool


class Absences(Struct, frozen=True):
    at: str
    counts: Standing
    positions: list[Absence]


class UnitAnswer(Struct, frozen=True):
    at: str
    unit: str
    name: str
    region: str
    now: Standing
    positions: list[Absence]


class Problem(Struct, frozen=True):
    error: str


def places(request: Request) -> Response:
    visit = Visit(request)
    code = _region(visit)
    kind = visit.choice("kind", "", *(one.id for one in visit.site.policy.kinds if one.counts))
    figures = visit.figures()
    final = figures.final if isinstance(figures, Figures) else None
    rows = []
    for one in children(visit, inside(visit, code, kind), figures, kind):
        row = one.row
        shares = {str(name): _share(*both) for name, both in readings(row).items()} if row else None
        rows.append(
            PlaceRow(
                one.key,
                one.name,
                Standing(*one.standing),
                row.verdict if row else None,
                row.failing if row else None,
                _share(row.covered, row.obligated) if row else None,
                _share(row.on_ms + row.off_ms, row.e_ms) if row else None,
                shares,
            )
        )
    built = isinstance(figures, Figures)
    return _answered(
        Places(
            iso(visit.now.at_ms),
            code,
            visit.month,
            "final" if final else "provisional" if built else "missing",
            final.number if final else None,
            iso(figures.until_ms) if isinstance(figures, Figures) else None,
            "" if isinstance(figures, Figures) else figures.command,
            visit.site.rule.deciding,
            rows,
        )
    )


def absences(request: Request) -> Response:
    visit = Visit(request)
    code = _region(visit)
    found = [_absence(one, visit.lang) for one in visit.now.absent_in(code)]
    return _answered(Absences(iso(visit.now.at_ms), Standing(*visit.now.standing(code)), found))


def unit(request: Request) -> Response:
    visit = Visit(request)
    found = unit_seen(visit)
    _known(visit)
    mine = visit.now.absent_at(found.unit)
    count: Count = counted([found], mine)
    told = [_absence(one, visit.lang) for one in mine]
    at = iso(visit.now.at_ms)
    return _answered(UnitAnswer(at, found.unit, found.name, found.region, Standing(*count), told))


def standing(request: Request) -> Response:
    """The daily file; who takes it away is on record."""
    visit = Visit(request)
    code = _region(visit)
    form = visit.choice("form", "json", "csv")
    now, site = visit.now, visit.site
    with site.store.read() as reader:
        told = day(reader, now.at_ms, site.rules, now.absent_in(code), code)
    site.admission.note(visit.account.name, network(visit.visitor.address), "export", visit.again())
    if form == "csv":
        name = f'attachment; filename="standing-{code}-{local(now.at_ms):%Y%m%d}.csv"'
        return Response(as_csv(told), media_type=KINDS["csv"], headers={"content-disposition": name})
    return Response(as_json(told), media_type="application/json")


def document(request: Request) -> Response:
    kinds = [one.id for one in request.app.state.site.policy.kinds if one.counts]
    return Response(msgspec.json.encode(openapi(kinds)), media_type="application/json")


def _region(visit: Visit) -> str:
    code: str = visit.request.path_params["code"]
    if not visit.scope.region_seen(visit.now.tree, code):
        raise nothing()
    _known(visit)
    return code


def _known(visit: Visit) -> None:
    """A parameter that is not there would be passed over, and the answer be one to another question. Raises Wrongly."""
    _, _, queries = ANSWERS[visit.request.scope["route"].path.replace(":path", "")]
    if wrong := [name for name in visit.params if name not in queries | LANGUAGE]:
        known = ", ".join((*queries, *LANGUAGE))
        name = tidy(wrong[0], 40)
        raise Wrongly(f"没有参数 {name}，可用的有：{known}", f"there is no parameter {name}; there are: {known}")


def _absence(one: Any, lang: str) -> Absence:
    told = {name: getattr(one, name) for name in Absence.__struct_fields__ if name not in ("since", "cause_words")}
    return Absence(**told, since=iso(one.since_ms), cause_words=cause_words(one.cause, lang))


def _share(numerator: int, denominator: int) -> Share:
    return Share(numerator, denominator, percent(numerator, denominator))


def _answered(told: Struct) -> Response:
    return Response(msgspec.json.encode(told), media_type="application/json")


# ---- what it says of itself ----------------------------------------------------------------------

ANSWERS: dict[str, tuple[type[Struct], str, dict[str, str]]] = {
    "/api/v1/places/{code}": (
        Places,
        "What lies in a region, the failing first",
        {"month": "YYYY-MM, none to come; default: the running one", "kind": "kind of unit; default: all"},
    ),
    "/api/v1/absences/{code}": (Absences, "Positions of a region that are not online now, as `offline --json`", {}),
    "/api/v1/standing/{code}": (
        Day,
        "How every position of a region stands, as `standing --json`",
        {"form": "json (default), or csv: the same rows as a file"},
    ),
    "/api/v1/units/{unit}": (UnitAnswer, "One unit as it stands now", {}),
}
"""Path -> what it answers, what it is, its query parameters."""
LANGUAGE = {"lang": "zh or en; default: by Accept-Language"}
WRONG = {
    "400": "a parameter is wrong",
    "401": "no token",
    "404": "not there, or not yours",
    "503": "the database is away: try again",
}

ROUTES = [
    Route("/api/v1/openapi.json", document),
    Route("/api/v1/places/{code}", places),
    Route("/api/v1/absences/{code}", absences),
    Route("/api/v1/standing/{code}", standing),
    Route("/api/v1/units/{unit:path}", unit),
]


def openapi(kinds: Sequence[str]) -> dict[str, Any]:
    """OpenAPI 3.1. `kinds`: of unit, that are counted."""
    limits: dict[str, dict[str, Any]] = {
        "form": {"enum": ["json", "csv"]},
        "month": {"pattern": "^([0-9]{4}-(0[1-9]|1[0-2]))?$"},
        "kind": {"enum": ["", *kinds]},
    }
    forms = [form for form, _, _ in ANSWERS.values()]
    refs, schemas = msgspec.json.schema_components([*forms, Problem], ref_template="#/components/schemas/{name}")
    wrong = {"content": {"application/json": {"schema": refs[-1]}}}
    paths = {}
    for (path, (_, summary, queries)), ref in zip(ANSWERS.items(), refs, strict=False):
        name = path.partition("{")[2].rstrip("}")
        asked: list[dict[str, Any]] = [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}}]
        for query, words in (queries | LANGUAGE).items():
            limited = {"type": "string", **limits.get(query, {})}
            asked.append({"name": query, "in": "query", "description": words, "schema": limited})
        answers: dict[str, Any] = {"200": {"description": "OK", "content": {"application/json": {"schema": ref}}}}
        if "form" in queries:
            answers["200"]["content"]["text/csv"] = {"schema": {"type": "string"}}
        for status, why in WRONG.items():
            answers[status] = {"description": why, **wrong}
        paths[path] = {"get": {"summary": summary, "parameters": asked, "responses": answers}}
    return {
        "openapi": "3.1.0",
        "info": {"title": "canteen-center", "version": __version__},
        "security": [{"token": []}],
        "paths": paths,
        "components": {"schemas": schemas, "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
    }
