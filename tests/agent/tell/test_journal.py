"""What must still be told, over restarts, crashes and full journals."""

import contextlib
import os
import random
import shutil
import signal
import sqlite3
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.tell.database import Claim
from agent.tell.documents import events
from agent.tell.eviction import NOBODY
from agent.tell.journal import Ended, Journal, Make
from agent.tell.wal import commits_reach
from contract.messages import MAX_BATCH_BYTES, Anchor, Coverage, Event, Events, Fault, Gap, Transition
from contract.vocabulary import Availability, Rung

READ = msgspec.json.Decoder(Event)


def fault(what: str = "x", *, boot: str = "b") -> Make:
    return lambda seq: Fault(seq=seq, boot=boot, session="s", at=seq * 10, what=what)


def fill(journal: Journal, count: int, what: str = "x") -> None:
    for _ in range(count):
        journal.append(journal.run.number, fault(what))


def held(journal: Journal, store: str = "") -> list[Event]:
    """Everything that the journal still holds of the store (the present one)."""
    store, found, after = store or journal.store, list[Event](), 0
    while batch := journal.batch(store, after, 10**9):
        found += [READ.decode(row.body) for row in batch]
        after = batch[-1].seq
    return found


def deliver(journal: Journal, seq: int) -> None:
    """The center was told everything up to there, and acknowledges it."""
    journal.batch(journal.store, seq - 1, seq)
    journal.trim(journal.store, seq)


def take_away(journal: Journal, place: Path) -> None:
    """The disk is gone, and the journal has noticed."""
    shutil.rmtree(place)
    with pytest.raises(Ended):
        journal.append(1, fault())


def recover(journal: Journal) -> None:
    """What happens by itself within ten seconds."""
    journal.tend(at_once=True)


def as_a_crash_leaves_it(folder: Path, into: Path) -> Path:
    """A copy of a journal in use: nothing in it was tidied or closed."""
    into.mkdir()
    for file in folder.glob("journal.db*"):
        shutil.copy(file, into / file.name)
    return into


def tamper(folder: Path, statement: str) -> None:
    """Change the file of a journal that is closed, behind its back."""
    with contextlib.closing(sqlite3.connect(folder / "journal.db")) as sql:
        sql.execute(statement)
        sql.commit()


def seqs(journal: Journal, store: str = "") -> list[int]:
    return [event.seq for event in held(journal, store)]


@contextlib.contextmanager
def opened(folder: Path, **more: int) -> Iterator[Journal]:
    journal = Journal(folder / "journal.db", **more)
    try:
        yield journal
    finally:
        journal.close()


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with opened(tmp_path) as one:
        yield one


def test_a_file_that_went_back_in_time_is_left(tmp_path: Path) -> None:
    """An acknowledgement of a seq never given out ends the store: under these seqs the center holds other events."""
    with opened(tmp_path) as one:
        fill(one, 5)
    shutil.copytree(tmp_path, tmp_path / "copy")
    with opened(tmp_path) as one:
        fill(one, 5)
    with opened(tmp_path / "copy") as one:
        fill(one, 2, "other events under the seqs 6 and 7")
        before, run = one.store, one.run.number
        one.trim(before, 10)
        with pytest.raises(Ended):
            one.append(run, fault())
        fill(one, 1)
        assert one.store != before
        assert seqs(one) == [1]
        assert seqs(one, before) == []
        assert [(news.lost, news.before) for news in one.take_news()] == [(True, before)]
    with opened(tmp_path / "copy") as one:
        assert one.store != before
        assert one.pending == 1


def test_a_file_that_went_back_in_time_is_left_although_it_has_grown_past_the_acknowledgement(tmp_path: Path) -> None:
    """Only what stood in the file or was handed out can be acknowledged; a store that memory carries is left too."""
    with opened(tmp_path / "state") as one:
        fill(one, 4)
        shutil.copytree(tmp_path / "state", tmp_path / "copy")
        fill(one, 3)
        deliver(one, 7)
    shutil.copytree(tmp_path / "copy", tmp_path / "failing")
    with opened(tmp_path / "copy") as one:
        before = one.store
        fill(one, 4, "other events under the seqs 5 to 8")
        one.trim(before, 7)
        assert (one.pending, one.run.number) == (0, 2)
        assert [(news.lost, news.before) for news in one.take_news()] == [(True, before)]
        one.trim(before, 7)
        assert one.lost == 1
    with opened(tmp_path / "failing") as one:
        fill(one, 4)
        take_away(one, tmp_path / "failing")  # the store goes on in memory, a former one
        fill(one, 1)
        one.trim(before, 7)
        recover(one)
        assert one.durable
        assert one.undelivered() == [(one.store, 1, False)]
        assert [news.before for news in one.take_news() if news.lost] == [before]


def test_what_was_handed_out_may_be_acknowledged_whatever_the_disk_did_since(tmp_path: Path) -> None:
    """After the file's opening, in memory and back on disk, and beyond what was given up: no store is left."""
    with opened(place := tmp_path / "state") as journal:
        fill(journal, 10)
        before = journal.store
    with opened(place, max_bytes=400_000) as journal:
        journal.trim(before, 3)  # an earlier process told it
        fill(journal, 5)
        assert seqs(journal)[-1] == 15
        take_away(journal, place)
        fill(journal, 2)
        journal.trim(before, 12)
        recover(journal)
        assert journal.durable
        journal.trim(before, 15)
        assert [store for store, _, _ in journal.undelivered()] == [journal.store]
        overfill(journal)
        journal.trim(journal.store, journal.oldest - 1)
        assert journal.lost == 0


def test_sequence_numbers_start_at_one_and_have_no_holes(journal: Journal) -> None:
    """Every event gets the next number of its store."""
    fill(journal, 5)
    assert seqs(journal) == [1, 2, 3, 4, 5]
    assert (journal.seq_high, journal.oldest, journal.pending) == (5, 1, 5)
    assert journal.durable
    assert journal.trouble == ""


def test_trimming_keeps_what_is_not_acknowledged(journal: Journal) -> None:
    """Only events up to the acknowledged one leave; numbers are not used again; another store's ack does nothing."""
    fill(journal, 5)
    deliver(journal, 3)
    journal.trim("another", 5)
    assert seqs(journal) == [4, 5]
    deliver(journal, 5)
    assert (journal.oldest, journal.pending) == (6, 0)
    assert journal.append(journal.run.number, fault()) == 6


def test_a_batch_starts_after_and_ends_at_what_is_asked(journal: Journal) -> None:
    """A batch holds exactly the events with after < seq <= up_to."""
    fill(journal, 10)
    assert [row.seq for row in journal.batch(journal.store, 3, 6)] == [4, 5, 6]


def test_a_batch_fits_into_one_message(journal: Journal) -> None:
    """At most 100 events and 32 kB, and at least one event however long."""
    fill(journal, 300, "y" * 900)
    sent: list[int] = []
    while rows := journal.batch(journal.store, len(sent), 300):
        message = events(journal.store, [row.body for row in rows], 0)
        assert len(rows) <= 100
        assert len(message) <= MAX_BATCH_BYTES
        sent += [event.seq for event in msgspec.json.decode(message, type=Events).events]
    assert sent == list(range(1, 301))


def test_a_restart_finds_everything_that_was_not_acknowledged(tmp_path: Path) -> None:
    """The same store goes on, with the next number, also where all was acknowledged."""
    with opened(tmp_path) as first:
        fill(first, 5)
        deliver(first, 2)
    with opened(tmp_path) as second:
        assert second.store == first.store
        assert seqs(second) == [3, 4, 5]
        deliver(second, 5)
    with opened(tmp_path) as third:
        assert (third.oldest, third.pending) == (6, 0)
        fill(third, 1)
        assert seqs(third) == [6]


def test_callers_that_meet_share_a_commit_and_nobody_is_mixed_up(journal: Journal) -> None:
    """Many threads append at once: each gets its own number, none is lost."""
    got: list[tuple[int, int]] = []

    def work(number: int) -> None:
        for _ in range(25):
            got.append((journal.append(journal.run.number, fault(str(number))), number))

    threads = [threading.Thread(target=work, args=(i,)) for i in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(seq for seq, _ in got) == list(range(1, 401))
    assert {(event.seq, int(event.what)) for event in held(journal) if isinstance(event, Fault)} == set(got)


def test_a_mistake_of_one_caller_is_its_own(journal: Journal) -> None:
    """An event that cannot be built raises in its own caller and leaves no hole."""

    def broken(seq: int) -> Fault:
        raise RuntimeError("a bug")

    fill(journal, 1)
    with pytest.raises(RuntimeError, match="a bug"):
        journal.append(journal.run.number, broken)
    fill(journal, 1)
    assert seqs(journal) == [1, 2]


def test_a_run_that_is_over_writes_nothing(journal: Journal) -> None:
    """Appending, claiming or asking with an old turn raises Ended and leaves no trace."""
    old = journal.run.number - 1
    with pytest.raises(Ended):
        journal.append(old, fault())
    with pytest.raises(Ended):
        journal.append(old)
    with pytest.raises(Ended):
        journal.checkpoint(old, Claim("b", "s", 0, 1, 0))
    with pytest.raises(Ended):
        journal.high(old)
    assert journal.pending == 0


# ---- sessions -----------------------------------------------------------------------------------


def test_the_next_start_closes_a_session_that_crashed(tmp_path: Path) -> None:
    """The last checkpoint becomes a coverage event in the old session's name, once."""
    crashed = Journal(tmp_path / "journal.db")
    fill(crashed, 2)
    crashed.checkpoint(crashed.run.number, Claim("b", "s", 5, 50, 1))
    crashed.checkpoint(crashed.run.number, Claim("b", "s", 5, 90, 2))
    left = as_a_crash_leaves_it(tmp_path, tmp_path / "left")
    crashed.close()
    for _ in range(2):
        with opened(left) as journal:
            (coverage,) = (event for event in held(journal) if isinstance(event, Coverage))
            assert coverage == Coverage(seq=3, boot="b", session="s", at=90, from_=5, to=90, seq_high=2)


def test_a_clean_end_leaves_nothing_to_close(tmp_path: Path) -> None:
    """A session that wrote its own coverage is not closed again."""
    with opened(tmp_path) as journal:
        journal.checkpoint(journal.run.number, Claim("b", "s", 5, 50, 0))
        journal.finish(
            journal.run.number,
            lambda seq: Coverage(seq=seq, boot="b", session="s", at=60, from_=5, to=60, seq_high=0),
        )
    with opened(tmp_path) as journal:
        assert seqs(journal) == [1]


WRITER = """
import sys
from pathlib import Path
from agent.tell.journal import Journal
from contract.messages import Fault
journal = Journal(Path(sys.argv[1]))
for number in range(10**6):
    seq = journal.append(journal.run.number, lambda seq: Fault(seq=seq, boot="b", session="s", at=seq, what="x" * 100))
    if seq % 7 == 0:
        journal.batch(journal.store, seq - 6, seq - 5)
        journal.trim(journal.store, seq - 5)
    print(journal.store, seq, flush=True)
"""


def test_nothing_recorded_is_lost_by_kill_9(tmp_path: Path) -> None:
    """Whatever a writer had recorded when it was killed is there, with its number, in ten runs on one file."""
    high, stores = 0, set[str]()
    for _ in range(10):
        command = [sys.executable, "-c", WRITER, str(tmp_path / "journal.db")]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout
            said = [writer.stdout.readline()]
            time.sleep(random.uniform(0.02, 0.2))
            writer.send_signal(signal.SIGKILL)
            said += writer.stdout.readlines()
        whole = [line.split() for line in said if line.endswith("\n")]
        assert int(whole[0][1]) == high + 1
        with opened(tmp_path) as journal:
            stores |= {journal.store, whole[0][0]}
            recorded = int(whole[-1][1])
            assert recorded <= journal.seq_high <= recorded + 1
            assert seqs(journal) == list(range(journal.oldest, journal.seq_high + 1))
            assert journal.oldest <= recorded
            high = journal.seq_high
    assert len(stores) == 1


# ---- a full journal -----------------------------------------------------------------------------


def anchor(boot: str) -> Make:
    return lambda seq: Anchor(seq=seq, boot=boot, session="s", at=seq * 10, utc_ms=5, err_ms=1, source="ntp")


def overfill(journal: Journal, at_once: int = 1) -> int:
    """Append until the running session ends for want of room; how often that went well."""
    run, count = journal.run.number, 0
    while True:
        try:
            journal.append(run, *[fault("y" * 500, boot="b2")] * at_once)
        except Ended:
            return count
        count += 1


def test_a_full_journal_gives_up_the_oldest_and_says_so(tmp_path: Path) -> None:
    """What is given up is told by gaps with numbers and span, one for each boot; anchors stay; the session ends.

    Gaps and anchors bear no run's name: where the file went back in time, a run may have lost the seqs they stand at.
    """
    with opened(tmp_path, max_bytes=400_000) as journal:
        journal.append(1, anchor("b1"), *[fault("z", boot="b1")] * 3, anchor("b2"))
        journal.checkpoint(1, Claim("b2", "s", 5, 50, 5))
        count = overfill(journal) + 5
        assert journal.run.number == 2
        assert journal.durable
        now = held(journal)
        first, second = (event for event in now if isinstance(event, Gap))
        assert (first.boot, first.from_seq, first.to_seq, first.from_, first.to) == ("b1", 2, 4, 20, 41)
        assert (second.boot, second.from_seq) == ("b2", 6)
        assert journal.oldest == second.to_seq + 1
        assert (second.from_, second.to) == (60, second.to_seq * 10 + 1)
        assert [event.boot for event in now if isinstance(event, Anchor)] == ["b1", "b2"]
        assert {event.session for event in now if isinstance(event, Gap | Anchor)} == {NOBODY}
        assert [event.session for event in now if isinstance(event, Coverage)] == ["s"]
        assert [event.seq for event in now] == list(range(journal.oldest, count + 6))
        assert journal.undelivered() == [(journal.store, journal.oldest, True)]
    with opened(tmp_path, max_bytes=400_000) as again:
        assert again.undelivered() == [(journal.store, journal.oldest, True)]


def test_a_quota_that_many_events_at_once_exceed_is_no_full_disk(tmp_path: Path) -> None:
    """Events that need more pages than are left cost the oldest ones, neither the reserve nor the disk."""
    with opened(tmp_path, max_bytes=400_000) as journal:
        overfill(journal, 33)
        assert (journal.durable, journal.trouble, journal.take_news()) == (True, "", [])
        assert (tmp_path / "journal.db.reserve").exists()
        assert len([event for event in held(journal) if isinstance(event, Gap)]) == 1


def test_a_start_at_the_quota_makes_room_for_the_end_of_the_session_before(tmp_path: Path) -> None:
    """The closing coverage of a crashed session has no page left: the oldest events go, as while it runs."""
    with opened(tmp_path / "state", max_bytes=400_000) as journal:
        journal.checkpoint(1, Claim("b", "s", 0, 10, 0))
        journal.append(1, *[fault("y" * 500)] * 550)
        with contextlib.suppress(Ended):
            while True:
                shutil.rmtree(tmp_path / "crashed", ignore_errors=True)
                shutil.copytree(tmp_path / "state", tmp_path / "crashed")
                journal.append(1, fault())  # shorter than the coverage
    with opened(tmp_path / "crashed", max_bytes=400_000) as journal:
        assert (journal.durable, journal.trouble) == (True, "")
        assert [event.to for event in held(journal) if isinstance(event, Coverage)] == [10]
        assert len([event for event in held(journal) if isinstance(event, Gap)]) == 1


def test_what_is_in_memory_only_is_given_up_with_a_gap(tmp_path: Path) -> None:
    """Where no disk was there from the start none holds what memory must give up: every seq is told, or in a gap."""
    place = tmp_path / "state"
    place.write_text("a file where the folder should be")
    with opened(place, memory_bytes=400_000) as journal:
        written: set[tuple[str, int]] = set()
        for _ in range(60):
            run = journal.run
            with contextlib.suppress(Ended):
                last = journal.append(run.number, *[fault("y" * 500)] * 33)
                written |= {(run.store, seq) for seq in range(last - 32, last + 1)}
        place.unlink()
        recover(journal)
        assert journal.durable
        told = [(store, event) for store, _, _ in journal.undelivered() for event in held(journal, store)]
        gaps = [(store, event) for store, event in told if isinstance(event, Gap)]
        given_up = {(store, seq) for store, gap in gaps for seq in range(gap.from_seq, gap.to_seq + 1)}
        assert given_up
        assert written <= given_up | {(store, event.seq) for store, event in told}


def test_what_waited_on_a_disk_that_does_not_come_back_is_told_as_lost(tmp_path: Path) -> None:
    """Rows that memory had no room for leave it for newer ones: where their file is gone for good, that is told."""
    with opened(place := tmp_path / "state", memory_bytes=200_000) as journal:
        before = journal.store
        fill(journal, 200, "y" * 900)
        take_away(journal, place)
        journal.take_news()
        recover(journal)
        assert [(news.lost, news.before) for news in journal.take_news()] == [(True, before), (False, "")]
        assert journal.lost == 1


def test_what_is_acknowledged_makes_room_before_anything_is_given_up(tmp_path: Path) -> None:
    """A journal at its quota whose events are delivered goes on without a gap."""
    with opened(tmp_path, max_bytes=400_000) as journal:
        for _ in range(200):
            journal.append(1, *[fault("y" * 500)] * 25)
            deliver(journal, journal.seq_high - 100)
        assert not [event for event in held(journal) if isinstance(event, Gap)]
        assert journal.run.number == 1


def test_a_fortnight_without_uplink_fits(tmp_path: Path) -> None:
    """200,000 transitions (64 cameras, each changing every 6.5 min for 14 days) are all kept, in less than 64 MB."""
    with opened(tmp_path) as journal:

        def transition(seq: int) -> Transition:
            return Transition(
                seq=seq,
                boot="0123abcd",
                session="abc123",
                at=1_000_000_000 + seq,
                slot=f"kitchen-{seq % 64}",
                from_=Availability.ONLINE,
                to=Availability.OFFLINE,
                level=Rung.UNREACHABLE,
            )

        for _ in range(100):
            journal.append(1, *[transition] * 2000)
        assert journal.pending == 200_000
        assert sum(file.stat().st_size for file in tmp_path.iterdir()) < 64_000_000
        after = 0
        while rows := journal.batch(journal.store, after, after + 200):
            assert rows[0].seq == after + 1
            after = rows[-1].seq
            journal.trim(journal.store, after)
        assert after == 200_000


# ---- a damaged file -----------------------------------------------------------------------------


def test_a_damaged_file_is_set_aside_and_told(tmp_path: Path) -> None:
    """After damage a new store begins, the news says so, and at most two damaged files are kept."""
    stores = set()
    for _ in range(4):
        with opened(tmp_path) as journal:
            stores.add(journal.store)
            fill(journal, 1)
        (tmp_path / "journal.db").write_bytes(b"no database at all" * 400)
    with opened(tmp_path) as journal:
        assert journal.durable
        assert journal.lost == 1
        assert [one.lost for one in journal.take_news()] == [True]
        assert journal.pending == 0
        stores.add(journal.store)
    assert len(stores) == 5
    assert sorted(one.name for one in tmp_path.glob("*.corrupt-*")) == ["journal.db.corrupt-3", "journal.db.corrupt-4"]


def test_random_damage_is_always_noticed(tmp_path: Path) -> None:
    """Twenty times a random sector is overwritten: events come back as they were written, or the file is set aside."""
    rnd = random.Random(4)
    written: dict[tuple[str, int], bytes] = {}
    noticed = 0
    for _ in range(20):
        with opened(tmp_path) as journal:
            for _ in range(30):
                journal.append(1, *[fault(f"{rnd.random()}" * 10)] * 10)
            written |= {(journal.store, e.seq): msgspec.json.encode(e) for e in held(journal)}
        file = tmp_path / "journal.db"
        place = rnd.randrange(file.stat().st_size // 512) * 512
        with file.open("r+b") as raw:
            raw.seek(place)
            raw.write(rnd.randbytes(512))
        with opened(tmp_path) as journal:
            found = {(store, e.seq): e for store, _, _ in journal.undelivered() for e in held(journal, store)}
            assert all(written[key] == msgspec.json.encode(event) for key, event in found.items())
            whole = {key for key in written if key[0] in {store for store, _ in found}} == set(found)
            noticed += bool(journal.lost or not journal.durable)
            assert (found and whole) or journal.lost or not journal.durable
    assert noticed >= 10


def with_log(folder: Path, into: Path) -> Path:
    """A journal as a power cut leaves it, with most of it in its write-ahead log; the log's file in the copy."""
    with opened(folder) as journal:
        fill(journal, 90, "x" * 300)
        return as_a_crash_leaves_it(folder, into) / "journal.db-wal"


def test_commits_that_the_damaged_log_hides_are_told_as_lost(tmp_path: Path) -> None:
    """SQLite reads a log up to the first damaged frame and says nothing of those behind it."""
    log = with_log(tmp_path / "before", tmp_path / "after")
    untouched, rnd, lost = log.read_bytes(), random.Random(5), 0
    for run in range(60):
        folder = tmp_path / f"{run}"
        shutil.copytree(log.parent, folder)
        damaged = bytearray(untouched)
        for place in range(0, len(damaged), 512):
            if rnd.random() < 0.02:
                damaged[place : place + 512] = rnd.randbytes(512)
        (folder / log.name).write_bytes(damaged)
        with opened(folder) as journal:
            left = sum(len(held(journal, store)) for store, _, _ in journal.undelivered())
            told = [one for one in journal.take_news() if one.lost]
            lost += left < 90
            assert left == 90 or told
    assert lost > 30


@pytest.mark.parametrize("share", [0.0, 0.2, 0.5, 0.9, 1.0])
def test_a_log_that_ends_early_is_no_damage(tmp_path: Path, share: float) -> None:
    """What a cut leaves of a commit under way was never recorded: nothing is told of it."""
    log = with_log(tmp_path / "before", tmp_path / "after")
    whole = log.read_bytes()
    log.write_bytes(whole[: int(share * len(whole))])
    with opened(log.parent) as journal:
        assert [one for one in journal.take_news() if one.lost] == []
        assert journal.durable


@given(st.binary(max_size=600), st.booleans())
def test_no_log_whatever_is_in_it_stops_the_start(noise: bytes, begun: bool) -> None:
    """The count of its frames is read from bytes that a bad card may have made."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "journal.db-wal"
        log.write_bytes((struct.pack(">4I", 0x377F0682, 3007000, 64, 0) if begun else b"") + noise)
        assert 0 <= commits_reach(log, 64) <= len(noise) // 64 + 1


def test_damage_noticed_while_running_ends_the_run_and_heals(tmp_path: Path) -> None:
    """A row that fails its checksum is not told, what stands before it is; the file is set aside, a new one begun."""
    with opened(tmp_path) as journal:
        fill(journal, 50)
        store = journal.store
    tamper(tmp_path, "UPDATE event SET body = zeroblob(9) WHERE id & 255 = 20")
    with opened(tmp_path) as journal:
        assert journal.batch(store, 0, 100) == ()
        assert not journal.durable
        assert "damaged" in journal.trouble
        assert seqs(journal, store) == list(range(1, 20))
        with pytest.raises(Ended):
            journal.append(1, fault())
        fill(journal, 3)
        journal.take_news()
        recover(journal)
        assert (journal.durable, journal.lost) == (True, 1)
        assert [(news.lost, news.before) for news in journal.take_news()] == [(True, store), (False, "")]
        assert (tmp_path / "journal.db.corrupt-1").exists()
        assert seqs(journal, store) == list(range(1, 20))
        journal.trim(store, 19)
        recover(journal)
        assert (journal.durable, journal.run.number) == (True, 2)
    with opened(tmp_path) as again:
        assert (again.lost, seqs(again)) == (0, [1, 2, 3])


def test_a_file_that_takes_no_writes_is_noticed_by_its_growing_log(tmp_path: Path) -> None:
    """The log still takes every commit, and SQLite keeps silent: within 2 MB and ten seconds it is on in memory."""
    with opened(tmp_path) as journal:
        file, log = tmp_path / "journal.db", tmp_path / "journal.db-wal"
        (held_open,) = (int(fd.name) for fd in Path("/proc/self/fd").iterdir() if fd.resolve() == file)
        with file.open("rb") as unwritable:
            os.dup2(unwritable.fileno(), held_open)
        before = journal.store
        while log.stat().st_size < 2_200_000:
            fill(journal, 10)
        recorded = journal.seq_high
        recover(journal)
        assert not journal.durable
        assert "io" in journal.trouble
        recover(journal)
        assert journal.durable
        assert seqs(journal, before) == list(range(1, recorded + 1))
        fill(journal, 100)
        assert log.stat().st_size < 2_000_000


def test_a_damaged_name_of_a_store_or_session_does_not_keep_the_disk_away(tmp_path: Path) -> None:
    """A flipped bit makes a text that is no UTF-8, which no check of SQLite sees: the file is set aside."""
    for column in ("store SET name", "claim SET boot", "claim SET session"):
        with opened(place := tmp_path / column) as journal:
            fill(journal, 3)
            journal.checkpoint(1, Claim("b", "s", 0, 10, 3))
        tamper(place, f"UPDATE {column} = CAST(X'78ff78' AS TEXT)")
        with opened(place) as journal:
            recover(journal)
            assert (journal.durable, journal.lost) == (True, 1)
            fill(journal, 1)


def test_two_agents_on_one_folder(tmp_path: Path) -> None:
    """The second one cannot have the file: it says so, works in memory, and takes over when the first is gone."""
    with opened(tmp_path) as second_home:
        fill(second_home, 1)
        second = Journal(tmp_path / "journal.db")
        assert not second.durable
        assert "locked" in second.trouble
        fill(second, 2)
    recover(second)
    assert second.durable
    assert [store for store, _, _ in second.undelivered()] == [second_home.store, second.store]
    second.close()


def test_another_programs_database_is_not_ours(tmp_path: Path) -> None:
    """A database with other tables of our names is set aside, not written into."""
    with contextlib.closing(sqlite3.connect(tmp_path / "journal.db")) as other:
        other.execute("CREATE TABLE event (id INTEGER PRIMARY KEY, name TEXT)")
        other.execute("CREATE TABLE store (id INTEGER PRIMARY KEY)")
        other.commit()
    with opened(tmp_path) as journal:
        assert journal.durable
        assert journal.lost == 1
