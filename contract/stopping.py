"""SIGTERM and SIGINT set an event that a program waits for; SIGHUP another one, where it is wanted."""

import signal
import threading
from queue import SimpleQueue


def on_signals(stop: threading.Event, hangup: threading.Event | None = None) -> threading.Event:
    """Returns `stop`, which SIGTERM and SIGINT set from now on; SIGHUP sets `hangup`. To be called by the main thread.

    A thread sets it: the main thread handles a signal wherever it is, and within the lock of the very event that it
    waits for it would wait for itself. SimpleQueue.put may be called anywhere.
    """
    told: SimpleQueue[int] = SimpleQueue()

    def wait() -> None:
        while not stop.is_set():
            number = told.get()
            (hangup if hangup and number == signal.SIGHUP else stop).set()

    threading.Thread(target=wait, name="signals", daemon=True).start()
    for number in (signal.SIGTERM, signal.SIGINT, *([signal.SIGHUP] if hangup else [])):
        signal.signal(number, lambda number, _: told.put(number))
    return stop
