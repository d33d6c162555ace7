import contextlib
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from center.holes import VERSION_TOPIC
from contract.topics import CSR, UP
from scripts.stage import free_port
from tests.support.authority import Authority
from tests.support.broker import CONFIG, Broker
from tests.support.waiting import PATIENCE_S, until

USERS = {"center": "c", "4101/zz-0001": "a", "4101/zz-0002": "b"}


class Someone:
    """A client of the broker that remembers what it is given."""

    def __init__(self, broker: Broker, user: str, *topics: str, will: str = "", stays: bool = False) -> None:
        self.got: list[tuple[str, bytes]] = []
        self._ready, self._sync = threading.Event(), threading.Event()
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="anything", clean_session=not stays)
        self.client.username_pw_set(user, USERS.get(user, "wrong"))
        if will:
            self.client.will_set(will, b"will", qos=1)
        self.client.on_connect = self._on_connect
        self.client.on_message = lambda _c, _u, m: self.got.append((m.topic, bytes(m.payload)))
        self.client.on_subscribe = lambda *_: self._ready.set()
        self._topics = topics or ("nothing",)
        self.client.connect(broker.host, broker.port)
        self.client.loop_start()

    def _on_connect(self, client: mqtt.Client, _u: object, _f: object, reason: object, _p: object) -> None:
        self.refused = str(reason) != "Success"
        if self.refused:
            self._ready.set()
        else:
            client.subscribe([(topic, 1) for topic in self._topics])

    def ready(self) -> "Someone":
        assert self._ready.wait(PATIENCE_S)
        return self

    def says(self, topic: str, payload: bytes = b"x", *, retain: bool = False) -> None:
        self.client.publish(topic, payload, qos=1, retain=retain).wait_for_publish(5)

    def hears(self, topic: str) -> bool:
        return any(heard == topic for heard, _ in self.got)

    def leave(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


@pytest.fixture(scope="module")
def broker() -> Iterator[Broker]:
    with Broker(USERS) as running:
        yield running


def test_each_may_say_and_hear_only_what_is_its_own(broker: Broker) -> None:
    """A gateway's own topics are delivered, foreign ones are not, the center reads all and writes downwards."""
    center = Someone(broker, "center", "mclz/v1/+/+/up/#").ready()
    one = Someone(broker, "4101/zz-0001", "mclz/v1/#", "mclz/v1/4101/+/down/#", "mclz/v1/center/state").ready()
    two = Someone(broker, "4101/zz-0002", "mclz/v1/4101/zz-0002/down/#", "mclz/v1/4101/zz-0001/#").ready()
    one.says("mclz/v1/4101/zz-0002/up/hb")
    one.says("mclz/v1/4101/zz-0001/down/ack")
    one.says("mclz/v1/center/state")
    two.says("mclz/v1/4101/zz-0001/up/state", retain=True)
    one.says("mclz/v1/4101/zz-0001/up/hb")
    two.says("mclz/v1/4101/zz-0002/up/ev")
    center.says("mclz/v1/4101/zz-0002/down/ack")
    center.says("mclz/v1/center/state", b"up", retain=True)
    center.says("mclz/v1/4101/zz-0001/down/cmd")
    until(lambda: one.hears("mclz/v1/4101/zz-0001/down/cmd"))
    until(lambda: two.hears("mclz/v1/4101/zz-0002/down/ack"))
    until(lambda: len(center.got) == 2)
    assert sorted(center.got) == [("mclz/v1/4101/zz-0001/up/hb", b"x"), ("mclz/v1/4101/zz-0002/up/ev", b"x")]
    assert {topic for topic, _ in one.got} == {"mclz/v1/center/state", "mclz/v1/4101/zz-0001/down/cmd"}
    assert {topic for topic, _ in two.got} == {"mclz/v1/4101/zz-0002/down/ack"}
    for someone in (center, one, two):
        someone.leave()


def test_a_foreign_will_is_dropped(broker: Broker) -> None:
    """A gateway cannot leave a will in another's name; its own is delivered."""
    center = Someone(broker, "center", "mclz/v1/+/+/up/#").ready()
    for will in ("mclz/v1/4101/zz-0002/up/state", "mclz/v1/4101/zz-0001/up/state"):
        dying = Someone(broker, "4101/zz-0001", will=will).ready()
        dying.client.socket().shutdown(2)  # type: ignore[union-attr]
        dying.client.loop_stop()
    until(lambda: center.hears("mclz/v1/4101/zz-0001/up/state"))
    assert not center.hears("mclz/v1/4101/zz-0002/up/state")
    center.leave()


@pytest.mark.parametrize("user", ["4101/zz-0003", ""])
def test_strangers_stay_outside(broker: Broker, user: str) -> None:
    """Without a password of its own nobody comes in."""
    stranger = Someone(broker, user).ready()
    assert stranger.refused
    stranger.leave()


def test_the_center_hears_which_version_the_broker_is(broker: Broker) -> None:
    """mosquitto tells it to the center; a gateway is not told."""
    center = Someone(broker, "center", VERSION_TOPIC).ready()
    one = Someone(broker, "4101/zz-0001", VERSION_TOPIC, "mclz/v1/4101/zz-0001/down/#").ready()
    until(lambda: center.hears(VERSION_TOPIC))
    assert center.got[0][1].startswith(b"mosquitto version ")
    center.says("mclz/v1/4101/zz-0001/down/ack")
    until(lambda: one.hears("mclz/v1/4101/zz-0001/down/ack"))
    assert not one.hears(VERSION_TOPIC)
    for someone in (center, one):
        someone.leave()


def test_a_gateway_has_seven_topics_and_no_more(broker: Broker) -> None:
    """Of those the contract names every one is delivered; any other below its own is not, nor kept."""
    center = Someone(broker, "center", "mclz/v1/+/+/up/#").ready()
    one = Someone(broker, "4101/zz-0001").ready()
    for leaf in ("x", "inv/1", "STATE", "ev/", "", CSR, *UP):
        one.says(f"mclz/v1/4101/zz-0001/up/{leaf}", retain=leaf not in UP)
    until(lambda: center.hears(f"mclz/v1/4101/zz-0001/up/{UP[-1]}"))
    assert [topic.rpartition("/")[2] for topic, _ in center.got] == [CSR, *UP]
    for someone in (center, one):
        someone.leave()


def flood(broker: Broker, messages: int) -> None:
    """200 kB each, while the center is away, whose session the broker keeps."""
    Someone(broker, "center", "mclz/v1/+/+/up/#", stays=True).ready().leave()
    one = Someone(broker, "4101/zz-0001").ready()
    for _ in range(messages):
        one.client.publish("mclz/v1/4101/zz-0001/up/ev", b"x" * 200_000, qos=1)
    last = one.client.publish("mclz/v1/4101/zz-0001/up/hb", b"x", qos=1)
    until(lambda: "out of memory" in broker.log or published(last), progress=lambda: len(broker.log))
    one.leave()


def published(message: mqtt.MQTTMessageInfo) -> bool:
    """Not where the sender was cut off before it."""
    with contextlib.suppress(RuntimeError):
        return message.is_published()
    return False


def given(broker: Broker) -> int:
    """Bytes of the flood that the center is given when it is back; another gateway's message comes last."""
    center = Someone(broker, "center", "mclz/v1/+/+/up/#", stays=True).ready()
    two = Someone(broker, "4101/zz-0002").ready()
    two.says("mclz/v1/4101/zz-0002/up/hb")
    until(lambda: center.hears("mclz/v1/4101/zz-0002/up/hb"), progress=lambda: len(center.got))
    for someone in (center, two):
        someone.leave()
    return sum(len(payload) for topic, payload in center.got if topic.endswith("/ev"))


def test_what_waits_for_the_center_is_bounded_in_bytes() -> None:
    """What a gateway floods while the center is away is cut off; afterwards the others are heard as before."""
    with Broker(USERS, "max_queued_bytes 4000000\n") as small:
        flood(small, 60)
        assert 0 < given(small) <= 4_400_000


def test_the_broker_outlives_a_flood_beyond_its_memory() -> None:
    """Where all memory is used the sender is cut off, and the broker lives on within it."""
    with Broker(USERS, "max_queued_bytes 0\nmemory_limit 8000000\n") as small:
        flood(small, 300)
        assert "4101/zz-0001 disconnected due to out of memory" in small.log
        assert small.memory_bytes < 40_000_000


def test_a_revoked_certificate_is_let_in_no_more(tmp_path: Path) -> None:
    """The template's TLS listener with its list of revoked ones; who is not on it is let in as before."""
    authority = Authority(tmp_path / "ca")
    good, bad = authority.issue("4101/zz-0001"), authority.issue("4101/zz-0002")
    authority.revoke(bad[0])
    with TemplateTls(authority) as guarded:
        assert guarded.lets_in(*good)
        assert not guarded.lets_in(*bad)


class TemplateTls(Broker):
    """The shipped template with its TLS listener switched on."""

    def __init__(self, authority: Authority) -> None:
        self._authority = authority
        super().__init__(USERS)

    def _configuration(self, users: Mapping[str, str] | None, extra: str) -> str:
        self.guarded = free_port(self.host)
        certificate, key = self._authority.issue("broker", alternative=f"IP:{self.host}")
        here = {
            "listener": f"{self.guarded} {self.host}",
            "cafile": self._authority.ca,
            "certfile": certificate,
            "keyfile": key,
            "crlfile": self._authority.revoked(),
            "acl_file": CONFIG / "acl",
        }
        lines = super()._configuration(users, extra).splitlines()
        begin = lines.index("#listener 8883")
        for number in range(begin, len(lines)):
            if not lines[number].startswith("#"):
                break
            name, _, value = lines[number].removeprefix("#").partition(" ")
            if name:  # a sentence has a blank behind its #
                lines[number] = f"{name} {here.get(name, value)}"
        return "\n".join(lines)

    def lets_in(self, certificate: Path, key: Path) -> bool:
        client = mqtt.Client(CallbackAPIVersion.VERSION2)
        client.tls_set(str(self._authority.ca), str(certificate), str(key))
        told = threading.Event()
        ended: list[bool] = []

        def said(let_in: bool) -> None:
            ended.append(let_in)
            told.set()

        client.on_connect = lambda _c, _u, _f, reason, _p: said(not reason.is_failure)
        client.on_disconnect = lambda *_: said(False)
        try:
            client.connect(self.host, self.guarded)
        except OSError:
            return False
        client.loop_start()
        assert told.wait(PATIENCE_S)
        client.disconnect()
        client.loop_stop()
        return ended[0]
