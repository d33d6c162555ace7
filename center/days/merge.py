"""Puts newly worked out spans of a city into its days: those that differ are written anew, whole or not at all.

What a span is, is decided elsewhere.
"""

import csv
import hashlib
import json
import marshal
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from center.days.engine import SPANS, quoted, read_text, write_parquet
from center.intervals import Span
from center.rate import local
from center.readings import DAY_MS


class Laid(NamedTuple):
    written: int
    gateways: int


class Fresh:
    """One city's spans as they are worked out, as CSV until they are whole.

    Beside its days a city keeps for each gateway the digest of all its whole days: where that is as it was, only the
    days since then are laid.
    """

    def __init__(self, part: Path, span: Span, *, whole: bool) -> None:
        """`whole`: nothing else than what is fresh stays."""
        self.part, self.span, self.whole = part, span, whole
        self.gateways = 0
        self.spans, self.places = part / "spans.csv.part", part / "places.csv.part"
        self._last = span[0] + (span[1] - 1 - span[0]) // DAY_MS * DAY_MS
        self._sums: dict[str, tuple[int, str]] = {}

    def __enter__(self) -> "Fresh":
        self._files = [file.open("w", encoding="utf-8", newline="") for file in (self.spans, self.places)]
        self._spans, self._places = (csv.writer(file) for file in self._files)
        self._sums = {} if self.whole else self._as_laid()
        return self

    def _as_laid(self) -> dict[str, tuple[int, str]]:
        try:
            return {key: (at, it) for key, (at, it) in json.loads(self._kept.read_text("utf-8")).items()}
        except (OSError, ValueError):
            return {}

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
        for file in (self.spans, self.places):
            file.unlink(missing_ok=True)

    @property
    def _kept(self) -> Path:
        return self.part / "sums.json"

    def gone(self, position: str) -> None:
        """What is laid of it goes, all days; it may come again."""
        self._places.writerow((position, self.span[0]))

    def add(self, gateway: str, positions: Iterable[str], rows: Sequence[tuple[str, str, int, int]]) -> None:
        """All spans of the positions that are heard at this gateway."""
        since, digest = self._sums.get(gateway, (self.span[0], ""))
        if since > self._last or digest != _digest(rows, since):
            since = self.span[0]
        if since > self.span[0]:
            rows_since = [(p, s, max(begin, since), end) for p, s, begin, end in rows if end > since]
        else:
            rows_since = list(rows)
        self._spans.writerows(rows_since)
        self._places.writerows((position, since) for position in positions)
        self._sums[gateway] = (self._last, _digest(rows, self._last))
        self.gateways += 1

    def close(self) -> None:
        for file in self._files:
            file.close()

    def keep(self) -> None:
        """After the days are written."""
        beside = self._kept.with_suffix(".part")
        beside.write_text(json.dumps(self._sums), "utf-8")
        beside.replace(self._kept)


def _digest(rows: Sequence[tuple[str, str, int, int]], until: int) -> str:
    """Of what lies before this moment."""
    told = [(p, s, begin, min(end, until)) for p, s, begin, end in rows if begin < until]
    return hashlib.blake2b(marshal.dumps(told, 2), digest_size=16).hexdigest()


def merge(connection: Any, fresh: Fresh) -> Laid:
    fresh.close()
    read_text(connection, "fresh", fresh.spans, SPANS)
    read_text(connection, "places_since", fresh.places, "position VARCHAR, since_ms BIGINT")
    least = connection.execute("SELECT min(since_ms) FROM places_since").fetchone()[0]
    written = 0
    for begin in range(fresh.span[0], fresh.span[1], DAY_MS):
        file = fresh.part / f"{local(begin):%Y-%m-%d}.parquet"
        if fresh.whole or not file.exists() or (least is not None and begin >= least):
            written += _day(connection, file, (begin, begin + DAY_MS), whole=fresh.whole)
    fresh.keep()
    return Laid(written, fresh.gateways)


_DAY = """
CREATE OR REPLACE TEMP TABLE day AS
SELECT position, state, greatest(from_ms, $begin) AS from_ms, least(to_ms, $end) AS to_ms
FROM fresh WHERE from_ms < $end AND to_ms > $begin
UNION ALL
SELECT * FROM there WHERE NOT $whole AND position NOT IN (SELECT position FROM places_since WHERE since_ms <= $begin)
"""
_SAME = """
SELECT (SELECT count(*) FROM day) = (SELECT count(*) FROM there) AND NOT EXISTS (FROM day EXCEPT ALL FROM there)
"""


def _day(connection: Any, file: Path, day: Span, *, whole: bool) -> bool:
    """Whether it differs from what was laid."""
    laid = file.exists()
    there = f"read_parquet('{quoted(file)}')" if laid else "fresh LIMIT 0"
    connection.execute(f"CREATE OR REPLACE TEMP VIEW there AS FROM {there}")
    connection.execute(_DAY, {"begin": day[0], "end": day[1], "whole": whole})
    if laid and connection.execute(_SAME).fetchone()[0]:
        return False
    write_parquet(connection, "FROM day ORDER BY ALL", file)
    return True
