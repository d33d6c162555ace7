import hashlib
import json
import time
from base64 import b64encode
from pathlib import Path
from string import Template

import pytest

from center.intake import Intake
from center.intervals import Intervals, total
from center.line import Options
from center.store import Store
from tests.center.letters import CITY, GATEWAY, T0, anchor, beat, birth, event, events, moved, register
from tests.center.processes import Center, Gateway, held
from tests.support.broker import Broker
from tests.support.waiting import until


@pytest.fixture
def database(tmp_path: Path) -> Path:
    store = Store(str(tmp_path / "center.db"))
    register(store, "k1", "k2")
    store.close()
    return tmp_path / "center.db"


def test_from_gateway_to_printed_rate(broker: Broker, gateway: Gateway, database: Path) -> None:
    """Registered slots of which one is online: acknowledged, printed, said up and down, quarantined where poisoned."""
    with Center(broker, database) as center:
        until(lambda: "up" in gateway.center)
        now = time.time_ns() // 1_000_000
        gateway.says("hb", beat(100, 0))
        until(lambda: bool(gateway.commands))
        assert b"rebirth" in gateway.commands[0]
        gateway.says("state", birth(), retain=True)
        gateway.says("ev", b"{poison")
        gateway.says("ev", events(anchor(1, 0, now - 60_000), moved(2, 100, "online")))
        gateway.says("hb", beat(60_000, 2))
        until(lambda: gateway.acked == 2)
        time.sleep(1.2)
        code, out, err = center.stop()
    assert code == 0
    assert "registered 2  online 1  offline 0  unknown 0  never seen 1  online now 50.00%" in out
    assert err.count("connected to") == 1
    assert "set aside from mclz/v1/4101/zz-0001/up/ev: undecodable" in err
    until(lambda: gateway.center[-1] == "down")


def test_killed_and_restarted_center_loses_nothing(broker: Broker, gateway: Gateway, database: Path) -> None:
    """kill -9 amid a stream: all that was acknowledged is stored, and what is sent again fills the rest."""
    for goal in (400, 800, 1200):
        with Center(broker, database) as center:
            until(lambda: gateway.center[-1:] == ["up"])
            for first in range(1, 1201, 20):
                gateway.says("ev", events(*(event(seq) for seq in range(first, first + 20))))
            until(lambda goal=goal: gateway.acked >= goal)
            center.process.kill()
            acked = gateway.acked
        until(lambda: gateway.center[-1] == "down")
        assert set(range(1, acked + 1)) <= held(database)
    assert held(database) == set(range(1, 1201))


def test_a_message_sent_while_the_center_was_away_arrives(broker: Broker, gateway: Gateway, database: Path) -> None:
    """The broker keeps the center's session: even a heartbeat published meanwhile is not lost."""
    with Center(broker, database) as center:
        until(lambda: "up" in gateway.center)
        center.stop()
    gateway.says("hb", beat(100, 0))
    with Center(broker, database):
        until(lambda: bool(gateway.commands))


def test_a_request_for_a_certificate_is_not_for_the_intake(broker: Broker, gateway: Gateway, database: Path) -> None:
    """Another process answers it: here it is no testimony, no sign of life, and nothing that is set aside."""
    with Center(broker, database):
        until(lambda: "up" in gateway.center)
        gateway.says("csr", b"{}")
        gateway.says("ev", b"{poison")  # comes behind it

        def aside() -> list[str]:
            store = Store(str(database))
            with store.read() as reader:
                found = [one.topic for one in reader.aside()]
            store.close()
            return found

        until(aside)
        assert aside() == [f"mclz/v1/{CITY}/{GATEWAY}/up/ev"]


def test_the_broker_may_go_and_come_back(broker: Broker, gateway: Gateway, database: Path) -> None:
    """The center reconnects by itself and says each change of the connection once."""
    with Center(broker, database) as center:
        until(lambda: "up" in gateway.center)
        broker.stop()
        time.sleep(1.3)
        broker.start()
        until(lambda: gateway.client.is_connected() and gateway.center[-1] == "up")
        gateway.says("ev", events(event(1)))
        until(lambda: gateway.acked == 1)
        code, _, err = center.stop()
    assert code == 0
    assert err.count(": connected to") == 2
    assert err.count(": tcp: ") <= 1


def test_under_the_production_configuration(database: Path, tmp_path: Path) -> None:
    """With config/broker, each by user and password: the center's subscriptions and answers are all permitted."""
    secret = tmp_path / "secret"
    secret.write_text("c\n")
    with Broker({"center": "c", f"{CITY}/{GATEWAY}": "g"}) as broker:
        gateway = Gateway(broker, f"{CITY}/{GATEWAY}", "g")
        with Center(broker, database, "--username", "center", "--password-file", str(secret)) as center:
            until(lambda: "up" in gateway.center)
            gateway.says("ev", events(event(1), anchor(2, 0, T0)))
            gateway.says("hb", beat(100, 2))
            until(lambda: gateway.acked == 2 and bool(gateway.commands))
            assert center.stop()[0] == 0
        gateway.leave()


DEAF = """
plugin $PLUGIN
plugin_opt_config_file $HOME/deaf.json
"""
SALT = b"twelve bytes"
KEY = hashlib.pbkdf2_hmac("sha512", b"pw", SALT, 101, 64)
ADMIN = {
    "username": "admin",
    "iterations": 101,
    "password": b64encode(KEY).decode(),
    "salt": b64encode(SALT).decode(),
}
RULES = {
    "defaultACLAccess": {"publishClientSend": True, "publishClientReceive": True, "subscribe": False},
    "clients": [ADMIN | {"roles": [{"rolename": "admin"}]}],
    "roles": [{"rolename": "admin", "acls": [{"acltype": "publishClientSend", "topic": "$CONTROL/#", "allow": True}]}],
}
GRANTED = {"command": "setDefaultACLAccess", "acls": [{"acltype": "subscribe", "allow": True}]}


def test_a_center_that_may_not_subscribe_is_not_up(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A broker that welcomes it and refuses its subscriptions: said, not counted as listening. Granted later: up."""
    found = sorted(Path("/usr/lib").glob("*/mosquitto_dynamic_security.so"))
    if not found:
        pytest.skip("mosquitto without its plugin for dynamic security")
    monkeypatch.setattr("center.line.RESUBSCRIBE_S", 0.5)
    with Broker() as broker:
        broker.stop()
        rules = broker.home / "deaf.json"
        rules.write_text(json.dumps(RULES))
        rules.chmod(0o644)
        with (broker.home / "broker.conf").open("a") as conf:
            conf.write(Template(DEAF).substitute(PLUGIN=found[0], HOME=broker.home))
        broker.start()
        store = Store(str(database))
        intake = Intake(store, Options(broker.host, broker.port), lambda: time.time_ns() // 1_000_000)
        admin = Gateway(broker, "admin", "pw")
        try:
            intake.start()
            until(lambda: "refuses us mclz/v1/+/+/up/#" in intake.news)
            time.sleep(1.2)
            assert listened(store) == ()
            admin.client.publish("$CONTROL/dynamic-security/v1", json.dumps({"commands": [GRANTED]}), qos=1)
            until(lambda: listened(store) != ())
            assert intake.news.startswith("connected to")
        finally:
            admin.leave()
            intake.stop()
            store.close()


def test_a_step_of_the_centers_clock_is_nobodys_silence(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Frozen for an hour, or its clock set: that hour was not spent listening."""
    monkeypatch.setattr("center.intake.CHECKPOINT_S", 0.2)
    ahead_ms = [0]
    with Broker() as broker:
        store = Store(str(database))
        intake = Intake(store, Options(broker.host, broker.port), lambda: time.time_ns() // 1_000_000 + ahead_ms[0])
        try:
            intake.start()
            until(lambda: total(listened(store)) > 500)
            ahead_ms[0] = 3_600_000
            until(lambda: total(listened(store)[1:]) > 0)
        finally:
            intake.stop()
        assert total(listened(store)) < 60_000
        store.close()


def test_a_flood_delays_the_flooder_only(
    broker: Broker, gateway: Gateway, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the echo is late the center was not up for anybody but the one that sends above its share."""
    monkeypatch.setattr("center.intake.CHECKPOINT_S", 0.2)
    monkeypatch.setattr("center.echo.LATE_S", -1.0)
    monkeypatch.setattr("center.lanes.FAIR_MESSAGES", 5)
    store = Store(str(database))
    intake = Intake(store, Options(broker.host, broker.port), lambda: time.time_ns() // 1_000_000)

    def flood() -> bool:
        for n in range(10):
            gateway.says("hb", beat(1_000 + n, 0))
        return True

    def delayed() -> int:
        with store.read() as reader:
            assert reader.own_delays(["zz-0002"]) == {}
            return total(reader.own_delays([GATEWAY]).get(GATEWAY, ()))

    try:
        intake.start()
        until(lambda: gateway.center[-1:] == ["up"])
        until(lambda: flood() and delayed() > 300)
        assert listened(store) == ()
    finally:
        intake.stop()
        store.close()


def listened(store: Store) -> Intervals:
    with store.read() as reader:
        return reader.uptime(CITY)


def test_a_refused_center_says_so(tmp_path: Path) -> None:
    """A wrong password is named in the log, once, and the center goes on trying."""
    secret = tmp_path / "secret"
    secret.write_text("wrong-canary\n")
    with Broker({"center": "c"}) as broker:
        more = ("--username", "center", "--password-file", str(secret))
        with Center(broker, tmp_path / "center.db", *more) as center:
            until(lambda: broker.log.count("not authorised") >= 2)
            code, _, err = center.stop()
    assert code == 0
    assert err.count(": auth: Not authorized") == 1
    assert "canary" not in err
