"""Small C libraries of the tests, preloaded into one program to put its surroundings out of order."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.waiting import PATIENCE_S

needs_gcc = pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc and libc6-dev are not installed")


def preload(folder: Path, source: str, **environment: Path) -> tuple[str, ...]:
    """Words before a command that load tests/`source` into it, with this environment."""
    library = (folder / source).with_suffix(".so")
    command = ["gcc", "-shared", "-fPIC", "-O2", "-Wall", "-Werror", "-o", str(library)]
    subprocess.run([*command, str(Path(__file__).with_name(source)), "-ldl"], check=True, timeout=PATIENCE_S)
    return ("env", f"LD_PRELOAD={library}", *(f"{name}={value}" for name, value in environment.items()))
