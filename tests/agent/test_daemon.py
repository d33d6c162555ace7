"""The daemon as a process, among real cameras, a real broker and the center."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from scripts.stage import Canteen, tool
from tests.support.waiting import PATIENCE_S, until

HEAVY = ("zeep", "onvif", "lxml", "requests", "cv2", "numpy", "agent.doctor", "agent.metrics")
UNWATCHED = """
import sys
from agent.cli import main
code = main(sys.argv[1:])
print("LOADED", [name for name in {heavy!r} if name in sys.modules])
sys.exit(code)
"""


def states(canteen: Canteen) -> dict[str, str]:
    return {one["slot"]: one["availability"] for one in canteen.status()["cameras"]}


def config(folder: Path, *, port: int = 9, cameras: str = "[]") -> Path:
    file = folder / "agent.yaml"
    file.write_text(
        f"gateway: {{id: box-0001, city: '4101'}}\nbroker: [{{host: 127.0.0.1, port: {port}}}]\nstate_dir: {folder}\n"
        f"look: {{interval: 1s, deadline: 500ms}}\ndiscovery: {{enabled: false}}\ncameras: {cameras}\n"
    )
    return file


@pytest.fixture
def silent() -> Iterator[int]:
    """A port that accepts and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def start(folder: Path, file: Path) -> subprocess.Popen[bytes]:
    log = (folder / "log").open("wb")
    command = [sys.executable, "-c", UNWATCHED.format(heavy=HEAVY), "run", "--config", str(file)]
    return subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)


def test_one_camera_hangs_and_fifteen_report_on_time(tmp_path: Path) -> None:
    """A camera that accepts and never answers becomes unknown; the looks of the other fifteen keep their interval."""
    cast = [(f"slot-{i:02d}", "kitchen", "dahua-bullet") for i in range(16)]
    with ExitStack() as stack:
        canteen = Canteen(tmp_path, cast, accepted_after_s=0, look_s=2, deadline_s=1.5, heartbeat_s=2)
        canteen.start(stack)
        until(lambda: set(states(canteen).values()) == {"online"})
        canteen.fault("slot-07", "hang")
        until(lambda: states(canteen)["slot-07"] == "unknown")
        hung_at_ms = canteen.status()["at_ms"]
        until(lambda: canteen.status()["at_ms"] > hung_at_ms + 8_000)  # the file is written every 15 s
        status = canteen.status()
        others = [one for one in status["cameras"] if one["slot"] != "slot-07"]
        assert {one["availability"] for one in others} == {"online"}
        assert max(one["late_ms"] for one in others) < 1000
        assert max(status["at_ms"] - one["looked_ms"] for one in others) < 2 * 2000
        reason = next(one["reason"] for one in canteen.status()["cameras"] if one["slot"] == "slot-07")
        assert reason == "TIMED_OUT"
        now = canteen.rate()["point_in_time"]
        assert (now["online"], now["unknown"], now["offline"]) == (15, 1, 0)


def test_without_a_broker_it_watches_says_so_and_reconnects(tmp_path: Path, silent: int) -> None:
    """An unreachable broker is named in the status; the looks go on, and what happened meanwhile arrives later."""
    with ExitStack() as stack:
        canteen = Canteen(tmp_path, [("one", "kitchen", "dahua-bullet")], accepted_after_s=0, look_s=1, deadline_s=0.9)
        running = canteen.start(stack)
        until(lambda: states(canteen) == {"one": "online"})
        canteen.end(running["broker"])
        until(lambda: not canteen.status()["uplink"]["connected"])
        canteen.fault("one", "off")
        until(lambda: states(canteen) == {"one": "offline"})
        status = canteen.status()["uplink"]
        assert str(canteen.port) in status["detail"]
        assert status["pending"] >= 1
        conf = str(tmp_path / "mosquitto.conf")
        stack.enter_context(canteen.process("broker", "mosquitto", "-c", conf))
        until(lambda: canteen.rate()["point_in_time"]["offline"] == 1)
        until(lambda: canteen.status()["uplink"]["pending"] == 0)


def test_it_loads_nothing_heavy_and_stops_in_ten_seconds(tmp_path: Path, silent: int) -> None:
    """With a hanging camera and no broker, SIGTERM ends it within 10 s; nothing heavy was ever loaded."""
    camera = f"[{{slot: mute, address: 127.0.0.1, onvif_port: {silent}, rtsp_port: {silent}}}]"
    agent = start(tmp_path, config(tmp_path, cameras=camera))
    try:
        until((tmp_path / "status.json").exists)
        until(lambda: json.loads((tmp_path / "status.json").read_text())["cameras"][0]["reason"] == "TIMED_OUT")
        began = time.monotonic()
        agent.send_signal(signal.SIGTERM)
        assert agent.wait(timeout=PATIENCE_S) == 0
        assert time.monotonic() - began < 10
    finally:
        agent.kill()
        agent.wait()
    assert "LOADED []" in (tmp_path / "log").read_text()


def test_no_camera_is_no_failure(tmp_path: Path) -> None:
    """Without a single camera it runs, says that it watches none, and keeps looking."""
    agent = start(tmp_path, config(tmp_path))
    try:
        until((tmp_path / "status.json").exists)
        assert "watching 0 cameras" in (tmp_path / "log").read_text()
        assert agent.poll() is None
    finally:
        agent.terminate()
        assert agent.wait(timeout=PATIENCE_S) == 0


@pytest.mark.parametrize(("command", "code"), [("run --config", 78), ("check-config", 2), ("status --config", 2)])
def test_an_unusable_configuration_names_every_error(tmp_path: Path, command: str, code: int) -> None:
    """`run` ends with 78 so that systemd does not try for ever, others with 2; every error stands with its line."""
    file = config(tmp_path)
    file.write_text(file.read_text() + "lokk: 3\nkeepalive: soon\n")
    words = [tool("canteen-agent"), "--lang", "en", *command.split(), str(file)]
    done = subprocess.run(words, capture_output=True, text=True, env=os.environ | {"LANG": "C.UTF-8"}, check=False)
    assert done.returncode == code
    assert "agent.yaml:7: lokk" in done.stderr
    assert "agent.yaml:8: keepalive" in done.stderr


def test_status_without_a_running_agent_says_so(tmp_path: Path) -> None:
    """`status` names the file it looked for and ends with 2."""
    words = [tool("canteen-agent"), "status", "--config", str(config(tmp_path))]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert str(tmp_path / "status.json") in done.stderr
