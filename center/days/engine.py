"""Runs center/sql over a folder of Parquet, part by part, so that a province fits into a small memory.

Only here is DuckDB. Folder: places, ancestors, calendars, exclusions .parquet; spans/{part}/{YYYY-MM-DD}.parquet with
(position, state, from_ms, to_ms) of one local day; state on, off, dark (told on while its gateway was silent), or
withdrawn (its gateway contradicted itself). For coverage and assessment also units, rows, away .parquet and
heard/{part}.parquet.
"""

import csv
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

from center.calendar import Gap
from center.intervals import Span
from center.rate import Rules, local
from center.readings import Rule
from contract.problems import Told, both

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
BESIDE = {
    "units": (
        "unit VARCHAR, since_ms BIGINT, name VARCHAR, kind VARCHAR, region VARCHAR, region_name VARCHAR, city VARCHAR,"
        " city_name VARCHAR, province VARCHAR, province_name VARCHAR, obligated_from VARCHAR, obligated_to VARCHAR,"
        " zones VARCHAR"
    ),
    "rows": "code VARCHAR, name VARCHAR, place INTEGER",
    "away": "city VARCHAR, from_ms BIGINT, to_ms BIGINT",
    "opinions": "position VARCHAR, from_ms BIGINT, to_ms BIGINT, online BOOLEAN",
}
"""What coverage and assessment need as well. `rows`: of the bulletin; `away`: when the center itself could not hear;
`opinions`: what the video platform says."""
HEARD = "position VARCHAR, city VARCHAR, seen_ms BIGINT"
"""`city`: of the topics it is heard in; `seen_ms`: it was proven online then, the first time of the month; the
last ms before the month where it only ever was before."""
ADDED = (
    "CREATE OR REPLACE TEMP TABLE online (service INTEGER, on_ms BIGINT, off_ms BIGINT, days_online BIGINT,"
    " spots_online BIGINT);\n"
    "CREATE OR REPLACE TEMP TABLE outages (service INTEGER, outages BIGINT, ms BIGINT, longest_ms BIGINT, ended BIGINT,"
    " ended_ms BIGINT);\n"
    "CREATE OR REPLACE TEMP TABLE heard_away (service INTEGER, ms BIGINT);\n"
    "CREATE OR REPLACE TEMP TABLE withdrawn (position VARCHAR, ms BIGINT);\n"
    "CREATE OR REPLACE TEMP TABLE disputed (service INTEGER, cannot_ms BIGINT, opens_ms BIGINT);\n"
    "CREATE OR REPLACE TEMP TABLE outlasting (position VARCHAR, from_ms BIGINT, to_ms BIGINT);\n"
    "CREATE OR REPLACE TEMP TABLE last_known (position VARCHAR, ms BIGINT);\n"
)
"""What each part of the spans adds to."""
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


class Failing(NamedTuple):
    """What stands against a full score. `what`: coverage or online; `cause`: no_position, never_seen, offline,
    center_away or unknown. The share is that of the deciding reading.
    """

    what: str
    cause: str
    county: str
    unit: str
    name: str
    zone: str
    position: str
    numerator: int
    denominator: int


class Assessed(NamedTuple):
    """A place and a kind of unit ("" for all). `level`: all, row (of the bulletin) or county. `own_ms`: unknown while
    the center itself could not hear. `platform_ms`: the platform told of it; of that `cannot_ms` were counted online
    while it could not open it, `opens_ms` offline while it could. `numerator` of `denominator`: the deciding reading.
    """

    level: str
    place: int
    key: str
    name: str
    kind: str
    obligated: int
    covered: int
    positions: int
    e_ms: int
    on_ms: int
    off_ms: int
    own_ms: int
    days: int
    days_online: int
    spots: int
    spots_online: int
    numerator: int
    denominator: int
    platform_ms: int
    cannot_ms: int
    opens_ms: int
    verdict: str
    failing: int
    first: tuple[Failing, ...]


class Unlaid(Told):
    """The folder was laid by a version that knew no coverage."""

    def __init__(self, folder: Path) -> None:
        super().__init__(
            f"{folder} was laid by a version without coverage: days build --whole; where it is final, freeze --reason",
            f"{folder} 由不含覆盖率的旧版生成：请执行 days build --whole；已定稿的月份再执行 days freeze --reason",
        )


class Failed(Told):
    """SQL that DuckDB could not run."""


@contextmanager
def opened(threads: int = THREADS) -> Iterator[Any]:
    """Raises Failed for a file that is damaged, or that cannot be read or written."""
    import duckdb

    with duckdb.connect() as connection:
        connection.execute(f"SET memory_limit = '{MEMORY}'; SET threads = {threads}; SET TimeZone = 'Asia/Shanghai'")
        connection.execute("SET preserve_insertion_order = false")
        try:
            yield connection
        except (duckdb.IOException, duckdb.InvalidInputException) as error:
            raise Failed(*both(str(error).partition("\n")[0])) from error


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
        _run(connection, folder, span, rules, assessed=False)
        return [Row(*row) for row in connection.execute("FROM levels ORDER BY level, key, kind").fetchall()]


def assess(folder: Path, span: Span, rules: Rules, rule: Rule) -> list[Assessed]:
    """Coverage, readings and verdict of every row of the bulletin, in its order. Raises Gap, Unlaid."""
    _whole(folder)
    with opened() as connection:
        _settings(connection, span, rules, rule)
        _run(connection, folder, span, rules, assessed=True)
        chosen = ", ".join(Assessed._fields)
        rows = connection.execute(f"SELECT {chosen} FROM assessment ORDER BY level, place, key, kind").fetchall()  # noqa: S608
        return [Assessed._make((*row[:-1], tuple(Failing(**one) for one in row[-1]))) for row in rows]


def _whole(folder: Path) -> None:
    if not all((folder / f"{name}.parquet").exists() for name in BESIDE):
        raise Unlaid(folder)


def _run(connection: Any, folder: Path, span: Span, rules: Rules, *, assessed: bool) -> None:
    for statements in steps(folder, str(folder), span, assessed=assessed):
        connection.execute(statements)
    _covered(connection, rules)


def steps(folder: Path, named: str, span: Span, *, assessed: bool) -> Iterator[str]:
    """The SQL from the folder's files, which it calls `named`, to figures; a table `settings` is there."""
    tables = (*TABLES, *BESIDE) if assessed else tuple(TABLES)
    yield "".join(f"CREATE OR REPLACE TEMP VIEW {name} AS {_all_of([f'{named}/{name}.parquet'])};\n" for name in tables)
    if assessed:
        files = [f"{named}/heard/{file.name}" for file in sorted((folder / "heard").glob("*.parquet"))]
        yield f"CREATE OR REPLACE TEMP VIEW heard AS {_all_of(files, HEARD)};\n"
    yield shipped("1_windows")
    yield shipped("2_assessed")
    yield ADDED
    for part in sorted((folder / "spans").iterdir()) if (folder / "spans").is_dir() else ():
        days = [f"{day}.parquet" for day in _days(span) if (part / f"{day}.parquet").exists()]
        if days:
            told = _all_of([f"{named}/spans/{part.name}/{day}" for day in days])
            number = f"CAST((from_ms - {span[0]}) // 86400000 AS INTEGER) AS day"
            yield f"CREATE OR REPLACE TEMP VIEW spans AS SELECT *, {number} FROM ({told});\n"  # noqa: S608
            yield shipped("3_online")
            if assessed:
                yield shipped("3_own")
    yield shipped("4_figures")
    yield shipped("5_levels")
    if assessed:
        yield shipped("6_coverage")
        yield shipped("7_assessment")


def shipped(name: str) -> str:
    """The text of one file of center/sql."""
    return (SQL / f"{name}.sql").read_text("utf-8")


def _all_of(files: Sequence[str], columns: str = "") -> str:
    """`columns`: of no file at all."""
    if files:
        return "FROM read_parquet([{}])".format(", ".join(f"'{quoted(Path(file))}'" for file in files))
    nothing = ", ".join("NULL::{1} AS {0}".format(*column.split()) for column in columns.split(", "))
    return f"SELECT {nothing} LIMIT 0"


class Dispute(NamedTuple):
    """A position of which the platform says otherwise: so many ms counted online, so many counted offline."""

    county: str
    unit: str
    name: str
    zone: str
    position: str
    cannot_ms: int
    opens_ms: int


def disputes(folder: Path, span: Span, rules: Rules, rule: Rule) -> tuple[list[Dispute], int]:
    """The most counted online first; and of how many ms of E the platform says anything. Raises Gap, Unlaid."""
    _whole(folder)
    with opened() as connection:
        _settings(connection, span, rules, rule)
        _run(connection, folder, span, rules, assessed=True)
        rows = connection.execute(
            "SELECT any_value(region_name), unit, any_value(unit_name), any_value(zone), position, sum(cannot_ms) AS c,"
            " sum(opens_ms) AS o FROM judged GROUP BY unit, position HAVING c > 0 OR o > 0"
            " ORDER BY c DESC, o DESC, position"
        )
        found = [Dispute(*row) for row in rows.fetchall()]
        return found, int(connection.execute("SELECT coalesce(sum(platform_ms), 0) FROM judged").fetchone()[0])


def write_settings(file: Path, span: Span, rules: Rules, rule: Rule) -> None:
    """What the SQL is told of month and policy, as Parquet."""
    with opened() as connection:
        _settings(connection, span, rules, rule)
        write_parquet(connection, "FROM settings", file)


STOCK = """
import duckdb, sys
with duckdb.connect() as connection:
    connection.execute("SET memory_limit = '1GB'; SET threads = 2")
    connection.execute(sys.stdin.read())
"""


def run_stock(text: str, folder: Path) -> None:
    """Runs SQL in a DuckDB of its own, in this folder, with nothing of ours. Raises Failed with what DuckDB says."""
    stock = subprocess.run(  # -I: neither this folder nor the environment adds to it
        [sys.executable, "-I", "-c", STOCK], input=text.encode(), cwd=folder, capture_output=True, check=False
    )
    if stock.returncode:
        raise Failed(*both(stock.stderr.decode(errors="replace").strip().rpartition("\n")[2]))


def settings(rules: Rules, rule: Rule) -> dict[str, Any]:
    """What the SQL is told of the policy."""
    return {
        "calendar": rules.calendar,
        "dark_local": rules.dark == "local",
        "theta": rule.theta.numerator,
        "theta_of": rule.theta.denominator,
        "step_ms": 86_400_000 // rule.instants,
        "kinds": sorted(rules.kinds),
        "deciding": rule.deciding,
        "evidence": rule.evidence.numerator,
        "evidence_of": rule.evidence.denominator,
    }


def _settings(connection: Any, span: Span, rules: Rules, rule: Rule) -> None:
    connection.execute(
        "CREATE TEMP TABLE settings AS SELECT ?::BIGINT AS month_from_ms, ?::BIGINT AS until_ms,"
        " ?::BOOLEAN AS calendar, ?::BOOLEAN AS dark_local, ?::BIGINT AS theta, ?::BIGINT AS theta_of,"
        " ?::BIGINT AS step_ms, ?::VARCHAR[] AS kinds, ?::VARCHAR AS deciding, ?::BIGINT AS evidence,"
        " ?::BIGINT AS evidence_of",
        [*span, *settings(rules, rule).values()],
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


def quoted(file: Path) -> str:
    return str(file).replace("'", "''")
