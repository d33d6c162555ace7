"""Facts that are too old go, and nothing that is known of the time that is kept changes by it."""

import json
import re
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from center.arguments import now_ms
from center.cli import main
from center.history import recall
from center.intervals import intersection, total
from center.notary import judge
from center.rate import SHANGHAI, moment_ms, month_span
from center.record import Recorder
from center.retention import first_kept, give_up, months_before
from center.store import Store
from center.timeline import Known
from tests.center.boxes import SLOTS, Faults, Journal, Kitchen
from tests.center.letters import CITY, GATEWAY, T0, anchor, beat, birth, event, events, letter, moved, register
from tests.support.examples import examples

MARGIN_MS = 300_000
anything = st.builds(Faults, *(st.booleans() for _ in Faults._fields))


class Prompt(Kitchen):
    """Its messages come soon, and once: so there are boots of which nothing was heard any more."""

    def send(self, leaf: str, payload: bytes) -> None:
        self.messages.append(letter(leaf, payload, self.utc + self.rnd.choice((5, 5, 800, 40_000))))

    def _drain(self, card: Journal) -> None:
        pass


def known(store: Store, from_ms: int) -> dict[str, Known]:
    """From then on."""
    after = ((from_ms, 10**15),)
    with store.read() as reader:
        testimony = recall(reader, [GATEWAY], month_span("2026-11"))[GATEWAY].testimony
        judged = judge(testimony._replace(up=reader.uptime(CITY)), 180_000, 1_800_000)
    return {
        slot: Known(intersection(its.on, after), intersection(its.off, after))
        for slot, its in judged.known.items()
        if intersection(its.on, after) or intersection(its.off, after)
    }


@settings(max_examples=examples(20, 1_000), deadline=None)
@given(st.integers(0, 2**48).map(Random), anything)
def test_what_is_known_of_kept_time_stays_to_the_ms(rnd: Random, faults: Faults) -> None:
    """Whatever went on before, and whatever goes on after."""
    world = Prompt(rnd, faults).run()
    boots = (re.search(rb'"boot":"(b\d+)"', m.payload) for m in world.messages)
    boot = next(found[1] for found in boots if found)
    from_ms = max(m.received_ms for m in world.messages if boot in m.payload) + MARGIN_MS + 1
    with TemporaryDirectory(prefix="retention-") as home:
        store = Store(f"{home}/center.db")
        register(store, *SLOTS)
        with store.write() as tx:
            tx.put_uptime(T0 - 1_000_000, T0 + 30_000_000)
        Recorder(store).record(sorted(world.messages, key=lambda m: m.received_ms))
        before = known(store, from_ms)
        give_up(store, from_ms, margin_ms=MARGIN_MS)
        assert known(store, from_ms) == before
        with store.read() as reader:
            assert reader.kept_from() == from_ms
        store.close()


def test_what_shows_that_a_kept_boot_is_whole_is_kept() -> None:
    """The closing of the boot before: without it a heartbeat that belies its own events would go unnoticed."""
    with TemporaryDirectory(prefix="retention-") as home:
        store = Store(f"{home}/center.db")
        register(store, "k1")
        told(store, T0, "b-old", 1)
        closing = event(4, "coverage", 2 * HOUR, **{"from": 0, "to": 2 * HOUR, "seq_high": 3})
        recorder, begin = Recorder(store), T0 + 24 * HOUR
        recorder.record([letter("ev", named(events(closing), "b-old"), T0 + 2 * HOUR)])
        kept = [anchor(5, 0, begin), moved(6, 0, "online")]
        recorder.record([letter("ev", named(events(*kept), "b-new"), begin)])
        for minute in range(1, 9):
            hb = beat(minute * 60_000, 6, offline=("k1",) if minute == 4 else ())
            recorder.record([letter("hb", named(hb, "b-new"), begin + minute * 60_000)])
        before = known(store, begin)
        assert total(before["k1"].on) < 8 * 60_000
        assert give_up(store, begin, margin_ms=MARGIN_MS)[0] == 1
        assert known(store, begin) == before
        store.close()


def test_whole_months_are_kept() -> None:
    """The running one and so many before it."""
    today = moment_ms("2026-11-30T12:00:00", SHANGHAI)
    assert first_kept(today, 13) == "2025-10"
    assert first_kept(today, 10) == "2026-01"
    assert first_kept(today, 11) == "2025-12"
    assert list(months_before(moment_ms("2025-11-30T12:00:00", SHANGHAI), "2026-02")) == [
        "2025-11",
        "2025-12",
        "2026-01",
    ]
    assert list(months_before(today, "2026-02")) == []


# ---- the command ----------------------------------------------------------------------------------

HOUR = 3_600_000
OLD, KEPT = first_kept(now_ms(), 14), first_kept(now_ms(), 1)
"""The newest month that may go by the shipped policy, and the last whole one."""
LONG_AGO, LATELY = (month_span(month)[0] + 10 * 24 * HOUR for month in (OLD, KEPT))


def told(store: Store, begin: int, boot: str, first: int) -> None:
    """Two hours of a boot: k1 online, then offline for the second hour."""
    rows = [anchor(first, 0, begin), moved(first + 1, 0, "online"), moved(first + 2, HOUR, "offline")]
    heartbeat = beat(2 * HOUR, first + 2, offline=("k1",))
    Recorder(store).record(
        [
            letter("state", named(birth(), boot), begin),
            letter("ev", named(events(*rows), boot), begin + 2 * HOUR),
            letter("hb", named(heartbeat, boot), begin + 2 * HOUR),
        ]
    )


def named(payload: bytes, boot: str) -> bytes:
    """Of this boot, and of a session called after it."""
    return payload.replace(b'"b1"', f'"{boot}"'.encode()).replace(b'"s1"', f'"s-{boot}"'.encode())


@pytest.fixture
def database(url: str) -> str:
    store = Store(url)
    register(store, "k1", accepted_ms=LONG_AGO)
    told(store, LONG_AGO, "b-old", 1)
    told(store, LATELY, "b-new", 4)
    store.close()
    return url


def made(capsys: pytest.CaptureFixture[str], code: int, *words: str) -> str:
    capsys.readouterr()
    assert main(["--lang", "en", *words]) == code
    told = capsys.readouterr()
    return told.err if code == 2 else told.out


def figures(told: str) -> list[tuple[int, ...]]:
    return [(row["E_ms"], row["on_ms"], row["off_ms"]) for row in json.loads(told)["rows"]]


def test_facts_go_once_their_months_are_final(
    database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Then the old boot goes and its month is refused; its final figures stand, and the kept month to the ms."""
    out = tmp_path / "days"
    out.mkdir()
    retention = ("retention", "--database", database, "--out", str(out))
    assert f"{OLD} is not final" in made(capsys, 2, *retention, "--apply")
    month = ("--out", str(out), "--month", OLD)
    made(capsys, 0, "days", "build", "--database", database, *month)
    made(capsys, 0, "days", "freeze", *month, "--by", "x")
    final = made(capsys, 0, "days", "show", *month, "--json")
    kept = ("rate", "--database", database, "--month", KEPT, "--level", "slot", "--json")
    before = figures(made(capsys, 0, *kept))
    assert before[0][1:] == (HOUR, HOUR)
    told = json.loads(made(capsys, 0, *retention, "--json"))
    assert (told["boots"], told["rows"], told["applied"]) == (1, 0, False)
    assert figures(made(capsys, 0, *kept)) == before
    told = json.loads(made(capsys, 0, *retention, "--json", "--apply"))
    assert (told["boots"], told["applied"]) == (1, True)
    assert told["rows"] > 3
    assert figures(made(capsys, 0, *kept)) == before
    assert "were given up" in made(capsys, 2, "rate", "--database", database, "--month", OLD)
    assert "were given up" in made(capsys, 2, "days", "build", "--database", database, *month)
    assert json.loads(made(capsys, 0, "days", "show", *month, "--json"))["rows"] == json.loads(final)["rows"]
    made(capsys, 0, "rebuild", "--database", database, "--out", str(out))
    assert json.loads(made(capsys, 0, "days", "show", *month, "--json"))["rows"] == json.loads(final)["rows"]


def test_a_final_month_whose_files_were_touched_keeps_its_facts(
    database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the figures were made of must still be what their hashes say."""
    out = tmp_path / "days"
    month = ("--out", str(out), "--month", OLD)
    made(capsys, 0, "days", "build", "--database", database, *month)
    made(capsys, 0, "days", "freeze", *month, "--by", "x")
    (out / OLD / "final-0" / "places.parquet").write_bytes(b"other")
    said = made(capsys, 2, "retention", "--database", database, "--out", str(out), "--apply")
    assert "are not those that it was made of; nothing was given up" in said
