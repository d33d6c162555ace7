"""The canteen's LAN in network namespaces: a switch, a cable to each camera, each contender and the witness. Root only.

What runs there, and who is right, must not be known here.
"""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from benchmarks.truth.cast import CAST, NET, Actor, Cut
from tests.support.netns import Hosts, run

ROOT = Path(__file__).parents[2]
FAR, BOX_UPLINK = "10.44.0.1", "10.44.0.2"


class Lan(Hosts):
    """`box` is ours, with an uplink to `far`; `contenders` each have a port of their own at the same switch.

    `cams` holds all cameras, each with an interface, address and MAC of its own; `witness` stands among them. A
    context.
    """

    def __init__(self, contenders: Sequence[str]) -> None:
        if os.geteuid() != 0:
            raise RuntimeError("network namespaces are made here: run it as root (sudo ./scripts/bench truth)")
        super().__init__("switch", "cams", "witness", "far", "box", *contenders)
        self._cut_off = ("box", *contenders)
        self._ports = {name: f"w{number}" for number, name in enumerate(("witness", *self._cut_off))}

    def __enter__(self) -> Self:
        super().__enter__()
        try:
            self._build()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def _build(self) -> None:
        self.ip("switch", "link", "add", "br0", "type", "bridge")
        self.ip("switch", "link", "set", "br0", "up")
        for name, port in self._ports.items():
            self._plug(port, name, "eth0")
            self.address(name, f"{self.address_of(name)}/24")
            self.multicast(name)
        self._cameras()
        self.cable("box", "far", port="wan0", other_port="wan0")
        self.address("box", f"{BOX_UPLINK}/24", port="wan0")
        self.address("far", f"{FAR}/24", port="wan0")

    def address_of(self, name: str) -> str:
        """Of the box, a contender or the witness, on the LAN."""
        return f"{NET}.{10 + list(self._ports).index(name)}"

    def _plug(self, port: str, name: str, there: str) -> None:
        self.cable("switch", name, port=port, other_port=there)
        self.ip("switch", "link", "set", port, "master", "br0", "up")

    def _cameras(self) -> None:
        """Each answers ARP for its own addresses alone, and sends by its own interface."""
        settings = "cd /proc/sys/net/ipv4/conf; echo 1 >all/arp_ignore; echo 2 >all/arp_announce; echo 0 >all/rp_filter"
        run(*self.inside("cams"), "sh", "-c", f"{settings}; echo 0 >default/rp_filter")
        for one in CAST:
            port, table = f"c{one.number}", str(100 + one.number)
            self._plug(f"p{one.number}", "cams", port)
            self.address("cams", f"{one.address}/24", f"{one.spare}/24", port=port)
            for address in (one.address, one.spare):
                self.ip("cams", "rule", "add", "from", address, "lookup", table)
            self.ip("cams", "route", "add", f"{NET}.0/24", "dev", port, "table", table)
            self.ip("cams", "route", "add", "239.0.0.0/8", "dev", port, "table", table)
        self.multicast("cams", "c1")
        mute = [f"ip daddr {one.address} icmp type echo-request drop" for one in CAST if one.mute_icmp]
        self.rules("cams", mute)

    # ---- what is done to it ---------------------------------------------------------------------

    def unplug(self, actor: Actor, out: bool) -> None:
        self.ip("switch", "link", "set", f"p{actor.number}", "down" if out else "up")

    def cut(self, kind: Cut, begins: bool) -> None:
        """Our own side fails, and every contender's with it; the cameras and the witness notice nothing."""
        if kind == "uplink":
            for name in ("far", "heartbeat"):  # who listens to heartbeats sits at the center too
                self.rules(name, ["iifname != lo drop"] if begins else [])
            return
        for name in self._cut_off:
            port = self._ports[name]
            if kind == "silent":
                self.ip("switch", "link", "set", port, *(("nomaster",) if begins else ("master", "br0")))
            else:
                self.ip("switch", "link", "set", port, "down" if begins else "up")

    # ---- what it carried ------------------------------------------------------------------------

    def carried(self, name: str) -> int:
        """Bytes between this host and the switch so far, both ways."""
        return _bytes(run("ip", "-n", self["switch"], "-s", "-j", "link", "show", "dev", self._ports[name]))

    def uplinked(self) -> int:
        """Bytes between the box and the center so far, both ways."""
        return _bytes(run("ip", "-n", self["far"], "-s", "-j", "link", "show", "dev", "wan0"))


def _bytes(told: str) -> int:
    links: list[dict[str, Any]] = json.loads(told)
    return sum(int(links[0]["stats64"][way]["bytes"]) for way in ("rx", "tx"))
