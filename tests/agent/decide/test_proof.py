"""What a movement proved, and how long that holds."""

from typing import Any

import pytest
from msgspec.structs import replace

from agent.decide.judge import judge
from agent.decide.proof import holds, renewed, with_proof
from agent.model import (
    UNASKED,
    Backchannel,
    Device,
    Evidence,
    FocusSeen,
    Movement,
    NotSeen,
    Rotation,
    Seen,
    Talk,
    ZoomSeen,
)
from contract.vocabulary import Clause, Level, Reason, Standing
from tests.agent.decide.builders import GENERIC_PAN, POLICY, evidence, no, node, of, seen

DEVICE = Device(manufacturer="A", model="B", firmware="1.0", serial="S")
TURNED = Seen(value=Rotation(span_deg=None, closed=True, method="recurrence"))
ZOOMED = Seen(value=ZoomSeen(scale=2.0, detail_ratio=2.0))
FOCUSED = Seen(value=FocusSeen(before=9.0, moved=3.0, restored=9.0))
TRIED = NotSeen(reason=Reason.TIMED_OUT)
HOME, AT_S = "192.0.2.1", 1_800_000_000.0


STOOD, SILENT = Movement(), Talk()


def asked(movement: Movement = STOOD, device: Device | None = DEVICE, talk: Talk = SILENT) -> Evidence:
    told: Any = Seen(value=device) if device else no(Reason.TIMED_OUT)
    return replace(evidence(device=told, nodes=seen(node(GENERIC_PAN))), movement=movement, talk=talk)


MOVED = renewed(None, asked(Movement(rotation=TURNED, faults=("runs_on",))), HOME, AT_S)


def test_a_verdict_by_action_outlives_the_questions_that_follow() -> None:
    """Questions that move nothing leave the verdict at E4; without the proof they say UNPROVEN."""
    alone = of(judge(asked(), POLICY), Clause.ROTATION_360)
    kept = of(judge(with_proof(asked(), MOVED, HOME), POLICY), Clause.ROTATION_360)
    assert (alone.standing, alone.level) == (Standing.UNPROVEN, Level.E2 if alone.level is Level.E2 else Level.E1)
    assert (kept.standing, kept.level) == (Standing.MET, Level.E4)


OTHERS = [
    ("another address", "192.0.2.2", DEVICE, False),
    ("another firmware", HOME, replace(DEVICE, firmware="1.1"), False),
    ("another device of the kind", HOME, replace(DEVICE, serial="T"), False),
    ("not said who it is", HOME, None, True),
    ("another claim of MAC", HOME, replace(DEVICE, mac="00:00:00:00:00:01"), True),
]


@pytest.mark.parametrize(("address", "device", "expected"), [row[1:] for row in OTHERS], ids=[row[0] for row in OTHERS])
def test_it_ends_with_the_camera(address: str, device: Device | None, expected: bool) -> None:
    """Another address, device or firmware ends it; a camera that could not be asked does not."""
    assert holds(MOVED, address, device) is expected
    merged = with_proof(asked(device=device), MOVED, address)
    assert isinstance(merged.movement.rotation, Seen) is expected


def test_a_newer_movement_replaces_what_it_showed_and_nothing_else() -> None:
    """Part by part; an attempt that saw nothing takes nothing away."""
    later = renewed(MOVED, asked(Movement(rotation=TRIED, zoom=ZOOMED)), HOME, AT_S + 9)
    assert (later.movement.rotation, later.movement.zoom, later.movement.faults) == (TURNED, ZOOMED, ())
    narrow = Seen(value=Rotation(span_deg=200.0, closed=False, method="matching"))
    later = renewed(later, asked(Movement(rotation=narrow, focus=FOCUSED)), HOME, AT_S + 18)
    assert (later.movement.rotation, later.movement.zoom, later.movement.focus) == (narrow, ZOOMED, FOCUSED)
    assert later.at_s == AT_S + 18


def test_an_attempt_that_moved_nothing_clears_no_fault() -> None:
    """A head that ran on is still under suspicion after a night in which it could not be moved."""
    assert renewed(MOVED, asked(Movement(rotation=TRIED)), HOME, AT_S).movement.faults == ("runs_on",)
    assert renewed(MOVED, asked(Movement(rotation=TURNED)), HOME, AT_S).movement.faults == ()


def test_another_camera_begins_without_the_old_proof() -> None:
    """What the camera before it proved is nothing to the new one."""
    other = replace(DEVICE, serial="T")
    fresh = renewed(MOVED, asked(Movement(zoom=ZOOMED), device=other), HOME, AT_S)
    assert (fresh.movement.rotation, fresh.movement.zoom) == (UNASKED, ZOOMED)
    assert fresh.device == other


def test_who_it_is_is_not_forgotten() -> None:
    """A movement of a camera that did not say who it is keeps the name it gave before."""
    assert renewed(MOVED, asked(Movement(zoom=ZOOMED), device=None), HOME, AT_S).device == DEVICE


def test_a_chirp_that_was_heard_outlives_questions_without_sound() -> None:
    """The offer is asked anew each time; that it was heard once stays until it is tried again."""
    offer = Seen(value=Backchannel(offered=True, codecs=("PCMU",)))
    heard = renewed(None, asked(talk=Talk(setup=Seen(value=True), heard=Seen(value=0.7))), HOME, AT_S)
    quiet = replace(asked(talk=Talk(setup=Seen(value=True))), backchannel=offer)
    assert of(judge(quiet, POLICY), Clause.TWO_WAY_AUDIO).level is Level.E3
    assert of(judge(with_proof(quiet, heard, HOME), POLICY), Clause.TWO_WAY_AUDIO).level is Level.E4
    gone = replace(quiet, backchannel=Seen(value=Backchannel(offered=False)))
    assert of(judge(with_proof(gone, heard, HOME), POLICY), Clause.TWO_WAY_AUDIO).standing is Standing.NOT_MET


def test_without_a_proof_evidence_is_as_it_was() -> None:
    """Nothing is added where nothing was proved."""
    assert with_proof(asked(), None, HOME) == asked()
