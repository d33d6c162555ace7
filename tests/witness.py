"""What a process and its children show of themselves while they run, and the search for secrets and pictures in it."""

import base64
import re
import subprocess
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import psutil

IMAGES = re.compile(rb"\xff\xd8\xff[\xc0-\xfe]|\x00\x00\x01[\x65\x67\x68]|/9j/[A-Za-z0-9+/]{40}")
"""How JPEG and H.264 begin, the former in Base64 too."""


class Life(NamedTuple):
    """One process as it was seen."""

    words: str
    seen_s: float
    largest_bytes: int
    limit_bytes: int


class Witness:
    """Looks at a process and all its children twenty times a second: argv, environment, memory, how long they live."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._root = psutil.Process(process.pid)
        self.shown = ""
        self.peak_rss = 0
        self.children: dict[int, Life] = {}
        self._began: dict[int, float] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def end(self) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(0.05):
            with suppress(psutil.Error, OSError):
                self.peak_rss = max(self.peak_rss, self._root.memory_info().rss)
                self._show(self._root)
                for child in self._root.children(recursive=True):
                    with suppress(psutil.Error, OSError):
                        self._see(child)

    def _show(self, process: psutil.Process) -> str:
        words = " ".join(process.cmdline())
        raw = Path(f"/proc/{process.pid}/environ").read_bytes().decode("utf-8", "replace")
        if (text := words + raw) not in self.shown:
            self.shown += text + "\n"
        return words

    def _see(self, child: psutil.Process) -> None:
        words, now = self._show(child), time.monotonic()
        began = self._began.setdefault(child.pid, now)
        before = self.children.get(child.pid)
        known = before.largest_bytes if before and before.words == words else 0  # before exec it is its parent's copy
        largest = max(known, child.memory_info().vms)
        self.children[child.pid] = Life(words, now - began, largest, child.rlimit(psutil.RLIMIT_AS)[0])


def peak_rss(pid: int) -> int:
    high = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    assert high
    return int(high[1]) * 1024


def forms(secret: str) -> set[bytes]:
    """A secret in clear and in every dress it might slip out in."""
    raw = secret.encode()
    dressed = {raw, quote(secret, safe="").encode(), raw.hex().encode(), raw.hex().upper().encode()}
    dressed |= {base64.b64encode(text) for text in (raw, b"admin:" + raw)}
    return dressed | {
        base64.urlsafe_b64encode(raw).rstrip(b"="),
        repr(secret)[1:-1].encode(),
        ascii(secret)[1:-1].encode(),
    }


def leaks(secrets: list[str], texts: dict[str, bytes]) -> list[str]:
    return [where for where, text in texts.items() for secret in secrets if any(form in text for form in forms(secret))]


def contents(*folders: Path) -> dict[str, bytes]:
    found = {}
    for folder in folders:
        for file in folder.rglob("*"):
            if file.is_file() and not file.name.endswith(".password"):
                found[str(file)] = file.read_bytes()
    return found
