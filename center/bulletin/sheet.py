"""The bulletin as a workbook: a sheet for each kind of unit in the notice's order, counties, how it is computed."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from center.registry.writing import workbook
from center.show import word
from contract.policy import Policy

READINGS = ("time", "days", "spot")
NUMBERS = frozenset({"number", "obligated", "covered", "slots", "failing"})


def sheet(out: Path, told: dict[str, Any], policy: Policy) -> None:
    """`told`: the bulletin as it reads. The same bulletin gives the same bytes."""
    lang = told["about"]["lang"]
    with workbook(out, datetime.fromisoformat(told["about"]["until"]).replace(tzinfo=None)) as book:
        head = book.add_format({"bold": True, "bottom": 1, "text_wrap": True})
        for kind in policy.kinds:
            if kind.counts:
                title = kind.title.zh if lang == "zh" else kind.title.en
                places = (*told["total"], *told["rows"])
                _page(book, head, title, list(_table([row for row in places if row["kind"] == kind.id], told, lang)))
        counties = [row for row in told["counties"] if row["kind"]]
        _page(book, head, word("counties", lang), list(_table(counties, told, lang)))
        _page(book, head, word("how", lang), list(_how(told, lang)))


def _page(book: Any, head: Any, title: str, rows: Sequence[Sequence[str | int]]) -> None:
    page = book.add_worksheet(title[:31])
    page.freeze_panes(1, 0)
    page.set_column(0, 0, 6)
    page.set_column(1, 13, 14)
    for line, row in enumerate(rows):
        for column, cell in enumerate(row):
            put = page.write_number if isinstance(cell, int) else page.write_string
            put(line, column, cell, *([head] if line == 0 else []))


def _table(rows: Sequence[dict[str, Any]], told: dict[str, Any], lang: str) -> Iterator[list[str | int]]:
    deciding = told["settings"]["deciding"]
    heads = [word(name, lang) for name in ("number", "name", "kind", "obligated", "covered", "coverage", "slots")]
    heads += [f"{word('rate', lang)} {word(f'reading_{name}', lang)}{'*' * (name == deciding)}" for name in READINGS]
    yield [*heads, *(word(name, lang) for name in ("evidence", "verdict", "failing", "first"))]
    for row in rows:
        first = row["first"][0] if row["first"] else None
        yield [
            *(row["place"] or "", row["name"] or word("total", lang), row["kind"]),
            *(row["obligated"], row["covered"], row["coverage"]["text"], row["positions"]),
            *(row[name]["text"] for name in READINGS),
            *(row["evidence"]["text"], word(row["verdict"], lang), row["failing"]),
            f"{first['name']} {first['zone']}: {word(first['cause'], lang)}" if first else "",
        ]


def _how(told: dict[str, Any], lang: str) -> Iterator[list[str | int]]:
    """What was asked and stated, and the hash of everything that the figures are of."""
    yield [word("what", lang), ""]
    for part in ("about", "settings"):
        yield from ([key, _text(value)] for key, value in told[part].items())
    yield ["withdrawn", _text(told["withdrawn"])]
    yield ["center_away", _text(told["center_away"])]
    yield from ([name, digest] for name, digest in told["hashes"].items())


def _text(value: Any) -> str:
    return "" if value is None else str(value)
