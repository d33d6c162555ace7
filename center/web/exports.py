"""A table as a file: just the rows and columns that the page shows, of all its pages. No cell of it is computed."""

import csv
import io
import re
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from starlette.responses import Response

from center.forms import BOM, guarded
from center.registry.writing import workbook
from center.web.tables import Shown
from contract.text import printable

FORMS = ("csv", "xlsx")
KINDS = {"csv": "text/csv; charset=utf-8", "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}


def exported(form: str, name: str, shown: Shown) -> Response:
    """`form`: one of FORMS. `name`: what the file is called, without its ending."""
    rows = [[column.title for column in shown.columns]]
    rows += [[printable(cell.text) for cell in row] for row in shown.every]
    body = _csv(rows) if form == "csv" else _xlsx(rows)
    told = {"content-disposition": f'attachment; filename="{safe(name)}.{form}"'}
    return Response(body, media_type=KINDS[form], headers=told)


def safe(name: str) -> str:
    """Letters, digits and hyphens, whatever a unit or a place is called."""
    return re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-")[:80] or "export"


def _csv(rows: Sequence[Sequence[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows([guarded(cell) for cell in row] for row in rows)
    return (BOM + text.getvalue()).encode()


def _xlsx(rows: Sequence[Sequence[str]]) -> bytes:
    """Texts alone, which no spreadsheet computes."""
    with TemporaryDirectory(prefix="canteen-web-") as folder:
        file = Path(folder) / "export.xlsx"
        with workbook(file) as book:
            page = book.add_worksheet()
            page.freeze_panes(1, 0)
            page.set_column(0, len(rows[0]) - 1, 16)
            for line, row in enumerate(rows):
                for place, cell in enumerate(row):
                    page.write_string(line, place, cell)
        return file.read_bytes()
