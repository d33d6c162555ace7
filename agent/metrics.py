"""What a Prometheus may ask of a running agent, over HTTP on loopback: the status file as figures. Off unless wanted.

Written by hand: a library for it would take a tenth of the memory that the agent may have.
"""

import contextlib
import logging
import math
import socket
import time
from collections.abc import Iterator
from pathlib import Path

from agent import status
from agent.ask.attempt import boot_ms
from agent.ask.box.clocks import boot_id
from agent.status import Status
from agent.threads import Threaded
from contract.messages import BROKEN_JSON
from contract.vocabulary import Availability, Rung

log = logging.getLogger(__name__)

ADDRESS = "127.0.0.1"
TYPE = "text/plain; version=0.0.4; charset=utf-8"
ASKED_S = 2.0
"""Who asks has so long to do it, and to take the answer: one at a time is served."""
MAX_ASKED = 8192
RETRY_S = 10.0
_RUNGS = list(Rung)


class MetricsServer(Threaded):
    """Answers GET /metrics until the process ends."""

    def __init__(self, port: int, file: Path) -> None:
        super().__init__("metrics", self._serve)
        self._port, self._file = port, file

    def _serve(self) -> None:
        with self._listening() as server:
            while True:
                asked, _ = server.accept()
                with asked, contextlib.suppress(OSError):
                    asked.sendall(self._answer(_head(asked)))

    def _listening(self) -> socket.socket:
        """As soon as the port can be had; that it cannot is said once."""
        said = False
        while True:
            try:
                return socket.create_server((ADDRESS, self._port), backlog=8)
            except OSError as error:
                if not said:
                    log.warning("metrics: port %d cannot be had: %s", self._port, error.strerror)
                said = True
                time.sleep(RETRY_S)

    def _answer(self, head: bytes) -> bytes:
        line = head.split(b"\r\n", 1)[0].split()
        if line[:1] != [b"GET"] or line[1:2] != [b"/metrics"]:
            return _response("404 Not Found", "GET /metrics\n")
        try:
            now = status.read(self._file)
        except (OSError, *BROKEN_JSON):
            return _response("503 Service Unavailable", "no status yet\n")
        return _response("200 OK", exposition(now, status.age_s(now, boot_id(), boot_ms())))


def _head(asked: socket.socket) -> bytes:
    head, end = b"", time.monotonic() + ASKED_S
    while b"\r\n\r\n" not in head and len(head) < MAX_ASKED:
        asked.settimeout(max(0.001, end - time.monotonic()))  # byte by byte is no way to hold us for longer
        if not (more := asked.recv(MAX_ASKED)):
            break
        head += more
    asked.settimeout(ASKED_S)
    return head


def _response(code: str, text: str) -> bytes:
    body = text.encode()
    head = f"HTTP/1.1 {code}\r\nContent-Type: {TYPE}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    return head.encode() + body


def exposition(now: Status, age_s: float) -> str:
    """All figures in Prometheus' text format. `age_s`: seconds since the status was written."""
    return "".join(_figures(now, age_s))


def _figures(now: Status, age_s: float) -> Iterator[str]:
    yield _one("info", "What runs.", 1, version=now.version, gateway=f"{now.city}/{now.gateway}", policy=now.policy)
    yield _one("status_age_seconds", "Since these figures were written.", age_s)
    yield _one("uplink_connected", "Whether the line to the broker stands.", now.uplink.connected)
    yield _one("events_pending", "Events that the center has not acknowledged.", now.uplink.pending)
    yield _one("journal_durable", "Whether events survive a power cut.", now.journal.durable)
    yield _one("clock_synchronized", "Whether the kernel says that the clock is disciplined.", now.clock.synced)
    yield _one("clock_trusted", "Whether nothing speaks against the clock.", not now.clock.untrusted)
    yield _one("configuration_current", "0: the last good one runs in place of a bad one.", not now.config)
    yield _head_of("camera_availability", "1 at the state in which the camera is.")
    for camera in now.cameras:
        for state in Availability:
            yield _sample("camera_availability", camera.availability == state, slot=camera.slot, state=state)
    yield _head_of("camera_rung", "How far a look gets: 0 unreachable, 3 streams, 4 picture.")
    for camera in now.cameras:
        yield _sample("camera_rung", _RUNGS.index(camera.level), slot=camera.slot)
    yield _head_of("camera_sound", "Whether the picture is sound; absent while that is not known.")
    for camera in now.cameras:
        if camera.picture.sound is not None and not camera.picture.old:
            yield _sample("camera_sound", camera.picture.sound, slot=camera.slot)
    yield _head_of("camera_login_paused", "Whether a refused login pauses.")
    for camera in now.cameras:
        yield _sample("camera_login_paused", camera.login_paused, slot=camera.slot)


def _one(name: str, text: str, value: float, **labels: str) -> str:
    return _head_of(name, text) + _sample(name, value, **labels)


def _head_of(name: str, text: str) -> str:
    return f"# HELP canteen_{name} {text}\n# TYPE canteen_{name} gauge\n"


def _sample(name: str, value: float, **labels: str) -> str:
    told = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
    figure = "+Inf" if value == math.inf else int(value) if value == int(value) else round(value, 3)
    return f"canteen_{name}{{{told}}} {figure}\n" if told else f"canteen_{name} {figure}\n"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
