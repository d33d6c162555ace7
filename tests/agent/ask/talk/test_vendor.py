"""Vendors' talk paths: recognised by what answers, and never by a camera that answers everything alike."""

from collections.abc import Callable

import pytest

from agent.ask.talk.vendor import vendor_path
from tests import evil

DIGEST = 'WWW-Authenticate: Digest realm="IP Camera", nonce="n", qop="auth"\r\n'
LIST = b"<TwoWayAudioChannelList><TwoWayAudioChannel><id>1</id></TwoWayAudioChannel></TwoWayAudioChannelList>"
EMPTY = b'<TwoWayAudioChannelList version="2.0"/>'
Answer = Callable[[str, str], bytes | None]
"""Method and path -> the reply; None = hang up, b"" = say nothing."""


def http(status: int, heads: str = "", body: bytes = b"") -> bytes:
    return f"HTTP/1.1 {status} X\r\n{heads}Content-Length: {len(body)}\r\n\r\n".encode() + body


def rtsp(status: int, heads: str = "") -> bytes:
    return f"RTSP/1.0 {status} X\r\nCSeq: 1\r\n{heads}\r\n".encode()


def found(web: Answer, stream: Answer, deadline_s: float = 1.0) -> tuple[str, list[bytes]]:
    def behave(peer: evil.Peer) -> None:
        while head := peer.read():
            method, target, protocol = head.split(b"\r\n")[0].decode().split()
            answer = (stream if protocol.startswith("RTSP") else web)(method, target)
            if answer is None:
                return
            peer.send(answer) if answer else peer.wait()

    with evil.Server(behave) as server:
        return vendor_path(server.camera(), deadline_s=deadline_s), server.requests


def no_web(_method: str, _path: str) -> bytes:
    return http(404)


def no_stream(_method: str, _path: str) -> bytes:
    return rtsp(405)


def isapi(answer: bytes, other: bytes | None) -> Answer:
    return lambda _, path: answer if path == "/ISAPI/System/TwoWayAudio/channels" else other


def multitrans(answer: bytes, other: bytes | None) -> Answer:
    return lambda method, _: answer if method == "MULTITRANS" else other


@pytest.mark.parametrize(
    ("answer", "other", "name"),
    [
        (http(401, DIGEST), http(404), "isapi"),
        (http(401, DIGEST), http(403), "isapi"),
        (http(401, DIGEST), None, "isapi"),
        (http(200, body=LIST), http(404), "isapi"),
        (http(401, DIGEST), http(401, DIGEST), ""),
        (http(200, body=LIST), http(200, body=LIST), ""),
        (http(200, body=b"<html>hello</html>"), http(404), ""),
        (http(200, body=EMPTY), http(404), ""),
        (http(401, 'WWW-Authenticate: Basic realm="r"\r\n'), http(404), ""),
        (http(401), http(404), ""),
        (http(302, "Location: http://127.0.0.1/\r\n"), http(404), ""),
        (http(200, body=LIST + b" " * 20_000), http(404), ""),
        (http(404), http(404), ""),
        (b"junk", http(404), ""),
    ],
)
def test_isapi(answer: bytes, other: bytes | None, name: str) -> None:
    """A challenge or the list itself, where a path that cannot exist is answered otherwise."""
    assert found(isapi(answer, other), no_stream)[0] == name


@pytest.mark.parametrize(
    ("answer", "other", "name"),
    [
        (rtsp(401, DIGEST), rtsp(405), "multitrans"),
        (rtsp(401, DIGEST), rtsp(501), "multitrans"),
        (rtsp(401, DIGEST), None, "multitrans"),
        (rtsp(401, DIGEST), b"", "multitrans"),
        (rtsp(200, "Session: 7116520596809429228\r\n"), rtsp(400), "multitrans"),
        (rtsp(401, DIGEST), rtsp(401, DIGEST), ""),
        (rtsp(200, "Session: 1\r\n"), rtsp(200), ""),
        (rtsp(200), rtsp(405), ""),
        (rtsp(401), rtsp(405), ""),
        (rtsp(302, "Location: rtsp://127.0.0.1/\r\n"), rtsp(405), ""),
        (rtsp(405), rtsp(405), ""),
        (b"", rtsp(405), ""),
    ],
)
def test_multitrans(answer: bytes, other: bytes | None, name: str) -> None:
    """A challenge or a session for MULTITRANS, where a method that cannot exist is answered otherwise."""
    assert found(no_web, multitrans(answer, other))[0] == name


def test_nothing_secret_is_sent() -> None:
    """Enrolled credentials stay at home, whatever challenges come; each control differs from the path it controls."""
    name, requests = found(
        isapi(http(401, DIGEST), http(401, DIGEST)), multitrans(rtsp(401, DIGEST), rtsp(401, DIGEST))
    )
    assert name == ""
    assert len(requests) == 4
    assert all(b"uthorization" not in request and b"admin" not in request for request in requests)
    lines = [request.split(b"\r\n")[0] for request in requests]
    assert lines[0] == b"GET /ISAPI/System/TwoWayAudio/channels HTTP/1.1"
    assert lines[2].startswith(b"MULTITRANS rtsp://127.")
    assert len(set(lines)) == 4


def test_a_camera_that_is_gone() -> None:
    """Nothing answers, nothing is found, nothing is raised."""
    address, port = evil.closed_port()
    with evil.Server(evil.silent) as server:
        camera = server.camera(address=address)
    assert port
    assert vendor_path(camera, deadline_s=1.0) == ""
