"""A file as tables of cells: CSV in any encoding that Excel writes, or a workbook.

What a cell means is not known here.
"""

import codecs
import csv
import io
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import BinaryIO, NamedTuple

from center.registry.problems import Findings, Place, Unfit

MAX_CSV_BYTES = 150_000_000
MAX_ROWS = 1_000_000
CHUNK = 1 << 20
FIRST_CJK = "\u2e80"
_HEAD_LINES = 20
_GUESSES = ",\t;"

Row = tuple[int, list[str]]
"""(line beginning with 1, cells)."""
Progress = Callable[[int, int], None]
"""(done, of), in bytes or rows."""


class Table(NamedTuple):
    """`name`: of a workbook's sheet; "" for a CSV. `raw`: cells as they are, no formula guarded by an apostrophe.

    `left`: how many empty columns of the sheet stand before the first cell.
    """

    name: str
    rows: Iterator[Row]
    raw: bool = False
    left: int = 0


def tables(data: BinaryIO, findings: Findings, progress: Progress = lambda done, of: None) -> Iterator[Table]:
    """Raises Unfit. Rows come as they are read: nothing is held that need not be."""
    head = data.read(8)
    data.seek(0)
    if head.startswith(b"PK\x03\x04"):
        from center.registry import workbook

        yield from workbook.tables(data, findings, progress)
        return
    if head.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        raise _unfit("old_excel")
    if head.startswith((b"\xff\xfe", b"\xfe\xff")) or head[:4].count(0) == 2:
        raise _unfit("utf16")
    if head.startswith((b"%PDF", b"{\\rtf", b"\x89PNG", b"\xff\xd8\xff")):
        raise _unfit("no_sheet")
    size = data.seek(0, io.SEEK_END)
    data.seek(0)
    if size > MAX_CSV_BYTES:
        raise _unfit("large", f"{size // 1_000_000} MB", f"{MAX_CSV_BYTES // 1_000_000} MB")
    encoding = _encoding(data)
    data.seek(0)
    text = io.TextIOWrapper(data, encoding, newline="")
    try:
        yield Table("", _records(text, data, size, findings, progress))
    finally:
        with suppress(ValueError):
            text.detach()


def _unfit(name: str, *words: str, line: int = 0) -> Unfit:
    findings = Findings()
    findings.wrong(Place("", line), name, *words)
    return Unfit(findings.problems)


def _encoding(data: BinaryIO) -> str:
    """UTF-8 (with or without BOM) or GB 18030: the whole file is in one of them."""
    decoder, lines, foreign = codecs.getincrementaldecoder("utf-8")(), 0, 0
    try:
        while chunk := data.read(CHUNK):
            before = decoder.decode(chunk)
            lines += before.count("\n")
            foreign += foreign < 2 and sum(char >= FIRST_CJK for char in before if char != "\ufeff")
        decoder.decode(b"", final=True)
        return "utf-8-sig"
    except UnicodeDecodeError as error:
        valid = error.object[: error.start].decode("utf-8", "replace")
        lines += valid.count("\n")
        foreign += sum(char >= FIRST_CJK for char in valid if char != "\ufeff")
    if foreign > 1:  # GB 18030 would hardly be UTF-8 so far, and garble the rest
        raise _unfit("damaged", line=lines + 1)
    data.seek(0)
    chinese = codecs.getincrementaldecoder("gb18030")()
    try:
        while chunk := data.read(CHUNK):
            chinese.decode(chunk)
        chinese.decode(b"", final=True)
    except UnicodeDecodeError:
        raise _unfit("encoding") from None
    return "gb18030"


def _records(
    text: io.TextIOWrapper, data: BinaryIO, size: int, findings: Findings, progress: Progress
) -> Iterator[Row]:
    reader = csv.reader(text, delimiter=_delimiter(text), strict=True)
    try:
        for count, row in enumerate(reader):
            if count % 5000 == 0:
                progress(data.tell(), size)
                if count > MAX_ROWS:
                    findings.wrong(Place(), "rows", str(MAX_ROWS))
                    return
            yield reader.line_num, row
    except csv.Error as error:
        findings.wrong(Place("", reader.line_num), "no_csv", str(error))
    progress(size, size)


def _delimiter(text: io.TextIOWrapper) -> str:
    """What stands most often in the first lines: Excel follows the country's setting."""
    head = "".join(text.readline(10_000) for _ in range(_HEAD_LINES))
    text.seek(0)
    return max(_GUESSES, key=head.count)
