"""What the service manager hears, over a socket of its own."""

import os
import secrets
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agent.ask.box.sd_notify import Notifier


@contextmanager
def manager(where: str) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(f"\0{where[1:]}" if where.startswith("@") else where)
        sock.settimeout(5)
        yield sock


@pytest.mark.parametrize("abstract", [False, True])
def test_assignments_arrive_as_lines_of_one_datagram(tmp_path: Path, abstract: bool) -> None:
    """Both kinds of sockets that systemd uses: a path, and a name in the abstract namespace."""
    where = f"@canteen-{secrets.token_hex(8)}" if abstract else str(tmp_path / "notify")
    with manager(where) as heard:
        Notifier({"NOTIFY_SOCKET": where}).say("READY=1", "STATUS=两台摄像机")
        assert heard.recv(4096).decode() == "READY=1\nSTATUS=两台摄像机"


def test_the_watchdog_is_fed_in_time_and_not_for_fun(tmp_path: Path) -> None:
    """However often there is proof, WATCHDOG=1 is sent about four times in the silence that is allowed."""
    where = str(tmp_path / "notify")
    with manager(where) as heard:
        notifier = Notifier({"NOTIFY_SOCKET": where, "WATCHDOG_USEC": "2000000", "WATCHDOG_PID": str(os.getpid())})
        assert notifier.watchdog_s == 2
        end, pings = time.monotonic() + 1.2, 0
        while time.monotonic() < end:
            notifier.alive()
            time.sleep(0.01)
        heard.setblocking(False)
        while True:
            try:
                assert heard.recv(4096) == b"WATCHDOG=1"
            except BlockingIOError:
                break
            pings += 1
        assert 2 <= pings <= 3


@pytest.mark.parametrize(
    "environment",
    [{}, {"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "1"}, {"WATCHDOG_USEC": "soon"}, {"WATCHDOG_USEC": "0"}],
)
def test_a_watchdog_that_is_not_ours_is_not_fed(environment: dict[str, str]) -> None:
    """Without WATCHDOG_USEC, or with another process's, nobody waits for our word."""
    assert Notifier(environment).watchdog_s is None


def test_a_manager_that_does_not_listen_is_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Nothing is raised and nothing hangs when the socket is gone, or full because nobody reads it."""
    gone = Notifier({"NOTIFY_SOCKET": str(tmp_path / "gone")})
    gone.say("READY=1")
    gone.say("READY=1")
    assert len(caplog.records) == 1
    with manager(str(tmp_path / "notify")):
        full, began = Notifier({"NOTIFY_SOCKET": str(tmp_path / "notify")}), time.monotonic()
        for _ in range(400):
            full.say("STATUS=" + "x" * 4000)
            if len(caplog.records) > 1:
                break
        assert time.monotonic() - began < 20
    assert len(caplog.records) == 2
    Notifier({}).say("READY=1")
