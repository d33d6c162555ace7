"""SIGHUP: the configuration is read again. A bad one is told and changes nothing; a good one ends this run.

The program then begins anew in its own place, with the same PID: every slot is unknown until its first look, as after
any start, for what was learnt with other settings proves nothing. What is good is decided in agent/settings.
"""

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import NoReturn

from agent import settings
from agent.settings import Settings
from contract.messages import ConfigHealth
from contract.problems import ConfigError, Problem

log = logging.getLogger(__name__)

MAX_TOLD = 10
"""So many problems of a configuration are told one by one."""


class Reload:
    """Which configuration is in force, and what is wrong with a newer one. `tell`: an event for the center.

    `asked`: set by the signal. `wanted`: set when there is a good new one to be taken over.
    """

    def __init__(self, loaded: Settings, tell: Callable[[str], None]) -> None:
        self._source, self._tell = loaded.source, tell
        self.problems: Sequence[Problem] = loaded.problems
        since_s = loaded.good_since_s
        self.since_ms = round(since_s * 1000) if since_s is not None and 0 < since_s < time.time() else None
        self.asked, self.wanted = threading.Event(), threading.Event()

    def tend(self) -> None:
        """Read it, where that was asked for."""
        if not self.asked.is_set():
            return
        self.asked.clear()
        try:
            settings.load(self._source)
        except ConfigError as error:
            self.problems = error.problems
            self.say()
        else:
            log.info("a new configuration is taken over")
            self.wanted.set()

    def say(self) -> None:
        """Log and journal what is wrong with the one in place of which the last good one runs."""
        for problem in self.problems[:MAX_TOLD]:
            log.warning("not used: %s", problem)
            self._tell(f"the new configuration is not used: {problem}"[:1000])
        if count := len(self.problems):
            log.warning(
                "%d problems in the new configuration: the last good one runs; mend it, then reload or restart", count
            )

    @property
    def health(self) -> ConfigHealth:
        """As the center is told."""
        first = self.problems[0] if self.problems else None
        en, zh = (first.text("en")[:1000], first.text("zh")[:1000]) if first else ("", "")
        return ConfigHealth(mistakes=len(self.problems), en=en, zh=zh, since_ms=self.since_ms or 0)


def hangup(asked: threading.Event) -> threading.Event | None:
    """What SIGHUP sets: `asked`, or nothing at a terminal, where it says that the terminal is gone and ends us."""
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError:
        return asked
    return None


def begin_anew() -> NoReturn:
    """This program in its own place; it reads the file anew. Until it listens SIGHUP is ignored, or it would end us."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - our own command, as it was typed
