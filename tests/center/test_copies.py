"""Copies of the database and their way back; what is derived, thrown away and made anew."""

import json
import os
import sqlite3
from pathlib import Path

import pytest
import sqlalchemy as sa

from center.cli import main
from center.record import Recorder
from center.store import Store
from contract.messages import Goodbye, encode
from tests.center.hearing import kept
from tests.center.letters import T0, anchor, beat, birth, events, letter, moved, register
from tests.support.postgres import Postgres


@pytest.fixture
def database(tmp_path: Path) -> Path:
    file = tmp_path / "center.db"
    store = Store(str(file))
    register(store, "k1", "k2")
    told(store, 1)
    store.close()
    return file


def told(store: Store, first: int) -> None:
    rows = (anchor(first), moved(first + 1, first, "online"), moved(first + 2, first, "offline", "k2"))
    Recorder(store).record([letter("state", birth()), letter("ev", events(*rows)), letter("hb", beat(9_000, 9))])


def seqs(file: Path) -> set[int]:
    store = Store(str(file))
    with store.read() as reader:
        found = {h.seq for h in kept(reader).held}
    store.close()
    return found


def test_a_copy_is_made_while_somebody_writes(database: Path, tmp_path: Path) -> None:
    """It holds what was committed by then, and a transaction that goes on is neither in it nor disturbed."""
    out = tmp_path / "copy.db"
    store = Store(str(database))
    with store.write() as tx:
        tx.put_uptime(1, 2)
        assert main(["backup", "--database", str(database), "--out", str(out)]) == 0
    with store.read() as reader:
        assert reader.uptime("4101") == ((1, 2),)
    told(store, 4)
    store.close()
    assert seqs(out) == {1, 2, 3}
    assert out.stat().st_mode & 0o777 == 0o600
    assert sorted(one.name for one in tmp_path.iterdir() if "copy" in one.name) == ["copy.db"]


def test_a_backup_takes_the_place_of_a_database_that_is_kept(database: Path, tmp_path: Path) -> None:
    """Only where that is asked for; the one of before is still there, whole."""
    out = tmp_path / "copy.db"
    assert main(["backup", "--database", str(database), "--out", str(out)]) == 0
    store = Store(str(database))
    told(store, 4)
    store.close()
    back = ["restore", str(out), "--database", str(database)]
    assert main(back) == 2
    assert seqs(database) == {1, 2, 3, 4, 5, 6}
    assert main([*back, "--replace"]) == 0
    (kept,) = tmp_path.glob("center.db.before-*")
    assert (seqs(database), seqs(kept)) == ({1, 2, 3}, {1, 2, 3, 4, 5, 6})
    assert main(["restore", str(out), "--database", str(tmp_path / "new.db")]) == 0
    assert seqs(tmp_path / "new.db") == {1, 2, 3}


def test_a_damaged_database_is_replaced_with_what_it_left_beside(database: Path, tmp_path: Path) -> None:
    """What a dead process left in the WAL does not get into the restored one."""
    out = tmp_path / "copy.db"
    assert main(["backup", "--database", str(database), "--out", str(out)]) == 0
    database.write_bytes(b"\0" * 5000)
    Path(f"{database}-wal").write_bytes(b"left")
    assert main(["restore", str(out), "--database", str(database), "--replace"]) == 0
    assert seqs(database) == {1, 2, 3}


@pytest.mark.parametrize("what", ["nothing", "text", "foreign", "newer", "cut", "itself"])
def test_what_is_no_backup_is_refused_and_changes_nothing(
    database: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], what: str
) -> None:
    """No such file, no database, another program's, a newer one's, a damaged one, the database itself."""
    bad = tmp_path / "bad.db"
    if what == "text":
        bad.write_text("hello")
    elif what == "foreign":
        sqlite3.connect(bad).execute("CREATE TABLE t (a)").connection.close()
    elif what in ("newer", "cut"):
        assert main(["backup", "--database", str(database), "--out", str(bad)]) == 0
        if what == "newer":
            with sqlite3.connect(bad) as there:
                there.execute("UPDATE alembic_version SET version_num = '9999'")
            there.close()
        else:
            os.truncate(bad, bad.stat().st_size // 2)
    elif what == "itself":
        bad.symlink_to(database)
    before = database.read_bytes()
    capsys.readouterr()
    assert main(["restore", str(bad), "--database", str(database), "--replace"]) == 2
    assert str(bad) in capsys.readouterr().err
    assert database.read_bytes() == before
    assert not list(tmp_path.glob("*before*"))


def test_a_full_disk_or_a_missing_folder_is_told(
    database: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where no copy can be written."""
    words = ["--lang", "en", "backup", "--database", str(database), "--out", str(tmp_path / "none" / "copy.db")]
    assert main(words) == 2
    assert f"{tmp_path / 'none'}: there is no such folder" in capsys.readouterr().err


def test_a_postgresql_has_means_of_its_own(postgres: Postgres, capsys: pytest.CaptureFixture[str]) -> None:
    """The command that does it is told."""
    url = postgres.create()
    Store(url).close()
    assert main(["backup", "--database", url, "--out", "x"]) == 2
    assert "pg_dump --format=custom" in capsys.readouterr().err


def standing(url: str) -> list[tuple[object, ...]]:
    engine = sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:") if "://" in url else f"sqlite:///{url}")
    with engine.connect() as connection:
        rows = connection.execute(sa.text("SELECT * FROM standing ORDER BY gateway, slot")).all()
    engine.dispose()
    return [tuple(row) for row in rows]


def test_what_is_derived_is_made_anew_as_it_was(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Restarts, another journal, what came twice, a goodbye: standing is a function of the facts."""
    store = Store(url)
    register(store, "k1", "k2", "k3")
    register(store, "k1", gateway="zz-0002")
    recorder = Recorder(store)
    recorder.record(
        [
            letter("ev", events(anchor(1), moved(2, 5, "online"), moved(3, 9, "offline", reason="REFUSED")), T0 + 10),
            letter("ev", events(moved(4, 5, "online", "k2")), T0 + 20),
            letter("ev", events(moved(1, 7, "offline", "k2"), store="j2"), T0 + 30),
            letter("hb", beat(100, 4), T0 + 50),
            letter("hb", beat(10, 1, session="s2", store="j2"), T0 + 60),
            letter("ev", events(moved(1, 5, "online")), T0 + 10, "zz-0002"),
            letter("hb", beat(100, 1), T0 + 50, "zz-0002"),
            letter("state", encode(Goodbye(gateway="zz-0002", session="s1", why="")), T0 + 70, "zz-0002"),
        ]
    )
    recorder.record([letter("ev", events(moved(3, 9, "offline", reason="REFUSED")), T0 + 80)])
    store.close()
    before = standing(url)
    assert len(before) == 5
    capsys.readouterr()
    assert main(["rebuild", "--database", url, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"standing": 5, "months": []}
    assert standing(url) == before


def test_days_are_made_anew_and_final_months_stay(database: Path, tmp_path: Path) -> None:
    """now/ of each month is laid anew, whatever stood there; a folder that is no month is left alone."""
    out = tmp_path / "days"
    assert main(["days", "build", "--database", str(database), "--out", str(out), "--month", "2026-11"]) == 0
    laid = {file.relative_to(out): file.read_bytes() for file in out.rglob("*.parquet")}
    assert laid
    (out / "2026-11" / "now" / "places.parquet").write_bytes(b"spoilt")
    (out / "2026-11" / "final-0").mkdir()
    (out / "2026-11" / "final-0" / "kept").touch()
    (out / "notes").mkdir()
    assert main(["rebuild", "--database", str(database), "--out", str(out)]) == 0
    assert {file.relative_to(out): file.read_bytes() for file in out.rglob("*.parquet")} == laid
    assert (out / "2026-11" / "final-0" / "kept").exists()
    assert (out / "notes").exists()
    assert main(["rebuild", "--database", str(database), "--out", str(tmp_path / "none")]) == 2
