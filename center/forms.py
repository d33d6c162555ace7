"""How a command answers: a table for people, CSV for a spreadsheet, JSON for a program.

What the answer is must not be known here.
"""

import argparse
import csv
import io
import json
import sys
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from center.show import Plain, grid, word
from contract import answering
from contract.text import COMPUTED

BOM = "\ufeff"
LOG = "%(asctime)s %(levelname)s %(name)s: %(message)s"
"""A line of a service's log, where the journal does not read it."""


class Listing(NamedTuple):
    """`columns` name words of show.TEXTS; those in `figures` stand to the right; those in `whole` are never broken."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    figures: Sequence[str] = ()
    whole: Sequence[str] = ()


def tell(options: argparse.Namespace, document: Callable[[], Any], *lists: Listing, lines: Sequence[str] = ()) -> None:
    """The document with --json, the lists with --csv; else the lists as tables, and `lines` below them."""
    if options.json:
        answering.for_programs(json.dumps(document(), ensure_ascii=False, indent=2) + "\n")
    elif options.csv:
        _csv(lists, options.lang)
    else:
        for one in lists:
            grid(one.columns, one.rows, options.lang, right=one.figures, whole=one.whole)
        out(*lines)


def answer(options: argparse.Namespace, document: dict[str, Any], *lines: str) -> None:
    """What was done: the document with --json, its one row with --csv, else the lines."""
    cells = [" ".join(map(str, v)) if isinstance(v, list | tuple) else str(v) for v in document.values()]
    listing = [Listing([Plain(key) for key in document], [cells])] if options.csv else []
    tell(options, lambda: document, *listing, lines=lines)


def _csv(lists: Sequence[Listing], lang: str) -> None:
    """With a BOM, as Excel opens it; several lists one below the other."""
    text = io.StringIO(newline="")
    table = csv.writer(text)
    for number, one in enumerate(lists):
        if number:
            table.writerow(())
        table.writerow([word(column, lang) for column in one.columns])
        table.writerows([guarded(cell) for cell in row] for row in one.rows)
    answering.for_programs(BOM + text.getvalue())


def guarded(text: str) -> str:
    """So that a spreadsheet takes it for text and computes nothing; the registry's reading takes it away again."""
    return f"'{text}" if text.lstrip("'")[:1] in COMPUTED else text


def out(*lines: str) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


def err(line: str) -> None:
    answering.tell(f"canteen-center: {line}")
