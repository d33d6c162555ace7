"""Subscribes to all gateways and answers them: MQTT in, batches to the recorder, acknowledgements out after the commit.

paho's thread only queues; one worker owns the store. What a message means must not be known here.
"""

import contextlib
import logging
import queue
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from center.decode import Incoming
from center.record import Outgoing, Recorder
from center.store import Store, Unavailable
from contract.messages import CenterState
from contract.topics import CENTER_STATE

log = logging.getLogger(__name__)
BATCH = 500
QUEUE = 20_000
"""When so many wait, paho's thread stops reading: the broker keeps the rest for our session."""
KEEPALIVE_S = 30
CHECKPOINT_S = 10.0
RETRY_S = 1.0
UP, DOWN = (msgspec.json.encode(CenterState(state=state)) for state in ("up", "down"))


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


class _Link(NamedTuple):
    """The connection came up, or went."""

    up: bool


class Intake:
    """`start()`, then `stop()`: what has been taken is stored and acknowledged first, then the goodbye said."""

    def __init__(self, store: Store, options: Options, clock_ms: Callable[[], int]) -> None:
        self._store = store
        self._options = options
        self._clock_ms = clock_ms
        self._recorder = Recorder(store)
        self._queue: queue.Queue[Incoming | _Link] = queue.Queue(QUEUE)
        self._stopping = threading.Event()
        self._worker = threading.Thread(target=self._work, name="intake")
        self._up_since: int | None = None
        self._checkpoint = 0.0
        self._connected = False
        self._said = ""
        self._client = self._make_client()

    def start(self) -> None:
        """Returns at once; connects, and reconnects for ever, in the background."""
        self._worker.start()
        self._client.connect_async(self._options.host, self._options.port, KEEPALIVE_S)
        self._client.loop_start()

    def stop(self) -> None:
        """Takes nothing more (the broker keeps it for our session), works the queue off, disconnects: a few seconds."""
        self._stopping.set()
        self._worker.join()
        if self._client.is_connected():
            said = self._client.publish(CENTER_STATE, DOWN, qos=1, retain=True)
            deadline = time.monotonic() + 2
            while self._client.is_connected() and not said.is_published() and time.monotonic() < deadline:
                time.sleep(0.01)
            self._client.disconnect()
        self._client.loop_stop()

    @property
    def alive(self) -> bool:
        return self._worker.is_alive()

    # ---- paho's thread

    def _make_client(self) -> mqtt.Client:
        """MQTT 3.1.1 with a session that the broker keeps: every broker knows that."""
        options = self._options
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id=options.client_id,
            clean_session=False,
            protocol=MQTTProtocolVersion.MQTTv311,
            manual_ack=True,
        )
        if options.username:
            secret = options.password_file.read_text("utf-8").strip() if options.password_file else None
            client.username_pw_set(options.username, secret)
        if options.ca:
            certificate, key = (str(file) if file else None for file in (options.certificate, options.key))
            client.tls_set(str(options.ca), certificate, key, cert_reqs=ssl.CERT_REQUIRED)
        client.will_set(CENTER_STATE, DOWN, qos=1, retain=True)
        client.reconnect_delay_set(min_delay=1, max_delay=30)
        client.max_queued_messages_set(0)
        client.on_connect, client.on_disconnect = self._on_connect, self._on_disconnect
        client.on_connect_fail, client.on_message = self._on_connect_fail, self._on_message
        return client

    def _topics(self) -> list[tuple[str, int]]:
        """Upwards all; downwards our own retained acks, which say how far we once were."""
        cities = self._options.cities or ("+",)
        return [(f"mclz/v1/{city}/+/{leaf}", 1) for city in cities for leaf in ("up/#", "down/ack")]

    def _on_connect(self, client: mqtt.Client, _data: object, _flags: object, reason: Any, _properties: object) -> None:
        if reason.is_failure:
            self._say(f"broker {self._options.host}:{self._options.port} refuses us: {reason}")
            return
        self._connected = True
        self._say(f"connected to {self._options.host}:{self._options.port}")
        client.subscribe(self._topics())
        client.publish(CENTER_STATE, UP, qos=1, retain=True)
        self._put(_Link(up=True))

    def _on_disconnect(self, _c: object, _data: object, _flags: object, reason: Any, _properties: object) -> None:
        if self._connected:
            self._connected = False
            self._say(f"disconnected: {reason}")
            self._put(_Link(up=False))

    def _on_connect_fail(self, _client: object, _data: object) -> None:
        self._say(f"no connection to {self._options.host}:{self._options.port}")

    def _on_message(self, client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        incoming = Incoming(message.topic, bytes(message.payload), message.retain, self._clock_ms())
        if self._put(incoming):
            client.ack(message.mid, message.qos)

    def _put(self, item: Incoming | _Link) -> bool:
        """False when stopping: not taken."""
        while not self._stopping.is_set():
            try:
                self._queue.put(item, timeout=1)
            except queue.Full:
                self._say("the store is slower than the broker: reading waits until it has caught up")
            else:
                return True
        return False

    def _say(self, news: str) -> None:
        """Once, not at every attempt."""
        if news != self._said:
            self._said = news
            log.info("%s", news)

    # ---- the worker's thread

    def _work(self) -> None:
        while not (self._stopping.is_set() and self._queue.empty()):
            batch = self._next()
            self._publish(self._record([item for item in batch if isinstance(item, Incoming)]))
            for link in batch:
                if isinstance(link, _Link):
                    self._turn(link)
            self._keep_uptime()
        self._keep_uptime(now=True)

    def _next(self) -> list[Incoming | _Link]:
        """What waits, up to a batch; after a second, nothing."""
        batch: list[Incoming | _Link] = []
        with contextlib.suppress(queue.Empty):
            batch.append(self._queue.get(timeout=1))
            while len(batch) < BATCH:
                batch.append(self._queue.get_nowait())
        return batch

    def _record(self, messages: list[Incoming]) -> list[Outgoing]:
        """Tries until the database can be used. Told to stop meanwhile, it gives up: gateways resend."""
        said = False
        while messages:
            try:
                return self._recorder.record(messages)
            except Unavailable as trouble:
                if not said:
                    log.error("nothing can be stored, nothing is acknowledged: %s", trouble)
                    said = True
                if self._stopping.wait(RETRY_S):
                    break
        return []

    def _publish(self, answers: Sequence[Outgoing]) -> None:
        for answer in answers:
            self._client.publish(answer.topic, answer.payload, qos=1, retain=answer.retained)

    def _turn(self, link: _Link) -> None:
        self._keep_uptime(now=True)
        self._up_since = self._clock_ms() if link.up else None
        self._keep_uptime(now=True)

    def _keep_uptime(self, *, now: bool = False) -> None:
        """Checkpoints the time in which we could hear: outside it, silence is nobody's fault."""
        due = now or time.monotonic() - self._checkpoint >= CHECKPOINT_S
        if self._up_since is None or not due:
            return
        self._checkpoint = time.monotonic()
        try:
            with self._store.write() as tx:
                tx.put_uptime(self._up_since, self._clock_ms())
        except Unavailable as trouble:
            log.warning("uptime not stored: %s", trouble)
