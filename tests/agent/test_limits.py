"""What the agent allows itself, each in a process of its own."""

import json
import resource
import signal
import subprocess
import sys

from agent.limits import DESCRIPTORS

SECRET = "sekret-2357"
RAISED = """
import json, resource
from agent import limits
_, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
limits.apply()
print(json.dumps([resource.getrlimit(resource.RLIMIT_NOFILE), resource.getrlimit(resource.RLIMIT_CORE)]))
"""
ABORTED = f"""
import os, signal, threading
from agent import limits
limits.apply()
def look(password): threading.Event().wait()
threading.Thread(target=look, args=("{SECRET}",), daemon=True).start()
os.kill(os.getpid(), signal.SIGABRT)
"""


def test_descriptors_are_raised_and_core_files_are_not_written() -> None:
    """As many descriptors as 200 cameras need, as far as the system allows; no memory with passwords on the disk."""
    done = subprocess.run([sys.executable, "-c", RAISED], check=True, capture_output=True, text=True)
    files, core = json.loads(done.stdout)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    assert files == [DESCRIPTORS if hard == resource.RLIM_INFINITY else min(DESCRIPTORS, hard), hard]
    assert core == [0, 0]


def test_the_watchdogs_signal_leaves_a_trace_of_every_thread_without_values() -> None:
    """After SIGABRT the log says where each thread stood, and nothing of what it held."""
    done = subprocess.run([sys.executable, "-c", ABORTED], capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGABRT
    assert "in look" in done.stderr
    assert SECRET not in done.stderr
