"""Last month's bulletin, as far as this month's is compared with it: the deciding reading of the total and of each row.

What a change is, says the SQL.
"""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from center.rate import month_of, month_span
from contract.plain import read_plain
from contract.problems import Told

COLUMNS = "level VARCHAR, code VARCHAR, kind VARCHAR, numerator BIGINT, denominator BIGINT"
BULLETIN = "bulletin.json"
ALIKE = ("calendar", "dark_local", "theta", "theta_of", "step_ms", "kinds", "deciding")
"""Settings that must be the same in both months, else their figures are not of one definition."""
ABSENT, OTHER = "absent", "other_settings"


class Unfit(Told):
    """What was named as last month's bulletin is not that."""


class Previous(NamedTuple):
    """`state`: what the bulletin states of it: its month, revision and sha256, or why there is nothing to compare."""

    state: dict[str, Any]
    rows: tuple[tuple[str, str, str, int, int], ...] = ()


NONE = Previous({"why": ABSENT})


def before(month: str) -> str:
    return month_of(month_span(month)[0] - 1)


def find(named: Path | None, out: Path, month: str, settings: dict[str, Any]) -> Previous:
    """`named` by a person, else the folder beside `out` that bears last month's name; `settings` of this month.

    Raises Unfit for a named one that is no bulletin of last month.
    """
    wanted = before(month)
    folder = named or out.parent / wanted
    try:
        data = read_plain(folder / BULLETIN)
        told = json.loads(data)
        if told["about"]["month"] != wanted:
            raise ValueError(told["about"]["month"])
        state = {"month": wanted, "revision": told["about"]["revision"], "sha256": hashlib.sha256(data).hexdigest()}
        if any(told["settings"][name] != settings[name] for name in ALIKE):
            return Previous(state | {"why": OTHER})
        return Previous(state, tuple(_rows(told)))
    except (OSError, ValueError, KeyError, TypeError) as error:
        if not named and isinstance(error, FileNotFoundError | NotADirectoryError):
            return NONE
        raise Unfit(
            f"{folder}: no bulletin of {wanted} can be read there: name last month's folder (--previous)",
            f"{folder}：其中没有可读取的 {wanted} 通报，请以 --previous 指定上月通报的文件夹",
        ) from error


def _rows(told: dict[str, Any]) -> Iterator[tuple[str, str, str, int, int]]:
    deciding = told["settings"]["deciding"]
    for level, listed in (("all", told["total"]), ("row", told["rows"])):
        for row in listed:
            share = row[deciding]
            yield level, row["code"], row["kind"], int(share["numerator"]), int(share["denominator"])
