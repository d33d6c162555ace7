"""A wall clock that tests set at will, for one program: tests/clock_shim.c, compiled and preloaded."""

import shutil
import subprocess
import time
from pathlib import Path

import pytest

SOURCE = Path(__file__).with_suffix(".c")
needs_gcc = pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc and libc6-dev are not installed")


class ClockShim:
    """`words` before a command give it this clock; `set` changes it while the command runs."""

    def __init__(self, folder: Path) -> None:
        library, self._file = folder / "clock_shim.so", folder / "clock"
        command = ["gcc", "-shared", "-fPIC", "-O2", "-Wall", "-Werror", "-o", str(library), str(SOURCE), "-ldl"]
        subprocess.run(command, check=True, timeout=60)
        self.words = ("env", f"LD_PRELOAD={library}", f"CLOCK_FILE={self._file}")
        self.set(0, synced=True)

    def set(self, offset_s: int, *, synced: bool) -> None:
        """The true time and `offset_s`; `synced`: the kernel says that an outside source disciplines it."""
        new = self._file.with_suffix(".new")
        new.write_text(f"{offset_s} {int(synced)}\n")
        new.replace(self._file)

    def to_1970(self) -> None:
        """A box without a battery clock has just started."""
        self.set(100 - int(time.time()), synced=False)
