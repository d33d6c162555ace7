"""Another device takes a camera's address and port, on a switch with both: no login reaches it."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from scripts.stage import tool
from tests.agent.ask.discovery.test_round_netns import BOX, CAMERA, ROOT
from tests.agent.ask.net.test_stranger_netns import INTRUDER, PORT, Device
from tests.support.netns import Hosts, needs_netns
from tests.support.waiting import PATIENCE_S, until

pytestmark = needs_netns
DEVICE = """
import sys
from tests import evil
from tests.agent.ask.rtsp import players
from tests.agent.ask.discovery.wsd import Responder, camera

server = evil.Server(players.plays([], login=players.CHALLENGE), sys.argv[1], int(sys.argv[2]))
with server, Responder(sys.argv[1], camera(sys.argv[1], "urn:uuid:copied")):
    print("ready", flush=True)
    for _ in sys.stdin:
        heard, server.requests[:] = list(server.requests), []
        print(sum(b"Authorization" in one for one in heard), len(heard), flush=True)
"""


class Switch(Hosts):
    """Three hosts on a switch: the box, the camera, and the intruder, who has the camera's address and no cable yet."""

    def __init__(self) -> None:
        super().__init__("switch", "box", "camera", "intruder")

    def lay(self) -> None:
        self.ip("switch", "link", "add", "br0", "type", "bridge")
        self.ip("switch", "link", "set", "br0", "up")
        for port, host in (("port1", "box"), ("port2", "camera"), ("port3", "intruder")):
            self.cable("switch", host, port=port)
            self.ip("switch", "link", "set", port, "master", "br0", "up")
            self.ip(host, "addr", "add", f"{BOX if host == 'box' else CAMERA}/16", "dev", "eth0")
        self.ip("intruder", "link", "set", "eth0", "address", INTRUDER)
        for host in ("box", "camera"):
            self.plug(host)

    def plug(self, host: str) -> None:
        self.ip(host, "link", "set", "eth0", "up")
        self.multicast(host)

    def swap(self) -> None:
        """The camera's cable is taken out and the intruder's put in; the box forgets where the address was."""
        self.ip("camera", "link", "set", "eth0", "down")
        self.plug("intruder")
        self.ip("box", "neigh", "flush", "dev", "eth0")


@pytest.fixture
def switch() -> Iterator[Switch]:
    with Switch() as made:
        made.lay()
        yield made


@contextmanager
def device(switch: Switch, host: str) -> Iterator[Device]:
    command = [*switch.inside(host), sys.executable, "-c", DEVICE, CAMERA, str(PORT)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Device(process)


def settings(folder: Path) -> Path:
    file, secret = folder / "agent.yaml", folder / "password"
    secret.touch(mode=0o600)
    secret.write_text("sekret")
    file.write_text(
        f"gateway: {{id: box-0001, city: '4101'}}\nbroker: [{{host: {BOX}, port: 9, tls: null}}]\nstate_dir: {folder}\n"
        "look: {interval: 1s, deadline: 900ms}\ndiscovery: {interfaces: [eth0], interval: 24h, duration: 1.4s}\n"
        f"credentials: {{all: {{user: admin, password: 'file:{secret}'}}}}\ncameras:\n"
        f"  - {{slot: one, address: {CAMERA}, rtsp_port: {PORT}, stream_path: /main, credentials: all}}\n"
    )
    return file


def test_another_device_at_the_address_gets_no_login_and_is_told_at_once(switch: Switch, tmp_path: Path) -> None:
    """With the endpoint reference copied and the round of discovery a day away, not one login goes to the intruder."""

    def status() -> dict[str, object]:
        return dict(json.loads((tmp_path / "status.json").read_text())["cameras"][0])

    camera, intruder = device(switch, "camera"), device(switch, "intruder")
    with camera as known, intruder as other, (tmp_path / "log").open("wb") as log:
        run = [tool("canteen-agent"), "run", "--config", str(settings(tmp_path))]
        agent = subprocess.Popen([*switch.inside("box"), *run], stdout=log, stderr=log)
        try:
            learnt = tmp_path / "learnt.json"
            until(lambda: learnt.exists() and '"mac":"' in learnt.read_text())
            until(lambda: status()["availability"] == "online" and status()["verdicts"])  # the questions are over
            until(lambda: not psutil.Process(agent.pid).children(recursive=True))
            known.heard()
            for _ in range(3):  # a look that began before its MAC was known goes on without it; the next ones know it
                until(lambda: known.heard()[0] > 0)
            switch.swap()
            heard = [other.heard()]

            def more() -> int:
                heard.append(other.heard())
                return sum(requests for _, requests in heard)

            until(lambda: more() > 3)
            until(lambda: status()["identity_changed"])
            so_far = more()
            until(lambda: more() > so_far + 2)
            assert sum(logins for logins, _ in heard) == 0
            assert INTRUDER in (tmp_path / "log").read_text()
        finally:
            agent.terminate()
            agent.wait(timeout=PATIENCE_S)
