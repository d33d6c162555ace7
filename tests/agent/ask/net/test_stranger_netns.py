"""Whose MAC is at the address decides about every login, on a network of two hosts, whenever it changes."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.agent.ask.discovery.test_round_netns import BOX, CAMERA, ROOT, cable
from tests.support.netns import Cable, needs_netns, run
from tests.support.waiting import PATIENCE_S, until

__all__ = ["cable"]  # the fixture

pytestmark = needs_netns
INTRUDER = "02:00:00:00:00:99"
PORT = 8554
DEVICE = """
import sys
from tests import evil
from tests.agent.ask.rtsp.players import CHALLENGE

def refuses(peer):
    while request := peer.read():
        kind = request.split(b"\\r\\n")[0].split()[-1].decode()
        lines = [f"{kind} 401 Unauthorized", "CSeq: 1", f"WWW-Authenticate: {CHALLENGE}", "Content-Length: 0"]
        peer.send("\\r\\n".join([*lines, *sys.argv[3:], "", ""]).encode())

with evil.Server(refuses, sys.argv[1], int(sys.argv[2])) as server:
    print("ready", flush=True)
    for _ in sys.stdin:
        heard = list(server.requests)
        logins = sum(b"Authorization: Digest" in one or b"UsernameToken" in one for one in heard)
        print(logins, len(heard), server.connections, flush=True)
"""
WAYS = """
import sys
from agent.ask.net import connection
from agent.ask.onvif import soap
from agent.ask.picture import capture
from agent.ask.rtsp import client as rtsp
from agent.ask.attempt import Deadline, Trouble
from agent.ask.onvif.client import OnvifClient, Question
from agent.ask.net.message import USER_AGENT, request
from agent.ask.onvif.login import DIGEST, WSSE, Login
from agent.ask.net.http import Place
from agent.ask.net.snapshot import Snapshots
from agent.model import Camera, Credentials, Identity, Ports

_, address, port, mac, way = sys.argv
camera = Camera(
    slot="s", address=address, ports=Ports(onvif=int(port), rtsp=int(port)), stream_path="/main",
    credentials=Credentials("admin", "sekret"), identity=Identity(mac=mac),
)
deadline = Deadline(8.0)

def questioned(way):
    soap.load()
    question = Question("device", "GetDeviceInformation")
    OnvifClient(camera, Login(way), log_in=True).put(question, lambda reply: reply, deadline)

def paused():
    with connection.connect(camera, camera.ports.rtsp, deadline) as open:
        open.send(request("OPTIONS", "rtsp://x/", "RTSP/1.0", {"CSeq": "1"}))
        open.read(open.inbox.line(100))
        print("asked", flush=True)
        sys.stdin.readline()
        open.send(b"DESCRIBE rtsp://x/ RTSP/1.0\\r\\nAuthorization: Digest\\r\\n\\r\\n", login=True)
        open.read(open.inbox.line(100))

ways = {
    "describe": lambda: rtsp.describe(camera, log_in=True, deadline=deadline),
    "film": lambda: capture.film(camera, log_in=True, deadline=deadline),
    "photograph": lambda: capture.photograph(camera, "/snapshot", log_in=True, deadline=deadline),
    "snapshots": lambda: Snapshots(camera, Place(int(port), "/snapshot", True)).take(deadline),
    "wsse": lambda: questioned(WSSE),
    "digest": lambda: questioned(DIGEST),
    "paused": paused,
}
try:
    ways[way]()
except Trouble as trouble:
    print(type(trouble).__name__, trouble.reason, trouble.detail)
else:
    print("done")
"""


class Device:
    """The process at the camera's address, which tells what it heard."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        assert self._line() == "ready\n"

    def heard(self) -> tuple[int, ...]:
        """Logins, requests and whatever else it counts."""
        assert self._process.stdin is not None
        self._process.stdin.write("heard?\n")
        self._process.stdin.flush()
        return tuple(map(int, self._line().split()))

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()


@contextmanager
def device(cable: Cable, *headers: str) -> Iterator[Device]:
    command = [*cable.inside("lan"), sys.executable, "-c", DEVICE, CAMERA, str(PORT), *headers]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Device(process)


@contextmanager
def asking(cable: Cable, mac: str, way: str) -> "Iterator[subprocess.Popen[str]]":
    command = [*cable.inside("box"), sys.executable, "-c", WAYS, CAMERA, str(PORT), mac, way]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield process


def mac_of(cable: Cable, host: str) -> str:
    return run(*cable.inside(host), "cat", "/sys/class/net/eth0/address").strip()


def swap(cable: Cable) -> None:
    """Another MAC at the address, and the box has forgotten the one before."""
    cable.ip("lan", "link", "set", "eth0", "address", INTRUDER)
    cable.ip("box", "neigh", "flush", "dev", "eth0")


@pytest.mark.parametrize("way", ["describe", "film", "photograph", "snapshots", "wsse", "digest"])
def test_every_way_of_logging_in_looks_at_the_mac_first(cable: Cable, way: str) -> None:
    """To the device that is known a login goes; to another one none, and what is said names it."""
    with device(cable) as there:
        with asking(cable, mac_of(cable, "lan"), way) as process:
            said, _ = process.communicate(timeout=PATIENCE_S)
        logins, *_ = there.heard()
        assert logins > 0, said
        with asking(cable, INTRUDER, way) as process:
            said, _ = process.communicate(timeout=PATIENCE_S)
        assert said.startswith("Stranger REFUSED another device answers at this address")
        assert there.heard()[0] == logins


def test_a_device_that_comes_between_refusal_and_login_gets_none(cable: Cable) -> None:
    """A camera that closes after its 401 may be another one by the time of the new connection."""
    with device(cable, "Connection: close") as there:
        cable.rules("lan", ["tcp flags & (syn | ack) == syn numgen inc mod 1000 > 0 drop"])
        with asking(cable, mac_of(cable, "lan"), "describe") as process:
            until(lambda: there.heard()[1] == 1)
            time.sleep(0.2)  # the SYN of the new connection is lost meanwhile; it is sent again after 1 s
            swap(cable)
            cable.rules("lan", [])
            said, _ = process.communicate(timeout=PATIENCE_S)
        assert said.startswith(f"Stranger REFUSED another device answers at this address ({INTRUDER})")
        assert there.heard() == (0, 1, 2)


@pytest.mark.parametrize("then", ["forgotten", "replaced", "mute"])
def test_a_table_that_has_forgotten_the_address_is_asked_to_learn_it(cable: Cable, then: str) -> None:
    """No entry is no proof: the kernel asks, and the login waits for what it hears."""
    with device(cable) as there, asking(cable, mac_of(cable, "lan"), "paused") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "asked\n"
        if then == "replaced":
            cable.ip("lan", "link", "set", "eth0", "address", INTRUDER)
        elif then == "mute":
            cable.ip("lan", "link", "set", "eth0", "arp", "off")
        cable.ip("box", "neigh", "flush", "dev", "eth0")
        said, _ = process.communicate("on\n", timeout=PATIENCE_S)
        wanted = {
            "forgotten": ("done", 1),
            "replaced": (f"Stranger REFUSED another device answers at this address ({INTRUDER}), no login", 0),
            "mute": ("Stranger TIMED_OUT no answer to ARP, so who is at this address is not known: no login", 0),
        }
        assert (said.strip(), there.heard()[0]) == wanted[then]


def test_a_box_without_the_camera_on_its_link_needs_no_arp(cable: Cable) -> None:
    """Behind a gateway no table tells the MAC; a known one then forbids nothing."""
    cable.ip("box", "route", "add", f"{CAMERA}/32", "via", "10.77.0.9", "dev", "eth0")
    cable.ip("box", "neigh", "add", "10.77.0.9", "lladdr", mac_of(cable, "lan"), "dev", "eth0")
    cable.ip("lan", "neigh", "add", BOX, "lladdr", mac_of(cable, "box"), "dev", "eth0")  # it asks for none itself
    with device(cable) as there:
        with asking(cable, INTRUDER, "describe") as process:
            said, _ = process.communicate(timeout=PATIENCE_S)
        assert said.startswith("LoginFailed")
        assert there.heard()[0] == 1
