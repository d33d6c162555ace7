"""The capability child against hostile cameras: nothing escapes, nothing hangs, nothing bursts."""

import contextlib
import gzip
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agent.ask import inspection
from agent.ask.jobs import Job, decode_answer, encode_job
from agent.model import Camera, Capabilities, NotSeen, Seen
from contract.vocabulary import Reason
from tests.agent.ask.devices import (
    ENVELOPE,
    PASSWORD,
    Device,
    Onvif,
    Request,
    http,
    service,
    soap,
)
from tests.agent.ask.questioned import interviewed, reason


def drip() -> Iterator[bytes]:
    yield b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n<"
    while True:
        time.sleep(0.2)
        yield b" "


def endless() -> Iterator[bytes]:
    yield b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    while True:
        yield b"10000\r\n" + b" " * 65_536 + b"\r\n"


class Evil(Onvif):
    """A camera that gives one answer to all but the question for its clock."""

    def __init__(self, answer: Callable[[], bytes | Iterator[bytes] | None]) -> None:
        super().__init__()
        self._answer = answer

    def __call__(self, request: Request) -> bytes | Iterator[bytes] | None:
        return super().__call__(request) if request.operation == "GetSystemDateAndTime" else self._answer()


ATTRIBUTES = " ".join(f'a{i}="1"' for i in range(24_000))
ATTACKS: dict[str, tuple[Callable[[], bytes | Iterator[bytes] | None], Reason]] = {
    "silent": (lambda: None, Reason.TIMED_OUT),
    "drip": (drip, Reason.TIMED_OUT),
    "endless": (endless, Reason.HOSTILE),
    "large": (lambda: http(b" " * 10_000_000), Reason.HOSTILE),
    "gzip": (lambda: http(gzip.compress(b" " * 50_000_000), headers="Content-Encoding: gzip\r\n"), Reason.HOSTILE),
    "multipart": (
        lambda: http("--x\r\n" * 9000, headers="Content-Type: multipart/related; boundary=x\r\n"),
        Reason.HOSTILE,
    ),
    "doctype": (lambda: http('<!DOCTYPE x [<!ENTITY a "a">]>' + ENVELOPE.format("&a;")), Reason.HOSTILE),
    "attributes": (lambda: soap(f"<GetProfilesResponse {ATTRIBUTES}/>"), Reason.HOSTILE),
    "deep": (lambda: soap("<a>" * 12_000 + "</a>" * 12_000), Reason.MALFORMED),
    "headers": (lambda: http("", headers="X: y\r\n" * 100_000), Reason.HOSTILE),
    "noise": (lambda: bytes(range(256)) * 100, Reason.MALFORMED),
}


def test_hostile_cameras_cost_neither_memory_nor_the_others() -> None:
    """Attacks of one batch end in the right reason in time; a good camera among them is asked as if it were alone."""
    devices = {name: Device(Evil(answer)) for name, (answer, _) in ATTACKS.items()}
    with contextlib.ExitStack() as stack:
        good = stack.enter_context(Device(Onvif(login="wsse")))
        cameras = [stack.enter_context(device).camera(name, PASSWORD) for name, device in devices.items()]
        began = time.monotonic()
        told, peak_mb = in_a_child(*cameras, good.camera("good", PASSWORD), deadline_s=6)
        assert time.monotonic() - began < 9
    assert isinstance(told["good"].stream_uri, Seen)
    found = {name: reason(told[name].profiles) for name in ATTACKS if name != "attributes"}
    assert found == {name: expected for name, (_, expected) in ATTACKS.items() if name != "attributes"}
    assert reason(told["attributes"].nodes) is Reason.HOSTILE  # 260 kB, and only lists of profiles may be so long
    assert 10 < peak_mb < 100


def in_a_child(*cameras: Camera, deadline_s: float) -> tuple[dict[str, Capabilities], float]:
    """What a child of our own answers, and its peak memory in MB."""
    with capability_child() as child:
        assert child.stdin
        assert child.stdout
        lines = [encode_job(Job(camera=camera, log_in=True, deadline_s=deadline_s)) for camera in cameras]
        child.stdin.write(b"\n".join(lines) + b"\n\n")
        child.stdin.flush()
        answers, peak_kib = [], 0
        for line in child.stdout:
            answers.append(decode_answer(line))
            peak_kib = max(peak_kib, high_water_kib(child.pid))
    return {answer.slot: answer.capabilities for answer in answers}, peak_kib / 1024


def high_water_kib(pid: int) -> int:
    """Largest resident size so far; that of wait4 would count what the process was before it became the child."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1])
    return 0


@contextlib.contextmanager
def capability_child() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-m", inspection.CHILD],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={"PYTHONPATH": str(Path.cwd())},
    )
    with contextlib.suppress(ChildProcessError):
        yield process
    process.stdin.close()
    process.stdout.close()


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(status: int) -> None:
    """Another host named in a redirect gets neither a connection nor a byte, and the question is HOSTILE."""
    with Device(Onvif()) as other:
        target = f"http://{other.address}:{other.port}/onvif/device_service"
        with Device(Evil(lambda: http("", status, f"Location: {target}\r\n"))) as device:
            told = interviewed(device.camera(password=PASSWORD))
        assert reason(told.device) is Reason.HOSTILE
        assert other.connections == 0


@pytest.mark.parametrize(
    "where", ["http://{a}:{p}/onvif/x", "http://{a}/onvif/x", "http://u:p@{a}:{p}/x", "//{a}:{p}/x"]
)
def test_an_xaddr_elsewhere_is_not_followed(where: str) -> None:
    """Another host or port named in an XAddr gets no connection; the login goes to the enrolled address alone."""
    with Device(Onvif()) as other:
        xaddr = where.format(a=other.address, p=other.port)
        lists = "".join(service(name, xaddr) for name in ("10/device", "10/media", "20/ptz", "20/imaging"))
        with Device(Onvif(login="wsse", GetServices=lists)) as device:
            told = interviewed(device.camera(password=PASSWORD))
            assert any(request.token for request in device.requests)
        assert other.connections == 0
    assert isinstance(told.nodes, Seen)


def test_an_open_basic_challenge_gets_no_password() -> None:
    """A camera that asks for Basic is refused it: the password goes out neither in clear nor as a second login."""
    basic = http("", 401, 'WWW-Authenticate: Basic realm="x"\r\n')
    with Device(Evil(lambda: basic)) as device:
        told = interviewed(device.camera(password=PASSWORD))
        assert not any("authorization: basic" in request.head.lower() for request in device.requests)
        assert not any(PASSWORD in request.head + request.body for request in device.requests)
    assert reason(told.device) is Reason.REFUSED


def test_a_camera_that_is_gone_is_soon_left_alone() -> None:
    """After two questions without connection the others are not asked, and say so."""
    with Device(Onvif()) as device:
        camera = device.camera()
    began = time.monotonic()
    told = interviewed(camera)
    assert time.monotonic() - began < 3
    assert reason(told.services) is Reason.UNREACHABLE
    assert isinstance(told.stream_uri, NotSeen)
    assert isinstance(told.audio_sources, NotSeen)
    assert told.audio_sources.detail == "not asked: the camera had stopped answering"
    assert told.audio_sources.attempts == 0


def test_the_password_shows_nowhere() -> None:
    """Neither command line nor environment of the child, nor what it answers, holds the password."""
    with Device(lambda _: None) as silent, capability_child() as child:
        assert child.stdin
        job = encode_job(Job(camera=silent.camera(password=PASSWORD), log_in=True, deadline_s=1))
        assert PASSWORD.encode() in job
        child.stdin.write(job + b"\n\n")
        child.stdin.flush()
        while not silent.requests:
            time.sleep(0.01)
        shown = b"".join(Path(f"/proc/{child.pid}/{name}").read_bytes() for name in ("cmdline", "environ"))
        assert child.stdout
        shown += child.stdout.read()
    assert b"MALLOC" in shown or b"PYTHONPATH" in shown
    assert PASSWORD.encode() not in shown
