"""Hosts on one machine: network namespaces, the cables between them, and what nft does to their traffic. Needs root."""

import re
import shutil
import subprocess
import uuid
from collections.abc import Sequence
from types import TracebackType
from typing import Self

import pytest

from tests.support.root import needs_root
from tests.support.waiting import PATIENCE_S

needs_netns = [
    *needs_root,
    pytest.mark.skipif(
        not (shutil.which("ip") and shutil.which("nft")), reason="needs ip (iproute2) and nft (nftables)"
    ),
]
"""For a whole file: `pytestmark = needs_netns`."""
_TABLE = "inet tests"


class Hosts:
    """Each named host is a namespace with its loopback up: `hosts["box"]` is what `ip` calls it.

    A context: at its end the hosts are gone, and with them their cables.
    """

    def __init__(self, *names: str) -> None:
        tag = uuid.uuid4().hex[:6]
        self._spaces = {name: f"ca-{name}-{tag}" for name in names}

    def __getitem__(self, name: str) -> str:
        return self._spaces[name]

    def __enter__(self) -> Self:
        try:
            for name, space in self._spaces.items():
                run("ip", "netns", "add", space)
                self.ip(name, "link", "set", "lo", "up")
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for space in self._spaces.values():
            subprocess.run(["ip", "netns", "del", space], check=False, capture_output=True, timeout=PATIENCE_S)

    def inside(self, name: str) -> tuple[str, ...]:
        """The words before a command that runs on this host."""
        return ("ip", "netns", "exec", self[name])

    def ip(self, name: str, *words: str) -> None:
        run("ip", "-n", self[name], *words)

    def cable(self, one: str, other: str, *, port: str = "eth0", other_port: str = "eth0") -> None:
        """Joins a port of each; both are still down and have no address."""
        ends = (port, "netns", self[one], "type", "veth", "peer", "name", other_port, "netns", self[other])
        run("ip", "link", "add", *ends)

    def address(self, name: str, *addresses: str, port: str = "eth0") -> None:
        """`addresses` with the length of their network; the port is up afterwards."""
        for one in addresses:
            self.ip(name, "addr", "add", one, "dev", port)
        self.ip(name, "link", "set", port, "up")

    def multicast(self, name: str, port: str = "eth0") -> None:
        """Multicast leaves by this port."""
        self.ip(name, "route", "add", "239.0.0.0/8", "dev", port)

    def rules(self, name: str, rules: Sequence[str], hook: str = "input") -> None:
        """Replaces the filter on what arrives there, or leaves (`hook` output)."""
        text = [f"add table {_TABLE}", f"delete table {_TABLE}", f"add table {_TABLE}"]
        text.append(f"add chain {_TABLE} filtered {{ type filter hook {hook} priority 0; }}")
        text += [f"add rule {_TABLE} filtered {rule}" for rule in rules]
        run(*self.inside(name), "nft", "-f", "-", given="\n".join(text) + "\n")

    def counted(self, name: str) -> int:
        """Packets of all its rules with a counter."""
        listed = run(*self.inside(name), "nft", "list", "table", *_TABLE.split())
        return sum(map(int, re.findall(r"counter packets (\d+)", listed)))


class Cable(Hosts):
    """Two hosts joined by a cable: `box`, and `lan`, which has the addresses of all cameras. Multicast takes it too."""

    def __init__(self, box: str, *cameras: str) -> None:
        """Addresses with the length of their network."""
        super().__init__("box", "lan")
        self._addresses = {"box": (box,), "lan": cameras}

    def __enter__(self) -> Self:
        super().__enter__()
        try:
            self.cable("box", "lan")
            for name, addresses in self._addresses.items():
                self.address(name, *addresses)
                self.multicast(name)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self


def run(*words: str, given: str | None = None) -> str:
    """What the command printed. Raises RuntimeError with what it complained of."""
    done = subprocess.run(words, input=given, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(words)}: {done.stderr.strip()}")
    return done.stdout
