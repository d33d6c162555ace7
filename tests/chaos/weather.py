"""Cameras that lose and regain their power at random while something else is done to the site."""

import random
import threading
from collections.abc import Sequence
from types import TracebackType

from tests.chaos.site import Site


class Weather:
    """A thread; as a context it ends by giving all cameras their power back. It leaves the site's steady one alone."""

    def __init__(
        self, site: Site, *, dwell_s: tuple[float, float], seed: int, faults: Sequence[str] = ("off",)
    ) -> None:
        """`dwell_s`: shortest and longest stay in one state, seconds; `faults`: what alternates with being sound."""
        self._site, self._dwell_s, self._faults = site, dwell_s, faults
        self._random = random.Random(seed)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._blow, name="weather", daemon=True)
        self.strokes = 0
        self.trouble: Exception | None = None

    def __enter__(self) -> "Weather":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._thread.join()
        if error is None:
            for one in self._site.cast:
                self._site.suffer(one.slot, "none")
            if self.trouble:
                raise self.trouble

    def _blow(self) -> None:
        clock = 0.0
        queue = [(self._random.uniform(0, self._dwell_s[1]), one.slot, False) for one in self._site.cast[:-1]]
        while queue:
            queue.sort()
            due, slot, broken = queue.pop(0)
            if self._stopping.wait(max(0.0, due - clock)):
                return
            clock = max(clock, due)
            try:
                self._site.suffer(slot, "none" if broken else self._random.choice(self._faults))
            except Exception as error:  # told at the end, by the thread that waits for us
                self.trouble = error
                return
            self.strokes += 1
            queue.append((clock + self._random.uniform(*self._dwell_s), slot, not broken))
