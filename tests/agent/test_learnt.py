"""What one run leaves for the next."""

import json
from pathlib import Path

import msgspec
import pytest

from agent.learnt import Learnt, LearntFile
from agent.model import Camera, Credentials
from contract.messages import Identity

CAMERA = Camera(slot="one", address="127.0.0.9")
RIGHT, WRONG = Credentials("admin", "canary-right"), Credentials("admin", "canary-wrong")
NOW_S = 1_800_000_000.0


def failed(memory: LearntFile, credentials: Credentials, now_s: float = NOW_S, *, left: int | None = None) -> None:
    memory.login_met(CAMERA.address, credentials, now_s, failed=1, attempts_left=left, worked=False)


def worked(memory: LearntFile, credentials: Credentials, now_s: float = NOW_S) -> None:
    memory.login_met(CAMERA.address, credentials, now_s, failed=0, attempts_left=None, worked=True)


def test_a_refused_login_pauses_these_credentials_alone_and_over_a_restart(tmp_path: Path) -> None:
    """Other credentials, and other addresses, may be tried at once; the pause is kept on disk without the password."""
    file = tmp_path / "learnt.json"
    memory = LearntFile(file)
    failed(memory, WRONG)
    memory.save_if_changed()
    for known in (memory, LearntFile(file)):
        assert not known.may_log_in(CAMERA.address, WRONG, NOW_S + 60)
        assert known.may_log_in(CAMERA.address, RIGHT, NOW_S + 60)
        assert known.may_log_in("127.0.0.10", WRONG, NOW_S + 60)
    assert "canary" not in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_login_that_works_ends_the_pause(tmp_path: Path) -> None:
    """After an accepted login nothing is held against the credentials."""
    memory = LearntFile(tmp_path / "learnt.json")
    failed(memory, RIGHT)
    worked(memory, RIGHT, NOW_S + 3600)
    assert memory.may_log_in(CAMERA.address, RIGHT, NOW_S + 3601)


def test_a_refusal_right_after_an_accepted_login_is_no_wrong_password(tmp_path: Path) -> None:
    """Some domes answer 401 for seconds after a session; a minute later a refusal counts again."""
    memory = LearntFile(tmp_path / "learnt.json")
    worked(memory, RIGHT)
    failed(memory, RIGHT, NOW_S + 4)
    assert memory.may_log_in(CAMERA.address, RIGHT, NOW_S + 5)
    failed(memory, RIGHT, NOW_S + 90)
    assert not memory.may_log_in(CAMERA.address, RIGHT, NOW_S + 91)


def test_what_was_learnt_holds_for_its_address(tmp_path: Path) -> None:
    """The stream is remembered over a restart, and forgotten when the slot has another address."""
    file = tmp_path / "learnt.json"
    memory = LearntFile(file)
    learnt = Learnt(address=CAMERA.address, stream_port=8554, stream_path="/main", auth="digest")
    assert memory.learn(CAMERA, learnt)
    assert not memory.learn(CAMERA, learnt)
    memory.save_if_changed()
    recalled = LearntFile(file).recall(CAMERA)
    assert (recalled.stream_path, recalled.ports.rtsp) == ("/main", 8554)
    elsewhere = Camera(slot="one", address="127.0.0.10")
    assert LearntFile(file).recall(elsewhere).stream_path == ""
    chosen = Camera(slot="one", address=CAMERA.address, stream_path="/mine")
    assert LearntFile(file).recall(chosen).stream_path == "/mine"


def test_what_could_not_be_written_is_written_later(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that takes nothing is named once, and what was learnt meanwhile is on it as soon as it takes something."""
    monkeypatch.setattr("agent.learnt.RETRY_S", 0.0)
    file = tmp_path / "gone" / "learnt.json"
    memory = LearntFile(file)
    memory.learn(CAMERA, Learnt(address=CAMERA.address, stream_path="/main"))
    for _ in range(3):
        memory.save_if_changed()
    assert len(caplog.records) == 1
    file.parent.mkdir()
    memory.save_if_changed()
    assert LearntFile(file).recall(CAMERA).stream_path == "/main"


def test_the_settings_speak_before_what_was_learnt(tmp_path: Path) -> None:
    """What the settings leave open of an identity is taken from what was learnt, where neither contradicts it."""
    memory = LearntFile(tmp_path / "learnt.json")
    memory.learn_identity("one", Identity(mac="02:00:00:00:00:01", epr="urn:uuid:a"))
    said = Camera(slot="one", address=CAMERA.address, identity=Identity(mac="02:00:00:00:00:01", serial="S9"))
    assert memory.recall(said).identity == Identity(mac="02:00:00:00:00:01", epr="urn:uuid:a", serial="S9")


def test_another_device_named_in_the_settings_replaces_all_that_was_learnt(tmp_path: Path) -> None:
    """Whoever names a new device by one of its ids need not know the old one's others: they no longer count."""
    memory = LearntFile(tmp_path / "learnt.json")
    memory.learn_identity("one", Identity(mac="aa:bb:cc:00:11:22", epr="urn:uuid:1", serial="S1"))
    named = Identity(epr="urn:uuid:2")
    assert memory.recall(msgspec.structs.replace(CAMERA, identity=named)).identity == named
    agreeing = Identity(epr="URN:UUID:1")
    recalled = memory.recall(msgspec.structs.replace(CAMERA, identity=agreeing)).identity
    assert (recalled.mac, recalled.serial) == ("aa:bb:cc:00:11:22", "S1")


def test_a_barred_slot_stays_barred_until_its_device_is_back(tmp_path: Path) -> None:
    """The bar outlives a restart."""
    file = tmp_path / "learnt.json"
    memory = LearntFile(file)
    memory.bar("one")
    memory.save_if_changed()
    again = LearntFile(file)
    assert again.is_barred("one")
    again.lift("one")
    assert not again.is_barred("one")


@pytest.mark.parametrize("content", [b"\x00garbage", b'{"salt":"\xff"}', b'{"salt":' + b"[" * 100_000])
def test_an_unreadable_file_costs_one_round_of_questions(tmp_path: Path, content: bytes) -> None:
    """Garbage in the file is said and replaced, not fatal."""
    file = tmp_path / "learnt.json"
    file.write_bytes(content)
    memory = LearntFile(file)
    memory.bar("one")
    memory.save_if_changed()
    assert json.loads(file.read_text())["barred"] == ["one"]
