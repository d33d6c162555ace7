"""Evidence and policy in, verdicts out: a table of clauses, one small function each.

How the evidence was gathered, and whom the verdicts reach, must not be known here. Capability is encouraged by the
regulation, not required: no verdict on it makes a camera offline.
"""

from collections.abc import Callable

from msgspec.structs import replace

from agent.decide import availability, rules_media, rules_ptz, rules_resolution, scope
from agent.model import Evidence, NotSeen, Picture, Seen
from contract.messages import Verdict
from contract.policy import Policy
from contract.reasons import Finding
from contract.vocabulary import Availability, Clause, Level, Reason, Rung, Standing

Rule = Callable[[Evidence, Policy], Verdict]


def judge(evidence: Evidence, policy: Policy) -> tuple[Verdict, ...]:
    """One verdict per clause, in the order of Clause.

    Only UNSUPPORTED counts against a capability; any other way of not having seen is UNKNOWN, with its reason.
    """
    return tuple(_blamed(RULES[clause](evidence, policy), evidence) for clause in Clause)


def _blamed(verdict: Verdict, evidence: Evidence) -> Verdict:
    """If the camera is reachable and only its ONVIF port is not, the cause is neither power nor cable: say so."""
    reached = evidence.look is not None and isinstance(evidence.look.tcp, Seen)
    if verdict.clause is not Clause.ONLINE and verdict.reason == Reason.UNREACHABLE and reached:
        return replace(verdict, reason=Finding.ONVIF_SILENT)
    return verdict


def online(evidence: Evidence, policy: Policy) -> Verdict:
    """豫市监〔2021〕45号 一, 四.2 "在线率": what this one look says; a change counts only when confirmed.

    A stream that is described is declared (E1) to be one; where media came it was seen (E3). `measured`: the rung that
    was reached.
    """
    needs = policy.online.needs.value
    base = Verdict(clause=Clause.ONLINE, standing=Standing.UNKNOWN, level=Level.E0, required=needs)
    look = evidence.look
    if look is None:
        return scope.unknown(base)
    state, rung, reason = availability.read(look, policy)
    steps = {"TCP": look.tcp, "clock": look.clock, "DESCRIBE": look.stream}
    proof = tuple(scope.not_seen(n, o) if isinstance(o, NotSeen) else f"{n}: answered" for n, o in steps.items())
    said = look.stream.finding if isinstance(look.stream, NotSeen) and look.stream.reason is reason else ""
    verdict = replace(base, measured=rung.value, reason=said or reason or "", proof=proof)
    if state is Availability.ONLINE:
        return _opened(verdict, evidence.picture) if rung is Rung.STREAMS else replace(verdict, standing=Standing.MET)
    if state is Availability.OFFLINE:
        level = Level.E0 if reason is Reason.UNREACHABLE else Level.E1
        return replace(verdict, standing=Standing.NOT_MET, level=level)
    return verdict


def _opened(described: Verdict, picture: Seen[Picture] | NotSeen) -> Verdict:
    """What the attempt to get a picture adds to a stream that is described.

    One visit that found the camera busy, or received nothing, changes nothing: as with looks, a second must agree.
    """
    met = replace(described, standing=Standing.MET, level=Level.E3)
    if isinstance(picture, Seen):
        proof = (*described.proof, "picture: decoded")
        return replace(met, measured=Rung.PICTURE.value, reason=picture.value.finding, proof=proof)
    reason = picture.finding or picture.reason
    if picture.reason is Reason.UNASKED and not picture.finding:
        reason = Finding.PICTURE_UNTRIED
    declared = replace(met, level=Level.E1, reason=reason, proof=(*described.proof, scope.not_seen("picture", picture)))
    if reason in _CAME:
        return replace(declared, level=Level.E3)
    if reason in _DENIES_NOTHING:
        return declared
    return replace(declared, standing=Standing.UNPROVEN)


_CAME = frozenset({Finding.NO_KEYFRAME, Finding.MJPEG_ONLY, Finding.NO_DECODER})
"""Video came, and no picture could be made of it here."""
_DENIES_NOTHING = frozenset({Reason.BUSY, Finding.NO_MEDIA, Finding.UDP_ONLY})


RULES: dict[Clause, Rule] = {
    Clause.ROTATION_360: rules_ptz.rotation,
    Clause.ZOOM: rules_ptz.zoom,
    Clause.FOCUS: rules_media.focus,
    Clause.TWO_WAY_AUDIO: rules_media.two_way_audio,
    Clause.RESOLUTION_PIXELS: rules_resolution.pixels,
    Clause.RESOLUTION_1080P: rules_resolution.full_hd,
    Clause.ONLINE: online,
}
