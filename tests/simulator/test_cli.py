"""The command line, as a child process."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.waiting import PATIENCE_S

SIM = [sys.executable, "-m", "simulator"]
SCENARIO = """
cameras:
  - {slot: stove, persona: fixed-720p, address: 127.0.0.1}
  - {slot: door, persona: ptz-355}
timeline:
  - {at: 100ms, slot: door, fault: busy}
"""


class Running:
    """A canteen in a child process; `lines` = what it printed when it was ready."""

    def __init__(self, folder: Path) -> None:
        self.control, self.log = folder / "sim.sock", folder / "log.jsonl"
        scenario = folder / "scenario.yaml"
        scenario.write_text(SCENARIO)
        command = [*SIM, "run", "--scenario", str(scenario), "--control", str(self.control), "--log", str(self.log)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout
        self.lines = [self.process.stdout.readline() for _ in range(2)]

    def fault(self, *words: str) -> subprocess.CompletedProcess[str]:
        return sim("fault", *words, "--control", str(self.control))

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(PATIENCE_S)


def sim(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*SIM, *words], capture_output=True, text=True, timeout=PATIENCE_S, check=False)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    running = Running(tmp_path_factory.mktemp("sim"))
    yield running
    running.process.kill()
    running.process.wait()


def test_run_prints_a_line_per_camera(running: Running) -> None:
    """Slot, address, both ports and persona of each camera, once it can be reached."""
    assert running.lines[0].startswith("stove 127.0.0.1 onvif=")
    assert running.lines[1].rstrip().endswith("ptz-355")


def test_a_fault_is_given_by_command_and_logged(running: Running) -> None:
    """`fault SLOT NAME` works at once and stands in the log."""
    port = int(running.lines[0].split("onvif=")[1].split()[0])
    assert running.fault("stove", "off").returncode == 0
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), 2)
    assert running.fault("stove", "none").returncode == 0
    entries = [json.loads(line) for line in running.log.read_text().splitlines()]
    assert [e["fault"] for e in entries if e["slot"] == "stove"] == ["none", "off", "none"]
    assert [e["fault"] for e in entries if e["slot"] == "door"] == ["none", "busy"]


def test_a_wrong_word_is_explained(running: Running) -> None:
    """An unknown slot or fault: exit 2 and the valid ones on stderr."""
    wrong = running.fault("cellar", "off")
    assert (wrong.returncode, "stove, door" in wrong.stderr) == (2, True)
    wrong = running.fault("stove", "explode")
    assert (wrong.returncode, "rtsp-closed" in wrong.stderr) == (2, True)


def test_only_the_owner_may_give_orders(running: Running) -> None:
    """The control socket has mode 0600."""
    assert running.control.stat().st_mode & 0o777 == 0o600


def test_a_second_canteen_does_not_take_the_socket(running: Running, tmp_path: Path) -> None:
    """A control socket somebody listens on is not taken away; the second canteen refuses to run."""
    scenario = tmp_path / "s.yaml"
    scenario.write_text("cameras: [{slot: a, persona: fixed-720p}]\n")
    second = sim("run", "--scenario", str(scenario), "--control", str(running.control))
    assert (second.returncode, "another canteen" in second.stderr) == (2, True)
    assert running.fault("stove", "none").returncode == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly(tmp_path: Path, number: int) -> None:
    """SIGTERM and SIGINT: exit 0, the socket is gone, nothing listens."""
    running = Running(tmp_path)
    assert running.stop(number) == 0
    assert not running.control.exists()


def test_nobody_listening_is_said(tmp_path: Path) -> None:
    """`fault` without a running canteen: exit 2 and where it looked."""
    wrong = sim("fault", "a", "off", "--control", str(tmp_path / "none.sock"))
    assert (wrong.returncode, "no canteen listens" in wrong.stderr) == (2, True)


def test_a_wrong_scenario_is_misuse(tmp_path: Path) -> None:
    """An unusable scenario: exit 2, file, line and key on stderr, no traceback."""
    scenario = tmp_path / "s.yaml"
    scenario.write_text("cameras:\n  - {slot: a, persona: fixed-720p, colour: red}\n")
    wrong = sim("run", "--scenario", str(scenario))
    assert wrong.returncode == 2
    assert "s.yaml:2" in wrong.stderr
    assert "colour" in wrong.stderr
    assert "Traceback" not in wrong.stderr


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (["run", "--scenario", "{tmp}/none.yaml"], "{tmp}/none.yaml: cannot be read: there is no such file."),
        (["run", "--scenario", "{tmp}"], "{tmp}: cannot be read: it is not a regular file."),
        (["run", "--scenario", "{tmp}/pipe"], "{tmp}/pipe: cannot be read: it is not a regular file."),
        (["run", "--scenario", "{tmp}/p.yaml"], "{tmp}/pipe: cannot be read: it is not a regular file."),
        (["run", "--scenario", "{tmp}/binary"], "{tmp}/binary:1: not UTF-8 text. Save the file as UTF-8."),
        (["run", "--scenario", "{tmp}/s.yaml"], "{tmp}/none.json: cannot be read: there is no such file."),
        (["run", "--scenario", "{tmp}/b.yaml"], "{tmp}/binary: not a capture: "),
        (["picture", "--out", "{tmp}/a.png", "--zoom", "0"], "--zoom must be 0.1 to 100, not 0"),
        (["picture", "--out", "{tmp}/a.png", "--fov", "nan"], "--fov must be 1 to 170, not nan"),
        (["picture", "--out", "{tmp}/a.png", "--size", "1x"], "--size must be such as 960x540"),
        (["picture", "--out", "{tmp}/a.png", "--size", "99999x99999"], "--size must be such as 960x540"),
        (["picture", "--out", "{tmp}"], "{tmp}: it is not a regular file"),
        (["picture", "--out", "{tmp}/none/a.png"], "{tmp}/none/a.png: there is no such file"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(tmp_path: Path, wrong: list[str], said: str) -> None:
    """Missing, a folder, binary: which file and why in one sentence, and no number of an error."""
    (tmp_path / "binary").write_bytes(b"\xf7\x00\xff")
    (tmp_path / "s.yaml").write_text("cameras:\n  - {slot: a, capture: none.json}\n")
    (tmp_path / "p.yaml").write_text("cameras:\n  - {slot: a, capture: pipe}\n")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "b.yaml").write_text("cameras:\n  - {slot: a, capture: binary}\n")
    done = sim(*(word.format(tmp=tmp_path) for word in wrong))
    assert done.returncode == 2
    assert done.stderr.startswith(f"canteen-sim: {said.format(tmp=tmp_path)}")
    assert len(done.stderr.splitlines()) == 1
    assert "Errno" not in done.stderr


def test_personas_and_faults_are_listed() -> None:
    """`personas` and `faults` print each name with a sentence."""
    listed = sim("personas")
    assert (listed.returncode, "hikvision-dome" in listed.stdout) == (0, True)
    assert "wrong-password" in sim("faults").stdout
