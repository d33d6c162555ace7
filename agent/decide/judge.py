"""Evidence and policy in, verdicts out: a table of clauses, one small function each.

How the evidence was gathered, and whom the verdicts reach, must not be known here. Capability is encouraged by the
regulation, not required: no verdict on it makes a camera offline.
"""

from collections.abc import Callable

from msgspec.structs import replace

from agent.decide import availability, rules_media, rules_ptz, rules_resolution, scope
from agent.model import Evidence, NotSeen
from contract.messages import Verdict
from contract.policy import Policy
from contract.vocabulary import Availability, Clause, Level, Standing

Rule = Callable[[Evidence, Policy], Verdict]

_ONLINE = {
    Availability.ONLINE: (Standing.MET, Level.E3),
    Availability.OFFLINE: (Standing.NOT_MET, Level.E3),
    Availability.UNKNOWN: (Standing.UNKNOWN, Level.E0),
}


def judge(evidence: Evidence, policy: Policy) -> tuple[Verdict, ...]:
    """One verdict per clause, in the order of Clause.

    Only UNSUPPORTED counts against a capability; any other way of not having seen is UNKNOWN, with its reason.
    """
    return tuple(RULES[clause](evidence, policy) for clause in Clause)


def online(evidence: Evidence, policy: Policy) -> Verdict:
    """豫市监〔2021〕45号 一, 四.2 "在线率": what this one look says; a change counts only when confirmed.

    `measured`: the rung that was reached.
    """
    needs = policy.online.needs.value
    base = Verdict(clause=Clause.ONLINE, standing=Standing.UNKNOWN, level=Level.E0, required=needs)
    look = evidence.look
    if look is None:
        return scope.unknown(base)
    state, rung, reason = availability.read(look, policy)
    standing, level = _ONLINE[state]
    steps = {"TCP": look.tcp, "clock": look.clock, "DESCRIBE": look.stream}
    proof = tuple(scope.not_seen(n, o) if isinstance(o, NotSeen) else f"{n}: answered" for n, o in steps.items())
    return replace(base, standing=standing, level=level, measured=rung.value, reason=reason or "", proof=proof)


RULES: dict[Clause, Rule] = {
    Clause.ROTATION_360: rules_ptz.rotation,
    Clause.ZOOM: rules_ptz.zoom,
    Clause.FOCUS: rules_media.focus,
    Clause.TWO_WAY_AUDIO: rules_media.two_way_audio,
    Clause.RESOLUTION_PIXELS: rules_resolution.pixels,
    Clause.RESOLUTION_1080P: rules_resolution.full_hd,
    Clause.ONLINE: online,
}
