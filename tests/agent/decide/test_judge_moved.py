"""Rotation, zoom and focus as moving the camera proves them (E4)."""

from typing import Any

import pytest
from msgspec.structs import replace

from agent.decide.judge import judge
from agent.model import FocusSeen, Movement, NotSeen, Rotation, Seen, ZoomSeen
from contract.reasons import explain
from contract.vocabulary import Clause, Reason
from tests.agent.decide.builders import FULL, GENERIC_PAN, PANS, POLICY, ZOOMS, evidence, node, of, seen

MOVES = evidence(nodes=seen(node(PANS, GENERIC_PAN, ZOOMS)))


def verdict(clause: Clause, policy: Any = POLICY, given: Any = MOVES, **movement: Any) -> tuple[str, str, str, Any]:
    found = of(judge(replace(given, movement=Movement(**movement)), policy), clause)
    return found.standing, found.level, found.reason, found.measured


def swept(span_deg: float | None, *, closed: bool = False, error_deg: float = 0.0) -> Seen[Rotation]:
    return Seen(value=Rotation(span_deg=span_deg, closed=closed, method="matching", error_deg=error_deg))


ROTATION = [
    ("the start recurs", swept(None, closed=True), ("MET", "E4", "", "unbounded")),
    ("the views at both stops overlap", swept(340.1, closed=True), ("MET", "E4", "", 360.0)),
    ("wide enough without overlap", swept(352.5, error_deg=2.0), ("MET", "E4", "", 352.5)),
    ("within the error of the least span", swept(348.0, error_deg=5.0), ("UNPROVEN", "E4", "TOO_CLOSE", 348.0)),
    ("half a turn", swept(180.2, error_deg=3.0), ("NOT_MET", "E4", "TOO_NARROW", 180.2)),
    ("nothing moves", swept(0.0), ("NOT_MET", "E4", "STANDS_STILL", 0.0)),
    ("the sweep saw nothing", NotSeen(reason=Reason.MALFORMED), ("UNPROVEN", "E1", "GENERIC_SPACE_ONLY", None)),
]


@pytest.mark.parametrize(("name", "given", "expected"), ROTATION)
def test_rotation_by_sweep(name: str, given: Any, expected: tuple[str, str, str, Any]) -> None:
    """What the sweep measured stands over what was declared; a sweep that saw nothing changes nothing."""
    assert verdict(Clause.ROTATION_360, rotation=given) == expected, name


def test_a_sweep_outranks_a_declared_range() -> None:
    """Declared degrees do not save a head that stands still."""
    declared = evidence(nodes=seen(node(PANS, FULL)))
    assert verdict(Clause.ROTATION_360, given=declared)[0] == "MET"
    assert verdict(Clause.ROTATION_360, given=declared, rotation=swept(0.0))[:3] == ("NOT_MET", "E4", "STANDS_STILL")


def zoomed(scale: float, detail_ratio: float) -> Seen[ZoomSeen]:
    return Seen(value=ZoomSeen(scale=scale, detail_ratio=detail_ratio))


def test_optical_zoom_is_met_and_digital_zoom_only_where_the_policy_accepts_it() -> None:
    """Zoom needs the detail that the policy asks for, unless `accept_digital_zoom`; between limits nothing is said."""
    assert verdict(Clause.ZOOM) == ("MET", "E1", "", None)
    assert verdict(Clause.ZOOM, zoom=zoomed(1.7, 0.2)) == ("MET", "E4", "", 1.7)
    digital = zoomed(1.7, 0.04)
    assert verdict(Clause.ZOOM, zoom=digital) == ("NOT_MET", "E4", "DIGITAL_ONLY", 1.7)
    least, most = POLICY.capability.min_detail_ratio.value, POLICY.capability.max_digital_ratio.value
    assert verdict(Clause.ZOOM, zoom=zoomed(1.7, least))[0] == "MET"
    assert verdict(Clause.ZOOM, zoom=zoomed(1.7, most))[2] == "DIGITAL_ONLY"
    for unclear in (zoomed(1.7, (least + most) / 2), zoomed(1.2, 0.9), zoomed(1.2, 0.0)):
        assert verdict(Clause.ZOOM, zoom=unclear)[:3] == ("UNPROVEN", "E4", "LITTLE_DETAIL")
    assert verdict(Clause.ZOOM, zoom=zoomed(1.0, 1.0))[:3] == ("NOT_MET", "E4", "STANDS_STILL")
    accepting = replace(POLICY.capability.accept_digital_zoom, value=True)
    lenient = replace(POLICY, capability=replace(POLICY.capability, accept_digital_zoom=accepting))
    assert verdict(Clause.ZOOM, lenient, zoom=digital) == ("MET", "E4", "", 1.7)
    assert verdict(Clause.ZOOM, lenient, zoom=zoomed(1.0, 1.0))[0] == "NOT_MET"


def test_focus_is_met_when_sharpness_follows_the_command() -> None:
    """A picture that stays sharp has no focus motor behind it, whatever GetMoveOptions says."""
    blurred = Seen(value=FocusSeen(before=100.0, moved=55.0, restored=99.0))
    untouched = Seen(value=FocusSeen(before=100.0, moved=92.0, restored=99.0))
    assert verdict(Clause.FOCUS, focus=blurred)[:3] == ("MET", "E4", "")
    assert verdict(Clause.FOCUS, focus=untouched)[:3] == ("NOT_MET", "E4", "STANDS_STILL")


@pytest.mark.parametrize(
    ("left", "expected"),
    [
        (75.0, ("MET", "E4", "")),
        (78.0, ("UNPROVEN", "E4", "HARDLY_CHANGED")),
        (80.0, ("NOT_MET", "E4", "STANDS_STILL")),
    ],
)
def test_a_little_less_sharpness_neither_proves_nor_denies_a_focus(left: float, expected: tuple[str, ...]) -> None:
    """Steam, a person or noise may take as much from a picture as a focus that moved by a little."""
    seen = Seen(value=FocusSeen(before=100.0, moved=left, restored=99.0))
    assert verdict(Clause.FOCUS, focus=seen)[:3] == expected


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_what_moving_showed_is_explained(lang: str) -> None:
    """Each finding of a movement has its words, and a zoom that was tried no longer hears that ONVIF cannot tell."""
    movement = Movement(
        rotation=swept(348.0, error_deg=5.0),
        zoom=zoomed(1.7, 0.04),
        focus=Seen(value=FocusSeen(before=100.0, moved=92.0, restored=99.0)),
    )
    words = {v.clause: explain(v, lang) for v in judge(replace(MOVES, movement=movement), POLICY)}
    for clause, reason in ((Clause.ROTATION_360, "TOO_CLOSE"), (Clause.ZOOM, "DIGITAL"), (Clause.FOCUS, "STANDS")):
        assert words[clause]
        assert reason not in words[clause]
    met = replace(MOVES, movement=Movement(zoom=zoomed(1.7, 0.2)))
    assert "ONVIF" not in explain(of(judge(met, POLICY), Clause.ZOOM), lang)
