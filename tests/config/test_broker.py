import threading
from collections.abc import Iterator

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from tests.support.broker import Broker
from tests.support.waiting import PATIENCE_S, until

USERS = {"center": "c", "4101/zz-0001": "a", "4101/zz-0002": "b"}


class Someone:
    """A client of the broker that remembers what it is given."""

    def __init__(self, broker: Broker, user: str, *topics: str, will: str = "") -> None:
        self.got: list[tuple[str, bytes]] = []
        self._ready, self._sync = threading.Event(), threading.Event()
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="anything")
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
