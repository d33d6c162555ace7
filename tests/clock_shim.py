"""A wall clock that tests set at will, for one program: tests/clock_shim.c, preloaded."""

import time
from pathlib import Path

from tests.preload import preload


class ClockShim:
    """`words` before a command give it this clock; `set` changes it while the command runs."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "clock"
        self.words = preload(folder, "clock_shim.c", CLOCK_FILE=self._file)
        self.set(0, synced=True)

    def set(self, offset_s: int, *, synced: bool) -> None:
        """The true time and `offset_s`; `synced`: the kernel says that an outside source disciplines it."""
        new = self._file.with_suffix(".new")
        new.write_text(f"{offset_s} {int(synced)}\n")
        new.replace(self._file)

    def to_1970(self) -> None:
        """A box without a battery clock has just started."""
        self.set(100 - int(time.time()), synced=False)
