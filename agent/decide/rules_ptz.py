"""Rotation and zoom: what the coordinate spaces that a device declares for its PTZ heads prove (ONVIF PTZ 5.2, 5.8).

A claimed PTZ service proves nothing; only an answer to GetNodes or GetConfigurationOptions does. How they were asked
must not be known here.
"""

from collections.abc import Callable
from math import floor, inf
from typing import Any

from msgspec.structs import replace

from agent.decide import rules_moved, scope
from agent.decide.heads import Head, heads, in_degrees, span, words
from agent.model import Evidence, NotSeen, Seen, Space, values
from contract.messages import Verdict
from contract.policy import Policy
from contract.reasons import Finding
from contract.text import tidy
from contract.vocabulary import Clause, Level, Reason, Standing

FULL_CIRCLE = 360
_STRENGTH = (Standing.NOT_MET, Standing.UNPROVEN, Standing.MET)


# ---- the two clauses ----------------------------------------------------------------------------


def rotation(evidence: Evidence, policy: Policy) -> Verdict:
    """豫市监〔2021〕45号 二.3 "360°旋转". `measured`: the pan span in degrees, or "unbounded" for an endless head."""
    required = policy.capability.min_pan_span.value
    base = Verdict(clause=Clause.ROTATION_360, standing=Standing.UNKNOWN, level=Level.E0, required=required, unit="deg")
    if evidence.panoramic and policy.capability.accept_panoramic.value:
        proof = ("operator's statement: panoramic, and the policy accepts it",)
        return replace(base, standing=Standing.MET, level=Level.E1, proof=proof)
    declared = _best(base, evidence, "pan_tilt", lambda head: _turns(base, head, required, policy))
    return rules_moved.rotation(declared, evidence.movement.rotation, policy)


def zoom(evidence: Evidence, policy: Policy) -> Verdict:
    """豫市监〔2021〕45号 二.3 "远近调焦": the zoom. ONVIF cannot tell optical from digital zoom, so E4 alone could.

    A range of positions declares it. Velocities and relative steps alone are a template that lenses without motors
    have, too: unproven, as for pan.
    """
    base = Verdict(clause=Clause.ZOOM, standing=Standing.UNKNOWN, level=Level.E0)
    declared = _best(base, evidence, "zoom", lambda head: _zooms(base, head))
    return rules_moved.zoom(declared, evidence.movement.zoom, policy)


def _best(base: Verdict, evidence: Evidence, axis: str, judge: Callable[[Head], Verdict | None]) -> Verdict:
    """The verdict on the head that stands best; or why there is none."""
    if lost := scope.lost_channel(base, evidence):
        return lost
    own = tuple(heads(evidence))
    verdicts = [verdict for head in own if (verdict := judge(head))]
    if verdicts:
        return max(verdicts, key=lambda v: (_STRENGTH.index(v.standing), v.level))
    return _absent(base, evidence, own, axis)


def _zooms(base: Verdict, head: Head) -> Verdict | None:
    offers = head.moving("zoom")
    if not offers:
        return None
    positions = [o for o in offers if o.space.kind == "absolute"]
    best = max(positions or offers, key=lambda o: o.level)
    if not positions:
        unproven = replace(base, standing=Standing.UNPROVEN, level=best.level, reason=Finding.NO_RANGE)
        return replace(unproven, proof=(str(best),))
    proof = (str(best), "ONVIF cannot tell optical from digital zoom")
    return replace(base, standing=Standing.MET, level=best.level, proof=proof)


def _turns(base: Verdict, head: Head, required: float, policy: Policy) -> Verdict | None:
    """What a head that pans proves of its range; None where it does not pan.

    A range in degrees that GetNodes or the options name is declared, whatever profile binds the head: E2 only where a
    limit in force, in degrees itself, leaves it.
    """
    pans = head.moving("pan_tilt")
    if not pans:
        return None
    positions = [o for o in pans if o.space.kind == "absolute"]
    degrees = [o for o in positions if in_degrees(o.space)]
    wide = [o for o in positions if o not in degrees and required <= o.span]
    if policy.capability.accept_nonstandard_degrees.value:
        degrees += wide
    best = max(degrees or wide or positions or pans, key=lambda o: (o.span, o.level))
    verdict = replace(base, level=best.level, proof=(str(best),))
    if degrees:
        verdict = replace(verdict, measured=_figure(best.span))
        if best.span < required:
            return replace(verdict, standing=Standing.NOT_MET, reason=Finding.TOO_NARROW)
    for limit in head.limits:
        if limited := _limited(verdict, head, limit, required):
            return limited
    if degrees:
        in_force = any(limit.axis == "pan_tilt" and in_degrees(limit) and span(limit.x) for limit in head.limits)
        return replace(verdict, standing=Standing.MET, level=best.level if in_force else Level.E1)
    reason = Finding.NONSTANDARD_DEGREES if wide else Finding.GENERIC_SPACE_ONLY
    return replace(verdict, standing=Standing.UNPROVEN, reason=reason)


def _limited(verdict: Verdict, head: Head, limit: Space, required: float) -> Verdict | None:
    """What a limit in force leaves of the range, if too little: it holds for all movements (ONVIF PTZ PanTiltLimits).

    A limit in degrees says how far the head turns. One in the generic space says which share of the full circle
    remains, which settles nothing but forbids MET. Min==Max is junk: such a head could not move at all.
    """
    if limit.axis != "pan_tilt" or not 0 < span(limit.x) < inf:
        return None
    proof = (*verdict.proof, words("PanTiltLimits", limit))
    if in_degrees(limit):
        found = replace(verdict, standing=Standing.NOT_MET, measured=_figure(span(limit.x)))
        return replace(found, reason=Finding.LIMITED, proof=proof) if span(limit.x) < required else None
    full = max((o.span for o in head.offers if o.space.kind == "absolute" and o.space.uri == limit.uri), default=0)
    if verdict.measured is None or not full or FULL_CIRCLE * span(limit.x) / full >= required:
        return None
    return replace(verdict, standing=Standing.UNPROVEN, measured=None, reason=Finding.LIMITED, proof=proof)


def _figure(degrees: float) -> float | str:
    """Cut, not rounded, to a thousandth: 349.9999 must not read as 350."""
    return "unbounded" if degrees == inf else floor(degrees * 1000) / 1000


# ---- no head moves this axis --------------------------------------------------------------------


def _absent(base: Verdict, evidence: Evidence, own: tuple[Head, ...], axis: str) -> Verdict:
    """NOT_MET where a successful reply says so; UNPROVEN or UNKNOWN where none does."""
    no = replace(base, standing=Standing.NOT_MET, level=Level.E1, reason=Reason.UNSUPPORTED)
    silent = [head for head in own if not head.offers]
    if silent:
        return _silent(base, no, evidence, silent)
    return _without(no, own, axis) if own else _headless(base, no, evidence)


def _silent(base: Verdict, no: Verdict, evidence: Evidence, silent: list[Head]) -> Verdict:
    """Some head offers no space at all, which happens on heads that do move.

    So where GetNodes is answered with "no": that a configuration is there is another reply's "yes".
    """
    nodes = evidence.capabilities.nodes
    unread = {f"GetConfigurationOptions {n}": head.unread for n, head in enumerate(silent) if head.unread}
    if any(map(_unanswered, (nodes, *unread.values()))):
        return scope.unknown(base, GetNodes=nodes, **unread)
    said = (scope.not_seen("GetNodes", nodes),) if isinstance(nodes, NotSeen) else ()
    proof = ("a PTZ head without any space", *said)
    return replace(no, standing=Standing.UNPROVEN, reason=Finding.NO_SPACES, proof=proof)


def _headless(base: Verdict, no: Verdict, evidence: Evidence) -> Verdict:
    """No head is known to be this slot's."""
    caps = evidence.capabilities
    if values(caps.nodes):
        if _unanswered(caps.configurations):
            return scope.unknown(base, GetConfigurations=caps.configurations)
        proof = ("GetNodes lists a head, but no profile of this channel binds it",)
        return replace(no, standing=Standing.UNPROVEN, reason=Finding.NOT_BOUND, proof=proof)
    binding = next((profile for profile in scope.own_profiles(evidence) if profile.ptz), None)
    if binding and not _unanswered(caps.nodes):
        bound = (tidy(f"profile {binding.token} binds a PTZ configuration"), scope.counted("GetNodes", caps.nodes))
        return replace(no, standing=Standing.UNPROVEN, level=Level.E2, reason=Finding.NO_SPACES, proof=bound)
    if scope.says_no(caps.nodes):
        return replace(no, proof=(scope.counted("GetNodes", caps.nodes),))
    if _unasked(caps.nodes) and scope.unlisted(evidence, "ptz"):
        return replace(no, proof=("neither GetServices nor GetCapabilities lists PTZ",))
    return scope.unknown(base, GetNodes=caps.nodes, GetConfigurations=caps.configurations, GetServices=caps.services)


def _without(no: Verdict, own: tuple[Head, ...], axis: str) -> Verdict:
    """The heads offer spaces, none of which moves this axis."""
    empty = [offer for head in own for offer in head.moves(axis)]
    if empty:
        return replace(no, reason=Finding.DEGENERATE_RANGE, proof=tuple(map(str, empty[:3])))
    offered = sorted({f"{o.space.kind} {o.space.axis}" for head in own for o in head.offers})
    return replace(no, proof=(f"PTZ offers only: {', '.join(offered)}",))


def _unanswered(observation: Seen[Any] | NotSeen | None) -> bool:
    return isinstance(observation, NotSeen) and observation.reason is not Reason.UNSUPPORTED


def _unasked(observation: Seen[Any] | NotSeen) -> bool:
    return isinstance(observation, NotSeen) and observation.reason is Reason.UNASKED
