"""`setup replace SLOT`: another camera at a position; its binding changes and nothing else."""

import os
import re
from pathlib import Path

import pytest

from agent import settings
from tests.agent.setup.house import PASSWORD, house, spec
from tests.agent.setup.terminal import Terminal


def test_the_binding_changes_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """By answers, then by hand at a terminal: only lines of that slot differ, and the new device is named as such."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "own"))
    with house(tmp_path, spec("stove"), spec("sink", "dahua-bullet"), spec("new", "dahua-bullet")) as built:
        assert built.setup(str(built.bundle), "--answers", str(built.answers("stove", "sink"))) == 0
        text = built.config.read_text().replace(
            "  - slot: stove", "  # beside the door\n  - slot: stove  # mine\n    allow_basic: true"
        )
        built.config.write_text(text)
        new = built.canteen.camera("new").address
        answers = built.answers("new")
        answers.write_text(answers.read_text().replace("slot: new", "slot: stove"))
        there = built.secret.rename(built.folder / "away")
        assert built.setup("replace", "stove", "--answers", str(answers)) == 2
        assert "answers.yaml:4: logins.kitchen.password" in capsys.readouterr().err
        there.rename(built.secret)
        assert built.setup("replace", "nowhere", "--answers", str(answers)) == 2
        assert "it has: stove, sink" in capsys.readouterr().err
        assert built.setup("replace", "stove", "--answers", str(answers)) == 0
        after = built.config.read_text()
        differ = {line for line in text.splitlines() if line not in after.splitlines()}
        assert all(re.search("address|identity|allow_basic", line) for line in differ), differ
        stove, sink = settings.load(built.config).cameras
        assert not stove.allow_basic  # that was said of another device
        assert (stove.address, stove.name, stove.identity.epr) == (new, "灶台 stove", built.canteen.camera("new").epr)
        assert sink.address == built.canteen.camera("sink").address
        assert built.refused("new") == 0

        old = re.escape(built.canteen.camera("stove").address)
        seen = ["--config", str(built.config), "--interface", "lo", "--loopback"]
        with Terminal(
            "--lang", "en", "setup", "replace", "stove", *seen, XDG_STATE_HOME=os.environ["XDG_STATE_HOME"]
        ) as terminal:
            while (question := terminal.question()) is not None:
                typed = ""
                if "which one is the new one" in question:
                    typed = re.findall(rf"(\d+)\) [^)]*?{old}", question.replace("\r\n", " "))[-1]
                elif "restart the service" in question:
                    typed = "n"
                terminal.type(typed + "\n")
            assert terminal.process.wait() == 0, terminal.said
            assert PASSWORD not in terminal.said
        assert settings.load(built.config).cameras[0].address == built.canteen.camera("stove").address
        assert settings.load(built.config).cameras[0].credentials


def test_a_new_camera_that_refuses_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "own"))
    with house(tmp_path, spec("stove"), spec("new", "dahua-bullet")) as built:
        assert built.setup(str(built.bundle), "--answers", str(built.answers("stove"))) == 0
        before = built.config.read_bytes()
        built.secret.write_text("canary-wrong")
        answers = built.answers("new")
        answers.write_text(answers.read_text().replace("slot: new", "slot: stove"))
        assert built.setup("replace", "stove", "--answers", str(answers)) == 2
        said = capsys.readouterr().err
        assert "Nothing was changed" in said
        assert "refuses the login" in said
        assert built.config.read_bytes() == before
        assert 1 <= built.refused("new") <= 2
