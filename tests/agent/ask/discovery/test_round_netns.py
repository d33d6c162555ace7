"""Discovery between two hosts: namespaces joined by a cable, with loss and with a hostile neighbour."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.netns import Cable, needs_netns
from tests.support.waiting import PATIENCE_S

pytestmark = needs_netns

ROOT = Path(__file__).parents[4]
BOX, CAMERA, HOSTILE = "10.77.0.1", "10.77.0.2", "10.77.0.3"
ROUNDS = """
import json, sys, time
from concurrent.futures import ThreadPoolExecutor
from agent.ask.discovery.round import DiscoveryOptions, probe
import msgspec

def one(_):
    began = time.thread_time()
    found = probe(DiscoveryOptions(**options), known=known)
    return msgspec.to_builtins(found) | {"cpu_s": time.thread_time() - began}

count, options, known = json.loads(sys.argv[1])
with ThreadPoolExecutor(count) as pool:
    print(json.dumps(list(pool.map(one, range(count)))))
"""


HEARS = """
import time
from agent.ask.discovery.round import DiscoveryOptions
from agent.ask.discovery.announcements import Listener

with Listener(DiscoveryOptions()) as ear:
    print("ready", flush=True)
    heard, end = [], time.monotonic() + 20
    while not heard and time.monotonic() < end:
        heard += ear.poll(0.1)
print(len(heard), flush=True)
"""
PROBES = """
import socket, sys
from agent.ask.discovery.messages import KINDS, build
from tests.agent.ask.discovery.wsd import GROUP, PORT, envelope, one

with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
    sock.bind((sys.argv[1], 0))
    sock.settimeout(1.5)
    for target in (GROUP, sys.argv[2]):
        for kind in KINDS:
            sock.sendto(build(kind)[1], (target, PORT))
    sock.sendto(envelope(one("Hello", None, "urn:uuid:1"), None).encode(), (GROUP, PORT))
    try:
        print(sock.recv(65536))
    except (TimeoutError, ConnectionRefusedError):
        print("nothing came back")
"""


@contextmanager
def started(cable: Cable, host: str, module: str, *arguments: str) -> Iterator[None]:
    command = [*cable.inside(host), sys.executable, "-m", module, *arguments]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        try:
            assert child.stdout.readline() == b"ready\n"
            yield
        finally:
            child.stdin.close()
            child.wait(timeout=PATIENCE_S)


def rounds(cable: Cable, count: int, known: tuple[str, ...] = (), **options: Any) -> list[dict[str, Any]]:
    command = [*cable.inside("box"), sys.executable, "-c", ROUNDS, json.dumps([count, options, known])]
    done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, timeout=PATIENCE_S)
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


@pytest.fixture
def cable() -> Iterator[Cable]:
    with Cable(f"{BOX}/16", f"{CAMERA}/16", f"{HOSTILE}/16") as made:
        yield made


def test_a_camera_is_found_in_every_round_at_thirty_percent_loss(cable: Cable) -> None:
    """With 30 % of probes and 30 % of replies lost, 20 of 20 rounds of default length find the camera."""
    for host in ("box", "lan"):  # probes and replies alike
        cable.rules(host, ["meta l4proto udp numgen random mod 100 < 30 drop"])
    with started(cable, "lan", "tests.agent.ask.discovery.wsd", CAMERA, "urn:uuid:1"):
        seen = rounds(cable, 20)
    assert [[device["address"] for device in one["found"]] for one in seen] == [[CAMERA]] * 20
    device = seen[0]["found"][0]
    assert device["mac"].count(":") == 5
    assert seen[0]["interfaces"] == [f"eth0 {BOX}"]


@pytest.mark.parametrize(
    ("network", "impersonated", "known"),
    [(HOSTILE, "-", ()), ("10.77.0.0/16", "-", ()), ("10.77.0.0/16", CAMERA, (CAMERA,)), ("203.0.113.0/24", "-", ())],
    ids=["one-sender", "forged-senders", "forged-as-the-known-camera", "from-elsewhere"],
)
def test_a_flood_costs_little_and_crowds_nobody_out(
    cable: Cable, network: str, impersonated: str, known: tuple[str, ...]
) -> None:
    """Under 10,000 forged and malformed packets the honest camera is found, for at most 0.5 s of CPU."""
    with ExitStack() as stack:
        stack.enter_context(started(cable, "lan", "tests.agent.ask.discovery.wsd", CAMERA, "urn:uuid:honest"))
        stack.enter_context(
            started(cable, "lan", "tests.agent.ask.discovery.flood", HOSTILE, network, "10000", impersonated)
        )
        (one,) = rounds(cable, 1, known, duration_s=1.8, knock_s=0)
    honest = [device for device in one["found"] if device["address"] == CAMERA]
    assert [device["epr"] for device in honest] == ["urn:uuid:honest"]
    assert sum(one["rejected"].values()) > 100  # the flood was on; a slow machine sends less of it in that time
    assert len(one["found"]) <= 200
    assert one["cpu_s"] <= 0.5


def test_a_flood_from_strangers_leaves_room_for_a_stranger(cable: Cable) -> None:
    """Where no ARP table tells who is real, a camera that answers after the burst is still found."""
    with ExitStack() as stack:
        stack.enter_context(started(cable, "box", "tests.agent.ask.discovery.wsd", "127.3.2.1", "urn:uuid:honest"))
        stack.enter_context(
            started(cable, "box", "tests.agent.ask.discovery.flood", "127.6.6.6", "127.0.0.0/8", "10000", "-")
        )
        (one,) = rounds(cable, 1, interfaces=["lo"], duration_s=1.8, knock_s=0)
    assert "127.3.2.1" in [device["address"] for device in one["found"]]
    assert len(one["found"]) <= 200
    assert one["cpu_s"] <= 0.5


def test_two_hundred_cameras_that_answer_every_probe_are_all_found(cable: Cable) -> None:
    """Each wave of answers comes in the same order, and the last one with the last probe; some write UTF-16."""
    with started(cable, "box", "tests.agent.ask.discovery.crowd", "127.3.2", "200"):
        (one,) = rounds(cable, 1, interfaces=["lo"], knock_s=0)
    assert len({device["address"] for device in one["found"]}) == 200


def test_a_probe_is_never_answered(cable: Cable) -> None:
    """Probes that reach the listener, by multicast or unicast, get no reply: nobody can aim us at a victim."""
    command = [*cable.inside("box"), sys.executable, "-c", HEARS]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as listening:
        assert listening.stdout is not None
        assert listening.stdout.readline() == "ready\n"
        asked = [*cable.inside("lan"), sys.executable, "-c", PROBES, CAMERA, BOX]
        done = subprocess.run(asked, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True, timeout=PATIENCE_S)
        assert done.stdout == "nothing came back\n"
        assert listening.stdout.readline() == "1\n"  # the Hello after the probes was heard


def test_a_link_that_disappears_costs_only_itself(cable: Cable) -> None:
    """A link whose probes are refused and an address of 169.254/16 are noted; the other link's camera is found."""
    cable.ip("box", "link", "add", "lan8", "type", "veth", "peer", "name", "lan9")
    cable.address("box", "10.78.0.1/24", port="lan8")
    cable.address("box", "10.79.0.1/24", port="lan9")
    cable.rules("box", ['oifname "lan9" drop'], hook="output")
    cable.ip("box", "addr", "add", "169.254.7.7/16", "dev", "eth0")
    with started(cable, "lan", "tests.agent.ask.discovery.wsd", CAMERA, "urn:uuid:1"):
        (one,) = rounds(cable, 1, duration_s=1.4, knock_s=0)
    assert [device["address"] for device in one["found"]] == [CAMERA]
    assert sorted(one["interfaces"]) == [f"eth0 {BOX}", "lan8 10.78.0.1", "lan9 10.79.0.1"]
    assert "probes could not be sent from 10.79.0.1: Operation not permitted" in one["notes"]
    assert any("link-local" in note for note in one["notes"])
