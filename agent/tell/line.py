"""One connection to the broker, from dialling to its end: the one file of the agent that imports paho.

Each connection is a client of its own, which never reconnects and never resends: what was under way when it broke is
known to be so.
"""

import contextlib
import logging
import socket
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, cast

from agent.tell import failures, preflight
from agent.tell.failures import Failed, Failure, Kind
from agent.tell.preflight import Endpoint
from agent.tell.unproxied import unproxied

with unproxied():
    import paho.mqtt.client as mqtt
    from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
    from paho.mqtt.packettypes import PacketTypes
    from paho.mqtt.properties import Properties

log = logging.getLogger(__name__)

CONNACK_S = 6.0
DEAF_S, SLOWEST_BPS = 25.0, 2_000
"""A PUBACK is awaited for DEAF_S and the time that all bytes under way take at SLOWEST_BPS bytes a second."""
MAX_UNCONFIRMED = 20
"""Publishes without PUBACK, at most: an election in the broker's cluster withholds PUBACKs for 10-20 s."""
RESUBSCRIBE_S = 5.0
WILL_DELAY_S = 45
"""MQTT 5: the broker publishes our will only after so long, so a shorter break is never reported."""
_SESSION_S = 60
_PACKET_HEAD = 32
"""Of a PUBLISH, beside topic and payload: fixed header, packet id, properties."""
_TOO_LARGE = 149
_NO_RETAIN, _NO_QOS = 154, 155
"""MQTT 5.0, 3.2.2.2: Retain not supported, QoS not supported."""
ROOM_S = 5.0
MAX_SEGMENT = 1_220
"""Bytes of a TCP segment: it fits into the least packet that every path carries (IPv6: 1,280 bytes, RFC 8200, 5). Where
a path drops larger ones and says nothing, connections are made and nothing of substance ever arrives."""
BULKY = 16_000
"""Payload bytes from which on a message may itself be why a line ends. No batch of events is larger than twice that."""
_KEEPALIVE = 141
_TAKEN_OVER = 142
"""MQTT 5.0, 3.14.2.1: another connection with our client id has begun."""


class TooNew(Failed):
    """The broker does not speak this version of MQTT, or hangs up on it."""


class Message(NamedTuple):
    """One message to be published.

    `retain`: the broker's stored copy.
    """

    topic: str
    payload: bytes
    retain: bool


class Account(NamedTuple):
    """Who we are to the broker. The password is asked for at each connection."""

    username: str
    password: Callable[[], str] | None
    keepalive_s: int


def thread_name(account: Account) -> str:
    """As paho names the thread that serves a connection."""
    return f"paho-mqtt-client-{account.username}"


class Limits(NamedTuple):
    """What a broker takes, as far as it said so (MQTT 5.0, 3.2.2.3) or it was found out.

    `packet`: bytes of the largest packet, 0 = any; `retain`, `qos`: whether it keeps messages, and the surest way it
    takes them; `window`: publishes without PUBACK.
    """

    packet: int = 0
    retain: bool = True
    qos: int = 1
    window: int = MAX_UNCONFIRMED

    def payload(self, topic: str) -> int:
        """Bytes of the largest payload on this topic, 0 = any."""
        return max(1, self.packet - len(topic.encode()) - _PACKET_HEAD) if self.packet else 0


class Unwilling(Failed):
    """The broker refuses our will as it is: it keeps no messages, or takes none so surely. `limits`: what it takes."""

    def __init__(self, failure: Failure, limits: Limits) -> None:
        super().__init__(failure)
        self.limits = limits


class Will(NamedTuple):
    """What the broker says for us when the line breaks."""

    topic: str
    payload: bytes


class _Sent(NamedTuple):
    """A publish on its way. `at`: monotonic seconds."""

    at: float
    size: int
    info: mqtt.MQTTMessageInfo


class _Client(mqtt.Client):
    """Sends no segment that a path might swallow."""

    def _create_socket_connection(self) -> socket.socket:
        error: OSError | None = None
        for family, kind, protocol, _, address in socket.getaddrinfo(self._host, self._port, 0, socket.SOCK_STREAM):
            sock = socket.socket(family, kind, protocol)
            try:
                sock.settimeout(self._connect_timeout)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, MAX_SEGMENT)
                sock.connect(address)
            except OSError as failed:
                error = failed
                sock.close()
            else:
                return sock
        raise error or OSError("no address to connect to")


class Line:
    """One connection to the broker, until it ends.

    `heard` is called on paho's thread for each message, `moved` when a publish was confirmed or the line ended.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        account: Account,
        will: Will | None,
        *,
        newest: bool,
        heard: Callable[[Message], None],
        moved: Callable[[], None],
        limits: Limits = Limits(),  # noqa: B008 - it never changes
    ) -> None:
        """`newest`: speak MQTT 5, else 3.1.1. `limits`: what is known of the broker's."""
        self.limits = limits
        self._endpoint, self._account, self._newest = endpoint, account, newest
        self._heard, self._moved = heard, moved
        self._infos: list[_Sent] = []
        self._confirmed_at = 0.0
        self._answered = threading.Event()
        self._accepted = False
        self._refusal: Failure | None = None
        self._unwilling: Limits | None = None
        self._too_new = self._closing = False
        self.ended = threading.Event()
        self.why = ""
        """How it ended, in the broker's or paho's words."""
        self.taken_over = False
        """The broker said that another connection has our client id."""
        self.silent = False
        """It ended because nothing was heard any more."""
        self._too_large = 0
        self.lost_bytes = 0
        """Bytes of a payload that was not confirmed, nor anything after it, while all smaller ones were; 0 = none."""
        self.largest = 0
        """Bytes of the largest payload that was confirmed."""
        self.forbidden = ""
        self._wanted: list[tuple[str, int]] = []
        self._refused_at: float | None = None
        """What the broker did not permit, in its words; MQTT 3.1.1 cannot say it."""
        self.confirmed = 0
        """Publishes that the broker has confirmed."""
        self._began = time.monotonic()
        self._client = self._make(will)

    def _make(self, will: Will | None) -> mqtt.Client:
        client = _Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._account.username,
            clean_session=None if self._newest else True,
            protocol=MQTTProtocolVersion.MQTTv5 if self._newest else MQTTProtocolVersion.MQTTv311,
            reconnect_on_failure=False,
        )
        client.username_pw_set(self._account.username, self._account.password() if self._account.password else None)
        delay = _properties(PacketTypes.WILLMESSAGE, WillDelayInterval=WILL_DELAY_S) if self._newest else None
        if will:
            client.will_set(will.topic, will.payload, self.limits.qos, self.limits.retain, properties=delay)
        client.connect_timeout = CONNACK_S
        client.max_inflight_messages_set(MAX_UNCONFIRMED)
        client.on_connect, client.on_disconnect = self._on_connect, self._on_disconnect
        client.on_publish, client.on_subscribe = self._on_publish, self._on_subscribe
        client.on_message = self._on_message
        return client

    # ---- life ---------------------------------------------------------------------------------

    def open(self) -> None:
        """Returns when the broker has let us in. Raises Failed, which names the step that failed."""
        try:
            self._dial()
            answered = self._answered.wait(CONNACK_S)
        except (OSError, UnicodeError) as error:
            failure = failures.of(error)
            raise Failed((failure.kind is Kind.TCP and preflight.find(self._endpoint)) or failure) from None
        if self._accepted:
            return
        self.close(0.0)
        if self._unwilling and self._refusal:
            raise Unwilling(self._refusal, self._unwilling)
        if self._refusal:
            raise Failed(self._refusal)
        if self._too_new:
            raise TooNew(Failure(Kind.MQTT, self.why))
        if not answered:
            raise Failed(Failure(Kind.TCP, f"no CONNACK within {CONNACK_S:.0f} s", silent=True))
        hung_up = Failure(Kind.MQTT, f"hung up before CONNACK: {self.why}")
        found = preflight.find(self._endpoint)
        raise Failed(found) if found else (TooNew(hung_up) if self._newest else Failed(hung_up))

    def _dial(self) -> None:
        context = self._endpoint.context()
        if context:
            self._client.tls_set_context(context)
        more: dict[str, Any] = {}
        if self._newest:  # the session outlives a short break, or its end would send the will at once
            session = _properties(PacketTypes.CONNECT, SessionExpiryInterval=_SESSION_S)
            more = {"clean_start": False, "properties": session}
        self._client.connect(self._endpoint.host, self._endpoint.port, self._account.keepalive_s, **more)
        self._client.loop_start()

    def close(self, patience_s: float) -> None:
        """Disconnect, after what was published is confirmed or the patience is at its end. No will is sent."""
        self._closing = True
        end = time.monotonic() + patience_s
        while self.unconfirmed and not self.ended.is_set() and time.monotonic() < end:
            time.sleep(0.02)
        over = _properties(PacketTypes.DISCONNECT, SessionExpiryInterval=0) if self._newest else None
        with contextlib.suppress(ValueError, OSError):
            self._client.disconnect(properties=over)
        self._client.loop_stop()
        self._end("closed by us")

    def drop(self) -> None:
        """The line has ended: let go of what paho holds."""
        if not self._closing:
            self._client.loop_stop()

    @property
    def alive(self) -> bool:
        """Whether paho's thread serves it, or it has ended in order."""
        name = thread_name(self._account)
        return self.ended.is_set() or any(thread.name == name for thread in threading.enumerate())

    def give_up(self) -> None:
        """End the line, because no thread serves it any more."""
        self._end("its thread ended")

    @property
    def lived_s(self) -> float:
        return time.monotonic() - self._began

    # ---- sending ------------------------------------------------------------------------------

    def subscribe(self, wanted: Sequence[str]) -> None:
        self._wanted = [(topic, 1) for topic in wanted]
        self._client.subscribe(self._wanted)

    def subscribe_again(self) -> None:
        """After a refusal; to be called about once a second. A cluster that elects its leader refuses for seconds."""
        if self._refused_at is not None and time.monotonic() - self._refused_at >= RESUBSCRIBE_S:
            self._refused_at = None
            self._client.subscribe(self._wanted)

    def publish(self, topic: str, payload: bytes, *, retain: bool = False, expiry_s: int = 0) -> bool:
        """QoS 1. `expiry_s`: the broker need not deliver it later (MQTT 5; 0: always). False: the line is broken."""
        self._await_room()
        expiry = _properties(PacketTypes.PUBLISH, MessageExpiryInterval=expiry_s) if expiry_s and self._newest else None
        try:
            kept = retain and self.limits.retain
            info = self._client.publish(topic, payload, self.limits.qos, kept, properties=expiry)
        except ValueError:  # longer than MQTT allows
            return False
        if info.rc is not MQTTErrorCode.MQTT_ERR_SUCCESS:  # queued all the same, but this client will not reconnect
            return False
        self._infos.append(_Sent(time.monotonic(), len(payload), info))
        return True

    def _await_room(self) -> None:
        """Wait where the broker takes fewer unconfirmed publishes than we would send."""
        end = time.monotonic() + ROOM_S
        while self.limits.window < MAX_UNCONFIRMED and self.full and not self.ended.is_set() and time.monotonic() < end:
            time.sleep(0.01)

    @property
    def full(self) -> bool:
        """Whether so many publishes wait for their PUBACK that no more may follow."""
        return self.unconfirmed >= self.limits.window

    @property
    def bulk(self) -> int:
        """Bytes of the largest payload that is on its way, 0 where none is so large that the line may end for it."""
        largest = max((one.size for one in self._waiting()), default=self._too_large)
        return largest if largest >= BULKY else 0

    @property
    def unconfirmed(self) -> int:
        """Publishes that wait for the broker's PUBACK."""
        return len(self._waiting())

    def _waiting(self) -> list[_Sent]:
        waiting = self._infos = [one for one in self._infos if not _published(one.info)]
        return waiting

    def end_if_deaf(self) -> None:
        """End a line on which nothing is confirmed any more; to be called about once a second.

        paho notices a dead connection after up to two keepalives; a heartbeat without its PUBACK tells it sooner.
        """
        if waiting := self._waiting():
            patience_s = DEAF_S + sum(one.size for one in waiting) / SLOWEST_BPS
            if time.monotonic() - max(waiting[0].at, self._confirmed_at) > patience_s:
                self.silent = True
                larger = 0 < self.largest < min(waiting[0].size, MAX_SEGMENT)
                self.lost_bytes = waiting[0].size if larger else 0
                self._end(f"nothing was confirmed for {patience_s:.0f} s")
                self._hang_up()

    def _hang_up(self) -> None:
        """Shut the socket down: else paho's thread waits for confirmations. TLS is left alone: that thread uses it."""
        if held := self._client.socket():
            with contextlib.suppress(OSError):
                socket.socket.shutdown(cast("socket.socket", held), socket.SHUT_RDWR)

    # ---- paho's callbacks, on its thread ------------------------------------------------------

    def _on_connect(self, _: mqtt.Client, __: Any, ___: Any, code: Any, said: Any) -> None:
        if not code.is_failure:
            self.limits = _as_said(self.limits, said)
            self._accepted = True
        elif code.value in (_NO_RETAIN, _NO_QOS):
            taken = {"retain": False} if code.value == _NO_RETAIN else {"qos": 0}
            self._refusal, self._unwilling = failures.refusal(code.value, str(code)), self.limits._replace(**taken)
        elif self._newest and failures.too_new(code.value):
            self._too_new = True
            self.why = str(code)
        else:
            self._refusal = failures.refusal(code.value, str(code))
        self._answered.set()

    def _on_disconnect(self, _: mqtt.Client, __: Any, ___: Any, code: Any, ____: Any) -> None:
        self.taken_over = self.taken_over or code.value == _TAKEN_OVER
        self.silent = self.silent or code.value == _KEEPALIVE
        self._end(str(code))

    def _end(self, why: str) -> None:
        self.why = self.why or why
        self.ended.set()
        self._answered.set()
        self._moved()

    def _on_publish(self, _: mqtt.Client, __: Any, mid: int, code: Any, ____: Any) -> None:
        if code is not None and code.value == _TOO_LARGE:
            self._too_large = max((one.size for one in self._infos if one.info.mid == mid), default=BULKY)
            self._end(f"publish: {code}")
            self._hang_up()
        elif code is not None and code.is_failure:
            self.forbidden = f"publish: {code}"
        else:
            self.confirmed += 1
            self._confirmed_at = time.monotonic()
            self.largest = max([self.largest, *(one.size for one in self._infos if one.info.mid == mid)])
        self._moved()

    def _on_subscribe(self, _: mqtt.Client, __: Any, ___: int, codes: Any, ____: Any) -> None:
        refused = [str(code) for code in codes if code.is_failure]
        if refused:
            self.forbidden, self._refused_at = f"subscribe: {refused[0]}", time.monotonic()
        elif self.forbidden.startswith("subscribe"):
            self.forbidden = ""

    def _on_message(self, _: mqtt.Client, __: Any, message: mqtt.MQTTMessage) -> None:
        try:
            self._heard(Message(message.topic, bytes(message.payload), message.retain))
        except Exception:  # it would end paho's thread, and the line would hang for ever
            log.exception("a message from the broker could not be worked")


def _as_said(known: Limits, said: Any) -> Limits:
    """With what the CONNACK says; MQTT 3.1.1 says nothing."""
    packet = getattr(said, "MaximumPacketSize", 0)
    return Limits(
        packet=min(filter(None, (packet, known.packet)), default=0),
        retain=known.retain and bool(getattr(said, "RetainAvailable", 1)),
        qos=min(known.qos, getattr(said, "MaximumQoS", 1)),
        window=min(known.window, getattr(said, "ReceiveMaximum", MAX_UNCONFIRMED)),
    )


def _published(info: mqtt.MQTTMessageInfo) -> bool:
    try:
        return info.is_published()
    except (RuntimeError, ValueError):  # paho: it was not sent at once
        return False


def _properties(packet: int, **values: int) -> Properties:
    made = Properties(packet)  # type: ignore[no-untyped-call]
    for name, value in values.items():
        setattr(made, name, value)
    return made
