"""How far each camera can be opened: from the running agent, which looks all the time, else by one inspection.

So where the agent runs no login is sent at all, and else just those of `inspect`, through the same gate.
"""

from collections.abc import Callable, Collection, Sequence

from msgspec.structs import replace

from agent import causes
from agent.decide import judge
from agent.doctor.rows import NOTHING, Area, Result, Row, Tell
from agent.examine import PICTURES_S, examine
from agent.model import Camera, Evidence, NotSeen
from agent.permit import Door
from agent.status import CameraStatus
from contract.policy import Policy
from contract.problems import Words, both
from contract.reasons import Finding, advice
from contract.vocabulary import Availability, Clause, Reason, Rung, Standing, fault_name, name

INSPECTION_S = 60.0
CAMERAS_S = INSPECTION_S + 2 * PICTURES_S
"""Of all cameras; a patient second visit for rare keyframes included."""
_STRANGER = Words(
    "another device stands at this address, no login is sent",
    "此地址上是另一台设备，不再登录",
)
_CONFIRM = Words(
    "check it; if it was replaced, write the new device into identity: and restart",
    "请核实；如已更换，请把新设备写入该点位的 identity 并重启",
)
_NO_JUDGEMENT = frozenset({"", Reason.UNASKED, Reason.AGENT_FAULT, Finding.PICTURE_UNTRIED})
"""These are no word about the camera."""
_NO_FAULT = frozenset({Reason.BUSY, Finding.NO_MEDIA, Finding.UDP_ONLY, Finding.NO_KEYFRAME, Finding.MJPEG_ONLY})
"""It can be opened all the same, as far as is known."""


def known(cameras: Sequence[CameraStatus]) -> list[Row]:
    """What the running agent knows of each."""
    return [_known(one) for one in cameras]


def _known(one: CameraStatus) -> Row:
    what = _what(one.slot, one.name, one.address)
    if one.identity_changed:
        return _row(what, Result.WRONG, _STRANGER, _CONFIRM)
    reason = one.finding or one.reason or ""
    if one.login_refused:
        reason = Reason.REFUSED
    if one.availability != Availability.ONLINE or one.login_refused:
        return _row(what, _result(reason), _said(one.level, reason, one.detail), _todo(reason))
    if one.picture.faults:
        faults = [Words(*(fault_name(fault.fault, lang) for lang in ("en", "zh"))) for fault in one.picture.faults]
        said = Words(", ".join(fault.en for fault in faults), "、".join(fault.zh for fault in faults))
        todo = Words("look at the camera and its picture", "请查看摄像机及其画面")
        return _row(what, Result.WARNING, Words(f"the picture is faulty: {said.en}", f"画面异常：{said.zh}"), todo)
    if why := one.picture.finding:
        return _row(what, Result.WARNING, _said(one.level, why, one.picture.detail), _todo(why))
    return _row(what, Result.FINE, _rung(one.level))


def asked(
    cameras: Sequence[Camera],
    policy: Policy,
    door: Door,
    barred: Collection[str],
    tell: Tell,
    *,
    advance: Callable[[], None] = lambda: None,
) -> None:
    """Ask each camera as `inspect` does. `barred`: slots at which another device stands; they get no login.

    `advance`: called after each of its examine.STEPS.
    """
    bare = {"credentials": None, "rtsp_credentials": None}
    shown = [replace(one, **bare) if one.slot in barred else one for one in cameras]
    found = examine(shown, door=door, auth={}, deadline_s=INSPECTION_S, motion=None, sound=False, advance=advance)
    for camera, one in zip(cameras, found, strict=True):
        what = _what(camera.slot, camera.name, camera.address)
        strange = camera.slot in barred
        tell(_row(what, Result.WRONG, _STRANGER, _CONFIRM) if strange else _seen(what, one.evidence, policy))


def _seen(what: Words, evidence: Evidence, policy: Policy) -> Row:
    verdict = judge.online(evidence, policy)
    rung, look = Rung(str(verdict.measured or Rung.UNREACHABLE)), evidence.look
    reason = verdict.reason
    if verdict.standing is Standing.MET and not reason:
        return _row(what, Result.FINE, _rung(rung))
    stream = look.stream if look else None
    detail = stream.detail if isinstance(stream, NotSeen) else ""
    if isinstance(evidence.picture, NotSeen) and not detail:
        detail = evidence.picture.detail
    result = Result.WARNING if verdict.standing is Standing.MET else _result(reason)
    return _row(what, result, _said(rung, reason, detail), _todo(reason))


def _result(reason: str) -> Result:
    """Of a camera that could not be opened, or of which that is not proven."""
    if reason in _NO_JUDGEMENT:
        return Result.UNCHECKED
    return Result.WARNING if reason in _NO_FAULT else Result.WRONG


def _said(rung: Rung, reason: str, detail: str) -> Words:
    """How far it got and why no further."""
    en, zh = ([name(rung, lang), _reason(reason, lang), causes.cause(detail, lang)] for lang in ("en", "zh"))
    return Words("; ".join(dict.fromkeys(filter(None, en))), "；".join(dict.fromkeys(filter(None, zh))))


def _reason(word: str, lang: str) -> str:
    """Of a finding the advice says all."""
    return name(Reason(word), lang) if word in list(Reason) else ""


def _rung(rung: Rung) -> Words:
    return Words(name(rung, "en"), name(rung, "zh"))


def _todo(reason: str) -> Words:
    if not reason:
        return NOTHING
    return Words(advice(reason, Clause.ONLINE, "en"), advice(reason, Clause.ONLINE, "zh"))


def _what(slot: str, name_: str, address: str) -> Words:
    return both(" ".join(dict.fromkeys(filter(None, (slot, name_, address)))))


def _row(what: Words, result: Result, said: Words, todo: Words = NOTHING) -> Row:
    return Row(area=Area.CAMERA, what=what, result=result, said=said, todo=todo)
