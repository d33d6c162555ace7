"""Why the center's line does not stand, by the names that gateways tell as well; brokers with known holes."""

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from center.holes import VERSION_TOPIC, hole
from center.line import Line, Options, State
from tests.evil import Peer, Server, closed_port
from tests.support.authority import Authority, GuardedBroker
from tests.support.broker import Broker
from tests.support.waiting import until

STATE = State("mclz/v1/center/state", b"up", b"down")


@contextmanager
def line(options: Options, *, heard: list[str] | None = None) -> Iterator[Line]:
    def take(topic: str, _payload: bytes, _retained: bool) -> bool:
        (heard if heard is not None else []).append(topic)
        return True

    made = Line(options, ["mclz/v1/+/+/up/#"], take, state=STATE)
    made.start()
    try:
        yield made
    finally:
        made.stop()


def fails(options: Options, kind: str) -> str:
    with line(options) as made:
        until(lambda: f": {kind}: " in made.news, "the failure is named")
        assert made.problem == kind
        assert not made.ready.is_set()
        return made.news


def test_a_name_that_nobody_knows() -> None:
    """dns, and what to do."""
    assert "check the name in --broker" in fails(Options("broker.invalid", 1883), "dns")


def test_an_address_where_nobody_listens() -> None:
    """tcp."""
    assert "whether the broker runs" in fails(Options(*closed_port()), "tcp")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority") / "ca")


def test_a_certificate_that_does_not_do(authority: Authority, tmp_path: Path) -> None:
    """Of another authority tls_ca, for another name tls_name, too old tls_time; a plain port tls."""
    other = Authority(tmp_path / "other", "another")
    with GuardedBroker(authority) as broker:
        fails(Options(broker.host, broker.guarded, ca=other.ca), "tls_ca")
        fails(Options(broker.host, broker.port, ca=authority.ca), "tls")
    with GuardedBroker(authority, names="DNS:elsewhere.example") as broker:
        fails(Options(broker.host, broker.guarded, ca=authority.ca), "tls_name")
    with GuardedBroker(authority, end="20210101000000Z") as broker:
        assert "clock of this machine" in fails(Options(broker.host, broker.guarded, ca=authority.ca), "tls_time")


def test_a_wrong_password_and_a_port_that_is_no_broker(tmp_path: Path) -> None:
    """auth, in the broker's words; mqtt where somebody hangs up instead of answering."""
    password = tmp_path / "pw"
    password.write_text("wrong")
    with Broker(users={"center": "right"}) as broker:
        how = Options(broker.host, broker.port, "center", "center", password)
        assert "check --username, --password-file" in fails(how, "auth")
    with Server(lambda peer: None) as server:
        fails(Options(server.address, server.port), "mqtt")


def test_a_line_that_stands_has_no_problem() -> None:
    """And a broker that goes away is a problem again."""
    with Broker() as broker, line(Options(broker.host, broker.port)) as made:
        until(made.ready.is_set)
        assert made.problem == ""
        broker.kill()
        until(lambda: made.problem == "tcp")


# ---- brokers with known holes ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "refused"),
    [
        (b"mosquitto version 2.0.11", False),
        (b"mosquitto version 2.0.22", False),
        (b"mosquitto version 2.1.0", True),
        (b"mosquitto version 2.1.2", True),
        (b"mosquitto version 2.1.3", False),
        (b"mosquitto version 3.0.0", False),
        (b"EMQX 5.8", False),
        (b"\xff" * 100, False),
        (b"", False),
    ],
)
def test_versions_with_known_holes(told: bytes, refused: bool) -> None:
    """Those that are known, and no other; what cannot be read is no accusation."""
    assert bool(hole(told)) is refused


class Speaks:
    """As much of a broker of MQTT 3.1.1 as a subscriber sees: it grants all, tells its version, then one message."""

    def __init__(self, version: bytes) -> None:
        self.version = version

    def __call__(self, peer: Peer) -> None:
        while packet := _packet(peer):
            kind, body = packet
            if kind == 0x10:
                peer.send(bytes((0x20, 2, 0, 0)))
            elif kind == 0x82:
                peer.send(bytes((0x90, 3)) + body[:2] + b"\x01")
                asked = body[4 : 4 + struct.unpack(">H", body[2:4])[0]]
                topic = VERSION_TOPIC if asked == VERSION_TOPIC.encode() else "mclz/v1/4101/zz-0001/up/hb"
                peer.send(_publish(topic, self.version, retained=topic == VERSION_TOPIC))


def _packet(peer: Peer) -> tuple[int, bytes] | None:
    head = peer.sock.recv(2)
    if len(head) < 2:
        return None
    body = b""
    while len(body) < head[1]:
        body += peer.sock.recv(head[1] - len(body))
    return head[0], body


def _publish(topic: str, payload: bytes, *, retained: bool) -> bytes:
    body = struct.pack(">H", len(topic)) + topic.encode() + payload
    return bytes((0x30 | retained, len(body))) + body


def test_nothing_is_taken_from_a_broker_with_a_known_hole() -> None:
    """It is asked first, and told why; the center does not say that it is up. Another version is worked with."""
    heard: list[str] = []
    with Server(Speaks(b"mosquitto version 2.1.1")) as s, line(Options(s.address, s.port), heard=heard) as made:
        until(lambda: "CVE-2026-110486" in made.news)
        assert made.problem == "hole"
        assert not made.ready.is_set()
    assert heard == []
    with Server(Speaks(b"mosquitto version 2.1.3")) as s, line(Options(s.address, s.port), heard=heard) as made:
        until(made.ready.is_set)
        until(lambda: heard == ["mclz/v1/4101/zz-0001/up/hb"])


def test_a_broker_that_hangs_up_on_the_question_is_asked_once() -> None:
    """RabbitMQ ends the connection of whom it forbids a topic: the center comes again without asking."""

    def hangs_up(peer: Peer) -> None:
        while packet := _packet(peer):
            kind, body = packet
            if kind == 0x10:
                peer.send(bytes((0x20, 2, 0, 0)))
            elif kind == 0x82:
                if VERSION_TOPIC.encode() in body:
                    return
                peer.send(bytes((0x90, 3)) + body[:2] + b"\x01")

    with Server(hangs_up) as server, line(Options(server.address, server.port)) as made:
        until(made.ready.is_set)


def test_a_line_on_which_nothing_is_confirmed_is_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cluster that elects its leader may withhold a confirmation for ever, though the line stands."""
    monkeypatch.setattr("center.line.DEAF_S", 0.5)
    connections: list[int] = []

    def confirms_nothing(peer: Peer) -> None:
        while packet := _packet(peer):
            kind, body = packet
            if kind == 0x10:
                connections.append(1)
                peer.send(bytes((0x20, 2, 0, 0)))
            elif kind == 0x82:
                topics = body.count(b"mclz/") or 1
                peer.send(bytes((0x90, 2 + topics)) + body[:2] + b"\x01" * topics)

    with Server(confirms_nothing) as server, line(Options(server.address, server.port)) as made:
        until(made.ready.is_set)
        made.publish("mclz/v1/0000/center/down/ack", b"x", retain=False)
        until(lambda: made.end_if_deaf() or len(connections) > 1)
        until(made.ready.is_set)


@pytest.mark.parametrize("withheld", [VERSION_TOPIC, "mclz/"])
def test_a_line_whose_subscription_is_never_answered_is_made_anew(
    monkeypatch: pytest.MonkeyPatch, withheld: str
) -> None:
    """As by a cluster that elects its leader: connected, the center would hear nothing for ever."""
    monkeypatch.setattr("center.line.DEAF_S", 0.5)
    connections: list[int] = []

    def answers_later(peer: Peer) -> None:
        connections.append(1)
        first = len(connections) == 1
        while packet := _packet(peer):
            kind, body = packet
            if kind == 0x10:
                peer.send(bytes((0x20, 2, 0, 0)))
            elif kind == 0x82 and not (first and withheld.encode() in body):
                peer.send(bytes((0x90, 3)) + body[:2] + b"\x01")

    with Server(answers_later) as server, line(Options(server.address, server.port)) as made:
        until(lambda: made.end_if_deaf() or made.ready.is_set())
        assert len(connections) == 2


def test_the_next_node_is_asked_when_one_is_gone() -> None:
    """The nodes of a cluster, in turn."""
    with Broker() as broker, line(Options(*closed_port(), others=((broker.host, broker.port),))) as made:
        until(made.ready.is_set)
        assert made.news == f"connected to {broker.host}:{broker.port}"
