"""The main thread's round, of a daemon that was furnished and not started: what fails, and what that costs."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from agent.cli import _load
from agent.daemon import Daemon
from agent.supervisor import TICK_S
from tests.agent.test_daemon import config


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    before = threading.excepthook
    daemon = Daemon(*_load(config(tmp_path)))
    daemon._furnish()
    yield daemon
    daemon._journal.close()
    threading.excepthook = before


def test_a_part_that_always_fails_keeps_the_watchdog_unfed_and_nothing_else_waiting(
    daemon: Daemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is tried once a second, long before it would be due again, and no round without it counts as one."""
    tried = list[float]()

    def broken() -> int:
        tried.append(time.monotonic())
        raise ValueError

    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "1000000")
        supervisor, now = daemon._make_supervisor(), daemon._ledger._now
        daemon._ledger._now = broken  # no heartbeat can be made; the checkpoint is not due yet
        end = time.monotonic() + 2.5
        while time.monotonic() < end:
            supervisor._round()
            time.sleep(TICK_S)
        assert 2 <= len(tried) <= 3
        said = manager.recv(9999)
        assert said.startswith(b"STATUS=")
        assert (tmp_path / "status.json").exists()
        with pytest.raises(BlockingIOError):
            manager.recv(9999)
        daemon._ledger._now = now
        time.sleep(1)
        supervisor._round()
        assert manager.recv(9999) == b"WATCHDOG=1"


def test_a_box_whose_own_figures_cannot_be_read_still_beats(
    daemon: Daemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What psutil stumbles over costs the figures of the box, no heartbeat."""
    monkeypatch.setattr(psutil, "PROCFS_PATH", str(tmp_path / "nothing"))
    beat = json.loads(daemon._reporter.heartbeat())
    assert beat["session"] == daemon._ledger.session
    assert "host" not in beat
