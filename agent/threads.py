"""The threads that must live: the end of each is noticed, said once, and it is started anew, ever more slowly."""

import logging
import threading
import traceback
from collections.abc import Callable, Iterable
from time import monotonic
from types import TracebackType
from typing import NamedTuple

log = logging.getLogger(__name__)

FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 60.0
FORGIVEN_S = 600.0
"""After a thread has lived so long, earlier deaths do not count any more."""


class Threaded:
    """A worker that is one daemon thread; `start` once, `revive` where it ended by a bug of ours."""

    def __init__(self, name: str, work: Callable[[], None]) -> None:
        self._name, self._work = name, work
        self.thread = self._make_thread()

    def _make_thread(self) -> threading.Thread:
        return threading.Thread(target=self._work, name=self._name, daemon=True)

    def start(self) -> None:
        self.thread.start()

    def revive(self) -> None:
        """A new thread in place of the one that ended; its work begins anew."""
        self.thread = self._make_thread()
        self.thread.start()


class ThreadEntry(NamedTuple):
    """A thread that must live, by its name. `vital`: without it the agent is of no use."""

    name: str
    alive: Callable[[], bool]
    revive: Callable[[], None]
    vital: bool = False


def entry(worker: Threaded) -> ThreadEntry:
    def alive() -> bool:
        return worker.thread.is_alive()  # of the thread it has then

    return ThreadEntry(worker.thread.name, alive, worker.revive)


class _Record(NamedTuple):
    """`deaths` in a row; no revival before `not_before`, `well_at`: forgiven then (monotonic s)."""

    deaths: int = 0
    not_before: float = 0.0
    well_at: float = 0.0


class Threads:
    """The threads that must live, by name.

    `tell(what)` is called once for a row of deaths of one thread. Make it before the first thread starts.
    """

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._posts, self._tell = list[ThreadEntry](), tell
        self._records: dict[str, _Record] = {}
        self._ended_by: dict[str, str] = {}
        threading.excepthook = self._ended

    def register(self, entries: Iterable[ThreadEntry]) -> None:
        """These must live from now on."""
        self._posts += entries

    def _ended(self, arguments: threading.ExceptHookArgs) -> None:
        """Called by a thread that ends by an exception. Its message is not logged: it may quote a secret."""
        if arguments.exc_type is SystemExit:
            return
        name = arguments.thread.name if arguments.thread else "a thread"
        words = describe(arguments.exc_type, arguments.exc_value)
        self._ended_by[name] = words
        log.error("thread %s ended by %s\n%s", name, words, whereabouts(arguments.exc_traceback))

    def check(self) -> None:
        """Notice who ended, start them anew as far as their pauses allow."""
        now = monotonic()
        for one in self._posts:
            record = self._records.get(one.name, _Record())
            if one.alive():
                if record.deaths and now >= record.well_at:
                    del self._records[one.name]
            elif now >= record.not_before:
                pause = min(FIRST_PAUSE_S * 2**record.deaths, LONGEST_PAUSE_S)
                self._records[one.name] = _Record(record.deaths + 1, now + pause, now + FORGIVEN_S)
                self._replace(one, first=not record.deaths)

    def _replace(self, one: ThreadEntry, *, first: bool) -> None:
        why = self._ended_by.pop(one.name, "no exception")
        try:
            one.revive()
        except Exception as error:
            why = f"{why}; not started anew: {describe(type(error), error)}"
        if first:
            self._tell(f"thread {one.name} ended: {why}")

    @property
    def complete(self) -> bool:
        """Whether every vital thread lives."""
        return all(one.alive() for one in self._posts if one.vital)


def describe(kind: type[BaseException], error: BaseException | None) -> str:
    """An exception without its message, which may quote anything; of an OSError the system's own words."""
    if isinstance(error, OSError) and error.strerror:
        return f"{kind.__name__}: {error.strerror}"
    return kind.__name__


def whereabouts(trace: TracebackType | None) -> str:
    """The lines of our program that led to an exception, without any value."""
    return "".join(traceback.format_list(traceback.extract_tb(trace))).rstrip()
