"""The main thread's round, of a daemon that was not started: what fails, and what that costs."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import psutil
import pytest

from agent import settings
from agent.daemon import Daemon
from agent.session import Session
from agent.supervisor import RETRY_S, TICK_S
from contract.policy import load_policy
from tests.agent.test_daemon import config


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    before = threading.excepthook
    loaded = settings.load(config(tmp_path))
    daemon = Daemon(loaded, load_policy(loaded.policy))
    yield daemon
    daemon.journal.close()
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
        supervisor = daemon.rest().supervisor
        monkeypatch.setattr(Session, "heartbeat", lambda *_: broken())
        while len(tried) < 3:
            supervisor.round()
            time.sleep(TICK_S)
        assert all(RETRY_S <= after - before < 50 for before, after in pairwise(tried))  # heartbeats are a minute apart
        said = manager.recv(9999)
        assert said.startswith(b"STATUS=")
        assert (tmp_path / "status.json").exists()
        with pytest.raises(BlockingIOError):
            manager.recv(9999)
        monkeypatch.undo()
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        time.sleep(1)
        supervisor.round()
        assert manager.recv(9999) == b"WATCHDOG=1"


def test_a_box_whose_own_figures_cannot_be_read_still_beats(
    daemon: Daemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What psutil stumbles over costs the figures of the box, no heartbeat."""
    monkeypatch.setattr(psutil, "PROCFS_PATH", str(tmp_path / "nothing"))
    beat = json.loads(daemon.rest().reporter.heartbeat())
    assert beat["session"] == daemon.session.id
    assert "host" not in beat
