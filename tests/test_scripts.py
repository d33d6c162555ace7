"""What the scripts say of themselves."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.waiting import until

ROOT = Path(__file__).resolve().parent.parent
SCRIPTS = sorted(
    file.name
    for file in (ROOT / "scripts").iterdir()
    if not file.suffix and os.access(file, os.X_OK) and file.is_file()
)


@pytest.mark.parametrize("name", SCRIPTS)
def test_help_helps_and_does_nothing_else(name: str) -> None:
    """Nothing is installed, started or asked for; root is not needed."""
    done = subprocess.run(
        [ROOT / "scripts" / name, "--help"], capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout) > 50


def test_the_demonstration_speaks_chinese_too() -> None:
    """Of what argparse finds and of what it does not."""
    for words, said in (
        (["--second"], "缺少一个值"),
        (["--nonsense"], "不认识的参数"),
        (["--seconds", "1"], "不得小于"),
    ):
        done = subprocess.run(
            [ROOT / ".venv/bin/python", "-m", "scripts.demo", "--lang", "zh", *words],
            capture_output=True,
            text=True,
            cwd=ROOT,
            check=False,
        )
        assert done.returncode == 2
        assert said in done.stderr


STAGED = """
import sys, time
from pathlib import Path
from scripts.stage import Canteen
stage = Canteen(Path(sys.argv[1]), [], accepted_after_s=1)
with stage.process("sleeper", "sleep", "1000") as started:
    print(started.pid, flush=True)
    time.sleep(1000)
"""


def test_a_demonstration_that_is_killed_leaves_nothing_running(tmp_path: Path) -> None:
    """What it has started ends with it: broker, simulator, agent and center."""
    with subprocess.Popen([sys.executable, "-c", STAGED, tmp_path], stdout=subprocess.PIPE, cwd=ROOT) as demo:
        assert demo.stdout
        child = Path("/proc", demo.stdout.readline().decode().strip())
        until(lambda: (child / "comm").read_text() == "sleep\n")
        demo.send_signal(signal.SIGKILL)
    until(lambda: not child.exists() or "State:\tZ" in (child / "status").read_text())
