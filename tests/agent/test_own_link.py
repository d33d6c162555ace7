"""The agent as a process in a namespace whose cables are pulled: a box without a link does not judge its cameras."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from scripts.stage import Canteen, tool
from tests.support.netns import Hosts, needs_netns
from tests.support.waiting import PATIENCE_S, until

pytestmark = needs_netns
ROOT = Path(__file__).parents[2]
SLOTS = ("slot-0", "slot-1")


class Site:
    """A box with an uplink (`eth0`, the default route; nobody answers), and two cameras behind `eth1`."""

    def __init__(self, folder: Path) -> None:
        self.hosts = Hosts("box", "lan", "wan")
        cast = [(slot, "kitchen", "dahua-bullet") for slot in SLOTS]
        self.canteen = Canteen(folder, cast, accepted_after_s=0, look_s=1, deadline_s=0.9)
        net = self.canteen.cast[0].address.rpartition(".")[0]
        for file in (folder / "scenario.yaml", self.canteen.config):
            file.write_text(file.read_text().replace(net, "10.78.0"))
        self.addresses = [one.address.replace(net, "10.78.0") for one in self.canteen.cast]

    def lay(self) -> None:
        for mine, other, own, theirs in (
            ("eth0", "wan", "10.99.0.1/24", ["10.99.0.2/24"]),
            ("eth1", "lan", "10.78.0.1/24", ["10.78.0.2/24", *(f"{one}/24" for one in self.addresses)]),
        ):
            self.hosts.cable("box", other, port=mine, other_port="port")
            self.hosts.address(other, *theirs, port="port")
            self.hosts.address("box", own, port=mine)
        self.inside("route", "add", "default", "via", "10.99.0.2")

    @contextmanager
    def cameras(self) -> Iterator[None]:
        folder, log = self.canteen.folder, self.canteen.log
        words = (tool("canteen-sim"), "run", "--scenario", str(folder / "scenario.yaml"), "--log", str(log))
        command = (*self.hosts.inside("lan"), *words, "--control", str(self.canteen.control))
        with self.canteen.process("simulator", *command):
            until(lambda: log.exists() and len(log.read_text().splitlines()) >= len(SLOTS))
            yield

    @contextmanager
    def agent(self) -> Iterator[None]:
        words = (tool("canteen-agent"), "run", "--config", str(self.canteen.config))
        with self.canteen.process("agent", *self.hosts.inside("box"), *words):
            yield

    def inside(self, *words: str) -> None:
        self.hosts.ip("box", *words)

    def outside(self, *words: str) -> None:
        self.hosts.ip("lan", *words)

    def seen(self) -> list[tuple[str, str | None]]:
        """Availability and reason of each camera."""
        cameras: list[dict[str, Any]] = self.canteen.status()["cameras"]
        return [(one["availability"], one["reason"]) for one in cameras]

    def becomes(self, wanted: list[tuple[str, str | None]]) -> None:
        """Wait until the cameras are so."""
        until(lambda: self.seen() == wanted, f"{wanted}", progress=self.seen)

    def stays(self, wanted: list[tuple[str, str | None]]) -> None:
        """Still so after two more looks at each camera: they would have confirmed a change."""
        for _ in range(2):
            now_ms = time.time_ns() // 1_000_000
            until(lambda now_ms=now_ms: all(one["looked_ms"] > now_ms for one in self.canteen.status()["cameras"]))
        assert self.seen() == wanted

    def log(self) -> str:
        return (self.canteen.folder / "agent.log").read_text()


LOOK = """
import sys
from agent.ask.look import look
from agent.model import Camera, Ports
camera = Camera(slot="s", address=sys.argv[1], ports=Ports(onvif=int(sys.argv[2]), rtsp=int(sys.argv[2])))
seen = look(camera, log_in=False, deadline_s=5.0)
print(seen.tcp, seen.nic, sep="\\n")
"""
MUTE = """
import socket, sys
with socket.create_server((sys.argv[1], 0)) as server:
    print(server.getsockname()[1], flush=True)
    connection, _ = server.accept()
    print("accepted", flush=True)
    sys.stdin.read()
"""
ONLINE, OURS, GONE = ("online", None), ("unknown", "AGENT_FAULT"), ("offline", "UNREACHABLE")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    with made.hosts:
        made.lay()
        with made.cameras():
            yield made


def test_a_camera_that_leaves_the_link_is_offline_and_no_other(site: Site) -> None:
    """Nobody answers ARP for it (EHOSTUNREACH) while our own port has a carrier: that one is offline; a port that has
    just got its carrier back is given time first."""
    with site.agent():
        site.becomes([ONLINE, ONLINE])
        site.outside("addr", "del", f"{site.addresses[1]}/24", "dev", "port")
        site.becomes([ONLINE, GONE])
        site.outside("addr", "add", f"{site.addresses[1]}/24", "dev", "port")
        site.becomes([ONLINE, ONLINE])
        site.outside("addr", "del", f"{site.addresses[1]}/24", "dev", "port")
        site.outside("link", "set", "port", "down")
        site.becomes([OURS, OURS])
        began = time.monotonic()
        site.outside("link", "set", "port", "up")
        site.becomes([ONLINE, OURS])
        site.becomes([ONLINE, GONE])
        assert time.monotonic() - began > 30
        assert site.log().count("slot-0: online -> offline") == 0


def test_a_link_that_ends_during_a_look_is_the_one_the_look_went_over(site: Site) -> None:
    """A camera that accepted over eth1 was reached over it, though the route leads elsewhere when its look is over."""
    pipe, address = subprocess.PIPE, "10.78.0.2"
    camera = (*site.hosts.inside("lan"), sys.executable, "-c", MUTE, address)
    with subprocess.Popen(camera, stdin=pipe, stdout=pipe, text=True) as mute:
        assert mute.stdout
        port = mute.stdout.readline().strip()
        looking = (*site.hosts.inside("box"), sys.executable, "-c", LOOK, address, port)
        with subprocess.Popen(looking, cwd=ROOT, stdout=pipe, text=True) as look:
            assert mute.stdout.readline() == "accepted\n"
            site.inside("link", "set", "eth1", "down")
            said, _ = look.communicate(timeout=PATIENCE_S)
        mute.kill()
    tcp, nic = said.splitlines()
    assert (tcp.partition("(")[0], nic) == ("Seen", "eth1")


def test_whatever_ends_our_own_link_makes_all_unknown_and_none_offline(site: Site) -> None:
    """Port switched off, cable pulled, address lost, route gone or refused, with a default route elsewhere or without,
    while the agent runs or before it starts."""
    address, network = ("10.78.0.1/24", "dev", "eth1"), "10.78.0.0/25"
    ways: list[tuple[Callable[[], None], Callable[[], None]]] = [
        (lambda: site.inside("link", "set", "eth1", "down"), lambda: site.inside("link", "set", "eth1", "up")),
        (lambda: site.outside("link", "set", "port", "down"), lambda: site.outside("link", "set", "port", "up")),
        (lambda: site.inside("addr", "del", *address), lambda: site.inside("addr", "add", *address)),
        (
            lambda: site.inside("route", "add", "unreachable", network),
            lambda: site.inside("route", "del", "unreachable", network),
        ),
    ]
    with site.agent():
        site.becomes([ONLINE, ONLINE])
        for default_route in (True, False):
            if not default_route:
                site.inside("route", "del", "default")
            for cut, mend in ways:
                cut()
                site.becomes([OURS, OURS])
                mend()
                site.becomes([ONLINE, ONLINE])
        assert "offline" not in site.log()
    site.inside("route", "add", "default", "via", "10.99.0.2")
    learnt = json.loads((site.canteen.folder / "state" / "learnt.json").read_text())
    assert learnt["nics"] == dict.fromkeys(SLOTS, "eth1")
    for cut, mend in ways:
        cut()
        with site.agent():
            site.becomes([OURS, OURS])
            site.stays([OURS, OURS])
        assert "offline" not in site.log()
        mend()


def test_a_switch_that_goes_silent_makes_all_unknown_and_none_offline(site: Site) -> None:
    """Our carrier stays up and every neighbour is mute at once: that is our own side, whatever it is."""
    with site.agent():
        site.becomes([ONLINE, ONLINE])
        site.outside("addr", "flush", "dev", "port")
        site.becomes([OURS, OURS])
        site.stays([OURS, OURS])
        for one in ("10.78.0.2", *site.addresses):
            site.outside("addr", "add", f"{one}/24", "dev", "port")
        site.becomes([ONLINE, ONLINE])
        assert "offline" not in site.log()


def test_two_interfaces_in_one_subnet_are_our_own_side_and_both_are_named(site: Site) -> None:
    """The cameras hang on the interface that the route does not take: unknown, with both names, until one is left."""
    site.hosts.cable("box", "wan", port="eth2", other_port="spare")
    site.hosts.address("wan", "10.78.0.200/24", port="spare")
    site.inside("addr", "del", "10.78.0.1/24", "dev", "eth1")
    site.hosts.address("box", "10.78.0.3/24", port="eth2")
    site.inside("addr", "add", "10.78.0.1/24", "dev", "eth1")  # its route comes after that of eth2
    with site.agent():
        site.becomes([OURS, OURS])
        site.stays([OURS, OURS])
        assert all("eth1" in one["detail"] and "eth2" in one["detail"] for one in site.canteen.status()["cameras"])
        site.inside("link", "set", "eth2", "down")
        site.becomes([ONLINE, ONLINE])
        assert "offline" not in site.log()
