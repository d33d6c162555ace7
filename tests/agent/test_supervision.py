"""The daemon as a process that its service manager watches over: what it says, and when it falls silent."""

import ctypes
import gc
import signal
import socket
import sqlite3
import sys
import threading
import time
from contextlib import ExitStack, suppress
from itertools import pairwise
from pathlib import Path

from agent.cli import main
from agent.loop import Loop
from agent.tell.line import Line
from scripts.stage import Canteen
from tests.preload import needs_gcc, preload
from tests.support.waiting import until

SECRET = "sekret-4711"
WATCHDOG_S = 4.0


class Manager:
    """Listens as systemd does."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._where, self.heard = folder / "notify", list[tuple[float, str]]()
        self._sock = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        self._sock.bind(str(self._where))
        threading.Thread(target=self._hear, daemon=True).start()

    def _hear(self) -> None:
        while True:
            try:
                words = self._sock.recv(65_536).decode()
            except OSError:
                return
            self.heard += [(time.monotonic(), word) for word in words.splitlines()]

    @property
    def words(self) -> tuple[str, ...]:
        """Before a command: what systemd would put into its environment."""
        return ("env", f"NOTIFY_SOCKET={self._where}", f"WATCHDOG_USEC={int(WATCHDOG_S * 1e6)}")

    def said(self, start: str) -> list[str]:
        return [word for _, word in self.heard if word.startswith(start)]

    def last(self, word: str) -> float:
        """Seconds since it was said last."""
        return time.monotonic() - max((at for at, one in self.heard if one == word), default=0.0)


def canteen(folder: Path, cameras: int = 1) -> Canteen:
    cast = [(f"slot-{i}", "kitchen", "dahua-bullet") for i in range(cameras)]
    return Canteen(folder, cast, accepted_after_s=0, look_s=1, deadline_s=0.9, heartbeat_s=1)


def states(kitchen: Canteen) -> set[str]:
    return {one["availability"] for one in kitchen.status()["cameras"]}


def faults(kitchen: Canteen) -> list[str]:
    with sqlite3.connect(kitchen.database) as database:
        return [str(row[0]) for row in database.execute("select payload from events where kind = 'fault' order by seq")]


class Bug(BaseException):
    """What nobody catches, with a message that must not be logged."""

    def __init__(self) -> None:
        super().__init__(SECRET)


def strike(order: Path) -> None:
    """In the agent's own process: an exception in whichever thread the file names, as a bug of ours would raise it."""
    while True:
        time.sleep(0.1)
        if order.exists():
            wanted = order.read_text()
            order.unlink()
            for thread in threading.enumerate():
                if thread.name == wanted and thread.ident:
                    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(Bug))
            wake(wanted)


def wake(wanted: str) -> None:
    """An exception meets a thread when it wakes, and these sleep for hours; the line's until its connection ends."""
    for one in gc.get_objects():
        if isinstance(one, Loop):
            one.hurry()
        elif isinstance(one, Line) and wanted == "uplink-line":
            one.give_up()


class Struck:
    """An agent whose threads can be struck down by name."""

    def __init__(self, folder: Path, stack: ExitStack, before: tuple[str, ...]) -> None:
        self._order = folder / "order"
        self.canteen = canteen(folder, 2)
        words = (*before, sys.executable, "-m", "tests.agent.test_supervision", str(self._order))
        self.process = self.canteen.start(stack, before_agent=words)["agent"]
        until(lambda: states(self.canteen) == {"online"})

    def strike(self, name: str) -> None:
        new = self._order.with_suffix(".new")
        new.write_text(name)
        new.replace(self._order)
        until(lambda: not self._order.exists())

    def log(self) -> str:
        return (self.canteen.folder / "agent.log").read_text()


def test_it_says_when_it_is_ready_how_it_fares_and_that_it_stops(tmp_path: Path) -> None:
    """READY once, STATUS in words, WATCHDOG well within its time, STOPPING at the end."""
    with ExitStack() as stack:
        manager, kitchen = Manager(tmp_path, stack), canteen(tmp_path)
        running = kitchen.start(stack, before_agent=manager.words)
        until(lambda: f"STATUS=1 cameras: 1 online; connected to 127.0.0.1:{kitchen.port}" in manager.said("STATUS"))
        until(lambda: len(manager.said("WATCHDOG=1")) >= 4)
        pings = [at for at, word in manager.heard if word == "WATCHDOG=1"]
        assert max(later - earlier for earlier, later in pairwise(pings)) < WATCHDOG_S
        assert manager.said("READY") == ["READY=1"]
        assert manager.said("STOPPING") == []
        kitchen.end(running["agent"])
        until(lambda: manager.said("STOPPING") == ["STOPPING=1"])


def test_a_process_that_stands_still_falls_silent(tmp_path: Path) -> None:
    """Nothing pets the watchdog but the work itself: stopped, it says nothing; continued, it goes on."""
    with ExitStack() as stack:
        manager, kitchen = Manager(tmp_path, stack), canteen(tmp_path)
        agent = kitchen.start(stack, before_agent=manager.words)["agent"]
        until(lambda: manager.said("WATCHDOG=1"))
        agent.send_signal(signal.SIGSTOP)
        until(lambda: manager.last("WATCHDOG=1") > WATCHDOG_S)
        agent.send_signal(signal.SIGCONT)
        until(lambda: manager.last("WATCHDOG=1") < WATCHDOG_S)


@needs_gcc
def test_looks_that_hang_beyond_their_deadline_end_the_watchdogs_patience(tmp_path: Path) -> None:
    """When more than half of the looks are stuck in the system, no progress is claimed; when they end, it is again."""
    hang = tmp_path / "hang"
    with ExitStack() as stack:
        manager, kitchen = Manager(tmp_path, stack), canteen(tmp_path, 2)
        words = (*manager.words, *preload(tmp_path, "hang_shim.c", HANG_FILE=hang))
        kitchen.start(stack, before_agent=words)
        until(lambda: states(kitchen) == {"online"})
        hang.touch()
        until(lambda: states(kitchen) == {"unknown"})
        assert {one["stuck"] for one in kitchen.status()["cameras"]} == {True}
        until(lambda: manager.last("WATCHDOG=1") > WATCHDOG_S)
        hang.unlink()
        until(lambda: states(kitchen) == {"online"})
        until(lambda: manager.last("WATCHDOG=1") < WATCHDOG_S)


THREADS = (
    "look-slot-0",
    "capability",
    "discovery",
    "announcements",
    "uplink-line",
    "uplink-pump",
    "paho-mqtt-client-4101/zz-demo-0001",
)


def test_the_end_of_any_thread_is_noticed_told_and_mended(tmp_path: Path) -> None:
    """A fault event names the thread and the kind of exception; it lives again; no message of it is in the log.

    Whoever is not looked at is unknown, by our own fault, and nobody else is.
    """
    with ExitStack() as stack:
        manager = Manager(tmp_path, stack)
        agent = Struck(tmp_path, stack, manager.words)
        for thread in THREADS:
            agent.strike(thread)
            until(lambda thread=thread: f"thread {thread} ended by Bug" in agent.log())
            until(lambda thread=thread: any(f"thread {thread} ended: Bug" in one for one in faults(agent.canteen)))
        assert len(faults(agent.canteen)) == len(THREADS)
        until(lambda: states(agent.canteen) == {"online"})
        assert agent.log().count("slot-0: online -> unknown AGENT_FAULT") == 1
        assert "slot-1: online ->" not in agent.log()
        agent.canteen.fault("slot-0", "off")
        until(lambda: agent.canteen.rate()["point_in_time"]["offline"] == 1)
        until(lambda: manager.last("WATCHDOG=1") < WATCHDOG_S)
        assert agent.process.poll() is None
        assert SECRET not in agent.log()


def test_a_status_file_that_cannot_be_written_is_told_once(tmp_path: Path) -> None:
    """The disk is full or broken: who looks from afar hears of it even while the journal still has room of its own."""
    with ExitStack() as stack:
        kitchen = canteen(tmp_path)
        kitchen.start(stack)
        until(lambda: states(kitchen) == {"online"})
        status = tmp_path / "state" / "status.json"

        def blocked() -> bool:
            status.unlink(missing_ok=True)
            with suppress(FileExistsError):  # just written again
                status.mkdir()
            return status.is_dir()

        for words in range(1, 3):
            until(blocked)
            kitchen.fault("slot-0", "off")
            until(lambda words=words: sum("status.json cannot be written" in one for one in faults(kitchen)) == words)
            kitchen.fault("slot-0", "none")
            until(lambda: kitchen.rate()["point_in_time"]["online"] == 1)
            status.rmdir()
            until(status.is_file)
        assert len(faults(kitchen)) == 2


if __name__ == "__main__":
    threading.Thread(target=strike, args=(Path(sys.argv[1]),), daemon=True).start()
    sys.exit(main(sys.argv[3:]))  # behind the order's file stands the agent's command
