"""Journals of other programs and of other versions of this one: brought up, set aside, taken up again."""

import contextlib
import json
import sqlite3
import zlib
from pathlib import Path

import pytest

from agent.tell.database import PAGE_BYTES, Claim, Database, Kind, Trouble
from agent.tell.journal import Journal
from agent.tell.schema import STEPS
from contract.messages import Coverage
from tests.agent.tell.test_journal import fill, held, opened, seqs

UNVERSIONED = """
BEGIN; PRAGMA application_id=1296256090;
CREATE TABLE store (number INTEGER PRIMARY KEY, name TEXT UNIQUE NOT NULL, gone INTEGER NOT NULL, evicted INTEGER NOT NULL) STRICT;
CREATE TABLE event (id INTEGER PRIMARY KEY, crc INTEGER NOT NULL, body BLOB NOT NULL) STRICT;
CREATE TABLE claim (number INTEGER PRIMARY KEY, boot TEXT NOT NULL, session TEXT NOT NULL, since INTEGER NOT NULL, settled_to INTEGER NOT NULL, seq_high INTEGER NOT NULL) STRICT;
COMMIT
"""  # noqa: E501 - as the agents without a schema version executed it
NEXT = (
    *STEPS,
    ("ALTER TABLE claim ADD COLUMN watcher TEXT NOT NULL DEFAULT ''", "CREATE TABLE note (text TEXT) STRICT"),
)
"""The schema that a later version of the program might have."""


def write(file: Path, script: str, seqs_of: tuple[int, ...] = ()) -> None:
    """A database made by this SQL, with these events of the store `old` in it."""
    with contextlib.closing(sqlite3.connect(file)) as sql:
        sql.executescript(script)
        if seqs_of:
            sql.execute("INSERT INTO store VALUES (1, 'old', ?, 0)", (seqs_of[0] - 1,))
        for seq in seqs_of:
            event = {"kind": "fault", "seq": seq, "boot": "b", "session": "s", "at": 9, "what": "x"}
            body = json.dumps(event).encode()
            sql.execute("INSERT INTO event VALUES (?, ?, ?)", (1 << 40 | seq, zlib.crc32(body, seq), body))
        sql.commit()


def dump(file: Path) -> list[str]:
    with contextlib.closing(sqlite3.connect(file)) as sql:
        return list(sql.iterdump())


def version(file: Path) -> int:
    with contextlib.closing(sqlite3.connect(file)) as sql:
        return int(sql.execute("PRAGMA user_version").fetchone()[0])


def test_a_journal_from_before_the_versions_goes_on(tmp_path: Path) -> None:
    """Its rows, its store and its open session are there, and from now on it says its version."""
    write(tmp_path / "journal.db", UNVERSIONED, (4, 5, 6))
    with contextlib.closing(sqlite3.connect(tmp_path / "journal.db")) as sql:
        sql.execute("INSERT INTO claim VALUES (1, 'b', 's', 5, 50, 6)")
        sql.commit()
    with opened(tmp_path) as journal:
        assert (journal.durable, journal.lost, journal.store) == (True, 0, "old")
        assert seqs(journal) == [4, 5, 6, 7]
        assert isinstance(held(journal)[-1], Coverage)
        fill(journal, 1)
        assert journal.take_news() == []
    assert version(tmp_path / "journal.db") == len(STEPS)


def test_an_upgrade_keeps_every_row(tmp_path: Path) -> None:
    """A later version's step is made over a journal in use, unversioned or not; what it holds is told as before."""
    write(tmp_path / "journal.db", UNVERSIONED, (1, 2))
    with contextlib.closing(Journal(tmp_path / "journal.db", steps=NEXT)) as later:
        assert (later.durable, later.store, seqs(later)) == (True, "old", [1, 2])
    assert version(tmp_path / "journal.db") == len(NEXT)


def test_an_upgrade_that_fails_changes_nothing(tmp_path: Path) -> None:
    """A step that cannot be made leaves the file as it was, so that the version before goes on with it."""
    with opened(tmp_path) as journal:
        fill(journal, 3)
        store = journal.store
    broken = (*STEPS, ("CREATE TABLE note (text TEXT) STRICT", "CREATE TABLE event (no TEXT)"))
    with pytest.raises(Trouble):
        Database(tmp_path / "journal.db", 100, broken)
    with opened(tmp_path) as journal:
        assert (journal.durable, journal.lost, journal.store, seqs(journal)) == (True, 0, store, [1, 2, 3])


def test_a_newer_journal_is_set_aside_whole_and_taken_up_by_its_own_version(tmp_path: Path) -> None:
    """After a downgrade the older program says so and begins anew; after the next upgrade all of both is told, once."""
    with contextlib.closing(Journal(tmp_path / "journal.db", steps=NEXT)) as later:
        fill(later, 3)
        later.checkpoint(1, Claim("b", "s", 5, 50, 3))
        newer = later.store
    before = (tmp_path / "journal.db").read_bytes()
    with opened(tmp_path) as journal:
        assert (journal.durable, journal.lost, journal.pending) == (True, 1, 0)
        (news,) = journal.take_news()
        assert news.lost
        assert "newer" in news.what
        assert "journal.db.schema-2-1" in news.what
        fill(journal, 2)
        older = journal.store
    assert (tmp_path / "journal.db.schema-2-1").read_bytes() == before
    for _ in range(2):
        with contextlib.closing(Journal(tmp_path / "journal.db", steps=NEXT)) as later:
            assert later.lost == 0
            assert {name: seqs(later, name) for name, _, _ in later.undelivered()} == {
                older: [1, 2],
                newer: [1, 2, 3, 4],
            }
            assert later.store not in {older, newer}
    assert not list(tmp_path.glob("*.schema-*"))


def test_a_newer_journal_that_cannot_be_taken_up_stays(tmp_path: Path) -> None:
    """A damaged one, or one whose store went on elsewhere, is left where it is, and the start goes on without it."""
    with contextlib.closing(Journal(tmp_path / "journal.db", steps=NEXT)) as later:
        fill(later, 3)
    with opened(tmp_path):
        kept = tmp_path / "journal.db.schema-2-1"
        whole = kept.read_bytes()
    kept.write_bytes(whole[: PAGE_BYTES * 2])
    with contextlib.closing(Journal(tmp_path / "journal.db", steps=NEXT)) as later:
        assert (later.durable, later.lost) == (True, 0)
        assert kept.exists()
    with contextlib.closing(sqlite3.connect(tmp_path / "journal.db")) as sql:
        sql.execute("INSERT INTO store SELECT 9, 'twice', 0, 0")
        sql.commit()
    kept.write_bytes(whole)
    with contextlib.closing(sqlite3.connect(kept)) as sql:
        sql.execute("UPDATE store SET name = 'twice'")
        sql.commit()
    with contextlib.closing(Journal(tmp_path / "journal.db", steps=NEXT)) as later:
        assert (later.durable, later.pending) == (True, 0)
        assert kept.exists()


FOREIGN = {
    "another program": "CREATE TABLE event (id INTEGER PRIMARY KEY, name TEXT)",
    "a renamed column": UNVERSIONED.replace("crc INTEGER", "sum INTEGER"),
    "one column more": UNVERSIONED.replace("body BLOB NOT NULL", "body BLOB NOT NULL, kind TEXT"),
    "a table less": UNVERSIONED.replace("CREATE TABLE claim", "CREATE TABLE claims"),
    "a trigger": UNVERSIONED + "; CREATE TRIGGER t AFTER INSERT ON event BEGIN DELETE FROM event; END",
    "a view": UNVERSIONED + "; DROP TABLE claim; CREATE VIEW claim AS SELECT * FROM store",
    "another type": UNVERSIONED.replace("seq_high INTEGER NOT NULL", "seq_high TEXT"),
    "a newer version without tables": "PRAGMA application_id=1296256090; PRAGMA user_version=7",
    "a negative version": UNVERSIONED + "; PRAGMA user_version=-1; CREATE TABLE more (x)",
}


@pytest.mark.parametrize("script", FOREIGN.values(), ids=FOREIGN)
def test_tables_that_are_not_ours_are_set_aside_whole_and_said(tmp_path: Path, script: str) -> None:
    """Whatever differs, the journal is durable at once, the file is kept as it was, and the news names it."""
    write(tmp_path / "journal.db", script)
    before = dump(tmp_path / "journal.db")
    for _ in range(4):
        with opened(tmp_path) as journal:
            assert (journal.durable, journal.trouble) == (True, "")
            fill(journal, 1)
            news = journal.take_news()
            if journal.lost:
                (kept,) = tmp_path.glob("journal.db.*-1")
                assert [(one.lost, kept.name in one.what) for one in news] == [(True, True)]
    assert dump(kept) == before


def test_a_claim_of_no_store_is_damage(tmp_path: Path) -> None:
    """What no program of ours writes does not end the agent: the file is set aside."""
    write(tmp_path / "journal.db", UNVERSIONED + "; INSERT INTO claim VALUES (7, 'b', 's', 0, 1, 0)")
    with opened(tmp_path) as journal:
        assert (journal.durable, journal.lost) == (True, 1)


# ---- links --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["journal.db", "journal.db-wal", "journal.db-journal", "journal.db-shm"])
@pytest.mark.parametrize("dangling", [False, True])
def test_no_link_is_followed_in_the_database_s_place(tmp_path: Path, name: str, dangling: bool) -> None:
    """What it leads to stays as it is, the trouble says what to do; without the link it is durable."""
    target, state = tmp_path / "target", tmp_path / "state"
    state.mkdir()
    if not dangling:
        target.write_bytes(b"somebody's")
    (state / name).symlink_to(target)
    with opened(state) as journal:
        fill(journal, 2)
        assert not journal.durable
        assert f"{name} is a link" in journal.trouble
        assert "remove it" in journal.trouble
    assert not target.exists() if dangling else target.read_bytes() == b"somebody's"
    (state / name).unlink()
    with opened(state) as journal:
        assert journal.durable


def test_no_link_is_followed_in_the_reserve_s_place(tmp_path: Path) -> None:
    """A link, or a hard link, in the place of the reserve costs the file that it leads to not one byte."""
    target, state = tmp_path / "target", tmp_path / "state"
    target.write_bytes(b"somebody's")
    state.mkdir()
    reserve = state / "journal.db.reserve"
    reserve.symlink_to(target)
    with opened(state) as journal:
        assert journal.durable
        assert "journal.db.reserve is a link" in journal.trouble
    reserve.unlink()
    reserve.hardlink_to(target)
    with opened(state) as journal:
        assert journal.trouble == ""
    assert target.read_bytes() == b"somebody's"


def test_the_kind_of_trouble_tells_a_link(tmp_path: Path) -> None:
    """A link is a trouble of its own kind."""
    (tmp_path / "one.db").symlink_to(tmp_path / "other")
    with pytest.raises(Trouble) as raised:
        Database(tmp_path / "one.db", 100)
    assert raised.value.kind is Kind.LINK
