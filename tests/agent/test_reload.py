"""SIGHUP: a good configuration is taken over under the same PID, a bad one changes nothing and is told."""

import json
import os
import signal
import sqlite3
import subprocess
from pathlib import Path
from typing import Any

from scripts.stage import tool
from tests.agent.test_daemon import config
from tests.support.waiting import PATIENCE_S, until

TWO = "[{slot: cook-1, address: 127.0.0.1, rtsp_port: 9}, {slot: wash-1, address: 127.0.0.2, rtsp_port: 9}]"


def shown(folder: Path) -> dict[str, Any]:
    file = folder / "status.json"
    found: dict[str, Any] = json.loads(file.read_bytes()) if file.exists() else {}
    return found


def test_a_configuration_is_read_again(tmp_path: Path) -> None:
    """A bad one: the same session goes on, status and log name the line and say since when the last good one is in
    force. A good one: the session is closed, and another one begins with the new cameras. The PID stays, the agent
    ends when it is told to.
    """
    file = config(tmp_path)
    with (tmp_path / "log").open("wb") as log:
        command = [tool("canteen-agent"), "run", "--config", str(file)]
        agent = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)  # no terminal
    try:
        until(lambda: shown(tmp_path) or agent.poll() is not None, "a status")
        first = shown(tmp_path)
        good = file.read_text()
        file.write_text(good + "lokk: 3\n")
        agent.send_signal(signal.SIGHUP)
        until(lambda: shown(tmp_path)["config"], "the mistake")
        told = shown(tmp_path)
        assert (told["session"], told["pid"]) == (first["session"], agent.pid)
        assert "agent.yaml:7: lokk" in told["config"][0][0]
        kept_ms = (tmp_path / "last-good.json").stat().st_mtime * 1000
        assert abs(told["config_since_ms"] - kept_ms) < 2
        words = [tool("canteen-agent"), "--lang", "zh", "status", "--config", str(file)]
        asked = subprocess.run(words, capture_output=True, text=True, check=False, env=os.environ | {"COLUMNS": "200"})
        assert "正按上一份可用的配置运行（" in asked.stdout
        assert "起生效，0分）" in asked.stdout

        config(tmp_path, cameras=TWO)
        agent.send_signal(signal.SIGHUP)
        until(lambda: len(shown(tmp_path).get("cameras", ())) == 2 or agent.poll() is not None, "the new cameras")
        taken = shown(tmp_path)
        assert taken["session"] != first["session"]
        assert (taken["pid"], taken["config"]) == (agent.pid, [])
    finally:
        agent.send_signal(signal.SIGTERM)
        assert agent.wait(timeout=PATIENCE_S) == 0
    with sqlite3.connect(tmp_path / "journal.db") as journal:
        events = [json.loads(body) for (body,) in journal.execute("select body from event order by id")]
    closed = [one["session"] for one in events if one["kind"] == "coverage"]
    assert closed == [first["session"], taken["session"]]
    assert any("agent.yaml:7: lokk" in one["what"] for one in events if one["kind"] == "fault")
