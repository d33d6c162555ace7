"""How each program ends where its output cannot be written, or what was typed holds commands to the terminal."""

import os
import subprocess
from pathlib import Path

import pytest

from scripts.stage import tool

CONFIG = "gateway: {id: box-0001, city: '4101'}\nbroker: [{host: 127.0.0.1, port: 9}]\nstate_dir: state\ncameras: []\n"
SAYING = [
    "canteen-agent --lang zh check-config {config}",
    "canteen-agent --lang zh --help",
    "canteen-agent --version",
    "canteen-agent --lang zh discover --timeout 1 --interface nosuch0",
    "canteen-agent --lang zh discover --timeout 1 --interface nosuch0 --json",
    "canteen-center --lang zh --help",
    "canteen-center --version",
    "canteen-sim faults",
    "canteen-sim --help",
]
C = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


def run(line: str, folder: Path, *, out: str | None = None, **environment: str) -> subprocess.CompletedProcess[bytes]:
    config = folder / "agent.yaml"
    config.write_text(CONFIG)
    program, *words = line.format(config=config, folder=folder).split()
    with Path(out or os.devnull).open("wb") as file:
        return subprocess.run(
            [tool(program), *words],
            stdout=file if out else subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            env=os.environ | environment,
            check=False,
        )


@pytest.mark.parametrize("line", SAYING)
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_output_that_cannot_be_written_is_one_line(line: str, unbuffered: str, tmp_path: Path) -> None:
    """A full disk, and any command: why, and exit code 2; no traceback, and nothing from Python's own end."""
    done = run(line, tmp_path, out="/dev/full", PYTHONUNBUFFERED=unbuffered)
    *before, said = done.stderr.decode().splitlines()
    assert (done.returncode, said.endswith(("磁盘已满", "the disk is full"))) == (2, True)
    assert "Traceback" not in "".join(before)


@pytest.mark.parametrize("line", SAYING)
def test_a_terminal_without_chinese_is_no_trouble(line: str, tmp_path: Path) -> None:
    """What it cannot show is replaced, and the exit code is the same."""
    done, usual = run(line, tmp_path, **C), run(line, tmp_path)
    assert b"Traceback" not in done.stderr
    assert done.returncode == usual.returncode
    assert done.stdout.count(b"\n") == usual.stdout.count(b"\n")


@pytest.mark.parametrize(
    "line",
    [
        "canteen-agent check-config {file}",
        "canteen-center rate --database {file} --month 2026-01",
        "canteen-sim {file}",
    ],
)
@pytest.mark.parametrize("lang", ["zh_CN.UTF-8", "en_US.UTF-8"])
def test_no_error_commands_the_terminal(line: str, lang: str, tmp_path: Path) -> None:
    """A name with escapes, a line break or bytes that are no text is shown with what can be read."""
    program, *words = line.split()
    name = os.fsencode(tmp_path) + b"/\x1b[31mred\x07\n\xff.yaml"
    typed = [os.fsencode(word).replace(b"{file}", name) for word in words]
    done = subprocess.run([tool(program), *typed], capture_output=True, env=os.environ | {"LC_ALL": lang}, check=False)
    assert done.returncode == 2
    assert rb"\x1b[31mred\x07\n" in done.stderr
    assert not {0x1B, 0x07, 0xFF} & set(done.stderr + done.stdout)


def test_a_folder_in_place_of_the_configuration_is_named_as_it_was_given(tmp_path: Path) -> None:
    """Its last part alone would say little."""
    done = run("canteen-agent --lang en check-config {folder}", tmp_path)
    assert done.stderr.decode().startswith(f"{tmp_path}: cannot be read: it is not a regular file")


@pytest.mark.parametrize("line", ["canteen-agent --version", "canteen-center --version", "canteen-sim faults"])
def test_output_that_is_closed_takes_everything(line: str, tmp_path: Path) -> None:
    """`>&-`: nobody wants to read it."""
    program, *words = line.split()
    done = subprocess.run(["sh", "-c", f"exec {tool(program)} {' '.join(words)} >&-"], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
