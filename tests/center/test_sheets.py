"""Sheets as people and Excel leave them: what is read, what is refused, and with what place and way out."""

import io
import re
import zipfile
from datetime import date, datetime
from pathlib import Path

import pytest
from openpyxl import Workbook

from center.registry.cells import hours, moment, weekdays, written
from center.registry.problems import Findings, Unfit, Wrong, letters
from center.registry.reading import Known, read
from center.registry.tree import Tree, regions_of
from center.registry.words import SENTENCES, said
from center.show import TEXTS
from contract.regions import load_regions

HEAD = "city,county,unit,kind,zone,slot,gateway,accepted_at"
ROW = "4101,金水区,第一小学,学校食堂,灶台,kitchen-1,zz-0001,2026-09-01T08:00:00+08:00"
KINDS = {"canteen": "canteen", "学校食堂": "canteen", "caterer": "caterer"}
NAIVE = datetime.fromisoformat("2026-09-01 08:00")
"""A workbook knows no time zones."""
TREE = Tree(regions_of(load_regions("henan")))


def known() -> Known:
    return Known(Tree(regions_of(load_regions("henan"))), KINDS, "2026-11-30", {}, frozenset())


def csv(*rows: str, head: str = HEAD) -> bytes:
    return "\n".join((head, *rows, "")).encode()


def rows(data: bytes, table: str = "positions", findings: Findings | None = None) -> list[tuple[object, ...]]:
    found = read(io.BytesIO(data), known(), findings or Findings())
    return [row for name, _, _, row in found if name == table]


def problems(data: bytes, lang: str = "en") -> list[str]:
    with pytest.raises(Unfit) as caught:
        read(io.BytesIO(data), known(), Findings())
    return [said(problem, lang) for problem in caught.value.problems]


def book(*lines: list[object], title: str = "点位", merge: str = "") -> bytes:
    made = Workbook()
    sheet = made.active
    sheet.title = title
    for line in lines:
        sheet.append(line)
    if merge:
        sheet.merge_cells(merge)
    data = io.BytesIO()
    made.save(data)
    return data.getvalue()


# ---- CSV -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
@pytest.mark.parametrize("separator", [",", "\t", ";"])
def test_encodings_and_separators_of_spreadsheets_are_read(encoding: str, separator: str) -> None:
    """UTF-8 with and without BOM and GB 18030, commas, tabs, semicolons; CRLF and blank rows do no harm."""
    text = f"{HEAD}\r\n{ROW}\r\n,,,,,,,\r\n\r\n".replace(",", separator)
    ((position, _, _, unit, zone, *_),) = rows(text.encode(encoding))
    assert (position, unit, zone) == ("zz-0001/kitchen-1", "4101/410105/第一小学/canteen", "灶台")


def test_titles_chinese_headers_and_full_width_digits() -> None:
    """A title above the header, stars and hints in it, a column of one's own, digits of a Chinese keyboard."""
    text = (
        "河南省点位登记表,,,,,,,,\n填报单位：,,,,,,,,\n"
        "序号,主题城市码*,区县*,单位（全称）,类别,部位,通道,网关编号,启用时间\n"
        "1,４１０１,４１０１０５,第一小学,学校食堂,灶台,ｋ１,zz－0001,２０２６－０９－０１\n"
    )
    ((position, since, *_),) = rows(text.encode("gb18030"))
    assert (position, written(since)) == ("zz-0001/k1", "2026-09-01 00:00")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("2026-09-01T00:00:00Z", "2026-09-01 08:00"),
        ("2026-09-01 08:00", "2026-09-01 08:00"),
        ("20260901", "2026-09-01 00:00"),
        ("2026/9/1", "2026-09-01 00:00"),
        ("2026/9/1 8:05", "2026-09-01 08:05"),
        ("2026.9.1", "2026-09-01 00:00"),
        ("2026/9/1 1:30 PM", "2026-09-01 13:30"),
        ("2026/9/1 下午 1:30:05", "2026-09-01 13:30:05"),
        ("2026年9月1日", "2026-09-01 00:00"),
        ("2026年9月1日 8时30分", "2026-09-01 08:30"),
        ("2026年9月1日星期二", "2026-09-01 00:00"),
        ("二〇二六年九月二十一日", "2026-09-21 00:00"),
        ("1-Sep-2026", "2026-09-01 00:00"),
        ("46266", "2026-09-01 00:00"),
        ("46266.5", "2026-09-01 12:00"),
        ("２０２６－９－１", "2026-09-01 00:00"),
    ],
)
def test_dates_as_excel_writes_them(text: str, wanted: str) -> None:
    """Every form of a Chinese or English setting, and the number behind it; no offset means Asia/Shanghai."""
    assert written(moment(text)) == wanted


@pytest.mark.parametrize(
    "text", ["9999-12-31", "2100/1/2", "1969-12-31", "2026/13/1", "9/1", "tomorrow", "2026/9/1 25:00"]
)
def test_times_that_nobody_means_are_refused(text: str) -> None:
    """Before 1970, from 2100 on, or no time at all."""
    with pytest.raises(Wrong) as caught:
        moment(text)
    assert caught.value.name == "time"


def test_month_and_day_are_not_guessed() -> None:
    """9/1/2026 is September in one setting and January in another."""
    assert problems(csv(ROW.rpartition(",")[0] + ",9/1/2026"))[0].endswith(
        "does not tell day from month: write 2026-09-01"
    )


def test_all_errors_at_once_with_their_places() -> None:
    """Every problem of every row, by line and column, in the order of the file."""
    lines = (
        ROW,
        "41,金水区,第一小学,食堂,灶台,kit chen,ZZ,tomorrow",
        "4101,,第一小学,caterer,灶台,k2,zz-0001,2026-09-01",
        "4102,杞县,二小,caterer,灶台,k3,zz-0001,2026-09-01",
        "4101,too,few",
        ROW.replace("灶台", "=HYPERLINK(1)"),
    )
    assert problems(csv(*lines)) == [
        "line 3 column A: 主题城市码 (city) '41' does not match ^[0-9]{4}$",
        "line 3 column D: 类别 (kind) '食堂' is none of canteen, 学校食堂, caterer",
        "line 3 column F: 通道 (slot) 'kit chen' does not match ^[A-Za-z0-9._-]{1,64}$",
        "line 3 column G: 网关编号 (gateway) 'ZZ' does not match ^[a-z0-9-]{3,40}$",
        "line 3 column H: 启用时间 (accepted_at) 'tomorrow' is no time of 1970 to 2099 such as 2026-09-01 08:00",
        "line 4 column B: 区县 (county) is empty",
        "line 5: gateway zz-0001 is in city 4102 here and in 4101 above, or as registered (a new one: a row in"
        " gateways)",
        "line 6: 3 fields, the header has 8",
        "line 7 column E: 部位 (zone) is a formula: enter its value; if it is meant as text, put an apostrophe (')"
        " before it",
    ]


@pytest.mark.parametrize(
    ("county", "wanted"),
    [
        ("4.1E+05", "4.1E+05 was made a number by Excel: format the column as text"),
        ("410999", "410999 is no locality; near to it"),
        ("330102", "330102 does not lie in 41 河南省"),
        ("410728", "410728 长垣县 is no longer given out since 2019-08-25: now 410783 长垣市"),
        ("410302", "410302 老城区 does not lie in city 4101 (but in 4103)"),
        ("金水曲", "金水曲 is no locality; near to it: 410105 金水区"),
    ],
)
def test_a_wrong_locality_is_told_with_what_it_may_have_been(county: str, wanted: str) -> None:
    """Spoilt by Excel, unknown, foreign, abolished, elsewhere or mistyped: never a new locality."""
    (told,) = problems(csv(ROW.replace("金水区", county)))
    assert wanted in told


@pytest.mark.parametrize("text", ["410105", "410105000000", "金水区", "金水", "Jinshui", "４１０１０５", "410105.0"])
def test_a_locality_by_code_or_name(text: str) -> None:
    """The code, with the zeros of the statistical one, a name with or without its ending, in either language."""
    assert TREE.find(text, "2026-11-30") == "410105"


def test_the_28_rows_by_code() -> None:
    """A county counts in its city's row, one that the province governs in its own, the province's own in none."""
    assert [TREE.row(code).code for code in ("410105", "410225", "419001", "410171", "4101")] == [
        *("4101", "410225", "419001", "4101", "4101")
    ]
    assert TREE.row("41").kind == "province"
    assert TREE.province("410225").code == "41"
    with pytest.raises(Wrong) as caught:
        TREE.find("新华区x", "2026-11-30")
    assert caught.value.name == "nowhere"


@pytest.mark.parametrize(
    ("data", "wanted"),
    [
        (
            csv(ROW, head=HEAD.replace("zone", "zon")),
            ["column 部位 (zone) is missing from the sheet 登记表"],
        ),
        (b"", ["the file is empty"]),
        (b"a,b\n1,2\n", ["line 1: no header that is known within the first 10 rows"]),
        (b"\x81\xff\xff", ["neither UTF-8 nor GB 18030"]),
        ("a".encode("utf-16"), ["UTF-16 (Excel's “Unicode Text”): save it as"]),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(512), ["an old Excel file (.xls) or one with a password"]),
        (csv(ROW).replace("灶台".encode(), "灶台".encode()[:-1]), ["line 2: a damaged character"]),
        (csv('"open'), ["line 2: not a CSV: unexpected end of data"]),
        (csv(ROW + ",2026-08-01", head=HEAD + ",ended_at"), ["line 2: the end lies before the beginning"]),
        (csv(ROW, head=HEAD + ",city"), ["line 1 column I: column 'city' stands twice"]),
        (csv(ROW, head=HEAD + ",phone"), ["line 1 column I: no such column: 'phone'"]),
    ],
)
def test_what_is_no_registry_is_refused(data: bytes, wanted: list[str]) -> None:
    """A wrong header, encoding, format or quoting is named with what to do, not guessed at."""
    told = problems(data)
    for words in wanted:
        assert any(words in one for one in told), told


def test_a_sheet_that_is_too_large_is_refused_before_it_is_read(tmp_path: Path) -> None:
    """200 MB: told at once, with what to do."""
    file = tmp_path / "large.csv"
    with file.open("wb") as data:
        data.write(csv(ROW))
        data.truncate(200_000_000)
    with file.open("rb") as data, pytest.raises(Unfit) as caught:
        read(data, known(), Findings())
    assert said(caught.value.problems[0], "zh") == "文件有 200 MB，最多 150 MB：请按市县分成几个文件"


# ---- XLSX ----------------------------------------------------------------------------------------

UNITS = ["单位编号", "单位名称", "区划代码", "类别", "应接入起", "联系电话"]


def test_cells_of_a_workbook_are_what_they_look_like() -> None:
    """A code kept as a number, a day as a date, a telephone as digits, a name that looks like a formula as text."""
    made = Workbook()
    sheet = made.active
    sheet.append(["登记表"])
    sheet.append(UNITS)
    sheet.append([7, "x", 410105, "学校食堂", date(2026, 9, 1), 13800138000])
    sheet["B3"].value = "=HYPERLINK(1)"
    sheet["B3"].data_type = "s"
    data = io.BytesIO()
    made.save(data)
    ((unit, since, name, region, kind, _, begins, _, _, _, telephone),) = rows(data.getvalue(), "units")
    assert (unit, since, name, region, kind) == ("7", 0, "=HYPERLINK(1)", "410105", "canteen")
    assert (begins, telephone) == ("2026-09-01", "13800138000")


def test_merged_cells_are_filled_down_and_told() -> None:
    """What stands in a merged cell stands for each of its rows, with a warning that says so."""
    head = ["点位编号", "单位编号", "部位", "启用时间"]
    lines = [
        ["P1", "U1", "a", NAIVE],
        ["P2", None, "b", "2026-09-01"],
        ["P3", None, "c", "2026-09-01"],
    ]
    findings = Findings()
    found = rows(book(head, *lines, merge="B2:B4"), "positions", findings)
    assert [row[3] for row in found] == ["U1", "U1", "U1"]
    assert [said(warning, "zh") for warning in findings.warnings] == [
        "表“点位” 第2行 B列: 合并单元格“U1”已填入其下各行"
    ]


def test_formula_cells_are_refused_with_their_place() -> None:
    """A formula's value is what some program last computed: a person enters the value."""
    lines = [["U1", "一小", "=A1", "canteen", None, None]]
    assert problems(book(UNITS, *lines, title="单位"))[0].startswith("sheet “单位” line 2 column C: a formula: enter")


def test_errors_and_truth_values_are_refused_with_their_place() -> None:
    """A cell that shows #REF! is not empty, and TRUE is no name, no place and no id."""
    made = Workbook()
    made.active.append(["点位编号", "单位编号", "部位", "启用时间", "监管项目"])
    made.active.append(["P1", "U1", "灶台", "2026-09-01", "#REF!"])
    made.active["E2"].data_type = "e"
    data = io.BytesIO()
    made.save(data)
    assert problems(data.getvalue()) == ["sheet “Sheet” line 2 column E: an error such as #REF!: enter the value"]
    head = ["点位编号", "单位编号", "部位", "启用时间"]
    told = problems(book(head, ["P1", "U1", True, "2026-09-01"], [False, "U1", "a", "2026-09-01"]))
    assert ["is a truth value of Excel" in one for one in told] == [True, True]
    told = problems(book([*UNITS, "必设部位"], ["U1", "一小", "410105", "canteen", None, None, True], title="单位"))
    assert "必设部位 (zones) TRUE is a truth value of Excel" in told[0]


def test_hidden_sheets_and_rows_are_read_and_told() -> None:
    """What a person does not see counts as well: a warning names the sheet."""
    made = Workbook()
    made.active.append(["如何填写", "…"])
    sheet = made.create_sheet("单位")
    sheet.append(UNITS[:4])
    for number in range(3):
        sheet.append([f"U{number}", "一小", "410105", "canteen"])
    sheet.sheet_state = "hidden"
    sheet.row_dimensions[3].hidden = sheet.row_dimensions[4].hidden = True
    data, findings = io.BytesIO(), Findings()
    made.save(data)
    assert len(rows(data.getvalue(), "units", findings)) == 3
    told = [said(warning, "en") for warning in findings.warnings]
    assert "sheet “单位”: a hidden sheet, it is read as well" in told
    assert "sheet “单位” line 3: 2 rows are hidden, the first here; they are read as well" in told


def test_a_number_that_lost_its_digits_is_refused() -> None:
    """Twenty digits do not fit into a spreadsheet's number: what is left of them is no id."""
    head = ["点位编号", "单位编号", "部位", "启用时间", "国标编号"]
    (told,) = problems(book(head, ["P1", "U1", "a", "2026-09-01", 41010200001310000001]))
    assert "国标编号 (gb_id) 4.101020000131E+19 was made a number by Excel" in told


def test_sheets_of_other_things_are_passed_over_and_told() -> None:
    """Explanations do no harm in a workbook; a workbook of nothing else is refused."""
    made = Workbook()
    made.active.append(["如何填写", "…"])
    sheet = made.create_sheet("单位")
    sheet.append(UNITS[:4])
    sheet.append(["U1", "一小", "410105", "canteen"])
    data, findings = io.BytesIO(), Findings()
    made.save(data)
    assert len(rows(data.getvalue(), "units", findings)) == 1
    assert said(findings.warnings[0], "en") == "sheet “Sheet”: no header that is known: not read"


def test_a_bomb_is_not_unpacked() -> None:
    """By what the archive says, and by what it does: neither is trusted."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
        archive.writestr("xl/worksheets/sheet1.xml", bytes(200_000_000))
    (told,) = problems(packed.getvalue())
    assert told.startswith("the workbook unpacks to 200 MB (at most 1200 MB, and 300 times its size)")
    lying = packed.getvalue().replace((200_000_000).to_bytes(4, "little"), (1000).to_bytes(4, "little"))
    assert problems(lying)[0].startswith("the workbook cannot be opened")


def test_an_archive_that_is_no_workbook() -> None:
    """A ZIP or a document of another program."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("word/document.xml", "<x/>")
    assert problems(packed.getvalue()) == ["no spreadsheet: save it as .xlsx or CSV"]
    assert problems(b"PK\x03\x04" + bytes(100))[0].startswith("the workbook cannot be opened")


# ---- words ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "wanted"), [("1-5", "12345"), ("一三五", "135"), ("周一至周五", "12345"), ("", ""), ("1-7", "")]
)
def test_weekdays(text: str, wanted: str) -> None:
    """Digits, ranges or Chinese words; all of them are the same as none named."""
    assert weekdays(text) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("6:30-19:00", "06:30-19:00"),
        ("10:30～13:00，6:00-8:00", "06:00-08:00、10:30-13:00"),
        ("休", ""),
        ("0:00-24:00", "00:00-24:00"),
    ],
)
def test_hours(text: str, wanted: str) -> None:
    """Several windows in order; none is a closed day."""
    assert hours(text) == wanted


@pytest.mark.parametrize("text", ["6-7", "8:00-7:00", "8:00-9:00,8:30-10:00", "8:61-9:00", "8:00-24:01"])
def test_hours_that_are_none(text: str) -> None:
    """Backwards, twice, or beyond the day."""
    with pytest.raises(Wrong):
        hours(text)


def test_letters_of_columns() -> None:
    """As a spreadsheet heads them."""
    assert [letters(index) for index in (0, 25, 26, 701, 702)] == ["A", "Z", "AA", "ZZ", "AAA"]


def test_each_sentence_is_told_in_both_languages() -> None:
    """With the same words in it, whatever their order."""
    for name, texts in {**TEXTS, **SENTENCES}.items():
        chinese, english = (sorted(re.findall(r"{[0-9]?}", text)) for text in texts)
        assert set(chinese) == set(english), name
