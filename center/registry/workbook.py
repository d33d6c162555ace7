"""Reads XLSX. Only here is python-calamine known.

What it does not tell (formulas, a bomb) is looked for in the archive.
"""

import re
import zipfile
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from typing import BinaryIO, Protocol

from center.registry.problems import Findings, Place, Problem, Unfit
from center.registry.sheets import REGIONS
from center.registry.source import MAX_ROWS, Progress, Row, Table

MAX_UNPACKED = 1_200_000_000
"""A million rows of twelve filled columns unpack to about this."""
MAX_RATIO = 300
"""No sheet that a person or a program filled is packed tighter."""
CHUNK = 1 << 20
_FORMULA = re.compile(rb'<(?:\w+:)?c\b[^>]*?\br="([A-Z]+)([0-9]+)"[^>]*>\s*<(?:\w+:)?f[ />]')
_ERROR = re.compile(rb'<(?:\w+:)?c\b(?=[^>]*?\bt="e")[^>]*?\br="([A-Z]+)([0-9]+)"')
_SOUGHT = (("formula_cell", b"f", _FORMULA), ("error_cell", b't="e"', _ERROR))
"""Cells that have no value of their own: (sentence, bytes that stand in every one, how it is found)."""
_HIDDEN = re.compile(rb'<(?:\w+:)?row\b(?=[^>]*?\bhidden="(?:1|true)")[^>]*?\br="([0-9]+)"')
_OVERLAP = 400
"""Bytes that a formula's cell may be cut by the end of a chunk."""
MAX_FORMULAS = 5
FIRST = (REGIONS.zh, REGIONS.name)
"""The sheet of the localities is read before those that name them, wherever it stands."""


def tables(data: BinaryIO, findings: Findings, progress: Progress) -> Iterator[Table]:
    """Raises Unfit. One table for each sheet; of one that is hidden, and of hidden rows, a person is told."""
    from python_calamine import CalamineError, CalamineWorkbook, PasswordError, SheetVisibleEnum

    _weigh(data, findings)
    data.seek(0)
    try:
        book = CalamineWorkbook.from_filelike(data)
        hidden = {one.name for one in book.sheets_metadata if one.visible != SheetVisibleEnum.Visible}
        for name in sorted(book.sheet_names, key=lambda name: name not in FIRST):
            sheet = book.get_sheet_by_name(name)
            if name in hidden and sheet.start:
                findings.warn(Place(name), "hidden_sheet")
            yield Table(name, _rows(name, sheet, findings, progress), True, sheet.start[1] if sheet.start else 0)
    except PasswordError:
        raise Unfit([Problem(Place(), "locked")]) from None
    except (CalamineError, OSError, ValueError) as error:
        raise Unfit([Problem(Place(), "no_workbook", (str(error)[:200],))]) from None


class _Sheet(Protocol):
    """What is used of a sheet of python-calamine."""

    @property
    def start(self) -> tuple[int, int] | None: ...
    @property
    def height(self) -> int: ...
    @property
    def merged_cell_ranges(self) -> list[tuple[tuple[int, int], tuple[int, int]]] | None: ...
    def iter_rows(self) -> Iterator[Sequence[object]]: ...


def _rows(name: str, sheet: _Sheet, findings: Findings, progress: Progress) -> Iterator[Row]:
    left, first = (sheet.start[1], sheet.start[0]) if sheet.start else (0, 0)
    total = first + sheet.height
    if total > MAX_ROWS:
        findings.wrong(Place(name), "rows", str(MAX_ROWS))
        return
    below = {
        (row, column - left): (top, column - left)
        for (top, column), (bottom, _) in sheet.merged_cell_ranges or ()
        for row in range(top + 1, min(bottom, top + 10_000) + 1)
    }
    merged = {cell for cells in below.items() for cell in cells}
    kept: dict[tuple[int, int], str] = {}
    told: set[tuple[int, int]] = set()
    lines_merged = {row for row, _ in merged}
    for index, values in enumerate(sheet.iter_rows() if sheet.start else ()):
        if index % 5000 == 0:
            progress(index, total)
        cells = [value if isinstance(value, str) else _text(value) for value in values]
        if index in lines_merged:
            _fill_down(name, index, cells, left, below, kept, told, findings)
        yield index + 1, cells
    progress(total, total)


def _fill_down(
    name: str,
    row: int,
    cells: list[str],
    left: int,
    below: dict[tuple[int, int], tuple[int, int]],
    kept: dict[tuple[int, int], str],
    told: set[tuple[int, int]],
    findings: Findings,
) -> None:
    """A merged cell stands for every row that it covers; a person is told once of each."""
    from center.registry.problems import letters

    for column, text in enumerate(cells):
        top = below.get((row, column))
        if top is None:
            kept[row, column] = text
            continue
        cells[column] = kept.get(top, "")
        if top not in told and cells[column]:
            told.add(top)
            findings.warn(Place(name, top[0] + 1, letters(column + left)), "merged", cells[column][:40])


def _text(value: object) -> str:
    """As it would stand in a CSV; a number that lost digits keeps the look that tells of it."""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value).replace("e+", "E+")
    if isinstance(value, datetime):
        return value.isoformat(" ", "milliseconds" if value.microsecond else "seconds")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, time | timedelta):
        return str(value)
    return "" if value is None else str(value)


# ---- what is in the archive ---------------------------------------------------------------------


def _weigh(data: BinaryIO, findings: Findings) -> None:
    """Unpacks without keeping, before anybody trusts what the archive says of its size. Raises Unfit."""
    try:
        with zipfile.ZipFile(data) as archive:
            names = [entry for entry in archive.infolist() if not entry.is_dir()]
            if not any(entry.filename.startswith("xl/") for entry in names):
                raise Unfit([Problem(Place(), "no_sheet")])
            declared = sum(entry.file_size for entry in names)
            packed = sum(entry.compress_size for entry in names)
            if declared > MAX_UNPACKED or declared > max(packed * MAX_RATIO, 10_000_000):
                raise _bomb(declared)
            formulas = [found for entry in names for found in _unpack(archive, entry, findings)]
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError) as error:
        raise Unfit([Problem(Place(), "no_workbook", (str(error)[:200],))]) from None
    except zipfile.zlib.error as error:  # type: ignore[attr-defined]
        raise Unfit([Problem(Place(), "no_workbook", (str(error)[:200],))]) from None
    if formulas:
        raise Unfit(formulas[:100], max(0, len(formulas) - 100))


def _bomb(unpacked: int) -> Unfit:
    return Unfit([Problem(Place(), "bomb", (f"{unpacked // 1_000_000} MB", f"{MAX_UNPACKED // 1_000_000} MB"))])


def _unpack(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, findings: Findings) -> Iterator[Problem]:
    """Formulas and errors of a worksheet; its hidden rows are a warning. Nothing unpacks to more than it says."""
    sheet = entry.filename.startswith("xl/worksheets/") and entry.filename.endswith(".xml")
    total, before = 0, b""
    found: dict[tuple[str, int], str] = {}
    hidden: set[int] = set()
    with archive.open(entry) as member:
        while chunk := member.read(CHUNK):
            total += len(chunk)
            if total > MAX_UNPACKED:
                raise _bomb(total)
            if sheet:
                before = before[-_OVERLAP:] + chunk
                for what, mark, pattern in _SOUGHT:
                    if mark in before and len(found) < MAX_FORMULAS:
                        for m in pattern.finditer(before):
                            found.setdefault((m[1].decode(), int(m[2])), what)
                if b"hidden=" in before:
                    hidden |= {int(m[1]) for m in _HIDDEN.finditer(before)}
    name = _title(archive, entry.filename) if found or hidden else ""
    if hidden:
        findings.warn(Place(name, min(hidden)), "hidden_rows", str(len(hidden)))
    for column, line in sorted(found, key=lambda cell: (cell[1], cell[0]))[:MAX_FORMULAS]:
        yield Problem(Place(name, line, column), found[column, line])


def _title(archive: zipfile.ZipFile, path: str) -> str:
    """The sheet's name, by the workbook's relations; its file's where that cannot be told."""
    try:
        book = archive.read("xl/workbook.xml").decode("utf-8", "replace")
        relations = archive.read("xl/_rels/workbook.xml.rels").decode("utf-8", "replace")
    except KeyError:
        return path
    target = path.removeprefix("xl/")
    for tag in re.findall(r"<Relationship\b[^>]*>", relations):
        if re.search(rf'Target="(/xl/)?{re.escape(target)}"', tag) and (own := re.search(r'Id="([^"]+)"', tag)):
            for sheet in re.findall(r"<(?:\w+:)?sheet\b[^>]*>", book):
                named = re.search(r'\bname="([^"]*)"', sheet)
                if f'id="{own[1]}"' in sheet and named:
                    return named[1]
    return path
