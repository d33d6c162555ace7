"""The line to the broker, with a real mosquitto."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from agent.tell import line as lines
from agent.tell import sending
from agent.tell.journal import Journal
from agent.tell.preflight import Endpoint
from agent.tell.uplink import Uplink
from contract.failures import Kind
from contract.messages import Ack, CenterState, Command, Fault, Result
from tests.chaos.proxy import Proxy
from tests.evil import Peer, Server
from tests.support.broker import Broker
from tests.support.waiting import PATIENCE_S, until

UP, DOWN = "mclz/v1/4101/box-0001/up/", "mclz/v1/4101/box-0001/down/"


class Ear:
    """Hears everything on the broker and speaks for the center, which has no event yet and says so to each birth."""

    def __init__(self, broker: Broker, *, answers: bool = True) -> None:
        self.heard: list[tuple[str, Any, bool]] = []
        self._answers = answers
        self._ready = threading.Event()
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2)
        self.client.on_connect = lambda client, *_: client.subscribe("mclz/#", 1)
        self.client.on_subscribe = lambda *_: self._ready.set()
        self.client.on_message = self._hear
        self.client.connect(broker.host, broker.port)
        self.client.loop_start()
        assert self._ready.wait(PATIENCE_S)

    def _hear(self, _: Any, __: Any, message: mqtt.MQTTMessage) -> None:
        if "/up/" in message.topic:
            said = json.loads(message.payload)
            self.heard.append((message.topic, said, message.retain))
            if self._answers and (store := said.get("store")) and message.topic.endswith("/state"):
                topic = message.topic.replace("/up/state", "/down/ack")
                self.client.publish(topic, msgspec.json.encode(Ack(store=store, seq=0)), 1)

    def of(self, leaf: str) -> list[Any]:
        return [payload for topic, payload, _ in self.heard if topic == UP + leaf]

    def seqs(self) -> list[int]:
        return [event["seq"] for batch in self.of("ev") for event in batch["events"]]

    def say(self, topic: str, message: msgspec.Struct, *, retain: bool = False) -> None:
        self.client.publish(topic, msgspec.json.encode(message), 1, retain).wait_for_publish(5)


class Where(NamedTuple):
    host: str
    port: int


def uplink(
    broker: Broker | Where,
    journal: Journal,
    verbs: list[str],
    duplicate: Callable[[str], None] = lambda _: None,
    *,
    port: int = 0,
    keepalive_s: int = 10,
    newest: bool = True,
) -> Uplink:
    """`port`: of a proxy on 127.0.0.1, in the broker's place."""

    def command(command: Command) -> Result:
        verbs.append(command.verb)
        return Result(id=command.id, outcome="done" if command.verb in ("look", "rebirth") else "unsupported")

    return Uplink(
        [Endpoint(host="127.0.0.1" if port else broker.host, port=port or broker.port)],
        city="4101",
        gateway="box-0001",
        session=lambda: "s1",
        username="4101/box-0001",
        password=None,
        keepalive_s=keepalive_s,
        journal=journal,
        greet=lambda: [("state", json.dumps({"state": "online", "store": journal.store}).encode()), ("inv", b"{}")],
        command=command,
        duplicate=duplicate,
        newest=newest,
    )


@contextmanager
def line(*, newest: bool = True) -> Iterator[tuple[Broker, Ear, Journal, Uplink, list[str]]]:
    verbs: list[str] = []
    with Broker() as broker:
        ear, journal = Ear(broker), Journal(broker.home / "journal.db")
        up = uplink(broker, journal, verbs, newest=newest)
        up.start()
        try:
            until(lambda: ear.of("state"))
            yield broker, ear, journal, up, verbs
        finally:
            up.stop("test over", 2)
            ear.client.disconnect()
            ear.client.loop_stop()


def fill(journal: Journal, count: int) -> None:
    for _ in range(count):
        journal.append(journal.run.number, lambda seq: Fault(seq=seq, boot="b", session="s1", at=seq, what="x"))


def later() -> int:
    return int(time.time() * 1000) + 60_000


def test_events_leave_only_when_the_center_has_them() -> None:
    """The broker's PUBACK empties nothing; the center's acknowledgement does, and only for this store."""
    with line() as (_, ear, journal, _up, _verbs):
        fill(journal, 5)
        until(lambda: ear.seqs()[:5] == [1, 2, 3, 4, 5])
        ear.say(DOWN + "ack", Ack(store="another", seq=5))
        ear.say(DOWN + "ack", Ack(store=journal.store, seq=3))
        until(lambda: journal.pending == 2)
        assert journal.oldest == 4


def test_an_acknowledgement_kept_by_the_broker_of_what_this_journal_never_told_ends_its_store(tmp_path: Path) -> None:
    """Events wait for it, lest those of the same numbers be taken for what it means; where none comes, not for long."""
    with Broker() as broker:
        ear, journal = Ear(broker, answers=False), Journal(tmp_path / "journal.db")
        fill(journal, 8)
        ear.say(DOWN + "ack", Ack(store=journal.store, seq=7), retain=True)
        up = uplink(broker, journal, [])
        up.start()
        try:
            until(lambda: journal.lost)
            assert journal.pending == 0
            fill(journal, 3)
            until(lambda: ear.seqs()[-3:] == [1, 2, 3])
            ear.say(DOWN + "ack", Ack(store=journal.store, seq=2), retain=True)
            until(lambda: journal.pending == 1)
            up.reconnect()
            until(lambda: ear.seqs()[-2:] == [3, 3])  # sent again on the next line, whose retained ack names the 2nd
            assert (journal.pending, journal.lost) == (1, 1)
        finally:
            up.stop("test over", 2)
            ear.client.disconnect()
            ear.client.loop_stop()
            journal.close()


def test_without_acknowledgement_it_sends_again_from_the_oldest() -> None:
    """After 3 s without progress everything unacknowledged is sent again, in order."""
    with line() as (_, ear, journal, _up, _verbs):
        fill(journal, 3)
        until(lambda: ear.seqs() == [1, 2, 3])
        ear.say(DOWN + "ack", Ack(store=journal.store, seq=1))
        until(lambda: ear.seqs()[3:5] == [2, 3])


@pytest.mark.parametrize("where", ["mclz/v1/center/state", "mclz/v1/center/4101/state"])
def test_it_pauses_while_the_center_is_down(where: str) -> None:
    """Events wait while the center says that it, or this city, is down, and flow when that is up again."""
    with line() as (_, ear, journal, _up, _verbs):
        for topic in ("mclz/v1/center/state", "mclz/v1/center/4101/state"):
            ear.say(topic, CenterState(state="down" if topic == where else "up"), retain=True)
        ear.say("mclz/v1/center/4102/state", CenterState(state="down"), retain=True)
        time.sleep(0.5)
        fill(journal, 2)
        time.sleep(1.0)
        assert ear.seqs() == []
        ear.say(where, CenterState(state="up"), retain=True)
        until(lambda: ear.seqs() == [1, 2])


def test_a_center_that_announces_itself_is_sent_at_once_what_it_may_lack(monkeypatch: pytest.MonkeyPatch) -> None:
    """However patient the sender has become: what was sent before may have met a broker that forgot it."""
    monkeypatch.setattr(sending, "NO_PROGRESS_S", 300.0)
    with line() as (_, ear, journal, _up, _verbs):
        fill(journal, 3)
        until(lambda: ear.seqs() == [1, 2, 3])
        ear.say("mclz/v1/center/state", CenterState(state="up"), retain=True)
        until(lambda: ear.seqs() == [1, 2, 3, 1, 2, 3])


def test_a_long_backlog_is_windowed() -> None:
    """At most 200 events are under way before the center acknowledges; then the rest follows."""
    with line() as (_, ear, journal, _up, _verbs):
        fill(journal, 500)
        until(lambda: len(set(ear.seqs())) == 200)
        time.sleep(0.5)
        assert max(ear.seqs()) == 200
        for seq in (200, 400, 500):
            ear.say(DOWN + "ack", Ack(store=journal.store, seq=seq))
            until(lambda seq=seq: max(ear.seqs()) == min(500, seq + 200))  # type: ignore[misc]
        until(lambda: journal.pending == 0)


@pytest.mark.parametrize(
    ("verb", "outcome", "carried_out"),
    [("look", "done", True), ("format-disk", "unsupported", True), ("rebirth", "done", True)],
)
def test_a_command_is_answered(verb: str, outcome: str, carried_out: bool) -> None:
    """Every command gets one result; an unknown verb gets "unsupported"; rebirth greets again."""
    with line() as (_, ear, _journal, _up, verbs):
        births = len(ear.of("state"))
        ear.say(DOWN + "cmd", Command(id="c1", not_after=later(), verb=verb))
        until(lambda: ear.of("res") == [{"id": "c1", "outcome": outcome}])
        assert (verbs == [verb]) is carried_out
        if verb == "rebirth":
            until(lambda: len(ear.of("state")) == births + 1)


def test_old_and_retained_commands_are_not_carried_out() -> None:
    """An expired command is refused; a retained one is ignored without an answer."""
    with line() as (broker, ear, _journal, up, verbs):
        ear.say(DOWN + "cmd", Command(id="old", not_after=1, verb="look"))
        until(lambda: ear.of("res"))
        assert ear.of("res")[0]["outcome"] == "refused"
        ear.say(DOWN + "cmd", Command(id="kept", not_after=later(), verb="format-disk"), retain=True)
        until(lambda: verbs)  # delivered live once, as any publish is; what counts is the copy that the broker keeps
        verbs.clear()
        broker.stop()
        broker.start()
        ear.client.reconnect()
        until(up.connected.is_set)
        ear.say(DOWN + "cmd", Command(id="kept", not_after=later(), verb="look"), retain=True)
        until(lambda: "look" in verbs)  # or it comes after the clearing
        up.stop("reconnect", 1)
        second = uplink(broker, Journal(broker.home / "second.db"), verbs)
        verbs.clear()
        second.start()
        until(second.connected.is_set)
        time.sleep(0.5)
        second.stop("test over", 1)
        assert verbs == []


def test_garbage_from_above_costs_nothing() -> None:
    """Unreadable and oversized messages are dropped; the line goes on."""
    with line() as (_, ear, journal, up, verbs):
        nested, no_utf8 = b'{"x":' + b"[" * 20_000, b'{"store":"\xff","id":"\xff"}'
        for payload in (b"", b"{", b"[]", b'{"store":1}', b"\xff" * 100, b"x" * 40_000, nested, no_utf8):
            for leaf in ("ack", "cmd"):
                ear.client.publish(DOWN + leaf, payload, 1).wait_for_publish(5)
        ear.say(DOWN + "cmd", Command(id="c1", not_after=later(), verb="look"))
        until(lambda: verbs == ["look"])
        assert up.connected.is_set()
        assert journal.pending == 0


def test_it_says_goodbye_and_otherwise_its_will_speaks() -> None:
    """A clean stop publishes why it went; of a box that is gone the broker tells (on MQTT 3.1.1 at once)."""
    with line() as (_, ear, _journal, up, _verbs):
        up.stop("stopped by request", 2)
        until(
            lambda: (
                {"state": "offline", "gateway": "box-0001", "session": "s1", "why": "stopped by request", "v": 1}
                in ear.of("state")
            )
        )
    with line(newest=False) as (_, ear, _journal, up, _verbs):
        up.reconnect()
        until(lambda: any(one.get("state") == "lost" for one in ear.of("state")))
        until(lambda: ear.of("state")[-1]["state"] == "online")


def test_an_unreachable_broker_is_named_once_and_tried_again() -> None:
    """Without a broker it says where it could not be reached, and connects when there is one."""
    broker = Broker()
    up = uplink(broker, Journal(broker.home / "journal.db"), [])
    up.start()
    until(lambda: "cannot reach the broker" in up.detail)
    assert f"{broker.host}:{broker.port}" in up.detail
    with broker:
        until(up.connected.is_set)
        assert "connected" in up.detail
        up.stop("test over", 2)


def test_a_broker_that_dies_again_and_again_is_no_thief(tmp_path: Path) -> None:
    """Four connections in a row that a dying broker cut short accuse nobody of using our identity."""
    told: list[str] = []
    with Broker() as broker:
        journal = Journal(tmp_path / "journal.db")
        up = uplink(broker, journal, [], told.append)
        up.start()
        try:
            for _ in range(4):
                until(up.connected.is_set)
                fill(journal, 1)
                until(lambda: up.confirmed > 2)
                broker.kill()
                broker.start()
                until(lambda: not up.connected.is_set())
            until(up.connected.is_set)
            assert told == []
            assert up.problem is None
        finally:
            up.stop("test over", 2)


def test_a_line_without_confirmations_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where publishes are swallowed the line ends, long before two keepalives are over, and another one is made."""
    monkeypatch.setattr(lines, "DEAF_S", 2.0)
    with Broker() as broker, Proxy(broker.port, broker.host) as proxy:
        journal = Journal(tmp_path / "journal.db")
        up = uplink(broker, journal, [], port=proxy.port, keepalive_s=60)
        up.start()
        try:
            until(up.connected.is_set)
            time.sleep(3)  # quiet, and everything confirmed: that is no silence
            assert up.connected.is_set()
            proxy.swallow()
            up.publish("hb", b"{}")
            until(lambda: "nothing was confirmed" in up.detail)
            assert not up.connected.is_set()
            proxy.pass_on()
            until(up.connected.is_set)
        finally:
            up.stop("test over", 2)


def test_what_was_refused_is_subscribed_to_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cluster that elects its leader refuses for seconds; once it grants, nothing is blamed any more."""
    monkeypatch.setattr(lines, "RESUBSCRIBE_S", 0.2)
    asked: list[bytes] = []
    granting = threading.Event()

    def refuses_at_first(peer: Peer) -> None:
        while head := peer.sock.recv(1):
            size = shift = 0
            while byte := peer.sock.recv(1)[0]:
                size |= (byte & 0x7F) << shift
                shift += 7
                if byte < 0x80:
                    break
            body = peer.sock.recv(size, socket.MSG_WAITALL) if size else b""
            if head[0] == 0x10:
                peer.send(bytes((0x20, 2, 0, 0)))
            elif head[0] == 0x82:
                asked.append(body)
                topics = body.count(b"mclz/")
                code = b"\x01" if granting.is_set() else b"\x80"
                peer.send(bytes((0x90, 2 + topics)) + body[:2] + code * topics)

    journal = Journal(tmp_path / "journal.db")
    with Server(refuses_at_first) as server:
        up = uplink(Where(server.address, server.port), journal, [], newest=False)
        up.start()
        try:
            until(lambda: up.problem is Kind.ACL)
            granting.set()
            until(lambda: up.problem is None)
            assert len(asked) > 1
            assert len({body[2:] for body in asked}) == 1
        finally:
            up.stop("test over", 0.1)
    journal.close()
