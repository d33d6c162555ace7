"""A whole canteen whose every process can be killed, frozen and started anew by name, all in one folder.

What is done to it, and what has to hold afterwards, must not be known here.
"""

import secrets
import signal
import subprocess
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

from scripts.stage import Canteen, Failed, as_shipped, tool
from simulator import control
from tests.support import waiting
from tests.support.processes import stands_still

__all__ = ["Failed", "Site", "until"]

TITLES = ("broker", "simulator", "center", "agent")


def cast_of(count: int, persona: str = "dahua-bullet") -> list[tuple[str, str, str]]:
    """Slots of no other site on this machine: simulated cameras of one slot and persona have one serial number, and
    discovery on loopback would find them all.
    """
    tag = secrets.token_hex(2)
    return [(f"{tag}-{i:02d}", "kitchen", persona) for i in range(count)]


def until(condition: Callable[[], object], seconds: float, what: str, every_s: float = 0.05) -> float:
    """Seconds until the condition held. Failed, saying `what`, when it does not in time."""
    try:
        return waiting.until(condition, what, patience_s=seconds, every_s=every_s)
    except AssertionError:
        raise Failed(f"not within {seconds:.0f} s: {what}") from None


class Site(Canteen):
    """`prefix`: title -> words before its command, e.g. to enter a network namespace.

    Use as a context: at its end everything is stopped.
    """

    def __init__(
        self,
        folder: Path,
        cast: Sequence[tuple[str, str, str]],
        *,
        look_s: float = 1,
        deadline_s: float = 0.9,
        heartbeat_s: float = 2,
        keepalive_s: int = 10,
        persistence: bool = True,
        capability_s: int = 86_400,
        network: str = "",
    ) -> None:
        """`network`: the first three numbers of the cameras' addresses; "" = any on loopback."""
        super().__init__(
            folder, cast, accepted_after_s=0, look_s=look_s, deadline_s=deadline_s, heartbeat_s=heartbeat_s
        )
        if network:
            self._move_to(network)
        with self.config.open("a", encoding="utf-8") as config:
            config.write(f"keepalive: {keepalive_s}s\ncapability: {{interval: {capability_s}s, deadline: 30s}}\n")
        if not persistence:
            conf = folder / "mosquitto.conf"
            conf.write_text(conf.read_text().replace("persistence true", "persistence false"))
        self.center_password = self._secret("center")
        self.prefix: dict[str, tuple[str, ...]] = {}
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.starts = dict.fromkeys(TITLES, 0)
        self._stack = ExitStack()

    def _move_to(self, network: str) -> None:
        self.cast = [one._replace(address=f"{network}.{11 + i}") for i, one in enumerate(self.cast)]
        self._write_scenario()
        (self.folder / "state").rmdir()
        self._write_agent()

    def agent_through(self, port: int) -> None:
        """The agent finds the broker at this port: a proxy's. Only before it starts."""
        self.config.write_text(self.config.read_text().replace(f"port: {self.port},", f"port: {port},"))

    @property
    def state(self) -> Path:
        return self.folder / "state"

    # ---- life ---------------------------------------------------------------------------------

    def __enter__(self) -> "Site":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for title in reversed(TITLES):
            self.end_of(title)
        self._stack.close()

    def begin(self) -> None:
        """Everything runs; returns when the simulator's cameras are open."""
        done = self.command(*self._words("import"))
        if done.returncode:
            raise Failed(f"the registry could not be imported: {done.stdout}{done.stderr}")
        for title in TITLES:
            self.launch(title)
            if title == "simulator":
                until(self._cameras_open, 60, f"the simulator's cameras: {self.said('simulator')[-1500:]}")

    def _cameras_open(self) -> bool:
        if self.running["simulator"].poll() is not None:
            raise Failed(f"the simulator ended:\n{self.said('simulator')[-2000:]}")
        return self.control.exists() and self.log.exists() and len(self.log.read_text().splitlines()) >= len(self.cast)

    def launch(self, title: str) -> None:
        with (self.folder / f"{title}.log").open("ab") as out:
            self.running[title] = subprocess.Popen(
                [*self.prefix.get(title, ()), *self._words(title)],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        self.starts[title] += 1

    def _words(self, title: str) -> list[str]:
        database = ["--database", str(self.database)]
        return {
            "broker": ["mosquitto", "-c", str(self.folder / "mosquitto.conf")],
            "simulator": [
                *(tool("canteen-sim"), "run", "--scenario", str(self.folder / "scenario.yaml")),
                *("--control", str(self.control), "--log", str(self.log)),
            ],
            "import": [tool("canteen-center"), "registry", "import", str(self.folder / "registry.csv"), *database],
            "center": [
                *(tool("canteen-center"), "serve", *database, "--broker", f"127.0.0.1:{self.port}"),
                *("--username", "center", "--password-file", str(self.center_password), "--print-interval", "0"),
            ],
            "agent": [*as_shipped(), tool("canteen-agent"), "run", "--config", str(self.config)],
        }[title]

    def kill(self, title: str) -> None:
        """kill -9; returns when it is gone."""
        process = self.running[title]
        if process.poll() is not None:
            raise Failed(f"the {title} had ended by itself ({process.returncode}):\n{self.said(title)[-3000:]}")
        process.kill()
        process.wait()

    def freeze(self, title: str) -> None:
        """Returns when every thread of it stands still. Failed when it had ended by itself."""
        process = self.running[title]
        if process.poll() is not None:
            raise Failed(f"the {title} had ended by itself ({process.returncode}):\n{self.said(title)[-3000:]}")
        process.send_signal(signal.SIGSTOP)
        until(lambda: stands_still(process.pid), 60, f"the {title} stands still", 0.005)

    def thaw(self, title: str) -> None:
        self.running[title].send_signal(signal.SIGCONT)

    def end_of(self, title: str) -> None:
        """As politely as it can be had."""
        process = self.running.get(title)
        if process and process.poll() is None:
            process.send_signal(signal.SIGCONT)
            self.end(process)

    def alive(self, title: str) -> bool:
        return self.running[title].poll() is None

    def complain_of_dead(self) -> None:
        """Failed with the log of whatever ended by itself."""
        for title, process in self.running.items():
            if process.poll() is not None:
                raise Failed(f"the {title} ended by itself ({process.returncode}):\n{self.said(title)[-3000:]}")

    # ---- what is seen -------------------------------------------------------------------------

    def said(self, title: str) -> str:
        """All that its incarnations logged."""
        file = self.folder / f"{title}.log"
        return file.read_text(errors="replace") if file.exists() else ""

    def suffer(self, slot: str, fault: str) -> None:
        """Give a simulated camera a fault, without starting a process for it."""
        wrong = control.order(self.control, slot, fault)
        if wrong:
            raise Failed(f"the simulator refused {slot} {fault}: {wrong}")

    def status(self) -> dict[str, Any]:
        """Only of the agent that runs now: one that was killed leaves its file behind."""
        status = super().status()
        return status if status.get("pid") == self.running["agent"].pid else {"cameras": []}

    def standing(self) -> dict[str, dict[str, Any]]:
        """By the agent's status file: slot -> its entry; empty when there is none."""
        return {one["slot"]: one for one in self.status()["cameras"]}

    def pending(self) -> int | None:
        """Events that wait for the center, by the status file; None when it does not say."""
        uplink = self.status().get("uplink")
        return int(uplink["pending"]) if uplink else None

    @property
    def steady(self) -> str:
        """The slot of a camera that no weather touches, so that a change of it is a fresh one."""
        return self.cast[-1].slot

    def watched(self, availability: str = "online") -> bool:
        """Whether the agent says this of every slot."""
        seen = self.standing()
        return len(seen) == len(self.cast) and {one["availability"] for one in seen.values()} == {availability}
