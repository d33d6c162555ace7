"""Writes the registry as sheets: an empty workbook to fill in, or all that is registered.

Only here is XlsxWriter known. A text stays a text: what begins like a formula is none, here or in the spreadsheet that
opens it.
"""

import csv
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from center.forms import guarded
from center.placing import beside, fresh, make_folder
from center.registry.cells import written
from center.registry.sheets import ALL, POSITIONS, Column, Sheet
from center.registry.tree import regions_of
from center.store import Reader
from contract.policy import Policy
from contract.regions import Regions

TEMPLATE_ROWS = 5000
"""So many rows are formatted as text, so that no code becomes a number."""
EXPLAINED = ("说明", "how to")
_BOUND = ("gateway", "slot", "bound_at")


def template(out: Path, policy: Policy, regions: Regions, lang: str) -> dict[str, int]:
    """One sheet for each kind of row, one that explains them; the regions are filled in. Gives sheet -> rows."""
    fresh(out)
    filled = {"regions": [tuple(region) for region in regions_of(regions)]}
    with workbook(out) as book:
        text = book.add_format({"num_format": "@"})
        head = book.add_format({"bold": True, "num_format": "@", "bottom": 1})
        _explain(book.add_worksheet(EXPLAINED[lang == "en"]), policy, lang)
        for sheet in (*(one for one in ALL if one.name != "regions"), ALL[0]):
            page = book.add_worksheet(_title(sheet, lang))
            page.freeze_panes(1, 0)
            for index, column in enumerate(sheet.columns):
                page.set_column(index, index, 18, text)
                page.write_string(0, index, _head(column, lang), head)
                if column.kind in ("kind", "cause"):
                    page.data_validation(
                        1, index, TEMPLATE_ROWS, index, {"validate": "list", "source": _choices(column, policy, lang)}
                    )
            for line, row in enumerate(filled.get(sheet.name, ()), 1):
                for index, value in enumerate(row):
                    page.write_string(line, index, str(value), text)
    return {sheet.name: len(filled.get(sheet.name, ())) for sheet in ALL}


def _choices(column: Column, policy: Policy, lang: str) -> list[str]:
    if column.kind == "cause":
        return ["planned", "force_majeure"] if lang == "en" else ["计划", "不可抗力"]
    return [kind.title.en if lang == "en" else kind.title.zh for kind in policy.kinds]


def _explain(page: Any, policy: Policy, lang: str) -> None:
    """Every column: its sheet, whether it must be filled in, what belongs there."""
    zh = lang != "en"
    page.set_column(0, 2, 18)
    page.set_column(3, 3, 60)
    lines = [("表", "列", "必填", "填什么") if zh else ("in sheet", "in column", "required", "what belongs there")]
    for sheet in ALL:
        for column in sheet.columns:
            mark = ("是" if zh else "yes") if column.required else ""
            hint = column.hint[not zh]
            if column.kind in ("kind", "cause"):
                hint = "、".join(_choices(column, policy, lang))
            lines.append((_title(sheet, lang), column.zh if zh else column.name, mark, hint))
    for row, line in enumerate(lines):
        for index, value in enumerate(line):
            page.write_string(row, index, value)


def export(out: Path, reader: Reader, lang: str) -> dict[str, int]:
    """A workbook, or a folder of CSV files in UTF-8 with a BOM, as Excel opens them. Gives sheet -> rows."""
    if out.suffix.lower() == ".xlsx":
        fresh(out)
        with workbook(out) as book:
            return {sheet.name: _page(book.add_worksheet(_title(sheet, lang)), sheet, reader, lang) for sheet in ALL}
    make_folder(out)
    files = {sheet: out / f"{sheet.name}.csv" for sheet in ALL}
    for one in files.values():
        fresh(one)
    counts = {}
    for sheet in ALL:
        with beside(files[sheet]) as file, file.open("w", encoding="utf-8-sig", newline="") as data:
            table = csv.writer(data)
            written_rows = (table.writerow([guarded(value) for value in row]) for row in _rows(sheet, reader, lang))
            counts[sheet.name] = sum(1 for _ in written_rows) - 1
    return counts


def _page(page: Any, sheet: Sheet, reader: Reader, lang: str) -> int:
    """The rows below its header."""
    line = 0
    for line, row in enumerate(_rows(sheet, reader, lang)):
        for index, value in enumerate(row):
            page.write_string(line, index, value)
    return line


def _title(sheet: Sheet, lang: str) -> str:
    return sheet.name if lang == "en" else sheet.zh


def _head(column: Column, lang: str) -> str:
    return (column.name if lang == "en" else column.zh) + ("*" if column.required else "")


def _rows(sheet: Sheet, reader: Reader, lang: str) -> Iterator[Sequence[str]]:
    """The header, then every row in the order of the sheet's columns."""
    columns = [c for c in sheet.columns if not (sheet is POSITIONS and c.name in _BOUND)]
    yield [_head(column, lang) for column in columns]
    for row in reader.registered(sheet.name):
        yield [_cell(column, value) for column, value in zip(columns, _ordered(sheet.name, row), strict=True)]


def _ordered(name: str, row: Sequence[Any]) -> Iterable[Any]:
    """A row of the table in the order of its sheet."""
    if name == "units":
        unit, since, *rest = row
        return (unit, *rest, since)
    if name == "positions":
        position, since, until, *rest = row
        return (position, *rest, since, until)
    if name == "exclusions":
        return (row[0], "", *row[1:])
    return row


def _cell(column: Column, value: Any) -> str:
    if column.kind in ("time", "until"):
        return "" if value is None else written(value)
    if column.kind == "since":
        return written(value) if value else ""
    return str(value)


@contextmanager
def workbook(out: Path, made: datetime | None = None) -> Iterator[Any]:
    """Raises OSError where it cannot be written. `made`: when it says that it was, so that its bytes are the same."""
    from xlsxwriter import Workbook
    from xlsxwriter.exceptions import FileCreateError

    plain = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with beside(out) as file, file.open("wb") as data:
        book = Workbook(data, {"constant_memory": True, **plain})
        if made:
            book.set_properties({"created": made})
        yield book
        try:
            book.close()
        except FileCreateError as error:
            raise error.args[0] from error
