"""Cameras as a doctor sees them: how far each can be opened, and how many logins that costs."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from agent.cli import main
from agent.doctor import cameras
from agent.doctor.rows import Area, Result, Row
from agent.status import CameraStatus, FaultStatus, LoginStatus, PictureStatus
from contract.vocabulary import Availability, Reason, Rung
from simulator.canteen import CameraSpec, Canteen
from tests.agent.doctor.box import PASSWORD, box, found, secret, slot

CAST = ("stove", "sink", "door")


@pytest.fixture
def canteen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Canteen]:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "own"))
    with Canteen([CameraSpec(slot=name, persona="hikvision-dome", password=PASSWORD) for name in CAST]) as canteen:
        yield canteen


def site(folder: Path, canteen: Canteen, password: str, *names: str) -> Path:
    file = secret(folder, "password", password)
    user = canteen.camera(names[0]).spec.user
    return box(
        folder,
        credentials=f"{{kitchen: {{user: {user}, password: 'file:{file}'}}}}",
        cameras=[slot(canteen.camera(name)) for name in names],
    )


def logins(canteen: Canteen, name: str) -> int:
    return sum(asked.shown for asked in canteen.requests(name))


def by_slot(rows: list[Row]) -> dict[str, Row]:
    return {row.what.en.split()[0]: row for row in rows}


def test_each_camera_with_its_rung_and_remedy(tmp_path: Path, canteen: Canteen) -> None:
    """One shows its picture, one is switched off, one hangs; as many logins as one `inspect` sends, no more."""
    canteen.fault("sink", "off")
    canteen.fault("door", "hang")
    config = site(tmp_path, canteen, PASSWORD, *CAST)
    rows = by_slot(found(config, Area.CAMERA))
    sent = logins(canteen, "stove")
    assert {name: row.result for name, row in rows.items()} == {
        "stove": Result.FINE,
        "sink": Result.WRONG,
        "door": Result.WRONG,
    }
    assert rows["stove"].said.en == "picture"
    assert "unreachable" in rows["sink"].said.en
    assert "供电" in rows["sink"].todo.zh
    assert "timed out" in rows["door"].said.en
    main(["inspect", "--config", str(site(tmp_path, canteen, PASSWORD, "stove")), "--json"])
    assert 0 < sent <= logins(canteen, "stove") - sent


def test_a_wrong_password_is_shown_no_more_often_than_by_inspect(tmp_path: Path, canteen: Canteen) -> None:
    """It is named with its remedy; the second doctor finds the login paused and sends none."""
    config = site(tmp_path, canteen, "canary-wrong", "stove")
    (only,) = found(config, Area.CAMERA)
    sent = logins(canteen, "stove")
    assert only.result is Result.WRONG
    assert "credentials refused" in only.said.en
    assert "Check user and password" in only.todo.en
    assert 1 <= sent <= 2
    (again,) = found(config, Area.CAMERA)
    assert (again.result, logins(canteen, "stove")) == (Result.WRONG, sent)


def test_passwords_that_cannot_be_read_cost_no_login(tmp_path: Path, canteen: Canteen) -> None:
    """The file is named as wrong, and the cameras are unchecked: nothing is known of them."""
    config = site(tmp_path, canteen, PASSWORD, "stove")
    (tmp_path / "password").chmod(0o644)
    rows = found(config, Area.CAMERA)
    assert [row.result for row in rows] == [Result.UNCHECKED]
    assert logins(canteen, "stove") == 0
    assert any("chmod 600" in row.said.en for row in found(config, Area.CONFIG))


BASE = CameraStatus(
    slot="cook-1",
    name="烹饪间",
    zone="",
    address="192.168.1.64",
    availability=Availability.ONLINE,
    level=Rung.PICTURE,
    reason=None,
    detail="",
    since_ms=0,
    looked_ms=0,
    late_ms=0,
    skew_s=None,
    stuck=False,
    login_paused=False,
    model="",
    verdicts=(),
)


@pytest.mark.parametrize(
    ("more", "result", "words"),
    [
        ({}, Result.FINE, "picture"),
        (
            {"availability": "offline", "level": Rung.UNREACHABLE, "reason": Reason.UNREACHABLE},
            Result.WRONG,
            "unreachable",
        ),
        (
            {"availability": "unknown", "level": Rung.UNREACHABLE, "reason": Reason.UNASKED},
            Result.UNCHECKED,
            "not asked",
        ),
        ({"availability": "unknown", "reason": Reason.AGENT_FAULT}, Result.UNCHECKED, "fault of the agent"),
        ({"availability": "unknown", "level": Rung.ANSWERS, "reason": Reason.BUSY}, Result.WARNING, "busy"),
        ({"login_refused": LoginStatus(since_ms=0, until_ms=1)}, Result.WRONG, "credentials refused"),
        ({"identity_changed": True}, Result.WRONG, "another device"),
        (
            {"picture": PictureStatus(sound=False, faults=(FaultStatus(fault="blur", since_ms=0),))},
            Result.WARNING,
            "blurred",
        ),
        ({"picture": PictureStatus(finding="MJPEG_ONLY")}, Result.WARNING, "picture"),
    ],
)
def test_what_the_running_agent_knows(more: dict[str, object], result: Result, words: str) -> None:
    """The status has it, no camera is asked. What was not asked, or is our own fault, is unchecked."""
    (row,) = cameras.known([replace(BASE, **more)])
    assert row.result is result
    assert words in row.said.en
    assert row.what.en == "cook-1 烹饪间 192.168.1.64"
    assert bool(row.todo.zh) is (result is not Result.FINE)
