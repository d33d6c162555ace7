from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from center.alarms import alarms
from center.decode import Incoming, decode
from center.rate import Rules, month_span
from center.record import Outgoing, Recorder
from center.report import When, as_json, report
from center.store import Store, Unavailable
from center.timeline import Claim, Lost
from contract import topics
from contract.messages import Ack, Command, Goodbye, Will, encode
from contract.topics import Origin
from tests.center.agents import SLOTS, World, world
from tests.center.hearing import kept
from tests.center.letters import CITY, GATEWAY, T0, anchor, beat, birth, event, events, letter, moved, register
from tests.support.disks import Tmpfs
from tests.support.examples import examples
from tests.support.postgres import Postgres
from tests.support.root import root

ACK = topics.down(CITY, GATEWAY, "ack")


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    made = Store(url)
    register(made, "k1", "k2")
    yield made
    made.close()


def acks(said: list[Outgoing]) -> list[tuple[str, int]]:
    found = [msgspec.json.decode(one.payload, type=Ack) for one in said if one.topic == ACK]
    return [(ack.store, ack.seq) for ack in found]


def reasons(store: Store) -> list[str]:
    with store.read() as reader:
        return [one.reason for one in reader.aside()]


def codes(store: Store) -> list[str]:
    with store.read() as reader:
        return [one.code for one in reader.aside()]


def figures(store: Store, at: int) -> dict[str, Any]:
    when = When("2026-11", (month_span("2026-11")[0], at), at, live=False)
    with store.read() as reader:
        return as_json(report(reader, when, "slot", Rules("local")))


def test_acknowledges_what_it_holds_without_a_hole(store: Store) -> None:
    """The acknowledged seq is the highest below which nothing is missing, from 1."""
    recorder = Recorder(store)
    assert acks(recorder.record([letter("ev", events(event(2), event(3)))])) == [("j1", 0)]
    assert acks(recorder.record([letter("ev", events(event(5)))])) == [("j1", 0)]
    assert acks(recorder.record([letter("ev", events(event(1)))])) == [("j1", 3)]
    assert acks(recorder.record([letter("ev", events(event(4)))])) == [("j1", 5)]


def test_acknowledges_long_journals_and_each_store_apart(store: Store) -> None:
    """More seqs than one query reads are walked all; another store begins at 1 again."""
    recorder = Recorder(store)
    parts = [events(*(event(seq) for seq in range(n, n + 100))) for n in range(1, 1201, 100)]
    for part in parts[1:]:
        assert acks(recorder.record([letter("ev", part)])) == [("j1", 0)]
    both = recorder.record([letter("ev", parts[0]), letter("ev", events(event(1), store="j2"))])
    assert acks(both) == [("j1", 1200), ("j2", 1)]


@pytest.mark.parametrize("session", ["a1b2c3", "0123456789abcdef"])
def test_sessions_of_both_lengths_are_recorded(store: Store, session: str) -> None:
    """The agents of the first version have ids of 6 digits, later ones of 16."""
    letters = [letter("state", birth(session=session)), letter("ev", events(event(1, session=session)))]
    assert acks(Recorder(store).record(letters)) == [("j1", 1)]
    assert reasons(store) == []
    with store.read() as reader:
        assert reader.sessions([GATEWAY])[GATEWAY][0] == session


def test_a_gap_is_vain_over_what_stands_not_over_a_later_copy(store: Store) -> None:
    """Of seq 1 the first content cannot be read, the second can: it is not held. Of seq 2 it is the other way round."""
    broken = [moved(seq, 10, "?") for seq in (1, 2)]
    gap = event(3, "gap", **{"from_seq": 1, "to_seq": 2, "from": 0, "to": 50})
    rows = (broken[0], moved(2, 10, "online"), moved(1, 10, "online"), broken[1], gap)
    told = [letter("ev", events(row), T0 + i) for i, row in enumerate(rows)]
    Recorder(store).record([*told, letter("hb", beat(100, 3), T0 + 100)])
    with store.read() as reader:
        there = kept(reader)
    assert [(names.seq, names.held) for names in there.vain] == [(3, 1)]
    assert there.gaps == (Lost("b1", 0, 50),)


@pytest.mark.parametrize("apart_ms", [1, 0])
@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_of_two_gaps_under_one_number_the_first_received_stands(
    store: Store, order: tuple[int, int], apart_ms: int
) -> None:
    """Over the same seqs, in whichever order they are read: a copied card's. Of one millisecond the lesser bytes."""
    gaps = [event(2, "gap", **{"from_seq": 1, "to_seq": 1, "from": 0, "to": to}) for to in (50, 70)]
    told = [letter("ev", events(gap), T0 + i * apart_ms) for i, gap in enumerate(gaps)]
    recorder = Recorder(store)
    for i in order:
        recorder.record([told[i], letter("hb", beat(100, 2), T0 + 100)])
    with store.read() as reader:
        assert kept(reader).gaps == (Lost("b1", 0, 50),)


def test_a_gap_lets_the_acknowledgement_pass(store: Store) -> None:
    """Seqs the agent declares evicted are not waited for."""
    recorder = Recorder(store)
    gap = event(8, "gap", **{"from_seq": 1, "to_seq": 6, "from": 0, "to": 50})
    assert acks(recorder.record([letter("ev", events(event(7), gap))])) == [("j1", 8)]


@pytest.mark.parametrize("span", [(1, 8), (6, 5)])
def test_a_gap_that_names_no_earlier_seqs_is_set_aside(store: Store, span: tuple[int, int]) -> None:
    """A gap reaching to its own seq or backwards acknowledges nothing it should not."""
    gap = event(8, "gap", **{"from_seq": span[0], "to_seq": span[1], "from": 0, "to": 50})
    assert acks(Recorder(store).record([letter("ev", events(gap))])) == [("j1", 0)]
    assert reasons(store) == ["a gap must name earlier seqs"]


def test_a_birth_is_answered_with_the_acknowledgement(store: Store) -> None:
    """Each birth learns how far its journal is stored, also when nothing is."""
    recorder = Recorder(store)
    assert acks(recorder.record([letter("state", birth())])) == [("j1", 0)]
    recorder.record([letter("ev", events(event(1)))])
    assert acks(recorder.record([letter("state", birth("s2"))])) == [("j1", 1)]


def test_a_center_behind_its_own_ack_records_the_loss_and_goes_on(store: Store) -> None:
    """A retained ack ahead of what is stored, or a journal that begins later, is a loss: not waited for."""
    recorder = Recorder(store)
    recorder.record([letter("ev", events(event(1), event(9)))])
    retained = Incoming(ACK, b'{"store":"j1","seq":5}', True, T0)
    assert acks(recorder.record([retained])) == [("j1", 5)]
    assert acks(recorder.record([letter("state", birth(oldest=9))])) == [("j1", 9)]


def test_a_batch_says_that_earlier_events_were_given_up(store: Store) -> None:
    """Where a former store's older events were evicted, its batches say so, and the rest of it is acknowledged."""
    recorder = Recorder(store)
    recorder.record([letter("ev", events(event(1)))])
    batch = {"store": "j1", "events": [event(51), event(52)], "oldest": 51}
    assert acks(recorder.record([letter("ev", msgspec.json.encode(batch))])) == [("j1", 52)]


MINUTE = 60_000


@pytest.mark.parametrize(
    "late",
    [
        letter("hb", beat(600 * MINUTE, 2), T0 + 606 * MINUTE),
        letter(
            "ev",
            events(event(3, "coverage", 600 * MINUTE, **{"from": 0, "to": 600 * MINUTE, "seq_high": 2})),
            T0 + 22 * 60 * MINUTE,
        ),
    ],
    ids=["heartbeat doubled by the broker", "closing coverage the next morning"],
)
def test_what_bears_out_a_clock_is_not_forgotten_for_a_later_message(store: Store, late: Incoming) -> None:
    """Nobody disciplines the clock, and the line came up ten minutes after the boot: the heartbeats vouch for it."""
    recorder, up = Recorder(store), T0 + 10 * MINUTE
    rows = (anchor(1) | {"err_ms": 60_000, "source": "system"}, moved(2, 1000, "online"))
    recorder.record([letter("state", birth(), up), letter("ev", events(*rows), up)])
    recorder.record([letter("hb", beat(m * MINUTE, 2), T0 + m * MINUTE + 50) for m in range(11, 601)])
    before = figures(store, T0 + 600 * MINUTE)["total"]["on_ms"]
    recorder.record([late])
    assert before == 600 * MINUTE - 1000
    assert figures(store, T0 + 600 * MINUTE)["total"]["on_ms"] == before


def test_a_gateway_that_is_registered_late_was_not_silent(url: str) -> None:
    """Its messages of before are set aside, but heard: what it tells again of that time is not taken for dark."""
    store = Store(url)
    with store.write() as tx:
        tx.put_uptime(T0 - MINUTE, T0 + 100 * MINUTE)
    recorder = Recorder(store)
    told = letter("ev", events(anchor(1), moved(2, 0, "online")), T0)
    recorder.record([letter("state", birth(), T0), told])
    recorder.record([letter("hb", beat(m * MINUTE, 2), T0 + m * MINUTE) for m in range(1, 51)])
    assert set(reasons(store)) == {"gateway not registered in this city"}
    register(store, "k1")
    recorder.record([told._replace(received_ms=T0 + 51 * MINUTE)])
    recorder.record([letter("hb", beat(m * MINUTE, 2), T0 + m * MINUTE) for m in range(51, 101)])
    when = When("2026-11", (T0, T0 + 100 * MINUTE), T0 + 100 * MINUTE, live=False)
    with store.read() as reader:
        assert report(reader, when, "slot", Rules("visible")).total.figures.on == 100 * MINUTE
    store.close()


def test_the_echo_of_an_own_ack_is_no_news(store: Store) -> None:
    """Only the broker's retained copy counts, not an acknowledgement as it is published."""
    echo = Incoming(ACK, b'{"store":"j1","seq":5}', False, T0)
    assert Recorder(store).record([echo]) == []


def test_a_gateway_whose_birth_is_unknown_is_asked_for_it_once_a_minute(store: Store) -> None:
    """A heartbeat of an unknown session is answered with a short-lived rebirth command, not at every beat."""
    recorder = Recorder(store)
    said = [recorder.record([letter("hb", beat(1000, 0), at=T0 + at)]) for at in (0, 30_000, 60_000)]
    assert [len(one) for one in said] == [1, 0, 1]
    command = msgspec.json.decode(said[0][0].payload, type=Command)
    assert (said[0][0].topic, said[0][0].retained) == (topics.down(CITY, GATEWAY, "cmd"), False)
    assert (command.verb, command.not_after) == ("rebirth", T0 + 60_000)
    recorder.record([letter("state", birth())])
    assert recorder.record([letter("hb", beat(2000, 0), at=T0 + 200_000)]) == []
    assert Recorder(store).record([letter("hb", beat(3000, 0), at=T0 + 300_000)]) == []


@pytest.mark.parametrize(
    ("leaf", "payload", "reason"),
    [
        ("hb", b"{", "undecodable"),
        ("hb", b'{"boot":"b"}', "undecodable"),
        ("ev", b"\xff\xfe", "undecodable"),
        ("ev", b"[" * 30_000, "undecodable"),
        ("hb", b" " * 32_001, "oversize"),
        ("inv", b" " * 256_001, "oversize"),
        ("state", birth(gateway="zz-0002"), "names another gateway"),
        ("ev", events(*(event(n) for n in range(1, 102))), "undecodable"),
        ("hb", b'{"boot":"b","session":"s","store":"j","at":1e400}', "undecodable"),
    ],
)
def test_poison_is_set_aside_and_costs_nothing_else(store: Store, leaf: str, payload: bytes, reason: str) -> None:
    """A message that cannot be read is kept with its reason; those around it are stored."""
    around = [letter("ev", events(event(1))), letter(leaf, payload), letter("ev", events(event(2)))]
    assert acks(Recorder(store).record(around)) == [("j1", 2)]
    assert len(reasons(store)) == 1
    assert reasons(store)[0].startswith(reason)


def test_poison_that_comes_again_is_counted_not_kept_again(store: Store) -> None:
    """The same unreadable message a thousand times is one row."""
    recorder = Recorder(store)
    for _ in range(3):
        recorder.record([letter("hb", b"{")])
    with store.read() as reader:
        assert [one.times for one in reader.aside()] == [3]


def test_strangers_are_set_aside(store: Store) -> None:
    """Unregistered gateways, another city's topic and foreign topics are not stored and not answered."""
    foreign = letter("ev", events(event(1)), gateway="zz-9999")
    elsewhere = Incoming(topics.up("4102", GATEWAY, "ev"), events(event(1)), False, T0)
    odd = Incoming("mclz/v1/4101/zz-0001/up/xx", b"", False, T0)
    assert Recorder(store).record([foreign, elsewhere, odd]) == []
    assert sorted(reasons(store)) == ["gateway not registered in this city"] * 2 + ["not a topic of the contract"]


def test_a_broken_event_does_not_block_its_journal_but_its_time_is_unknown(store: Store) -> None:
    """A poisoned event with a readable seq is acknowledged, and is a hole for what it might have said."""
    rows = (anchor(1), moved(2, 10, "online"), moved(3, -1, "online"), moved(4, 60, "online"))
    said = Recorder(store).record(
        [letter("hb", beat(15, 2)), letter("ev", events(*rows)), letter("hb", beat(90, 4))],
    )
    assert ("j1", 4) in acks(said)
    assert figures(store, T0 + 100)["total"]["on_ms"] == 5 + 30


def test_one_seq_with_two_contents_is_a_duplicate_identity(store: Store) -> None:
    """The first copy stands, the second is evidence and never read; another spelling is no conflict."""
    recorder = Recorder(store)
    recorder.record([letter("ev", events(anchor(1), moved(2, 10, "online"))), letter("hb", beat(90, 2))])
    spaced = msgspec.json.format(events(moved(2, 10, "online")), indent=2)
    recorder.record([letter("ev", spaced)])
    assert reasons(store) == []
    assert acks(recorder.record([letter("ev", events(moved(2, 10, "offline")), T0 + 1)])) == [("j1", 2)]
    assert reasons(store) == ["one seq with two contents"]
    assert codes(store) == ["duplicate_identity"]
    assert figures(store, T0 + 100)["total"]["on_ms"] == 80


def test_a_card_that_lost_its_last_row_proves_nothing_of_it(store: Store) -> None:
    """Told of seq 3 by a heartbeat only, then cut off: the next session's closing coverage at seq 3 is no proof."""
    recorder = Recorder(store)
    recorder.record([letter("ev", events(anchor(1), moved(2, 10, "online"))), letter("hb", beat(50, 3))])
    closing = event(3, "coverage", **{"from": 0, "to": 20, "seq_high": 2})
    assert acks(recorder.record([letter("ev", events(closing, anchor(4, 60, T0 + 60, session="s2")))])) == [("j1", 4)]
    assert figures(store, T0 + 100)["total"]["on_ms"] == 10


def test_a_slot_registered_later_counts_from_what_was_reported_before(store: Store) -> None:
    """Events of an unregistered slot are noted and kept; they count as soon as the slot is registered."""
    recorder = Recorder(store)
    rows = (anchor(1), moved(2, 10, "online", "k9"))
    assert acks(recorder.record([letter("ev", events(*rows)), letter("hb", beat(90, 2))])) == [("j1", 2)]
    assert reasons(store) == ["slot k9 is not registered to this gateway"]
    assert figures(store, T0 + 100)["total"]["on_ms"] == 0
    register(store, "k9")
    assert figures(store, T0 + 100)["total"]["on_ms"] == 80


def test_what_gateways_write_cannot_forge_a_log_line(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    """Text from outside reaches the log and the quarantine as one bounded line."""
    Recorder(store).record([letter("ev", events(event(1, slot="k\n2026 INFO forged" + "x" * 5000)))])
    assert "\n" not in caplog.messages[0] + reasons(store)[0]
    assert max(len(caplog.messages[0]), len(reasons(store)[0])) < 300


def test_an_unknown_kind_is_kept_and_blocks_nothing(store: Store) -> None:
    """A kind of a later version is stored and acknowledged, and is no hole."""
    rows = (anchor(1), moved(2, 10, "online"), event(3, "novelty"))
    said = Recorder(store).record([letter("ev", events(*rows)), letter("hb", beat(90, 3))])
    assert acks(said) == [("j1", 3)]
    assert reasons(store) == []
    assert figures(store, T0 + 100)["total"]["on_ms"] == 80


def test_words_of_a_newer_agent_are_kept_as_they_are(store: Store) -> None:
    """An unknown reason costs nothing; an unknown state is neither online nor offline, its word can be read later."""
    rows = (anchor(1), moved(2, 10, "online"), moved(3, 20, "asleep", reason="HIBERNATES"), moved(4, 60, "offline"))
    verdict = {"clause": "smell", "standing": "MET", "level": "E9"}
    capability = {
        "gateway": GATEWAY,
        "boot": "b1",
        "policy": "p",
        "slots": [{"slot": "k1", "at": 1, "verdicts": [verdict]}],
    }
    document = msgspec.json.encode(capability)
    rows = (*rows, moved(5, 80, "offline", "k2", reason="NOT_YET_KNOWN"))
    said = Recorder(store).record(
        [letter("ev", events(*rows)), letter("cap", document), letter("hb", beat(90, 5, offline=("k1", "k2")))]
    )
    assert acks(said) == [("j1", 5)]
    assert reasons(store) == []
    made = figures(store, T0 + 100)["total"]
    assert (made["on_ms"], made["off_ms"]) == (10, 30 + 10)
    with store.read() as reader:
        assert {h.to for h in kept(reader).held} == {"", "online", "asleep", "offline"}
        assert reader.document(GATEWAY, "cap") == document


def test_documents_that_come_in_parts_are_put_together(store: Store) -> None:
    """In any order; a slot that moves to another part, or has a newer word, stands once; a whole one ends the parts."""

    def capability(part: int, parts: int, **standing: str) -> bytes:
        slots = [
            {"slot": slot, "at": 1, "verdicts": [{"clause": "zoom", "standing": word, "level": "E1"}]}
            for slot, word in standing.items()
        ]
        told = {"gateway": GATEWAY, "boot": "b1", "policy": "p", "slots": slots, "part": part, "parts": parts}
        return msgspec.json.encode(told)

    def held() -> dict[str, str]:
        with store.read() as reader:
            document = reader.document(GATEWAY, "cap")
        assert document is not None
        return {one["slot"]: one["verdicts"][0]["standing"] for one in msgspec.json.decode(document)["slots"]}

    recorder = Recorder(store)
    recorder.record([letter("cap", capability(2, 3, k2="NOT_MET"), 10), letter("cap", capability(3, 3, k3="MET"), 10)])
    assert held() == {"k2": "NOT_MET", "k3": "MET"}
    recorder.record([letter("cap", capability(1, 3, k1="MET"), 11)])
    assert held() == {"k1": "MET", "k2": "NOT_MET", "k3": "MET"}
    recorder.record([letter("cap", capability(1, 2, k1="MET"), 20), letter("cap", capability(2, 2, k2="MET"), 20)])
    assert held() == {"k1": "MET", "k2": "MET"}
    recorder.record([letter("cap", capability(1, 1, k1="UNKNOWN"), 30)])
    assert held() == {"k1": "UNKNOWN"}
    recorder.record([letter("cap", capability(999, 999, k1="MET"), 40)])
    assert len(reasons(store)) == 1


@root
def test_an_unusable_database_is_said_and_nothing_is_answered(tmp_path: Path) -> None:
    """When nothing can be committed, nothing is acknowledged; the same messages are stored once it can."""
    with Tmpfs(tmp_path / "disk", "2m") as disk:
        store = Store(str(disk.point / "center.db"))
        register(store, "k1")
        recorder, message = Recorder(store), [letter("ev", events(event(1)))]
        disk.fill()
        bulk = [letter("ev", events(*(event(n * 100 + i, what="x" * 200) for i in range(100)))) for n in range(1, 100)]
        with pytest.raises(Unavailable):
            recorder.record(bulk)
        with store.read() as reader:
            assert kept(reader).held == ()
        disk.relieve()
        assert acks(recorder.record(message)) == [("j1", 1)]
        store.close()


def test_a_database_server_that_goes_and_comes_back(postgres: Postgres) -> None:
    """While PostgreSQL is away nothing is stored and nothing answered; afterwards the same recorder goes on."""
    store = Store(postgres.create())
    register(store, "k1")
    recorder = Recorder(store)
    assert acks(recorder.record([letter("ev", events(event(1)))])) == [("j1", 1)]
    postgres.stop()
    try:
        with pytest.raises(Unavailable):
            recorder.record([letter("ev", events(event(2)))])
    finally:
        postgres.start()
    assert acks(recorder.record([letter("ev", events(event(2)))])) == [("j1", 2)]
    store.close()


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ("postgresql://center:canary@host/center", "put it into ~/.pgpass"),
        ("postgresql://host/center?password=canary", "put it into ~/.pgpass"),
        ("oracle://host/center", "no such kind of database"),
        ("://", "neither a path nor a URL"),
        ("postgresql://nobody@/none?host=/nonexistent", "database: OperationalError"),
    ],
)
def test_a_database_that_cannot_be_used_is_named_without_its_secrets(where: str, words: str) -> None:
    """A password in an argument is refused: every user of the machine could read it."""
    with pytest.raises(Unavailable, match=words) as caught:
        Store(where)
    assert "canary" not in str(caught.value)


def test_an_event_that_the_database_refuses_costs_no_other(url: str) -> None:
    """Whatever one event brings about, those around it in the same message are stored and its journal goes on."""
    store = Store(url)
    register(store, "k1")
    unsure = {"utc_ms": T0, "source": "ntp", "err_ms": 2**70}
    rows = (anchor(1), event(2, "anchor", **unsure), event(3), event(4, session="s\0"), event(5))
    assert acks(Recorder(store).record([letter("ev", events(*rows))]))[-1] == ("j1", 5)
    with store.read() as reader:
        assert sorted(h.seq for h in kept(reader).held) == [1, 3, 5]
        assert sorted(one.seq for one in reader.aside()) == [2, 4]
    store.close()


def test_a_boot_that_is_dated_late(store: Store) -> None:
    """What a boot without a clock reported is unknown until an anchor of that boot arrives, in whichever session."""
    recorder = Recorder(store)
    recorder.record([letter("ev", events(moved(1, 10, "online"))), letter("hb", beat(90, 1))])
    assert figures(store, T0 + 100)["total"]["on_ms"] == 0
    recorder.record([letter("ev", events(anchor(2, 500_000, T0 + 500_000, session="s2")), at=T0 + 500_000)])
    assert figures(store, T0 + 100)["total"]["on_ms"] == 80


def test_a_hole_in_front_is_asked_about_once_in_ten_minutes(store: Store) -> None:
    """Later events are held, an earlier one is not: the birth tells whether that one can still come."""
    recorder = Recorder(store)
    recorder.record([letter("state", birth()), letter("ev", events(event(1), event(3)))])
    said = [recorder.record([letter("hb", beat(1000 + at, 3), at=T0 + at)]) for at in (0, 60_000, 600_000)]
    assert [len(one) for one in said] == [1, 0, 1]
    assert acks(recorder.record([letter("state", birth(oldest=3))])) == [("j1", 3)]
    assert recorder.record([letter("hb", beat(900_000, 3), at=T0 + 3_000_000)]) == []


def test_goodbye_and_will_in_any_order(store: Store) -> None:
    """A session that said goodbye has left, also when its birth or its will is heard after that."""
    bye = encode(Goodbye(gateway=GATEWAY, session="s1", why="stopped"))
    will = encode(Will(gateway=GATEWAY, session="s1"))
    Recorder(store).record([letter("state", one, T0 + n) for n, one in enumerate((bye, birth(), will))])
    with store.read() as reader:
        assert reader.sessions([GATEWAY]) == {GATEWAY: ("s1", True)}


@pytest.mark.parametrize("order", [(0, 1, 2, 3, 4), (4, 3, 2, 1, 0), (0, 2, 4, 1, 3)])
def test_heartbeats_near_to_one_another_are_one_stretch_in_any_order(store: Store, order: tuple[int, ...]) -> None:
    """Alike and at most 90 s apart, whichever came to the store first; of a stranger only that it was heard is kept."""
    moments = [0, 80_000, 160_000, 400_000, 480_000]
    for n in order:
        beats = [letter("hb", beat(moments[n] + 9, 1), T0 + moments[n], gateway=g) for g in (GATEWAY, "zz-0002")]
        Recorder(store).record(beats)
    with store.read() as reader:
        found = sorted((s.first_ms - T0, s.last_ms - T0, s.at_lo, s.at_hi) for s in kept(reader).beats)
        assert found == [(0, 160_000, 9, 160_009), (400_000, 480_000, 400_009, 480_009)]
        assert reader.refused(["zz-0002"]) == {"zz-0002": ((T0, T0 + 160_000), (T0 + 400_000, T0 + 480_000))}


def test_a_flood_is_kept_on_record(store: Store) -> None:
    """How many messages of whom were not taken; of a stranger only the topic is known."""
    recorder = Recorder(store)
    for lane, messages in ((f"{CITY}/{GATEWAY}", 5), (f"{CITY}/{GATEWAY}", 2), ("4102/" + GATEWAY, 1)):
        recorder.flooded(lane, messages, T0)
    with store.read() as reader:
        aside = reader.aside()
        told = [(one.alarm, one.gateway, one.times) for one in alarms(reader, aside)]
    assert sorted(told) == [("flood", f"4102/{GATEWAY}", 1), ("flood", GATEWAY, 7)]


# ---- properties ---------------------------------------------------------------------------------


def letters(w: World) -> list[Incoming]:
    """The simulated gateway's messages, each event in a batch of its own; times shifted to the month."""
    made = [
        letter("ev", msgspec.json.encode({"store": "j1", "events": [row]}))
        for row in (
            *(
                {"seq": 900 + i, "boot": a.boot, "session": "dating", "at": a.at, "kind": "anchor"}
                | {"utc_ms": T0 + a.utc_ms, "err_ms": 0, "source": "ntp"}
                for i, a in enumerate(w.anchors)
            ),
            *(_row(h.seq, h.session, h.boot, h.at, h.slot, h.to, False, w) for h in w.held),
            *(_row(c.seq, c.session, c.boot, c.at, "", "", True, w) for c in w.closings),
        )
    ]

    def states(c: Claim) -> dict[str, list[str]]:
        last = {h.slot: h.to for h in w.held if h.to and h.session == c.session and h.seq <= c.seq_high}
        by_word = {word: [s for s in SLOTS if last.get(s, "unknown") == word] for word in ("offline", "unknown")}
        return {word: slots for word, slots in by_word.items() if slots}

    beats = (
        states(c)
        | {"boot": c.boot, "session": c.session, "store": "j1", "at": c.settled_to, "n": 3}
        | {"watching_since": c.watching_since, "settled_to": c.settled_to, "seq_high": c.seq_high}
        for c in w.claims
    )
    return made + [letter("hb", msgspec.json.encode(one)) for one in beats]


def _row(seq: int, session: str, boot: str, at: int, slot: str, to: str, closing: bool, w: World) -> dict[str, object]:
    base: dict[str, object] = {"seq": seq, "boot": boot, "session": session, "at": at}
    if closing:
        last = max((c for c in w.claims if c.session == session), key=lambda c: c.settled_to)
        span = {"from": last.watching_since, "to": last.settled_to, "seq_high": last.seq_high}
        return base | {"kind": "coverage"} | span
    if to:
        return base | {"kind": "transition", "slot": slot, "from": "unknown", "to": to, "level": "streams"}
    return base | {"kind": "fault", "what": "x"}


@settings(max_examples=examples(4, 500), deadline=None)
@given(st.integers(0, 2**32).map(Random))
def test_order_and_repetition_change_nothing(tmp_path_factory: pytest.TempPathFactory, rnd: Random) -> None:
    """Shuffled, doubled and regrouped input gives the identical figures, and those of the pure timeline's truth."""
    w = world(rnd, interruptions=False)
    messages = letters(w)
    results = []
    for disorder in (False, True):
        store = Store(str(tmp_path_factory.mktemp("c") / "center.db"))
        register(store, "a", "b", "c")
        recorder = Recorder(store)
        sent = rnd.sample(messages, len(messages)) + rnd.choices(messages, k=9) if disorder else messages
        while sent:
            count = rnd.randint(1, 12) if disorder else len(sent)
            recorder.record(sent[:count])
            sent = sent[count:]
        results.append(figures(store, T0 + 100_000))
        store.close()
    assert results[0] == results[1]
    truth = sum(
        min(e, c[1]) - max(b, c[0])
        for slot in ("a", "b", "c")
        for b, e in w.truth.get((slot, "online"), ())
        for c in w.covered
        if min(e, c[1]) > max(b, c[0])
    )
    assert results[0]["total"]["on_ms"] == truth


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(("seq", "at", "x")), inner, max_size=4),
    max_leaves=8,
)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(("state", "hb", "ev", "inv", "cap", "res", "ack")),
    st.binary(max_size=60) | JSON.map(lambda value: msgspec.json.encode(value, order=None)),
)
def test_decoding_never_raises(leaf: str, payload: bytes) -> None:
    """Whatever bytes arrive, a message or a reason comes out."""
    assert decode(Origin(CITY, GATEWAY, leaf), payload) is not None


@settings(max_examples=examples(10, 1_000), deadline=None)
@given(st.data())
def test_mutated_messages_never_stop_the_recorder(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Any contract message with any field replaced by anything is stored or set aside; the next one is acknowledged."""
    store = Store(str(tmp_path_factory.mktemp("c") / "center.db"))
    register(store, "k1")
    good = msgspec.json.decode(data.draw(st.sampled_from([birth(), beat(5, 1), events(moved(1, 5, "online"))])))
    target = good["events"][0] if "events" in good and data.draw(st.booleans()) else good
    target[data.draw(st.sampled_from(sorted(target)))] = data.draw(JSON)
    leaf = "ev" if "events" in good else "hb" if "seq_high" in good else "state"
    recorder = Recorder(store)
    recorder.record([letter(leaf, msgspec.json.encode(good))])
    assert acks(recorder.record([letter("ev", events(event(1), store="other"))])) == [("other", 1)]
    store.close()
