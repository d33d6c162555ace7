"""What one run leaves for the next."""

import json
from pathlib import Path

import msgspec
import pytest

from agent.learnt import Learnt, LearntFile
from agent.model import Camera
from contract.messages import Identity

CAMERA = Camera(slot="one", address="127.0.0.9")


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


@pytest.mark.parametrize("content", [b"\x00garbage", b'{"nics":"\xff"}', b'{"nics":' + b"[" * 100_000])
def test_an_unreadable_file_costs_one_round_of_questions(tmp_path: Path, content: bytes) -> None:
    """Garbage in the file is said and replaced, not fatal."""
    file = tmp_path / "learnt.json"
    file.write_bytes(content)
    memory = LearntFile(file)
    memory.learn_nic("one", "eth0")
    memory.save_if_changed()
    assert json.loads(file.read_text())["nics"] == {"one": "eth0"}
