"""One camera on paper: who it is, how far it can be opened, each clause with its evidence, what is odd about it."""

from base64 import b64encode
from collections.abc import Iterator, Sequence

from agent.acceptance.markup import Html, between, foreign, join, rows, tag
from agent.acceptance.phrases import Words
from agent.acceptance.proofs import basis
from agent.acceptance.remarks import remarks
from agent.acceptance.tasks import Inspection, advice
from agent.model import Camera, Evidence, NotSeen, Seen
from contract.messages import Verdict
from contract.policy import Policy
from contract.text import tidy
from contract.vocabulary import MARKS, Availability, Clause, Reason, Rung, Standing, name

MAX_JPEG_BYTES = 256 * 1024
_JPEG = b"\xff\xd8\xff"


def card(
    number: int, one: Inspection, policy: Policy, say: Words, *, todo: Sequence[int], picture: Html | None = None
) -> Html:
    """The section of one camera. `todo`: numbers of its tasks. `picture`: what `thumbnail` made; None = none wanted."""
    camera, evidence, _ = one
    oddities = [tag("li", foreign(remark.text(say.lang))) for remark in remarks(evidence, say.lang)]
    return tag(
        "section",
        tag("h3", f"{number}. ", foreign(camera.name or camera.slot), " ", tag("small", camera.address)),
        tag("p", _todo(todo, say), class_="todo"),
        picture or Html(),
        _identity(camera, evidence, say),
        tag("p", tag("b", say.ladder, say.colon), *between(" → ", list(_ladder(evidence, say))), class_="ladder"),
        _clauses(one, policy, say),
        tag("h4", say.notes) if oddities else Html(),
        tag("ul", *oddities) if oddities else Html(),
        class_="camera",
        id=f"camera-{number}",
    )


def mark(standing: Standing, lang: str) -> Html:
    """A standing as sign and word."""
    return tag("b", f"{MARKS[standing]} {name(standing, lang)}", class_=f"mark {standing.value.lower()}")


def thumbnail(camera: Camera, jpeg: bytes | None, say: Words) -> Html:
    """The picture inside the page itself; what is no JPEG, or too large for a thumbnail, is left out in words."""
    title = say.picture_of.format(tidy(camera.name or camera.slot))
    if jpeg is None or not jpeg.startswith(_JPEG) or len(jpeg) > MAX_JPEG_BYTES:
        return tag("p", say.no_picture, class_="frame")
    data = f"data:image/jpeg;base64,{b64encode(jpeg).decode('ascii')}"
    return tag("p", tag("img", src=data, alt=title), class_="frame")


# ---- who it is, and can it be opened ------------------------------------------------------------


def _todo(numbers: Sequence[int], say: Words) -> Html:
    if not numbers:
        return join(say.camera_fine)
    before, after = say.camera_todo.split("{0}")
    links = [tag("a", str(number), href=f"#task-{number}") for number in numbers]
    return join(before, *between(say.comma, links), after)


def _identity(camera: Camera, evidence: Evidence, say: Words) -> Html:
    ports = say.ports.format(camera.ports.onvif, camera.ports.rtsp)
    facts = [(say.address, f"{camera.address}{say.stop}{ports}"), (say.slot, camera.slot), (say.zone, camera.zone)]
    device = evidence.capabilities.device
    if isinstance(device, Seen):
        seen = device.value
        facts += [
            (say.device, f"{seen.manufacturer} {seen.model}"),
            (say.firmware, seen.firmware),
            (say.serial, seen.serial),
            (say.mac, seen.mac),
        ]
    else:
        facts.append((say.device, say.unread.format(name(device.reason, say.lang))))
    facts.append((say.channel, camera.channel))
    shown = [tag("div", tag("dt", title), tag("dd", foreign(value))) for title, value in facts if value.strip()]
    return tag("dl", *shown)


def _ladder(evidence: Evidence, say: Words) -> Iterator[Html]:
    """Each rung with its sign and, where it was not reached, why."""
    look = evidence.look
    rungs = {
        Rung.REACHABLE: look.tcp if look else None,
        Rung.ANSWERS: look.clock if look else None,
        Rung.STREAMS: look.stream if look else None,
        Rung.PICTURE: evidence.picture,
    }
    for rung, observation in rungs.items():
        if observation is None or (isinstance(observation, NotSeen) and observation.reason is Reason.UNASKED):
            sign, why, state = "–", say.not_looked, "unasked"
        elif isinstance(observation, NotSeen):
            sign, why, state = MARKS[Standing.NOT_MET], name(observation.reason, say.lang), "missed"
        else:
            sign, why, state = MARKS[Standing.MET], "", "reached"
        beside = f"{say.colon}{why}" if why else ""
        yield tag("span", f"{sign} {name(rung, say.lang)}{beside}", class_=f"rung {state}")


# ---- what the clauses say -----------------------------------------------------------------------


def _clauses(one: Inspection, policy: Policy, say: Words) -> Html:
    head = tag("thead", tag("tr", rows("th", say.clause, say.standing, say.evidence, say.explanation)))
    lines, before = [], ""
    for verdict in one.verdicts:
        told = advice(verdict, one, policy, say.lang)
        lines.append(_clause(verdict, say.ditto if told and told == before else told, say))
        before = told
    return tag("table", head, tag("tbody", *lines), class_="clauses")


def _clause(verdict: Verdict, told: str, say: Words) -> Html:
    proof = basis(verdict.proof, say.lang)
    return tag(
        "tr",
        tag("th", name(verdict.clause, say.lang), *_required(verdict, say), scope="row"),
        tag("td", _standing(verdict, say)),
        tag("td", f"{verdict.level} {name(verdict.level, say.lang)}"),
        tag("td", foreign(told), *_small(f"{say.basis}{proof}" if proof else "")),
    )


def _standing(verdict: Verdict, say: Words) -> Html:
    """A camera that cannot be opened has not answered "no": it is offline."""
    if verdict.clause is Clause.ONLINE and verdict.standing is Standing.NOT_MET:
        return tag("b", name(Availability.OFFLINE, say.lang), class_="mark not_met")
    return mark(verdict.standing, say.lang)


def _small(text: str) -> list[Html]:
    return [tag("small", foreign(text))] if text else []


def _required(verdict: Verdict, say: Words) -> list[Html]:
    required = verdict.required
    if required is None:
        return []
    if verdict.clause is Clause.ONLINE:
        figure = name(Rung(str(required)), say.lang)
    elif isinstance(required, str):
        figure = f"≥{required.replace('x', '×')}"
    else:
        figure = f"≥{required:,.0f}" + {"deg": "°", "px": say.pixels}.get(verdict.unit, verdict.unit)
    return _small(say.required.format(figure))
