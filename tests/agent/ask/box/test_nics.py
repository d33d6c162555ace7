"""The box as its kernel tells it, also to a program that may do no more than the unit allows."""

import json
import platform
import socket
import subprocess
import sys

import psutil
import pytest

from agent.ask.box.nics import addresses
from tests.support.netns import Hosts, run
from tests.support.root import root
from tests.support.waiting import PATIENCE_S

CONFINED = """
import ctypes, errno, json, platform, resource, socket, struct
from pathlib import Path
# RestrictAddressFamilies= without AF_NETLINK, and MemoryDenyWriteExecute=, as systemd does them: by seccomp and prctl
number = {"x86_64": 41, "aarch64": 198}[platform.machine()]  # socket(2)
def op(code, true, false, k): return struct.pack("HBBI", code, true, false, k)
program = b"".join([op(0x20, 0, 0, 0), op(0x15, 0, 3, number), op(0x20, 0, 0, 16), op(0x15, 0, 1, 16),
                    op(0x06, 0, 0, 0x00050000 | errno.EAFNOSUPPORT), op(0x06, 0, 0, 0x7FFF0000)])
libc, held = ctypes.CDLL(None), ctypes.create_string_buffer(program)
class Filter(ctypes.Structure): _fields_ = [("size", ctypes.c_ushort), ("at", ctypes.c_void_p)]
assert libc.prctl(38, 1, 0, 0, 0) == 0
assert libc.prctl(22, 2, ctypes.byref(Filter(len(program) // 8, ctypes.addressof(held)))) == 0
libc.prctl(65, 1, 0, 0, 0)  # since Linux 6.3
try:
    socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)
    raise SystemExit("netlink is still there")
except OSError as error:
    assert error.errno == errno.EAFNOSUPPORT
from agent.ask.box import clocks, health
from agent.ask.box.nics import addresses
figures = health.health(Path("/"))
print(json.dumps([[one.name, one.address, one.prefix, one.up] for one in addresses()]))
assert clocks.clock().source == "kernel"
import cv2, lxml.etree, numpy, onvif, zeep  # what the children load
assert numpy.linalg.inv(numpy.eye(3)).shape == (3, 3)
"""


def listed() -> list[list[object]]:
    return [[one.name, one.address, one.prefix, one.up] for one in addresses()]


def test_addresses_are_those_that_getifaddrs_lists() -> None:
    """Every IPv4 address of every interface, with the length of its network."""
    known = {
        (name, entry.address)
        for name, entries in psutil.net_if_addrs().items()
        for entry in entries
        if entry.family == socket.AF_INET
    }
    assert {(one.name, one.address) for one in addresses()} == known
    assert ["lo", "127.0.0.1", 8, True] in listed()


@pytest.mark.skipif(platform.machine() not in ("x86_64", "aarch64"), reason="numbers of system calls are not known")
def test_what_the_unit_denies_is_not_needed() -> None:
    """Without netlink and without writable code the interfaces are listed, the clock read, the libraries loaded."""
    done = subprocess.run(
        [sys.executable, "-c", CONFINED], capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == listed()


@root
def test_second_addresses_and_links_that_are_down() -> None:
    """Each address has its own network, with an alias or without; a link without its peer's carrier is not up."""
    commands = f"""
        ip link add eth0 type veth peer name eth1; ip link set eth0 up
        ip addr add 10.1.0.1/16 dev eth0; ip addr add 10.3.0.1/30 dev eth0
        ip addr add 10.2.0.1/24 dev eth0 label eth0:1
        {sys.executable} -c 'import json
from tests.agent.ask.box.test_nics import listed
print(json.dumps(listed()))'
        ip link set eth1 up; ip link set eth0 up; sleep 0.2
        {sys.executable} -c 'import json
from tests.agent.ask.box.test_nics import listed
print(json.dumps(listed()))'
    """
    with Hosts("box") as hosts:
        said = run(*hosts.inside("box"), "sh", "-ec", commands)
    before, after = map(json.loads, said.splitlines())
    expected = [["lo", "127.0.0.1", 8], ["eth0", "10.1.0.1", 16], ["eth0:1", "10.2.0.1", 24], ["eth0", "10.3.0.1", 30]]
    assert sorted(one[:3] for one in before) == sorted(one[:3] for one in after) == sorted(expected)
    assert {one[0]: one[3] for one in before} == {"lo": True, "eth0": False, "eth0:1": False}
    assert {one[0]: one[3] for one in after} == {"lo": True, "eth0": True, "eth0:1": True}
