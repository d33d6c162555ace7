"""How a page with a table answers: as a page, or as a file of all that it lists."""

from collections.abc import Sequence
from typing import Any

from starlette.responses import Response

from center.web.admission import network
from center.web.exports import FORMS, exported
from center.web.render import page
from center.web.site import Visit, Wrongly
from center.web.tables import Cell, Column, Shown, Unasked, asked_of, shown


def listed(visit: Visit, columns: Sequence[Column], rows: Sequence[Sequence[Cell]]) -> Shown:
    """As the URL asks for it. Raises Wrongly."""
    try:
        return shown(columns, rows, asked_of(visit.params))
    except Unasked as error:
        raise Wrongly(f"没有这样的参数 {error}", f"{error}: there is no such one") from error


def table_page(visit: Visit, template: str, name: str, table: Shown, **context: Any) -> Response:
    """`name`: of the file. Who takes a file away is on record."""
    form = visit.choice("form", "", *FORMS)
    if not form:
        return page(template, shown=table, **visit.context(), **context)
    visit.site.admission.note(visit.account.name, network(visit.visitor.address), "export", visit.again())
    return exported(form, name, table)
