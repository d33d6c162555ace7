"""A canteen's network in namespaces: a switch with the box and two cameras, and an uplink to broker and center.

Every name is made anew, so that several can stand side by side. Needs root.
"""

import os
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

BOX, UPLINK, BOX_UPLINK = "192.168.1.10", "10.44.0.1", "10.44.0.2"


class Site:
    """The names of the namespaces: `box`, `far` (broker and center), and one per address of `cameras`."""

    def __init__(self, cameras: tuple[str, ...]) -> None:
        self._tag = uuid.uuid4().hex[:6]
        self.box, self.far, self.switch = (self._name(what) for what in ("box", "far", "switch"))
        self.cameras = {address: self._name(f"cam{index}") for index, address in enumerate(cameras)}

    def _name(self, what: str) -> str:
        return f"field-{self._tag}-{what}"

    def inside(self, host: str, *command: str) -> list[str]:
        """The command, in the network of that host."""
        return ["ip", "netns", "exec", host, *command]

    @contextmanager
    def up(self) -> Iterator[None]:
        """While it lasts the network stands; afterwards nothing of it is left."""
        hosts = (self.switch, self.box, self.far, *self.cameras.values())
        try:
            for host in hosts:
                _ip("netns", "add", host)
                _ip("-n", host, "link", "set", "lo", "up")
            _ip("-n", self.switch, "link", "add", "br0", "type", "bridge")
            _ip("-n", self.switch, "link", "set", "br0", "up")
            self._plug("port0", self.box, BOX)
            for index, (address, host) in enumerate(self.cameras.items(), 1):
                self._plug(f"port{index}", host, address)
            _ip("link", "add", "wan0", "netns", self.box, "type", "veth", "peer", "name", "wan0", "netns", self.far)
            for host, address in ((self.box, BOX_UPLINK), (self.far, UPLINK)):
                _ip("-n", host, "addr", "add", f"{address}/24", "dev", "wan0")
                _ip("-n", host, "link", "set", "wan0", "up")
            yield
        finally:
            for host in hosts:
                subprocess.run(["ip", "netns", "del", host], check=False, capture_output=True)

    def _plug(self, port: str, host: str, address: str) -> None:
        _ip("link", "add", port, "netns", self.switch, "type", "veth", "peer", "name", "eth0", "netns", host)
        _ip("-n", self.switch, "link", "set", port, "master", "br0", "up")
        _ip("-n", host, "addr", "add", f"{address}/24", "dev", "eth0")
        _ip("-n", host, "link", "set", "eth0", "up")
        _ip("-n", host, "route", "add", "239.0.0.0/8", "dev", "eth0")


def _ip(*words: str) -> None:
    environment = os.environ | {"PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin"}
    subprocess.run(["ip", *words], check=True, env=environment)
