"""A province on one machine: its registry taken over (P13), and its month from spans to all levels (P10).

500,000 positions at 50,000 gateways; 30 days with 10 million transitions. The data is made here, and thrown away.
"""

import csv
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from benchmarks.measure import Figure
from center.days.engine import BESIDE, SPANS, TABLES, opened, write
from center.rate import month_span
from tests.support.postgres import Missing, Postgres

POSITIONS, QUICK_POSITIONS = 500_000, 25_000
GOALS = {"csv": (30, 400), "xlsx": (60, 600), "again": (10, 400), "month": (20, 1500), "bulletin": (None, 1500)}
"""Seconds and MB, of the whole province on two idle cores."""
PLACES = (("4101", "410105"), ("4101", "410102"), ("4102", "410202"), ("4103", "410302"), ("4190", "410225"))
ZONES = ("烹饪间", "洗消间", "仓库", "分餐间", "留样间", "粗加工", "切配", "专间", "入口", "出口")
HEAD = ("city", "county", "unit", "kind", "zone", "slot", "gateway", "accepted_at")
MONTH, DAY_MS = "2026-11", 86_400_000
_MONTH = """
import sys; from pathlib import Path
from center.days.engine import month
from center.rate import Rules, month_span
from center.readings import Rule
print(len(month(Path(sys.argv[1]), month_span(sys.argv[2]), Rules(), Rule())))
"""

_BULLETIN = """
import sys; from pathlib import Path
from center.bulletin.make import Stated, make
from center.rate import Rules, month_span
from center.readings import Rule
from contract.policy import load_policy
stated = Stated(sys.argv[2], month_span(sys.argv[2]), "zh")
policy = load_policy("henan-2021-45")
print(len(make(Path(sys.argv[3]), Path(sys.argv[1]), stated, policy, Rules(), Rule())))
"""


class Cost(NamedTuple):
    """Of one process: seconds on the clock, of CPU, and its largest memory."""

    wall_s: float
    cpu_s: float
    peak_mb: float


def figures(quick: bool) -> list[Figure]:
    positions = QUICK_POSITIONS if quick else POSITIONS
    with tempfile.TemporaryDirectory(prefix="province-") as name:
        folder = Path(name)
        return [*_registry(folder, positions), *_month(folder / "days", positions)]


def _lines(name: str, key: str, positions: int, cost: Cost) -> Iterator[Figure]:
    goals = GOALS[key] if positions == POSITIONS else (None, None)
    what = f"{positions:,} positions"
    yield Figure(name, what, cost.wall_s, "s", goals[0], note=f"{cost.cpu_s:.1f} s of CPU of our own")
    yield Figure(name, f"{what}, peak memory", cost.peak_mb, "MB", goals[1])


def _cost(*command: str) -> Cost:
    began = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as running:
        _, status, usage = os.wait4(running.pid, 0)
        running.returncode = os.waitstatus_to_exitcode(status)
    if running.returncode:
        raise RuntimeError(f"{command[0]} ended with {running.returncode}")
    return Cost(time.monotonic() - began, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


# ---- registry -----------------------------------------------------------------------------------


def _registry(folder: Path, positions: int) -> Iterator[Figure]:
    sheet, book = folder / "registry.csv", folder / "registry.xlsx"
    _sheets(sheet, book, positions)
    yield from _imports("SQLite", str(folder / "one.db"), sheet, positions)
    yield from _lines("registry, XLSX, SQLite", "xlsx", positions, _import(book, str(folder / "two.db")))
    try:
        with Postgres() as server:
            yield from _imports("PostgreSQL", server.create(), sheet, positions)
    except Missing as missing:
        print(f"no PostgreSQL here: {missing}", file=sys.stderr)


def _imports(store: str, database: str, sheet: Path, positions: int) -> Iterator[Figure]:
    yield from _lines(f"registry, CSV, {store}", "csv", positions, _import(sheet, database))
    yield from _lines(f"registry, CSV unchanged, {store}", "again", positions, _import(sheet, database))


def _import(file: Path, database: str) -> Cost:
    return _cost(sys.executable, "-m", "center.cli", "registry", "import", str(file), "--database", database)


def _sheets(sheet: Path, book: Path, positions: int) -> None:
    from xlsxwriter import Workbook

    made = Workbook(str(book), {"constant_memory": True})
    page = made.add_worksheet()
    with sheet.open("w", encoding="utf-8-sig", newline="") as data:
        table = csv.writer(data)
        for line, row in enumerate((HEAD, *(_row(i) for i in range(positions)))):
            table.writerow(row)
            for column, text in enumerate(row):
                page.write_string(line, column, text)
    made.close()


def _row(i: int) -> tuple[str, ...]:
    gateway = i // 10
    place = PLACES[gateway % len(PLACES)]
    names = (f"第{gateway // 2}示范小学食堂", "学校食堂", ZONES[i % 10], f"k{i % 10}")
    return (*place, *names, f"zz-school-{gateway:06d}", "2026-09-01 08:00")


# ---- a month ------------------------------------------------------------------------------------


def _month(folder: Path, positions: int) -> Iterator[Figure]:
    """Spans of 18 cities: a third of the camera-days has an outage or a silence, half of these to midnight.

    The bulletin: the same with coverage, assessment and the files of its folder.
    """
    _lay(folder, positions)
    cost = _cost(sys.executable, "-c", _MONTH, str(folder), MONTH)
    yield from _lines("a month, spans to all levels", "month", positions, cost)
    _beside(folder)
    cost = _cost(sys.executable, "-c", _BULLETIN, str(folder), MONTH, str(folder.parent / "bulletin"))
    yield from _lines("a month's bulletin, from spans", "bulletin", positions, cost)


def _lay(folder: Path, positions: int) -> None:
    begin = month_span(MONTH)[0]
    with opened() as c:
        for name in ("calendars", "exclusions"):
            write(c, folder / f"{name}.parquet", TABLES[name], ())
        c.execute(
            "CREATE TABLE places AS SELECT"
            " 'zz-school-' || lpad((i // 10)::VARCHAR, 6, '0') || '/k' || (i % 10) AS position,"
            " 0::INTEGER AS piece, 'z' AS zone, 'u' || (i // 20) AS unit, 'u' || (i // 20) AS unit_name,"
            " 'canteen' AS kind, city || lpad((i // 360 % 9)::VARCHAR, 2, '0') AS region, 'r' AS region_name,"
            " city, city AS city_name, '41' AS province, 'p' AS province_name, 0::BIGINT AS since_ms,"
            " NULL::BIGINT AS until_ms"
            f" FROM (SELECT i, '41' || lpad((i // 20 % 18 + 1)::VARCHAR, 2, '0') AS city FROM range({positions}) t(i))"
        )
        c.execute(f"COPY places TO '{folder}/places.parquet' (FORMAT parquet)")
        c.execute(
            "COPY (SELECT DISTINCT region, region AS ancestor, 1::INTEGER AS rank FROM places)"
            f" TO '{folder}/ancestors.parquet' (FORMAT parquet)"
        )
        names = SPANS.replace(" VARCHAR", "").replace(" BIGINT", "")
        for day in range(30):
            c.execute(_DAY.format(day=day, begin=begin + day * DAY_MS, end=begin + (day + 1) * DAY_MS))
            for (city,) in c.execute("SELECT DISTINCT city FROM places").fetchall():
                part = folder / "spans" / city
                part.mkdir(parents=True, exist_ok=True)
                file = part / f"{MONTH}-{day + 1:02d}.parquet"
                chosen = f"SELECT {names} FROM day WHERE city = '{city}' AND from_ms < to_ms ORDER BY position, from_ms"
                c.execute(f"COPY ({chosen}) TO '{file}' (FORMAT parquet)")


def _beside(folder: Path) -> None:
    """Every unit is obligated, of a row of the bulletin, and seen; nobody else says anything."""
    with opened() as c:
        begin = month_span(MONTH)[0]
        c.execute(f"CREATE VIEW places AS FROM '{folder}/places.parquet'")
        chosen = "region, region_name, city, city_name, province, province_name"
        copied = {
            "units": f"SELECT DISTINCT unit, 0::BIGINT AS since_ms, unit_name AS name, kind, {chosen},"
            " '2026-01-01' AS obligated_from, '' AS obligated_to, 'z' AS zones FROM places",
            "rows": "SELECT city AS code, city AS name, row_number() OVER (ORDER BY city)::INTEGER AS place"
            " FROM (SELECT DISTINCT city FROM places)",
            "heard/all": f"SELECT position, city, {begin}::BIGINT AS seen_ms FROM places",
        }
        (folder / "heard").mkdir()
        for name, query in copied.items():
            c.execute(f"COPY ({query}) TO '{folder}/{name}.parquet' (FORMAT parquet)")
        for name in ("away", "opinions"):
            write(c, folder / f"{name}.parquet", BESIDE[name], ())


_DAY = """
CREATE OR REPLACE TABLE day AS
WITH drawn AS (
    SELECT city, position, hash(position, {day}) % 1000 AS luck, {begin}::BIGINT AS begins, {end}::BIGINT AS ends,
           ({begin} + hash(position, {day}, 1) % 80000000)::BIGINT AS at_ms,
           ({begin} + 80000000 + hash(position, {day}, 2) % 6000000)::BIGINT AS back_ms
    FROM places
)
SELECT city, position, 'on' AS state, begins AS from_ms, CASE WHEN luck < 334 THEN at_ms ELSE ends END AS to_ms
FROM drawn
UNION ALL
SELECT city, position, CASE WHEN luck < 50 THEN 'dark' ELSE 'off' END, at_ms,
       CASE WHEN luck < 167 THEN back_ms ELSE ends END
FROM drawn WHERE luck < 334
UNION ALL
SELECT city, position, 'on', back_ms, ends FROM drawn WHERE luck < 167
"""
