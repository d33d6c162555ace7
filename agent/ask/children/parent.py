"""Child processes for the work that may hang, burst or crash: started, fed, limited, killed from outside.

What the jobs are about must not be known here; the child's own side is child.py.
"""

import contextlib
import math
import os
import re
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterable
from typing import IO, Any, NamedTuple, Protocol, TypeVar, cast

import msgspec

from agent.ask.attempt import Trouble
from contract.text import tidy
from contract.vocabulary import Reason

MAX_LINE = 1_048_576
"""Bytes of one result. The evidence of a 64-profile recorder is about 60 kB."""
MAX_STDERR = 65_536
_PARTING_S = 0.5
"""How long a child that closed its output may take to exit."""
_GLANCE_S = 0.005


class _Child(NamedTuple):
    process: subprocess.Popen[bytes]
    stdin: IO[bytes]
    stdout: IO[bytes]


class _OfSlot(Protocol):
    """A result that names the slot it is of."""

    @property
    def slot(self) -> str: ...


R = TypeVar("R", bound=_OfSlot)


def decoded(
    results: Generator[bytes, None, Trouble], waiting: dict[str, Any], decode: Callable[[bytes], R]
) -> Generator[R, None, Trouble]:
    """The results of the slots in `waiting`, which leave it, each once; returns the trouble of those that are left.

    `decode` raises msgspec.DecodeError for a line that no sound child writes: its slot stays without a result.
    """
    while waiting:
        try:
            result = decode(next(results))
        except StopIteration as end:
            trouble: Trouble = end.value
            return trouble
        except msgspec.DecodeError:
            continue
        if waiting.pop(result.slot, None):
            yield result
    return Trouble(Reason.AGENT_FAULT, "nothing missing")


def run(
    module: str, jobs: Iterable[bytes], *, deadline_s: float, memory_mb: int = 400
) -> Generator[bytes, None, Trouble]:
    """Run `python -m module`: jobs as lines on its standard input, then an empty line; yield its result lines.

    The process group is killed `deadline_s` after the start however the child or the consumer dawdles; what has
    arrived by then counts. `memory_mb` limits the address space. Returns the trouble that a job without a result is
    in: TIMED_OUT at the deadline, AGENT_FAULT when the child ended by itself.
    """
    stderr = os.memfd_create("stderr")  # memory, not the disk, and never full enough to block the child
    try:
        child = _start(module, stderr)
    except OSError as error:
        os.close(stderr)
        return Trouble(Reason.AGENT_FAULT, f"child not started: {error.strerror}")
    late = threading.Event()
    killer = threading.Timer(deadline_s, _kill, (child, late))
    killer.daemon = True
    killer.start()
    try:
        _limit(child.process.pid, deadline_s, memory_mb)
        _feed(child, jobs)
        yield from _lines(child)
    except OSError as error:
        return Trouble(Reason.AGENT_FAULT, f"child not limited: {error.strerror}")
    finally:
        killer.cancel()
        killer.join()  # so that nobody signals the process id once it is reaped
        _reap(child)
        last_words = os.pread(stderr, MAX_STDERR, 0)
        os.close(stderr)
    if late.is_set():
        return Trouble(Reason.TIMED_OUT, f"no result within {deadline_s:g} s")
    return Trouble(Reason.AGENT_FAULT, _exit_message(child.process.returncode, last_words))


def _start(module: str, stderr: int) -> _Child:
    """The child sees our modules and nothing else of our environment: no proxies, no secrets, one malloc arena."""
    environment = {
        "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry),
        "LANG": "C.UTF-8",
        "MALLOC_ARENA_MAX": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }
    process = subprocess.Popen(
        [sys.executable, "-P", "-s", "-B", "-m", module],  # -B: RLIMIT_FSIZE would cut a .pyc short, for all after us
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=stderr,
        env=environment,
        start_new_session=True,
    )
    return _Child(process, cast("IO[bytes]", process.stdin), cast("IO[bytes]", process.stdout))


def _limit(pid: int, deadline_s: float, memory_mb: int) -> None:
    """Limits set from outside. The CPU time ends a spinning child even after this process has died."""
    cpu_s = 2 * math.ceil(deadline_s) + 5
    limits = {
        resource.RLIMIT_AS: memory_mb * 1_048_576,
        resource.RLIMIT_CPU: cpu_s,
        resource.RLIMIT_FSIZE: MAX_STDERR,
        resource.RLIMIT_CORE: 0,
    }
    with contextlib.suppress(ProcessLookupError):
        for kind, limit in limits.items():
            resource.prlimit(pid, kind, (limit, limit))


def _feed(child: _Child, jobs: Iterable[bytes]) -> None:
    """All jobs at once: a child reads them all before it answers. The pipe stays open, its end means we are gone."""
    with contextlib.suppress(BrokenPipeError):
        child.stdin.write(b"".join(job + b"\n" for job in jobs) + b"\n")
        child.stdin.flush()


def _lines(child: _Child) -> Generator[bytes, None, None]:
    while (line := child.stdout.readline(MAX_LINE)).endswith(b"\n"):
        yield line


def _kill(child: _Child, late: threading.Event | None = None) -> None:
    """`late` is set first: who sees the child's end may be quicker than whoever ended it."""
    if late:
        late.set()
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.process.pid, signal.SIGKILL)


def _reap(child: _Child) -> None:
    """Wait for it, then kill what is left of its group: itself or children of its own.

    The group's number stays taken until the child is reaped, so nobody else is signalled.
    """
    with contextlib.suppress(BrokenPipeError):
        child.stdin.close()
    child.stdout.close()
    end = time.monotonic() + _PARTING_S
    while time.monotonic() < end and not _ended(child.process.pid):
        time.sleep(_GLANCE_S)
    _kill(child)
    child.process.wait()


def _ended(pid: int) -> bool:
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _exit_message(status: int, stderr: bytes) -> str:
    """Its last words and, of a traceback, the innermost place."""
    told = stderr.decode("utf-8", "replace").strip()
    words, places = told.rpartition("\n")[2], _PLACE.findall(told)
    where = f" ({':'.join(places[-1])})" if places else ""
    return tidy(f"child ended with status {status}" + (f": {words}{where}" if words else ""))


_PLACE = re.compile(r'^ +File "(?:[^"\n]*/)?([^"\n]+)", line (\d+)', re.MULTILINE)
