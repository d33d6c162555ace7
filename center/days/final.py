"""A month is provisional until its cut-off, then frozen: a document with the hashes of all that it was made of.

What arrives later changes no figure: it is shown as `late`, and enters by a numbered revision that a person gives a
reason for. Folder of a month: now/ (as laid last), final-0/, final-1/ … with their spans, final-N.json beside them.
"""

import hashlib
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from center.days.engine import Row, month
from center.intervals import Span
from center.rate import Rules, local
from center.readings import Rule
from contract.plain import read_plain
from contract.problems import Told

LEVELS = ("province", "city", "county")
"""What the document holds; units and positions are worked out again from its spans."""
SUMS = Row._fields[4:]


class Final(NamedTuple):
    """`number`: 0, or of a revision. `hashes`: file -> sha256 of what the figures were made of."""

    number: int
    month: str
    at_ms: int
    by: str
    reason: str
    policy: str
    hashes: dict[str, str]
    rows: list[Row]


class Refused(Told):
    """A month that cannot be frozen as asked."""


def freeze(folder: Path, name: str, span: Span, asked: "Asked") -> Final:
    """Freezes what is laid in now/. Raises Refused."""
    before = newest(folder)
    if asked.now_ms < asked.from_ms:
        until = local(asked.from_ms).isoformat(" ", "minutes")
        raise Refused(f"{name} is provisional until {until}", f"{name} 在 {until} 之前为暂定，不能定稿")
    if before and not asked.reason:
        raise Refused(
            f"{name} is final as revision {before.number}: a revision needs a reason (--reason)",
            f"{name} 已定稿（第 {before.number} 次修订）：再修订须写明理由（--reason）",
        )
    hashes = hashed(folder / "now")
    if not hashes:
        raise empty(folder, name)
    if before and (before.hashes, before.policy) == (hashes, asked.policy):
        raise Refused(
            f"{name}: nothing has changed since revision {before.number}",
            f"{name}：自第 {before.number} 次修订以来没有变化",
        )
    number = before.number + 1 if before else 0
    rows = [row for row in month(folder / "now", span, asked.rules, asked.rule) if row.level in LEVELS]
    made = Final(number, name, asked.now_ms, asked.by, asked.reason, asked.policy, hashes, rows)
    kept, beside = folder / f"final-{number}", folder / f".final-{number}"
    shutil.rmtree(beside, ignore_errors=True)
    shutil.copytree(folder / "now", beside)
    shutil.rmtree(kept, ignore_errors=True)  # of a freeze that was cut off before its document was there
    beside.replace(kept)
    text = folder / f".final-{number}.json"
    text.write_text(json.dumps(made._asdict(), ensure_ascii=False, separators=(",", ":")), "utf-8")
    text.replace(folder / f"final-{number}.json")
    return made


def empty(folder: Path, name: str) -> Refused:
    return Refused(
        f"nothing of {name} is laid in {folder}: days build first",
        f"{folder} 中没有 {name} 的数据：请先 days build",
    )


class Asked(NamedTuple):
    """`from_ms`: the cut-off. `policy`: the sha256 of its text."""

    by: str
    reason: str
    now_ms: int
    from_ms: int
    policy: str
    rules: Rules
    rule: Rule


def newest(folder: Path) -> Final | None:
    """The last revision. Raises Refused for one that cannot be read."""
    endings = (file.stem.partition("-")[2] for file in folder.glob("final-*.json"))
    numbers = sorted(int(ending) for ending in endings if ending.isdecimal())
    if not numbers:
        return None
    file = folder / f"final-{numbers[-1]}.json"
    try:
        told: dict[str, Any] = json.loads(read_plain(file))
        return Final(**{**told, "rows": [Row(*row) for row in told["rows"]]})
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise Refused(
            f"{file} cannot be read, or is damaged: put it back from a backup",
            f"{file} 无法读取或已损坏：请从备份恢复",
        ) from error


def hashed(folder: Path) -> dict[str, str]:
    """Every Parquet below it, by its path."""
    files = sorted(folder.rglob("*.parquet"))
    return {str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def late(final: Sequence[Row], now: Sequence[Row]) -> dict[str, int]:
    """What a revision would add to each sum of the province: 0 where nothing came late."""
    totals = [
        [sum(getattr(row, name) for row in rows if row.level == "province" and not row.kind) for name in SUMS]
        for rows in (final, now)
    ]
    return {name: after - before for name, before, after in zip(SUMS, *totals, strict=True)}
