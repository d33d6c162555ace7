"""`setup --answers` among simulated cameras: what is written runs, and what cannot be had changes nothing."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec import structs

from agent import settings
from agent.cli import main
from agent.setup.box import Box
from agent.setup.dialogue import Dialogue
from contract.problems import Told
from scripts.stage import tool
from simulator.persona import personas
from tests.agent.setup.house import House, house, members, packed, spec


@pytest.fixture
def two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    """Two cameras; nobody at the broker's place."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "own"))
    with house(tmp_path, spec("stove"), spec("sink", "dahua-bullet")) as built:
        yield built


def test_from_bundle_to_acknowledged(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """One command: the file passes check-config, the agent runs with it, the center has acknowledged."""
    with house(tmp_path, spec("stove"), spec("sink", "dahua-bullet"), broker=True) as built:
        answers = built.answers("stove", "sink", start=True)
        with built.center("stove", "sink"), built.agent_when_written():
            assert built.setup(str(built.bundle), "--answers", str(answers)) == 0, (tmp_path / "agent.log").read_text()
        assert "the center has acknowledged" in capfd.readouterr().out
        assert main(["check-config", str(built.config)]) == 0
        loaded = settings.load(built.config)
        assert [(one.slot, one.zone, one.ports.onvif, one.ports.rtsp) for one in loaded.cameras] == [
            ("stove", "烹饪间", 8000, 8554),
            ("sink", "烹饪间", 8000, 8554),
        ]
        assert (built.refused("stove"), built.refused("sink")) == (0, 0)
        assert not (built.state / "setup.json").exists()
        logins = [one.stat().st_mode & 0o777 for one in (built.etc / "credentials").iterdir()]
        assert logins == [0o600] * 3  # the certificate, its key, the password


def test_again_is_no_change_and_no_second_camera(two: House, capsys: pytest.CaptureFixture[str]) -> None:
    """The same answers once more add nothing; a further camera is appended, and the comment of a person stays."""
    assert two.setup(str(two.bundle), "--answers", str(two.answers("stove"))) == 0
    two.config.write_text(two.config.read_text() + "# mine\n")
    first = two.config.read_text()
    before = two.logins("stove")
    assert two.setup("--answers", str(two.answers("stove"))) == 0
    assert two.config.read_text() == first
    assert two.logins("stove") == before
    assert "needs no change" in capsys.readouterr().out
    assert two.setup("--answers", str(two.answers("stove", "sink"))) == 0
    assert [line for line in first.splitlines() if line not in two.config.read_text().splitlines()] == []
    assert [one.slot for one in settings.load(two.config).cameras] == ["stove", "sink"]
    assert len(list(two.etc.glob("agent.yaml.20*"))) == 1
    assert two.logins("stove") == before


def test_a_wrong_password_is_tried_once_and_changes_nothing(two: House, capsys: pytest.CaptureFixture[str]) -> None:
    """Of two cameras that are given the same wrong one each is shown it once, and no other; run again: not at all."""
    two.secret.write_text("canary-wrong")
    answers = two.answers("stove", "sink")
    there = set(two.etc.rglob("*"))
    assert two.setup(str(two.bundle), "--answers", str(answers)) == 2
    said = capsys.readouterr()
    assert "answers.yaml:6: cameras[0]: the camera refuses the login" in said.err
    assert "answers.yaml:7: cameras[1]: the camera refuses the login" in said.err
    assert "attempts are left" in said.err
    assert "canary" not in said.err + said.out
    counted = two.refused("stove"), two.refused("sink")
    assert all(1 <= one <= 2 for one in counted)
    for _ in range(2):
        assert two.setup(str(two.bundle), "--answers", str(answers)) == 2
    assert (two.refused("stove"), two.refused("sink")) == counted
    assert {one for one in two.etc.rglob("*") if two.state not in one.parents} == there | {two.state}


def test_a_camera_that_is_not_there_is_named(two: House, capsys: pytest.CaptureFixture[str]) -> None:
    two.canteen.fault("sink", "off")
    assert two.setup(str(two.bundle), "--answers", str(two.answers("stove", "sink"))) == 2
    said = capsys.readouterr()
    assert f"answers.yaml:7: cameras[1]: no camera answers at {two.canteen.camera('sink').address}" in said.err
    assert "Nothing was changed" in said.out
    assert not two.config.exists()
    assert two.logins("stove") == 0


def test_a_center_that_does_not_acknowledge(two: House, capsys: pytest.CaptureFixture[str]) -> None:
    """After the time that was given it says so and how to wait once more; that asks no camera again."""
    answers = two.answers("stove", more="wait: 1s", start=True)
    assert two.setup(str(two.bundle), "--answers", str(answers)) == 1
    said = capsys.readouterr().out
    assert "the center has not acknowledged yet" in said
    assert f"canteen-agentrun--config{two.config}" in "".join(said.split())  # a long path is broken too
    assert settings.check(two.config, "en") == []
    before = two.logins("stove")
    assert two.setup("--resume", "--answers", str(answers)) == 1
    assert two.logins("stove") == before
    assert two.setup("--resume", "--answers", str(two.answers("stove"))) == 0
    assert not (two.state / "setup.json").exists()


def test_a_file_that_somebody_changed_meanwhile_is_not_overwritten(
    two: House, capsys: pytest.CaptureFixture[str]
) -> None:
    """An editor beside the setup: what was saved there stands."""
    assert two.setup(str(two.bundle), "--answers", str(two.answers("stove"))) == 0
    box = Box(two.config, Dialogue("en"))
    two.config.write_text(two.config.read_text() + "# saved meanwhile\n")
    with pytest.raises(Told, match="somebody changed"):
        box.write("", [])
    assert two.config.read_text().endswith("# saved meanwhile\n")
    assert not list(two.etc.glob("agent.yaml.20*"))


def test_another_gateway_only_on_purpose(two: House, capsys: pytest.CaptureFixture[str]) -> None:
    """A bundle in the wrong box is refused by name; with --again it is taken, and the cameras stay."""
    assert two.setup(str(two.bundle), "--answers", str(two.answers("stove"))) == 0
    before = two.config.read_text()
    other = packed(two.folder / "other.canteen", members(two.authority, "127.0.0.1", 9, gateway="gw-0002"))
    assert two.setup(str(other), "--answers", str(two.answers())) == 2
    said = capsys.readouterr().err
    assert "4101/gw-0002" in said
    assert "4101/gw-0001" in said
    assert two.config.read_text() == before
    assert two.setup(str(other), "--again", "--answers", str(two.answers())) == 0
    loaded = settings.load(two.config)
    assert (loaded.gateway.id, [one.slot for one in loaded.cameras]) == ("gw-0002", ["stove"])
    (backup,) = two.etc.glob("agent.yaml.20*")
    backup.replace(two.config)  # the way back
    assert settings.load(two.config).broker[0].key == str(two.etc / "credentials" / "gateway.key")


def test_channels_of_a_recorder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One that is not told apart is refused with the channels' names; each channel is a slot of its own."""
    with house(tmp_path, spec("nvr", "nvr-2-channels")) as built:
        answers = built.answers("nvr")
        assert built.setup(str(built.bundle), "--answers", str(answers)) == 2
        said = capsys.readouterr().err
        assert "several channels" in said
        tokens = said.strip().rpartition(": ")[2].rstrip(".").split(", ")
        lines = answers.read_text().splitlines()
        slot = lines.pop()
        lines += [slot.replace("slot: nvr", f"slot: c{n}, channel: {token}") for n, token in enumerate(tokens)]
        answers.write_text("\n".join(lines) + "\n")
        assert built.setup(str(built.bundle), "--answers", str(answers)) == 0
        assert [one.channel for one in settings.load(built.config).cameras] == tokens
        assert built.refused("nvr") == 0


@pytest.mark.parametrize(
    ("silent", "said"),
    [
        (["GetVideoSources", "GetProfiles"], "could not ask for its channels: busy"),
        (["GetVideoSources"], "several channels, name one as channel: VideoSourceToken001, VideoSourceToken002"),
    ],
)
def test_channels_that_do_not_come_are_not_one(
    silent: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A recorder that hangs up at the question is asked once more; what its profiles name counts too."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "own"))
    refuses = {f"media.{operation}": "close" for operation in silent}
    monkeypatch.setitem(personas(), "nvr-mute", structs.replace(personas()["nvr-2-channels"], refuses=refuses))
    with house(tmp_path, spec("nvr", "nvr-mute")) as built:
        assert built.setup(str(built.bundle), "--answers", str(built.answers("nvr"))) == 2
        assert said in capsys.readouterr().err
        assert not built.config.exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "give the file that the center made"),
        (["nowhere.canteen"], "nowhere.canteen cannot be read: there is no such file"),
        (["a", "b"], "one bundle at a time"),
        (["replace"], "which slot?"),
        (["replace", "x"], "give the file that the center made"),
        (["--answers", "nowhere.yaml"], "nowhere.yaml"),
        (["--loopback", "--answers", "answers.yaml"], "the file says where to look"),
        (["--subnet", "10.0.0.0/99"], "not an IPv4 network"),
    ],
)
def test_wrong_words_are_answered_with_a_sentence(
    words: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Nothing is made, and nothing asked."""
    config = tmp_path / "agent.yaml"
    (tmp_path / "answers.yaml").write_text("cameras: []\n")
    monkeypatch.chdir(tmp_path)
    assert main(["--lang", "en", "setup", "--config", str(config), *words]) == 2
    assert said in capsys.readouterr().err
    assert not config.exists()


def test_a_configuration_with_mistakes_is_mended_by_its_owner_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "agent.yaml"
    config.write_text("gateway: {id: gw-0001, city: '4101'}\nbrokr: []\ncameras: []\n")
    assert main(["--lang", "en", "setup", "--config", str(config)]) == 2
    assert "agent.yaml:2: brokr" in capsys.readouterr().err


def test_a_network_that_would_take_minutes_is_refused(two: House, capsys: pytest.CaptureFixture[str]) -> None:
    answers = two.answers("stove")
    answers.write_text(answers.read_text().replace("duration: 1500ms", "subnets: [10.0.0.0/8]"))
    assert two.setup(str(two.bundle), "--answers", str(answers)) == 2
    assert "16777216 addresses" in capsys.readouterr().err


def test_a_folder_that_is_not_there_names_the_installation(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--lang", "zh", "setup", "--config", str(tmp_path / "none" / "agent.yaml")]) == 2
    assert "请先安装程序" in capsys.readouterr().err


def test_run_loads_nothing_of_it() -> None:
    """The daemon pays no memory for what is used once."""
    program = (
        "import sys, agent.cli, agent.daemon; print([one for one in sys.modules if one.startswith('agent.setup')])"
    )
    done = subprocess.run([tool("python"), "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_what_could_not_be_checked_is_not_written(
    two: House, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where our own side fails nothing is known of a camera, its password included: no success is made of that."""
    monkeypatch.setattr("agent.hand_logins.PATIENCE_S", 0.5)
    monkeypatch.setattr(sys, "executable", "/bin/false")  # what asks a camera runs in a process of its own
    assert two.setup(str(two.bundle), "--answers", str(two.answers("stove"))) == 2
    assert "fault of the agent" in capsys.readouterr().err
    assert not two.config.exists()
