"""What is written: all of it or nothing, the old kept beside it, comments and a person's own lines untouched."""

import errno
import os
import stat
from pathlib import Path

import pytest

from agent import settings
from agent.setup import existing, writing
from agent.setup.answers import Looking
from agent.setup.bundle import Bundle
from agent.setup.plan import Login, Plan, Position
from contract.problems import ConfigError, Told
from tests.support.disks import Tmpfs
from tests.support.root import root

PLAN = Plan(
    config="x",
    logins={"camera": Login(user="viewer", credential="camera")},
    positions=(
        Position(
            slot="cook-1", address="192.168.1.64", name="烹饪间", zone="烹饪间", login="camera", mac="12:34:56:78:9a:bc"
        ),
        Position(slot="rec-2", address="192.168.1.200", channel="VideoSource_2", rtsp_port=8554, tls_pin="ab" * 32),
    ),
)
BUNDLE = Bundle(
    gateway="gw-0001",
    city="4101",
    name="",
    host="mqtt.example.org",
    port=8883,
    ca=b"CA",
    certificate=b"PEM",
    key=b"KEY",
)
OWN = """# our school, do not touch
gateway: {id: gw-0001, city: 4101}   # from the center
broker:
  - host: mqtt.example.org
    tls: {ca: ca.pem, cert: 'credential:gateway.pem', key: 'credential:gateway.key'}
state_dir: STATE
look: {interval: 15s}  # the head cook asked for it
credentials:
  old: {user: admin, password: credential:old}
cameras:
  # beside the door
  - {slot: door, address: 192.168.1.9, credentials: old}
"""


@pytest.fixture
def etc(tmp_path: Path) -> Path:
    folder = tmp_path / "etc"
    (folder / "credentials").mkdir(parents=True)
    for name in ("old", "camera"):
        (folder / "credentials" / name).touch(mode=0o600)
        (folder / "credentials" / name).write_text("canary")
    return folder


def own(etc: Path) -> tuple[Path, existing.Existing]:
    """The agent.yaml of a person, with what it names."""
    config = etc / "agent.yaml"
    config.write_text(OWN.replace("STATE", str(etc / "state")))
    (etc / "ca.pem").write_text("CA")
    for name in ("gateway.pem", "gateway.key"):
        (etc / "credentials" / name).touch(mode=0o600)
        (etc / "credentials" / name).write_bytes({"gateway.pem": b"PEM", "gateway.key": b"KEY"}[name])
    before = existing.read(config)
    assert before
    return config, before


def made(etc: Path) -> str:
    files = writing.identity(etc, BUNDLE)
    text = writing.composed(None, PLAN, BUNDLE, files, Looking(), "state")
    writing.commit(etc / "agent.yaml", text, files.files)
    return text


def test_a_new_file_is_the_example_with_its_comments(etc: Path) -> None:
    """Every comment of the example that is not about an example's own camera or login is there; it can be used."""
    text = made(etc)
    loaded = settings.load(etc / "agent.yaml")
    assert [(one.slot, one.address) for one in loaded.cameras] == [
        ("cook-1", "192.168.1.64"),
        ("rec-2", "192.168.1.200"),
    ]
    assert loaded.cameras[0].credentials
    assert (loaded.cameras[1].tls, loaded.cameras[1].channel, loaded.cameras[1].ports.rtsp) == (
        "pin",
        "VideoSource_2",
        8554,
    )
    assert (loaded.gateway.id, loaded.broker[0].host, loaded.broker[0].password) == (
        "gw-0001",
        "mqtt.example.org",
        None,
    )
    assert loaded.broker[0].key == str(etc / "credentials" / "gateway.key")
    assert (loaded.discovery.interfaces, loaded.discovery.subnets, loaded.state_dir) == ((), (), etc / "state")
    example = existing.example()
    before_cameras, _, _ = example.partition("\ncredentials:")
    comments = [line.partition(" #")[2] for line in before_cameras.splitlines() if " #" in line]
    gone = [one for one in comments if one not in text]
    assert len(gone) <= 4, gone  # of the account, its password and the recovery, which this bundle does without
    assert "example.org\n" not in text.replace("mqtt.example.org", "")


def test_the_files_are_for_whom_they_are_meant(etc: Path) -> None:
    """The key for its owner alone, the configuration for the group too, nothing for others."""
    made(etc)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in etc.rglob("*") if path.is_file()}
    assert (modes["gateway.key"], modes["gateway.pem"], modes["agent.yaml"], modes["ca.pem"]) == (
        0o600,
        0o600,
        0o640,
        0o640,
    )
    assert not any(mode & 0o007 for mode in modes.values())


def test_what_a_person_wrote_stays(etc: Path) -> None:
    """Each of their lines is in the new file as it was; the one before is kept, byte for byte, with its date."""
    config, before = own(etc)
    text = writing.composed(before, PLAN, BUNDLE, writing.identity(etc, BUNDLE), Looking(), "state")
    writing.unharmed(before, text, config)
    old = config.read_bytes()
    backup = writing.commit(config, text, [])
    assert [
        line for line in OWN.replace("STATE", str(etc / "state")).splitlines() if line not in text.splitlines()
    ] == []
    assert backup
    assert backup.read_bytes() == old
    assert backup.name.startswith("agent.yaml.20")
    assert [one.slot for one in settings.load(config).cameras] == ["door", "cook-1", "rec-2"]


def test_the_same_bundle_again_changes_nothing(etc: Path) -> None:
    config, before = own(etc)
    text = writing.composed(before, Plan(config="x"), BUNDLE, writing.identity(etc, BUNDLE), Looking(), "state")
    assert writing.changes(before.text, text) == []
    assert config.read_text() == text


def test_another_bundle_overwrites_no_key(etc: Path) -> None:
    """The backup of agent.yaml goes on meaning what it meant: what it names is there still, with its content."""
    own(etc)
    other = writing.identity(
        etc, Bundle(**{name: getattr(BUNDLE, name) for name in BUNDLE.__struct_fields__} | {"key": b"NEW"})
    )
    assert other.key.path.name != "gateway.key"
    assert other.certificate.path.name == "gateway.pem"
    assert (etc / "credentials" / "gateway.key").read_bytes() == b"KEY"


def test_a_file_that_could_not_be_used_replaces_nothing(etc: Path) -> None:
    """A password that vanished in between, for one: the mistake is named, and everything is as before."""
    config, before = own(etc)
    (etc / "credentials" / "camera").unlink()
    there = {path: path.read_bytes() for path in etc.rglob("*") if path.is_file()}
    files = writing.identity(
        etc, Bundle(**{name: getattr(BUNDLE, name) for name in BUNDLE.__struct_fields__} | {"ca": b"C2"})
    )
    text = writing.composed(before, PLAN, BUNDLE, files, Looking(), "state")
    with pytest.raises(ConfigError, match=r"agent\.yaml.*credentials\.camera"):
        writing.commit(config, text, files.files)
    assert {path: path.read_bytes() for path in etc.rglob("*") if path.is_file()} == there


def test_what_stands_is_not_undone(etc: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once the new agent.yaml has its name, what it names has to stay: also where the folder cannot be synced."""
    config, before = own(etc)
    files = writing.identity(
        etc, Bundle(**{name: getattr(BUNDLE, name) for name in BUNDLE.__struct_fields__} | {"key": b"K2"})
    )
    text = writing.composed(before, PLAN, BUNDLE, files, Looking(), "state")

    fsync = os.fsync

    def broken(handle: int) -> None:
        if config.read_text() == text:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        fsync(handle)

    monkeypatch.setattr(os, "fsync", broken)
    assert writing.commit(config, text, files.files)
    assert files.key.path.read_bytes() == b"K2"
    assert settings.load(config).gateway.id == "gw-0001"


def test_a_password_in_clear_is_not_shown(etc: Path) -> None:
    before = "a: {user: x, password: canary-1}\nb:\n  password: 'canary-2'\n"
    shown = "\n".join(writing.changes(before, "a: {user: x, password: 'credential:k'}\n"))
    assert "canary" not in shown
    assert "credential:k" in shown


def test_of_a_new_file_what_matters_is_shown(etc: Path) -> None:
    """Each camera and login with all its lines, also where they are those of the example; no comment."""
    shown = writing.essence(made(etc))
    assert [line.strip() for line in shown if "slot" in line] == ["- slot: cook-1", "- slot: rec-2"]
    assert "    address: 192.168.1.64" in shown
    assert "  camera: {user: viewer, password: credential:camera}" in shown
    assert not any("#" in line or "look" in line for line in shown)


def test_what_a_person_wrote_is_compared(etc: Path) -> None:
    """Whatever goes wrong in changing the text: a camera or a setting that means something else stops it."""
    config, before = own(etc)
    for harmed in (before.text.replace("15s", "16s"), before.text.replace("192.168.1.9", "192.168.1.8")):
        with pytest.raises(Told, match="nothing was changed"):
            writing.unharmed(before, harmed, config)
    writing.unharmed(before, before.text.replace("192.168.1.9", "192.168.1.8"), config, but=["door"])


@root
def test_a_full_disk_leaves_everything_as_it_was(tmp_path: Path) -> None:
    """Wherever the disk fills up: no file of ours is left half, the old one stands, and a sentence says so."""
    point = tmp_path / "full"
    with Tmpfs(point, "1m") as disk:
        (point / "credentials").mkdir()
        (point / "credentials" / "camera").touch(mode=0o600)
        (point / "credentials" / "camera").write_text("x")
        disk.fill()
        full = (point / "filler").stat().st_size
        before = {path.name for path in point.rglob("*")}
        for pages in range(5):
            os.truncate(point / "filler", full - pages * 4096)
            with pytest.raises(Told, match="disk is full"):
                made(point)
            assert {path.name for path in point.rglob("*")} == before
        disk.relieve()
        made(point)
        assert settings.check(point / "agent.yaml", "en") == []
