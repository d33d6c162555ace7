"""SIGTERM and SIGINT set an event that a program waits for."""

import signal
import threading
from queue import SimpleQueue


def on_signals(stop: threading.Event) -> threading.Event:
    """Returns `stop`, which both signals set from now on. To be called by the main thread.

    A thread sets it: the main thread handles a signal wherever it is, and within the lock of the very event that it
    waits for it would wait for itself. SimpleQueue.put may be called anywhere.
    """
    told: SimpleQueue[int] = SimpleQueue()

    def wait() -> None:
        told.get()
        stop.set()

    threading.Thread(target=wait, name="signals", daemon=True).start()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _: told.put(number))
    return stop
