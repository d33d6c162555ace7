"""What the scripts say of themselves."""

import os
import subprocess
from pathlib import Path

import pytest

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
