"""P12: pages of a province of 500,000 positions in PostgreSQL, 50 a second, while 1,000 messages a second come in.

Open loop: each request is made when it is due, whether or not those before it were answered, and its time counts from
then on. Each comes over a connection of its own. Broker, intake, database, pages, gateways and readers share the
machine. One in 33 positions is offline, one gateway in a hundred silent. Figures of months are not built: pages of
places then say so.
"""

import asyncio
import json
import math
import os
import random
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import paho.mqtt.client as mqtt
import sqlalchemy as sa
from paho.mqtt.enums import CallbackAPIVersion

from benchmarks.intake import KEPT, serving, stored, until
from benchmarks.measure import Figure, cpu_s, memory
from benchmarks.messages import SLOTS, counties_of, henan, put_registry
from center.arguments import now_ms
from center.decode import Incoming
from center.record import Recorder
from center.store import Store, registered, schema
from center.store.engine import address
from center.store.people import Account, Session
from center.web.passwords import digest
from contract import topics
from scripts.stage import free_port
from tests.support.broker import Broker
from tests.support.postgres import Missing, Postgres

GATEWAYS, QUICK_GATEWAYS = 50_000, 2_500
SECONDS, QUICK_SECONDS = 60, 10
PAGES_A_SECOND, MESSAGES_A_SECOND = 50, 1_000
SETTLING_S = 10
"""The intake is under way before the first page is asked for."""
HOUR_MS = 3_600_000
PAST_MS = 2 * HOUR_MS
"""So long ago the gateways began to tell."""
OFFLINE_EVERY, SILENT_EVERY = 10, 100
"""One gateway in so many has three of its ten cameras offline; tells nothing more since an hour ago."""
MIX = {
    "county": 25,
    "county, not online": 20,
    "unit": 20,
    "camera": 12,
    "city": 6,
    "sheet": 4,
    "province": 4,
    "api, unit": 3,
    "definitions": 2,
    "province, not online": 2,
    "api, county": 1,
    "county, CSV": 1,
}
"""What is asked for, of a hundred: a choice of ours, nobody has counted yet."""
FIRST = ("province", "city", "county", "unit")
"""The first pages of roles."""


class Ask(NamedTuple):
    """`at_s`: when it is due. `header`: who asks."""

    at_s: float
    kind: str
    path: str
    header: str


def figures(quick: bool) -> list[Figure]:
    gateways, seconds = (QUICK_GATEWAYS, QUICK_SECONDS) if quick else (GATEWAYS, SECONDS)
    try:
        with Postgres() as server:
            return list(_of(server.create(), gateways, seconds))
    except Missing as missing:
        print(f"no PostgreSQL here: {missing}", file=sys.stderr)
        return []


def _of(database: str, gateways: int, seconds: int) -> Iterator[Figure]:
    begin_ms = now_ms() - PAST_MS
    counties = counties_of(henan())
    _fill(database, counties, gateways, begin_ms)
    asks = _asks(database, [code for code, _ in counties], gateways, seconds)
    load = os.getloadavg()[0]
    with Broker(extra=KEPT) as broker, serving(broker, database) as center, _pages(database) as (port, web):
        until(lambda: center.stderr_has("connected"), 120)
        first_s = _asked(port, [ask._replace(at_s=0) for ask in asks[:1]])[0][1]
        before, held = cpu_s(web)[0], stored(database)
        told = _sending(broker, gateways, begin_ms, seconds + 2 * SETTLING_S)
        time.sleep(SETTLING_S)
        answers = _asked(port, asks)
        used = cpu_s(web)[0] - before
        sent = json.loads(told.communicate(timeout=600)[0])
        ended = time.monotonic()
        until(lambda: stored(database) >= held + sent["events"], 600)
        behind_s, peak = time.monotonic() - ended, memory(web)
    name = f"P12, {gateways * SLOTS:,} positions"
    goal = 300 if gateways == GATEWAYS else None
    late = sorted(ms for _, ms, _, _ in answers)
    note = f"{PAGES_A_SECOND}/s for {seconds} s, open loop; load of the machine before {load:.1f}"
    yield Figure(name, "a page, p95", _share(late, 0.95), "ms", goal, note=note)
    for words, share in (("median", 0.5), ("p99", 0.99), ("longest", 1.0)):
        yield Figure(name, f"a page, {words}", _share(late, share), "ms")
    yield Figure(name, "the first one of all", first_s, "ms")
    yield Figure(name, "not answered with 200", sum(status != 200 for _, _, status, _ in answers), "", 0)
    each: dict[str, list[float]] = defaultdict(list)
    sizes: dict[str, int] = {}
    for kind, ms, _, size in answers:
        each[kind].append(ms)
        sizes[kind] = max(size, sizes.get(kind, 0))
    for kind in MIX:
        its = sorted(each[kind])
        note = f"{len(its)} of them, median {_share(its, 0.5):.0f}"
        yield Figure(name, f"{kind}, p95", _share(its, 0.95), "ms", note=note)
    for kind in FIRST:
        yield Figure(name, f"{kind}, largest", sizes[kind] / 1000, "kB", 100)
    yield Figure(name, "messages sent meanwhile", sent["rate"], "/s", note=f"{sent['sent']:,} of {sent['wanted']:,}")
    yield Figure(name, "the intake is behind at the end", behind_s, "s", 10)
    yield Figure(name, "a page, CPU of the pages' process", used * 1000 / len(answers), "ms")
    yield Figure(name, "memory of the pages' process", peak.rss_mb, "MB")


def _share(its: Sequence[float], share: float) -> float:
    """The smallest value that so many are not above; its are sorted."""
    return its[max(0, math.ceil(share * len(its)) - 1)] if its else math.nan


# ---- the province -------------------------------------------------------------------------------


def _name(g: int) -> str:
    return f"zz-{g:06}"


def _fill(database: str, counties: Sequence[tuple[str, str]], gateways: int, begin_ms: int) -> None:
    """Registry, and what each gateway told within the last two hours; the lively ones were heard just now."""
    Store(database).close()
    engine = sa.create_engine(address(database))
    with engine.begin() as there:
        there.execute(sa.insert(registered.regions), [one._asdict() for one in henan()])
        for first in range(0, gateways, 5000):
            numbers = range(first, min(gateways, first + 5000))
            put_registry(there, [(_name(g), *counties[g % len(counties)]) for g in numbers])
        there.execute(sa.insert(schema.imports), {"at_ms": 1})
    store = Store(database)
    recorder = Recorder(store)
    for first in range(0, gateways, 250):
        told = [one for g in range(first, min(gateways, first + 250)) for one in _told(g, counties, begin_ms)]
        recorder.record(told)
    with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as there:
        there.execute(sa.text("VACUUM ANALYZE"))  # as a database that has been at work for a while
    engine.dispose()
    for first in range(0, gateways, 1000):
        now, lively = now_ms(), [g for g in range(first, min(gateways, first + 1000)) if not _is_silent(g)]
        recorder.record([_heard(g, counties, begin_ms, now - begin_ms) for g in lively])
    with store.write() as tx:
        tx.put_uptime(begin_ms, now_ms())
    store.close()


def _told(g: int, counties: Sequence[tuple[str, str]], begin_ms: int) -> Iterator[Incoming]:
    """Birth, its journal, and a heartbeat of an hour ago."""

    def sent(leaf: str, told: dict[str, Any], at: int) -> Incoming:
        return _sent(g, counties, leaf, told, begin_ms + at)

    clock = {"clock": {"synced": True}, "inventory_hash": "", "oldest": 1}
    yield sent("state", _of_run({"state": "online", "gateway": _name(g), "version": "1"} | clock), 0)
    anchor = {"seq": 1, "at": 0, "kind": "anchor", "utc_ms": begin_ms, "err_ms": 1, "source": "ntp"}
    rows = [anchor, *(_moved(2 + n, 0, f"k{n}", "online") for n in range(SLOTS))]
    yield sent("ev", {"store": "j", "events": [_of_boot(row) for row in rows]}, 0)
    if off := _off(g):
        rows = [_moved(2 + SLOTS + n, HOUR_MS, slot, "offline") for n, slot in enumerate(off)]
        yield sent("ev", {"store": "j", "events": [_of_boot(row) for row in rows]}, HOUR_MS)
    yield _heard(g, counties, begin_ms, HOUR_MS)


def _heard(g: int, counties: Sequence[tuple[str, str]], begin_ms: int, at: int) -> Incoming:
    return _sent(g, counties, "hb", _beat(_seq(g), at, _off(g)), begin_ms + at)


def _sent(g: int, counties: Sequence[tuple[str, str]], leaf: str, told: dict[str, Any], at_ms: int) -> Incoming:
    city = counties[g % len(counties)][1]
    return Incoming(topics.up(city, _name(g), leaf), json.dumps(told).encode(), False, at_ms + 500)


def _moved(seq: int, at: int, slot: str, to: str) -> dict[str, Any]:
    reason = {"reason": "REFUSED"} if to == "offline" else {}
    told = {"seq": seq, "at": at, "kind": "transition", "slot": slot, "from": "unknown", "to": to, "level": "streams"}
    return told | reason


def _beat(seq: int, at: int, off: Sequence[str]) -> dict[str, Any]:
    watched = {"at": at, "watching_since": 0, "settled_to": at, "seq_high": seq, "n": SLOTS}
    return _of_run(watched | ({"offline": list(off)} if off else {}))


def _of_run(told: dict[str, Any]) -> dict[str, Any]:
    return {"boot": "b", "session": "s", "store": "j"} | told


def _of_boot(told: dict[str, Any]) -> dict[str, Any]:
    return {"boot": "b", "session": "s"} | told


def _off(g: int) -> list[str]:
    return ["k0", "k1", "k2"] if g % OFFLINE_EVERY == 0 else []


def _seq(g: int) -> int:
    """Of the last event of its journal."""
    return 1 + SLOTS + len(_off(g))


def _is_silent(g: int) -> bool:
    return g % SILENT_EVERY == SILENT_EVERY // 2


# ---- the gateways -------------------------------------------------------------------------------


def _sending(broker: Broker, gateways: int, begin_ms: int, seconds: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "benchmarks.web", "send", broker.host, str(broker.port)]
    return subprocess.Popen([*command, str(gateways), str(begin_ms), str(seconds)], stdout=subprocess.PIPE, text=True)


def _send(host: str, port: int, gateways: int, begin_ms: int, seconds: int) -> dict[str, Any]:
    """Five heartbeats to one event, each when it is due: an event tells of camera k9, which goes and comes."""
    cities = [city for _, city in counties_of(henan())]
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="gateways")
    client.max_inflight_messages_set(1000)
    client.connect(host, port)
    client.loop_start()
    lively = [g for g in range(gateways) if not _is_silent(g)]
    seqs, gone = {g: _seq(g) for g in lively}, set[int]()
    wanted, events, last = seconds * MESSAGES_A_SECOND, 0, None
    began = time.monotonic()
    for n in range(wanted):
        if (wait_s := began + n / MESSAGES_A_SECOND - time.monotonic()) > 0.002:
            time.sleep(wait_s)
        g, at = lively[n % len(lively)], now_ms() - begin_ms
        if n % 6 == 0:
            seqs[g], events = seqs[g] + 1, events + 1
            gone ^= {g}
            row = _of_boot(_moved(seqs[g], at, "k9", "offline" if g in gone else "online"))
            leaf, told = "ev", {"store": "j", "events": [row]}
        else:
            leaf, told = "hb", _beat(seqs[g], at, [*_off(g), *(["k9"] if g in gone else [])])
        last = client.publish(topics.up(cities[g % len(cities)], _name(g), leaf), json.dumps(told), qos=1)
    took = time.monotonic() - began
    if last:
        last.wait_for_publish(300)
    client.disconnect()
    client.loop_stop()
    return {"sent": wanted, "wanted": wanted, "events": events, "rate": wanted / took}


# ---- the readers --------------------------------------------------------------------------------


def _asks(database: str, counties: Sequence[str], gateways: int, seconds: int) -> list[Ask]:
    """Each by an account whose page it is; of units and counties, now this one, now that."""
    chosen = random.Random(1)
    store, now = Store(database), now_ms()
    cities = [one.code for one in henan() if one.kind == "city" and not one.until]
    scopes = [("province", "region:41"), *(("county", f"region:{code}") for code in counties)]
    scopes += [("city", f"region:{code}") for code in cities]
    with store.write() as tx:
        for role, scope in scopes:
            tx.add_account(Account(scope, role, scope, "", 0, now))
            tx.add_session(Session(digest(f"session-{scope}"), scope, now, now))
            tx.put_token(digest(f"token-{scope}"), scope, now)
    store.close()
    kinds = chosen.choices(list(MIX), list(MIX.values()), k=seconds * PAGES_A_SECOND)
    kinds[: len(MIX)] = MIX  # each at least once
    return [
        Ask(n / PAGES_A_SECOND, kind, *_where(kind, chosen, counties, cities, gateways)) for n, kind in enumerate(kinds)
    ]


def _where(
    kind: str, chosen: random.Random, counties: Sequence[str], cities: Sequence[str], gateways: int
) -> tuple[str, str]:
    """(path, header)."""
    g = chosen.randrange(gateways)
    unit, county = f"u-{_name(g)}", counties[g % len(counties)]
    page = {
        "province": "/places/41",
        "province, not online": "/now/41",
        "city": f"/places/{(city := chosen.choice(cities))}",
        "county": f"/places/{county}",
        "county, not online": f"/now/{county}",
        "county, CSV": f"/places/{county}?form=csv",
        "unit": f"/units/{unit}",
        "camera": f"/positions/{_name(g)}%2Fk{g % SLOTS}",
        "sheet": f"/sheets/{unit}",
        "definitions": "/definitions",
        "api, unit": f"/api/v1/units/{unit}",
        "api, county": f"/api/v1/absences/{county}",
    }[kind]
    scope = "region:41" if kind.startswith("province") else f"region:{city}" if kind == "city" else f"region:{county}"
    who = f"Authorization: Bearer token-{scope}" if kind.startswith("api") else f"Cookie: canteen=session-{scope}"
    return page, who


@contextmanager
def _pages(database: str) -> Iterator[tuple[int, int]]:
    """(port, process id) of `canteen-center web`."""
    port = free_port("127.0.0.1")
    command = [sys.executable, "-m", "center.cli", "web", "--database", database, "--listen", f"127.0.0.1:{port}"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as web:
        try:
            assert web.stderr
            if "http://" not in (said := web.stderr.readline()):
                raise RuntimeError(said)
            yield port, web.pid
        finally:
            web.terminate()


def _asked(port: int, asks: Sequence[Ask]) -> list[tuple[str, float, int, int]]:
    """Kind, ms from when it was due until its answer was there, status, bytes; in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.web", "ask", str(port)]
    done = subprocess.run(command, input=json.dumps(asks), check=True, stdout=subprocess.PIPE, text=True)
    return [(kind, ms, status, size) for kind, ms, status, size in json.loads(done.stdout)]


async def _ask_all(port: int, asks: Sequence[Ask]) -> list[tuple[str, float, int, int]]:
    began = time.monotonic() + 0.2

    async def one(ask: Ask) -> tuple[str, float, int, int]:
        await asyncio.sleep(began + ask.at_s - time.monotonic())
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            head = f"GET {ask.path} HTTP/1.1\r\nHost: x\r\n{ask.header}\r\nConnection: close\r\n\r\n"
            writer.write(head.encode())
            got = await reader.read(-1)
            writer.close()
        except OSError:
            got = b""
        status = int(got[9:12]) if got.startswith(b"HTTP/1.1 ") else 0
        return ask.kind, (time.monotonic() - began - ask.at_s) * 1000, status, len(got.partition(b"\r\n\r\n")[2])

    return list(await asyncio.gather(*(one(ask) for ask in asks)))


if __name__ == "__main__":
    if sys.argv[1] == "send":
        print(json.dumps(_send(sys.argv[2], *map(int, sys.argv[3:]))))
    else:
        print(json.dumps(asyncio.run(_ask_all(int(sys.argv[2]), [Ask(*ask) for ask in json.load(sys.stdin)]))))
