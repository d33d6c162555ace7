"""A real mosquitto on loopback for tests: started, killed and restarted at will, its data in a directory of its own."""

import os
import random
import socket
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from string import Template
from types import TracebackType
from typing import Self

from scripts.stage import free_port
from tests.support.waiting import PATIENCE_S, until

CONFIG = Path(__file__).parents[2] / "config" / "broker"
OPEN = """
listener $PORT $ADDRESS
allow_anonymous true
persistence true
persistence_location $DATA
"""


class Broker:
    """`with Broker() as broker:` lets anyone in; `Broker(users={"center": "pw"})` runs config/broker with its ACL.

    `host` and `port` stay the same over `stop()`/`kill()` and `start()`, as does the persisted state.
    """

    def __init__(self, users: Mapping[str, str] | None = None, extra: str = "") -> None:
        self._home = tempfile.TemporaryDirectory(prefix="broker-")
        self.home = Path(self._home.name)
        self.host = f"127.{random.randint(1, 254)}.{random.randint(0, 254)}.{random.randint(1, 254)}"
        self.port = free_port(self.host)
        self._process: subprocess.Popen[bytes] | None = None
        (self.home / "broker.conf").write_text(self._configuration(users, extra))

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self._home.cleanup()

    def start(self) -> None:
        """Returns when it accepts connections. RuntimeError with its log if it will not."""
        with (self.home / "log").open("ab") as log:
            command = ["mosquitto", "-c", str(self.home / "broker.conf")]
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        until(lambda: self._ended or self._accepts, "mosquitto accepts connections", every_s=0.01)
        if self._ended:
            raise RuntimeError(f"mosquitto did not start: {self.log}")

    @property
    def _ended(self) -> bool:
        return self._process is None or self._process.poll() is not None

    @property
    def _accepts(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex((self.host, self.port)) == 0

    @property
    def memory_bytes(self) -> int:
        """Resident."""
        assert self._process
        pages = (Path("/proc") / str(self._process.pid) / "statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGESIZE")

    @property
    def log(self) -> str:
        return (self.home / "log").read_text(errors="replace")

    def stop(self) -> None:
        """SIGTERM: saves its state. Told again: one that has hardly begun to run forgets it."""
        if self._process:
            until(self._told_to_end, "mosquitto ends", every_s=0.2)

    def _told_to_end(self) -> bool:
        assert self._process
        self._process.terminate()
        return self._ended

    def kill(self) -> None:
        """SIGKILL: keeps what it last saved."""
        if self._process:
            self._process.kill()
            self._process.wait(PATIENCE_S)

    def _configuration(self, users: Mapping[str, str] | None, extra: str) -> str:
        passwords = self.home / "passwords"
        passwords.touch(mode=0o600)
        for user, secret in (users or {}).items():
            subprocess.run(["mosquitto_passwd", "-b", str(passwords), user, secret], check=True, capture_output=True)
        text = OPEN if users is None else (CONFIG / "mosquitto.conf").read_text()
        filled = Template(text).substitute(
            ADDRESS=self.host, PORT=self.port, PASSWORDS=passwords, ACL=CONFIG / "acl", DATA=f"{self.home}/"
        )
        return f"user root\n{filled}\n{extra}\n"
