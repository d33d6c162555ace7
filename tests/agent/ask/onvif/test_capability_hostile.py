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
from agent.ask.onvif.jobs import Job, decode_answer, encode_job
from agent.model import Camera, Capabilities, NotSeen, Seen
from contract.vocabulary import Reason
from tests.agent.ask.onvif.devices import (
    ENVELOPE,
    PASSWORD,
    Device,
    Onvif,
    Request,
    http,
    service,
    soap,
)
from tests.agent.ask.onvif.questioned import interviewed, reason
from tests.support.waiting import PATIENCE_S, until


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


Attack = tuple[Callable[[], bytes | Iterator[bytes] | None], Reason]


def attributes(count: int) -> bytes:
    many = " ".join(f'a{i}="1"' for i in range(count))
    return soap(f"<GetProfilesResponse {many}/>")


def pieces(size: int, piece: bytes, *, marked: bool) -> Iterator[bytes]:
    """A body of that size, with Content-Length or without, of which no more is made than is taken."""
    yield b"HTTP/1.1 200 OK\r\n" + (b"Content-Length: %d\r\n" % size if marked else b"") + b"\r\n"
    for _ in range(size // len(piece)):
        yield piece


def declared(dtd: str, content: str = "&x;") -> bytes:
    return http(f"<!DOCTYPE r {dtd}>" + ENVELOPE.format(f"<GetServicesResponse>{content}</GetServicesResponse>"))


LAUGHS = "".join('<!ENTITY a%d "%s">' % (n, f"&a{n - 1};" * 10) for n in range(1, 12))  # noqa: UP031 - quotes in quotes


def attacks(elsewhere: str) -> dict[str, Attack]:
    """`elsewhere`: a host and port that nobody may hear from. What is costly to make is made before anybody asks."""
    zipped = http(gzip.compress(b" " * 50_000_000, 1), headers="Content-Encoding: gzip\r\n")
    many, most, deepest = attributes(24_000), attributes(90_000), soap("<a>" * 300_000)
    hostile: dict[str, Callable[[], bytes | Iterator[bytes] | None]] = {
        "endless": endless,
        "large": lambda: http(b" " * 10_000_000),
        "text": lambda: pieces(400_000_000, b"x" * 65_536, marked=True),
        "unmarked text": lambda: pieces(400_000_000, b"x" * 65_536, marked=False),
        "gzip": lambda: zipped,
        "multipart": lambda: http("--x\r\n" * 9000, headers="Content-Type: multipart/related; boundary=x\r\n"),
        "elements": lambda: pieces(12_000_000, b"<a/>" * 10_000, marked=True),
        "90,000 attributes": lambda: most,
        "deepest": lambda: deepest,
        "headers": lambda: http("", headers="X: y\r\n" * 100_000),
        "doctype": lambda: declared('[<!ENTITY x "a">]'),
        "doctype in UTF-16": lambda: http(f'<!DOCTYPE r SYSTEM "http://{elsewhere}/x">'.encode("utf-16") + soap("")),
        "external DTD": lambda: declared(f'SYSTEM "http://{elsewhere}/x.dtd"', "<a/>"),
        "entity of a file": lambda: declared('[<!ENTITY x SYSTEM "file:///etc/passwd">]'),
        "entity of a host": lambda: declared(f'[<!ENTITY x SYSTEM "http://{elsewhere}/x">]'),
        "parameter entity": lambda: declared(f'[<!ENTITY % p SYSTEM "http://{elsewhere}/x.dtd"> %p;]', "<a/>"),
        "laughs": lambda: declared(f'[<!ENTITY a0 "ha">{LAUGHS}]', "&a11;"),
        "quadratic": lambda: declared("[<!ENTITY x '" + "x" * 50_000 + "'>]", "&x;" * 10_000),
        "redirect": lambda: http("", 307, f"Location: http://{elsewhere}/onvif/device_service\r\n"),
        "redirect to a file": lambda: http("", 302, "Location: file:///etc/passwd\r\n"),
        "redirect in a ring": lambda: http("", 307, "Location: /onvif/device_service\r\n"),
    }
    return {
        "silent": (lambda: None, Reason.TIMED_OUT),
        "drip": (drip, Reason.TIMED_OUT),
        "deep": (lambda: soap("<a>" * 12_000 + "</a>" * 12_000), Reason.MALFORMED),
        "truncated": (lambda: http(ENVELOPE.format("<GetServicesResponse><Service>")[:-30]), Reason.MALFORMED),
        "noise": (lambda: bytes(range(256)) * 100, Reason.MALFORMED),
        "24,000 attributes": (lambda: many, Reason.HOSTILE),
        **{name: (answer, Reason.HOSTILE) for name, answer in hostile.items()},
    }


def test_hostile_cameras_cost_neither_memory_nor_the_others() -> None:
    """Attacks of one batch end in the right reason within 10 s and 150 MB; a good camera among them is asked as ever.

    No other host hears of it, and no login goes out in clear.
    """
    with contextlib.ExitStack() as stack:
        canary = stack.enter_context(Device(Onvif()))
        every = attacks(f"{canary.address}:{canary.port}")
        devices = {name: stack.enter_context(Device(Evil(answer))) for name, (answer, _) in every.items()}
        good = stack.enter_context(Device(Onvif(login="wsse")))
        cameras = [device.camera(name, PASSWORD) for name, device in devices.items()]
        _, ready_s, _ = in_a_child(good.camera("first", PASSWORD), deadline_s=60)
        told, took_s, peak_mb = in_a_child(*cameras, good.camera("good", PASSWORD), deadline_s=7)
        assert took_s < 10 + ready_s  # to start takes a second, and ten on a busy machine: no camera's doing
        assert canary.connections == 0
        said = [request.head + request.body for device in devices.values() for request in device.requests]
    assert isinstance(told["good"].stream_uri, Seen)
    long = ("24,000 attributes", "90,000 attributes", "deepest")  # 260 kB to 1 MB, and only lists may be so long
    found = {name: reason(told[name].device if name in long else told[name].profiles) for name in every}
    assert found == {name: expected for name, (_, expected) in every.items()}
    assert not any(PASSWORD in text or "authorization: basic" in text.lower() for text in said)
    assert 10 < peak_mb < 150


def test_before_enrolment_no_login_is_sent() -> None:
    """A camera without credentials in the settings is asked without any, whatever it demands."""
    for login in ("wsse", "digest"):
        with Device(Onvif(login=login)) as device:
            told = interviewed(device.camera())
            assert not any(request.token or "authorization:" in request.head.lower() for request in device.requests)
        assert reason(told.device) is Reason.REFUSED


def in_a_child(*cameras: Camera, deadline_s: float) -> tuple[dict[str, Capabilities], float, float]:
    """What a child of our own answers, how long it took, and its peak memory in MB."""
    began = time.monotonic()
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
    took_s = time.monotonic() - began
    return {answer.slot: answer.capabilities for answer in answers}, took_s, peak_kib / 1024


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
    with capability_child() as child:
        with Device(lambda _: None) as silent:
            assert child.stdin
            job = encode_job(Job(camera=silent.camera(password=PASSWORD), log_in=True, deadline_s=PATIENCE_S))
            assert PASSWORD.encode() in job
            child.stdin.write(job + b"\n\n")
            child.stdin.flush()
            until(lambda: silent.requests)
            shown = b"".join(Path(f"/proc/{child.pid}/{name}").read_bytes() for name in ("cmdline", "environ"))
        assert child.stdout  # the camera is gone, so that the child ends
        shown += child.stdout.read()
    assert b"MALLOC" in shown or b"PYTHONPATH" in shown
    assert PASSWORD.encode() not in shown
