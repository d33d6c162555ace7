"""A real mosquitto over what `gateway enroll|revoke` writes: who comes in, and what revoking does without a restart."""

import threading
from collections.abc import Iterator
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from tests.center.enrolment.stage import EnrolledBroker, Given, Stage
from tests.support.waiting import PATIENCE_S, until


class Visitor:
    """A client of one of the TLS listeners; `let_in` once the broker has said yes or no."""

    def __init__(self, broker: EnrolledBroker, port: int, given: Given, user: str = "", password: str = "") -> None:
        self.got: list[str] = []
        self._told = threading.Event()
        self.let_in = False
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5, client_id=user)
        if user:
            self.client.username_pw_set(user, password)
            self.client.tls_set(str(given.ca))
        else:
            self.client.tls_set(str(given.ca), str(given.certificate), str(given.key))
        self.client.on_connect = lambda _c, _u, _f, reason, _p: self._said(not reason.is_failure)
        self.client.on_disconnect = lambda *_: self._said(False)
        self.client.on_message = lambda _c, _u, message: self.got.append(message.topic)
        self.client.on_subscribe = lambda *_: self.subscribed.set()
        self.subscribed = threading.Event()
        try:
            self.client.connect(broker.host, port)
        except OSError:
            return
        self.client.loop_start()
        assert self._told.wait(PATIENCE_S)

    def _said(self, let_in: bool) -> None:
        if not self._told.is_set():
            self.let_in = let_in
        self._told.set()

    def hears(self, topic: str) -> None:
        self.client.subscribe(topic, 1)
        assert self.subscribed.wait(PATIENCE_S)

    def says(self, topic: str) -> None:
        self.client.publish(topic, b"x", qos=1).wait_for_publish(PATIENCE_S)

    def leave(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


class Center(Visitor):
    """On the plain port, by a password."""

    def __init__(self, broker: EnrolledBroker, user: str, password: str, *topics: str) -> None:
        self.got: list[str] = []
        self.subscribed = threading.Event()
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=user)
        self.client.username_pw_set(user, password)
        self.client.on_connect = lambda client, *_: client.subscribe([(topic, 1) for topic in topics])
        self.client.on_message = lambda _c, _u, message: self.got.append(message.topic)
        self.client.on_subscribe = lambda *_: self.subscribed.set()
        self.client.connect(broker.host, broker.port)
        self.client.loop_start()
        assert self.subscribed.wait(PATIENCE_S)


def lets_in(broker: EnrolledBroker, port: int, given: Given, user: str = "", password: str = "") -> bool:
    visitor = Visitor(broker, port, given, user, password)
    visitor.leave()
    return visitor.let_in


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    made = Stage(tmp_path, str(tmp_path / "center.db"))
    assert made.enroll("--from-registry") == 0
    return made


@pytest.fixture
def broker(stage: Stage) -> Iterator[EnrolledBroker]:
    with EnrolledBroker(stage) as running:
        yield running


def test_a_revoked_box_is_let_in_no_more_and_one_that_stands_is_mute(stage: Stage, broker: EnrolledBroker) -> None:
    """Told by SIGHUP alone: neither by its certificate nor by its recovery secret; the others as before."""
    one, two = stage.given("zz-0001"), stage.given("zz-0002")
    for given, user in ((one, "4101/zz-0001"), (two, "4101/zz-0002")):
        assert lets_in(broker, broker.guarded, given)
        assert lets_in(broker, broker.recovery, given, user, given.secret)
    assert not lets_in(broker, broker.recovery, one, "4101/zz-0001", two.secret)
    center = Center(broker, "center", "c", "mclz/v1/+/+/up/#")
    standing = Visitor(broker, broker.guarded, two)
    standing.says("mclz/v1/4101/zz-0002/up/hb")
    until(lambda: center.got == ["mclz/v1/4101/zz-0002/up/hb"])
    assert stage.revoke("zz-0002", "--pid-file", str(broker.pid_file)) == 0
    broker.reloaded()
    other = Visitor(broker, broker.guarded, one)
    standing.says("mclz/v1/4101/zz-0002/up/ev")
    other.says("mclz/v1/4101/zz-0001/up/ev")
    until(lambda: "mclz/v1/4101/zz-0001/up/ev" in center.got)
    assert center.got == ["mclz/v1/4101/zz-0002/up/hb", "mclz/v1/4101/zz-0001/up/ev"]
    for someone in (center, standing, other):
        someone.leave()
    assert not lets_in(broker, broker.guarded, two)
    assert not lets_in(broker, broker.recovery, two, "4101/zz-0002", two.secret)


def test_enrolled_again_only_the_new_bundle_is_of_use(stage: Stage, broker: EnrolledBroker) -> None:
    """The box that was given up is out, its successor of the same name is in, and is not mute."""
    old = stage.given("zz-0001")
    before = Given(old.told, *(path.rename(path.with_name(f"old-{path.name}")) for path in old[1:]))
    assert stage.enroll("--again", "--pid-file", str(broker.pid_file), "zz-0001") == 0
    new = stage.given("zz-0001")
    broker.reloaded()
    assert not lets_in(broker, broker.guarded, before)
    assert not lets_in(broker, broker.recovery, new, "4101/zz-0001", old.secret)
    assert lets_in(broker, broker.recovery, new, "4101/zz-0001", new.secret)
    center = Center(broker, "center", "c", "mclz/v1/+/+/up/#")
    box = Visitor(broker, broker.guarded, new)
    box.says("mclz/v1/4101/zz-0001/up/hb")
    until(lambda: center.got)
    for someone in (center, box):
        someone.leave()


def test_the_port_of_recovery_permits_two_topics(stage: Stage, broker: EnrolledBroker) -> None:
    """By the secret a box asks for a certificate in its own name, and tells or hears nothing else."""
    given = stage.given("zz-0001")
    center = Center(broker, "center", "c", "mclz/v1/+/+/up/#")
    box = Visitor(broker, broker.recovery, given, "4101/zz-0001", given.secret)
    box.hears("mclz/v1/#")
    box.hears("mclz/v1/4101/zz-0001/down/#")
    for topic in ("4101/zz-0001/up/ev", "4101/zz-0001/up/state", "4101/zz-0002/up/csr", "4101/zz-0001/up/csr"):
        box.says(f"mclz/v1/{topic}")
    until(lambda: "mclz/v1/4101/zz-0001/up/csr" in center.got)
    assert center.got == ["mclz/v1/4101/zz-0001/up/csr"]
    for topic in ("center/state", "4101/zz-0001/down/ack", "4101/zz-0002/down/cert", "4101/zz-0001/down/cert"):
        center.says(f"mclz/v1/{topic}")
    until(lambda: "mclz/v1/4101/zz-0001/down/cert" in box.got)
    assert set(box.got) == {"mclz/v1/4101/zz-0001/down/cert"}
    for someone in (center, box):
        someone.leave()


def test_a_number_that_is_no_mosquittos_is_not_told(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    """A pid file that is left over names anybody: nobody gets a signal, and the person hears what to do."""
    stale = stage.folder / "pid"
    stale.write_text("1\n")
    assert stage.revoke("zz-0001", "--pid-file", str(stale)) == 2
    said = capsys.readouterr().err
    assert "no mosquitto runs under the number in it" in said
    assert "All is written, but mosquitto does not know: run systemctl reload mosquitto" in said
    assert "zz-0001" not in (stage.files / "recovery_passwords").read_text()
