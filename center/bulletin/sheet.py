"""The bulletin's annexes as a workbook: a sheet for each, whole, with both integers of every share beside it."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from center.bulletin.annexes import Annex, annexes
from center.registry.writing import workbook
from contract.policy import Policy

MM = 2
"""Of paper to one character of a column's width, about."""


def sheet(out: Path, told: dict[str, Any], policy: Policy, digest: str) -> None:
    """`told`: the bulletin as it reads, `digest`: the sha256 of its file. The same bulletin gives the same bytes."""
    lang = told["about"]["lang"]
    with workbook(out, datetime.fromisoformat(told["about"]["until"]).replace(tzinfo=None)) as book:
        head = book.add_format({"bold": True, "bottom": 1, "text_wrap": True})
        for annex in annexes(told, policy, digest, lang):
            _page(book, head, annex, ("附件", "Annex ")[lang != "zh"])


def _page(book: Any, head: Any, annex: Annex, word: str) -> None:
    page = book.add_worksheet(f"{word}{annex.number}")
    page.set_landscape()
    page.set_paper(9)
    page.fit_to_pages(1, 0)
    page.repeat_rows(1)
    page.freeze_panes(2, 0)
    page.write_string(0, 0, annex.title)
    for column, width in enumerate(annex.widths):
        page.set_column(column, column, width / MM)
    _row(page, 1, (*annex.heads, *annex.more_heads), head)
    for number, row in enumerate(annex.rows):
        _row(page, number + 2, (*row, *(annex.more[number] if annex.more else ())))
    if annex.note:
        page.write_string(len(annex.rows) + 2, 0, annex.note)


def _row(page: Any, line: int, cells: Sequence[str | int], *form: Any) -> None:
    for column, cell in enumerate(cells):
        put = page.write_number if isinstance(cell, int) else page.write_string
        put(line, column, cell, *form)
