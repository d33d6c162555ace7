"""A person at a real terminal (pty): waits for each question and types the answer that a rule has for it."""

import contextlib
import fcntl
import os
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from scripts.stage import tool
from tests.support.waiting import PATIENCE_S

Rule = tuple[str, str | None]
"""What a question looks like, and the answer to it; None = the process is killed there."""
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def _as_at_a_terminal() -> None:
    """What is started in the background ignores Ctrl-C, and hands that down: the tests may be."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


class Terminal:
    """`canteen-agent` with these words in a terminal of its own."""

    def __init__(self, *words: str, columns: int = 60, **environment: str) -> None:
        self._mine, theirs = os.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
        known = {name: text for name, text in os.environ.items() if name not in ("COLUMNS", "LINES")}
        self.process = subprocess.Popen(
            [tool("canteen-agent"), *words],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=known | {"TERM": "xterm", "LANG": "C.UTF-8"} | environment,
            start_new_session=True,
            preexec_fn=_as_at_a_terminal,  # noqa: PLW1509 - two calls, then exec
        )
        os.close(theirs)
        self.said, self._asked = "", 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.wait(PATIENCE_S)
        os.close(self._mine)

    def answer(self, rules: Sequence[Rule]) -> int:
        """Until it ends: its exit code. Of the rules that fit the question the first counts; Enter for all else."""
        while (question := self.question()) is not None:
            typed = next((answer for pattern, answer in rules if re.search(pattern, question)), "")
            if typed is None:
                self.process.kill()
                return self.process.wait(PATIENCE_S)
            self.type(typed + "\n")
        return self.process.wait(PATIENCE_S)

    def type(self, text: str) -> None:
        os.write(self._mine, text.encode())

    def question(self) -> str | None:
        """What was said since the last question, up to this one; None when it has ended."""
        end = time.monotonic() + PATIENCE_S
        while not self.said[self._asked :].endswith("> "):
            assert time.monotonic() < end, self.said[-2000:]
            if not select.select([self._mine], [], [], 1)[0]:
                continue
            try:
                piece = os.read(self._mine, 65536)
            except OSError:  # the other side has gone
                return None
            end = time.monotonic() + PATIENCE_S
            self.said += _ESCAPES.sub("", piece.decode(errors="replace"))
        question, self._asked = self.said[self._asked :], len(self.said)
        return question

    def interrupt(self) -> None:
        """Again where nothing came of it: what comes just before the program waits for a line is seen with the next."""
        for _ in range(40):
            self.process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(5)
                return
