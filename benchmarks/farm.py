"""The common counterpart: many ONVIF cameras on loopback addresses, one process, as fast as Python gets (uvloop).

Every answer is the simulator's own, made once and kept; what the farm costs, it costs all contenders alike. Run as a
child: python -m benchmarks.farm COUNT DELAY_MS KIND.
"""

import asyncio
import base64
import json
import random
import re
import subprocess
import sys
import threading
import time
from collections import Counter
from typing import Any, NamedTuple, Self

from msgspec import structs

PORT = 8000
USER, PASSWORD = "admin", "canteen-2021"
PATH = "/onvif/device_service"
KINDS = {
    "s": ["device", "media", "ptz", "imaging"],
    "t": ["device", "media", "media2", "ptz", "imaging", "deviceio"],
}
"""Profile S: all contenders can ask everything. Profile T: Media2 and DeviceIO besides, which onvif-zeep cannot ask."""
_ANYWHERE = "192.0.2.1"
"""Stands for the camera's address in kept answers."""
_BODY = re.compile(rb"<(?:[\w.-]+:)?Body\b.*</(?:[\w.-]+:)?Body\s*>", re.DOTALL)
_OPERATION = re.compile(rb"<(?:[\w.-]+:)?Body\b[^>]*>\s*<(?:[\w.-]+:)?(\w+)")
_LENGTH = re.compile(rb"\r\ncontent-length:\s*(\d+)", re.IGNORECASE)
_CLOSE = re.compile(rb"\r\nconnection:\s*close", re.IGNORECASE)


class Asked(NamedTuple):
    """`first`: every request to the first camera, as it came; `counts`: how many each camera got."""

    first: list[bytes]
    counts: dict[str, int]

    def operations(self) -> Counter[str]:
        """What the first camera was asked, and how often."""
        return Counter(match[1].decode() for raw in self.first if (match := _OPERATION.search(raw)))


class Farm:
    """The farm while the context lasts. Raises RuntimeError when it cannot start."""

    def __init__(self, count: int, delay_ms: int = 0, kind: str = "s") -> None:
        self._command = [sys.executable, "-m", "benchmarks.farm", str(count), str(delay_ms), kind]
        self.addresses: list[str] = []

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.addresses = self._told()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def asked(self) -> Asked:
        """What was asked since the last call."""
        assert self._process.stdin
        self._process.stdin.write(b"asked\n")
        self._process.stdin.flush()
        first, counts = self._told()
        return Asked([base64.b64decode(raw) for raw in first], counts)

    def _told(self) -> Any:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the camera farm ended")
        return json.loads(line)


# ---- the child's side ---------------------------------------------------------------------------


class Answers:
    """What the simulated camera says, by path, login and content of the question."""

    def __init__(self, kind: str) -> None:
        from simulator.persona import Auth, personas
        from simulator.unit import CameraSpec, Unit

        listed = KINDS[kind]
        persona = structs.replace(
            personas()["hikvision-dome"], auth=Auth(soap="wsse"), services=listed, capabilities=listed, fault_status=400
        )
        spec = CameraSpec(slot="farm", persona="hikvision-dome", address=_ANYWHERE, onvif_port=PORT, rtsp_port=8554)
        self._unit = Unit(structs.replace(spec, user=USER, password=PASSWORD), persona, None)
        self._kept: dict[tuple[bytes, bool, bytes], tuple[int, bytes]] = {}
        self._until = 0.0

    def to(self, path: bytes, request: bytes) -> tuple[int, bytes]:
        """Status and body, a placeholder where the address stands. The clock is never older than a second."""
        match = _BODY.search(request)
        key = (path, b"UsernameToken" in request, match[0] if match else b"")
        if time.monotonic() > self._until:
            self._until = time.monotonic() + 1
            self._kept = {known: kept for known, kept in self._kept.items() if b"GetSystemDateAndTime" not in known[2]}
        return self._kept.get(key) or self._make(key, request)

    def _make(self, key: tuple[bytes, bool, bytes], request: bytes) -> tuple[int, bytes]:
        from simulator import onvif

        answer = onvif.answer(self._unit, key[0].decode(), request[request.find(b"\r\n\r\n") + 4 :], "")
        if not (key[1] and b"NotAuthorized" in answer.body):  # a bad login must not spoil the next one's answer
            self._kept[key] = answer.status, answer.body
        return answer.status, answer.body


class Log:
    """What was asked since it was last told."""

    def __init__(self, first: str) -> None:
        self._first = first
        self._whole: list[str] = []
        self._counts: Counter[str] = Counter()

    def note(self, address: str, request: bytes) -> None:
        self._counts[address] += 1
        if address == self._first:
            self._whole.append(base64.b64encode(request).decode())

    def tell(self) -> None:
        print(json.dumps([self._whole, self._counts]), flush=True)
        self._whole, self._counts = [], Counter()


class Camera(asyncio.Protocol):
    """One connection to one camera."""

    def __init__(self, address: str, delay_s: float, answers: Answers, log: Log) -> None:
        self._address, self._delay_s, self._answers, self._log = address, delay_s, answers, log
        self._buffer = b""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            match = _LENGTH.search(self._buffer, 0, end + 2)
            whole = end + 4 + (int(match[1]) if match else 0)
            if len(self._buffer) < whole:
                return
            request, self._buffer = self._buffer[:whole], self._buffer[whole:]
            self._reply(request, closes=bool(_CLOSE.search(request, 0, end + 2)))

    def _reply(self, request: bytes, *, closes: bool) -> None:
        self._log.note(self._address, request)
        status, body = self._answers.to(request.split(b" ", 2)[1], request)
        body = body.replace(_ANYWHERE.encode(), self._address.encode())
        head = f"HTTP/1.1 {status} X\r\nContent-Type: application/soap+xml\r\nContent-Length: {len(body)}\r\n\r\n"
        if self._delay_s:
            asyncio.get_running_loop().call_later(self._delay_s, self._write, head.encode() + body, closes)
        else:
            self._write(head.encode() + body, closes)

    def _write(self, reply: bytes, closes: bool) -> None:
        self._transport.write(reply)
        if closes:
            self._transport.close()


async def _serve(count: int, delay_s: float, kind: str) -> None:
    net, start = f"127.{random.randint(16, 250)}", random.randint(1, 200)
    addresses = [f"{net}.{start + i // 250}.{i % 250 + 1}" for i in range(count)]
    answers, log = Answers(kind), Log(addresses[0])
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    for one in addresses:
        await loop.create_server(lambda one=one: Camera(one, delay_s, answers, log), one, PORT)
    print(json.dumps(addresses), flush=True)
    threading.Thread(target=_obey, args=(loop, log, ended), daemon=True).start()
    await ended.wait()


def _obey(loop: asyncio.AbstractEventLoop, log: Log, ended: asyncio.Event) -> None:
    """Each line asks for the log; the end of standard input is the end."""
    for _ in sys.stdin:
        loop.call_soon_threadsafe(log.tell)
    loop.call_soon_threadsafe(ended.set)


if __name__ == "__main__":
    import uvloop

    uvloop.run(_serve(int(sys.argv[1]), int(sys.argv[2]) / 1000, sys.argv[3]))
