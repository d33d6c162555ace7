"""The line to the broker: birth, will, goodbye, heartbeat, documents, events and their acknowledgement, commands.

A publish that the broker confirmed is not delivered: events leave the journal only when the center acknowledges them.
What the messages mean must not be known here.
"""

import logging
import random
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode

from agent.crew import Post
from agent.tell import documents
from agent.tell.journal import Journal
from contract import topics
from contract.messages import BROKEN_JSON, Ack, CenterState, Command, Goodbye, Result, Will

log = logging.getLogger(__name__)

WINDOW = 200
"""Events sent and not yet acknowledged by the center, at most."""
MAX_UNCONFIRMED = 20
"""Publishes without PUBACK, at most: an election in the broker's cluster withholds PUBACKs for 10-20 s."""
NO_PROGRESS_S = 3.0
BACKOFF_MAX_S = 300.0
CONNACK_S = 6.0
STALLED_S = 30.0
MAX_DOWN_BYTES = 32_000


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """One broker address. `ca`, `cert`, `key` are PEM files; `ca` None = no TLS."""

    host: str
    port: int
    ca: str | None = None
    cert: str | None = None
    key: str | None = None


class _Flow:
    """One store's events on their way."""

    def __init__(self) -> None:
        self.sent = 0
        """Highest seq published since the last rewind."""
        self.oldest = 0
        self.progress_at = time.monotonic()
        self.patience_s = NO_PROGRESS_S
        self.reconnected = False


def passed_by_the_wall_clock(utc_ms: int) -> bool:
    return utc_ms < time.time() * 1000


class Uplink:
    """Connects for ever, rotating over the endpoints; every method may be called from any thread.

    `greet` returns what is published, retained, at each connection and whenever `session` changes: (leaf, encoded
    document) pairs, the birth first.
    `passed(utc_ms)`: whether a command's last moment is over, as far as the box knows the time.
    `command` carries out one command and returns its result; it must not block for long.
    """

    def __init__(
        self,
        endpoints: Sequence[Endpoint],
        *,
        city: str,
        gateway: str,
        session: Callable[[], str],
        username: str,
        password: Callable[[], str] | None,
        keepalive_s: int,
        journal: Journal,
        greet: Callable[[], Sequence[tuple[str, bytes]]],
        command: Callable[[Command], Result],
        passed: Callable[[int], bool] = passed_by_the_wall_clock,
    ) -> None:
        self._endpoints = list(endpoints)
        self._city, self._gateway, self._session, self._username = city, gateway, session, username
        self._keepalive_s = keepalive_s
        self._journal = journal
        self._passed = passed
        self._greet = greet
        self._command = command
        self._unconfirmed: list[mqtt.MQTTMessageInfo] = []
        self._flows: dict[str, _Flow] = {}
        self._greeted = ""
        self._reconnected = threading.Event()
        self._center_up = True
        self._stopping = threading.Event()
        self.connected = threading.Event()
        self.detail = "not connected yet"
        """For a person: the state of the line in one sentence."""
        self._client = self._make_client(username, password)
        self._pump = self._make_pump()
        self._pumped_at = time.monotonic()

    def _make_pump(self) -> threading.Thread:
        return threading.Thread(target=self._pump_forever, name="uplink-pump", daemon=True)

    def _make_client(self, username: str, password: Callable[[], str] | None) -> mqtt.Client:
        client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=username, protocol=mqtt.MQTTv311)
        client.username_pw_set(username, password() if password else None)
        client.will_set(*self._will())
        client.connect_timeout = CONNACK_S
        client.reconnect_delay_set(1, int(BACKOFF_MAX_S))
        client.max_inflight_messages_set(MAX_UNCONFIRMED)
        client.on_connect = self._on_connect
        client.on_connect_fail = self._on_connect_fail
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish
        client.on_message = self._on_message
        self._tls(client)
        return client

    def _tls(self, client: mqtt.Client) -> None:
        secured = [endpoint for endpoint in self._endpoints if endpoint.ca]
        if secured:
            context = ssl.create_default_context()
            for endpoint in secured:
                context.load_verify_locations(endpoint.ca)
            if secured[0].cert:
                context.load_cert_chain(secured[0].cert, secured[0].key)
            client.tls_set_context(context)

    # ---- life ---------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin connecting, in the background and for ever."""
        self._dial()
        self._client.loop_start()
        self._pump.start()

    def stop(self, why: str, deadline_s: float) -> None:
        """Send what is pending as far as the deadline allows, say goodbye, disconnect."""
        end = time.monotonic() + deadline_s
        while self._journal.pending and self.connected.is_set() and time.monotonic() < end - 1.0:
            self._journal.grown.set()
            time.sleep(0.05)
        self._stopping.set()
        self._journal.grown.set()
        if self.connected.is_set():
            goodbye = self._client.publish(
                self._up("state"),
                self._encode(Goodbye(gateway=self._gateway, session=self._session(), why=why)),
                1,
                True,
            )
            while not goodbye.is_published() and self.connected.is_set() and time.monotonic() < end:
                time.sleep(0.02)
        self._client.disconnect()
        # paho's thread may hang in the resolver, longer than anybody waits for us
        ending = threading.Thread(target=self._client.loop_stop, name="uplink-end", daemon=True)
        ending.start()
        ending.join(max(0.5, end - time.monotonic()))

    def posts(self) -> list[Post]:
        """Both threads, each vital."""
        paho = f"paho-mqtt-client-{self._username}"  # it names its thread so, and starts another if asked to

        def looping() -> bool:
            return any(thread.name == paho for thread in threading.enumerate())

        def pumping() -> bool:
            return self._pump.is_alive()

        return [
            Post(paho, looping, self._restart_loop, vital=True),
            Post("uplink-pump", pumping, self._restart_pump, vital=True),
        ]

    @property
    def stalled(self) -> bool:
        """Whether the pump has not come round for half a minute, with a line or without."""
        return time.monotonic() - self._pumped_at > STALLED_S

    def _restart_loop(self) -> None:
        self._client.loop_start()

    def _restart_pump(self) -> None:
        self._pump = self._make_pump()
        self._pump.start()

    def _dial(self) -> None:
        endpoint = self._endpoints[0]
        self._client.connect_async(endpoint.host, endpoint.port, keepalive=self._keepalive_s)

    def _rotate(self) -> None:
        """The next address for the next attempt; the client id stays."""
        if len(self._endpoints) > 1 and not self._stopping.is_set():
            self._endpoints.append(self._endpoints.pop(0))
            self._dial()

    # ---- sending ------------------------------------------------------------------------------

    def publish(self, leaf: str, payload: bytes, *, retain: bool = False) -> None:
        """Send a snapshot now if the line is up; drop it otherwise, the next one replaces it."""
        if self.connected.is_set():
            self._client.publish(self._up(leaf), payload, 1, retain)

    def _say_hello(self) -> None:
        self._greeted = self._session()
        self._client.will_set(*self._will())  # for the next connection
        for leaf, document in self._greet():
            self._client.publish(self._up(leaf), document, 1, True)

    def _will(self) -> tuple[str, bytes, int, bool]:
        """Topic, payload, QoS and whether it is retained."""
        return self._up("state"), self._encode(Will(gateway=self._gateway, session=self._session())), 1, True

    def _pump_forever(self) -> None:
        while not self._stopping.is_set():
            self._pumped_at = time.monotonic()
            self._journal.grown.wait(timeout=0.5)
            self._journal.grown.clear()
            if self.connected.is_set():
                self._unconfirmed = [info for info in self._unconfirmed if not info.is_published()]
                if self._greeted != self._session():
                    self._say_hello()
                if self._center_up:
                    self._send_all()

    def _send_all(self) -> None:
        """Every store that holds events; former ones first."""
        stores = self._journal.undelivered()
        reconnected = self._reconnected.is_set()
        self._reconnected.clear()
        self._flows = {store: self._flows.get(store) or _Flow() for store, _, _ in stores}
        for store, oldest, evicted in stores:
            flow = self._flows[store]
            flow.reconnected = flow.reconnected or reconnected
            self._rewind_if_stalled(flow, oldest)
            self._send_batches(flow, store, oldest, evicted)

    def _rewind_if_stalled(self, flow: _Flow, oldest: int) -> None:
        """Resend from the oldest when the center acknowledges nothing, never over a copy that is still on its way."""
        now = time.monotonic()
        if flow.sent < oldest:  # nothing sent waits for an answer, on whichever connection
            flow.reconnected = False
        elif oldest == flow.oldest:
            if (flow.reconnected or now - flow.progress_at > flow.patience_s) and not self._unconfirmed:
                flow.sent, flow.progress_at, flow.reconnected = 0, now, False
                flow.patience_s = min(BACKOFF_MAX_S, flow.patience_s * random.uniform(1.5, 2.5))  # noqa: S311 - jitter
            return
        flow.oldest, flow.progress_at, flow.patience_s = oldest, now, NO_PROGRESS_S

    def _send_batches(self, flow: _Flow, store: str, oldest: int, evicted: bool) -> None:
        while len(self._unconfirmed) < MAX_UNCONFIRMED:
            rows = self._journal.batch(store, max(flow.sent, oldest - 1), oldest - 1 + WINDOW)
            if not rows:
                return
            batch = documents.events(store, [row.body for row in rows], oldest if evicted else 0)
            info = self._client.publish(self._up("ev"), batch, 1)
            if info.rc is not MQTTErrorCode.MQTT_ERR_SUCCESS:
                return  # the line just broke; after the reconnection all is sent again
            self._unconfirmed.append(info)
            flow.sent = rows[-1].seq

    # ---- paho's callbacks, on its thread ------------------------------------------------------

    def _on_connect(self, client: mqtt.Client, _: Any, __: Any, code: Any, ___: Any) -> None:
        if code.is_failure:
            self._say(f"broker refused the connection: {code}")
            self._rotate()
            return
        client.subscribe([(self._down("ack"), 1), (self._down("cmd"), 1), (topics.CENTER_STATE, 1)])
        self._say_hello()
        self._reconnected.set()
        self.connected.set()
        self._say(f"connected to {self._where()}")
        self._journal.grown.set()

    def _on_connect_fail(self, *_: Any) -> None:
        self._say(f"cannot reach the broker at {self._where()}; trying again, watching goes on")
        self._rotate()

    def _on_disconnect(self, _: mqtt.Client, __: Any, ___: Any, code: Any, ____: Any) -> None:
        if self.connected.is_set():  # paho may call this twice
            self.connected.clear()
            if not self._stopping.is_set():
                self._say(f"connection to {self._where()} lost: {code}")
                self._rotate()

    def _on_publish(self, *_: Any) -> None:
        self._journal.grown.set()

    def _on_message(self, _: mqtt.Client, __: Any, message: mqtt.MQTTMessage) -> None:
        try:
            self._receive(message)
        except BROKEN_JSON as error:
            log.warning("ignored an unreadable message on %s: %s", message.topic, error)

    def _receive(self, message: mqtt.MQTTMessage) -> None:
        if len(message.payload) > MAX_DOWN_BYTES:
            log.warning("ignored a message of %d bytes on %s", len(message.payload), message.topic)
        elif message.topic == self._down("ack"):
            self._take_ack(msgspec.json.decode(message.payload, type=Ack))
        elif message.topic == topics.CENTER_STATE:
            self._center_up = msgspec.json.decode(message.payload, type=CenterState).state == "up"
            self._journal.grown.set()
        elif message.topic == self._down("cmd") and not message.retain:
            self._take_command(msgspec.json.decode(message.payload, type=Command))

    def _take_ack(self, ack: Ack) -> None:
        self._journal.trim(ack.store, ack.seq)
        self._journal.grown.set()

    def _take_command(self, command: Command) -> None:
        if self._passed(command.not_after):
            result = Result(id=command.id, outcome="refused", detail="expired")
        else:
            result = self._command(command)
        if command.verb == "rebirth" and result.outcome == "done":
            self._say_hello()
        self._client.publish(self._up("res"), self._encode(result), 1)

    # ---- small ones ---------------------------------------------------------------------------

    def _say(self, detail: str) -> None:
        if detail != self.detail:
            log.info("%s", detail)
        self.detail = detail

    def _where(self) -> str:
        return f"{self._endpoints[0].host}:{self._endpoints[0].port}"

    def _up(self, leaf: str) -> str:
        return topics.up(self._city, self._gateway, leaf)

    def _down(self, leaf: str) -> str:
        return topics.down(self._city, self._gateway, leaf)

    @staticmethod
    def _encode(message: msgspec.Struct) -> bytes:
        return msgspec.json.encode(message)
