"""A loop's lock: waiting for others of ours is nobody's fault, standing still meanwhile is ours."""

from contextlib import nullcontext

import pytest

from agent.loop import Loop, NoWait
from contract.vocabulary import Reason
from tests.support.waiting import until


class Counted:
    """A task that notes what was missed."""

    def __init__(self) -> None:
        self.runs = 0
        self.missing: list[Reason] = []

    def run(self) -> int:
        self.runs += 1
        return self.runs

    def failed(self, error: Exception) -> int:
        raise error

    def take(self, found: int) -> None:
        pass

    def missed(self, since_ms: int, reason: Reason) -> None:
        self.missing.append(reason)

    def next_ms(self, ended_ms: int) -> int:
        return ended_ms + 10**9


@pytest.mark.parametrize(("pause_ms", "missing"), [(0, []), (900, []), (1100, [Reason.AGENT_FAULT])])
def test_a_process_that_stood_still_while_it_waited_has_watched_nothing(pause_ms: int, missing: list[Reason]) -> None:
    """A pause in the waiting beyond the loop's patience is a run that was missed."""
    task = Counted()
    loop = Loop(
        "test", task, tell=lambda _: None, patience_s=1.0, lock=lambda: nullcontext(NoWait(pause_ms)), longest_wait_s=60
    )
    loop.start()
    until(lambda: task.runs)
    loop.stop()
    assert task.missing == missing
