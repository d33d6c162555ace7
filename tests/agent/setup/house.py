"""A box to be set up: simulated cameras, a broker that asks for certificates, the center, a bundle for one gateway."""

import csv
import io
import json
import subprocess
import tarfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from agent.cli import main
from scripts.stage import tool
from simulator.canteen import CameraSpec, Canteen
from tests.support.authority import Authority, GuardedBroker
from tests.support.waiting import PATIENCE_S, until

CITY, GATEWAY, PASSWORD = "4101", "gw-0001", "canteen-2021"
ONVIF, RTSP = 8000, 8554


def spec(slot: str, persona: str = "hikvision-dome", **more: Any) -> CameraSpec:
    """A camera at ports at which cameras are looked for."""
    return CameraSpec(slot=slot, persona=persona, password=PASSWORD, onvif_port=ONVIF, rtsp_port=RTSP, **more)


def about(host: str, port: int, **changes: Any) -> dict[str, Any]:
    """The content of bundle.json."""
    now = datetime.now(UTC)
    times = {"issued": now.isoformat(), "expires": (now + timedelta(days=700)).isoformat()}
    broker = {"host": host, "port": port}
    said = {"version": 1, "gateway": GATEWAY, "city": "410100", "name": "示范小学食堂", "broker": broker, **times}
    return said | changes


def packed(path: Path, members: Mapping[str, bytes], **kinds: bytes) -> Path:
    """A bundle of these members. `kinds`: tar types of further members, by name."""
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(content), 0o600
            archive.addfile(info, io.BytesIO(content))
        for name, kind in kinds.items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
    return path


def members(authority: Authority, host: str = "127.0.0.1", port: int = 8883, **changes: Any) -> dict[str, bytes]:
    """The four files, as the center makes them. `changes`: of bundle.json, or `common`, `begin`, `end`."""
    validity = {key: changes.pop(key) for key in ("begin", "end") if key in changes}
    gateway = changes.get("gateway", GATEWAY)
    certificate, key = authority.issue(changes.pop("common", f"{CITY}/{gateway}"), **validity)
    return {
        "bundle.json": json.dumps(about(host, port, **changes)).encode(),
        "ca.pem": authority.ca.read_bytes(),
        "gateway.pem": certificate.read_bytes(),
        "gateway.key": key.read_bytes(),
    }


class House:
    """`config` is to be made. Whatever is made later stands in `folder`."""

    def __init__(self, folder: Path, canteen: Canteen, authority: Authority, broker: GuardedBroker | None) -> None:
        self.folder, self.canteen, self.authority, self.broker = folder, canteen, authority, broker
        self.etc = folder / "etc"
        self.etc.mkdir()
        self.config, self.state = self.etc / "agent.yaml", self.etc / "state"
        host, port = (broker.host, broker.guarded) if broker else ("127.0.0.1", 9)
        self.bundle = packed(folder / "gw-0001.canteen", members(authority, host, port))
        self.secret = folder / "camera.password"
        self.secret.touch(mode=0o600)
        self.secret.write_text(PASSWORD)

    def logins(self, slot: str) -> int:
        """So many requests with credentials has the camera seen."""
        return sum(asked.shown for asked in self.canteen.requests(slot))

    def refused(self, slot: str) -> int:
        """So many of them were wrong."""
        return sum(asked.shown and not asked.authenticated for asked in self.canteen.requests(slot))

    def answers(self, *slots: str, more: str = "", start: bool = False) -> Path:
        """An answers file for these cameras; nothing is waited for unless the service is started."""
        lines = [
            "discovery: {interfaces: [lo], loopback: true, duration: 1500ms}",
            f"report: null\nstart: {str(start).lower()}",
            f"logins: {{kitchen: {{user: admin, password: 'file:{self.secret}'}}}}",
            f"cameras: {'' if slots else '[]'}",
        ]
        for slot in slots:
            address = self.canteen.camera(slot).address
            lines.append(f"  - {{slot: {slot}, name: 灶台 {slot}, zone: 烹饪间, address: {address}, login: kitchen}}")
        file = self.folder / "answers.yaml"
        file.write_text("\n".join([*lines, *filter(None, [more])]) + "\n")
        return file

    def setup(self, *words: str, lang: str = "en") -> int:
        return main(["--lang", lang, "setup", "--config", str(self.config), *words])

    @contextmanager
    def agent_when_written(self) -> Iterator[None]:
        """Starts the agent as soon as there is an agent.yaml, as a person would in another window."""
        over = threading.Event()
        started: list[subprocess.Popen[bytes]] = []

        def start() -> None:
            until(lambda: self.config.exists() or over.is_set())
            if not over.is_set():
                command = [tool("canteen-agent"), "run", "--config", str(self.config)]
                with (self.folder / "agent.log").open("wb") as log:
                    started.append(subprocess.Popen(command, stdout=log, stderr=log))

        thread = threading.Thread(target=start)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
            for process in started:
                process.terminate()
                process.wait(PATIENCE_S)

    @contextmanager
    def center(self, *slots: str) -> Iterator[None]:
        """The center serves, and has these slots in its registry."""
        assert self.broker
        table, database = self.folder / "registry.csv", self.folder / "center.db"
        with table.open("w", newline="", encoding="utf-8") as file:
            rows = csv.writer(file)
            rows.writerow(["city", "county", "unit", "kind", "zone", "slot", "gateway", "accepted_at"])
            for slot in slots:
                rows.writerow(
                    [CITY, "410102", "示范小学食堂", "canteen", "烹饪间", slot, GATEWAY, "2026-01-01T00:00:00Z"]
                )
        program = tool("canteen-center")
        subprocess.run([program, "registry", "import", str(table), "--database", str(database)], check=True)
        serve = [program, "serve", "--database", str(database), "--broker", f"{self.broker.host}:{self.broker.port}"]
        with (self.folder / "center.log").open("wb") as log:
            process = subprocess.Popen(serve, stdout=log, stderr=log)
        try:
            yield
        finally:
            process.terminate()
            process.wait(PATIENCE_S)


@contextmanager
def house(folder: Path, *cameras: CameraSpec, broker: bool = False) -> Iterator[House]:
    """With `broker` a real one; else its place is empty."""
    with ExitStack() as stack:
        canteen = stack.enter_context(Canteen(cameras))
        authority = Authority(folder / "authority")
        served = stack.enter_context(GuardedBroker(authority)) if broker else None
        yield House(folder, canteen, authority, served)
