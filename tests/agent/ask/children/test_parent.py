"""Child processes: fed, limited and killed from outside."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.ask.attempt import Trouble
from agent.ask.children import parent as children
from contract.vocabulary import Reason
from tests.support.waiting import PATIENCE_S, until

CHILD = "tests.agent.ask.children.working_child"


def run(*jobs: bytes, deadline_s: float = 5.0, memory_mb: int = 400) -> tuple[list[bytes], Trouble]:
    """All result lines, and the trouble that the run returned."""
    results = children.run(CHILD, jobs, deadline_s=deadline_s, memory_mb=memory_mb)
    lines: list[bytes] = []
    while True:
        try:
            lines.append(next(results))
        except StopIteration as end:
            return lines, end.value


def gone(pid: int) -> bool:
    """Whether the process has ended (a zombie has)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_results_come_one_by_one_in_order() -> None:
    """Each result is a line of its own, handed on in the order in which the child wrote it."""
    lines, trouble = run(b"say one", b"say two")
    assert lines == [b"one\n", b"two\n"]
    assert trouble.reason is Reason.AGENT_FAULT
    assert "status 0" in trouble.detail


@pytest.mark.parametrize("work", [b"sleep", b"spin"])
def test_what_has_arrived_at_the_deadline_counts(work: bytes) -> None:
    """A child that hangs or spins is killed at its deadline, and its results up to then are handed on."""
    began = time.monotonic()
    lines, trouble = run(b"say one", b"pid", work, b"say never", deadline_s=0.6)
    assert time.monotonic() - began < 1.6
    assert lines[0] == b"one\n"
    assert len(lines) == 2
    assert trouble.reason is Reason.TIMED_OUT
    until(lambda: gone(int(lines[1])))


def test_a_consumer_that_dawdles_does_not_prolong_the_child() -> None:
    """The child is killed at its deadline even while nobody reads its results."""
    results = children.run(CHILD, [b"pid", b"sleep"], deadline_s=0.5)
    pid = int(next(results))
    until(lambda: gone(pid))
    results.close()


def test_closing_the_results_ends_the_child() -> None:
    """Who stops reading results is rid of the child at once, long before its deadline."""
    results = children.run(CHILD, [b"pid", b"sleep"], deadline_s=60)
    pid = int(next(results))
    results.close()
    assert until(lambda: gone(pid)) < 30


def test_memory_beyond_the_limit_is_refused_to_the_child() -> None:
    """A child that wants more than its address space fails by itself, and the trouble says so."""
    lines, trouble = run(b"say before", b"hog")
    assert lines == [b"before\n"]
    assert trouble.reason is Reason.AGENT_FAULT
    assert re.search(r": MemoryError \(working_child\.py:\d+\)$", trouble.detail), "and at which line"
    assert run(b"hog", memory_mb=1000, deadline_s=PATIENCE_S)[0] == [b"800000000\n"]


def test_a_complaining_child_neither_blocks_nor_floods() -> None:
    """A megabyte on standard error is cut off, and blocks the child no more than it fills the trouble's detail."""
    began = time.monotonic()
    lines, trouble = run(b"complain because", b"say never")
    assert lines == []
    assert trouble.detail.startswith("child ended with status")
    assert len(trouble.detail) <= 200
    assert time.monotonic() - began < 3


def test_what_a_library_prints_is_no_result() -> None:
    """Only what is told counts as a result; printing goes to standard error."""
    assert run(b"print noise", b"say word")[0] == [b"word\n"]


def test_the_child_inherits_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither proxies nor secrets of our environment reach the child."""
    monkeypatch.setenv("http_proxy", "http://192.0.2.1:3128")
    monkeypatch.setenv("CAMERA_PASSWORD", "canary")
    names = set(run(b"environment")[0][0].decode().strip().split(","))
    assert names <= {"PYTHONPATH", "LANG", "LC_CTYPE", "MALLOC_ARENA_MAX", "OPENBLAS_NUM_THREADS"}


def test_a_module_that_is_not_there_is_our_own_fault() -> None:
    """A child that cannot start is AGENT_FAULT with the interpreter's own words."""
    results = children.run("tests.agent.ask.no_such_module", [b"x"], deadline_s=5)
    with pytest.raises(StopIteration) as end:
        next(results)
    assert end.value.value.reason is Reason.AGENT_FAULT
    assert "no_such_module" in end.value.value.detail


@pytest.fixture
def parent() -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A process of its own that runs a sleeping child, and that child's process id."""
    run = f"run({CHILD!r}, [b'pid', b'sleep'], deadline_s=60)"
    code = f"from agent.ask.children.parent import run; results = {run}; print(next(results))"
    process = subprocess.Popen(
        [sys.executable, "-c", f"{code}; import sys, time; sys.stdout.flush(); time.sleep(60)"],
        stdout=subprocess.PIPE,
        text=True,
        env={"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    assert process.stdout
    yield process, int(process.stdout.readline().strip("b'\\n\n"))
    process.kill()
    process.wait()


def test_the_child_dies_with_its_parent(parent: tuple[subprocess.Popen[str], int]) -> None:
    """When the agent is killed, no child of it lives on with a password in its memory."""
    process, child = parent
    assert not gone(child)
    os.kill(process.pid, signal.SIGKILL)
    until(lambda: gone(child))


def test_a_child_leaves_no_compiled_module_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its limit would cut a large one short, and whoever imports the module later would fail for ever."""
    (tmp_path / "large.py").write_text("".join(f"def f{number}(): return {number}\n" for number in range(2000)))
    (tmp_path / "asking.py").write_text("import large\nprint(large.f7(), flush=True)\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert next(children.run("asking", [], deadline_s=PATIENCE_S)) == b"7\n"
    assert not list(tmp_path.rglob("*.pyc"))
