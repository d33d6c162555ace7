"""Runs center/sql over a folder of Parquet, part by part, so that a province fits into a small memory.

Only here is DuckDB. Folder: places, ancestors, calendars, exclusions .parquet; spans/{part}/{YYYY-MM-DD}.parquet with
(position, state, from_ms, to_ms) of one local day; state on, off, or dark (told on while its gateway was silent).
"""

import csv
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

from center.calendar import Gap
from center.intervals import Span
from center.rate import Rules, local
from center.readings import Rule

SQL = Path(__file__).parent.parent / "sql"
MEMORY, THREADS = "1GB", 2
TABLES = {
    "places": (
        "position VARCHAR, piece INTEGER, zone VARCHAR, unit VARCHAR, unit_name VARCHAR, kind VARCHAR, region VARCHAR,"
        " region_name VARCHAR, city VARCHAR, city_name VARCHAR, province VARCHAR, province_name VARCHAR,"
        " since_ms BIGINT, until_ms BIGINT"
    ),
    "ancestors": "region VARCHAR, ancestor VARCHAR, rank INTEGER",
    "calendars": "scope VARCHAR, kind VARCHAR, from_day VARCHAR, to_day VARCHAR, weekdays VARCHAR, hours VARCHAR",
    "exclusions": "position VARCHAR, from_ms BIGINT, to_ms BIGINT, cause VARCHAR",
}
"""File -> columns. `ancestors`: each region with itself (rank 1) and what it lies in."""
NOTHING = "\\N"
SPANS = "position VARCHAR, state VARCHAR, from_ms BIGINT, to_ms BIGINT"


class Row(NamedTuple):
    """One row of one level; `kind` "" for all kinds of unit together. Times in ms."""

    level: str
    key: str
    name: str
    kind: str
    slots: int
    e_ms: int
    on_ms: int
    off_ms: int
    days: int
    days_online: int
    spots: int
    spots_online: int
    planned_ms: int
    outages: int
    outage_ms: int
    longest_ms: int
    ended: int
    ended_ms: int


@contextmanager
def opened(threads: int = THREADS) -> Iterator[Any]:
    import duckdb

    with duckdb.connect() as connection:
        connection.execute(f"SET memory_limit = '{MEMORY}'; SET threads = {threads}; SET TimeZone = 'Asia/Shanghai'")
        connection.execute("SET preserve_insertion_order = false")
        yield connection


def write(connection: Any, file: Path, columns: str, rows: Iterable[Sequence[Any]]) -> None:
    """Rows as Parquet, whole or not at all. DuckDB takes a CSV a hundred times faster than rows one by one."""
    file.parent.mkdir(parents=True, exist_ok=True)
    text = file.with_suffix(".csv.part")
    try:
        with text.open("w", encoding="utf-8", newline="") as data:
            csv.writer(data).writerows([NOTHING if value is None else value for value in row] for row in rows)
        read_text(connection, "written", text, columns)
        write_parquet(connection, "FROM written ORDER BY ALL", file)
    finally:
        text.unlink(missing_ok=True)


def read_text(connection: Any, table: str, text: Path, columns: str) -> None:
    """A CSV without a header as a table."""
    names = dict(part.split() for part in columns.split(", "))
    told = "header = false, delim = ',', quote = '\"', escape = '\"', auto_detect = false, nullstr = ?, columns = ?"
    made = f"CREATE OR REPLACE TEMP TABLE {table} AS SELECT * FROM read_csv(?, {told})"  # noqa: S608
    connection.execute(made, [str(text), NOTHING, names])


def write_parquet(connection: Any, query: str, file: Path) -> None:
    """Whole or not at all."""
    beside = file.with_suffix(".part")
    try:
        connection.execute(f"COPY ({query}) TO '{quoted(beside)}' (FORMAT parquet)")
        beside.replace(file)
    finally:
        beside.unlink(missing_ok=True)


def month(folder: Path, span: Span, rules: Rules, rule: Rule) -> list[Row]:
    """Every row of every level of [span) in UTC ms, which begins at a month's first midnight. Raises Gap."""
    with opened() as connection:
        _settings(connection, span, rules, rule)
        for name in TABLES:
            connection.execute(f"CREATE TEMP VIEW {name} AS FROM '{quoted(folder / f'{name}.parquet')}'")
        _run(connection, "1_windows.sql")
        _covered(connection, rules)
        _run(connection, "2_assessed.sql")
        connection.execute(
            "CREATE TEMP TABLE online (service INTEGER, on_ms BIGINT, off_ms BIGINT,"
            " days_online BIGINT, spots_online BIGINT)"
        )
        connection.execute(
            "CREATE TEMP TABLE outages (service INTEGER, outages BIGINT, ms BIGINT,"
            " longest_ms BIGINT, ended BIGINT, ended_ms BIGINT)"
        )
        for part in sorted((folder / "spans").iterdir()) if (folder / "spans").is_dir() else ():
            files = [str(part / f"{day}.parquet") for day in _days(span) if (part / f"{day}.parquet").exists()]
            if files:
                _spans(connection, files, span)
                _run(connection, "3_online.sql")
        _run(connection, "4_figures.sql")
        _run(connection, "5_levels.sql")
        return [Row(*row) for row in connection.execute("FROM levels ORDER BY level, key, kind").fetchall()]


def _run(connection: Any, name: str) -> None:
    connection.execute((SQL / name).read_text("utf-8"))


def _settings(connection: Any, span: Span, rules: Rules, rule: Rule) -> None:
    connection.execute(
        "CREATE TEMP TABLE settings AS SELECT ?::BIGINT AS month_from_ms, ?::BIGINT AS until_ms,"
        " ?::BOOLEAN AS calendar, ?::BOOLEAN AS dark_local, ?::BIGINT AS theta, ?::BIGINT AS theta_of,"
        " ?::BIGINT AS step_ms, ?::VARCHAR[] AS kinds",
        [
            *(*span, rules.calendar, rules.dark == "local"),
            *(rule.theta.numerator, rule.theta.denominator, 86_400_000 // rule.instants, sorted(rules.kinds)),
        ],
    )


def _covered(connection: Any, rules: Rules) -> None:
    if not rules.calendar:
        return
    gap = connection.execute(
        "SELECT p.unit, d.date FROM places p JOIN assessed_as a USING (position, piece), days d"
        " WHERE p.since_ms < d.to_ms AND coalesce(p.until_ms, d.to_ms) > d.from_ms"
        " AND NOT EXISTS (SELECT 1 FROM covered c WHERE c.scope = a.scope_whole AND c.day = d.day)"
        " ORDER BY d.date, p.unit LIMIT 1"
    ).fetchone()
    if gap:
        raise Gap(gap[0], f"{gap[1]:%Y-%m-%d}")


def _days(span: Span) -> Iterator[date]:
    return (local(begin).date() for begin in range(span[0], span[1], 86_400_000))


def _spans(connection: Any, files: list[str], span: Span) -> None:
    listed = ", ".join(f"'{quoted(Path(file))}'" for file in files)
    connection.execute(
        f"CREATE OR REPLACE TEMP VIEW spans AS SELECT *, CAST((from_ms - {span[0]}) // 86400000 AS INTEGER) AS day"  # noqa: S608
        f" FROM read_parquet([{listed}])"
    )


def quoted(file: Path) -> str:
    return str(file).replace("'", "''")
