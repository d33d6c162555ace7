"""The agent as a process behind a router that drops large packets and says nothing: a path-MTU black hole."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from agent.tell.failures import Kind
from scripts.stage import tool
from tests.support.netns import Hosts, needs_netns
from tests.support.waiting import PATIENCE_S, until

pytestmark = needs_netns
CAMERAS = 10
CONFIG = """
gateway: {id: zz-0001, city: 4101}
broker: [{host: 10.99.2.2, port: 1883, tls: null}]
state_dir: state
discovery: {enabled: false}
heartbeat: {interval: 2s}
cameras:
"""


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Hosts]:
    """box - router - broker, where a mosquitto listens."""
    with Hosts("box", "router", "broker") as hosts:
        for host, port, network in (("box", "eth0", "10.99.1"), ("broker", "eth1", "10.99.2")):
            hosts.cable(host, "router", other_port=port)
            hosts.address("router", f"{network}.1/24", port=port)
            hosts.address(host, f"{network}.2/24")
            hosts.ip(host, "route", "add", "default", "via", f"{network}.1")
        subprocess.run(
            [*hosts.inside("router"), "sysctl", "-qw", "net.ipv4.ip_forward=1"], check=True, timeout=PATIENCE_S
        )
        (tmp_path / "broker.conf").write_text("listener 1883 0.0.0.0\nallow_anonymous true\nlog_type all\n")
        words = (*hosts.inside("broker"), "mosquitto", "-c", str(tmp_path / "broker.conf"))
        with (tmp_path / "broker.log").open("w") as log, subprocess.Popen(words, stdout=log, stderr=log) as broker:
            yield hosts
            broker.terminate()


def arrived(folder: Path, leaf: str) -> bool:
    """Whether the broker has taken one such message."""
    return re.search(rf"Received PUBLISH .*/up/{leaf}'", (folder / "broker.log").read_text()) is not None


def drops_above(hosts: Hosts, size: int) -> None:
    hosts.rules("router", [f"meta length > {size} drop"], hook="forward")


@contextmanager
def agent(hosts: Hosts, folder: Path) -> Iterator[Path]:
    cameras = "".join(f"  - {{slot: kitchen-{n}, address: 10.99.1.{n + 50}}}\n" for n in range(CAMERAS))
    config = folder / "agent.yaml"
    config.write_text(CONFIG + cameras)
    (folder / "state").mkdir()
    words = (*hosts.inside("box"), tool("canteen-agent"), "run", "--config", str(config))
    with (folder / "agent.log").open("w") as log, subprocess.Popen(words, stdout=log, stderr=log) as running:
        yield config
        running.terminate()


def uplink(config: Path) -> dict[str, Any]:
    """What `status` says of the line; {} as long as nothing was written."""
    words = (tool("canteen-agent"), "status", "--config", str(config), "--json")
    said = subprocess.run(words, capture_output=True, check=False, timeout=PATIENCE_S, env=os.environ).stdout
    found: dict[str, Any] = json.loads(said)["uplink"] if said.strip() else {}
    return found


def test_a_path_that_swallows_large_packets_carries_everything(path: Hosts, tmp_path: Path) -> None:
    """Above 1,300 bytes nothing passes, and no ICMP says so: an inventory of 10 cameras arrives all the same."""
    drops_above(path, 1300)
    with agent(path, tmp_path):
        until(lambda: arrived(tmp_path, "inv"))


def test_where_only_small_messages_are_confirmed_the_path_is_named(path: Hosts, tmp_path: Path) -> None:
    """Heartbeats arrive, the inventory does not: said as what it is, with what to do, and never "connected" alone."""
    drops_above(path, 620)
    with agent(path, tmp_path) as config:
        until(lambda: arrived(tmp_path, "hb"))
        until(lambda: uplink(config).get("problem") == Kind.MTU)
        assert not arrived(tmp_path, "inv")
