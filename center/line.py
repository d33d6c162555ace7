"""The center's connection to the broker, kept up for ever: subscriptions, will, messages handed on. Only here is paho.

What a message means, and what is done with it, must not be known here.
"""

import logging
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

log = logging.getLogger(__name__)
KEEPALIVE_S = 30
RESUBSCRIBE_S = 30.0
"""How long after a refused subscription it is tried again: an access list is mended without a new connection."""
GOODBYE_S = 2.0


class Options(NamedTuple):
    """How to reach the broker. `cities`: only these (one worker of several); empty: all. The password file is read."""

    host: str = "127.0.0.1"
    port: int = 1883
    client_id: str = "canteen-center"
    username: str = ""
    password_file: Path | None = None
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    cities: tuple[str, ...] = ()


class Unusable(Exception):
    """A password, certificate or key that cannot be read or used; the text says which file."""


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
        self._take, self._turned = take, turned
        self._connected = False
        self._again: threading.Timer | None = None
        """Subscribes once more after a refusal."""
        self.ready = threading.Event()
        """Connected, and the broker has granted every subscription."""
        self.news = ""
        """The state of the line in one sentence."""
        self._client = self._make_client()

    def start(self) -> None:
        """Returns at once; connects, and reconnects for ever, in the background."""
        self._client.connect_async(self._options.host, self._options.port, KEEPALIVE_S)
        self._client.loop_start()

    def stop(self) -> None:
        if self._client.is_connected():
            if self._state:
                said = self.publish(self._state.topic, self._state.down, retain=True)
                deadline = time.monotonic() + GOODBYE_S
                while self._client.is_connected() and not said.is_published() and time.monotonic() < deadline:
                    time.sleep(0.01)
            self._client.disconnect()
        self._client.loop_stop()

    def publish(self, topic: str, payload: bytes, *, retain: bool) -> mqtt.MQTTMessageInfo:
        """What is published while the line is down goes out when it is up again."""
        return self._client.publish(topic, payload, qos=1, retain=retain)

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
                raise Unusable(f"no certificate or key to be used in {files}: {error}") from error
        if self._state:
            client.will_set(self._state.topic, self._state.down, qos=1, retain=True)
        client.reconnect_delay_set(min_delay=1, max_delay=30)
        client.max_queued_messages_set(0)
        client.on_connect, client.on_disconnect = self._on_connect, self._on_disconnect
        client.on_connect_fail, client.on_message = self._on_connect_fail, self._on_message
        client.on_subscribe = self._on_subscribe
        return client

    # ---- paho's thread

    def _on_connect(self, client: mqtt.Client, _data: object, _flags: object, reason: Any, _properties: object) -> None:
        if reason.is_failure:
            self._say(f"broker {self._options.host}:{self._options.port} refuses us: {reason}")
            return
        self._connected = True
        self._say_connected()
        self._subscribe()

    def _subscribe(self) -> None:
        self._client.subscribe([(topic, 1) for topic in self._topics])

    def _on_subscribe(self, _c: object, _data: object, _mid: int, reasons: Sequence[Any], _properties: object) -> None:
        refused = [topic for topic, reason in zip(self._topics, reasons, strict=False) if reason.is_failure]
        if refused:
            self._say(f"the broker refuses us {', '.join(refused)}: see its access list")
            if self._again:
                self._again.cancel()
            self._again = threading.Timer(RESUBSCRIBE_S, self._subscribe)
            self._again.daemon = True
            self._again.start()
        elif not self.ready.is_set():
            self.ready.set()
            self._say_connected()
            if self._state:
                self.publish(self._state.topic, self._state.up, retain=True)
            self._turned(True)

    def _on_disconnect(self, _c: object, _data: object, _flags: object, reason: Any, _properties: object) -> None:
        if self._connected:
            self._connected = False
            self._say(f"disconnected: {reason}")
        if self.ready.is_set():
            self.ready.clear()
            self._turned(False)

    def _on_connect_fail(self, _client: object, _data: object) -> None:
        self._say(f"no connection to {self._options.host}:{self._options.port}")

    def _on_message(self, client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        if self._take(message.topic, bytes(message.payload), message.retain):
            client.ack(message.mid, message.qos)

    def _say_connected(self) -> None:
        self._say(f"connected to {self._options.host}:{self._options.port}")

    def _say(self, news: str) -> None:
        """Once, not at every attempt."""
        if news != self.news:
            self.news = news
            log.info("%s", news)


def _secret(file: Path | None) -> str | None:
    try:
        return file.read_text("utf-8").strip() if file else None
    except (OSError, ValueError) as error:
        raise Unusable(f"{file}: no password to be read there: {error}") from error
