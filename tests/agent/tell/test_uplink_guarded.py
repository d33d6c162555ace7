"""The line to a broker that checks certificates and topics: what is refused, and by which name the agent calls it."""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from agent.tell import preflight
from agent.tell.failures import ADVICE, Kind
from agent.tell.journal import Journal
from agent.tell.pairs import Pairs
from agent.tell.preflight import Endpoint
from agent.tell.uplink import Uplink
from contract.messages import Command, Result
from tests.agent.tell.test_uplink import Ear, fill
from tests.support.authority import Authority, GuardedBroker
from tests.support.broker import Broker
from tests.support.waiting import until

BOX, OTHER = "box-0001", "box-0002"
NAME = f"4101/{BOX}"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("pki") / "ours")


@contextmanager
def agent(
    endpoint: Endpoint,
    folder: Path,
    *,
    gateway: str = BOX,
    username: str = NAME,
    password: str = "",
    newest: bool = True,
    pairs: Pairs | None = None,
    others: Sequence[Endpoint] = (),
) -> Iterator[tuple[Uplink, Journal, list[str]]]:
    """An uplink on its way; the list fills with what it tells of duplicates."""
    duplicates: list[str] = []
    journal = Journal(folder / f"{gateway}-{len(list(folder.iterdir()))}.db")

    def command(command: Command) -> Result:
        return Result(id=command.id, outcome="done")

    up = Uplink(
        [endpoint, *others],
        city="4101",
        gateway=gateway,
        session=lambda: "s1",
        username=username,
        password=(lambda: password) if password else None,
        keepalive_s=10,
        journal=journal,
        greet=lambda: [("state", b'{"state":"online"}')],
        command=command,
        duplicate=duplicates.append,
        newest=newest,
        pairs=pairs,
    )
    up.start()
    try:
        yield up, journal, duplicates
    finally:
        up.stop("test over", 1)
        journal.close()


def door(broker: GuardedBroker, authority: Authority, ours: tuple[Path, Path] | None, **more: Any) -> Endpoint:
    certificate, key = map(str, ours) if ours else (None, None)
    given = {"host": broker.host, "port": broker.guarded, "ca": str(authority.ca), "cert": certificate, "key": key}
    return Endpoint(**given | more)


def named(up: Uplink, kind: Kind) -> None:
    until(lambda: up.problem is kind)
    assert f"; {kind}: " in up.detail
    assert not up.connected.is_set()


def test_a_gateway_with_its_certificate_is_let_in(tmp_path: Path, authority: Authority) -> None:
    """With the right authority, name and certificate the line stands, and events reach whoever listens."""
    with GuardedBroker(authority) as broker:
        ear = Ear(broker)
        with agent(door(broker, authority, authority.issue(NAME)), tmp_path) as (up, journal, _):
            until(up.connected.is_set)
            assert up.problem is None
            fill(journal, 3)
            until(lambda: ear.seqs() == [1, 2, 3])


@pytest.mark.parametrize(
    ("validity", "kind"),
    [
        ({"names": "DNS:elsewhere.example"}, Kind.TLS_NAME),
        ({"end": "20210101000000Z"}, Kind.TLS_TIME),
        ({"begin": "20480101000000Z"}, Kind.TLS_TIME),
    ],
)
def test_a_brokers_certificate_that_is_not_right(
    tmp_path: Path, authority: Authority, validity: dict[str, str], kind: Kind
) -> None:
    """A wrong name, an expired certificate and one not valid yet are refused and told apart."""
    with (
        GuardedBroker(authority, **validity) as broker,
        agent(door(broker, authority, authority.issue(NAME)), tmp_path) as (up, *_),
    ):
        named(up, kind)


def test_a_broker_of_another_authority(tmp_path: Path, authority: Authority) -> None:
    """A broker whose certificate another authority issued is not talked to."""
    theirs = Authority(tmp_path / "theirs", "another authority")
    with (
        GuardedBroker(theirs) as broker,
        agent(door(broker, authority, authority.issue(NAME)), tmp_path) as (up, *_),
    ):
        named(up, Kind.TLS_CA)


def test_tls_on_one_side_only(tmp_path: Path, authority: Authority) -> None:
    """Plain against a TLS port, and TLS against a plain port, are both named as such; no password is shown."""
    with GuardedBroker(authority) as broker:
        plain = Endpoint(host=broker.host, port=broker.guarded)
        with agent(plain, tmp_path, password="sekret") as (up, *_):
            named(up, Kind.TLS)
            assert "speaks TLS" in up.detail
        with agent(door(broker, authority, None, port=broker.port), tmp_path) as (up, *_):
            named(up, Kind.TLS)


def test_a_gateway_that_the_broker_does_not_know(tmp_path: Path, authority: Authority) -> None:
    """No certificate, one of another authority, an expired one, a wrong password: all are named auth."""
    stranger = Authority(tmp_path / "stranger", "another authority").issue(NAME)
    expired = authority.issue(NAME, end="20210101000000Z")
    with GuardedBroker(authority) as broker:
        for ours in (None, stranger, expired):
            with agent(door(broker, authority, ours), tmp_path) as (up, *_):
                named(up, Kind.AUTH)
    with Broker(users={NAME: "right"}) as by_password:
        wrong = Endpoint(host=by_password.host, port=by_password.port)
        with agent(wrong, tmp_path, password="wrong") as (up, *_):
            named(up, Kind.AUTH)
            assert "wrong" not in up.detail


def test_where_nobody_answers(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A name that does not resolve and a port where nobody listens are told apart; the log says once what to do."""
    with agent(Endpoint(host="broker.invalid", port=8883), tmp_path) as (up, *_):
        named(up, Kind.DNS)
    with agent(Endpoint(host="127.0.0.1", port=9), tmp_path) as (up, *_):
        named(up, Kind.TCP)
    for kind in (Kind.DNS, Kind.TCP):
        (said,) = (one for one in caplog.messages if f"; {kind}: " in one)
        assert ADVICE[kind]["zh"] in said
        assert ADVICE[kind]["en"] in said


def test_every_kind_of_failure_has_its_advice_in_both_languages() -> None:
    """Whatever can go wrong, a person is told what to do."""
    assert set(ADVICE) == set(Kind)
    assert all(set(words) == {"en", "zh"} for words in ADVICE.values())


def test_foreign_topics_are_not_delivered_and_named(tmp_path: Path, authority: Authority) -> None:
    """A gateway whose settings name another one publishes nothing there, and is told that its topics are refused."""
    with GuardedBroker(authority) as broker:
        ear = Ear(broker)
        with agent(door(broker, authority, authority.issue(NAME)), tmp_path, gateway=OTHER) as (up, journal, _):
            fill(journal, 3)
            until(lambda: up.problem is Kind.ACL)
            assert "; acl: " in up.detail
        assert ear.heard == []


def test_a_foreign_will_is_not_delivered(authority: Authority) -> None:
    """A gateway that leaves another one's farewell behind brings nothing about."""
    certificate, key = authority.issue(NAME)
    with GuardedBroker(authority) as broker:
        ear = Ear(broker)
        evil = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=NAME)
        evil.tls_set(str(authority.ca), str(certificate), str(key))
        evil.will_set(f"mclz/v1/4101/{OTHER}/up/state", b'{"state":"lost"}', 1, True)
        evil.connect(broker.host, broker.guarded)
        evil.loop_start()
        until(evil.is_connected)
        sock = evil.socket()
        assert isinstance(sock, socket.socket)
        sock.shutdown(socket.SHUT_RDWR)
        evil.loop_stop()
        ear.client.publish(f"mclz/v1/4101/{OTHER}/up/hb", b"{}", 1)
        until(lambda: ear.heard)
        assert [topic.rpartition("/")[2] for topic, _, _ in ear.heard] == ["hb"]


def test_a_stolen_client_id_does_not_throw_us_out(tmp_path: Path, authority: Authority) -> None:
    """Another gateway that names our client id is given its own; our line stands."""
    certificate, key = authority.issue(f"4101/{OTHER}")
    with (
        GuardedBroker(authority) as broker,
        agent(door(broker, authority, authority.issue(NAME)), tmp_path) as (up, _, duplicates),
    ):
        until(up.connected.is_set)
        thief = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=NAME)
        thief.tls_set(str(authority.ca), str(certificate), str(key))
        thief.connect(broker.host, broker.guarded)
        thief.loop_start()
        until(thief.is_connected)
        time.sleep(0.5)
        thief.disconnect()
        thief.loop_stop()
        assert up.connections == 1
        assert up.connected.is_set()
        assert duplicates == []


@pytest.mark.parametrize("newest", [True, False])
def test_a_copied_card_is_noticed_and_not_fought(tmp_path: Path, authority: Authority, newest: bool) -> None:
    """Two boxes with one identity throw each other out: it is told once, and the attempts become rare."""
    ours = authority.issue(NAME)
    with (
        GuardedBroker(authority) as broker,
        agent(door(broker, authority, ours), tmp_path, newest=newest) as (up, _, duplicates),
    ):
        until(up.connected.is_set)
        with copies(broker, authority, ours, up.connected.is_set):
            until(lambda: duplicates)
            until(lambda: up.problem is Kind.DUPLICATE)
            assert "; duplicate_identity: " in up.detail
            before = up.connections
            time.sleep(3)
            assert up.connections - before <= 1
        assert len(duplicates) == 1


@contextmanager
def copies(
    broker: GuardedBroker, authority: Authority, ours: tuple[Path, Path], connected: Callable[[], bool]
) -> Iterator[None]:
    """A second box with the same card: whenever the first one is connected, it takes its place."""
    over = threading.Event()

    def come() -> None:
        while not over.wait(0.3):
            if connected():
                copy = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=NAME)
                copy.tls_set(str(authority.ca), str(ours[0]), str(ours[1]))
                copy.connect(broker.host, broker.guarded)
                copy.loop_start()
                over.wait(1.0)
                copy.disconnect()
                copy.loop_stop()

    thread = threading.Thread(target=come)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def test_a_broker_without_mqtt_5_is_spoken_to_in_3_1_1(tmp_path: Path) -> None:
    """One that answers "unacceptable protocol version", and one that just hangs up; it is remembered."""
    for answer in (b"\x20\x02\x00\x01", b""):
        with Broker() as broker, old_fashioned(broker, answer) as (port, hellos):
            endpoint = Endpoint(host="127.0.0.1", port=port)
            with agent(endpoint, tmp_path) as (up, *_):
                until(up.connected.is_set)
                assert hellos == [5, 4]
                broker.stop()
                until(lambda: not up.connected.is_set())
                broker.start()
                until(up.connected.is_set)
                assert set(hellos[2:]) == {4}


@contextmanager
def old_fashioned(broker: Broker, answer: bytes) -> Iterator[tuple[int, list[int]]]:
    """A door to the broker that turns MQTT 5 away; the list holds the protocol level of each CONNECT."""
    hellos: list[int] = []

    def pump(source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        for one in (source, sink):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def serve() -> None:
        with suppress(OSError):
            while True:
                near, _ = listener.accept()
                hello = near.recv(65536)
                if not hello.startswith(b"\x10"):  # a look whether this is TLS
                    near.close()
                    continue
                level = hello[hello.index(b"MQTT") + 4]
                hellos.append(level)
                if level == 5:
                    near.sendall(answer)
                    near.close()
                    continue
                try:
                    far = socket.create_connection((broker.host, broker.port))
                except OSError:
                    near.close()
                    continue
                far.sendall(hello)
                for pair in ((near, far), (far, near)):
                    threading.Thread(target=pump, args=pair, daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1], hellos
        listener.shutdown(socket.SHUT_RDWR)


def test_the_preflight_never_speaks_as_the_gateway(authority: Authority) -> None:
    """It ends after the TLS handshake: not one byte of MQTT travels."""
    certificate, key = authority.issue("broker", alternative="IP:127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    heard: list[bytes] = []

    def serve() -> None:
        sock, _ = listener.accept()
        with context.wrap_socket(sock, server_side=True) as secured:
            heard.append(secured.recv(1000))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        endpoint = Endpoint(host="127.0.0.1", port=listener.getsockname()[1], ca=str(authority.ca))
        assert preflight.find(endpoint) is None
        thread.join()
    assert heard == [b""]


def test_a_new_certificate_for_which_the_broker_hangs_up_is_put_off(tmp_path: Path, authority: Authority) -> None:
    """Without a word of refusal too, and at each address: else the box would stay away for ever with a certificate
    that works at one of them.
    """
    old, (certificate, key) = authority.issue(NAME), authority.issue(NAME)
    pairs = Pairs(tmp_path / "certificate", str(old[0]))
    pairs.answered(key.read_bytes(), certificate.read_bytes())
    wanted = [ssl.PEM_cert_to_DER_cert(file.read_text()) for file in (certificate, old[0])]
    with hanging_up(authority) as first, hanging_up(authority) as second:
        doors = [
            Endpoint(host="127.0.0.1", port=port, ca=str(authority.ca), cert=str(old[0]), key=str(old[1]))
            for port, _ in (first, second)
        ]
        with agent(doors[0], tmp_path, newest=False, pairs=pairs, others=doors[1:]):
            until(lambda: set(wanted) <= set(first[1]) & set(second[1]))
        assert first[1][0] == wanted[0]
    assert pairs.pending  # nothing is given up before another one was let in


@contextmanager
def hanging_up(authority: Authority) -> Iterator[tuple[int, list[bytes | None]]]:
    """A broker that hangs up on every gateway. Its port, and the certificates that it was shown."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue("broker", alternative="IP:127.0.0.1"))
    context.load_verify_locations(authority.ca)
    context.verify_mode = ssl.CERT_REQUIRED
    shown, over = list[bytes | None](), threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.2)

        def hang_up() -> None:
            while not over.is_set():
                with suppress(OSError), listening.accept()[0] as asked:
                    asked.settimeout(2)
                    with context.wrap_socket(asked, server_side=True) as secured:
                        shown.append(secured.getpeercert(binary_form=True))
                        secured.recv(1000)  # CONNECT; the look beside it sends nothing

        thread = threading.Thread(target=hang_up)
        thread.start()
        try:
            yield listening.getsockname()[1], shown
        finally:
            over.set()
            thread.join()
