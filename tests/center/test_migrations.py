"""Databases that older programs made.

`databases/vN.KIND.sql` is a dump of one; `vN.json` is what that program said of it.
"""

import json
import sqlite3
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from alembic.config import Config
from alembic.script import ScriptDirectory

from center.rate import Rules, month_span
from center.report import When, as_json, report
from center.store import Store, Unavailable
from center.store.engine import address
from center.store.schema import HEAD
from tests.center.letters import T0

OLD = Path(__file__).parent / "databases"
VERSIONS = ("2", "3")
AT = T0 + 300 * 60_000


def load(url: str, version: str) -> None:
    if "://" not in url:
        with sqlite3.connect(url) as there:
            there.executescript((OLD / f"v{version}.sqlite.sql").read_text())
        there.close()
    else:
        with psycopg.connect(url) as connection:
            connection.execute((OLD / f"v{version}.postgresql.sql").read_text().encode())


@pytest.mark.parametrize("version", VERSIONS)
def test_an_older_database_is_brought_up_and_says_what_it_said(url: str, version: str) -> None:
    """A database of every version given out opens, with the figures that its own program printed of it."""
    load(url, version)
    for _ in ("brought up", "opened again"):
        store = Store(url)
        with store.read() as reader:
            when = When("2026-11", (month_span("2026-11")[0], AT), AT, live=False)
            told = as_json(report(reader, when, "slot", Rules("visible")))
        store.close()
        wanted = json.loads((OLD / f"v{version}.json").read_text())
        assert as_before(told, wanted) == wanted


def as_before(told: Any, wanted: Any) -> Any:
    """What is told, without what only later versions tell."""
    if isinstance(told, dict) and isinstance(wanted, dict):
        return {key: as_before(told[key], its) for key, its in wanted.items()}
    if isinstance(told, list) and isinstance(wanted, list) and len(told) == len(wanted):
        return [as_before(*both) for both in zip(told, wanted, strict=True)]
    return told


ODD = (
    ("4101", "金水区", "a"),
    ("4101", "410105", "b"),
    ("4190", "410728", "c"),
    ("4101", "某镇", "d"),
    ("3301", "西湖区", "e"),
)
"""(city, county, unit) as people wrote them: a name, a code, a code that is no longer given out, and two unknown."""


def test_every_locality_of_before_counts_as_it_did(url: str) -> None:
    """A name gets its code, an old code the one that follows it, what nobody knows stays a place of its own."""
    load(url, "3")
    for number, (city, county, unit) in enumerate(ODD):
        values = f"'xx-{number:04d}', 'k1', {T0}, NULL, '{city}', '{county}', '{unit}', 'canteen', 'z'"
        execute(url, f"INSERT INTO slots VALUES ({values})")
    store = Store(url)
    span = month_span("2026-11")
    with store.read() as reader:
        levels = {
            level: report(reader, When("2026-11", (span[0], AT), AT, live=False), level, Rules("visible"))
            for level in ("city", "county", "unit", "slot")
        }
    store.close()
    for made in levels.values():
        assert made.total.figures == levels["slot"].total.figures
        assert made.total.figures.slots == 2 + len(ODD)
    counties = {row.key for row in levels["county"].rows}
    assert {"410105", "410783", "4101/某镇", "3301/西湖区"} <= counties
    assert {"4101", "410783", "3301"} == {row.key for row in levels["city"].rows}


def shape(url: str) -> dict[str, object]:
    """Tables with their columns and keys, however they came about."""
    engine = sa.create_engine(address(url))
    look = sa.inspect(engine)
    tables = {
        name: (
            {column["name"]: (str(column["type"]), column["nullable"]) for column in look.get_columns(name)},
            look.get_pk_constraint(name)["constrained_columns"],
            sorted(str(index["column_names"]) for index in look.get_indexes(name)),
        )
        for name in look.get_table_names()
    }
    engine.dispose()
    return tables


@pytest.mark.parametrize("version", VERSIONS)
def test_a_database_brought_up_has_the_tables_of_a_new_one(
    url: str, version: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Columns, types, keys and indexes are those that a new database gets."""
    new = str(tmp_path / "new.db") if "://" not in url else request.getfixturevalue("postgres").create()
    Store(new).close()
    load(url, version)
    Store(url).close()
    assert shape(url) == shape(new)


def test_the_newest_step_is_what_new_databases_are_of() -> None:
    """The steps are one line without branches, and its end is the version of the tables."""
    config = Config()
    config.set_main_option("script_location", "center.store:migrations")
    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]


def execute(url: str, statement: str) -> None:
    engine = sa.create_engine(address(url))
    with engine.begin() as connection:
        connection.execute(sa.text(statement))
    engine.dispose()


def test_a_step_that_fails_leaves_the_database_as_it_was(url: str) -> None:
    """All steps or none: what cannot be brought up can still be read by its own program."""
    load(url, "2")
    execute(url, "UPDATE registry_changes SET after = 'no JSON'")
    before = shape(url)
    with pytest.raises(Unavailable, match=r"(?i)(database|center.db): .*json"):
        Store(url)
    assert shape(url) == before


@pytest.mark.parametrize(
    ("told", "words"), [("9999", "install the newer one"), ("1", "the first that was ever given out")]
)
def test_a_database_of_a_newer_program_is_refused(url: str, told: str, words: str) -> None:
    """By its number, with what to do; nothing in it is touched."""
    load(url, "3")
    execute(url, f"UPDATE settings SET value = '{told}' WHERE name = 'schema'")
    before = shape(url)
    with pytest.raises(Unavailable, match=words):
        Store(url)
    assert shape(url) == before
