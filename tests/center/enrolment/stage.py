"""An authority, a database with gateways in it, and a mosquitto that knows them only by what `gateway enroll` wrote."""

import io
import json
import socket
import subprocess
import sys
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from center.cli import main
from center.store import Store
from scripts.stage import free_port
from tests.center.letters import register
from tests.clock_shim import ClockShim
from tests.support.broker import CONFIG, Broker
from tests.support.waiting import until

BOXES = ("zz-0001", "zz-0002", "zz-0003")


class Given(NamedTuple):
    """What stands in a bundle, and its certificate and key as files."""

    told: Mapping[str, object]
    ca: Path
    certificate: Path
    key: Path

    @property
    def secret(self) -> str:
        return self.told["recovery"]["secret"]


class Stage:
    """`enroll`, `revoke` and the like are the command line itself, in this process; `--pid-file` is the broker's."""

    def __init__(self, folder: Path, database: str, boxes: tuple[str, ...] = BOXES) -> None:
        self.folder, self.database = folder, database
        self.authority, self.files = folder / "authority", folder / "authority" / "broker"
        store = Store(database)
        for box in boxes:
            register(store, f"slot-{box}", gateway=box)
        store.close()
        self.host = f"127.{1 + hash(folder) % 250}.{1 + hash(database) % 250}.7"
        assert main(["ca", "init", "--host", self.host, "--out", str(self.authority)]) == 0

    def run(self, *words: str) -> int:
        return main(["gateway", words[0], "--database", self.database, "--lang", "en", *words[1:]])

    def enroll(self, *words: str, ago_days: int = 0) -> int:
        """`ago_days`: as if it had been typed so long ago."""
        where = ("--authority", str(self.authority), "--broker", f"{self.host}:8883", "--out", str(self.bundles))
        if not ago_days:
            return self.run("enroll", *where, *words)
        clock = ClockShim(self.folder)
        clock.set(-ago_days * 86_400, synced=True)
        command = [*clock.words, sys.executable, "-m", "center.cli", "gateway", "enroll", "--database", self.database]
        return subprocess.run([*command, *where, *words], check=False).returncode

    def revoke(self, *words: str) -> int:
        return self.run("revoke", "--authority", str(self.authority), "--reason", "stolen", *words)

    @property
    def bundles(self) -> Path:
        return self.folder / "bundles"

    def given(self, gateway: str) -> Given:
        """As the box would unpack it."""
        folder = self.folder / f"box-{gateway}"
        folder.mkdir(exist_ok=True)
        packed = (self.bundles / f"{gateway}.canteen").read_bytes()
        with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
            tar.extractall(folder, filter="data")
        told = json.loads((folder / "bundle.json").read_text())
        return Given(told, folder / "ca.pem", folder / "gateway.pem", folder / "gateway.key")


class EnrolledBroker(Broker):
    """The shipped template with both its TLS listeners, over the files that `gateway enroll` wrote."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        super().__init__({"center-renewal": "r", "center": "c"})
        self.pid_file = self.home / "pid"

    def _configuration(self, users: Mapping[str, str] | None, extra: str) -> str:
        self.host = self._stage.host
        self.port, self.guarded, self.recovery = (free_port(self.host) for _ in range(3))
        certificates = self.home / "certificates"
        words = ["ca", "broker", "--authority", str(self._stage.authority), "--host", self.host]
        assert main([*words, "--out", str(certificates)]) == 0
        here = {
            "cafile": self._stage.authority / "ca.pem",
            "certfile": certificates / "broker.pem",
            "keyfile": certificates / "broker.key",
            "crlfile": self._stage.files / "revoked.pem",
            "password_file": self._stage.files / "recovery_passwords",
        }
        filled = super()._configuration(users, extra).replace(str(CONFIG / "acl"), str(self._stage.files / "acl"))
        lines = filled.splitlines()
        for port, listener, acl in ((8883, self.guarded, "acl"), (8884, self.recovery, "acl_recovery")):
            number = lines.index(f"#listener {port}")
            while lines[number].startswith("#"):
                name, _, value = lines[number].removeprefix("#").partition(" ")
                if name:  # a sentence has a blank behind its #
                    own = {"listener": f"{listener} {self.host}", "acl_file": self._stage.files / acl}
                    lines[number] = f"{name} {(here | own).get(name, value)}"
                number += 1
        return "\n".join(lines)

    def start(self) -> None:
        super().start()
        assert self._process
        self.pid_file.write_text(f"{self._process.pid}\n")

    def reloaded(self) -> None:
        """Returns once mosquitto has read its files again: it begins to at the signal, and serves nobody meanwhile."""
        until(lambda: "Reloading config" in self.log)
        with socket.create_connection((self.host, self.port)) as probe:  # answered by what comes after
            probe.sendall(bytes.fromhex("100c00044d5154540400003c0000"))
            probe.recv(1)
