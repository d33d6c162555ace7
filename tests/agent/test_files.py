"""The state directory's files are read without following links, whatever stands in their place."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from agent import files, status
from agent.ask.ptz import intent
from agent.clock import BoxClock
from agent.learnt import LearntFile
from agent.login_gate import LoginGate
from agent.settings import last_good
from tests.support.root import root


def a_link(path: Path) -> None:
    path.symlink_to(path.with_name("elsewhere"))


def a_pipe(path: Path) -> None:
    os.mkfifo(path)


def a_folder(path: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize("make", [a_link, a_pipe, a_folder])
def test_only_a_plain_file_is_read(tmp_path: Path, make: Callable[[Path], None]) -> None:
    """Anything else is refused at once, with what to do about it."""
    (tmp_path / "elsewhere").write_bytes(b"secret")
    make(tmp_path / "one.json")
    with pytest.raises(OSError, match=r"one\.json is .*: remove it"):
        files.read(tmp_path / "one.json")


def keep_time(file: Path) -> BoxClock:
    return BoxClock(file, boot="b", anchor=lambda _: None, fault=lambda _: None)


READERS: dict[str, Callable[[Path], object]] = {
    "last-good.json": lambda file: last_good.recall(file.parent, file),
    "learnt.json": LearntFile,
    "clock.json": keep_time,
    "moving.json": intent.read,
    "logins.json": lambda file: LoginGate(file, now=time.time).is_barred("one"),
}


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("make", [a_link, a_pipe])
def test_what_is_no_plain_file_counts_as_nothing_and_is_said(
    tmp_path: Path, name: str, make: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    """The agent starts without it, does not wait for it, and the log says what to remove."""
    (tmp_path / "elsewhere").write_bytes(b"{}")
    make(tmp_path / name)
    READERS[name](tmp_path / name)
    assert f"{name} is " in caplog.text
    assert "remove it" in caplog.text
    assert (tmp_path / "elsewhere").read_bytes() == b"{}"


def test_a_link_is_replaced_and_what_it_leads_to_stays(tmp_path: Path) -> None:
    """Writing puts a file in the link's place."""
    (tmp_path / "elsewhere").write_bytes(b"secret")
    a_link(tmp_path / "one.json")
    files.write_atomically(tmp_path / "one.json", b"new", durable=True)
    assert files.read(tmp_path / "one.json") == b"new"
    assert (tmp_path / "elsewhere").read_bytes() == b"secret"


def test_the_status_is_not_read_through_a_link(tmp_path: Path) -> None:
    """`status` shows nobody else's file."""
    a_link(tmp_path / "status.json")
    with pytest.raises(OSError, match="is a link"):
        status.read(tmp_path / "status.json")


@root
def test_a_file_of_a_second_name_is_not_given_away(tmp_path: Path) -> None:
    """What root opens in the agent's folder goes to the agent, but for a hard link, which may be anybody's."""
    folder, other = tmp_path / "state", tmp_path / "other"
    folder.mkdir()
    other.touch()
    os.chown(folder, 1234, 1234)
    (folder / "linked").hardlink_to(other)
    for name, owner in (("linked", 0), ("own", 1234)):
        with (folder / name).open("a") as file:
            files.give_to_owner_of(folder, file.fileno())
        assert (folder / name).stat().st_uid == owner
