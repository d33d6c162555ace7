"""Two network namespaces joined by a cable, and what nft does to the traffic on it. Needs root."""

import re
import subprocess
import uuid
from types import TracebackType

NETWORK = "10.78.0"


class Cable:
    """`box`: namespace of the gateway, NETWORK.1; `lan`: that of the cameras, NETWORK.11 and up."""

    def __init__(self, cameras: int) -> None:
        self._cameras = cameras
        self.box, self.lan = (f"chaos-{uuid.uuid4().hex[:8]}" for _ in range(2))

    def __enter__(self) -> "Cable":
        try:
            self._lay()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def _lay(self) -> None:
        for name in (self.box, self.lan):
            _run("ip", "netns", "add", name)
            _run("ip", "-n", name, "link", "set", "lo", "up")
        _run("ip", "link", "add", "eth0", "netns", self.box, "type", "veth", "peer", "name", "eth0", "netns", self.lan)
        hosts = {self.box: [1], self.lan: [11 + i for i in range(self._cameras)]}
        for name, numbers in hosts.items():
            for number in numbers:
                _run("ip", "-n", name, "addr", "add", f"{NETWORK}.{number}/24", "dev", "eth0")
            _run("ip", "-n", name, "link", "set", "eth0", "up")
            _run("ip", "-n", name, "route", "add", "239.0.0.0/8", "dev", "eth0")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name in (self.box, self.lan):
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True, timeout=20)

    def inside(self, namespace: str) -> tuple[str, ...]:
        return ("ip", "netns", "exec", namespace)

    def rules(self, namespace: str, *rules: str) -> None:
        """Replaces the filter on what arrives there."""
        text = ["add table inet chaos", "delete table inet chaos", "add table inet chaos"]
        text.append("add chain inet chaos arriving { type filter hook input priority 0; }")
        text += [f"add rule inet chaos arriving {rule}" for rule in rules]
        _run(*self.inside(namespace), "nft", "-f", "-", given="\n".join(text) + "\n")

    def counted(self, namespace: str) -> int:
        """Packets of all rules with a counter."""
        listed = _run(*self.inside(namespace), "nft", "list", "table", "inet", "chaos")
        return sum(map(int, re.findall(r"counter packets (\d+)", listed)))


def _run(*words: str, given: str | None = None) -> str:
    done = subprocess.run(words, input=given, capture_output=True, text=True, timeout=20, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(words)}: {done.stderr.strip()}")
    return done.stdout
