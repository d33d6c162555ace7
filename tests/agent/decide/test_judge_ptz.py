from typing import Any

import pytest
from msgspec.structs import replace

from agent.decide.judge import judge
from agent.model import Evidence
from contract.vocabulary import Clause, Reason
from tests.agent.decide.builders import (
    DEGREES,
    FULL,
    GENERIC,
    GENERIC_PAN,
    PANS,
    POLICY,
    ZOOM,
    ZOOMS,
    configuration,
    evidence,
    no,
    node,
    of,
    profile,
    seen,
    services,
    space,
)


def verdict(clause: Clause, given: Evidence) -> tuple[str, str, str, Any]:
    found = of(judge(given, POLICY), clause)
    return found.standing, found.level, found.reason, found.measured


ZOOM_SPEED = ZOOM.replace("Position", "Velocity")
BOUND = seen(profile(ptz="P"))
GENERIC_ONLY = ("UNPROVEN", "E1", "GENERIC_SPACE_ONLY", None)

ROTATION = [
    ("degrees in the node", {"nodes": seen(node(PANS, FULL))}, ("MET", "E1", "", 360)),
    ("endless", {"nodes": seen(node(space(DEGREES, None, None)))}, ("MET", "E1", "", "unbounded")),
    ("unbounded on one side", {"nodes": seen(node(space(DEGREES, 0, None)))}, ("MET", "E1", "", "unbounded")),
    ("exactly the least span", {"nodes": seen(node(space(DEGREES, 0, 350)))}, ("MET", "E1", "", 350)),
    ("just below", {"nodes": seen(node(space(DEGREES, 0, 349.9)))}, ("NOT_MET", "E1", "TOO_NARROW", 349.9)),
    ("hardly below", {"nodes": seen(node(space(DEGREES, 0, 349.9999)))}, ("NOT_MET", "E1", "TOO_NARROW", 349.999)),
    ("a half turn", {"nodes": seen(node(PANS, space(DEGREES, -90, 90)))}, ("NOT_MET", "E1", "TOO_NARROW", 180)),
    ("generic space only", {"nodes": seen(node(PANS, GENERIC_PAN))}, GENERIC_ONLY),
    ("velocity only", {"nodes": seen(node(PANS))}, GENERIC_ONLY),
    ("normalised numbers in the degree space", {"nodes": seen(node(space(DEGREES, -1, 1)))}, GENERIC_ONLY),
    ("empty degree space beside a generic one", {"nodes": seen(node(PANS, space(DEGREES, 0, 0)))}, GENERIC_ONLY),
    (
        "degrees in the generic space",
        {"nodes": seen(node(space(GENERIC, 0, 360)))},
        ("UNPROVEN", "E1", "NONSTANDARD_DEGREES", None),
    ),
    (
        "degrees per second are no range",
        {"nodes": seen(node(space(DEGREES.replace("SphericalPosition", "Velocity"), -400, 400, "continuous")))},
        GENERIC_ONLY,
    ),
    (
        "degree limits without a space to move in",
        {"nodes": seen(node(ZOOMS)), "configurations": seen(configuration((ZOOMS,), limits=(FULL,)))},
        ("NOT_MET", "E1", "UNSUPPORTED", None),
    ),
    (
        "bound to a profile",
        {"nodes": seen(node(PANS)), "configurations": seen(configuration((PANS, FULL))), "profiles": BOUND},
        ("MET", "E1", "", 360),
    ),
    (
        "bound to a profile, with limits in degrees that leave it",
        {
            "nodes": seen(node(PANS)),
            "configurations": seen(configuration((PANS, FULL), limits=(space(DEGREES, -180, 180, "limits"),))),
            "profiles": BOUND,
        },
        ("MET", "E2", "", 360),
    ),
    (
        "declared by the node, not among the options of the bound configuration",
        {"nodes": seen(node(FULL)), "configurations": seen(configuration((PANS,))), "profiles": BOUND},
        ("MET", "E1", "", 360),
    ),
    (
        "the options' range outranks the node's",
        {"nodes": seen(node(FULL)), "configurations": seen(configuration((space(DEGREES, 0, 90),)))},
        ("NOT_MET", "E1", "TOO_NARROW", 90),
    ),
    (
        "limits in degrees",
        {
            "configurations": seen(configuration((FULL,), limits=(space(DEGREES, -45, 45, "limits"),))),
            "profiles": BOUND,
        },
        ("NOT_MET", "E2", "LIMITED", 90),
    ),
    (
        "limits as wide as the space",
        {"configurations": seen(configuration((FULL,), limits=(space(DEGREES, -180, 180, "limits"),)))},
        ("MET", "E1", "", 360),
    ),
    (
        "limits of no width are junk",
        {"configurations": seen(configuration((FULL,), limits=(space(DEGREES, 0, 0, "limits"),)))},
        ("MET", "E1", "", 360),
    ),
    (
        "half of the generic range",
        {"configurations": seen(configuration((FULL, GENERIC_PAN), limits=(space(GENERIC, -0.5, 0.5, "limits"),)))},
        ("UNPROVEN", "E1", "LIMITED", None),
    ),
    (
        "all of the generic range",
        {"configurations": seen(configuration((FULL, GENERIC_PAN), limits=(space(GENERIC, -1, 1, "limits"),)))},
        ("MET", "E1", "", 360),
    ),
    (
        "a varifocal lens",
        {"nodes": seen(node(ZOOMS)), "services": services("ptz")},
        ("NOT_MET", "E1", "UNSUPPORTED", None),
    ),
    ("no node", {"nodes": seen()}, ("NOT_MET", "E1", "UNSUPPORTED", None)),
    ("pan space of no width", {"nodes": seen(node(space(GENERIC, 0, 0)))}, ("NOT_MET", "E1", "DEGENERATE_RANGE", None)),
    ("every PTZ call faults", {"nodes": no(), "services": services("ptz")}, ("NOT_MET", "E1", "UNSUPPORTED", None)),
    ("node without spaces", {"nodes": seen(node())}, ("UNPROVEN", "E1", "NO_SPACES", None)),
    (
        "node without spaces, options unread",
        {"nodes": seen(node()), "configurations": seen(configuration(no(Reason.TIMED_OUT)))},
        ("UNKNOWN", "E0", "TIMED_OUT", None),
    ),
    ("both lists without PTZ", {"services": services("media")}, ("NOT_MET", "E1", "UNSUPPORTED", None)),
    (
        "one list without PTZ",
        {"services": services("media", by=("GetServices",))},
        ("UNKNOWN", "E0", "UNASKED", None),
    ),
    ("claimed, nothing answered", {"services": services("ptz")}, ("UNKNOWN", "E0", "UNASKED", None)),
    (
        "no list has PTZ, yet its service was asked",
        {"services": services("media"), "nodes": no(Reason.REFUSED)},
        ("UNKNOWN", "E0", "REFUSED", None),
    ),
    (
        "refused before timed out",
        {"nodes": no(Reason.TIMED_OUT), "configurations": no(Reason.REFUSED)},
        ("UNKNOWN", "E0", "REFUSED", None),
    ),
]


@pytest.mark.parametrize(("capabilities", "expected"), [row[1:] for row in ROTATION], ids=[row[0] for row in ROTATION])
def test_rotation(capabilities: dict[str, Any], expected: tuple[str, str, str, Any]) -> None:
    """Only a degree space of the policy's span, or an unbounded one, declares 360°; only an answer can deny it."""
    assert verdict(Clause.ROTATION_360, evidence(**capabilities)) == expected


ZOOMING = [
    ("declared", {"nodes": seen(node(ZOOMS))}, ("MET", "E1", "")),
    ("bound", {"configurations": seen(configuration((ZOOMS,))), "profiles": BOUND}, ("MET", "E2", "")),
    ("min equals max", {"nodes": seen(node(space(ZOOM, 1, 1)))}, ("NOT_MET", "E1", "DEGENERATE_RANGE")),
    (
        "an empty range outweighs a template velocity",
        {"nodes": seen(node(space(ZOOM, 1, 1), space(ZOOM_SPEED, -1, 1, "continuous")))},
        ("NOT_MET", "E1", "DEGENERATE_RANGE"),
    ),
    (
        "velocity alone",
        {"nodes": seen(node(space(ZOOM_SPEED, -1, 1, "continuous")))},
        ("UNPROVEN", "E1", "NO_RANGE"),
    ),
    (
        "relative steps alone",
        {"nodes": seen(node(space(ZOOM_SPEED, -1, 1, "relative")))},
        ("UNPROVEN", "E1", "NO_RANGE"),
    ),
    (
        "a configuration bound, GetNodes says no",
        {"nodes": no(), "configurations": seen(configuration(spaces=no())), "profiles": BOUND},
        ("UNPROVEN", "E1", "NO_SPACES"),
    ),
    (
        "a profile that binds a head, all else says no",
        {"nodes": no(), "configurations": no(), "profiles": BOUND},
        ("UNPROVEN", "E2", "NO_SPACES"),
    ),
    ("pan only", {"nodes": seen(node(PANS))}, ("NOT_MET", "E1", "UNSUPPORTED")),
    (
        "zoom speed is no movement",
        {"nodes": seen(node(PANS, space(ZOOM, 0, 1, "limits")))},
        ("NOT_MET", "E1", "UNSUPPORTED"),
    ),
    ("malformed", {"nodes": no(Reason.MALFORMED)}, ("UNKNOWN", "E0", "MALFORMED")),
]


@pytest.mark.parametrize(("capabilities", "expected"), [row[1:] for row in ZOOMING], ids=[row[0] for row in ZOOMING])
def test_zoom(capabilities: dict[str, Any], expected: tuple[str, str, str]) -> None:
    """A zoom space of some width declares zoom; a profile that binds it configures it."""
    assert verdict(Clause.ZOOM, evidence(**capabilities))[:3] == expected


@pytest.mark.parametrize("configurations", [seen(configuration(spaces=no())), no()])
def test_one_no_never_outweighs_another_replys_yes(configurations: Any) -> None:
    """GetNodes is not implemented; a configuration that answers, or that a profile binds, says that there is a head."""
    given = evidence(nodes=no(), configurations=configurations, profiles=BOUND)
    assert verdict(Clause.ROTATION_360, given)[0] == "UNPROVEN"


def test_zoom_says_that_it_may_be_digital() -> None:
    """A zoom that is met says that ONVIF cannot tell optical from digital."""
    assert any("digital" in line for line in of(judge(evidence(nodes=seen(node(ZOOMS))), POLICY), Clause.ZOOM).proof)


TWO_CHANNELS = {
    "nodes": seen(node(PANS, FULL)),
    "configurations": seen(configuration((PANS, FULL))),
    "profiles": seen(profile(token="a", source="V1"), profile(token="b", source="V2", ptz="P")),
}

CHANNELS = [
    ("V2", ("MET", "E1", "", 360)),
    ("b", ("MET", "E1", "", 360)),
    ("", ("MET", "E1", "", 360)),
    ("V1", ("UNPROVEN", "E1", "NOT_BOUND", None)),
    ("V3", ("UNKNOWN", "E0", "CHANNEL_NOT_FOUND", None)),
]


@pytest.mark.parametrize(("channel", "expected"), CHANNELS)
def test_a_slot_is_judged_by_its_own_channel(channel: str, expected: tuple[str, str, str, Any]) -> None:
    """On a recorder another channel's dome says nothing of this one."""
    assert verdict(Clause.ROTATION_360, evidence(channel=channel, **TWO_CHANNELS)) == expected


def test_a_channel_s_head_cannot_be_told_without_configurations() -> None:
    """A device with a head says nothing of a channel while its configurations are unknown."""
    profiles = seen(profile(source="V1", ptz="P"))
    given = evidence(channel="V1", nodes=seen(node(FULL)), profiles=profiles, configurations=no(Reason.TIMED_OUT))
    assert verdict(Clause.ROTATION_360, given) == ("UNKNOWN", "E0", "TIMED_OUT", None)


def test_a_channel_cannot_be_told_without_profiles() -> None:
    """A slot that names a channel is unknown while the profiles are."""
    given = evidence(channel="V1", nodes=seen(node(FULL)), profiles=no(Reason.REFUSED))
    assert verdict(Clause.ROTATION_360, given) == ("UNKNOWN", "E0", "REFUSED", None)


def test_panoramic_counts_only_where_the_policy_accepts_it() -> None:
    """A fisheye needs the operator's statement and the policy's consent."""
    given = evidence(panoramic=True, nodes=seen())
    accepting = replace(POLICY.capability.accept_panoramic, value=True)
    lenient = replace(POLICY, capability=replace(POLICY.capability, accept_panoramic=accepting))
    assert of(judge(given, POLICY), Clause.ROTATION_360).standing == "NOT_MET"
    assert of(judge(given, lenient), Clause.ROTATION_360).standing == "MET"
    assert of(judge(replace(given, panoramic=False), lenient), Clause.ROTATION_360).standing == "NOT_MET"


def test_nonstandard_degrees_count_only_where_the_policy_accepts_them() -> None:
    """Degrees under the generic URI prove something only to a policy that says so."""
    accepting = replace(POLICY.capability.accept_nonstandard_degrees, value=True)
    lenient = replace(POLICY, capability=replace(POLICY.capability, accept_nonstandard_degrees=accepting))
    found = of(judge(evidence(nodes=seen(node(space(GENERIC, 0, 360)))), lenient), Clause.ROTATION_360)
    assert (found.standing, found.measured) == ("MET", 360)


def test_proof_names_the_reply_the_space_and_its_range() -> None:
    """A person can check the proof: operation, token, space and ends."""
    proof = of(judge(evidence(nodes=seen(node(FULL, token="head\x1b[2J"))), POLICY), Clause.ROTATION_360).proof
    assert proof == (f"GetNodes head [2J: absolute pan_tilt {DEGREES} -180..180",)
