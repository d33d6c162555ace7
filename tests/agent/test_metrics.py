"""Figures of a running agent for a Prometheus: real ones, read by Prometheus' own parser."""

import contextlib
import http.client
import math
import socket
import threading
from pathlib import Path

import msgspec
import pytest

from agent import metrics
from agent.metrics import MetricsServer
from agent.status import PictureStatus
from scripts.stage import free_port
from tests.agent.doctor.status_of import status
from tests.agent.doctor.test_cameras import BASE
from tests.agent.test_daemon import config, start
from tests.support.waiting import PATIENCE_S, until

parser = pytest.importorskip("prometheus_client.parser", reason="needs prometheus-client")


def figures(text: str) -> dict[tuple[str, ...], float]:
    """Name and label values -> figure."""
    found = parser.text_string_to_metric_families(text)
    return {(one.name, *one.labels.values()): one.value for family in found for one in family.samples}


def ask(port: int, path: str = "/metrics") -> tuple[int, str]:
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    try:
        line.request("GET", path)
        answer = line.getresponse()
        return answer.status, answer.read().decode()
    finally:
        line.close()


def accepts(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_what_the_status_says_in_figures() -> None:
    """Each camera at one state; what is not known of a picture is absent, not 0."""
    odd = msgspec.structs.replace(BASE, slot='a"b\\c', availability="unknown", picture=PictureStatus(sound=False))
    told = figures(metrics.exposition(status(cameras=(BASE, odd)), 1.25))
    assert told["canteen_camera_availability", "cook-1", "online"] == 1
    assert told["canteen_camera_availability", "cook-1", "offline"] == 0
    assert told["canteen_camera_availability", 'a"b\\c', "unknown"] == 1
    assert told["canteen_camera_rung", "cook-1"] == 4
    assert ("canteen_camera_sound", "cook-1") not in told
    assert told["canteen_camera_sound", 'a"b\\c'] == 0
    assert told["canteen_status_age_seconds",] == 1.25
    assert told["canteen_uplink_connected",] == 1
    assert figures(metrics.exposition(status(), math.inf))["canteen_status_age_seconds",] == math.inf


def test_a_running_agent_is_asked_over_loopback_alone(tmp_path: Path) -> None:
    """Opt-in; a question that is none gets no figures, and one that never ends holds nobody up for long."""
    port, file = free_port(), config(tmp_path)
    file.write_text(f"{file.read_text()}metrics: {{port: {port}}}\n")
    agent = start(tmp_path, file)
    try:
        until(lambda: accepts(port) and (tmp_path / "status.json").exists())
        with socket.create_connection(("127.0.0.1", port)):  # says nothing
            code, text = ask(port)
        assert (code, figures(text)["canteen_uplink_connected",]) == (200, 0)
        assert ask(port, "/")[0] == 404
        rows = [row.split() for row in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        listening = [row[1] for row in rows if row[3] == "0A" and row[1].endswith(f":{port:04X}")]
        assert listening == [f"0100007F:{port:04X}"]
    finally:
        agent.terminate()
        assert agent.wait(timeout=PATIENCE_S) == 0
    assert "'agent.metrics'" in (tmp_path / "log").read_text()


def test_a_port_that_is_taken_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said once; as soon as the port is free it is served. Without a status there are no figures."""
    monkeypatch.setattr(metrics, "RETRY_S", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        server = MetricsServer(port, tmp_path / "status.json")
        server.start()
        assert server.thread.is_alive()
    until(lambda: accepts(port))
    assert ask(port)[0] == 503
    (tmp_path / "status.json").write_bytes(msgspec.json.encode(status()))
    assert ask(port)[0] == 200


def test_who_asks_byte_by_byte_holds_nobody_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One is served at a time: the seconds are for the whole question."""
    monkeypatch.setattr(metrics, "ASKED_S", 0.5)
    port, over = free_port(), threading.Event()
    MetricsServer(port, tmp_path / "status.json").start()
    until(lambda: accepts(port))
    with socket.create_connection(("127.0.0.1", port)) as slow:

        def trickle() -> None:
            with contextlib.suppress(OSError):
                while not over.wait(0.05):
                    slow.sendall(b"x")

        thread = threading.Thread(target=trickle)
        thread.start()
        try:
            assert ask(port)[0] == 503
        finally:
            over.set()
            thread.join()
