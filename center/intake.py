"""Subscribes to all gateways and answers them: MQTT in, batches to the recorder, acknowledgements out after the commit.

The line's thread only sorts into lanes; one worker owns the store. What a message means must not be known here.
"""

import logging
import queue
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec

from center.decode import Incoming
from center.echo import EVERY_S, Echo
from center.lanes import Lanes, Put, gateway_of
from center.line import Line, Options, State
from center.record import Outgoing, Recorder
from center.store import Store, Unavailable
from contract.messages import CenterState
from contract.topics import CENTER_STATE, city_state, down, is_center_state, parse_ack, parse_request

log = logging.getLogger(__name__)
CHECKPOINT_S = 10.0
STALLED_S = 30.0
"""A worker that did not come round for so long, by either clock, may not have heard: that is no gateway's silence."""
STEP_S = 2.0
"""Our own clock was set by more than this: what was received about then dates no boot."""
RETRY_S = 1.0
PARTS = 8
"""Of the room for what waits: one part for each city's own intake, so that all of them together stay bounded."""
NOWHERE = "0000"
"""In place of a city, in the topic of a worker that serves all of them."""
ACK = "/down/ack"
UP, DOWN = (msgspec.json.encode(CenterState(state=state)) for state in ("up", "down"))


class _Turned(NamedTuple):
    """The connection came up, or went, at this time (UTC ms)."""

    up: bool
    at_ms: int


class _Echoed(NamedTuple):
    """Our own echo was read from the socket at this time: on a clock that never jumps, and UTC ms."""

    name: str
    now_s: float
    at_ms: int


class Pulse(NamedTuple):
    """How it goes. `received`, `stored`: messages since the start. `problem`: of the line, a failure's kind or ""."""

    line_up: bool
    problem: str
    hears: bool
    received: int
    stored: int
    waiting: int
    waiting_bytes: int
    trouble: bool


class Intake:
    """`start()`, then `stop()`: what has been taken is stored and acknowledged first, then the goodbye said.

    `alone`: the only one of this process, which tells that the center is up; else one city's, which tells that of it.
    """

    def __init__(self, store: Store, options: Options, clock_ms: Callable[[], int], *, alone: bool = True) -> None:
        self._store = store
        self._cities = options.cities
        self._clock_ms = clock_ms
        self._recorder = Recorder(store)
        self._lanes = Lanes(1 if alone else PARTS)
        self._turns: queue.SimpleQueue[_Turned | _Echoed] = queue.SimpleQueue()
        self._echo = Echo()
        self._echo_topic = down((options.cities or (NOWHERE,))[0], f"center-{secrets.token_hex(4)}", "ack")
        self._echo_due = 0.0
        self._stopping = threading.Event()
        self._worker = threading.Thread(target=self._work, name="intake")
        self._connected = False
        self._heard_to_ms = clock_ms()
        """Up to here we heard in time, or were not connected."""
        self._checkpoint, self._checkpoint_ms = time.monotonic(), clock_ms()
        self._overfull = False
        self._received = self._stored = 0
        self._trouble = False
        says = State(CENTER_STATE if alone else city_state(options.cities[0]), UP, DOWN)
        self._line = Line(options, _topics(options.cities), self._take, self._turned, says)

    def start(self) -> None:
        """Returns at once; connects, and reconnects for ever, in the background."""
        self._worker.start()
        self._line.start()

    def stop(self) -> None:
        """Takes nothing more (the broker keeps it for our session), works off what waits, leaves: a few seconds."""
        self._stopping.set()
        self._worker.join()
        self._line.stop()

    @property
    def news(self) -> str:
        """The state of the line in one sentence."""
        return self._line.news

    @property
    def alive(self) -> bool:
        return self._worker.is_alive()

    @property
    def pulse(self) -> Pulse:
        line, hears = self._line, self._echo.up_since_ms is not None
        counts = (self._received, self._stored, *self._lanes.waiting)
        return Pulse(line.ready.is_set(), str(line.problem), hears, *counts, self._trouble)

    # ---- the line's thread

    def _take(self, topic: str, payload: bytes, retained: bool) -> bool:
        if topic == self._echo_topic:
            self._turns.put(_Echoed(payload.decode("ascii", "replace"), time.monotonic(), self._clock_ms()))
            return True
        if is_center_state(topic):
            self._contradict(topic, payload)
            return True
        if topic.endswith(ACK) and not retained and parse_ack(topic):
            return True  # the echo of our own
        if parse_request(topic):
            return True  # no testimony: another process answers it, which alone can read the authority's key
        incoming = Incoming(topic, payload, retained, self._clock_ms())
        while not self._stopping.is_set():
            if (put := self._lanes.put(incoming)) is not Put.FULL:
                self._overfull = False
                self._received += put is Put.TAKEN
                return True
            if not self._overfull:
                self._overfull = True
                log.warning("the store is slower than the broker: reading waits until it has caught up")
            self._lanes.wait_for_room(len(payload), 1)
        return False

    def _contradict(self, topic: str, payload: bytes) -> None:
        """Another worker has gone, or an old connection of ours: the center is up as long as one of us is."""
        if payload == DOWN and not self._stopping.is_set():
            self._line.publish(topic, UP, retain=True)

    def _turned(self, up: bool) -> None:
        self._turns.put(_Turned(up, self._clock_ms()))

    # ---- the worker's thread

    def _work(self) -> None:
        while not (self._stopping.is_set() and self._lanes.empty):
            self._publish(self._record(self._lanes.batch(1)))
            while not self._turns.empty():
                self._turn(self._turns.get())
            if self._connected and time.monotonic() >= self._echo_due:
                self._send_echo()
            self._line.end_if_deaf()
            if time.monotonic() - self._checkpoint >= CHECKPOINT_S:
                self._keep_uptime()
                self._note_floods()
        self._keep_uptime()
        self._note_floods()

    def _record(self, messages: list[Incoming]) -> list[Outgoing]:
        """Tries until the database can be used. Told to stop meanwhile, it gives up: gateways resend."""
        said = False
        while messages:
            try:
                answers = self._recorder.record(messages)
            except Unavailable as trouble:
                self._trouble = True
                if not said:
                    log.error("nothing can be stored, nothing is acknowledged: %s", trouble)
                    said = True
                if self._stopping.wait(RETRY_S):
                    break
            else:
                self._trouble = False
                self._stored += len(messages)
                return answers
        return []

    def _publish(self, answers: Sequence[Outgoing]) -> None:
        for answer in answers:
            self._line.publish(answer.topic, answer.payload, retain=answer.retained)

    def _turn(self, turned: _Turned | _Echoed) -> None:
        if isinstance(turned, _Echoed):
            self._echo.heard(*turned)
            if self._echo.up_since_ms is not None:
                self._lanes.calm()
            return
        self._keep_uptime()
        self._echo.lost()
        self._connected, self._echo_due, self._heard_to_ms = turned.up, time.monotonic(), turned.at_ms
        self._lanes.calm()

    def _send_echo(self) -> None:
        """On a path that we subscribe to, so that it queues behind all that waits for us."""
        name = secrets.token_hex(8)
        self._echo_due = time.monotonic() + EVERY_S
        self._echo.sent(name, time.monotonic(), self._clock_ms())
        self._line.publish(self._echo_topic, name.encode(), retain=False)

    def _keep_uptime(self) -> None:
        """Checkpoints the time in which we could hear in time: outside it, silence is nobody's fault."""
        now, now_ms = time.monotonic(), self._clock_ms()
        passed_s, told_s = now - self._checkpoint, (now_ms - self._checkpoint_ms) / 1000
        self._checkpoint, self._checkpoint_ms = now, now_ms
        if passed_s > STALLED_S or abs(told_s - passed_s) > STEP_S:  # stalled; the clock was set, or we were frozen
            self._echo.lost()
            self._heard_to_ms = now_ms
        until_ms, since_ms = self._echo.up_to_ms(now, now_ms), self._echo.up_since_ms
        try:
            with self._store.write() as tx:
                if until_ms is not None and since_ms is not None:
                    self._heard_to_ms = until_ms
                    tx.put_uptime(since_ms, until_ms, self._cities)
                elif self._connected:
                    for lane in self._lanes.flooding():
                        tx.put_own_delay(gateway_of(lane), self._heard_to_ms, now_ms)
        except Unavailable as trouble:
            log.warning("uptime not stored: %s", trouble)

    def _note_floods(self) -> None:
        for lane, messages in self._lanes.excess().items():
            log.warning("%s floods: %d messages not taken", lane, messages)
            try:
                self._recorder.flooded(lane, messages, self._clock_ms())
            except Unavailable as trouble:
                log.warning("flood not noted: %s", trouble)


def _topics(cities: Sequence[str]) -> list[str]:
    """Upwards all; downwards our own retained acks, which say how far we once were; and what is said of the center."""
    of = cities or ("+",)
    own = [f"mclz/v1/{city}/+/{leaf}" for city in of for leaf in ("up/#", "down/ack")]
    return [*own, CENTER_STATE, *map(city_state, of)]
