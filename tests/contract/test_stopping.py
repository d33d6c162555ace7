"""A signal ends whoever waits for it, wherever the main thread is just then."""

import subprocess
import sys

from tests.support.waiting import PATIENCE_S

PROGRAM = """
import os, signal, threading
from contract.stopping import on_signals

for number in (signal.SIGTERM, signal.SIGINT) * 150:
    stop = on_signals(threading.Event())
    if os.fork() == 0:
        os.kill(os.getppid(), number)
        os._exit(0)
    while not stop.wait(0):  # mostly within the event's own lock
        pass
    os.wait()
print("ended")
"""


def test_a_signal_within_the_event_s_own_lock_is_heard() -> None:
    command = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=True)
    assert done.stdout == "ended\n"
