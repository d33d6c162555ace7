"""The bulletin as data: made by the shipped SQL, recomputed by a DuckDB that knows nothing of us."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest

from center.cli import main
from center.record import Recorder
from center.store import Store
from tests.center.letters import moved
from tests.center.provinces import HOUR, MINUTE, MONTH, made, registered, told_later
from tests.support.postgres import Postgres


@pytest.fixture
def database(tmp_path: Path) -> str:
    return made(str(tmp_path / "center.db"))


def run(capsys: pytest.CaptureFixture[str], code: int, *words: str) -> str:
    capsys.readouterr()
    assert main(["bulletin", *words]) == code
    told = capsys.readouterr()
    return told.out + told.err


def publish(capsys: pytest.CaptureFixture[str], database: str, out: Path, *more: str) -> dict[str, Any]:
    run(capsys, 0, "--database", database, "--month", MONTH, "--out", str(out), *more)
    told: dict[str, Any] = json.loads((out / "bulletin.json").read_text("utf-8"))
    return told


def files(folder: Path) -> dict[Path, bytes]:
    return {file.relative_to(folder): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


def test_one_bulletin_is_the_same_on_both_databases(
    postgres: Postgres, database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every file of it, to the byte; and made once more, nothing differs."""
    there = made(postgres.create())
    publish(capsys, database, tmp_path / "sqlite")
    publish(capsys, there, tmp_path / "postgresql")
    first = files(tmp_path / "sqlite")
    assert first == files(tmp_path / "postgresql")
    publish(capsys, database, tmp_path / "sqlite")
    assert first == files(tmp_path / "sqlite")


def test_what_it_says_is_worked_out_by_hand(database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Three readings with both integers; 28 rows and the provincial level for each kind; hashes of what it is of."""
    told = publish(capsys, database, tmp_path / "b")
    assert (told["about"]["month"], told["about"]["state"], told["about"]["revision"]) == (MONTH, "provisional", None)
    whole = next(row for row in told["total"] if not row["kind"])
    assert whole["coverage"] == {"numerator": 4, "denominator": 6, "text": "66.67%"}
    assert whole["days"] == {"numerator": 5, "denominator": 8, "text": "62.50%"}
    on = 12 * HOUR - 10 * MINUTE - 30 * MINUTE
    assert (whole["time"]["numerator"], whole["time"]["denominator"]) == (on, 14 * HOUR)
    assert whole["spot"] == {"numerator": 11, "denominator": 14, "text": "78.57%"}
    assert [row["code"] for row in told["rows"] if not row["kind"]][-1] == "41"
    assert len(told["rows"]) == 29 * 3
    assert told["withdrawn"] == {"positions": 0, "ms": 0}
    assert {"policy.json", "data/places.parquet", "data/settings.parquet"} <= set(told["hashes"])
    text = (tmp_path / "b" / "recompute.sql").read_text("utf-8") + (tmp_path / "b" / "bulletin.json").read_text("utf-8")
    assert "0371" not in text
    assert not [name for name in files(tmp_path / "b") if name.suffix == ".part"]


def test_a_machine_that_has_only_duckdb_recomputes_it(
    database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the command that is printed: no file of ours, no other package; the same bytes."""
    publish(capsys, database, tmp_path / "b")
    printed = run(capsys, 0, "verify", str(tmp_path / "b"))
    command = next(line for line in printed.splitlines() if line.strip().startswith("python3 -c "))
    code = command.partition('"')[2].rpartition('"')[0]
    alone = tmp_path / "alone"
    alone.mkdir()
    packages = Path(duckdb.__file__).parent.parent
    for part in (*packages.glob("duckdb*"), *packages.glob("_duckdb*")):
        (alone / part.name).symlink_to(part)
    begin = f"import sys; sys.path.append({str(alone)!r}); "
    subprocess.run([sys.executable, "-I", "-S", "-c", begin + code], cwd=tmp_path / "b", check=True)
    assert (tmp_path / "b" / "recomputed.json").read_bytes() == (tmp_path / "b" / "bulletin.json").read_bytes()
    run(capsys, 0, "verify", str(tmp_path / "b"))


def flattered(folder: Path) -> None:
    text = (folder / "bulletin.json").read_text("utf-8")
    (folder / "bulletin.json").write_text(
        text.replace('"numerator":5,"denominator":8', '"numerator":8,"denominator":8')
    )


def whitewashed(folder: Path) -> None:
    """A day's Parquet, rewritten so that what was offline was online."""
    file = next(folder.glob("data/spans/4101/2024-06-30.parquet"))
    with duckdb.connect() as connection:
        rows = f"SELECT position, 'on' AS state, from_ms, to_ms FROM read_parquet('{file}')"
        connection.execute(f"COPY ({rows}) TO '{file}.new' (FORMAT parquet)")
    Path(f"{file}.new").replace(file)


def other_sql(folder: Path) -> None:
    with (folder / "recompute.sql").open("a") as text:
        text.write("COPY (SELECT 'all is well') TO 'recomputed.json';\n")


def other_sheet(folder: Path) -> None:
    shutil.copyfile(folder / "policy.json", folder / "bulletin.xlsx")


def no_day(folder: Path) -> None:
    (folder / "data" / "places.parquet").unlink()


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (flattered, "bulletin.json: recomputed, it says something else"),
        (whitewashed, "bulletin.json: recomputed, it says something else"),
        (other_sql, "recompute.sql: not the SQL that this version ships"),
        (other_sheet, "bulletin.xlsx: not what bulletin.json says"),
        (no_day, "damaged or missing: nothing can be recomputed"),
    ],
)
def test_what_was_altered_is_told(
    database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], spoil: Any, said: str
) -> None:
    """A figure, a span, the SQL, the sheet, a file that is gone; also where the list of hashes was made anew."""
    publish(capsys, database, tmp_path / "b")
    spoil(tmp_path / "b")
    told = json.loads(run(capsys, 1, "verify", str(tmp_path / "b"), "--json", "--lang", "en"))
    assert not told["same"]
    problems = [f"{one['what']}: {one['wrong']}" for one in told["problems"]]
    assert any(said in problem for problem in problems), problems
    assert any("not as SHA256SUMS says" in problem for problem in problems)


def test_sql_that_lies_in_the_folder_is_never_run(
    database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It may say anything: only what is shipped runs."""
    publish(capsys, database, tmp_path / "b")
    (tmp_path / "b" / "recompute.sql").write_text(f"COPY (SELECT 1) TO '{tmp_path}/run';\n")
    run(capsys, 1, "verify", str(tmp_path / "b"))
    assert not (tmp_path / "run").exists()


def test_final_and_its_revisions(database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Final as it was frozen; what came late is told and changes nothing; a revision enters it, with its reason."""
    days = ("--days", str(tmp_path / "days"))
    before = publish(capsys, database, tmp_path / "b", *days)
    freeze = ("days", "freeze", "--month", MONTH, "--out", str(tmp_path / "days"), "--by", "王芳")
    assert main([*freeze]) == 0
    final = publish(capsys, database, tmp_path / "b", *days)
    assert (final["about"]["state"], final["about"]["revision"], final["about"]["by"]) == ("final", 0, "王芳")
    assert (final["total"], final["rows"], final["about"]["late"]) == (before["total"], before["rows"], {})
    assert main(["bulletin", "verify", str(tmp_path / "b"), "--from-facts", "--database", database]) == 0
    store = Store(database)
    Recorder(store).record([told_later(moved(11, 110 * MINUTE, "offline", "k3"))])
    store.close()
    again = publish(capsys, database, tmp_path / "b", *days)
    assert again["total"] == final["total"]
    assert again["about"]["late"]["on_ms"] < 0
    assert "data/spans/4101/2024-06-30.parquet" in run(
        capsys, 1, "verify", str(tmp_path / "b"), "--from-facts", "--database", database, "--csv"
    )
    assert main([*freeze, "--reason", "网关补传"]) == 0
    revised = publish(capsys, database, tmp_path / "b", *days)
    assert (revised["about"]["revision"], revised["about"]["reason"]) == (1, "网关补传")
    assert revised["total"] != final["total"]
    refused = run(capsys, 2, "--database", database, "--month", MONTH, "--out", str(tmp_path / "b"), "--lang", "en")
    assert "revision 1 is there" in refused


def test_a_contradiction_is_printed(database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Testimony withdrawn: so many positions, so many ms; what they told online in it does not count."""
    before = publish(capsys, database, tmp_path / "before")
    store = Store(database)
    Recorder(store).record([told_later(moved(11, 60 * MINUTE, "offline", "k1"))])  # long settled without it
    store.close()
    told = publish(capsys, database, tmp_path / "b")
    assert told["withdrawn"]["positions"] >= 1
    assert told["withdrawn"]["ms"] > 0
    on = [next(row for row in one["total"] if not row["kind"])["time"]["numerator"] for one in (before, told)]
    assert on[1] < on[0]


def test_where_a_bulletin_must_not_stand(database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder with something else, a file, another month's; a month that is not over; nothing half done."""
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "a").write_text("a")
    (tmp_path / "file").write_text("a")
    publish(capsys, database, tmp_path / "b")
    kept = files(tmp_path / "b")
    ask = ("--database", database, "--lang", "en", "--out")
    early = ("--database", str(tmp_path / "none.db"), *ask[2:])  # before anything is opened or worked out
    assert "something else is there" in run(capsys, 2, *early, str(tmp_path / "full"), "--month", MONTH)
    assert "something else is there" in run(capsys, 2, *ask, str(tmp_path / "file"), "--month", MONTH)
    assert f"the bulletin of {MONTH} is there" in run(capsys, 2, *ask, str(tmp_path / "b"), "--month", "2024-05")
    assert "it is no folder" in run(capsys, 2, *early, str(tmp_path / "file" / "b"), "--month", MONTH)
    assert "--out is needed" in run(capsys, 2, "--database", database, "--month", MONTH, "--lang", "en")
    assert "no bulletin is there" in run(capsys, 2, "verify", str(tmp_path / "full"), "--lang", "en")
    assert "has not begun" in run(capsys, 2, *ask, str(tmp_path / "n"), "--month", "2099-01")
    assert files(tmp_path / "b") == kept
    assert [file.name for file in (tmp_path / "full").iterdir()] == ["a"]
    assert not [one for one in tmp_path.iterdir() if one.name.startswith(".")]


def test_a_running_month_and_a_gap_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Before anything is written: what is wrong, where, and what to do."""
    from center.arguments import now_ms
    from center.rate import month_of

    database = str(tmp_path / "center.db")
    registered(database)
    policy = Path(__file__).parents[2] / "config" / "policy" / "henan-2021-45.yaml"
    text = policy.read_text("utf-8").replace("value: 24x7", "value: calendar")
    (tmp_path / "ours.yaml").write_text(text, "utf-8")
    ask = ("--database", database, "--out", str(tmp_path / "b"), "--lang", "en", "--month")
    assert "is not over: assessment tells" in run(capsys, 2, *ask, month_of(now_ms()))
    gap = run(capsys, 2, *ask, MONTH, "--policy", str(tmp_path / "ours.yaml"))
    assert "has no row for 2024-06-30" in gap
    assert not (tmp_path / "b").exists()
