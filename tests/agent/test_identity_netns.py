"""A device with another MAC takes a camera's address, on a network of two hosts: no login reaches it."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from scripts.stage import tool
from tests.agent.ask.test_discovery_netns import BOX, CAMERA, ROOT, Cable, cable, ip
from tests.agent.test_daemon import until

__all__ = ["cable"]  # the fixture

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root"),
    pytest.mark.skipif(
        not (shutil.which("ip") and shutil.which("nft")), reason="needs ip (iproute2) and nft (nftables)"
    ),
]
DEVICE = """
import sys
from tests import evil
from tests.agent.ask import players
from tests.agent.ask.wsd import Responder, camera

server = evil.Server(players.plays([], login=players.CHALLENGE), address=sys.argv[1])
with server, Responder(sys.argv[1], camera(sys.argv[1], "urn:uuid:copied")):
    print(server.port, flush=True)
    for _ in sys.stdin:
        heard, server.requests[:] = list(server.requests), []
        print(sum(b"Authorization" in one for one in heard), len(heard), flush=True)
"""


class Device:
    """The process at the camera's address; `heard` tells (logins, requests) since it was last asked."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self.port = int(self._line())

    def heard(self) -> tuple[int, int]:
        assert self._process.stdin is not None
        self._process.stdin.write("heard?\n")
        self._process.stdin.flush()
        logins, requests = map(int, self._line().split())
        return logins, requests

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()


@contextmanager
def device(cable: Cable) -> Iterator[Device]:
    command = ["ip", "netns", "exec", cable.lan, sys.executable, "-c", DEVICE, CAMERA]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Device(process)


def settings(folder: Path, port: int) -> Path:
    file, secret = folder / "agent.yaml", folder / "password"
    secret.touch(mode=0o600)
    secret.write_text("sekret")
    file.write_text(
        f"gateway: {{id: box-0001, city: '4101'}}\nbroker: [{{host: {BOX}, port: 9, tls: null}}]\nstate_dir: {folder}\n"
        "look: {interval: 1s, deadline: 900ms}\ndiscovery: {interfaces: [eth0], interval: 24h, duration: 1.4s}\n"
        f"credentials: {{all: {{user: admin, password: 'file:{secret}'}}}}\ncameras:\n"
        f"  - {{slot: one, address: {CAMERA}, rtsp_port: {port}, stream_path: /main, credentials: all}}\n"
    )
    return file


def test_another_mac_at_the_address_gets_no_login_and_is_told_at_once(cable: Cable, tmp_path: Path) -> None:
    """With the endpoint reference copied and the round of discovery a day away, not one login goes to the intruder."""

    def status() -> dict[str, object]:
        return dict(json.loads((tmp_path / "status.json").read_text())["cameras"][0])

    with device(cable) as there, (tmp_path / "log").open("wb") as log:
        run = [tool("canteen-agent"), "run", "--config", str(settings(tmp_path, there.port))]
        agent = subprocess.Popen(["ip", "netns", "exec", cable.box, *run], stdout=log, stderr=log)
        try:
            learnt = tmp_path / "learnt.json"
            until(lambda: learnt.exists() and '"mac":"' in learnt.read_text(), 40)
            until(lambda: status()["availability"] == "online" and status()["verdicts"], 60)  # the questions are over
            until(lambda: not psutil.Process(agent.pid).children(recursive=True), 40)
            assert there.heard()[0] > 0
            # Between two looks: another device would not have the TCP connection of one under way, this one has.
            until(lambda: there.heard()[1] > 0, 40)
            time.sleep(0.3)
            ip("-n", cable.lan, "link", "set", "eth0", "address", "02:00:00:00:00:99")
            there.heard()
            ip("-n", cable.box, "neigh", "flush", "dev", "eth0")
            heard = [there.heard()]

            def more() -> int:
                heard.append(there.heard())
                return sum(requests for _, requests in heard)

            until(lambda: more() > 3, 40)
            until(lambda: status()["identity_changed"], 40)
            so_far = more()
            until(lambda: more() > so_far + 2, 40)
            assert sum(logins for logins, _ in heard) == 0
            assert "02:00:00:00:00:99" in (tmp_path / "log").read_text()
        finally:
            agent.terminate()
            agent.wait(timeout=20)
