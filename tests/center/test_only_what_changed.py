"""What is read of a long past, and what is worked out again of a month, is all that can make a difference."""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from random import Random

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from center.days.build import build
from center.days.engine import opened
from center.decode import Incoming
from center.history import recall
from center.intervals import difference, intersection, normal
from center.notary import judge
from center.rate import Rules, month_span
from center.record import Recorder
from center.store import Store
from center.timeline import Known
from tests.center.boxes import SLOTS, Faults, Kitchen
from tests.center.hearing import hear
from tests.center.letters import CITY, GATEWAY, T0, enrol, register
from tests.support.examples import examples

EXAMPLES = examples(12, 2_000)
MEMORY = Path("/dev/shm")
DAY_MS = 86_400_000
MONTH = month_span("2026-11")
UP = ((T0, T0 + 8 * DAY_MS), (T0 + 9 * DAY_MS, T0 + 29 * DAY_MS))
RULES = Rules(within_ms=3_600_000)
randoms = st.integers(0, 2**48).map(Random)
anything = st.builds(Faults, *(st.booleans() for _ in Faults._fields))


def life(rnd: Random, faults: Faults) -> list[Incoming]:
    """Some hours of a gateway, days later some more, on the same card or another."""
    told: list[Incoming] = []
    days, seqs = 0, 0
    for number in range(3):
        card = rnd.random() < 0.5
        said = Kitchen(rnd, faults).run().messages
        top = seqs
        for m in sorted(said, key=lambda m: m.received_ms):
            payload, seqs = _shifted(m.payload, number, days * DAY_MS, top if card else 0, seqs, card=card)
            told.append(m._replace(payload=payload, received_ms=m.received_ms + days * DAY_MS))
        days += rnd.choice((1, 3, 7))
    return told


def _shifted(payload: bytes, number: int, ms: int, above: int, seqs: int, *, card: bool) -> tuple[bytes, int]:
    try:
        told = json.loads(payload)
    except ValueError:
        return payload, seqs
    for one in (told, *told.get("events", ())):
        for name in ("boot", "session", "store"):
            if name in one and not (card and name == "store" and one[name] == "j0"):
                one[name] = f"{one[name]}-{number}"
        if "utc_ms" in one:
            one["utc_ms"] += ms
        for name in ("seq", "seq_high", "from_seq", "to_seq", "oldest"):
            if one.get(name):
                one[name] += above
                seqs = max(seqs, one[name])
    return msgspec.json.encode(told), seqs


def within(known: dict[str, Known], span: tuple[int, int]) -> dict[str, tuple[object, object]]:
    found = {slot: (intersection(its.on, (span,)), intersection(its.off, (span,))) for slot, its in known.items()}
    return {slot: its for slot, its in found.items() if any(its)}


@settings(max_examples=EXAMPLES, deadline=None)
@given(randoms, anything)
def test_a_span_says_without_its_past_what_it_says_with_it(rnd: Random, faults: Faults) -> None:
    """Of any few hours or days what is read of the store is judged as everything that was ever told."""
    told = life(rnd, faults)
    whole = judge(hear(told, UP), RULES.dark_after_ms, RULES.within_ms)
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        store = Store(str(Path(folder, "center.db")))
        register(store, *SLOTS)
        recorder = Recorder(store)
        shuffled = rnd.sample(told, len(told))
        for i in range(0, len(told), 40):
            recorder.record(shuffled[i : i + 40])
        with store.read() as reader:
            for _ in range(6):
                begin = T0 + rnd.randrange(12 * DAY_MS)
                span = (begin, begin + rnd.choice((3_600_000, 6 * 3_600_000, DAY_MS, 4 * DAY_MS)))
                t = recall(reader, [GATEWAY], span)[GATEWAY].testimony._replace(up=UP)
                made = judge(t, RULES.dark_after_ms, RULES.within_ms)
                assert within(made.known, span) == within(whole.known, span)
                heard, its = (
                    difference((span,), normal((b, e + RULES.dark_after_ms) for b, e in one.life))
                    for one in (whole, made)
                )
                assert heard == its
        store.close()


def rows(folder: Path) -> Iterator[tuple[tuple[str, str], object]]:
    with opened(threads=1) as c:
        for file in sorted(folder.glob("spans/*/*.parquet")):
            yield (file.parent.name, file.name), c.execute(f"SELECT * FROM read_parquet('{file}')").fetchall()


@settings(max_examples=max(5, EXAMPLES // 10), deadline=None)
@given(randoms, anything)
def test_what_is_laid_bit_by_bit_is_what_is_laid_at_once(rnd: Random, faults: Faults) -> None:
    """Facts come early and late, positions move between boxes: each build lays what one of everything would lay."""
    told = life(rnd, faults)
    orderly = rnd.random() < 0.5
    waiting = sorted(told, key=lambda m: m.received_ms) if orderly else rnd.sample(told, len(told))
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        store = Store(str(Path(folder, "center.db")))
        register(store, *SLOTS)
        with store.write() as tx:
            for begin, end in UP:
                tx.put_uptime(begin, end)
        recorder = Recorder(store)
        for number in range(3):
            some, waiting = waiting[: len(told) // 3 + 1], waiting[len(told) // 3 + 1 :]
            if rnd.random() < 0.8:
                recorder.record(some)
            if rnd.random() < 0.3:
                row = f"{CITY},金水区,一小,canteen,灶台,x{number},other-{number},2026-11-0{number + 1} 08:00"
                enrol(store, row)
            end = MONTH[1] if rnd.random() < 0.5 else T0 + 5 * DAY_MS + rnd.randrange(10 * DAY_MS)
            build(store, Path(folder, "now"), (MONTH[0], end), RULES)
            build(store, Path(folder, "whole"), (MONTH[0], end), RULES, whole=True)
            now, whole = (dict(rows(Path(folder, name))) for name in ("now", "whole"))
            assert {key: now[key] for key in whole} == whole
        store.close()
