"""Makes a bulletin's folder, whole or not at all: the figures in it are what the shipped SQL says in a stock DuckDB.

bulletin.json; of it bulletin.xlsx, .docx, .html, and .pdf where it was asked for; data/ (Parquet), policy.json,
recompute.sql; HOW-TO.txt, SHA256SUMS.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from center.bulletin import papers, pdf, previous
from center.days.engine import opened, run_stock, shipped, steps, write, write_settings
from center.days.final import hashed
from center.intervals import Span
from center.placing import folder_beside
from center.rate import Rules, local
from center.readings import Rule
from contract import __version__
from contract.plain import read_plain
from contract.policy import Policy
from contract.problems import Told

BULLETIN, RECOMPUTED = "bulletin.json", "recomputed.json"
SQL, POLICY, HOW_TO, SUMS = "recompute.sql", "policy.json", "HOW-TO.txt", "SHA256SUMS"
ABOUT = "number INTEGER, key VARCHAR, value VARCHAR"
STATED = ("about", "settings", "previous")
"""Parquet that says what was asked and stated, and is not made of facts."""


class Stated(NamedTuple):
    """What the center says of a bulletin, and nobody can recompute. `revision`: None while it is provisional; `late`:
    what would be added to each sum of the province by facts that came after it was final; `spot_checks`: what a person
    opened by hand; `before`: the bulletin of last month.
    """

    month: str
    span: Span
    lang: str
    revision: int | None = None
    at_ms: int | None = None
    by: str = ""
    reason: str = ""
    late: dict[str, int] = {}  # noqa: RUF012 -- read only
    spot_checks: Sequence[dict[str, Any]] = ()
    before: previous.Previous = previous.NONE

    def lines(self, policy: Policy) -> Iterator[tuple[str, Any]]:
        yield "month", self.month
        yield "from", local(self.span[0]).isoformat()
        yield "until", local(self.span[1]).isoformat()
        yield "state", "provisional" if self.revision is None else "final"
        yield "revision", self.revision
        yield "final_at", None if self.at_ms is None else local(self.at_ms).isoformat()
        yield "by", self.by
        yield "reason", self.reason
        yield "late", self.late
        yield "spot_checks", list(self.spot_checks)
        yield "previous", self.before.state
        yield "policy", policy.id
        yield "document", policy.document
        yield "lang", self.lang
        yield "version", __version__


class In(Told):
    """A folder that a bulletin must not be put in."""


def make(
    out: Path, data: Path, stated: Stated, policy: Policy, rules: Rules, rule: Rule, *, as_pdf: bool = False
) -> dict[str, Any]:
    """Of what is laid in `data`. Gives the bulletin as it reads. Raises In, engine.Failed, pdf.NoPdf, OSError."""
    _may_stand(out, stated)
    with folder_beside(out) as beside:
        _may_stand(out, stated)  # another one may have ended since
        for name in hashed(data):
            file = beside / "data" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(data / name, file)
        write_settings(beside / "data" / "settings.parquet", stated.span, rules, rule)
        rows = [(n, key, json.dumps(value, ensure_ascii=False)) for n, (key, value) in enumerate(stated.lines(policy))]
        with opened() as connection:
            write(connection, beside / "data" / "about.parquet", ABOUT, rows)
            write(connection, beside / "data" / "previous.parquet", previous.COLUMNS, stated.before.rows)
        (beside / POLICY).write_bytes(msgspec.json.encode(policy))
        (beside / SQL).write_text(recompute(beside, stated.span), "utf-8")
        run_stock((beside / SQL).read_text("utf-8"), beside)
        (beside / RECOMPUTED).replace(beside / BULLETIN)
        text = (beside / BULLETIN).read_bytes()
        papers.write(beside, text, policy)
        if as_pdf:
            pdf.write(beside / papers.PDF, beside / papers.LETTER)
        (beside / HOW_TO).write_text("\n".join(how_to()) + "\n", "utf-8")
        (beside / SUMS).write_text("".join(f"{digest}  {name}\n" for name, digest in sums(beside).items()), "utf-8")
        _swap(beside, out)
    told: dict[str, Any] = json.loads(text)
    return told


def recompute(folder: Path, span: Span, to: str = RECOMPUTED) -> str:
    """SQL that a stock DuckDB runs in the folder; it writes the bulletin to `to`."""
    head = [f"-- {line}\n" for line in how_to()]
    inputs = [f"CREATE OR REPLACE TEMP TABLE {name} AS FROM 'data/{name}.parquet';\n" for name in STATED]
    body = steps(folder / "data", "data", span, assessed=True)
    target = to.replace("'", "''")
    told = "(FORMAT csv, HEADER false, QUOTE '', ESCAPE '', DELIMITER '\t')"
    end = f"COPY (SELECT line FROM bulletin ORDER BY part, number) TO '{target}' {told};\n"  # noqa: S608
    return "".join([*head, *inputs, *body, shipped("8_bulletin"), end])


def how_to() -> tuple[str, ...]:
    return (
        "任何人都可以重新计算本通报，不需要本系统的程序，只需 DuckDB（https://duckdb.org）：",
        "Anybody can recompute this bulletin without any program of ours; it takes DuckDB (https://duckdb.org) alone:",
        "",
        "    sha256sum --check --quiet SHA256SUMS",
        "    duckdb < recompute.sql",
        "    cmp bulletin.json recomputed.json && echo 一致 the same",
        "",
        "或用 Python（pip install duckdb）：Or by Python:",
        "",
        "    python3 -c \"import duckdb; duckdb.connect().execute(open('recompute.sql', encoding='utf-8').read())\"",
        "    cmp bulletin.json recomputed.json && echo 一致 the same",
        "",
        "data/about.parquet 为中心的陈述（状态、修订、迟到数据），data/previous.parquet 取自上月通报，",
        "其余数字均由 data/ 中的时段和登记重新算出。",
        "data/about.parquet is what the center states (state, revision, late), data/previous.parquet comes of the",
        "bulletin of last month; all other figures come of the spans and the registry in data/.",
    )


def sums(folder: Path) -> dict[str, str]:
    """The sha256 of every file but their list."""
    files = sorted(file for file in folder.rglob("*") if file.is_file() and file.name not in (SUMS, RECOMPUTED))
    return {str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def about(folder: Path) -> dict[str, Any] | None:
    """What the bulletin in this folder states, None where there is none."""
    try:
        told = json.loads(read_plain(folder / BULLETIN))["about"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return told if isinstance(told, dict) else None


def free_for(out: Path, month: str) -> dict[str, Any] | None:
    """What the bulletin that stands there states, None where none does. Raises In where something else stands."""
    before = about(out)
    if before is None:
        if os.path.lexists(out) and not (out.is_dir() and not any(out.iterdir())):
            raise In(
                f"--out {out}: something else is there: name a folder that is empty or not there",
                f"--out {out}：该处已有其他内容，请指定空文件夹或尚不存在的文件夹",
            )
        return None
    if before.get("month") != month:
        raise In(
            f"--out {out}: the bulletin of {before.get('month')} is there: a month has a folder of its own",
            f"--out {out}：其中是 {before.get('month')} 的通报，每月请用各自的文件夹",
        )
    return before


def _may_stand(out: Path, stated: Stated) -> None:
    before = free_for(out, stated.month)
    kept = -1 if before is None or before.get("revision") is None else int(before["revision"])
    if kept > (-1 if stated.revision is None else stated.revision):
        raise In(
            f"--out {out}: revision {kept} is there, and what is asked for is before it: name its folder (--days)",
            f"--out {out}：其中已是第 {kept} 次定稿，不能以更早的版本替换；请以 --days 指定定稿所在文件夹",
        )


def _swap(beside: Path, out: Path) -> None:
    """In place of what is there, which stays until the new one is whole."""
    old = out.with_name(f".{out.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if out.exists():
        out.replace(old)
    beside.replace(out)
    shutil.rmtree(old, ignore_errors=True)
