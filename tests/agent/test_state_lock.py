"""One agent at a time in a state directory."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from agent.cli import main
from agent.state_lock import StateLock, Taken
from tests.support.disks import Ext4
from tests.support.root import root
from tests.support.waiting import until


def config(folder: Path) -> Path:
    file = folder / "agent.yaml"
    file.write_text(
        f"gateway: {{id: box-0001, city: '4101'}}\nbroker: [{{host: 127.0.0.1, port: 9}}]\nstate_dir: {folder}/state\n"
        "discovery: {enabled: false}\ncameras: []\n"
    )
    return file


@contextmanager
def running(folder: Path, *before: str) -> Iterator[subprocess.Popen[bytes]]:
    """An agent that has written its status."""
    (folder / "state" / "status.json").unlink(missing_ok=True)
    command = [*before, sys.executable, "-m", "agent", "--lang", "en", "run", "--config", str(config(folder))]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as agent:
        try:
            until((folder / "state" / "status.json").exists)
            yield agent
        finally:
            agent.kill()


def test_a_second_agent_is_refused_and_told_who_runs(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """It ends with 2, names the PID, and leaves the first one's journal alone; asking for the status works."""
    with running(tmp_path) as first:
        second = subprocess.run(
            [sys.executable, "-m", "agent", "--lang", "en", "run", "--config", str(config(tmp_path))],
            capture_output=True,
            text=True,
            check=False,
        )
        assert second.returncode == 2
        assert f"another agent runs (PID {first.pid})" in second.stderr
        assert len(second.stderr.splitlines()) == 1
        assert main(["status", "--json", "--config", str(config(tmp_path))]) == 0
        assert f'"pid": {first.pid}' in capfd.readouterr().out


def test_a_killed_agent_leaves_no_lock(tmp_path: Path) -> None:
    """However it ends, the next one runs."""
    for sign in (signal.SIGKILL, signal.SIGTERM, signal.SIGKILL):
        with running(tmp_path) as agent:
            agent.send_signal(sign)
            agent.wait()


def test_a_child_that_lives_on_holds_no_lock(tmp_path: Path) -> None:
    """A process that the agent started and that outlives it does not keep the next agent away."""
    lock = StateLock(tmp_path)
    with subprocess.Popen(["sleep", "600"], close_fds=False) as child:
        lock.release()
        StateLock(tmp_path).release()
        child.kill()


@root
@pytest.mark.skipif(not shutil.which("unshare"), reason="needs unshare (util-linux)")
def test_an_agent_of_another_container_is_named_as_such(tmp_path: Path) -> None:
    """Two agents that are both PID 1 are told apart; the host names a container's agent by its PID there."""
    apart = ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc")
    run = (sys.executable, "-m", "agent", "--lang", "en", "run", "--config", str(config(tmp_path)))
    with running(tmp_path, *apart) as first:
        second = subprocess.run([*apart, *run], capture_output=True, text=True, check=False)
        assert second.returncode == 2
        assert re.search(r"another agent runs \(PID 1 in another container, host '.+'\)", second.stderr)
        (child,) = psutil.Process(first.pid).children()
        with pytest.raises(Taken, match=rf"\(PID {child.pid}\)"):
            StateLock(tmp_path / "state")


def test_a_link_is_not_followed_and_keeps_no_second_agent_in(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It is said with what to do; the folder itself is locked then, and the first agent's cameras are watched."""
    (tmp_path / "target").write_text("somebody's")
    (tmp_path / "agent.lock").symlink_to(tmp_path / "target")
    one = StateLock(tmp_path)
    with pytest.raises(Taken, match=rf"\(PID {os.getpid()}\)"):
        StateLock(tmp_path)
    one.release()
    StateLock(tmp_path).release()
    assert "agent.lock is a link: remove it" in caplog.text
    assert (tmp_path / "target").read_text() == "somebody's"


def test_where_no_lock_can_be_had_the_agent_runs(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """No folder can be made there: the log says so, and the cameras are watched all the same."""
    (tmp_path / "file").touch()
    StateLock(tmp_path / "file" / "state").release()
    assert "cannot be locked against a second agent" in caplog.text


def test_a_file_of_a_second_name_is_locked_and_left_as_it_is(tmp_path: Path) -> None:
    """A hard link there may be anybody's file."""
    (tmp_path / "target").write_text("somebody's")
    (tmp_path / "agent.lock").hardlink_to(tmp_path / "target")
    one = StateLock(tmp_path)
    with pytest.raises(Taken):
        StateLock(tmp_path)
    one.release()
    assert (tmp_path / "target").read_text() == "somebody's"


def test_what_the_file_says_is_not_believed(tmp_path: Path) -> None:
    """Garbage in it, or the PID of an agent long gone, keeps nobody away."""
    (tmp_path / "agent.lock").write_bytes(b'{"pid":1,"pids":"x","host":"y"}' * 100)
    one = StateLock(tmp_path)
    with pytest.raises(Taken, match=rf"\(PID {os.getpid()}\)"):
        StateLock(tmp_path)
    (tmp_path / "agent.lock").write_bytes(b"garbage")
    with pytest.raises(Taken, match=rf"\(PID {os.getpid()}\)"):
        StateLock(tmp_path)
    one.release()


@root
def test_on_a_read_only_disk_the_lock_holds_and_names_the_holder(tmp_path: Path) -> None:
    """What an earlier agent wrote into the file there is not taken for who runs."""
    with Ext4(tmp_path / "card", 8) as card:
        (card.point / "agent.lock").write_text('{"pid":1,"pids":"x","host":"y"}')
        card.remount("ro")
        one = StateLock(card.point)
        with pytest.raises(Taken, match=rf"\(PID {os.getpid()}\)"):
            StateLock(card.point)
        one.release()
