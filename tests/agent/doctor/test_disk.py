"""Disks that are full, read-only, missing; and who may use what lies on them."""

import os
from pathlib import Path

import pytest

from agent.doctor import disk, permissions
from agent.doctor.rows import Result, Row
from agent.status import JournalStatus
from tests.agent.doctor.box import box, secret, told
from tests.support.disks import Ext4, Tmpfs
from tests.support.root import root


def of_disk(folder: Path) -> list[Row]:
    return told(lambda tell: disk.look(folder, tell))


def of_permissions(config: Path, folder: Path) -> list[Row]:
    return told(lambda tell: permissions.look(config, folder, tell))


def wrong(rows: list[Row]) -> list[str]:
    return [row.said.en for row in rows if row.result is Result.WRONG]


def test_a_sound_disk_is_left_as_it_was(tmp_path: Path) -> None:
    """Room, and a write that leaves nothing behind."""
    rows = of_disk(tmp_path)
    assert {row.result for row in rows} <= {Result.FINE, Result.WARNING}
    assert rows[-1].said.en == "can be written"
    assert not list(tmp_path.iterdir())


@root
def test_a_full_disk(tmp_path: Path) -> None:
    """Nothing is free, and a write fails; what is to be done stands beside it."""
    with Tmpfs(tmp_path / "disk") as full:
        full.fill()
        rows = of_disk(full.point)
        assert wrong(rows) == ["0.0 MB free, the journal has 0.0 MB", "cannot be written: the disk is full"]
        assert {"filler"} == {file.name for file in full.point.iterdir()}
    assert all("腾出空间" in row.todo.zh for row in rows)


@root
def test_a_read_only_disk(tmp_path: Path) -> None:
    """Also root cannot write there, and is told so."""
    with Ext4(tmp_path / "card") as card:
        card.remount("ro")
        rows = of_disk(card.point)
    assert wrong(rows) == ["the disk can only be read", "cannot be written: the disk can only be read"]


def test_a_folder_that_is_not_there_yet(tmp_path: Path) -> None:
    """The agent makes it; the room is that of the disk it will be on."""
    rows = of_disk(tmp_path / "a" / "state")
    assert [row.result for row in rows][:1] == [Result.WARNING]
    assert rows[1].what.en == str(tmp_path)


def test_the_running_agents_journal() -> None:
    """Its trouble in words of both languages; without any no row."""
    assert disk.told_by(JournalStatus(durable=True)) == []
    (row,) = disk.told_by(JournalStatus(durable=False, trouble="full: no space left"))
    assert (row.result, row.said.zh) == (Result.WRONG, "日志无法可靠保存：磁盘已满")


def test_folders_and_files_that_others_may_use(tmp_path: Path) -> None:
    """A state that anybody can write, credentials that anybody can read, a configuration that anybody can change."""
    config = box(tmp_path)
    state, credentials = tmp_path / "state", tmp_path / "credentials"
    credentials.mkdir(mode=0o700)
    secret(credentials, "mqtt", "x")
    assert not [row for row in of_permissions(config, state) if row.result is not Result.FINE]
    state.chmod(0o777)
    config.chmod(0o666)
    (credentials / "mqtt").chmod(0o644)
    rows = of_permissions(config, state)
    assert wrong(rows) == ["anybody on this box can write there", "anybody on this box can change it"]
    guarded = next(row for row in rows if row.what.en == str(credentials / "mqtt"))
    assert (guarded.result, guarded.todo.en) == (Result.WARNING, f"sudo chmod 600 {credentials / 'mqtt'}")
    credentials.chmod(0o755)
    rows = of_permissions(config, state)
    assert sum(row.result is Result.WRONG for row in rows if str(credentials) in row.what.en) == 2


@root
def test_a_file_that_root_left_in_the_agents_folder(tmp_path: Path) -> None:
    """`run` by hand as root leaves a journal that the service cannot open."""
    config, state = box(tmp_path), tmp_path / "state"
    os.chown(state, 12345, 12345)
    (state / "journal.db").touch()
    (only,) = wrong(of_permissions(config, state))
    assert only == "not the agent's own: journal.db"


def test_who_may_not_look_finds_nothing_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be seen is unchecked."""

    def denied(_: Path) -> None:
        raise PermissionError(13, "Permission denied")

    config = box(tmp_path)
    monkeypatch.setattr(Path, "iterdir", denied)
    rows = of_permissions(config, tmp_path / "state")
    assert Result.UNCHECKED in {row.result for row in rows}
    assert not wrong(rows)
