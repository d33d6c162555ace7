"""What is known from outside stands beside the rate: the platform's list, and what a person opened by hand."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from center.arguments import rules
from center.cli import main
from center.outside.agreement import Bound, at_least, clopper_pearson, printed
from center.outside.spots import draw
from center.store import Store
from center.store.outside import Draw
from tests.center.provinces import BEGIN, MINUTE, MONTH, made

GB = "41010500001320000001"
LIST = f"国标编号,时间,在线\n{GB},2024-06-30 22:00,在线\n{GB},2024-06-30 22:30,离线\n{GB},2024-06-30 23:00,1\n"
"""Of P1: for half an hour the platform could not open it."""
OWN = "position,at,online\nP2,2024-06-30 22:30,online\n"
"""P2 was told offline for ten minutes then, and the platform opened it."""


@pytest.fixture
def database(url: str) -> str:
    return made(url)


def run(capsys: pytest.CaptureFixture[str], code: int, *words: str) -> str:
    capsys.readouterr()
    assert main(list(words)) == code
    told = capsys.readouterr()
    return told.out + told.err


# ---- the bound ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("k", "n", "low", "high"),
    [
        (0, 10, 0.0, 0.3085),
        (5, 10, 0.1871, 0.8129),
        (10, 10, 0.6915, 1.0),
        (45, 50, 0.7819, 0.9667),
        (1, 1, 0.025, 1.0),
    ],
)
def test_bounds_that_stand_in_tables(k: int, n: int, low: float, high: float) -> None:
    """Clopper and Pearson's, to four digits."""
    assert clopper_pearson(k, n) == pytest.approx(Bound(low, high), abs=6e-5)


@given(st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_a_bound_leaves_a_fortieth_on_either_side(found: tuple[int, int]) -> None:
    """At its ends the chance of what was seen, or more, or less, is 2.5 %; it holds the share itself."""
    k, n = found
    low, high = clopper_pearson(k, n)
    assert low <= k / n <= high
    assert k == 0 or at_least(k, n, low) == pytest.approx(0.025, abs=1e-9)
    assert k == n or 1 - at_least(k + 1, n, high) == pytest.approx(0.025, abs=1e-9)


def test_a_bound_is_printed_outwards() -> None:
    """Never rounded to a better one."""
    assert printed(Bound(0.99009, 0.990001)) == ("99.00%", "99.01%")
    assert printed(clopper_pearson(10, 10)) == ("69.15%", "100.00%")


# ---- the platform's list --------------------------------------------------------------------------


def listed(tmp_path: Path, text: str, encoding: str = "utf-8") -> str:
    file = tmp_path / "list.csv"
    file.write_bytes(text.encode(encoding))
    return str(file)


def test_a_second_opinion_stands_beside_the_rate(
    database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its hours by position and row; the computed rate is what it was. Once more nothing is added."""
    ask = ("--database", database, "--month", MONTH)
    run(capsys, 0, "bulletin", *ask, "--out", str(tmp_path / "before"))
    for text, encoding in ((LIST, "gb18030"), (OWN, "utf-8-sig")):
        told = run(
            capsys, 0, "opinion", "import", listed(tmp_path, text, encoding), "--database", database, "--lang", "en"
        )
        assert "added" in told
    again = json.loads(run(capsys, 0, "opinion", "import", listed(tmp_path, OWN), "--database", database, "--json"))
    assert again == {"added": 0, "unchanged": 1}
    rows = json.loads(run(capsys, 1, "opinion", "show", *ask, "--json"))["rows"]
    assert [(row["position"], row["cannot_ms"], row["opens_ms"]) for row in rows] == [
        ("P1", 30 * MINUTE, 0),
        ("P2", 0, 10 * MINUTE),
    ]
    out = run(capsys, 1, "opinion", "show", *ask, "--lang", "zh")
    assert "30分" in out
    run(capsys, 0, "bulletin", *ask, "--out", str(tmp_path / "b"))
    assert main(["bulletin", "verify", str(tmp_path / "b")]) == 0
    found = [json.loads((tmp_path / name / "bulletin.json").read_text()) for name in ("before", "b")]
    row = next(one for one in found[1]["rows"] if (one["code"], one["kind"]) == ("4101", "canteen"))
    assert row["second_opinion"] == {
        "told_ms": 180 * MINUTE,
        "platform_cannot_open_ms": 30 * MINUTE,
        "platform_opens_ms": 10 * MINUTE,
    }
    for before, after in zip(*(one["rows"] for one in found), strict=True):
        assert before | {"second_opinion": 0} == after | {"second_opinion": 0}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("position,at,online\nP1,2024-06-30 22:00,1\nP99,2024-06-30 22:00,1\n", "line 3.*P99 is not in the registry"),
        ("gb_id,at,online\n41010500001320000099,2024-06-30 22:00,1\n", "line 2.*41010500001320000099 is not in"),
        (f"position,gb_id,at,online\nP2,{GB},2024-06-30 22:00,1\n", f"line 2.*{GB} is not the platform's id of"),
        ("position,at,online\n,2024-06-30 22:00,1\n", "line 2.*neither a position nor its id"),
        ("position,at,online\nP1,2099-06-30 22:00,1\n", "line 2.*the time 2099-06-30 22:00 is still to come"),
        ("position,at,online\nP1,2024-06-30 22:00,1\nP1,2024-06-30 22:00,0\n", "line 3.*something else is on record"),
        ("position,at,online\nP1,2024-06-30 22:00,perhaps\n", "line 2.*column C.*must be online or offline"),
        ("gb_id,at,online\n4.1E+19,2024-06-30 22:00,1\n", "line 2.*column A.*made a number by Excel"),
        ("position,at\nP1,2024-06-30 22:00\n", "no header with the columns at、online"),
        ("", "no header with the columns"),
    ],
)
def test_a_list_with_a_mistake_changes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, said: str
) -> None:
    """Line, column and what to do; not one of its rows is kept."""
    import re

    database = made(str(tmp_path / "center.db"))
    told = run(capsys, 2, "opinion", "import", listed(tmp_path, text), "--database", database, "--lang", "en")
    assert re.search(said, told), told
    assert "nothing was changed" in told
    good = listed(tmp_path, "position,at,online\nP1,2024-06-30 22:00,1\n")
    assert json.loads(run(capsys, 0, "opinion", "import", good, "--database", database, "--json"))["added"] == 1


def test_a_list_on_a_hidden_sheet_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is taken over, and a person hears of it."""
    made_of = openpyxl.Workbook()
    made_of.active.append(["x"])
    sheet = made_of.create_sheet("list")
    sheet.append(["position", "at", "online"])
    sheet.append(["P1", "2024-06-30 22:00", "1"])
    sheet.sheet_state = "hidden"
    made_of.save(tmp_path / "list.xlsx")
    database = made(str(tmp_path / "center.db"))
    told = run(capsys, 0, "opinion", "import", str(tmp_path / "list.xlsx"), "--database", database, "--lang", "en")
    assert "note: sheet “list”: a hidden sheet, it is read as well" in told


def test_another_word_of_the_same_moment_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is on record stays, as do the hours that it holds."""
    database = made(str(tmp_path / "center.db"))
    run(capsys, 0, "opinion", "import", listed(tmp_path, LIST), "--database", database)
    other = listed(tmp_path, "position,at,online\nP1,2024-06-30 22:30,1\n")
    told = run(capsys, 2, "opinion", "import", other, "--database", database, "--lang", "en")
    assert "of P1 at 2024-06-30 22:30 something else is on record" in told
    wrong = run(capsys, 2, "opinion", "import", other, "--database", database, "--lang", "en", "--holds", "0")
    assert "--holds 0 must be 1 to 1440 minutes" in wrong
    assert "there is no such file" in run(
        capsys, 2, "opinion", "import", str(tmp_path / "none.csv"), "--database", database, "--lang", "en"
    )


# ---- opened by hand -------------------------------------------------------------------------------

DAY = 86_400_000


def computed(position: str, at_ms: int) -> str:
    """By hand, from what tests/center/provinces.py says."""
    minute = (at_ms - BEGIN) // MINUTE
    if position == "P2" and 30 <= minute < 40:
        return "offline"
    return "unknown" if position == "P5" or (position == "P7" and 60 <= minute < 90) else "online"


def drawn(database: str, seed: str, n: int, *, at_ms: int = BEGIN - DAY) -> list[dict[str, Any]]:
    """By a draw of that time: the command makes none of a period that has begun."""
    asked = Draw(seed, BEGIN, BEGIN + 120 * MINUTE, n, at_ms, "王芳")
    store = Store(database)
    with store.read() as reader:
        rows = draw(reader, asked, rules("henan-2021-45"))
    with store.write() as tx:
        tx.add_draw(asked, rows)
    store.close()
    return [row._asdict() for row in rows]


def test_a_seed_draws_the_same_everywhere(database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Positions and instants follow from seed, period and registry; each is assessed then; a seed is used once."""
    rows = drawn(database, "双色球 2024-076", 60)
    other = made(str(tmp_path / "other.db"))
    assert drawn(other, "双色球 2024-076", 60) == rows
    assert {row["position"] for row in rows} == {f"P{n}" for n in range(1, 8)}
    assert all(BEGIN <= row["at_ms"] < BEGIN + 120 * MINUTE and row["at_ms"] % MINUTE == 0 for row in rows)
    assert [row["at_ms"] for row in drawn(database, "another", 60)] != [row["at_ms"] for row in rows]
    ask = ("--database", database, "--seed", "双色球 2024-076", "--n", "5", "--lang", "en")
    assert "was drawn by before" in run(capsys, 2, "spot-check", "draw", *ask)


def test_results_are_entered_and_compared(database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The printed list, filled in: how many agree, which way the others differ, what is unknown; and the bound."""
    drawn(database, "s", 80)
    table = run(capsys, 0, "spot-check", "show", "--database", database, "--seed", "s", "--csv")
    rows = list(csv.DictReader(io.StringIO(table[1:])))
    assert len(rows) == 80
    told = json.loads(run(capsys, 0, "spot-check", "show", "--database", database, "--seed", "s", "--json"))
    at = {str(row["number"]): row["at_ms"] for row in told["rows"]}
    wanted = dict.fromkeys(("agree", "not_opened", "opened", "unknown"), 0)
    for number, row in enumerate(rows):
        row["结果"] = "打不开" if number % 10 == 0 else "能打开"
        state, seen = computed(row["点位"], at[row["序号"]]), number % 10 != 0
        if state == "unknown":
            wanted["unknown"] += 1
        elif (state == "online") is seen:
            wanted["agree"] += 1
        else:
            wanted["opened" if seen else "not_opened"] += 1
    file = tmp_path / "filled.csv"
    with file.open("w", encoding="gb18030", newline="") as data:
        writer = csv.DictWriter(data, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    fill = ("spot-check", "enter", str(file), "--database", database, "--seed", "s", "--by", "李强", "--json")
    assert json.loads(run(capsys, 0, *fill)) == {"entered": 80, "unchanged": 0}
    assert json.loads(run(capsys, 0, *fill)) == {"entered": 0, "unchanged": 80}
    code = 1 if wanted["opened"] or wanted["not_opened"] else 0
    found = json.loads(run(capsys, code, "spot-check", "show", "--database", database, "--seed", "s", "--json"))
    agreement = found["agreement"]
    assert {name: agreement[name] for name in wanted} == wanted
    assert wanted["not_opened"] > 0
    low, high = printed(clopper_pearson(wanted["agree"], 80 - wanted["unknown"]))
    assert (agreement["bound"]["low"], agreement["bound"]["high"]) == (low, high)
    out = run(capsys, code, "spot-check", "show", "--database", database, "--seed", "s", "--lang", "en")
    assert f"95 % bound {low} to {high}" in out
    run(capsys, 0, "bulletin", "--database", database, "--month", MONTH, "--out", str(tmp_path / "b"))
    stated = json.loads((tmp_path / "b" / "bulletin.json").read_text())["about"]["spot_checks"]
    assert [(one["seed"], one["agree"]) for one in stated] == [("s", wanted["agree"])]


def test_wrong_results_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Another position than was drawn, a word that is no result, one entered already, one of a time to come."""
    database = made(str(tmp_path / "center.db"))
    rows = drawn(database, "s", 2)
    first = rows[0]["position"]

    def enter(text: str, seed: str = "s") -> str:
        file = listed(tmp_path, "number,position,result\n" + text)
        return run(capsys, 2, "spot-check", "enter", file, "--database", database, "--seed", seed, "--lang", "en")

    assert "number 1 of this draw is not position P99" in enter("1,P99,opened\n")
    assert "number 9 of this draw is not" in enter(f"1,{first},opened\n9,{first},opened\n")
    assert "must be opened, not opened, not tried" in enter(f"1,{first},maybe\n")
    assert "nothing was drawn by it" in enter(f"1,{first},opened\n", "nobody")
    good = listed(tmp_path, f"number,position,result\n1,{first},opened\n")
    ask = ("--database", database, "--seed", "s", "--json")
    assert json.loads(run(capsys, 0, "spot-check", "enter", good, *ask)) == {"entered": 1, "unchanged": 0}
    assert "something else is on record" in enter(f"1,{first},not opened\n")
    blank = listed(tmp_path, f"number,position,result\n1,{first},\n2,{rows[1]['position']},\n")
    none = run(capsys, 2, "spot-check", "enter", blank, "--database", database, "--seed", "s", "--lang", "en")
    assert "no result is filled in: write opened, not opened or not tried" in none
    assert "the file has no rows" in enter("")
    drawn(database, "late", 1, at_ms=BEGIN)
    assert "was drawn after its period had begun" in enter(f"1,{first},opened\n", "late")
    assert "drawn after its period had begun" in run(
        capsys, 0, "spot-check", "show", "--database", database, "--seed", "late", "--lang", "en"
    )
    coming = ("--database", database, "--seed", "t", "--n", "1", "--json")
    row = json.loads(run(capsys, 0, "spot-check", "draw", *coming))["rows"][0]
    assert "is still to come" in enter(f"1,{row['position']},opened\n", "t")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--n", "0"), "--n 0 must be 1 to 10000"),
        (("--n", "5", "--from", "noon"), "--from 'noon' is no time"),
        (("--n", "5", "--from", "2024-07-02", "--to", "2024-07-01"), "--from must lie before --to"),
        (("--n", "5", "--from", "2024-07-01", "--to", "2099-01-01"), "--from must lie before --to, at most a year"),
        (
            ("--n", "5", "--from", "2024-06-30T22:00"),
            "--from 2024-06-30 22:00 has passed: a draw is made and published",
        ),
    ],
)
def test_a_draw_that_cannot_be_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str
) -> None:
    """In words; no draw is kept, the seed is free."""
    database = made(str(tmp_path / "center.db"))
    assert said in run(capsys, 2, "spot-check", "draw", "--database", database, "--seed", "s", "--lang", "en", *words)
    assert len(drawn(database, "s", 1)) == 1
    (tmp_path / "none.csv").write_text("gateway,city\nzz-0001,4101\n")
    nothing = str(tmp_path / "nothing.db")
    assert main(["registry", "import", str(tmp_path / "none.csv"), "--database", nothing]) == 0
    ask = ("--database", nothing, "--seed", "s", "--n", "5", "--lang", "en")
    assert "nothing is assessed in that period" in run(capsys, 2, "spot-check", "draw", *ask)
