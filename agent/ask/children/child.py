"""The child's side of parent.py: read the jobs, answer them, die with the parent.

What the jobs are about must not be known here.
"""

import os
import sys
import threading
from collections.abc import Callable

Tell = Callable[[bytes], None]


def serve(work: Callable[[list[bytes], Tell], None], *, on_parent_death: Callable[[], None] = lambda: None) -> None:
    """Read all jobs, call `work(jobs, tell)`, exit. `tell(result)` may be called from any thread; one line each.

    `on_parent_death`: what is still to be done, at once and on a thread of its own, when the parent has died.
    """
    results = os.dup(1)
    os.dup2(2, 1)  # whatever a library prints must not pass for a result
    jobs = _jobs()
    threading.Thread(target=_die_with_parent, args=(on_parent_death,), daemon=True).start()
    lock = threading.Lock()

    def tell(result: bytes) -> None:
        with lock:
            _write(results, result + b"\n")

    work(jobs, tell)
    os._exit(0)  # no teardown: the kernel frees faster


def _jobs() -> list[bytes]:
    """Lines up to the empty one."""
    jobs = []
    while (line := sys.stdin.buffer.readline()) != b"\n":
        if not line:
            os._exit(1)
        jobs.append(line)
    return jobs


def _die_with_parent(on_parent_death: Callable[[], None]) -> None:
    """Standard input stays open as long as the parent wants us; its end is the order to go.

    Not PR_SET_PDEATHSIG: that fires when the *thread* that started us ends.
    """
    while os.read(0, 4096):
        pass
    try:
        on_parent_death()
    finally:
        os._exit(1)


def _write(file: int, data: bytes) -> None:
    while data:
        data = data[os.write(file, data) :]
