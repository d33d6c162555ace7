"""What travels on the line to the broker: birth, will, goodbye, heartbeat, documents, events and acks, commands."""

import logging
import random
import threading
import time
from collections.abc import Callable, Sequence

import msgspec

from agent.tell.backoff import Backoff
from agent.tell.failures import ADVICE, Failed, Failure, Kind
from agent.tell.fitting import fitted
from agent.tell.journal import Journal
from agent.tell.line import BULKY, Account, Limits, Line, Message, TooNew, Unwilling, Will, thread_name
from agent.tell.pairs import Pairs
from agent.tell.preflight import Endpoint
from agent.tell.sending import Sender
from agent.threads import ThreadEntry
from contract import messages, topics
from contract.messages import BROKEN_JSON, Ack, CenterState, Command, Goodbye, Result

log = logging.getLogger(__name__)

STALLED_S = 30.0
CLOSE_S = 1.0
ANSWER_S = 3.0
"""How long events wait for the first acknowledgement on a line: the broker's retained one, or the answer to our birth.

It says how far the center is. An acknowledgement of more than we ever told shows that the journal went back in time;
once events have been sent it could as well mean those.
"""
MAX_DOWN_BYTES = 32_000
EXPIRY_S = {"hb": 300, "res": 60}
"""Of what is not worth delivering later (MQTT 5)."""
SHORT_S = 60.0
SUSPICIOUS = 5
"""After so many connections in a row that the broker ended within a minute, another box is taken to use our identity.

Not fewer: a broker that crashes and restarts again and again looks the same, and mosquitto 2.0 gives no reason.
"""
TELL_AGAIN_S = 3600.0


def passed_by_the_wall_clock(utc_ms: int) -> bool:
    return utc_ms < time.time() * 1000


class Uplink:
    """Connects for ever, rotating over the endpoints; every method may be called from any thread.

    `greet` returns what is published, retained, at each connection and whenever `session` changes: (leaf, encoded
    document) pairs, the birth first. `command` carries out one command and returns its result; it must not block for
    long. `duplicate` is told when another box uses this gateway's identity, at most once an hour.
    `witness(utc_ms)` is told the center's clock with each fresh acknowledgement.
    `passed(utc_ms)`: whether a command's last moment is over, as far as the box knows the time. `newest` False: speak
    MQTT 3.1.1 from the start, where MQTT 5 is spoken otherwise until a broker refuses it. `pairs`: the certificates to
    show; None: what the endpoints name.
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
        duplicate: Callable[[str], None] = lambda _: None,
        witness: Callable[[int], None] = lambda _: None,
        newest: bool = True,
        pairs: Pairs | None = None,
    ) -> None:
        self._endpoints = list(endpoints)
        self._city, self._gateway, self._session = city, gateway, session
        self._account = Account(username, password, keepalive_s)
        self._journal = journal
        self._passed, self._witness = passed, witness
        self._greet, self._command, self._duplicate = greet, command, duplicate
        self.pairs = pairs
        self.certified: Callable[[bytes], None] = lambda _: None
        """Told each answer to a request for another certificate; to be set before the start."""
        self._line: Line | None = None
        self._newest = newest
        self._old_fashioned = set[str]() if newest else {one.where for one in endpoints}
        """Endpoints that speak MQTT 3.1.1 only."""
        self._limits: dict[str, Limits] = {}
        """Endpoint -> what was found out that its broker takes."""
        self._owed: list[tuple[str, bytes]] = []
        """Documents of the greeting that go behind the events."""
        self._sender = Sender(journal, self._up("ev"))
        self._answered = False
        """Whether the center has said on this line how far it is in our store; no event is sent before (ANSWER_S)."""
        self._wait_until = 0.0
        self._greeted = ""
        self._backoff = Backoff(random.random)
        self._silent = False
        self._short = 0
        self._lost_bytes = 0
        """Bytes of a payload that a line did not carry, though it carried all smaller ones; 0 = none lately."""
        self._told_at: float | None = None
        self._city_state = topics.city_state(city)
        self._center_down: set[str] = set()
        """The topics that say so."""
        self._stopping, self._at_once = threading.Event(), threading.Event()
        self.connections = 0
        """How often a broker has welcomed us."""
        self.connected = threading.Event()
        self.detail = "not connected yet"
        """For a person: the state of the line in one sentence."""
        self.problem: Kind | None = None
        """The step at which connecting fails; failures.ADVICE says what to do."""
        self._connector = self._make_connector()
        self._pump = self._make_pump()
        self._pumped_at = time.monotonic()

    def _make_connector(self) -> threading.Thread:
        return threading.Thread(target=self._connect_forever, name="uplink-line", daemon=True)

    def _make_pump(self) -> threading.Thread:
        return threading.Thread(target=self._pump_forever, name="uplink-pump", daemon=True)

    # ---- life ---------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin connecting, in the background and for ever."""
        self._connector.start()
        self._pump.start()

    def stop(self, why: str, deadline_s: float) -> None:
        """Send what is pending as far as the deadline allows, say goodbye, disconnect."""
        end = time.monotonic() + deadline_s
        while self._journal.pending and self.connected.is_set() and time.monotonic() < end - 1.0:
            self._journal.grown.set()
            time.sleep(0.05)
        self._stopping.set()
        self._at_once.set()
        self._journal.grown.set()
        line = self._line
        if line and self.connected.is_set():  # without it, ending the process would send the will
            goodbye = Goodbye(gateway=self._gateway, session=self._session(), why=why)
            line.publish(self._up("state"), msgspec.json.encode(goodbye), retain=True)
            line.close(max(0.0, end - time.monotonic()))

    def entries(self) -> list[ThreadEntry]:
        """The three threads, each vital."""

        def connecting() -> bool:
            return self._connector.is_alive()

        def pumping() -> bool:
            return self._pump.is_alive()

        def hearing() -> bool:
            return (line := self._line) is None or line.alive

        return [
            ThreadEntry(self._connector.name, connecting, self._restart_connector, vital=True),
            ThreadEntry(self._pump.name, pumping, self._restart_pump, vital=True),
            ThreadEntry(thread_name(self._account), hearing, self.reconnect, vital=True),
        ]

    @property
    def stalled(self) -> bool:
        """Whether the pump has not come round for half a minute, with a line or without."""
        return time.monotonic() - self._pumped_at > STALLED_S

    def _restart_connector(self) -> None:
        self._connector = self._make_connector()
        self._connector.start()

    def _restart_pump(self) -> None:
        self._pump = self._make_pump()
        self._pump.start()

    @property
    def confirmed(self) -> int:
        """Publishes that the broker has confirmed on the present line."""
        return line.confirmed if (line := self._line) else 0

    def reconnect(self) -> None:
        """Drop the line without a goodbye; another one is made at once."""
        if line := self._line:
            line.give_up()

    def hurry(self) -> None:
        """Make another line now, whether one stands or the next attempt would come later; no will is sent."""
        self._at_once.set()
        if line := self._line:
            line.close(CLOSE_S)

    def _connect_forever(self) -> None:
        while not self._stopping.is_set():
            try:
                quickly = self._connect()
            except Exception:  # a bug must not end the line
                log.exception("the line to the broker broke down")
                quickly = False
            delay_s = self._backoff.delay_s(time.monotonic(), silent=self._silent)
            self._at_once.wait(0.1 if quickly else delay_s)
            if not self._stopping.is_set():
                self._at_once.clear()

    def _connect(self) -> bool:
        """One connection from its beginning to its end. True: try again at once, with other settings."""
        endpoint = self.pairs.dress(self._endpoints[0]) if self.pairs else self._endpoints[0]
        line = self._make_line(endpoint)
        try:
            line.open()
        except Unwilling as failed:
            self._fail(endpoint, failed.failure)
            self._limits[endpoint.where] = failed.limits
            return True
        except TooNew as failed:
            self._fail(endpoint, failed.failure)
            self._old_fashioned.add(endpoint.where)
            return True
        except Failed as failed:
            if self._newest:
                self._old_fashioned.discard(endpoint.where)
            self._fail(endpoint, failed.failure)
            refused = failed.failure.kind in (Kind.AUTH, Kind.TLS, Kind.MQTT)  # some hang up and say nothing
            self._silent = failed.failure.silent
            if not (self.pairs and refused and self.pairs.refused()):
                self._rotate()
            return False
        if self._stopping.is_set():
            line.close(0.0)
            return False
        if self.pairs:
            self.pairs.accepted()
        self._line = line
        self.connections += 1
        self._welcome(line, endpoint)
        line.ended.wait()
        self.connected.clear()
        self._line = None
        line.drop()
        self._lost(line, endpoint)
        return False

    def _make_line(self, endpoint: Endpoint) -> Line:
        will = msgspec.json.encode(messages.Will(gateway=self._gateway, session=self._session()))
        return Line(
            endpoint,
            self._account,
            Will(self._up("state"), will),
            newest=endpoint.where not in self._old_fashioned,
            heard=self.hear,
            moved=self._journal.grown.set,
            limits=self._limits.get(endpoint.where, Limits()),
        )

    def _welcome(self, line: Line, endpoint: Endpoint) -> None:
        self._center_down.clear()  # until what is retained says otherwise
        self._answered, self._wait_until = False, time.monotonic() + ANSWER_S
        self.problem = Kind.MTU if self.problem is Kind.MTU and self._lost_bytes else None  # until a large one arrives
        own = [self._down(leaf) for leaf in ("ack", "cmd", topics.CERT)]
        line.subscribe([*own, topics.CENTER_STATE, self._city_state])
        self._say_hello(line)
        self.connected.set()
        self._say(f"connected to {endpoint.where}")
        self._journal.grown.set()

    def _rotate(self) -> None:
        """The next address for the next attempt; the client id stays."""
        self._endpoints.append(self._endpoints.pop(0))

    # ---- when it does not stand ---------------------------------------------------------------

    def _fail(self, endpoint: Endpoint, failure: Failure) -> None:
        if failure.kind in (Kind.TCP, Kind.DNS):
            self._short = 0  # the network, not somebody who takes our place
        self._blame(failure, f"cannot reach the broker at {endpoint.where}")

    def _lost(self, line: Line, endpoint: Endpoint) -> None:
        if self._stopping.is_set():
            return
        self._backoff.lived(line.lived_s, time.monotonic())
        self._silent = line.silent
        ended = f"connection to {endpoint.where} lost"
        if line.bulk and not line.forbidden and not line.taken_over:
            self._send_less(line, endpoint)
        if self._somebody_else(line):
            self._backoff.thrown_out()
            self._blame(Failure(Kind.DUPLICATE, line.why), ended)
            self._tell_duplicate(line)
        else:
            if line.lived_s >= SHORT_S:
                self._backoff.undisturbed()
            if self._loses_large(line):
                self._blame(Failure(Kind.MTU, line.why), ended)
            elif line.forbidden:
                self._blame(Failure(Kind.ACL, line.forbidden), ended)
            else:
                self._say(f"{ended}: {line.why}")
        self._rotate()

    def _loses_large(self, line: Line) -> bool:
        """Whether large payloads were lost on two lines that carried the small ones, and none has arrived since.

        One line may end by chance while a large payload is on its way. On a line between the two nothing may arrive at
        all: where its first messages share a packet with a large one.
        """
        if not line.lost_bytes:
            self._lost_bytes = 0 if line.largest >= self._lost_bytes else self._lost_bytes
            return False
        again, self._lost_bytes = self._lost_bytes > 0, line.lost_bytes
        return again

    def _somebody_else(self, line: Line) -> bool:
        hung_up = line.confirmed > 0 and not (line.forbidden or line.silent or line.bulk)
        self._short = self._short + 1 if hung_up and line.lived_s < SHORT_S else 0
        return line.taken_over or self._short >= SUSPICIOUS

    def _send_less(self, line: Line, endpoint: Endpoint) -> None:
        """The line ended while something large was on its way, which may be why: half as much next time."""
        known = self._limits.get(endpoint.where, Limits())
        packet = max(BULKY, line.bulk // 2)
        self._limits[endpoint.where] = known._replace(packet=min(filter(None, (packet, known.packet))))
        said = "the line ended with %d bytes on their way: nothing above %d is sent to %s"
        log.warning(said, line.bulk, packet, endpoint.where)

    def _tell_duplicate(self, line: Line) -> None:
        now = time.monotonic()
        if self._told_at is None or now - self._told_at >= TELL_AGAIN_S:
            self._told_at = now
            sure = "the broker says so" if line.taken_over else f"{self._short} connections in a row ended at once"
            self._duplicate(f"{sure}: {line.why}")

    def _blame(self, failure: Failure, what: str) -> None:
        advice = ADVICE[failure.kind]
        self._say(f"{what}; {failure.kind}: {failure.detail}", f"{advice['en']} / {advice['zh']}")
        self.problem = failure.kind

    # ---- sending ------------------------------------------------------------------------------

    def publish(self, leaf: str, payload: bytes, *, retain: bool = False) -> None:
        """Send a document now if the line is up. Else it is dropped: the next one replaces it."""
        line = self._line
        if line and self.connected.is_set():
            self._publish(line, leaf, payload, retain=retain)

    def _publish(self, line: Line, leaf: str, payload: bytes, *, retain: bool) -> None:
        """Publish it in as many parts as the broker's limit needs."""
        topic = self._up(leaf)
        parts = fitted(leaf, payload, line.limits.payload(topic))
        if not parts:
            log.warning("%s has %d bytes, more than the broker takes: not sent", leaf, len(payload))
        for part in parts:
            line.publish(topic, part, retain=retain, expiry_s=EXPIRY_S.get(leaf, 0))

    def _say_hello(self, line: Line) -> None:
        """The birth at once; the documents after it wait until events are on their way."""
        self._greeted = self._session()
        (leaf, birth), *self._owed = self._greet()
        self._publish(line, leaf, birth, retain=True)

    def _pay(self, line: Line) -> None:
        while self._owed and not line.full:
            leaf, document = self._owed.pop(0)
            self._publish(line, leaf, document, retain=True)

    def _pump_forever(self) -> None:
        while not self._stopping.is_set():
            self._pumped_at = time.monotonic()
            self._journal.grown.wait(timeout=0.5)
            self._journal.grown.clear()
            line = self._line
            if line and self.connected.is_set():
                try:
                    self._pump_once(line)
                except Exception:  # a bug must not end the telling
                    log.exception("sending failed")
                    self._stopping.wait(1.0)

    def _pump_once(self, line: Line) -> None:
        line.end_if_deaf()
        line.subscribe_again()
        if self._greeted != self._session():
            self._say_hello(line)
        if self.problem is Kind.MTU and line.largest >= self._lost_bytes:
            self.problem, self._lost_bytes = None, 0
        if line.forbidden and self.problem is not Kind.ACL:
            self._blame(Failure(Kind.ACL, line.forbidden), "the broker refuses a topic")
        elif self.problem is Kind.ACL and not line.forbidden:
            self.problem = None
            self._say("connected, and the broker permits our topics again")
        may_tell = self._answered or time.monotonic() >= self._wait_until
        if not self._center_down and may_tell:
            self._sender.send(line)
        if may_tell or not self._journal.pending:
            self._pay(line)

    # ---- hearing, on the line's thread --------------------------------------------------------

    def hear(self, message: Message) -> None:
        try:
            self._receive(message)
        except BROKEN_JSON as error:
            log.warning("ignored an unreadable message on %s: %s", message.topic, error)

    def _receive(self, message: Message) -> None:
        if len(message.payload) > MAX_DOWN_BYTES:
            log.warning("ignored a message of %d bytes on %s", len(message.payload), message.topic)
        elif message.topic == self._down("ack"):
            ack = msgspec.json.decode(message.payload, type=Ack)
            if ack.utc_ms and not message.retain:
                self._witness(ack.utc_ms)
            self._take_ack(ack)
        elif message.topic in (topics.CENTER_STATE, self._city_state):
            up = msgspec.json.decode(message.payload, type=CenterState).state == "up"
            self._center_down -= {message.topic}
            self._center_down |= set() if up else {message.topic}
            if up and not message.retain:  # it has come this moment
                self._sender.begin_anew()
            self._journal.grown.set()
        elif message.topic == self._down(topics.CERT) and not message.retain:
            self.certified(message.payload)
        elif message.topic == self._down("cmd") and not message.retain:
            self._take_command(msgspec.json.decode(message.payload, type=Command))

    def _take_ack(self, ack: Ack) -> None:
        self._journal.trim(ack.store, ack.seq)
        self._answered = self._answered or ack.store == self._journal.store
        self._journal.grown.set()

    def _take_command(self, command: Command) -> None:
        if self._passed(command.not_after):
            result = Result(id=command.id, outcome="refused", detail="expired")
        else:
            result = self._command(command)
        line = self._line
        if line and command.verb == "rebirth" and result.outcome == "done":
            self._say_hello(line)
        self.publish("res", msgspec.json.encode(result))

    # ---- small ones ---------------------------------------------------------------------------

    def _say(self, detail: str, advice: str = "") -> None:
        if detail != self.detail:
            log.log(logging.WARNING if advice else logging.INFO, "%s%s", detail, advice and f": {advice}")
        self.detail = detail

    def _up(self, leaf: str) -> str:
        return topics.up(self._city, self._gateway, leaf)

    def _down(self, leaf: str) -> str:
        return topics.down(self._city, self._gateway, leaf)
