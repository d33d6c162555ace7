"""The center's connection to the broker, kept up for ever: subscriptions, will, messages handed on. Only here is paho.

What a message means, and what is done with it, must not be known here.
"""

import contextlib
import logging
import socket
import ssl
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from center.holes import VERSION_TOPIC, hole
from contract import failures
from contract.failures import Failure, Kind
from contract.plain import read_plain
from contract.problems import Told, why

log = logging.getLogger(__name__)
KEEPALIVE_S = 30
RESUBSCRIBE_S = 5.0
"""How long after a refused subscription it is tried again: an access list is mended without a new connection, and a
cluster that elects its leader refuses for seconds."""
GOODBYE_S = 2.0
DEAF_S = 25.0
"""A SUBACK or PUBACK is awaited for so long. A cluster that elects a leader withholds some for ever, though the line
stands."""


ADVICE = {
    Kind.DNS: "check the name in --broker and the DNS server",
    Kind.TCP: "check --broker, the firewall, and whether the broker runs",
    Kind.TLS: "check that --ca fits the port: TLS on one side only?",
    Kind.TLS_TIME: "check the clock of this machine first, then renew the broker's certificate",
    Kind.TLS_CA: "check --ca, or who answers there",
    Kind.TLS_NAME: "name the broker in --broker as its certificate does",
    Kind.AUTH: "check --username, --password-file, --cert and --key",
    Kind.ACL: "see its access list",
    Kind.MQTT: "it may be overloaded, or no MQTT broker",
}
"""What to do about each kind of failure; the names are those that a gateway tells as well."""


class Options(NamedTuple):
    """How to reach the broker. `cities`: only these (one worker of several); empty: all. The password file is read.

    `others`: further nodes of the same cluster, asked in turn when the line breaks.
    """

    host: str = "127.0.0.1"
    port: int = 1883
    client_id: str = "canteen-center"
    username: str = ""
    password_file: Path | None = None
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    cities: tuple[str, ...] = ()
    others: tuple[tuple[str, int], ...] = ()


class Unusable(Told):
    """A password, certificate or key that cannot be read or used."""


class State(NamedTuple):
    """What is said, retained, while we are there, and by the broker when we are not."""

    topic: str
    up: bytes
    down: bytes


Take = Callable[[str, bytes, bool], bool]
"""(topic, payload, retained) -> whether the broker may forget it."""


class Line:
    """With a `state` the broker keeps a session for us; without one it is a visit of which nothing remains.

    Raises Unusable. `take` and `turned(up)` are called on paho's thread; up is who may hear: connected, and every
    subscription granted.
    """

    def __init__(
        self,
        options: Options,
        topics: Sequence[str],
        take: Take,
        turned: Callable[[bool], None] = lambda up: None,
        state: State | None = None,
    ) -> None:
        self._options, self._topics, self._state = options, topics, state
        self._nodes = deque([(options.host, options.port), *options.others])
        self._take, self._turned = take, turned
        self._connected = False
        self._again: threading.Timer | None = None
        """Subscribes once more after a refusal."""
        self.ready = threading.Event()
        """Connected, and the broker has granted every subscription."""
        self.news = ""
        """The state of the line in one sentence."""
        self.problem: Kind | str = Kind.TCP
        """Why it does not stand: a Kind, or "hole" for a broker that nothing is taken from; "" while it does."""
        self._answered = False
        """The broker has answered CONNECT on this connection."""
        self._hole = ""
        self._version_mid: int | None = None
        self._asks_version = True
        self._leaving = False
        self._waits_since: float | None = None
        """Since when something was subscribed to or published, and nothing was confirmed."""
        self._client = self._make_client()

    def start(self) -> None:
        """Returns at once; connects, and reconnects for ever, in the background."""
        self._client.connect_async(*self._nodes[0], KEEPALIVE_S)
        self._client.loop_start()

    def stop(self) -> None:
        if self._client.is_connected():
            if self._state:
                said = self.publish(self._state.topic, self._state.down, retain=True)
                deadline = time.monotonic() + GOODBYE_S
                while self._client.is_connected() and not said.is_published() and time.monotonic() < deadline:
                    time.sleep(0.01)
            self._leaving = True
            self._client.disconnect()
        self._client.loop_stop()

    def publish(self, topic: str, payload: bytes, *, retain: bool) -> mqtt.MQTTMessageInfo:
        """What is published while the line is down goes out when it is up again."""
        info = self._client.publish(topic, payload, qos=1, retain=retain)
        if self._waits_since is None:
            self._waits_since = time.monotonic()
        return info

    def end_if_deaf(self) -> None:
        """Ends a line on which nothing is confirmed any more, for paho to make another; to be called now and then."""
        since = self._waits_since
        deaf = since is not None and time.monotonic() - since > DEAF_S
        held = self._client.socket()
        if deaf and held and self._connected:
            self._waits_since = None
            log.warning("nothing was confirmed for %.0f s: connects anew", DEAF_S)
            with contextlib.suppress(OSError):
                socket.socket.shutdown(cast("socket.socket", held), socket.SHUT_RDWR)  # below TLS: that is paho's

    def _make_client(self) -> mqtt.Client:
        """MQTT 3.1.1: every broker knows that."""
        options = self._options
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id=options.client_id,
            clean_session=self._state is None,
            protocol=MQTTProtocolVersion.MQTTv311,
            manual_ack=True,
        )
        if options.username:
            client.username_pw_set(options.username, _secret(options.password_file))
        if options.ca:
            certificate, key = (str(file) if file else None for file in (options.certificate, options.key))
            try:
                client.tls_set(str(options.ca), certificate, key, cert_reqs=ssl.CERT_REQUIRED)
            except (OSError, ValueError) as error:
                files = ", ".join(filter(None, (str(options.ca), certificate, key)))
                raise Unusable(
                    f"no certificate or key to be used in {files}: {error}", f"{files} 中没有可用的证书或私钥：{error}"
                ) from error
        if self._state:
            client.will_set(self._state.topic, self._state.down, qos=1, retain=True)
        client.reconnect_delay_set(min_delay=1, max_delay=30)
        client.max_queued_messages_set(0)
        client.on_connect, client.on_disconnect = self._on_connect, self._on_disconnect
        client.on_connect_fail, client.on_message = self._on_connect_fail, self._on_message
        client.on_subscribe, client.on_publish = self._on_subscribe, self._on_publish
        return client

    # ---- paho's thread

    def _on_connect(self, client: mqtt.Client, _data: object, _flags: object, reason: Any, _properties: object) -> None:
        self._answered = True
        if reason.is_failure:
            self._fail(failures.refusal(reason.value, str(reason)))
            return
        self._waits_since = time.monotonic()  # for the answer to what is subscribed to now
        self._connected = True
        self._hole = ""
        self._say_connected()
        self._ask_version()

    def _ask_version(self) -> None:
        """Before anything else: what is retained comes before the answer to the next subscription."""
        if self._asks_version:
            self._version_mid = self._client.subscribe(VERSION_TOPIC, 1)[1]
        else:
            self._subscribe()

    def _subscribe(self) -> None:
        if not self._hole:
            self._subscribe_all()

    def _subscribe_all(self) -> None:
        self._waits_since = time.monotonic()
        self._client.subscribe([(topic, 1) for topic in self._topics])

    def _on_subscribe(self, _c: object, _data: object, mid: int, reasons: Sequence[Any], _properties: object) -> None:
        self._waits_since = None
        if mid == self._version_mid:  # granted or not: not every broker tells
            self._version_mid = None
            self._subscribe()
            return
        refused = [topic for topic, reason in zip(self._topics, reasons, strict=False) if reason.is_failure]
        if self._hole:
            return
        if refused:
            self._fail(Failure(Kind.ACL, f"refuses us {', '.join(refused)}"))
            if self._again:
                self._again.cancel()
            self._again = threading.Timer(RESUBSCRIBE_S, self._subscribe)
            self._again.daemon = True
            self._again.start()
        elif not self.ready.is_set():
            self.ready.set()
            self.problem = ""
            self._say_connected()
            if self._state:
                self.publish(self._state.topic, self._state.up, retain=True)
            self._turned(True)

    def _on_publish(self, _c: object, _data: object, _mid: int, _reason: object, _properties: object) -> None:
        self._waits_since = None

    def _on_disconnect(self, _c: object, _data: object, _flags: object, reason: Any, _properties: object) -> None:
        if self._version_mid is not None:  # a broker that hangs up on whom it forbids something is asked once
            self._version_mid, self._asks_version = None, False
        if self._connected:
            self._connected = False
            self.problem = Kind.TCP
            self._say(f"disconnected: {reason}")
        elif not self._answered:
            self._fail(Failure(Kind.MQTT, f"hung up before CONNACK: {reason}"))
        self._answered = False
        self._ended()
        if not self._leaving:
            self._next_node()

    def _next_node(self) -> None:
        """For the next attempt, which paho makes."""
        if len(self._nodes) > 1:
            self._nodes.rotate(-1)
            self._client.connect_async(*self._nodes[0], KEEPALIVE_S)

    def _ended(self) -> None:
        if self.ready.is_set():
            self.ready.clear()
            self._turned(False)

    def _on_connect_fail(self, _client: object, _data: object) -> None:
        error = sys.exception()  # paho calls us where it has caught it
        failure = failures.of(error) if isinstance(error, OSError) else Failure(Kind.TCP, "no connection")
        if self._options.ca and isinstance(error, ConnectionResetError):  # it listened, and took fright at our hello
            failure = failure._replace(kind=Kind.TLS)
        self._fail(failure)
        self._next_node()

    def _on_message(self, client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        if self._waits_since is not None and not self.ready.is_set():  # what is retained may come before the SUBACK
            self._waits_since = time.monotonic()
        if message.topic == VERSION_TOPIC:
            self._hear_version(bytes(message.payload))
            client.ack(message.mid, message.qos)
        elif not self._hole and self._take(message.topic, bytes(message.payload), message.retain):
            client.ack(message.mid, message.qos)

    def _hear_version(self, told: bytes) -> None:
        """From a broker with a known hole nothing is taken: gateways keep what they have not seen acknowledged."""
        self._hole = hole(told)
        if self._hole:
            self.problem = "hole"
            self._say(f"broker {self._where}: {self._hole}")
            self._ended()

    def _say_connected(self) -> None:
        self._say(f"connected to {self._where}")

    @property
    def _where(self) -> str:
        host, port = self._nodes[0]
        return f"{host}:{port}"

    def _fail(self, failure: Failure) -> None:
        self.problem = failure.kind
        advice = ADVICE.get(failure.kind, "")
        self._say(f"broker {self._where}: {failure.kind}: {failure.detail}{advice and ': '}{advice}")

    def _say(self, news: str) -> None:
        """Once, not at every attempt."""
        if news != self.news:
            self.news = news
            log.info("%s", news)


def _secret(file: Path | None) -> str | None:
    try:
        return read_plain(file).decode("utf-8").strip() if file else None
    except (OSError, ValueError) as error:
        said = why(error)
        raise Unusable(f"{file}: no password to be read there: {said.en}", f"{file}：读不到口令：{said.zh}") from error
