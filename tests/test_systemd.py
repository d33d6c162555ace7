"""The unit file, as systemd itself reads it."""

import shutil
import subprocess
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parent.parent / "systemd"
UNIT, CENTER = FOLDER / "canteen-agent.service", FOLDER / "canteen-center.service"
WEB, MESSAGES = FOLDER / "canteen-center-web.service", FOLDER / "canteen-center-messages.service"
RENEWAL, UPGRADE = FOLDER / "canteen-center-renewal.service", FOLDER / "canteen-agent-upgrade.service"
pytestmark = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")


@pytest.fixture(
    params=[UNIT, UPGRADE, CENTER, WEB, MESSAGES, RENEWAL],
    ids=["agent", "upgrade", "center", "web", "messages", "renewal"],
)
def unit(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The unit with a program that exists on this machine, for systemd checks that it does."""
    lines = request.param.read_text().replace("\\\n", " ").splitlines()
    changed = ["ExecStart=/bin/true" if line.startswith("ExecStart=") else line for line in lines]
    assert changed != lines
    copy = tmp_path / Path(request.param).name
    copy.write_text("\n".join(changed) + "\n")
    return copy


def test_systemd_understands_every_line(unit: Path) -> None:
    """`verify` says nothing; it ends with 0 even for unknown keys, so its silence is what counts."""
    done = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_service_is_hardly_exposed(unit: Path) -> None:
    """Exposure, reckoned offline, is at most 1.5 of 10."""
    command = ["systemd-analyze", "security", "--offline=true", "--threshold=15", "--no-pager", str(unit)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-400:]


@pytest.mark.parametrize("file", [CENTER, WEB, MESSAGES, RENEWAL], ids=["center", "web", "messages", "renewal"])
def test_a_center_that_cannot_do_what_it_is_asked_is_not_tried_for_ever(file: Path) -> None:
    """systemd leaves it alone after the exit code of misuse; any other end is begun anew."""
    from center.commands import MISUSE

    lines = file.read_text().splitlines()
    assert {"Restart=always", f"RestartPreventExitStatus={MISUSE}"} <= set(lines)


def test_it_is_ready_when_it_says_so_and_watched_over() -> None:
    """systemd waits for READY=1 of the main process alone, and ends a process that proves no progress for a minute."""
    lines = UNIT.read_text().splitlines()
    assert {"Type=notify", "NotifyAccess=main", "WatchdogSec=60", "Restart=always"} <= set(lines)


def test_the_clock_can_be_read_and_not_set() -> None:
    """adjtimex is allowed, which ProtectClock= denies to readers as well; the right to set the clock is not given."""
    lines = UNIT.read_text().splitlines()
    assert "SystemCallFilter=@system-service adjtimex clock_adjtime clock_adjtime64" in lines
    assert "CapabilityBoundingSet=" in lines
    assert not any(line.startswith("ProtectClock=") for line in lines)


def test_an_unusable_configuration_is_not_tried_for_ever() -> None:
    """systemd leaves the service alone after the exit code that `run` gives for an unusable configuration."""
    from agent.cli import EX_CONFIG

    assert f"RestartPreventExitStatus={EX_CONFIG}" in UNIT.read_text().splitlines()


def test_a_new_configuration_is_taken_over_by_a_signal() -> None:
    """`systemctl reload` sends what the agent reads its configuration again for."""
    assert "ExecReload=/bin/sh -c 'kill -HUP $MAINPID'" in UNIT.read_text().splitlines()
