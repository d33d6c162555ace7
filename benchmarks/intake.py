"""P9: messages that the center takes in through a real broker and stores durably, the notary's facts with them.

Five heartbeats to one event, of gateways that have told their birth. The broker holds all for the center's session
while it is away; then it comes, and what counts is the time until everything is in its database. Beside it: a bare paho
client that only counts; births and retained acks after a restart; PostgreSQL with two years of a province behind it.
"""

import contextlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import sqlalchemy as sa
from paho.mqtt.enums import CallbackAPIVersion

from benchmarks.measure import Figure, cpu_s
from center.decode import Incoming
from center.record import Recorder
from center.store import Store
from center.store.engine import address
from tests.support.broker import Broker
from tests.support.postgres import Missing, Postgres

GATEWAYS, ROUNDS, QUICK_ROUNDS = 5_000, 12, 4
"""Each round is one message of each gateway."""
GOALS = {"SQLite": 100.0, "PostgreSQL": 200.0}
"""Microseconds a message: 10,000 and 5,000 a second on two idle cores."""
T0 = 1_793_462_400_000
KEPT = "max_queued_messages 0\nmax_inflight_messages 1000\nautosave_interval 0\n"
_COUNTER = """
import sys, time
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
host, port, wanted = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
seen = [0, 0.0]
def on_message(client, data, message):
    seen[0] += 1
    if seen[0] == 1: seen[1] = time.monotonic()
    if seen[0] >= wanted: client.disconnect()
client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="bare", clean_session=False)
client.on_message = on_message
client.on_connect = lambda c, *_: c.subscribe("mclz/v1/+/+/up/#", 1)
client.connect(host, port)
client.loop_forever()
print((time.monotonic() - seen[1]) * 1e6 / seen[0])
"""


def figures(quick: bool) -> list[Figure]:
    rounds = QUICK_ROUNDS if quick else ROUNDS
    with tempfile.TemporaryDirectory(prefix="intake-") as name:
        made = [*_measured("SQLite", str(Path(name, "center.db")), rounds)]
    try:
        with Postgres() as server:
            made += _measured("PostgreSQL", server.create(), rounds)
    except Missing as missing:
        print(f"no PostgreSQL here: {missing}", file=sys.stderr)
    return made


def _measured(kind: str, database: str, rounds: int) -> Iterator[Figure]:
    _register(database)
    with Broker(extra=KEPT) as broker:
        _session(broker, "bare")
        with serving(broker, database) as center:
            until(lambda: center.stderr_has("connected"), 60)
        _born(database)
        count = _publish(broker, rounds)
        bare_us = float(
            subprocess.check_output([sys.executable, "-c", _COUNTER, broker.host, str(broker.port), str(count)])
        )
        with serving(broker, database) as center:
            until(lambda: stored(database) > 0, 60)
            first, began, before = stored(database), time.monotonic(), sum(cpu_s(center.process.pid))
            until(lambda: stored(database) >= _wanted(rounds), 600)
            took, used = time.monotonic() - began, sum(cpu_s(center.process.pid)) - before
    share = (_wanted(rounds) - first) / _wanted(rounds)
    each = took * 1e6 / (count * share)
    note = f"{1e6 / each:,.0f}/s; {1e6 * used / (count * share):.0f} us of CPU"
    peer = f"bare paho {bare_us:.0f} us"
    yield Figure("P9", f"intake on {kind}, a message", each, "us", GOALS[kind], note=note, peer=peer)
    for what, made, goal in (("births", _birth, 30), ("retained acks", _ack, 30)):
        each = _recorded(database, [made(g) for g in range(GATEWAYS)])
        yield Figure("P9", f"50,000 {what} after a restart on {kind}", each * 50_000, "s", goal)


def _born(database: str) -> None:
    _recorded(database, [_birth(g) for g in range(GATEWAYS)])


def _recorded(database: str, messages: list[Incoming]) -> float:
    """Seconds of CPU a message of a center that has just started."""
    store = Store(database)
    began, recorder = time.process_time(), Recorder(store)
    for i in range(0, len(messages), 500):
        recorder.record(messages[i : i + 500])
    took = time.process_time() - began
    store.close()
    return took / len(messages)


def _register(database: str) -> None:
    from center.store.registered import bindings, gateways
    from center.store.schema import imports

    store = Store(database)
    store.close()
    engine = sa.create_engine(address(database))
    names = [f"zz-{g:05}" for g in range(GATEWAYS)]
    with engine.begin() as there:
        there.execute(sa.insert(gateways), [{"gateway": n, "since_ms": 0, "city": "4101"} for n in names])
        there.execute(sa.insert(bindings), [{"position": n, "since_ms": 0, "gateway": n, "slot": "k1"} for n in names])
        there.execute(sa.insert(imports), {"at_ms": 1})
    engine.dispose()


def _session(broker: Broker, client_id: str) -> None:
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=client_id, clean_session=False)
    done: list[int] = []
    client.on_subscribe = lambda *_: done.append(1)
    client.on_connect = lambda c, *_: c.subscribe("mclz/v1/+/+/up/#", 1)
    client.connect(broker.host, broker.port)
    client.loop_start()
    until(lambda: bool(done), 30)
    client.disconnect()
    client.loop_stop()


def _publish(broker: Broker, rounds: int) -> int:
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="gateways")
    client.max_queued_messages_set(0)
    client.max_inflight_messages_set(1000)
    client.connect(broker.host, broker.port)
    client.loop_start()
    count, sent = 0, None
    for number in range(rounds):
        for g in range(GATEWAYS):
            topic, payload = _message(g, number, rounds)
            sent = client.publish(topic, payload, qos=1)
            count += 1
    if sent:
        sent.wait_for_publish(300)
    client.disconnect()
    client.loop_stop()
    return count


def _message(g: int, number: int, rounds: int) -> tuple[str, bytes]:
    """Every sixth is an event, and the last one."""
    at, seq = number * 60_000 + g, number // 6 + 1
    told: dict[str, Any]
    if number % 6 == 0 or number == rounds - 1:
        seq = seq + 1 if number % 6 else seq
        words = {"slot": "k1", "from": "unknown", "to": "online" if seq % 2 else "offline", "level": "streams"}
        event = {"seq": seq, "boot": "b", "session": "s", "at": at, "kind": "transition"} | words
        return f"mclz/v1/4101/zz-{g:05}/up/ev", json.dumps({"store": "j", "events": [event]}).encode()
    told = {"boot": "b", "session": "s", "store": "j", "at": at, "watching_since": 0, "settled_to": at, "seq_high": seq}
    return f"mclz/v1/4101/zz-{g:05}/up/hb", json.dumps(told | {"n": 1}).encode()


def _birth(g: int) -> Incoming:
    name = f"zz-{g:05}"
    told = {"state": "online", "gateway": name, "session": "s", "boot": "b", "store": "j", "version": "1"}
    more = {"clock": {"synced": True}, "inventory_hash": "", "oldest": 1}
    return Incoming(f"mclz/v1/4101/{name}/up/state", json.dumps(told | more).encode(), False, T0)


def _ack(g: int) -> Incoming:
    """As the broker kept it of this center."""
    told = json.dumps({"store": "j", "seq": 1, "utc_ms": T0}).encode()
    return Incoming(f"mclz/v1/4101/zz-{g:05}/down/ack", told, True, T0)


def _wanted(rounds: int) -> int:
    per_gateway = len({_message(0, n, rounds)[1] for n in range(rounds) if _message(0, n, rounds)[0].endswith("ev")})
    return per_gateway * GATEWAYS


def stored(database: str) -> int:
    engine = sa.create_engine(address(database))
    try:
        with engine.connect() as there:
            return int(there.execute(sa.text("SELECT count(*) FROM events")).scalar() or 0)
    except sa.exc.DBAPIError:
        return 0
    finally:
        engine.dispose()


class _Center:
    def __init__(self, process: subprocess.Popen[str], log: Path) -> None:
        self.process, self._log = process, log

    def stderr_has(self, word: str) -> bool:
        return word in self._log.read_text()


@contextlib.contextmanager
def serving(broker: Broker, database: str) -> Iterator[_Center]:
    with tempfile.TemporaryDirectory(prefix="serve-") as name:
        log = Path(name, "log")
        command = [sys.executable, "-m", "center.cli", "serve", "--database", database, "--print-interval", "0"]
        with log.open("w") as out:
            process = subprocess.Popen(
                [*command, "--broker", f"{broker.host}:{broker.port}"], stdout=out, stderr=out, text=True
            )
        try:
            yield _Center(process, log)
        finally:
            process.terminate()
            process.wait(60)


def until(condition: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"not within {seconds:g} s")
        time.sleep(0.1)
