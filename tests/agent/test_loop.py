"""One loop for every task: when it runs, and what a failure costs."""

import threading
import time

from agent.ask.attempt import boot_ms
from agent.loop import Loop, Round
from tests.support.waiting import PATIENCE_S, until


class Work(Round):
    """Runs as long as it is told, and fails when it is told."""

    def __init__(self, pause_s: float = 3600.0) -> None:
        self.runs, self.at_once, self.most = 0, 0, 0
        self.fails, self.go_on = False, threading.Event()
        self.go_on.set()
        self._pause_ms = int(pause_s * 1000)

    def run(self) -> None:
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        self.go_on.wait(PATIENCE_S)
        self.at_once -= 1
        self.runs += 1
        if self.fails:
            raise RuntimeError("sekret-4711")

    def next_ms(self, ended_ms: int) -> int:
        return ended_ms + self._pause_ms


def test_it_runs_at_once_when_it_is_due_and_when_it_is_hurried() -> None:
    """The first run is at once, the next when the task says or somebody hurries it, and none after the stop."""
    work = Work()
    loop = Loop("work", work, tell=print)
    loop.start()
    until(lambda: work.runs == 1)
    loop.hurry()
    until(lambda: work.runs == 2)
    loop.stop()
    loop.thread.join(PATIENCE_S)
    assert not loop.thread.is_alive()
    assert work.runs == 2


def test_the_first_run_waits_as_long_as_it_is_told() -> None:
    """A task that needs what the others find first begins later, and is not overdue meanwhile."""
    work = Work()
    loop = Loop("work", work, tell=print, first_in_s=0.3)
    began = time.monotonic()
    loop.start()
    until(lambda: work.runs == 1)
    assert time.monotonic() - began >= 0.3
    loop.stop()


def test_one_run_is_in_flight_however_often_it_is_hurried() -> None:
    """Who hurries a run in flight gets another one after it, once, and never two at a time."""
    work = Work()
    work.go_on.clear()
    loop = Loop("work", work, tell=print)
    loop.start()
    until(lambda: work.at_once == 1)
    for _ in range(5):
        loop.hurry()
    since = loop.unfinished_since
    assert since is not None
    assert since <= boot_ms()
    work.go_on.set()
    until(lambda: work.runs == 2)
    time.sleep(0.2)
    assert (work.runs, work.most) == (2, 1)
    until(lambda: loop.unfinished_since is None)
    loop.stop()


def test_a_row_of_failures_is_told_once_and_ends_nothing() -> None:
    """The task goes on; its failure is told again only after a run that went well, and never with its message."""
    work, told = Work(0.01), list[str]()
    work.fails = True
    loop = Loop("work", work, tell=told.append)
    loop.start()
    until(lambda: work.runs >= 3)
    assert told == ["work failed: RuntimeError"]
    work.fails = False
    runs = work.runs
    until(lambda: work.runs >= runs + 2)
    work.fails = True
    runs = work.runs
    until(lambda: work.runs >= runs + 2)
    assert told == ["work failed: RuntimeError"] * 2
    assert loop.thread.is_alive()
    loop.stop()
