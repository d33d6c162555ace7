"""One connection: what each failure means, and that nothing outlives the deadline."""

import resource
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.ask.attempt import Deadline, Trouble, ask
from agent.ask.net import connection
from agent.model import Camera, NotSeen, Seen
from contract.vocabulary import Reason
from tests import evil


def trouble(question: object) -> Trouble:
    with pytest.raises(Trouble) as caught:
        question()  # type: ignore[operator]
    return caught.value


def test_refused_is_unreachable_at_once() -> None:
    """A closed port is UNREACHABLE, said at once and marked as never connected."""
    address, port = evil.closed_port()
    failure = trouble(lambda: connection.connect(Camera(slot="s", address=address), port, Deadline(5)))
    assert (type(failure), failure.reason) == (connection.NoConnection, Reason.UNREACHABLE)


def test_no_answer_to_syn_is_unreachable() -> None:
    """A SYN that nobody answers is UNREACHABLE when the time for it is over."""
    with evil.deaf() as (address, port):
        began = time.monotonic()
        failure = trouble(lambda: connection.connect(Camera(slot="s", address=address), port, Deadline(0.3)))
    assert (type(failure), failure.reason) == (connection.NoConnection, Reason.UNREACHABLE)
    assert 0.25 < time.monotonic() - began < 0.8


def test_no_route_is_our_fault() -> None:
    """Without a way to the address it is our side that failed: unreachable networks are not the camera's doing."""
    camera = Camera(slot="s", address="255.255.255.255")
    assert trouble(lambda: connection.connect(camera, 80, Deadline(1))).reason is Reason.AGENT_FAULT


def test_no_descriptors_is_our_fault() -> None:
    """A box out of file descriptors says so, and says nothing of the camera."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with evil.Server(evil.silent) as server:
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
        try:
            failure = trouble(lambda: connection.connect(server.camera(), server.port, Deadline(1)))
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert failure.reason is Reason.AGENT_FAULT


@pytest.mark.parametrize("port", [0, -1, 65536, 70000])
def test_impossible_ports_are_never_dialled(port: int) -> None:
    """A port outside 1..65535 is refused instead of wrapping around to another one."""
    assert trouble(lambda: connection.connect(Camera(slot="s", address="127.0.0.1"), port, Deadline(1))).reason is (
        Reason.MALFORMED
    )


def test_deadline_passed_before_connecting_is_no_connection() -> None:
    """Without time left nothing is dialled, and the port does not count as open."""
    failure = trouble(lambda: connection.connect(Camera(slot="s", address="127.0.0.1"), 80, Deadline(0)))
    assert (type(failure), failure.reason) == (connection.NoConnection, Reason.TIMED_OUT)


@pytest.mark.parametrize(
    ("behave", "reason"),
    [
        (evil.silent, Reason.TIMED_OUT),
        (evil.slam, Reason.BUSY),
        (evil.reset, Reason.BUSY),
        (evil.answers(b"half a li"), Reason.MALFORMED),
        (evil.drip(b"x" * 100), Reason.TIMED_OUT),
        (evil.endless(b"", b"x"), Reason.HOSTILE),
    ],
)
def test_after_connecting(behave: evil.Behaviour, reason: Reason) -> None:
    """Silence and dripping time out, resets and closing unheard are BUSY, half an answer is MALFORMED."""
    with evil.Server(behave) as server:
        began = time.monotonic()
        with connection.connect(server.camera(), server.port, Deadline(0.4)) as line:
            line.send(b"hello\r\n\r\n")
            failure = trouble(lambda: line.read(line.inbox.line(1000)))
    assert failure.reason is reason
    assert not isinstance(failure, connection.NoConnection)
    assert time.monotonic() - began < 0.8


def test_a_peer_that_reads_nothing_cannot_hold_us() -> None:
    """Sending ends at the deadline too."""
    with evil.Server(evil.silent) as server, connection.connect(server.camera(), server.port, Deadline(0.3)) as line:
        assert trouble(lambda: line.send(bytes(64_000_000))).reason is Reason.TIMED_OUT


def test_reads() -> None:
    """Lines lose their end, exact reads and the rest take what is there, and nothing is lost between them."""
    behave = evil.answers(b"one\r\ntwo\n\r\nabcdef")
    with evil.Server(behave) as server, connection.connect(server.camera(), server.port, Deadline(2)) as line:
        line.send(b"\r\n\r\n")
        assert [line.read(line.inbox.line(10)) for _ in range(3)] == [b"one", b"two", b""]
        assert (line.read(line.inbox.exactly(2)), line.read(line.inbox.rest(10))) == (b"ab", b"cdef")


def test_retry_after_refusal_keeps_its_reason() -> None:
    """A retry for which no time is left is not made: the reason stays UNREACHABLE, not "deadline passed"."""
    address, port = evil.closed_port()
    deadline = Deadline(0.1)
    seen = ask(lambda: connection.connect(Camera(slot="s", address=address), port, deadline), deadline=deadline)
    assert isinstance(seen, NotSeen)
    assert (seen.reason, seen.attempts) == (Reason.UNREACHABLE, 1)


def test_ipv6_literals_are_dialled_and_bracketed() -> None:
    """An IPv6 camera is reached by its literal, which stands in brackets and without scope in URLs."""
    assert connection.url_host("fe80::1%eth0") == "[fe80::1]"
    try:
        listener = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip("no IPv6 loopback on this machine")
    with listener:
        connection.connect(Camera(slot="s", address="::1"), listener.getsockname()[1], Deadline(1)).close()


# ---- TLS ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return evil.certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def secure(certificate: Path) -> Iterator[evil.Server]:
    with evil.Server(evil.over_tls(certificate, evil.answers(b"welcome\n"))) as server:
        yield server


def test_pinned_certificate(secure: evil.Server, certificate: Path) -> None:
    """A pinned certificate is accepted whoever signed it, colons and capitals in the pin notwithstanding."""
    pin = evil.pin(certificate)
    written = ":".join(pin[i : i + 2] for i in range(0, 64, 2)).upper()
    camera = secure.camera(tls="pin", tls_pin=written)
    with connection.connect(camera, secure.port, Deadline(3), tls=True) as line:
        line.send(b"hello\r\n\r\n")
        assert line.read(line.inbox.line(100)) == b"welcome"


@pytest.mark.parametrize("fields", [{"tls": "verify"}, {"tls": "pin", "tls_pin": "00" * 32}, {"tls": "pin"}])
def test_other_certificates_are_hostile(secure: evil.Server, fields: dict[str, str]) -> None:
    """A certificate that neither an authority nor the pin vouches for ends the conversation before a byte is sent."""
    failure = trouble(lambda: connection.connect(secure.camera(**fields), secure.port, Deadline(3), tls=True))
    assert failure.reason is Reason.HOSTILE


def greet(peer: evil.Peer) -> None:
    """Answer a handshake as a server without TLS does."""
    peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    peer.wait()


@pytest.mark.parametrize(
    ("behave", "reason"),
    [(greet, Reason.MALFORMED), (evil.silent, Reason.TIMED_OUT), (lambda peer: None, Reason.BUSY)],
)
def test_a_failed_handshake_says_why(behave: evil.Behaviour, reason: Reason) -> None:
    """A peer that speaks no TLS, nothing, or hangs up is named as such within the deadline."""
    with evil.Server(behave) as server:
        began = time.monotonic()
        camera = server.camera(tls="verify")
        failure = trouble(lambda: connection.connect(camera, server.port, Deadline(0.4), tls=True))
    assert failure.reason is reason
    assert time.monotonic() - began < 1.0


def test_seen_keeps_attempts() -> None:
    """A connection that works is Seen at the first attempt."""
    with evil.Server(evil.silent) as server:
        deadline = Deadline(1)
        seen = ask(lambda: connection.connect(server.camera(), server.port, deadline).close(), deadline=deadline)
    assert isinstance(seen, Seen)
    assert seen.attempts == 1
