"""TCP to addresses that WS-Discovery left silent."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from agent.ask.discovery.round import HELLO_ONLY, DiscoveryOptions, probe
from agent.ask.discovery.tcp_probe import knock
from agent.model import DiscoveredDevice
from tests.agent.ask.discovery.test_round import new_address

CLOCK = (
    b'<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:t="http://www.onvif.org/ver10/schema"><s:Body>'
    b"<r><t:UTCDateTime><t:Time><t:Hour>1</t:Hour><t:Minute>2</t:Minute><t:Second>3</t:Second></t:Time>"
    b"<t:Date><t:Year>2024</t:Year><t:Month>5</t:Month><t:Day>6</t:Day></t:Date></t:UTCDateTime></r>"
    b"</s:Body></s:Envelope>"
)


@contextmanager
def http(address: str, port: int, status: int, body: bytes) -> Iterator[list[str]]:
    """A server that gives one answer to all; yields what it was asked, with any Authorization header."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(f"{self.path} {self.headers.get('Authorization', '')}")
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer((address, port), Handler)
    thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_camera_with_discovery_switched_off_is_found_by_its_clock() -> None:
    """An address that answers GetSystemDateAndTime at one of the ports is a camera; it was shown no credentials."""
    address = new_address()
    with http(address, 8899, 200, CLOCK) as asked:
        (device,) = knock([address], [8000, 8899], {address: "bc:ba:c2:aa:bb:cc"}, seconds=5)
    assert (device.address, device.port, device.mac) == (address, 8899, "bc:ba:c2:aa:bb:cc")
    assert device.notes
    assert asked == ["/onvif/device_service "]


def test_one_that_announced_itself_earlier_is_found_by_its_clock() -> None:
    """Silent to probes and heard before: asked at the port that it announced, and found with what it said of itself."""
    address = new_address()
    earlier = DiscoveredDevice(address=address, port=18_999, name="Kitchen", epr="urn:uuid:1")
    options = DiscoveryOptions(interfaces=("lo",), duration_s=1.0, knock_s=5)
    with http(address, 18_999, 200, CLOCK):
        found = probe(options, announced=[earlier])
    (device,) = [one for one in found.found if one.address == address]
    assert (device.port, device.name, device.epr, device.notes) == (18_999, "Kitchen", "urn:uuid:1", (HELLO_ONLY,))
    assert [one for one in found.announced if one.address == address] == []


@pytest.mark.parametrize(("status", "body"), [(401, b""), (200, b"<html/>"), (404, b""), (200, CLOCK[:60])])
def test_a_web_page_is_no_camera(status: int, body: bytes) -> None:
    """A login page, HTML, an error and half an envelope are not taken for a camera."""
    address = new_address()
    with http(address, 8000, status, body) as asked:
        assert knock([address], [8000], {}, seconds=5) == ()
    assert asked


def test_many_silent_hosts_end_at_the_deadline() -> None:
    """Hosts that accept and say nothing cost no more than the seconds given, however many they are."""
    with ExitStack() as stack:
        hosts = [new_address() for _ in range(40)]
        for host in hosts:
            stack.enter_context(socket.create_server((host, 8000)))
        began = time.monotonic()
        assert knock(hosts, [8000], {}, seconds=0.5) == ()
        assert time.monotonic() - began < 1.5


def test_only_the_silent_are_knocked_at() -> None:
    """Known and configured addresses that UDP did not find are asked over TCP, unless that is switched off."""
    known, hidden, stranger = new_address(), new_address(), new_address()
    options = DiscoveryOptions(interfaces=("nope",), subnets=(f"{hidden}/32",), duration_s=0.1)
    with ExitStack() as stack:
        asked = [stack.enter_context(http(address, 8080, 200, CLOCK)) for address in (known, hidden, stranger)]
        found = probe(options, known=[known])
        assert [device.address for device in found.found] == [known, hidden]
        assert [len(each) for each in asked] == [1, 1, 0]
        assert knock([known], [8080], {}, seconds=0) == ()
