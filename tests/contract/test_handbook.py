"""What is made of a parser besides its help: a manual page, and completion for the shell."""

import argparse
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from agent import cli as agent
from center import cli as center
from contract.handbook import commands, completion, manual

PARSERS = {"canteen-agent": agent.command_line, "canteen-center": center.command_line}


@pytest.fixture(params=list(PARSERS))
def parser(request: pytest.FixtureRequest) -> argparse.ArgumentParser:
    return PARSERS[request.param]("en")


def completed(parser: argparse.ArgumentParser, line: str, tmp_path: Path) -> list[str]:
    """What bash offers for the last word of the line."""
    script = tmp_path / "completion"
    script.write_text(completion(parser))
    words = [parser.prog, *line.split(" ")]
    quoted = " ".join(f"'{word}'" for word in words)
    asked = f"COMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}; _{parser.prog.replace('-', '_')}"
    asked += "; printf '%s\\n' \"${COMPREPLY[@]}\""
    done = subprocess.run(
        ["bash", "-c", f"set -eu; source {script}; {asked}"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()


def test_bash_offers_commands_options_and_choices(tmp_path: Path) -> None:
    """As far as the parser knows them; where a file or a name is wanted, nothing of ours stands in the way."""
    one, other = (make("en") for make in PARSERS.values())
    assert completed(one, "set", tmp_path) == ["setup"]
    assert completed(one, "inspect --tl", tmp_path) == ["--tls", "--tls-pin"]
    assert completed(one, "--lang zh inspect --tls ", tmp_path) == ["off", "verify", "pin"]
    assert completed(one, "check-config ", tmp_path) == ["-h", "--help", "--lang"]
    assert completed(one, "run --config ", tmp_path) == []
    assert completed(other, "registry ex", tmp_path) == ["export"]
    assert completed(other, "user add w --role c", tmp_path) == ["city", "county"]
    assert completed(other, "bulletin v", tmp_path) == ["verify"]


def test_every_command_is_in_the_manual(parser: argparse.ArgumentParser) -> None:
    """With every option of it."""
    page = manual(parser, "en", "1")
    for command in commands(parser):
        if command.words:
            assert f'.SS "{" ".join(command.words)}"'.replace("-", r"\-") in page
        for one in command.arguments:
            assert all(option.replace("-", r"\-") in page for option in one.option_strings)


@pytest.mark.skipif(shutil.which("groff") is None, reason="groff is not there (Debian: groff-base)")
@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("program", PARSERS)
def test_groff_has_nothing_against_the_manual(program: str, lang: str) -> None:
    """It warns of nothing, and the words are there."""
    page = manual(PARSERS[program](lang), lang, "1").encode()
    done = subprocess.run(["groff", "-man", "-Tutf8", "-Kutf8", "-ww"], input=page, capture_output=True, check=True)
    assert done.stderr == b""
    text = re.sub(".\b|\x1b[^m]*m", "", done.stdout.decode())  # bold
    assert ("退出码" if lang == "zh" else "EXIT STATUS") in text


@pytest.mark.parametrize("program", PARSERS)
def test_both_are_printed_by_the_program(program: str, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    """In UTF-8, and nothing else is asked for."""
    main = {"canteen-agent": agent.main, "canteen-center": center.main}[program]
    for option, first in (("--manual", b".TH"), ("--completion", b"# " + program.encode())):
        with pytest.raises(SystemExit) as left:
            main(["--lang", "zh", option])
        assert left.value.code == 0
        assert capsysbinary.readouterr().out.startswith(first)
