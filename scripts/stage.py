"""A whole canteen on one machine: simulated cameras, a private broker, the agent and the center, in one folder.

Used by the demonstration and by the benchmarks. All secrets are made anew and live in that folder, mode 0600.
"""

import csv
import json
import os
import random
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from string import Template
from typing import Any, NamedTuple

from contract.shipped import FOLDER

CITY, GATEWAY = "4101", "zz-demo-0001"


class Failed(Exception):
    """The demonstration could not be set up or went wrong; the message says what and where to look."""


class Cast(NamedTuple):
    slot: str
    zone: str
    persona: str
    address: str


def free_port(host: str = "127.0.0.1") -> int:
    with socket.socket() as sock:
        sock.bind((host, 0))
        return int(sock.getsockname()[1])


class Canteen:
    """Everything that runs. `cast`: who plays; `look_s`, `deadline_s`, `heartbeat_s`: the agent's settings."""

    def __init__(
        self,
        folder: Path,
        cast: Sequence[tuple[str, str, str]],
        *,
        accepted_after_s: int,
        look_s: float = 30,
        deadline_s: float = 5,
        heartbeat_s: float = 60,
    ) -> None:
        """`cast`: (slot, zone, persona) of each camera; they get addresses of a random network on loopback."""
        net = f"127.{random.randint(16, 250)}.{random.randint(1, 250)}"
        self.folder = folder
        self.cast = [Cast(*one, f"{net}.{11 + i}") for i, one in enumerate(cast)]
        self.look_s, self.deadline_s, self.heartbeat_s = look_s, deadline_s, heartbeat_s
        self.port = free_port()
        self.control, self.log = folder / "sim.sock", folder / "faults.jsonl"
        self.database, self.config = folder / "center.db", folder / "agent.yaml"
        self.passwords = {who: secrets.token_urlsafe(12) for who in ("agent", "center", "camera")}
        self.accepted_ms = (int(time.time()) + accepted_after_s) * 1000
        self._write_broker()
        self._write_scenario()
        self._write_agent()
        self._write_registry()

    # ---- files --------------------------------------------------------------------------------

    def _secret(self, who: str) -> Path:
        file = self.folder / f"{who}.password"
        file.touch(mode=0o600)
        file.write_text(self.passwords[who] + "\n")
        return file

    def _write_broker(self) -> None:
        users = self.folder / "users"
        users.touch(mode=0o600)
        for user, who in ((f"{CITY}/{GATEWAY}", "agent"), ("center", "center")):
            command = ["mosquitto_passwd", "-b", str(users), user, self.passwords[who]]
            subprocess.run(command, check=True, capture_output=True)
        shipped = FOLDER / "broker"
        acl = self.folder / "acl"
        acl.touch(mode=0o600)
        acl.write_text((shipped / "acl").read_text(encoding="utf-8"))
        filled = Template((shipped / "mosquitto.conf").read_text(encoding="utf-8")).substitute(
            ADDRESS="127.0.0.1", PORT=self.port, PASSWORDS=users, ACL=acl, DATA=f"{self.folder}/"
        )
        owner = "user root\n" if os.geteuid() == 0 else ""  # else mosquitto drops to a user who may not read here
        (self.folder / "mosquitto.conf").write_text(owner + filled)

    def _write_scenario(self) -> None:
        lines = ["cameras:"]
        for one in self.cast:
            lines += [
                f"  - slot: {one.slot}",
                f"    persona: {one.persona}",
                f"    address: {one.address}",
                "    onvif_port: 8000",
                "    rtsp_port: 8554",
                "    user: admin",
                f"    password: {json.dumps(self.passwords['camera'])}",
            ]
        (self.folder / "scenario.yaml").write_text("\n".join(lines) + "\n")
        (self.folder / "scenario.yaml").chmod(0o600)

    def _write_agent(self) -> None:
        lines = [
            f"gateway: {{id: {GATEWAY}, city: '{CITY}'}}",
            f"broker: [{{host: 127.0.0.1, port: {self.port}, password: 'file:{self._secret('agent')}'}}]",
            f"state_dir: {self.folder / 'state'}",
            "policy: henan-2021-45",
            f"look: {{interval: {self.look_s}s, deadline: {self.deadline_s}s}}",
            f"heartbeat: {{interval: {self.heartbeat_s}s}}",
            "discovery: {loopback: true, interfaces: [lo]}",
            f"credentials: {{kitchen: {{user: admin, password: 'file:{self._secret('camera')}'}}}}",
            "cameras:",
        ]
        for one in self.cast:
            lines.append(
                f"  - {{slot: {one.slot}, name: {one.zone}, zone: {one.zone}, address: {one.address},"
                " onvif_port: 8000, rtsp_port: 8554, credentials: kitchen}"
            )
        (self.folder / "state").mkdir()
        self.config.write_text("\n".join(lines) + "\n")

    def _write_registry(self) -> None:
        accepted = datetime.fromtimestamp(self.accepted_ms / 1000, UTC).isoformat()
        with (self.folder / "registry.csv").open("w", newline="", encoding="utf-8") as file:
            table = csv.writer(file)
            table.writerow(["city", "county", "unit", "kind", "zone", "slot", "gateway", "accepted_at"])
            for one in self.cast:
                table.writerow([CITY, "410102", "示范小学食堂", "canteen", one.zone, one.slot, GATEWAY, accepted])

    # ---- processes ----------------------------------------------------------------------------

    @contextmanager
    def process(self, title: str, *command: str) -> Iterator[subprocess.Popen[bytes]]:
        """One that ends with us, even where we are killed: nothing of a demonstration is left running."""
        log = self.folder / f"{title}.log"
        bound = ("setpriv", "--pdeathsig", "TERM", *command)
        with log.open("wb") as out:
            started = subprocess.Popen(bound, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)
        try:
            yield started
        finally:
            self.end(started)

    @staticmethod
    def end(process: subprocess.Popen[bytes]) -> None:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(words, capture_output=True, text=True, timeout=240, check=False)

    def start(self, stack: ExitStack, *, before_agent: Sequence[str] = ()) -> dict[str, subprocess.Popen[bytes]]:
        """Everything, in order. `before_agent`: words put before the agent's command, such as `env NAME=VALUE`."""
        running = {}
        center = str(self._secret("center"))
        running["broker"] = stack.enter_context(
            self.process("broker", "mosquitto", "-c", str(self.folder / "mosquitto.conf"))
        )
        running["simulator"] = stack.enter_context(
            self.process(
                "simulator",
                tool("canteen-sim"),
                "run",
                "--scenario",
                str(self.folder / "scenario.yaml"),
                "--control",
                str(self.control),
                "--log",
                str(self.log),
            )
        )
        imported = self.command(
            tool("canteen-center"),
            "registry",
            "import",
            str(self.folder / "registry.csv"),
            "--database",
            str(self.database),
        )
        if imported.returncode:
            raise Failed(f"the registry could not be imported: {imported.stdout}{imported.stderr}")
        self.wait_for(
            lambda: self.log.exists() and len(self.log.read_text().splitlines()) >= len(self.cast),
            running["simulator"],
            "simulator",
        )
        running["center"] = stack.enter_context(
            self.process(
                "center",
                tool("canteen-center"),
                "serve",
                "--database",
                str(self.database),
                "--broker",
                f"127.0.0.1:{self.port}",
                "--username",
                "center",
                "--password-file",
                center,
            )
        )
        running["agent"] = stack.enter_context(
            self.process("agent", *before_agent, tool("canteen-agent"), "run", "--config", str(self.config))
        )
        return running

    def wait_for(self, ready: Callable[[], bool], process: subprocess.Popen[bytes], title: str) -> None:
        end = time.monotonic() + 240
        while not ready():
            if process.poll() is not None or time.monotonic() > end:
                raise Failed(f"the {title} did not start:\n{(self.folder / f'{title}.log').read_text()[-2000:]}")
            time.sleep(0.1)

    # ---- what is known ------------------------------------------------------------------------

    def status(self) -> dict[str, Any]:
        try:
            return dict(json.loads((self.folder / "state" / "status.json").read_text()))
        except (OSError, ValueError):
            return {"cameras": []}

    def rate(self, at_ms: int | None = None) -> dict[str, Any]:
        words = [tool("canteen-center"), "rate", "--database", str(self.database), "--level", "slot", "--json"]
        if at_ms is not None:
            words += ["--at", datetime.fromtimestamp(at_ms / 1000, UTC).isoformat()]
        answer = self.command(*words)
        if answer.returncode == 2:
            raise Failed(f"the center could not compute the rate: {answer.stderr}")
        return dict(json.loads(answer.stdout))

    def fault(self, slot: str, fault: str) -> None:
        answer = self.command(tool("canteen-sim"), "fault", slot, fault, "--control", str(self.control))
        if answer.returncode:
            raise Failed(f"the simulator refused {slot} {fault}: {answer.stderr}")


def tool(name_: str) -> str:
    return str(Path(sys.executable).with_name(name_))


def center(*words: str) -> str:
    """What this command of the center prints. Ends the program where it fails."""
    done = subprocess.run([tool("canteen-center"), *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"canteen-center {' '.join(words[:2])}: {done.stdout}{done.stderr}")
    return done.stdout


def as_shipped() -> list[str]:
    """What runs a command in the environment that its systemd unit gives the agent."""
    lines = (Path(__file__).parents[1] / "systemd" / "canteen-agent.service").read_text().splitlines()
    return ["env", *(word for line in lines if line.startswith("Environment=") for word in line[12:].split())]
