"""A list with few columns, as a spreadsheet or a platform writes it: each row checked, all mistakes told at once."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from center.registry.cells import narrow
from center.registry.problems import Findings, Place, Wrong, letters
from center.registry.source import Table, tables
from contract.plain import open_plain

HEADER_WITHIN = 10


class Column(NamedTuple):
    """`names`: headers that mean it, in lower case; the first is told when it is missing."""

    names: tuple[str, ...]
    parse: Callable[[str], Any]
    required: bool = True


class Listed(NamedTuple):
    place: Place
    values: dict[str, Any]
    """None in a column that is not there."""


def read(file: Path, columns: Mapping[str, Column], findings: Findings) -> list[Listed]:
    """The rows of the first sheet with that header; what is wrong is added to `findings`. Raises Unfit, OSError."""
    with open_plain(file) as data:
        for table in tables(data, findings):
            rows = iter(table.rows)
            at = _header(rows, columns)
            if at is not None:
                listed = list(_rows(table, rows, columns, at, findings))
                if not listed:
                    findings.wrong(Place(table.name), "no_rows")
                return listed
    findings.wrong(Place(), "list_header", "、".join(one.names[0] for one in columns.values() if one.required))
    return []


def _header(rows: Iterator[tuple[int, list[str]]], columns: Mapping[str, Column]) -> dict[str, int] | None:
    for line, texts in rows:
        names = [narrow(text).strip("\ufeff").lower() for text in texts]
        at = {key: next((names.index(n) for n in one.names if n in names), -1) for key, one in columns.items()}
        if all(at[key] >= 0 for key, one in columns.items() if one.required):
            return {key: index for key, index in at.items() if index >= 0}
        if line > HEADER_WITHIN:
            break
    return None


def _rows(
    table: Table,
    rows: Iterator[tuple[int, list[str]]],
    columns: Mapping[str, Column],
    at: Mapping[str, int],
    findings: Findings,
) -> Iterator[Listed]:
    for line, texts in rows:
        if any(text.strip() for text in texts):
            values = dict.fromkeys(columns) | dict(_values(table.name, line, texts, columns, at, findings))
            yield Listed(Place(table.name, line), values)


def _values(
    sheet: str,
    line: int,
    texts: Sequence[str],
    columns: Mapping[str, Column],
    at: Mapping[str, int],
    findings: Findings,
) -> Iterator[tuple[str, Any]]:
    for key, index in at.items():
        text = texts[index] if index < len(texts) else ""
        text = text[1:] if text[:2] in ("'=", "'+", "'-", "'@") else text
        try:
            yield key, columns[key].parse(text)
        except Wrong as wrong:
            findings.wrong(Place(sheet, line, letters(index)), wrong.name, columns[key].names[0], *wrong.words)
