"""The whole acceptance report as one HTML page that needs nothing beside itself: no script, no font, no address."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from importlib import resources
from typing import Any

from msgspec import Struct, structs

from agent.acceptance.cards import card, mark, thumbnail
from agent.acceptance.markup import Html, foreign, join, rows, style, tag
from agent.acceptance.phrases import Words, words
from agent.acceptance.tasks import Inspection, Kind, Task, tasks
from agent.model import Camera
from contract.policy import Policy
from contract.vocabulary import Clause, Level, Rung, Standing, name

NOTHING_FROM_OUTSIDE = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
"""Content-Security-Policy: even if text of a camera became markup, it could neither run nor fetch anything."""
UNDEFINED = "未规定"
"""How policy files cite what the regulation does not define."""
_KINDS = {
    Kind.REPAIR: ("先排除故障，然后重新检测", "First mend these, then inspect again"),
    Kind.SETTING: ("调整设置，现场处理", "Settings and handiwork"),
    Kind.ON_SITE: ("现场确认", "Confirm on site"),
    Kind.LACKING: (
        "改设置解决不了，由单位决定是否更换设备",
        "No setting helps; replacing the camera is the canteen's choice",
    ),
}


class Heading(Struct, frozen=True, kw_only=True):
    """What stands above all cameras. `gateway`: its id, "" = none. `at`: when asking began, aware; it took `took_s`.

    `clock_synced`: an outside source disciplines the clock that `at` was read from.
    """

    gateway: str
    policy: Policy
    version: str
    at: datetime
    took_s: float
    clock_synced: bool


def page(
    inspections: Sequence[Inspection],
    heading: Heading,
    *,
    lang: str = "zh",
    pictures: Mapping[str, bytes] | None = None,
) -> str:
    """The report in "zh" or "en". `pictures`: slot -> small JPEG, where pictures were asked for; None = none at all."""
    say, policy = words(lang), heading.policy
    todo = tasks(inspections, policy, lang)
    body = tag(
        "main",
        tag("h1", say.title),
        tag("p", say.confidential, class_="warning") if pictures is not None else tag("p", say.without_pictures),
        _facts(heading, say),
        *_summary(inspections, policy, say),
        tag("h2", say.todo),
        _todo(todo, [one.camera for one in inspections], say),
        *(
            card(
                number + 1,
                one,
                policy,
                say,
                todo=[place for place, task in enumerate(todo, 1) if number in task.places],
                picture=None if pictures is None else thumbnail(one.camera, pictures.get(one.camera.slot), say),
            )
            for number, one in enumerate(inspections)
        ),
        tag("div", *(tag("div", title, say.colon) for title in say.signatures), class_="signatures"),
        *_legend(say),
        *_criteria(policy, say),
    )
    css = resources.files("agent.acceptance").joinpath("style.css").read_text(encoding="utf-8")
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=NOTHING_FROM_OUTSIDE),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", f"{say.title} {heading.gateway} {heading.at:%Y-%m-%d %H:%M}"),
        style(css),
    )
    document = tag("html", head, tag("body", body), lang="zh-CN" if lang == "zh" else lang)
    return f"<!DOCTYPE html>\n{document}\n"


# ---- above the cameras --------------------------------------------------------------------------


def _facts(heading: Heading, say: Words) -> Html:
    at = heading.at
    facts = {
        say.unit: "",
        say.gateway: heading.gateway or say.single,
        say.time: f"{at:%Y-%m-%d %H:%M} (UTC{at.isoformat()[-6:]})",
        say.took: say.took_value.format(heading.took_s),
        say.policy: f"{_title(heading.policy, say)}{say.colon}{heading.policy.document}",
        say.version: heading.version,
    }
    shown = tag("dl", *(_fact(title, value, wide=title in (say.unit, say.policy)) for title, value in facts.items()))
    return shown if heading.clock_synced else join(shown, tag("p", say.unsynced, class_="warning"))


def _fact(title: str, value: str, *, wide: bool) -> Html:
    pair = join(tag("dt", title), tag("dd", foreign(value)))
    return tag("div", pair, class_="wide") if wide else tag("div", pair)


def _summary(inspections: Sequence[Inspection], policy: Policy, say: Words) -> list[Html]:
    """How many cameras stand how in each clause: counts alone, for a rounded share would read as a pass."""
    title = tag("h2", say.summary)
    if not inspections:
        return [title, tag("p", say.no_cameras, class_="warning")]
    counts = Counter((v.clause, v.standing) for one in inspections for v in one.verdicts)
    head = (say.clause, say.article, *(mark(standing, say.lang) for standing in Standing))
    lines = [
        tag(
            "tr",
            tag("th", name(clause, say.lang), scope="row"),
            tag("td", _article(clause, policy, say)),
            *(tag("td", str(counts[clause, standing]), class_="count") for standing in Standing),
        )
        for clause in Clause
    ]
    online = [counts[Clause.ONLINE, standing] for standing in (Standing.MET, Standing.NOT_MET)]
    online.append(len(inspections) - sum(online))
    return [
        title,
        tag("p", tag("b", say.counts.format(len(inspections), *online))),
        tag("table", tag("thead", tag("tr", rows("th", *head))), tag("tbody", *lines), class_="summary"),
        tag("p", say.online_note, " ", say.advisory, class_="small"),
    ]


def _article(clause: Clause, policy: Policy, say: Words) -> str:
    """Articles of the regulation that speak of it, as the policy file cites them."""
    if clause is Clause.ONLINE:
        cited = [deadline.clause for deadline in policy.deadlines if deadline.what == "online"]
    else:
        cited = [entry.clause for entry in _entries(policy.capability)]
    return say.comma.join(dict.fromkeys(one for one in cited if one != UNDEFINED)) or UNDEFINED


# ---- what to do ---------------------------------------------------------------------------------


def _todo(todo: Sequence[Task], cameras: Sequence[Camera], say: Words) -> Html:
    if not todo:
        return tag("p", say.nothing_todo)
    lines: list[Html] = []
    for number, task in enumerate(todo, 1):
        if number == 1 or task.kind is not todo[number - 2].kind:
            title = _KINDS[task.kind][0 if say.lang == "zh" else 1]
            lines.append(tag("tr", tag("th", title, colspan="3", scope="rowgroup"), class_="kind"))
        lines.append(_task(number, task, cameras, say))
    head = tag("thead", tag("tr", rows("th", "#", say.what, say.where)))
    return tag("table", head, tag("tbody", *lines), class_="tasks")


def _task(number: int, task: Task, cameras: Sequence[Camera], say: Words) -> Html:
    boxes = [_box(index, cameras[index], clauses, say) for index, clauses in task.places.items()]
    cells = rows("td", str(number), foreign(task.text), tag("ul", *boxes))
    return tag("tr", cells, id=f"task-{number}")


def _box(index: int, camera: Camera, clauses: Sequence[Clause], say: Words) -> Html:
    """A box to tick: the camera, and which clauses the work is for."""
    names = [name(clause, say.lang) for clause in clauses]
    concerns = say.all_clauses if len(names) == len(Clause) else say.comma.join(names)
    title = tag("a", foreign(camera.name or camera.slot), href=f"#camera-{index + 1}")
    return tag("li", "☐ ", title, f" {camera.address}", tag("small", concerns))


# ---- below the cameras --------------------------------------------------------------------------


def _legend(say: Words) -> list[Html]:
    lines = [tag("li", mark(standing, say.lang), say.colon, meaning) for standing, meaning in say.legend_standings]
    levels = say.stop.join(f"{level} {name(level, say.lang)}" for level in Level)
    return [tag("h2", say.legend), tag("ul", *lines), tag("p", say.legend_levels, levels)]


def _criteria(policy: Policy, say: Words) -> list[Html]:
    """Every threshold of the policy that decided something here, with its source."""
    head = tag("thead", tag("tr", rows("th", say.criterion, say.value, say.article, say.source)))
    lines = [
        tag("tr", rows("td", _title(entry, say), _value(entry, say), entry.clause, entry.source))
        for entry in (*_entries(policy.capability), policy.online.needs)
    ]
    return [tag("h2", say.criteria), tag("table", head, tag("tbody", *lines), class_="criteria")]


def _entries(section: Struct) -> tuple[Any, ...]:
    return tuple(structs.asdict(section).values())


def _title(entry: Any, say: Words) -> str:
    title: str = entry.title.zh if say.lang == "zh" else entry.title.en
    return title


def _value(entry: Any, say: Words) -> str:
    value = entry.value
    if isinstance(value, bool):
        return say.yes if value else say.no
    if isinstance(value, tuple):
        return say.comma.join(value)
    if entry.unit == "rung":
        return name(Rung(value), say.lang)
    if isinstance(value, str):
        return value
    return f"{value:,.10g}" + {"deg": "°", "px": say.pixels, "1": ""}.get(entry.unit, f" {entry.unit}")
