"""Coverage and assessment of a month that is worked out by hand, and whether a year's item scores."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from center.assessment import due, month_of_place, year_of_place
from center.cli import main
from center.days.engine import Assessed, assess
from center.rate import Rules, month_span
from center.readings import Rule
from contract.policy import load_policy
from tests.center.provinces import HOUR, MINUTE, MONTH, made, registered


@pytest.fixture
def province(url: str) -> str:
    return made(url)


def asked(capsys: pytest.CaptureFixture[str], code: int, *words: str) -> str:
    capsys.readouterr()
    assert main(["assessment", *words]) == code
    told = capsys.readouterr()
    return told.out if code != 2 else told.err


def rows(capsys: pytest.CaptureFixture[str], database: str, *more: str) -> dict[tuple[str, str], dict[str, Any]]:
    told = json.loads(asked(capsys, 1, "--database", database, "--month", MONTH, "--json", *more))
    return {(row["key"], row["kind"]): row for row in told["rows"]}


def share(row: dict[str, Any], name: str) -> tuple[int, int]:
    return row[name]["numerator"], row[name]["denominator"]


def test_a_month_worked_out_by_hand(province: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Coverage and deciding rate of each row, canteens and caterers apart; verdict and what fails first."""
    found = rows(capsys, province)
    zz = found["4101", "canteen"]
    assert (share(zz, "coverage"), zz["positions"], share(zz, "rate")) == ((1, 1), 2, (2, 3))
    assert (zz["e_ms"], zz["on_ms"], zz["off_ms"]) == (5 * HOUR, 5 * HOUR - 10 * MINUTE, 10 * MINUTE)
    assert (zz["verdict"], zz["failing"]) == ("WOULD_SCORE_ZERO", 1)
    first = zz["first"][0]
    assert (first["what"], first["cause"], first["position"], first["zone"]) == ("online", "offline", "P2", "洗消间")
    caterers = found["4101", "caterer"]
    assert (share(caterers, "coverage"), share(caterers, "rate")) == ((1, 1), (1, 2))
    assert (caterers["first"][0]["position"], caterers["first"][0]["cause"]) == ("P7", "unknown")
    assert share(found["4101", ""], "rate") == (3, 5)
    gongyi = found["410181", "canteen"]
    assert (gongyi["name"], gongyi["verdict"], share(gongyi, "rate")) == ("巩义市", "PASSES", (1, 1))
    own = found["41", "canteen"]
    assert (own["name"], share(own, "coverage"), own["first"][0]["cause"]) == ("省属学校", (0, 1), "never_seen")
    qi = found["4102", "canteen"]
    assert (share(qi, "coverage"), qi["first"][0]["cause"], qi["first"][0]["name"]) == (
        (1, 2),
        "no_position",
        "杞县一小",
    )
    assert found["4103", ""]["verdict"] == "NOT_ASSESSED"


def test_every_row_in_the_order_of_the_notice_and_a_moved_position_once(
    province: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """28 rows by code, then the provincial level; rows add up to the total; a moved position is where it was last."""
    found = rows(capsys, province)
    listed = [key for key, kind in found if kind == "" and key]
    assert (len(listed), listed[:2], listed[17:19], listed[-2:]) == (
        29,
        ["4101", "4102"],
        ["419001", "410181"],
        ["411729", "41"],
    )
    for kind in ("", "canteen", "caterer"):
        for name in ("positions", "obligated", "covered", "e_ms", "on_ms", "numerator", "denominator"):
            assert sum(found[key, kind][name] for key in listed) == found["", kind][name]
    assert found["", ""]["positions"] == 7
    assert found["4102", ""]["positions"] == 1


def test_counties_apart(province: str, capsys: pytest.CaptureFixture[str]) -> None:
    """金水区 and 杞县, each with its own verdict."""
    found = rows(capsys, province, "--level", "county")
    assert share(found["410105", ""], "coverage") == (2, 2)
    assert share(found["410221", "canteen"], "coverage") == (1, 2)
    assert ("4101", "") not in found


def test_a_past_month_is_as_it_was(province: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is registered, ended or moved later changes nothing of it; before there was anything there is nothing."""
    before = rows(capsys, province)
    later = tmp_path / "later.csv"
    later.write_text("unit,name,region,kind,since\nZ1,一小,410221,canteen,2024-08-01\n", "utf-8")
    ended = tmp_path / "ended.csv"
    ended.write_text("position,unit,zone,accepted_at,ended_at\nP2,Z1,洗消间,2024-06-30 22:00,2024-08-02\n", "utf-8")
    assert main(["registry", "import", str(later), str(ended), "--database", province]) == 0
    assert rows(capsys, province) == before
    none = json.loads(asked(capsys, 1, "--database", province, "--month", "2024-05", "--json"))
    kinds = {(row["key"], row["kind"]): row["verdict"] for row in none["rows"]}
    assert kinds["4101", ""] == "NOT_ASSESSED"
    assert kinds["4102", "canteen"] == "WOULD_SCORE_ZERO"  # 杞县一小 never had a position: it is obligated all the time


def test_own_outages_make_no_verdict(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where too little is known because the center itself was away: INSUFFICIENT, and no score."""
    database = str(tmp_path / "center.db")
    registered(database)
    found = rows(capsys, database)  # nothing was ever heard there, nor was the center ever up
    assert (found["410181", ""]["verdict"], found["410181", ""]["own_ms"]) == ("INSUFFICIENT", 2 * HOUR)
    assert found["41", ""]["verdict"] == "WOULD_SCORE_ZERO"  # that position is heard nowhere: nobody's outage


def test_as_a_table_and_for_a_spreadsheet(province: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Both kinds apart, the total first, the deciding reading marked; every row within 80 columns of words."""
    out = asked(capsys, 1, "--database", province, "--month", MONTH, "--lang", "zh")
    assert out.index("学校食堂") < out.index("校外供餐单位")
    assert all(word in out for word in ("日*", "不得分", "达标", "省属学校", "如今日考核不得分：3/4"))
    table = csv.DictReader(
        io.StringIO(asked(capsys, 1, "--database", province, "--month", MONTH, "--csv", "--lang", "en")[1:])
    )
    told = {(row["key"], row["kind"]): row for row in table}
    assert (told["4101", "canteen"]["numerator"], told["4101", "canteen"]["denominator"]) == ("2", "3")


def test_what_was_seen_before_is_the_same_by_the_month_before(province: str, tmp_path: Path) -> None:
    """A month in which nothing was told: what was ever seen, by the facts alone or by the month laid beside it."""
    ask = ("--database", province, "--month", "2024-07", "--out")
    assert main(["days", "build", *ask, str(tmp_path / "alone")]) == 0
    assert main(["days", "build", "--database", province, "--month", MONTH, "--out", str(tmp_path / "both")]) == 0
    assert main(["days", "build", *ask, str(tmp_path / "both")]) == 0
    alone, both = (
        {file.name: file.read_bytes() for file in (tmp_path / name / "2024-07" / "now" / "heard").iterdir()}
        for name in ("alone", "both")
    )
    assert set(alone) == {"4101.parquet", "4190.parquet"}
    assert alone == both
    rows = assess(tmp_path / "both" / "2024-07" / "now", month_span("2024-07"), Rules(), Rule())
    found = {(row.key, row.kind): (row.covered, row.obligated) for row in rows}
    assert found["4101", "canteen"] == (1, 1)


def test_a_folder_of_days_gives_the_same(province: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Quicker, not otherwise; a month that is final is taken as it was frozen."""
    alone = rows(capsys, province)
    assert rows(capsys, province, "--days", str(tmp_path / "days")) == alone
    assert main(["days", "freeze", "--month", MONTH, "--out", str(tmp_path / "days"), "--by", "王芳"]) == 0
    told = json.loads(
        asked(capsys, 1, "--database", province, "--month", MONTH, "--json", "--days", str(tmp_path / "days"))
    )
    assert told["revision"] == 0
    assert {(row["key"], row["kind"]): row for row in told["rows"]} == alone


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--month", "2099-01"), "--month 2099-01 has not begun"),
        (("--month", "2026-13"), "--month 2026-13 is not YYYY-MM"),
        (("--year", "2099"), "--year 2099 has not begun"),
        (("--year", "26"), "--year 26 is no year"),
    ],
)
def test_what_has_not_begun_is_refused(
    province: str, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str
) -> None:
    """In words, and nothing is worked out."""
    assert said in asked(capsys, 2, "--database", province, "--lang", "en", *words)


# ---- a year -------------------------------------------------------------------------------------

DEADLINES = load_policy("henan-2021-45").deadlines


def row(kind: str, covered: int, obligated: int, numerator: int, denominator: int, verdict: str = "") -> Assessed:
    blank = dict.fromkeys(Assessed._fields, 0) | {"level": "row", "key": "4101", "name": "郑州市", "first": ()}
    told = {"kind": kind, "covered": covered, "obligated": obligated, "numerator": numerator}
    return Assessed(**{**blank, **told, "denominator": denominator, "verdict": verdict})


def test_deadlines_bind_from_their_month_on() -> None:
    """November 2021 asks coverage of all; December of canteens as well, and the rate of both."""
    assert due(DEADLINES, "2021-10-31") == []
    assert [(one.what, one.units) for one in due(DEADLINES, "2021-11-30")] == [("coverage", "all")]
    assert len(due(DEADLINES, "2021-12-31")) == 4


def test_a_month_before_the_deadline_of_the_rate_is_judged_on_coverage() -> None:
    """Offline in November 2021 fails nothing yet; in December it does."""
    place = {"": row("", 2, 2, 9, 10), "canteen": row("canteen", 1, 1, 9, 10)}
    assert month_of_place(place, due(DEADLINES, "2021-11-30")) == "met"
    assert month_of_place(place, due(DEADLINES, "2021-12-31")) == "failed"
    assert month_of_place(place, []) == "not_due"


def test_a_year_scores_when_every_month_does() -> None:
    """One failed month costs the item; while months are to come or unclear it is open."""
    good = {f"2026-{n:02d}": "met" for n in range(1, 13)}
    assert year_of_place("4101", "郑州市", good).verdict == "SCORES"
    assert year_of_place("4101", "郑州市", good | {"2026-07": "nothing"}).verdict == "SCORES"
    assert year_of_place("4101", "郑州市", good | {"2026-07": "failed"}).verdict == "SCORES_NOTHING"
    assert year_of_place("4101", "郑州市", good | {"2026-12": "to_come"}).verdict == "OPEN"
    assert year_of_place("4101", "郑州市", good | {"2026-07": "insufficient"}).verdict == "OPEN"
    assert year_of_place("4101", "郑州市", dict.fromkeys(good, "nothing")).verdict == "OPEN"


def test_a_year_of_the_province(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Twelve months for each row, the deadlines beside; 巩义 failed after June, since nothing was told any more."""
    province = made(str(tmp_path / "center.db"))
    told = json.loads(asked(capsys, 1, "--database", province, "--year", "2024", "--json", "--days", str(tmp_path)))
    found = {one["key"]: one for one in told["rows"]}
    assert len(told["deadlines"]) == 4
    gongyi = found["410181"]["months"]
    assert (gongyi["2024-05"], gongyi["2024-06"], gongyi["2024-07"]) == ("nothing", "met", "insufficient")
    assert found["4101"]["verdict"] == "SCORES_NOTHING"
    assert found["4103"]["verdict"] == "OPEN"
