"""A province whose 50,000 gateways go dark at once and come back: how many messages each role gets, and what it costs.

Rounds are as `messages run` makes them, at the times of a simulated clock; nothing is sent. Each gateway stands in one
case, each case is told to a receiver once: what is doubled is counted, and must be 0.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from benchmarks.measure import Figure
from center.messages.round import Round
from center.messages.rules import Receiver as To
from center.messages.rules import Rules, Webhook
from center.rate import Rules as RateRules
from center.registry.tree import Region, regions_of
from center.store import Store, bulk, registered, schema
from center.store.engine import address
from center.store.outbox import FIRST, Post
from contract import shipped
from contract.regions import Regions
from tests.support.postgres import Missing, Postgres

GATEWAYS, QUICK_GATEWAYS, SLOTS = 50_000, 5_000, 10
START, MINUTE, STEP_MS = 1_793_505_600_000, 60_000, 10_000
ROLES = ("county", "city", "province", "operator", "unit")


def figures(quick: bool) -> list[Figure]:
    count = QUICK_GATEWAYS if quick else GATEWAYS
    with tempfile.TemporaryDirectory(prefix="messages-") as name:
        found = [*_of("SQLite", str(Path(name) / "center.db"), count)]
        try:
            with Postgres() as server:
                found += _of("PostgreSQL", server.create(), count)
        except Missing as missing:
            print(f"no PostgreSQL here: {missing}", file=sys.stderr)
    return found


def _of(store: str, database: str, count: int) -> Iterator[Figure]:
    regions = _fill(database, count)
    command = [sys.executable, "-m", "benchmarks.messages", database, json.dumps(regions)]
    done = subprocess.run(command, check=True, capture_output=True, env=os.environ)
    told: dict[str, Any] = json.loads(done.stdout)
    name = f"messages, {count:,} gateways dark and back, {store}"
    for role in ROLES:
        yield Figure(name, f"to each {role}: dark, most", told["first"].get(role, 0), "", 3)
        yield Figure(name, f"to each {role}: back, most", told["recovery"].get(role, 0), "", 3)
    yield Figure(name, "written in all", told["written"], "", note=f"{told['receivers']} receivers")
    yield Figure(name, "gateways told of, of all", told["covered"] / count, "", 1, note=f"{told['covered']}")
    yield Figure(name, "doubled", told["doubled"], "", 0)
    yield Figure(name, "not told, or no end of it", count - told["covered"] + told["open"], "", 0)
    yield Figure(name, "longest round, going dark", told["dark_s"], "s", 60)
    yield Figure(name, "longest round, coming back", told["back_s"], "s", 60)
    yield Figure(name, "a round while all stay dark", told["idle_dark_s"], "s", 5)
    yield Figure(name, "a round while all is well", told["idle_s"], "s", 5)
    yield Figure(name, "peak memory", told["peak_mb"], "MB", 200)


# ---- the province -------------------------------------------------------------------------------


def _fill(database: str, count: int) -> list[tuple[str, str]]:
    """Returns the counties that gateways lie in, each with its city."""
    Store(database).close()
    every = henan()
    counties = counties_of(every)
    engine = sa.create_engine(address(database))
    with engine.begin() as there:
        there.execute(sa.insert(registered.regions), [one._asdict() for one in every])
        for begin in range(0, count, 5000):
            numbers = range(begin, min(count, begin + 5000))
            _put(there, [(f"zz-{n:06}", *counties[n % len(counties)]) for n in numbers])
        there.execute(sa.insert(schema.imports), {"at_ms": 1})
        there.execute(sa.text("ANALYZE"))  # as a database that has been at work for a while
    engine.dispose()
    return counties


def henan() -> list[Region]:
    return list(regions_of(shipped.load("regions", "henan", Regions)))


def counties_of(every: Sequence[Region]) -> list[tuple[str, str]]:
    """Each with the city in its gateways' topics."""
    return [(one.code, one.city) for one in every if one.kind == "county" and not one.until]


def _put(there: sa.Connection, boxes: list[tuple[str, str, str]]) -> None:
    slots = put_registry(there, boxes)
    columns = ("gateway", "slot", "session", "state", "received_ms")
    rows = [(box, slot, "s1", "online", START - 90 * MINUTE) for box, slot in slots]
    rows += [(box, "", "s1", "", START) for box, _, _ in boxes]
    bulk.insert(there, schema.standing, columns, rows, "DO NOTHING")


def put_registry(there: sa.Connection, boxes: list[tuple[str, str, str]]) -> list[tuple[str, str]]:
    """`boxes`: name, county, city. A unit at each, with SLOTS positions. Returns (gateway, slot) of them."""
    t, slots = registered, [(box, f"k{n}") for box, _, _ in boxes for n in range(SLOTS)]
    there.execute(sa.insert(t.gateways), [{"gateway": box, "since_ms": 0, "city": city} for box, _, city in boxes])
    common = {"since_ms": 0, "kind": "canteen"}
    units = [common | {"unit": f"u-{box}", "name": box, "region": county} for box, county, _ in boxes]
    there.execute(sa.insert(t.units), units)
    places = [{"position": f"{b}/{s}", "since_ms": 0, "unit": f"u-{b}", "zone": s} for b, s in slots]
    there.execute(sa.insert(t.positions), places)
    bound = [{"position": f"{b}/{s}", "since_ms": 0, "gateway": b, "slot": s} for b, s in slots]
    there.execute(sa.insert(t.bindings), bound)
    return slots


# ---- dark and back ------------------------------------------------------------------------------


def _hear(database: str, until_ms: int, *, beat: bool) -> None:
    """The center hears; with `beat` every gateway did within the last minute."""
    engine = sa.create_engine(address(database))
    with engine.begin() as there:
        there.execute(sa.delete(schema.uptime))
        there.execute(sa.insert(schema.uptime), {"cities": "", "from_ms": START - 60 * MINUTE, "to_ms": until_ms})
        if beat:
            beats = sa.text("UPDATE standing SET received_ms = :at WHERE slot = ''")
            there.execute(beats, {"at": until_ms})
    engine.dispose()


def _rules(counties: list[tuple[str, str]]) -> Rules:
    hook = Webhook(url="https://receiver.example/", secret="env:NONE")
    cities = sorted({code[:4] for code, _ in counties})
    receivers = [To(name=f"county-{code}", role="county", regions=(code,), webhook=hook) for code, _ in counties]
    receivers += [To(name=f"city-{code}", role="city", regions=(code,), webhook=hook) for code in cities]
    receivers += [To(name=f"unit-{n}", role="unit", units=(f"u-zz-{n:06}",), webhook=hook) for n in range(100)]
    receivers.append(To(name="province", role="province", regions=("41",), webhook=hook))
    receivers.append(To(name="operator", role="operator", webhook=hook))
    return Rules(receivers=tuple(receivers))


def _measure(database: str, counties: list[tuple[str, str]]) -> dict[str, Any]:
    store, rules = Store(database), _rules(counties)
    rounds = Round(store, rules, RateRules())
    rounds.begin(START)
    took: dict[str, list[float]] = {"idle": [], "dark": [], "idle_dark": [], "back": []}

    def go(phase: str, from_ms: int, to_ms: int, *, beat: bool) -> None:
        for now in range(from_ms, to_ms, STEP_MS):
            _hear(database, now, beat=beat)
            began = time.monotonic()
            rounds.go(now)
            took[phase].append(time.monotonic() - began)

    go("idle", START, START + MINUTE, beat=True)
    go("dark", START + MINUTE, START + 8 * MINUTE, beat=False)
    go("idle_dark", START + 8 * MINUTE, START + 9 * MINUTE, beat=False)
    go("back", START + 9 * MINUTE, START + 11 * MINUTE, beat=True)
    with store.read() as reader:
        posts, cases = reader.log(0, "", 1_000_000), reader.cases_since(0, 1_000_000)
    store.close()
    return _told(posts, rules) | {
        "covered": sum(case.members for case in cases),
        "open": sum(not case.ended_ms for case in cases),
        "receivers": len(rules.receivers),
        "dark_s": max(took["dark"]),
        "back_s": max(took["back"]),
        "idle_dark_s": max(took["idle_dark"]),
        "idle_s": max(took["idle"]),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def _told(posts: list[Post], rules: Rules) -> dict[str, Any]:
    """Act -> role -> the most that one receiver got; `doubled`: (receiver, case, act) beyond the first."""
    roles = {one.name: one.role for one in rules.receivers}
    each = Counter((post.receiver, "first" if post.act == FIRST else post.act) for post in posts)
    most: dict[str, dict[str, int]] = {"first": {}, "recovery": {}}
    for (receiver, act), number in each.items():
        of = most.setdefault(act, {})
        of[roles[receiver]] = max(of.get(roles[receiver], 0), number)
    said = Counter((post.receiver, case, post.act) for post in posts for case in post.cases.split(","))
    return most | {"written": len(posts), "doubled": sum(number - 1 for number in said.values())}


if __name__ == "__main__":
    print(json.dumps(_measure(sys.argv[1], [tuple(one) for one in json.loads(sys.argv[2])])))
