"""The center on a cluster of three NATS: a gateway tells, a node is killed; and the users that a command writes."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.tell.journal import Journal
from agent.tell.preflight import Endpoint
from agent.tell.uplink import Uplink
from center.cli import main
from center.holes import nats_hole
from center.store import Store
from contract.messages import Ack, Fault, Result, encode
from scripts.stage import free_port
from tests.center.letters import CITY, GATEWAY, birth, register
from tests.center.processes import Center, Gateway, held
from tests.evil import Peer, Server
from tests.support.broker import Broker
from tests.support.nats import Missing, Nats, Node
from tests.support.waiting import until

USER = f"{CITY}/{GATEWAY}"
OTHER = "4102/xx-0001"
SECRET = 'g"\\:#$'


@pytest.fixture
def database(tmp_path: Path) -> str:
    store = Store(str(tmp_path / "center.db"))
    register(store, "k1")
    register(store, "k1", gateway="xx-0001", city="4102", county="龙亭区")
    store.close()
    return str(tmp_path / "center.db")


@pytest.fixture
def passwords(tmp_path: Path) -> Path:
    file = tmp_path / "passwords"
    file.write_text(f"{USER}:{SECRET}\n{OTHER}:x\ncenter:c\nzz/unknown:y\n4101/not-registered:z\n")
    file.chmod(0o600)
    return file


def users(kind: str, database: str, passwords: Path, out: Path) -> int:
    return main(
        ["broker", "users", "--for", kind, "--database", database, "--passwords", str(passwords), "--out", str(out)]
    )


@pytest.fixture
def cluster(database: str, passwords: Path, tmp_path: Path) -> Iterator[Nats]:
    assert users("nats", database, passwords, tmp_path / "users.conf") == 0
    try:
        made = Nats((tmp_path / "users.conf").read_text())
    except Missing as missing:
        pytest.skip(f"no NATS here: {missing}")
    with made:
        yield made


class Telling:
    """The agent's own journal and line, which tell one event after the other until the center has acknowledged each."""

    def __init__(self, nodes: list[Node], home: Path) -> None:
        self.journal = Journal(home / "journal.db")
        self.told, self.silence_s = 0, 0.0
        self._uplink = Uplink(
            [Endpoint(host=node.host, port=node.port) for node in nodes],
            city=CITY,
            gateway=GATEWAY,
            session=lambda: "s1",
            username=USER,
            password=lambda: SECRET,
            keepalive_s=10,
            journal=self.journal,
            greet=lambda: [("state", birth(store=self.journal.store))],
            command=lambda command: Result(id=command.id, outcome="done"),
            newest=False,
        )
        self._uplink.start()
        self._stopping = threading.Event()
        self._teller = threading.Thread(target=self._tell)
        self._teller.start()

    def _tell(self) -> None:
        acked, since = 0, time.monotonic()
        stopping = False
        while not stopping:
            stopping = self._stopping.wait(0.05)
            self.told = self.journal.append(
                self.journal.run.number, lambda seq: Fault(seq=seq, boot="b1", session="s1", at=seq, what="x")
            )
            now = time.monotonic()
            if self.acked != acked:
                self.silence_s, acked, since = max(self.silence_s, now - since), self.acked, now

    @property
    def acked(self) -> int:
        return self.told - self.journal.pending

    def cease(self) -> None:
        """Nothing new is told."""
        self._stopping.set()
        self._teller.join()

    def leave(self) -> None:
        self.cease()
        self._uplink.stop("test over", 2)
        self.journal.close()


@pytest.mark.parametrize("whose", ["gateway", "center", "third"])
def test_a_node_is_killed_and_nothing_is_lost(cluster: Nats, database: str, tmp_path: Path, whose: str) -> None:
    """While a gateway tells without a pause one node goes: soon it is acknowledged again, and all is held, once."""
    (secret := tmp_path / "secret").write_text("c\n")
    one, two, three = cluster.nodes
    nodes = ",".join(f"{node.host}:{node.port}" for node in (two, three, one))
    login = ("--username", "center", "--password-file", str(secret), "--broker", nodes)
    with Center(one, database, *login, log=tmp_path / "log") as center:  # the last --broker counts
        gateway = Telling([one, three, two], tmp_path)
        try:
            until(lambda: gateway.acked > 20)
            gateway.silence_s = 0.0
            cluster.kill({"gateway": one, "center": two, "third": three}[whose])
            before = gateway.told
            until(lambda: gateway.acked > before + 20, progress=lambda: gateway.acked)
            gateway.cease()
            until(lambda: gateway.journal.pending == 0, progress=lambda: gateway.journal.pending)
        finally:
            gateway.leave()
        assert center.stop()[0] == 0
    assert held(database) == set(range(1, gateway.told + 1))
    print(f"{whose}'s node killed: no acknowledgement for {gateway.silence_s:.1f} s, {gateway.told} told, 0 lost")


def test_a_gateway_may_do_no_more_than_its_own(cluster: Nats) -> None:
    """What it says in another's name, or as the center, is delivered to nobody; nor does it hear another's."""
    node = cluster.nodes[0]
    honest, other = Gateway(node, USER, SECRET), Gateway(node, OTHER, "x", city="4102", gateway="xx-0001")
    center = Gateway(cluster.nodes[1], "center", "c")
    heard: list[str] = []
    center.client.on_message = lambda _c, _d, message: heard.append(message.topic)
    until(lambda: all(one.client.is_connected() for one in (honest, other, center)))
    center.client.subscribe([("mclz/v1/+/+/up/#", 1), ("mclz/v1/+/+/down/ack", 1)])
    foreign = (f"mclz/v1/{OTHER}/up/hb", f"mclz/v1/{OTHER}/down/ack", "mclz/v1/center/state", f"mclz/v1/{USER}/up/x")
    for topic in foreign:
        honest.client.publish(topic, encode(Ack(store="j1", seq=7)), 1)

    def own_is_heard() -> bool:
        honest.says("hb", b"{}")
        return f"mclz/v1/{USER}/up/hb" in heard

    until(own_is_heard)
    assert set(heard) == {f"mclz/v1/{USER}/up/hb"}
    assert (other.acked, other.center) == (0, [])
    for one in (honest, other, center):
        one.leave()


def test_mosquitto_knows_the_users_that_are_written(database: str, passwords: Path) -> None:
    """The same passwords in its own form; who is not registered is not among them."""
    broker = Broker({})
    assert users("mosquitto", database, passwords, broker.home / "passwords") == 0
    written = (broker.home / "passwords").read_text()
    assert "not-registered" not in written
    assert 'g"' not in written
    with broker:
        for user, password in ((USER, SECRET), ("center", "c")):
            one = Gateway(broker, user, password)
            until(one.client.is_connected)
            one.leave()


def test_users_without_a_password_are_named_and_nothing_is_written(
    database: str, passwords: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    for text, mode, words in (
        ("center:c\n", 0o600, f"no password for {USER}, {OTHER}: add a line"),
        (f"{USER}:1\n{OTHER}\n", 0o600, "line 2: not USER:PASSWORD"),
        (f"{USER}:1\n{USER}:2\n", 0o600, "line 2: not USER:PASSWORD"),
        (f"{USER}:1\n", 0o644, "others can read it: chmod 600"),
    ):
        passwords.write_text(text)
        passwords.chmod(mode)
        assert main(_english(database, passwords, out)) == 2
        assert words in capsys.readouterr().err
        assert not out.exists()


def _english(database: str, passwords: Path, out: Path) -> list[str]:
    named = ["--database", database, "--passwords", str(passwords), "--out", str(out)]
    return ["broker", "users", "--lang", "en", "--for", "nats", *named]


@pytest.mark.parametrize(
    ("version", "words"),
    [
        ("2.9.10", "CVE-2026-33217, CVE-2026-58210, CVE-2026-58213"),
        ("2.12.10", "(CVE-2026-58210 and others)"),
        ("2.14.2", "(CVE-2026-58210 and others)"),
        ("2.14.6", "NATS 2.14.6 has known holes: install 2.14.7"),
        ("unknown", "no version that could be compared"),
        ("2.14.7", ""),
        ("2.15.1", ""),
    ],
)
def test_a_nats_with_known_holes_is_told(capsys: pytest.CaptureFixture[str], version: str, words: str) -> None:
    """As it says itself at its client port, before any login."""

    def greets(peer: Peer) -> None:
        peer.send(b'INFO {"server_id":"x","version":"%s","proto":1}\r\n' % version.encode())

    with Server(greets) as server:
        where = f"{server.address}:{server.port}"
        assert main(["broker", "check", "--lang", "en", "--nats", where]) == (1 if words else 0)
    out = capsys.readouterr().out
    assert words in out if words else out == f"NATS {version}\n"
    assert bool(nats_hole(version)) == bool(words)


def test_who_is_no_nats_is_told_so(broker: Broker, capsys: pytest.CaptureFixture[str]) -> None:
    """mosquitto waits for us to begin; nobody listens at a free port."""
    for port, words in ((broker.port, "no NATS speaks there"), (free_port(broker.host), "Connection refused")):
        assert main(["broker", "check", "--lang", "en", "--nats", f"{broker.host}:{port}"]) == 2
        assert words in capsys.readouterr().err
