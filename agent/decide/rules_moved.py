"""What moving a camera proves (E4), over whatever it declared: turned, zoomed, focused, or nothing of the kind.

An attempt that saw nothing changes no verdict. How the camera was moved must not be known here.
"""

from msgspec.structs import replace

from agent.model import FocusSeen, NotSeen, Rotation, Seen, ZoomSeen
from contract.messages import Verdict
from contract.policy import Policy
from contract.reasons import Finding
from contract.vocabulary import Level, Standing

ALL_AROUND = 360.0
STANDS_DEG = 2.0
"""A smaller turn is none: the pictures cannot be measured more exactly."""
GROWS = 1.05
"""Magnification below which nothing grew."""
COMPARED = 1.4
"""From this magnification on a lens shows so much more detail than digital zoom that the two can be told apart."""
BLURS, UNTOUCHED = 0.75, 0.8
"""Sharpness left, as a share: up to the first the focus moved, from the second on it did not; people and steam, too,
change a picture by what lies between."""


def rotation(declared: Verdict, seen: Seen[Rotation] | NotSeen, policy: Policy) -> Verdict:
    """豫市监〔2021〕45号 二.3 "360°旋转": the sweep's span; all around where the start recurs or the ends overlap."""
    if isinstance(seen, NotSeen):
        return declared
    turned = seen.value
    verified = replace(declared, level=Level.E4, standing=Standing.MET, reason="", proof=(_sweep_words(turned),))
    if turned.span_deg is None:
        return replace(verified, measured="unbounded")
    if turned.closed:
        return replace(verified, measured=ALL_AROUND)
    reason = _short(turned.span_deg, turned.error_deg, policy.capability.min_pan_span.value)
    standing = {"": Standing.MET, Finding.TOO_CLOSE: Standing.UNPROVEN}.get(reason, Standing.NOT_MET)
    if reason == Finding.TOO_NARROW and declared.reason == Finding.LIMITED:
        reason = declared.reason
    return replace(verified, standing=standing, measured=turned.span_deg, reason=reason)


def _short(span_deg: float, error_deg: float, required: float) -> str:
    """Why a measured span does not suffice, "" if it does."""
    if span_deg - error_deg >= required:
        return ""
    if span_deg + error_deg >= required:
        return Finding.TOO_CLOSE
    return Finding.STANDS_STILL if span_deg < STANDS_DEG else Finding.TOO_NARROW


def zoom(declared: Verdict, seen: Seen[ZoomSeen] | NotSeen, policy: Policy) -> Verdict:
    """豫市监〔2021〕45号 二.3 "远近调焦": things grow, and show more detail than enlarging gives."""
    if isinstance(seen, NotSeen):
        return declared
    found = seen.value
    words = f"zoomed: {found.scale:g} times as large, new fine detail {found.detail_ratio:g}"
    verified = replace(
        declared, level=Level.E4, standing=Standing.MET, measured=found.scale, unit="x", reason="", proof=(words,)
    )
    if found.scale < GROWS:
        return replace(verified, standing=Standing.NOT_MET, reason=Finding.STANDS_STILL)
    capability = policy.capability
    if capability.accept_digital_zoom.value:
        return verified
    told = found.scale >= COMPARED
    if told and found.detail_ratio >= capability.min_detail_ratio.value:
        return verified
    if told and found.detail_ratio <= capability.max_digital_ratio.value:
        return replace(verified, standing=Standing.NOT_MET, reason=Finding.DIGITAL_ONLY)
    return replace(verified, standing=Standing.UNPROVEN, reason=Finding.LITTLE_DETAIL)


def focus(declared: Verdict, seen: Seen[FocusSeen] | NotSeen) -> Verdict:
    """豫市监〔2021〕45号 二.3 "远近调焦": sharpness follows the command."""
    if isinstance(seen, NotSeen):
        return declared
    found = seen.value
    words = f"focus moved: sharpness {found.before:g}, then {found.moved:g}, restored {found.restored:g}"
    verified = replace(declared, level=Level.E4, standing=Standing.MET, reason="", proof=(words,))
    if found.moved <= BLURS * found.before:
        return verified
    if found.moved < UNTOUCHED * found.before:
        return replace(verified, standing=Standing.UNPROVEN, reason=Finding.HARDLY_CHANGED)
    return replace(verified, standing=Standing.NOT_MET, reason=Finding.STANDS_STILL)


def _sweep_words(turned: Rotation) -> str:
    if turned.span_deg is None:
        return "sweep one way: the view of the start came round again"
    span = f"sweep between the stops: {turned.span_deg:g} degrees"
    if turned.closed:
        return f"{span}, the views at both stops overlap"
    return f"{span}, give or take {turned.error_deg:g} ({turned.method})"
