"""Discovery of 100 and 250 devices: recall, time and CPU, beside the WSDiscovery package.

Run as a child in a network of its own (`unshare`): python -m benchmarks.discovery COUNT ours|PYTHON, where PYTHON is
the interpreter that has WSDiscovery. The devices answer from addresses of their own within half a second, as
WS-Discovery asks of them (APP_MAX_DELAY), with the simulator's own words.
"""

import asyncio
import json
import os
import random
import socket
import statistics
import struct
import subprocess
import sys
from typing import Any

from benchmarks import measure, venvs
from benchmarks.measure import Figure

COUNTS = (100, 250)
MOST = 200
"""Devices that a round takes in at most, by design."""
PEER = "WSDiscovery==2.*"
GROUP, PORT = "239.255.255.250", 3702
_NET = "10.77"
_MAC = "02:77:00:00:00:01"
_MAX_DELAY_S = 0.5
_PEER_SCRIPT = """
import json, sys, time
from wsdiscovery import QName
from wsdiscovery.discovery import ThreadedWSDiscovery
began = time.monotonic()
wsd = ThreadedWSDiscovery()
wsd.start()
nvt = QName("http://www.onvif.org/ver10/network/wsdl", "NetworkVideoTransmitter")
found = wsd.searchServices(types=[nvt], timeout=4)
wsd.stop()
addresses = {x.split("/")[2].split(":")[0] for service in found for x in service.getXAddrs()}
print(json.dumps([len(addresses), time.monotonic() - began, time.process_time()]))
"""


# ---- the parent's side --------------------------------------------------------------------------


def discovery(repetitions: int) -> list[Figure]:
    """Recall must be whole; the peer stands beside it."""
    peer = str(venvs.python_with(PEER))
    figures, rows = [], []
    for count in COUNTS:
        taken: dict[str, list[list[float]]] = {"ours": [], peer: []}
        for _ in range(repetitions):
            for way, results in taken.items():
                results.append(_in_a_network(count, way))
        ours, theirs = ([statistics.median(column) for column in zip(*taken[way], strict=True)] for way in taken)
        rows += [["ours", count, *ours], [PEER, count, *theirs]]
        least = min(found for found, *_ in taken["ours"])
        what = f"discovery of {count} devices"
        said = [f"{found:.0f} of {count}, {took:.2g} s, {cpu:.2g} s CPU" for found, took, cpu in (ours, theirs)]
        beside: dict[str, Any] = {"us": said[0], "peer": f"{said[1]} (WSDiscovery)"}
        goal = 0 if count <= MOST else None
        figures.append(Figure("", f"{what}: not found, worst of {repetitions}", count - least, "", goal, **beside))
        figures.append(Figure("S3", f"{what}: CPU of a round", ours[2], "s", 0.5))
        figures.append(Figure("", f"{what}: CPU / WSDiscovery", ours[2] / theirs[2], "x"))
    measure.keep("discovery", rows)
    return figures


def _in_a_network(count: int, way: str) -> list[float]:
    command = ["unshare", "--net", *([] if os.geteuid() == 0 else ["-r"]), sys.executable, "-m", "benchmarks.discovery"]
    done = subprocess.run([*command, str(count), way], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"discovery of {count}: {done.stderr[-500:]}")
    return list(json.loads(done.stdout))


# ---- the child's side ---------------------------------------------------------------------------


def main() -> None:
    count, way = sys.argv[1:]
    _ip("link set lo up", "link add cam0 type veth peer name cam1", f"link set cam1 address {_MAC}")
    own = ["unshare", "--net", sys.executable, "-m", "benchmarks.discovery", count, "answer"]
    devices = subprocess.Popen(own, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert devices.stdin
    assert devices.stdout
    try:
        devices.stdout.readline()  # it has a network of its own now
        _ip(f"link set cam1 netns {devices.pid}", f"addr add {_NET}.0.1/16 dev cam0", "link set cam0 up")
        _ip("route add 239.0.0.0/8 dev cam0")
        # what each device's own ARP request would leave behind
        stale = "".join(f"neigh add {one} lladdr {_MAC} dev cam0 nud stale\n" for one in _addresses(int(count)))
        subprocess.run(["ip", "-batch", "-"], input=stale, text=True, check=True)
        devices.stdin.write(b"go\n")
        devices.stdin.flush()
        devices.stdout.readline()
        print(json.dumps(ours() if way == "ours" else peers(way)))
    finally:
        devices.terminate()


def _addresses(count: int) -> list[str]:
    return [f"{_NET}.{1 + i // 250}.{1 + i % 250}" for i in range(count)]


def _ip(*commands: str) -> None:
    for words in commands:
        subprocess.run(["ip", *words.split()], check=True)


def ours() -> list[float]:
    """One round as the daemon makes it, in a process of its own, so that its CPU is known; imports count for both."""
    script = (
        "import json, time; began = time.monotonic(); from agent.ask.discovery.round import DiscoveryOptions, probe\n"
        "found = {one.address for one in probe(DiscoveryOptions(interfaces=('cam0',), ports=(8000,))).found}\n"
        "print(json.dumps([len(found), time.monotonic() - began, time.process_time()]))"
    )
    return list(json.loads(subprocess.run([sys.executable, "-c", script], capture_output=True, check=True).stdout))


def peers(python: str) -> list[float]:
    return list(json.loads(subprocess.run([python, "-c", _PEER_SCRIPT], stdout=subprocess.PIPE, check=True).stdout))


async def answer(count: int) -> None:
    """Every device answers every probe, from its own address, once within half a second."""
    from simulator.discovery import parse_probe, probe_matches
    from simulator.persona import personas
    from simulator.unit import CameraSpec, Unit

    print("here", flush=True)
    sys.stdin.readline()
    _ip("link set lo up", f"addr add {_NET}.0.2/16 dev cam1", "link set cam1 up")
    _ip(*(f"route add local {_NET}.{part}.0/24 dev lo" for part in (1, 2)))
    loop = asyncio.get_running_loop()
    devices = []
    for address in _addresses(count):
        spec = CameraSpec(slot=address, persona="dahua-bullet", address=address, onvif_port=8000)
        voice = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        voice.bind((address, PORT))
        devices.append((Unit(spec, personas()["dahua-bullet"], None), voice))
    ear = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    ear.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    ear.bind((GROUP, PORT))
    joined = struct.pack("4s4s", socket.inet_aton(GROUP), socket.inet_aton(f"{_NET}.0.2"))
    ear.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, joined)
    ear.setblocking(False)
    print("ready", flush=True)
    while True:
        data, asker = await loop.sock_recvfrom(ear, 65536)
        probe = parse_probe(data)
        if probe and probe.kind:
            for unit, voice in devices:
                reply = probe_matches(unit, probe)
                loop.call_later(random.uniform(0, _MAX_DELAY_S), voice.sendto, reply, asker)


if __name__ == "__main__":
    if sys.argv[2] == "answer":
        asyncio.run(answer(int(sys.argv[1])))
    else:
        main()
