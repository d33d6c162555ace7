"""The way to a real broker, and what it says to the account."""

import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.doctor import broker, session
from agent.doctor.broker import Way
from agent.doctor.rows import Area, Result, Row
from agent.settings import load
from agent.tell.preflight import Endpoint
from contract import topics
from contract.messages import Ack, CenterState
from scripts.stage import tool
from tests.agent.doctor.box import box, found, secret, told
from tests.agent.tell.test_uplink import Ear
from tests.evil import Peer, Server
from tests.preload import needs_gcc, preload
from tests.support.authority import Authority, GuardedBroker
from tests.support.broker import Broker

NAME = "4101/box-0001"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("pki") / "ours")


def guarded(at: GuardedBroker, authority: Authority, ours: tuple[Path, Path], ca: Path | None = None) -> str:
    for file in ours:
        file.chmod(0o600)
    tls = f"{{ca: {ca or authority.ca}, cert: {ours[0]}, key: {ours[1]}}}"
    return f"{{host: {at.host}, port: {at.guarded}, tls: {tls}}}"


def wrong(rows: list[Row]) -> list[str]:
    """The kinds of what failed."""
    return [row.said.en.partition(":")[0] for row in rows if row.result is Result.WRONG]


def said(rows: list[Row], words: str) -> Row:
    (only,) = [row for row in rows if words in row.said.en]
    return only


@pytest.mark.parametrize("acknowledged", [True, False])
def test_all_is_right(tmp_path: Path, authority: Authority, acknowledged: bool) -> None:
    """Certificates and their ends, the account, the center's word; nothing is published, and no will stays behind."""
    with GuardedBroker(authority) as at:
        ear = Ear(at)
        ear.say(topics.CENTER_STATE, CenterState(state="up"), retain=True)
        if acknowledged:
            ear.say(topics.down("4101", "box-0001", "ack"), Ack(store="s1", seq=7), retain=True)
        rows = found(box(tmp_path, broker=guarded(at, authority, authority.issue(NAME))), Area.BROKER)
        assert {row.result for row in rows} == {Result.FINE}
        assert said(rows, "our certificate is valid until 2049-01-01")
        assert said(rows, "the broker's certificate is valid until 2049-01-01")
        assert said(rows, "the account is let in (MQTT 5)")
        center = said(rows, "it is up")
        assert ("up to 7" in center.said.en) is acknowledged
        assert ear.heard == []


def test_a_center_that_says_nothing_proves_nothing(tmp_path: Path, authority: Authority) -> None:
    """A broker grants a foreign topic and delivers nothing: what is only granted is unchecked, not fine."""
    with GuardedBroker(authority) as at:
        rows = found(box(tmp_path, broker=guarded(at, authority, authority.issue(NAME))), Area.BROKER)
    assert said(rows, "is not proven").result is Result.UNCHECKED
    assert said(rows, "nothing was heard of it").result is Result.UNCHECKED
    assert not wrong(rows)


@pytest.mark.parametrize(
    ("validity", "kind"),
    [
        ({"names": "DNS:elsewhere.example"}, "tls_name"),
        ({"end": "20210101000000Z"}, "tls_time"),
        ({"begin": "20480101000000Z"}, "tls_time"),
    ],
)
def test_a_brokers_certificate_that_is_not_right(
    tmp_path: Path, authority: Authority, validity: dict[str, str], kind: str
) -> None:
    """The step that fails is the last one told, with what to do, and nobody logs in."""
    with GuardedBroker(authority, **validity) as at:
        rows = found(box(tmp_path, broker=guarded(at, authority, authority.issue(NAME))), Area.BROKER)
    assert wrong(rows) == [kind]
    assert rows[-1].todo.en
    assert rows[-1].todo.zh


def test_a_broker_of_another_authority(tmp_path: Path, authority: Authority) -> None:
    """Its certificate is not from the authority in the settings."""
    theirs = Authority(tmp_path / "theirs", "another authority")
    with GuardedBroker(authority) as at:
        line = guarded(at, authority, authority.issue(NAME), ca=theirs.ca)
        assert wrong(found(box(tmp_path, broker=line), Area.BROKER)) == ["tls_ca"]


@pytest.mark.parametrize(
    ("name", "end", "word", "result"),
    [
        (NAME, "20210101000000Z", "our certificate has expired on 2021-01-01", Result.WRONG),
        (NAME, "soon", "our certificate is valid until", Result.WARNING),
        ("4101/box-0002", "20490101000000Z", "our certificate is for '4101/box-0002'", Result.WARNING),
    ],
)
def test_our_own_certificate(
    tmp_path: Path, authority: Authority, name: str, end: str, word: str, result: Result
) -> None:
    """Expired, about to expire, of another gateway: read from its file, whatever the broker makes of it."""
    soon = time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() + 3 * 86_400))
    ours = authority.issue(name, end=soon if end == "soon" else end)
    with GuardedBroker(authority) as at:
        rows = found(box(tmp_path, broker=guarded(at, authority, ours)), Area.BROKER)
    assert said(rows, word).result is result


def test_a_refused_login(tmp_path: Path) -> None:
    """A wrong password is `auth`, as `status` calls it."""
    password = secret(tmp_path, "password", "not this one")
    with Broker(users={NAME: "this one", "center": "c"}) as at:
        line = f"{{host: {at.host}, port: {at.port}, password: 'file:{password}'}}"
        assert wrong(found(box(tmp_path, broker=line), Area.BROKER)) == ["auth"]


def test_a_closed_port_and_a_name_that_nobody_knows(tmp_path: Path) -> None:
    """Two addresses of one broker, climbed side by side: each has its own failure."""
    line = "{host: 127.0.0.1, port: 9}, {host: no-such-host.invalid, tls: null}"
    assert sorted(wrong(found(box(tmp_path, broker=line), Area.BROKER))) == ["dns", "tcp"]


def refuses_topics(peer: Peer) -> None:
    """A broker of MQTT 5 that lets everybody in, with a small largest packet, and grants no topic (135)."""
    while (head := peer.sock.recv(1)) and head[0] in (0x10, 0x82):
        size = peer.sock.recv(1)[0]
        if size & 0x80:
            size = (size & 0x7F) + 128 * peer.sock.recv(1)[0]
        body = peer.sock.recv(size, socket.MSG_WAITALL)
        if head[0] == 0x10:
            peer.send(bytes((0x20, 8, 0, 0, 5, 0x27, 0, 0, 0x10, 0)))
        else:
            count = body.count(b"mclz/")
            peer.send(bytes((0x90, 3 + count)) + body[:2] + b"\0" + b"\x87" * count)


def test_topics_that_are_refused(tmp_path: Path) -> None:
    """By a broker that says so; and what it says of its largest packet."""
    with Server(refuses_topics) as server:
        rows = found(box(tmp_path, broker=f"{{host: {server.address}, port: {server.port}}}"), Area.BROKER)
    assert wrong(rows) == ["acl"]
    assert said(rows, "messages of up to 4096 bytes").result is Result.WARNING


@pytest.fixture
def silent() -> Iterator[int]:
    """A port that accepts and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_port_that_accepts_and_hangs(tmp_path: Path, authority: Authority, silent: int) -> None:
    """It does not answer in TLS, and not in MQTT either."""
    tls = f"{{host: 127.0.0.1, port: {silent}, tls: {{ca: {authority.ca}}}}}"
    plain = f"{{host: 127.0.0.1, port: {silent}}}"
    assert sorted(wrong(found(box(tmp_path, broker=f"{tls}, {plain}"), Area.BROKER))) == ["tcp", "tls"]


@needs_gcc
def test_a_name_server_that_hangs_holds_up_nothing_else(tmp_path: Path) -> None:
    """Its broker is unchecked, no camera and no disk waits for it, and the exit code says that it is not known."""
    hang = tmp_path / "hang"
    hang.touch()
    config = box(tmp_path, broker="{host: broker.example, tls: null}")
    words = [*preload(tmp_path, "hang_shim.c", HANG_FILE=hang), tool("canteen-agent"), "--lang", "en", "doctor"]
    done = subprocess.run([*words, "--config", str(config)], capture_output=True, text=True, check=False)
    (line,) = [line for line in done.stdout.splitlines() if "broker.example" in line]
    assert line.startswith("? broker broker.example:8883: no result within")
    assert "disk" in done.stdout
    assert "Traceback" not in done.stderr


def test_an_open_line_to_another_machine_is_said() -> None:
    """On this box nobody listens on the way; elsewhere the password can be read."""
    with Broker() as at, Broker() as _:
        here = told(Way(Endpoint(host=at.host, port=at.port), NAME).climb)
    assert {row.result for row in here} == {Result.FINE}
    assert not broker.is_this_box("192.0.2.1")
    assert not broker.is_this_box("mqtt.example.org")


def test_nobody_logs_in_once_the_agent_has_started(tmp_path: Path) -> None:
    """It is asked right before: an account is one client id, and the newer session ends the other."""
    with Broker() as at:
        settings = load(box(tmp_path, broker=f"{{host: {at.host}, port: {at.port}}}"))
        way = Way(broker.endpoint(settings.broker[0]), NAME)
        told(way.climb)
        (only,) = told(lambda tell: session.log_in([way], settings, lambda: False, tell))
        assert only.result is Result.UNCHECKED
        assert NAME not in at.log
        told(lambda tell: session.log_in([way], settings, lambda: True, tell))
        assert NAME in at.log
