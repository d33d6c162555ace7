"""HTTP to cameras that answer honestly, oddly and with intent."""

import contextlib
import time
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.ask.attempt import Deadline, Trouble
from agent.ask.net.http import HttpConnection, Place, Reply, post, reason_of
from agent.ask.net.snapshot import Snapshots
from agent.ask.onvif.clock import clock
from agent.ask.picture.capture import photograph
from agent.model import Camera
from contract.vocabulary import Reason
from tests import evil
from tests.fuzz.network import camera_says

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/soap+xml\r\nContent-Length: 4\r\n\r\nbody"
CAP = 1000


def ask(behave: evil.Behaviour, deadline_s: float = 2.0) -> Reply:
    with evil.Server(behave) as server:
        return post(
            server.camera(), server.port, "/onvif/device_service", b"<q/>", deadline=Deadline(deadline_s), cap=CAP
        )


def reply(head: str, body: bytes = b"", status: str = "200 OK") -> evil.Behaviour:
    return evil.answers(f"HTTP/1.1 {status}\r\n{head}\r\n\r\n".encode() + body)


def chunked(body: bytes) -> evil.Behaviour:
    return reply("Transfer-Encoding: chunked", body)


def test_the_request() -> None:
    """One POST: length, identity encoding, our own headers, and what the caller adds or replaces."""
    with evil.Server(evil.answers(OK)) as server:
        answer = post(
            server.camera(),
            server.port,
            "/onvif/x?a=b",
            b"<q/>",
            deadline=Deadline(2),
            headers={"Content-Type": "text/xml"},
        )
    lines = server.requests[0].decode().split("\r\n")
    assert lines[0] == "POST /onvif/x?a=b HTTP/1.1"
    assert f"Host: {server.address}:{server.port}" in lines
    assert {"Accept-Encoding: identity", "Content-Length: 4", "Content-Type: text/xml", "Connection: close"} < set(
        lines
    )
    assert lines[-1] == "<q/>"
    assert (answer.status, answer.body, answer.first("content-type")) == (200, b"body", "application/soap+xml")


@pytest.mark.parametrize(
    ("behave", "body"),
    [
        (reply("Content-Length: 4", b"body"), b"body"),
        (reply("content-length:4\r\nContent-Length: 4", b"body"), b"body"),
        (reply("Server: x", b"until the end"), b"until the end"),
        (chunked(b"2\r\nbo\r\n002;x=y\r\ndy\r\n0\r\nTrailer: x\r\n\r\n"), b"body"),
        (reply("Content-Length: 0"), b""),
        (evil.answers(b"HTTP/1.1 204 No Content\r\nContent-Length: 9\r\n\r\n"), b""),
        (evil.answers(b"HTTP/1.1 100 Continue\r\n\r\n" + OK), b"body"),
        (evil.answers(b"\0\0remains of another answer\r\n" + OK), b"body"),
        (evil.answers(b"x" * 4000 + OK), b"body"),
        (evil.answers(OK.replace(b"\r\n", b"\n")), b"body"),
        (reply("no colon here\r\nFolded: a\r\n b\r\nContent-Length: 4", b"body"), b"body"),
    ],
)
def test_bodies(behave: evil.Behaviour, body: bytes) -> None:
    """Counted, chunked and unmarked bodies are read; odd but harmless heads are tolerated."""
    assert ask(behave).body == body


@pytest.mark.parametrize("status", [400, 401, 404, 500, 503])
def test_statuses_are_the_callers_matter(status: int) -> None:
    """A SOAP fault comes with any status: body and status are handed on."""
    answer = ask(reply("WWW-Authenticate: A\r\nWWW-Authenticate: B\r\nContent-Length: 5", b"fault", f"{status} X"))
    assert (answer.status, answer.body, answer.all("www-authenticate")) == (status, b"fault", ("A", "B"))


HOSTILE = {
    "redirect": reply("Location: http://10.0.0.9/", status="307 Temporary Redirect"),
    "302": reply("Location: http://10.0.0.9/", status="302 Found"),
    "gzip": reply("Content-Encoding: gzip\r\nContent-Length: 4", b"\x1f\x8b\0\0"),
    "deflated transfer": reply("Transfer-Encoding: gzip, chunked", b"0\r\n\r\n"),
    "multipart": reply('Content-Type: Multipart/Related; boundary="x"\r\nContent-Length: 4', b"--x-"),
    "2 GB": reply("Content-Length: 2000000000"),
    "10 MB unmarked": reply("Server: x", bytes(10_000_000)),
    "10 MB chunk": chunked(b"989680\r\n" + bytes(10_000_000)),
    "endless chunks": evil.endless(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    "endless headers": evil.endless(b"HTTP/1.1 200 OK\r\n", b"X-Header: more\r\n"),
    "endless header": evil.endless(b"HTTP/1.1 200 OK\r\nX-Header: ", b"more"),
    "endless body": evil.endless(b"HTTP/1.1 200 OK\r\n\r\n", b"more"),
    "endless trailers": evil.endless(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"X: y\r\n"),
    "endless 1xx": evil.endless(b"", b"HTTP/1.1 102 Processing\r\n\r\n"),
}
MALFORMED = {
    "junk": evil.endless(b"", b"junk without end "),
    "not HTTP": evil.answers(b"SSH-2.0-OpenSSH_9.2\r\n"),
    "cut off": reply("Content-Length: 10", b"half"),
    "cut head": evil.answers(b"HTTP/1.1 200 OK\r\nConte"),
    "negative": reply("Content-Length: -1"),
    "two lengths": reply("Content-Length: 4\r\nContent-Length: 5", b"body!"),
    "a list": reply("Content-Length: 4, 4", b"body"),
    "bad chunk": chunked(b"zz\r\nbody"),
    "signed chunk": chunked(b"-5\r\nbody"),
    "no chunk": chunked(b"\r\n\r\n"),
}


@pytest.mark.parametrize("attack", HOSTILE)
def test_hostile(attack: str) -> None:
    """Redirects, encodings and anything beyond the caps end the exchange at once, and nobody else is contacted."""
    began = time.monotonic()
    with pytest.raises(Trouble) as caught:
        ask(HOSTILE[attack])
    assert caught.value.reason is Reason.HOSTILE
    assert time.monotonic() - began < 1.5


@pytest.mark.parametrize("answer", MALFORMED)
def test_malformed(answer: str) -> None:
    """What is not a readable reply is MALFORMED, never an empty success."""
    with pytest.raises(Trouble) as caught:
        ask(MALFORMED[answer])
    assert caught.value.reason is Reason.MALFORMED


@pytest.mark.parametrize(
    "behave",
    [
        evil.silent,
        evil.drip(OK * 20),
        evil.answers(OK[:-2], then_close=False),
        evil.answers(b"HTTP/1.1 200 OK\r\n\r\nno end", then_close=False),
    ],
)
def test_nothing_outlives_the_deadline(behave: evil.Behaviour) -> None:
    """Silence, dripping and unfinished bodies time out on the wall clock, although every single read is short."""
    began = time.monotonic()
    with pytest.raises(Trouble) as caught:
        ask(behave, 0.4)
    assert caught.value.reason is Reason.TIMED_OUT
    assert time.monotonic() - began < 0.8


@pytest.mark.parametrize("path", ["", "no/slash", "/a b", "/a\r\nX: y", "/\u4e2d", "/<x>", "//h\\x"])
def test_unsafe_paths_are_not_sent(path: str) -> None:
    """A path with anything but URL characters never reaches the wire."""
    with evil.Server(evil.answers(OK)) as server, pytest.raises(Trouble) as caught:
        post(server.camera(), server.port, path, b"", deadline=Deadline(1))
    assert (caught.value.reason, server.connections) == (Reason.MALFORMED, 0)


def test_unsafe_headers_are_not_sent() -> None:
    """A header value cannot break out of its line, and the blame is ours."""
    with evil.Server(evil.answers(OK)) as server, pytest.raises(Trouble) as caught:
        post(server.camera(), server.port, "/", b"", deadline=Deadline(1), headers={"X": "a\r\nY: b"})
    assert (caught.value.reason, server.connections) == (Reason.AGENT_FAULT, 0)


# ---- kept-alive ---------------------------------------------------------------------------------


def posts(server: evil.Server, count: int, pause_s: float = 0.0) -> list[int]:
    with HttpConnection(server.camera(), server.port) as connection:
        statuses = []
        for _ in range(count):
            statuses.append(connection.post("/", b"<q/>", deadline=Deadline(2)).status)
            time.sleep(pause_s)
        return statuses


def test_session_keeps_its_connection() -> None:
    """Several posts travel over one connection."""
    with evil.Server(evil.answers(OK, OK, OK)) as server:
        assert posts(server, 3) == [200] * 3
    assert server.connections == 1


def test_session_reconnects_when_the_camera_hung_up() -> None:
    """A kept-alive connection that the camera closed meanwhile costs one new connection, not the question."""
    with evil.Server(evil.answers(OK)) as server:
        assert posts(server, 3, pause_s=0.02) == [200] * 3
    assert (server.connections, len(server.requests)) == (3, 3)


def test_session_reconnects_only_once() -> None:
    """A camera that hangs up on the fresh connection too is BUSY."""

    def once(peer: evil.Peer) -> None:
        peer.read()
        if peer.number == 1:
            peer.send(OK)

    with evil.Server(once) as server, pytest.raises(Trouble) as caught:
        posts(server, 2, pause_s=0.02)
    assert (caught.value.reason, server.connections) == (Reason.BUSY, 2)


@pytest.mark.parametrize(
    "first",
    [
        OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"),
        OK.replace(b"HTTP/1.1", b"HTTP/1.0"),
        OK + b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged",
    ],
)
def test_session_leaves_connections_that_cannot_be_kept(first: bytes) -> None:
    """After close, HTTP/1.0 or surplus bytes the next post takes a fresh connection and its own answer."""
    with evil.Server(evil.answers(first, OK)) as server:
        assert posts(server, 2) == [200, 200]
    assert server.connections == 2


def test_session_survives_a_failed_post() -> None:
    """After a failure the session is usable again, on a fresh connection."""
    with evil.Server(evil.answers(b"HTTP/1.1 302 Found\r\n\r\n", then_close=False)) as server:
        connection = HttpConnection(server.camera(), server.port)
        for _ in range(2):
            with pytest.raises(Trouble) as caught:
                connection.post("/", b"", deadline=Deadline(1))
            assert caught.value.reason is Reason.HOSTILE
    assert server.connections == 2


LOCAL = Camera(slot="s", address="127.0.0.1")


@settings(max_examples=300, deadline=None)
@given(
    st.binary(max_size=300),
    st.sampled_from([b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"]),
)
def test_any_bytes_are_read_or_refused(tail: bytes, start: bytes) -> None:
    """Whatever a camera sends is a reply or a Trouble, never another exception."""
    with camera_says(start + tail), HttpConnection(LOCAL, 80) as connection, contextlib.suppress(Trouble):
        assert isinstance(connection.post("/", b"", deadline=Deadline(1), cap=200), Reply)


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (400, Reason.MALFORMED),
        (401, Reason.REFUSED),
        (403, Reason.REFUSED),
        (404, Reason.UNSUPPORTED),
        (405, Reason.UNSUPPORTED),
        (407, Reason.REFUSED),
        (410, Reason.UNSUPPORTED),
        (415, Reason.UNSUPPORTED),
        (429, Reason.BUSY),
        (500, Reason.MALFORMED),
        (501, Reason.UNSUPPORTED),
        (503, Reason.BUSY),
        (504, Reason.MALFORMED),
    ],
)
def test_a_status_means_the_same_to_all_who_ask(status: int, reason: Reason) -> None:
    """Clock, questions, snapshots of a visit and of a movement read one table."""
    said = f"HTTP/1.1 {status} So\r\nContent-Length: 0\r\n\r\n".encode()
    with evil.Server(evil.answers(said)) as server:
        camera, login = server.camera(credentials=None), Deadline(2)
        place = Place(camera.ports.onvif, "/snapshot", claimed=True)
        found = [
            _reason(lambda: photograph(camera, "/snapshot", log_in=False, deadline=login)),
            _reason(lambda: Snapshots(camera, place).take(login)),
            *([] if status == 401 else [_reason(lambda: clock(camera, deadline=login))]),  # an answer to the clock
        ]
    assert reason_of(status) is reason
    assert set(found) == {reason}


def _reason(question: Callable[[], object]) -> Reason:
    with pytest.raises(Trouble) as caught:
        question()
    return caught.value.reason
