"""A real Chromium without a window, told what to do through a pipe: DevTools' own protocol, and no driver between.

A script that a test runs in a page is not bound by the page's policy; what the page itself does is.
"""

import json
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from tests.support.waiting import PATIENCE_S

QUIET = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync")
QUIET += ("--disable-background-networking", "--disable-component-update", "--hide-scrollbars")
"""No sandbox: root has none, and the pages are our own."""
PIPES = 'exec 3<&"$1" 4>&"$2"; shift 2; exec "$@"'
"""It reads from descriptor 3 and writes to 4."""
KEYS = {"Tab": (9, ""), "Enter": (13, "\r"), "ArrowDown": (40, "")}
"""Name -> its number, and what it types."""


class Missing(Exception):
    """It cannot be run here; the text says why."""


def program() -> str:
    """Raises Missing."""
    found = shutil.which("chromium")
    if not found:
        raise Missing("Chromium is not installed (Debian: chromium)")
    return found


class Chromium:
    """`with Chromium() as browser:`. Raises Missing."""

    def __init__(self) -> None:
        self._program = program()
        self._number = 0
        self._session = ""
        self._text = b""
        self._events: list[dict[str, Any]] = []

    def __enter__(self) -> Self:
        self._home = tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True)
        theirs_in, self._out = os.pipe()
        self._in, theirs_out = os.pipe()
        command = ["bash", "-c", PIPES, "_", str(theirs_in), str(theirs_out), self._program, *QUIET]
        self._process = subprocess.Popen(
            [*command, "--remote-debugging-pipe", f"--user-data-dir={self._home.name}", "about:blank"],
            pass_fds=(theirs_in, theirs_out),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        os.close(theirs_in)
        os.close(theirs_out)
        target = self.tell("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.tell("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Runtime"):
            self.tell(f"{domain}.enable")
        self.tell("Emulation.setFocusEmulationEnabled", enabled=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._out)  # then it ends by itself
        try:
            self._process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        os.close(self._in)
        self._home.cleanup()

    # ---- what a test does

    def look(self, width: int, height: int = 900) -> None:
        """How large the page is, in CSS pixels."""
        told = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.tell("Emulation.setDeviceMetricsOverride", **told)

    def cookie(self, url: str, name: str, value: str) -> None:
        self.tell("Network.clearBrowserCookies")
        self.tell("Network.setCookie", url=url, name=name, value=value, httpOnly=True)

    def open(self, url: str) -> None:
        """Until it is loaded."""
        self.loading(lambda: self.tell("Page.navigate", url=url))

    def loading(self, act: Callable[[], object]) -> None:
        """Until the page that `act` leads to is loaded."""
        self._events.clear()
        act()
        self._until(lambda: any(one["method"] == "Page.loadEventFired" for one in self._events))

    def run(self, script: str) -> Any:
        """What an expression of JavaScript is in the page, a promise fulfilled. Raises RuntimeError where it fails."""
        told = self.tell("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in told:
            raise RuntimeError(str(told["exceptionDetails"])[:2000])
        return told["result"].get("value")

    def press(self, key: str) -> None:
        """One of KEYS, down and up."""
        number, text = KEYS[key]
        told: dict[str, Any] = {"key": key, "code": key, "windowsVirtualKeyCode": number}
        down = {"type": "keyDown", "text": text} if text else {"type": "rawKeyDown"}
        self.tell("Input.dispatchKeyEvent", **down, **told)
        self.tell("Input.dispatchKeyEvent", type="keyUp", **told)

    def write(self, text: str) -> None:
        """Where the focus is."""
        self.tell("Input.insertText", text=text)

    # ---- the protocol

    def tell(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Its answer. Raises RuntimeError where it is an error."""
        self._number += 1
        told: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            told["sessionId"] = self._session
        os.write(self._out, json.dumps(told).encode() + b"\0")
        answers: list[dict[str, Any]] = []
        self._until(lambda: answers, answers, self._number)
        if "error" in answers[0]:
            raise RuntimeError(f"{method}: {answers[0]['error']}")
        result: dict[str, Any] = answers[0]["result"]
        return result

    def _until(
        self, condition: Callable[[], object], answers: list[dict[str, Any]] | None = None, number: int = 0
    ) -> None:
        """Takes in what it says until the condition holds; `answers` gets the answer of that number."""
        while not condition():
            one = self._next()
            if "id" not in one:
                self._events.append(one)
            elif answers is not None and one["id"] == number:
                answers.append(one)

    def _next(self) -> dict[str, Any]:
        end = time.monotonic() + PATIENCE_S
        while b"\0" not in self._text:
            ready, _, _ = select.select([self._in], [], [], max(0, end - time.monotonic()))
            part = os.read(self._in, 1 << 20) if ready else b""
            if not part:
                raise RuntimeError("Chromium says nothing" if not ready else "Chromium has ended")
            self._text += part
        line, _, self._text = self._text.partition(b"\0")
        told: dict[str, Any] = json.loads(line)
        return told
