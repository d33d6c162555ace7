"""Where a command writes: over nothing that is somebody else's, one at a time, and every place is told."""

import fcntl
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from center.cli import main
from center.placing import Unplaced, beside, folder_beside
from tests.center.provinces import MONTH, made, registered


@pytest.fixture
def database(tmp_path: Path) -> str:
    return registered(str(tmp_path / "center.db"))


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """What is said of it in English; it says something else in Chinese."""
    told = []
    for lang in ("zh", "en"):
        capsys.readouterr()
        assert main(["--lang", lang, *words]) == 2
        told.append(capsys.readouterr().err)
    assert told[0] != told[1]
    return told[1]


def test_a_sheet_that_is_there_is_not_written_over(
    database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A template or an export over what a person has filled in is refused; the file stays byte for byte."""
    book, folder = tmp_path / "registry.xlsx", tmp_path / "sheets"
    assert main(["registry", "template", str(book)]) == 0
    assert main(["registry", "export", str(folder), "--database", database]) == 0
    book.write_bytes(b"filled in")
    before = {file: file.read_bytes() for file in (book, *folder.iterdir())}
    for words in (
        ("registry", "template", str(book)),
        ("registry", "export", str(book), "--database", database),
        ("registry", "export", str(folder), "--database", database),
    ):
        assert "there is a file of this name" in refused(capsys, *words)
    assert {file: file.read_bytes() for file in (book, *folder.iterdir())} == before
    (tmp_path / "file").touch()
    away = refused(capsys, "registry", "export", str(tmp_path / "file"), "--database", database)
    assert "it is no folder" in away


@pytest.mark.parametrize("what", ["sheet", "foreign", "in use", "pipe", "device", "folder"])
def test_a_backup_replaces_backups_alone(
    database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], what: str
) -> None:
    """A sheet, another program's database, one in use, what is no file: refused, and it stays as it is."""
    out = tmp_path / "out"
    if what == "sheet":
        out.write_text("position,zone\n")
    elif what == "foreign":
        sqlite3.connect(out).execute("CREATE TABLE t (a)").connection.close()
    elif what == "in use":
        assert main(["backup", "--database", database, "--out", str(out)]) == 0
        Path(f"{out}-wal").touch()
    elif what == "pipe":
        os.mkfifo(out)
    elif what == "device":
        out = Path("/dev/null")
    elif what == "folder":
        out.mkdir()
    before = out.lstat()
    told = refused(capsys, "backup", "--database", database, "--out", str(out))
    assert str(out) in told
    assert "only a backup is replaced" in told
    after = out.lstat()
    assert (after.st_ino, after.st_mode, after.st_size) == (before.st_ino, before.st_mode, before.st_size)
    assert not list(tmp_path.glob(".*"))


def test_a_backup_replaces_a_backup_and_an_empty_file(database: str, tmp_path: Path) -> None:
    """As every night."""
    out = tmp_path / "out"
    out.touch()
    for _ in range(2):
        assert main(["backup", "--database", database, "--out", str(out)]) == 0
    with sqlite3.connect(out) as there:
        assert there.execute("SELECT count(*) FROM positions").fetchone()[0] > 0


def test_users_of_a_broker_replace_users_alone(
    database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not the file of passwords itself, nor a list; what stood there stays."""
    import json

    secrets, out, wrong = tmp_path / "secrets", tmp_path / "users", tmp_path / "list.csv"
    wrong.write_text("a,b\n")
    capsys.readouterr()
    assert main(["gateways", "--database", database, "--json"]) in (0, 1)
    gateways = [one["gateway"] for one in json.loads(capsys.readouterr().out)]
    users = "".join(f"{city}/{one}:secret\n" for one in gateways for city in ("4101", "4102", "4103", "4190"))
    secrets.write_text(users)
    secrets.chmod(0o600)
    for kind in ("mosquitto", "nats"):
        words = ("broker", "users", "--for", kind, "--database", database, "--passwords", str(secrets), "--out")
        out.unlink(missing_ok=True)
        for _ in range(2):
            assert main([*words, str(out)]) == 0
        for other in (wrong, secrets):
            before = other.read_bytes()
            assert f"no users of {kind}" in refused(capsys, *words, str(other))
            assert other.read_bytes() == before


@pytest.mark.parametrize(
    "words",
    [
        ("registry", "template", "/proc/x.xlsx"),
        ("registry", "export", "/proc/x.xlsx", "--database", "{db}"),
        ("backup", "--database", "{db}", "--out", "/proc/x"),
        ("bulletin", "--database", "{db}", "--month", MONTH, "--out", "/proc/x"),
    ],
    ids=" ".join,
)
def test_where_nothing_can_be_made_is_told(
    database: str, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    """By the place that was named, and not by a name of ours."""
    told = refused(capsys, *[one.replace("{db}", database) for one in words])
    assert "/proc/x" in told
    assert "nothing can be made there: name another place" in told


PLACES = {"file": "it is no folder", "/proc/x": "no folder can be made there"}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    "words",
    [
        ("days", "build", "--out"),
        ("assessment", "--days"),
        ("assessment", "--year", "2024", "--days"),
        ("opinion", "show", "--days"),
        ("bulletin", "--out", "{tmp}/b", "--days"),
    ],
    ids=" ".join,
)
def test_a_place_for_days_that_cannot_be_is_told(
    database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], place: str
) -> None:
    """A file, or where nothing can be made: the option, the place and what to do."""
    (tmp_path / "file").write_text("a")
    named = place if place.startswith("/") else str(tmp_path / place)
    month = () if "--year" in words else ("--month", MONTH)
    asked = [one.replace("{tmp}", str(tmp_path)) for one in words]
    told = refused(capsys, *asked, named, *month, "--database", database)
    assert told.startswith(f"canteen-center: {words[-1]} {named}: {PLACES[place]}")
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize(
    "words",
    [
        ("days", "freeze", "--month", MONTH),
        ("days", "show", "--month", MONTH),
        ("retention", "--database", "{db}"),
        ("rebuild", "--database", "{db}"),
    ],
    ids=" ".join,
)
def test_a_file_is_no_folder_of_days(
    database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    """It is not taken for a folder in which nothing is."""
    file = tmp_path / "file"
    file.write_text("a")
    told = refused(capsys, *[one.replace("{db}", database) for one in words], "--out", str(file))
    assert told.startswith(f"canteen-center: --out {file}: it is no folder")


def test_a_damaged_file_of_days_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Spans that are none, and a document of a final month that is none: which file, and no traceback."""
    database, days = made(str(tmp_path / "center.db")), tmp_path / "days"
    words = ("--out", str(days), "--month", MONTH)
    assert main(["days", "build", "--database", database, *words]) == 0
    spans = next((days / MONTH / "now" / "spans").glob("*/*.parquet"))
    whole = spans.read_bytes()
    spans.write_bytes(b"no spans")
    capsys.readouterr()
    assert main(["days", "show", *words]) == 2
    assert spans.name in capsys.readouterr().err
    spans.write_bytes(whole)
    (days / MONTH / "final-0.json").write_text("{")
    assert "final-0.json cannot be read, or is damaged" in refused(capsys, "days", "show", *words)


@pytest.mark.parametrize("make", [os.mkfifo, lambda p: p.symlink_to("/dev/null"), lambda p: p.touch()])
def test_a_bulletin_takes_the_place_of_no_other_thing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], make: Callable[[Path], None]
) -> None:
    """A pipe, a device, a file: each is still what it was."""
    database, out = made(str(tmp_path / "center.db")), tmp_path / "out"
    make(out)
    before = out.lstat()
    told = refused(capsys, "bulletin", "--database", database, "--month", MONTH, "--out", str(out))
    assert "something else is there" in told
    assert (out.lstat().st_ino, out.lstat().st_mode) == (before.st_ino, before.st_mode)


# ---- two at once --------------------------------------------------------------------------------


def test_one_writer_at_a_time(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The second is told so, and neither disturbs the first nor leaves anything; after it the place is free."""
    database = made(str(tmp_path / "center.db"))
    copy, folder, days = tmp_path / "copy.db", tmp_path / "b2", tmp_path / "days"
    month = ("--database", database, "--month", MONTH)
    acts: dict[Path, tuple[str, ...]] = {
        copy: ("backup", "--database", database, "--out", str(copy)),
        folder: ("bulletin", *month, "--out", str(folder)),
        days / MONTH: ("days", "build", *month, "--out", str(days)),
    }
    with beside(copy) as part, folder_beside(folder) as home:
        (days / MONTH).mkdir(parents=True)
        handle = os.open(days / MONTH, os.O_RDONLY)
        fcntl.flock(handle, fcntl.LOCK_EX)
        (home / "mine").write_text("mine")
        part.write_text("mine")
        for place, words in acts.items():
            assert f"{place}: another one is writing here" in refused(capsys, *words)
        assert "another one is writing here" in refused(capsys, "assessment", *month, "--days", str(days))
        assert "another one is writing here" in refused(capsys, "rebuild", "--database", database, "--out", str(days))
        assert (home / "mine").read_text() == part.read_text() == "mine"
        os.close(handle)
    copy.unlink()
    for words in acts.values():
        assert main(list(words)) == 0
    assert not list(tmp_path.glob(".*"))


def test_what_another_one_left_is_no_part_of_it(tmp_path: Path) -> None:
    """Of a command that died; and who fails leaves what was there."""
    out = tmp_path / "out"
    (tmp_path / ".out.part").write_text("of one that died, and longer")
    with beside(out) as part:
        part.write_text("whole")
    assert out.read_text() == "whole"
    with pytest.raises(FileNotFoundError), beside(out) as part:
        part.write_bytes(b"half" + (tmp_path / "none").read_bytes())
    assert out.read_text() == "whole"
    with folder_beside(tmp_path / "home") as home:
        (home / "a").touch()
        with pytest.raises(Unplaced), folder_beside(tmp_path / "home"):
            pass
        assert (home / "a").exists()
    assert [one.name for one in tmp_path.iterdir()] == ["out"]
