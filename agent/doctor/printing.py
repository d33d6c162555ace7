"""The doctor's rows for people and for programs."""

import shutil
from collections.abc import Iterator, Sequence
from typing import Any

from agent.doctor.rows import AREAS, SIGNS, Result, Row, exit_code
from contract.problems import Language, Words
from contract.text import lines, visible

MOST_COLUMNS = 100
"""Longer lines are hard to read."""
_INDENT = "  "
_COUNTS = {
    Result.WRONG: Words("wrong", "项有问题"),
    Result.WARNING: Words("to look at", "项需留意"),
    Result.UNCHECKED: Words("not checked", "项未能检查"),
    Result.FINE: Words("all right", "项正常"),
}


def for_people(rows: Sequence[Row], lang: Language, width: int = 0) -> str:
    """One paragraph a row, no line wider than the terminal, and the sum. `width`: columns, 0 = the terminal's."""
    room = min(width or shutil.get_terminal_size().columns, MOST_COLUMNS) - len(_INDENT)
    return "\n".join([*(line for row in rows for line in _paragraph(row, lang, room)), "", _sum(rows, lang)])


def _paragraph(row: Row, lang: Language, room: int) -> Iterator[str]:
    parts = AREAS[row.area].text(lang), row.what.text(lang)
    colon = "：" if lang == "zh" else ": "
    told = visible(" ".join(filter(None, parts)) + colon + row.said.text(lang))
    for number, line in enumerate(lines(told, room)):
        yield (_INDENT if number else f"{SIGNS[row.result]} ") + line
    if row.todo.text(lang):
        for number, line in enumerate(lines(visible(row.todo.text(lang)), room - 3)):
            yield _INDENT + ("   " if number else "-> ") + line


def _sum(rows: Sequence[Row], lang: Language) -> str:
    counts = [(sum(row.result is result for row in rows), words.text(lang)) for result, words in _COUNTS.items()]
    return ("，" if lang == "zh" else ", ").join(f"{count} {words}" for count, words in counts if count)


def for_programs(rows: Sequence[Row]) -> dict[str, Any]:
    """As `--json` and the bundle have it; texts in both languages."""
    return {"exit": exit_code(rows), "rows": [_record(row) for row in rows]}


def _record(row: Row) -> dict[str, Any]:
    texts = {name: getattr(row, name)._asdict() for name in ("what", "said", "todo")}
    return {"area": row.area, "result": row.result, "sign": SIGNS[row.result], **texts}
