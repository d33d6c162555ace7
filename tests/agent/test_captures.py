"""Replies of real cameras, served by the simulator, judged by the agent's own command line.

The expectations were reasoned from the replies by reading them: what was never asked of a camera cannot be known. The
picture is the simulator's, in the size that the camera's main profile names.
"""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from scripts.stage import tool
from simulator.canteen import Canteen
from simulator.unit import CameraSpec

CLAUSES = ("rotation_360", "zoom", "focus", "two_way_audio", "resolution_pixels", "resolution_1080p")
NOT_ASKED = "UNKNOWN E0 MALFORMED"
NONE = "NOT_MET E1 UNSUPPORTED"
REFUSED = "UNKNOWN E0 REFUSED"
CONFIGURED_LOWER = "NOT_MET E3 CONFIGURED_LOWER"

EXPECTED = {
    # Neither list names PTZ; GetMoveOptions empty; audio is a Fault that says so; runs 1920x960, offers 5120x2560.
    "axis_p3818-pve": (NONE, NONE, NONE, NONE, CONFIGURED_LOWER, CONFIGURED_LOWER),
    # 48 faults: nothing may be concluded.
    "axis_wrong-password": (REFUSED,) * 6,
    # GetServices never asked, so that PTZ is missing in GetCapabilities proves nothing; runs 1920x1080 in profile 0.
    "bosch_flexidome-5100i-indoor": (NOT_ASKED, NOT_ASKED, NOT_ASKED, NOT_ASKED, "MET E3", "MET E3"),
    # Focus moves absolutely; an audio output is declared, decoders never asked; 1536x864 runs, 3264x1840 is offered.
    "bosch_flexidome-8000i": (NONE, NONE, "MET E1", "UNPROVEN E1 DECLARED_ONLY", CONFIGURED_LOWER, CONFIGURED_LOWER),
    # 1280x1024; options never asked.
    "dlink_dcs-6511": (NOT_ASKED,) * 4 + ("NOT_MET E2 OPTIONS_UNKNOWN",) * 2,
    # Pans in the generic space only; 2560x1440 in H.265; the profile binds audio both ways, which proves nothing.
    "enp1a14-ir-25x": (
        "UNPROVEN E2 GENERIC_SPACE_ONLY",
        "MET E2",
        NOT_ASKED,
        "UNPROVEN E2 DECLARED_ONLY",
        "MET E3",
        "MET E3",
    ),
    # A fixed 4K camera; imaging moves and audio outputs never asked.
    "gx728mf-ir28": (NONE, NONE, NOT_ASKED, NOT_ASKED, "MET E2", "MET E2"),
    # Fixed, 1280x720, options never asked; "NVT does not support audio output".
    "hikvision_ds-2cd2012": (NONE, NONE, NOT_ASKED, NONE) + ("NOT_MET E3 OPTIONS_UNKNOWN",) * 2,
    # A speed dome that turns endlessly in fact, and declares -1..1 only.
    "hikvision_ds-2df7276": (
        "UNPROVEN E2 GENERIC_SPACE_ONLY",
        "MET E2",
        NOT_ASKED,
        "UNPROVEN E2 DECLARED_ONLY",
        "NOT_MET E3 OPTIONS_UNKNOWN",
        "NOT_MET E3 OPTIONS_UNKNOWN",
    ),
    # Declares degrees in exponent notation, -1.8E+02..1.8E+02.
    "pelco_d6230l": ("MET E1", "MET E2", NOT_ASKED, NOT_ASKED, "MET E3", "MET E3"),
    # PTZ nodes never asked; GetMoveOptions is empty; 2048x1536.
    "reolink_e1-zoom": (NOT_ASKED, NOT_ASKED, NONE, NOT_ASKED, "MET E3", "MET E3"),
}


TRIES = 5
"""A machine so slow that its picture was late says so, which is true, and is asked again."""


def inspect(capture: Path, folder: Path) -> dict[str, Any]:
    password = folder / "password"
    password.write_text("canteen-2021\n")
    with Canteen([CameraSpec(slot="camera", capture=capture)]) as canteen:
        camera = canteen.camera("camera")
        command = [tool("canteen-agent"), "inspect", "--json", "--address", f"{camera.address}:{camera.onvif_port}"]
        command += ["--rtsp-port", str(camera.rtsp_port), "--username", "admin", "--password-file", str(password)]
        for _ in range(TRIES):
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            assert done.returncode in (0, 1), done.stderr
            record = dict(json.loads(done.stdout))
            if record["evidence"]["picture"].get("reason") != "TIMED_OUT":
                break
    return record


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_real_camera_is_judged_as_a_person_reading_its_replies_would(
    captures: Path, tmp_path: Path, name: str
) -> None:
    """No MET and no NOT_MET without a reply that says so; "never asked" is UNKNOWN, not absent."""
    verdicts = {one["clause"]: one for one in inspect(captures / f"{name}.json", tmp_path)["verdicts"]}
    got = [f"{one['standing']} {one['level']} {one['reason']}".rstrip() for one in map(verdicts.get, CLAUSES) if one]
    assert got == list(EXPECTED[name])


def test_every_capture_is_expected(captures: Path) -> None:
    """A new capture needs its expectation."""
    assert {file.stem for file in captures.glob("*.json")} == set(EXPECTED)
