"""The bulletin as a letter: every figure in it is the data's, and DOCX, page and workbook say the same."""

import hashlib
import json
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import docx as python_docx
import openpyxl
import pytest

from center.bulletin import docx
from center.bulletin.annexes import annexes
from center.bulletin.letter import Letter, letter
from center.bulletin.page import page
from center.bulletin.sheet import sheet
from center.cli import main
from tests.center.bulletin.conftest import DIGEST, Made, published
from tests.center.provinces import MONTH

HOSTILE = ('=HYPERLINK("http://x","点我")', "<script>alert(1)</script>", "左\u202e右", "名" * 60)


def run(capsys: pytest.CaptureFixture[str], code: int, *words: str) -> str:
    capsys.readouterr()
    assert main(["bulletin", *words]) == code
    told = capsys.readouterr()
    return told.out + told.err


def text(made: Letter) -> str:
    return "\n".join(one.lead + one.text for one in made.paragraphs)


def leaves(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [leaf for one in value.values() for leaf in leaves(one)]
    return [leaf for one in value for leaf in leaves(one)] if isinstance(value, list) else [value]


def shares(value: Any) -> set[tuple[int, int]]:
    """Every (numerator, denominator) of the data."""
    if isinstance(value, list):
        return {pair for one in value for pair in shares(one)}
    if not isinstance(value, dict):
        return set()
    own = {(value["numerator"], value["denominator"])} if "numerator" in value else set()
    return own | {pair for one in value.values() for pair in shares(one)}


def renamed(told: dict[str, Any], names: tuple[str, ...] = HOSTILE) -> dict[str, Any]:
    """The data with other names of places and units, as a registry might have them."""
    found = json.loads(json.dumps(told))
    for number, row in enumerate((*found["rows"], *found["counties"])):
        row["name"] = names[number % len(names)]
        for one in (*row["first"], *row["causes"]):
            one["name"] = one["zone"] = names[number % len(names)]
    return found


@pytest.mark.parametrize("which", ["province", "long_june"])
def test_every_figure_in_the_text_is_in_the_data(which: str, request: pytest.FixtureRequest) -> None:
    """Per cent, pairs of whole numbers, points and counts: none is the letter's own but how many places it names."""
    made: Made = request.getfixturevalue(which)
    told = made.told
    said = text(letter(told, made.policy, DIGEST))
    values = {str(leaf) for leaf in leaves(told)}
    percents = set(re.findall(r"\d+\.\d+%", said))
    assert percents
    assert percents <= values
    pairs = {(int(n), int(d)) for n, d in re.findall(r"（(\d+)/(\d+)）", said)}
    assert pairs
    assert pairs <= shares(told)
    rows = [row for row in told["rows"] if not row["kind"] and row["verdict"] != "NOT_ASSESSED"]
    zero = [row for row in rows if row["verdict"] == "WOULD_SCORE_ZERO"]
    long = told["long_offline"]
    counted = {len(rows), len(zero), len(long), sum(o["positions"] for o in long), sum(o["lasting"] for o in long)}
    counts = {int(number) for number in re.findall(r"(\d+)(?:家|路|次，|个地区|个，)", said)}
    assert counts <= {leaf for leaf in leaves(told) if isinstance(leaf, int)} | counted


def test_what_it_says_of_a_small_province(province: Made) -> None:
    """Counts, the deciding rate with both integers, who would score nothing and why; nothing is made up."""
    said = text(letter(province.told, province.policy, DIGEST))
    assert "关于2024年6月份全省\n“互联网+明厨亮灶”工作进展情况的通报" in said
    assert "（暂定稿；截至2024年6月30日24时）" in said
    assert "作准的在线率按日为62.50%（5/8），无上月数据；按时长" in said
    assert "按抽查为78.57%" in said
    assert "个地区中有" in said
    assert "完好率本期数据未记录" in said
    assert "〔2024〕×号" in said
    assert "2024年×月×日" in said
    assert "代拟" not in said
    assert "0.00个百分点" not in said


def test_title_line_and_what_came_late(province: Made) -> None:
    """Provisional, final, revision n; the reason of a revision, and what late data would change."""
    told = province.told
    told["about"] |= {"revision": 0, "state": "final", "late": {}}
    assert "（终稿；" in (said := text(letter(told, province.policy, DIGEST)))
    assert "定稿后没有会改变数字的迟到数据" in said
    told["about"] |= {"revision": 2, "reason": "网关补传", "late": {"on_ms": -7_200_000}}
    said = text(letter(told, province.policy, DIGEST))
    assert "（第2次修订；" in said
    assert "理由：网关补传" in said
    assert "在线时长将减少2小时0分" in said


def test_offline_for_more_than_seven_days(long_june: Made) -> None:
    """By the clock: from when, to the end or not; six days are not more than seven. Silence is not offline."""
    told = long_june.told
    (one,) = told["long_offline"]
    assert (one["unit"], one["positions"], one["lasting"]) == ("L1", 2, 1)
    assert one["since"] == "2024-06-05T00:00:00+08:00"
    assert one["longest_ms"] == 26 * 86_400_000
    assert told["silent"] == {"positions": 1, "units": 1}
    said = text(letter(told, long_june.policy, DIGEST))
    assert "连续离线超过7天的摄像机2路，涉及单位1家，其中月末仍离线1路" in said
    assert "月末24小时没有任何数据的摄像机1路" in said
    table = annexes(told, long_june.policy, DIGEST)[-2]
    assert table.rows[0][-2:] == ("06-05 00:00", "26天0小时")


def test_causes_are_counted(long_june: Made) -> None:
    """The most frequent first, each with its first unit, and since when that is offline where it is so to the end."""
    row = next(row for row in long_june.told["rows"] if row["code"] == "4101" and not row["kind"])
    (offline,) = [one for one in row["causes"] if one["cause"] == "offline"]
    assert (offline["what"], offline["unit"], offline["position"]) == ("online", "L1", "P1")
    assert offline["offline_since"] == "2024-06-05T00:00:00+08:00"
    assert sum(one["count"] for one in row["causes"]) == row["failing"]


def last_month(made: Made, folder: Path, **settings: Any) -> dict[str, Any]:
    """A bulletin of May: June's data with other sums, and other settings."""
    told = made.told
    told["about"] |= {"month": "2024-05"}
    told["settings"] |= settings
    for row in (*told["total"], *told["rows"]):
        row["days"]["numerator"] = row["days"]["denominator"] // 3
    folder.mkdir()
    (folder / "bulletin.json").write_text(json.dumps(told), "utf-8")
    return told


def test_compared_with_last_month(province: Made, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In points, of what is printed; found beside --out by its name; recomputed to the byte; its hash is stated."""
    before = last_month(province, tmp_path / "2024-05")
    told = published(province.database, tmp_path / "2024-06").told
    whole = next(row for row in told["total"] if not row["kind"])
    assert (whole["change"]["numerator"], whole["change"]["denominator"]) == (2, 8)
    assert (whole["change"]["text"], whole["change"]["points"]) == ("25.00%", "+37.50")
    digest = hashlib.sha256((tmp_path / "2024-05" / "bulletin.json").read_bytes()).hexdigest()
    assert told["about"]["previous"] == {"month": "2024-05", "revision": None, "sha256": digest}
    said = text(letter(told, province.policy, DIGEST))
    assert "较上月（25.00%）提高37.50个百分点" in said
    assert all(row["change"] is None for row in told["rows"] if not row["days"]["denominator"])
    run(capsys, 0, "verify", str(tmp_path / "2024-06"))
    assert before["about"]["month"] == "2024-05"


def test_what_cannot_be_compared_is_said(province: Made, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Another definition last month; a folder that is no bulletin of last month is refused, and nothing is written."""
    last_month(province, tmp_path / "other", deciding="time")
    ask = ("--database", province.database, "--month", MONTH, "--lang", "en", "--out", str(tmp_path / "b"))
    run(capsys, 0, *ask, "--previous", str(tmp_path / "other"))
    told = json.loads((tmp_path / "b" / "bulletin.json").read_bytes())
    assert "口径与上月不同" in text(letter(told, province.policy, DIGEST))
    shutil.rmtree(tmp_path / "b")
    assert "no bulletin of 2024-05" in run(capsys, 2, *ask, "--previous", str(tmp_path / "none"))
    assert "no bulletin of 2024-05" in run(capsys, 2, *ask, "--previous", str(province.folder))
    assert not (tmp_path / "b").exists()


def test_the_document_reads_as_the_letter(province: Made) -> None:
    """Paragraphs, tables and properties; it is a draft by its properties, with no colour and no picture in it."""
    told, digest = province.told, hashlib.sha256((province.folder / "bulletin.json").read_bytes()).hexdigest()
    made = letter(told, province.policy, digest)
    found = python_docx.Document(str(province.folder / "bulletin.docx"))
    lines = [one.text for one in found.paragraphs if one.text]
    assert lines[: len(made.paragraphs)] == [one.lead + one.text for one in made.paragraphs]
    assert len(found.tables) == len(made.annexes) == 5
    for table, annex in zip(found.tables, made.annexes, strict=True):
        cells = [[cell.text for cell in row.cells] for row in table.rows]
        assert cells == [list(annex.heads), *([str(cell) for cell in row] for row in annex.rows)]
    said = found.core_properties
    assert (said.title, said.subject, said.category, said.author) == (made.title, "暂定稿", "代拟稿", "")
    xml = found.element.xml
    assert "w:color " not in xml
    assert "<w:drawing" not in xml
    assert set(re.findall(r'w:eastAsia="([^"]+)"', xml)) == {"方正小标宋简体", "仿宋_GB2312", "黑体", "楷体_GB2312"}


def test_the_annexes_have_28_rows_in_their_order(province: Made) -> None:
    """For each kind of unit: the total first, the notice's 28 in its order, then 省属学校."""
    tables = annexes(province.told, province.policy, DIGEST)
    assert [one.title for one in tables[:2]] == ["学校食堂情况表", "校外供餐单位情况表"]
    for table in tables[:2]:
        assert [row[1] for row in table.rows][:3] == ["合计", "郑州市", "开封市"]
        assert table.rows[-1][1] == "省属学校"
        assert [row[0] for row in table.rows] == ["", *range(1, 30)]
    assert [one.title for one in tables[2:]] == [
        "未达到100%的县（市、区）及首要原因",
        "连续离线7天以上单位",
        "统计口径和数据校验",
    ]
    assert all(sum(table.widths) <= 226 for table in tables)


def test_the_workbook_reads_as_the_annexes(province: Made, tmp_path: Path) -> None:
    """Every cell; whole numbers are numbers; no name is a formula; in the language that was asked for."""
    told = renamed(province.told)
    sheet(tmp_path / "a.xlsx", told, province.policy, DIGEST)
    book = openpyxl.load_workbook(tmp_path / "a.xlsx")
    lang = told["about"]["lang"]
    for page_of, annex in zip(book.worksheets, annexes(told, province.policy, DIGEST, lang), strict=True):
        rows = [[cell.value for cell in row] for row in page_of.iter_rows()]
        wide = len(annex.heads) + len(annex.more_heads)
        assert rows[0][0] == annex.title
        assert tuple(rows[1][:wide]) == (*annex.heads, *annex.more_heads)
        for number, row in enumerate(annex.rows):
            more = annex.more[number] if annex.more else ()
            assert tuple(cell if cell is not None else "" for cell in rows[number + 2][:wide]) == (*row, *more)
        assert not [cell for row in page_of.iter_rows() for cell in row if cell.data_type == "f"]


def test_names_stay_names(province: Made, tmp_path: Path) -> None:
    """A formula, markup, a bidi override, sixty characters: text on the page and in the document, and nothing else."""
    made = letter(renamed(province.told), province.policy, DIGEST)
    html = page(made)
    assert "<script" not in html
    assert "&lt;script&gt;alert(1)" in html
    assert "\u202e" not in html
    docx.write(tmp_path / "a.docx", made)
    found = python_docx.Document(str(tmp_path / "a.docx"))
    said = "\n".join(one.text for one in found.paragraphs)
    assert HOSTILE[0] in said
    assert HOSTILE[3] in said
    assert "\u202e" not in said


def test_the_page_reads_as_the_letter(province: Made) -> None:
    """Every paragraph and every row of every annex; nothing is fetched, nothing runs."""
    html = (province.folder / "bulletin.html").read_text("utf-8")
    digest = hashlib.sha256((province.folder / "bulletin.json").read_bytes()).hexdigest()
    made = letter(province.told, province.policy, digest)
    assert html == page(made)
    assert html.count("<tr>") == sum(len(one.rows) + 1 for one in made.annexes)
    assert "default-src 'none'" in html
    assert not re.findall(r"(?:src|href)=|url\(|@import|http://|https://", html)


def test_the_letter_that_was_altered_is_told(
    province: Made, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A figure in the document, though the list of hashes was made anew."""
    shutil.copytree(province.folder, tmp_path / "b")
    told = tmp_path / "b" / "bulletin.docx"
    document = python_docx.Document(str(told))
    document.paragraphs[-1].add_run("全部达标")
    document.save(str(told))
    sums = (tmp_path / "b" / "SHA256SUMS").read_text("utf-8")
    before = hashlib.sha256((province.folder / "bulletin.docx").read_bytes()).hexdigest()
    (tmp_path / "b" / "SHA256SUMS").write_text(
        sums.replace(before, hashlib.sha256(told.read_bytes()).hexdigest()), "utf-8"
    )
    assert "bulletin.docx" in run(capsys, 1, "verify", str(tmp_path / "b"), "--csv")


def test_without_python_docx(
    province: Made, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """All but the letter is written, and it is said what to install; a PDF is refused; a letter is not compared."""
    monkeypatch.setitem(sys.modules, "docx", None)
    ask = ("--database", province.database, "--month", MONTH, "--lang", "en", "--out", str(tmp_path / "b"))
    assert "canteen-agent[bulletin]" in run(capsys, 0, *ask)
    assert sorted(file.name for file in (tmp_path / "b").glob("bulletin.*")) == [
        "bulletin.html",
        "bulletin.json",
        "bulletin.xlsx",
    ]
    shutil.copyfile(province.folder / "bulletin.docx", tmp_path / "b" / "bulletin.docx")
    assert "not compared: python-docx is missing" in run(
        capsys, 1, "verify", str(tmp_path / "b"), "--lang", "en", "--csv"
    )


def test_another_regulation_and_a_province_without_units(province: Made) -> None:
    """Addressees that are not known are left open; nothing to assess is said, not counted as 0 or 100 %."""
    told = province.told
    import msgspec

    other = msgspec.structs.replace(province.policy, document="某省〔2030〕1号《办法》")
    for row in (*told["total"], *told["rows"]):
        row |= {"obligated": 0, "covered": 0, "positions": 0, "verdict": "NOT_ASSESSED", "first": [], "causes": []}
        for name in ("coverage", "time", "days", "spot", "evidence"):
            row[name] = {"numerator": 0, "denominator": 0, "text": "n/a"}
    told["counties"] = []
    said = text(letter(told, other, DIGEST))
    assert "（主送机关）：" in said
    assert "没有应建的学校食堂" in said
    assert "n/a" not in said
    assert not re.findall(r"\d+\.\d+%", said)
