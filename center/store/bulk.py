"""One statement for any number of rows, in both databases: arrays on PostgreSQL, executemany and JSON on SQLite."""

import json
from collections.abc import Sequence
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

Row = tuple[Any, ...]
_ARRAY = {sa.Text: "text[]", sa.BigInteger: "bigint[]", sa.LargeBinary: "bytea[]"}


def insert(connection: Connection, table: sa.Table, columns: Sequence[str], rows: Sequence[Row], then: str) -> int:
    """How many were written. `then`: what to do with a row that is there, as it stands after ON CONFLICT. No two rows
    may have one key.
    """
    if not rows:
        return 0
    statement = _insert(connection.dialect.name, table, tuple(columns), then)
    if connection.dialect.name == "sqlite":
        return connection.exec_driver_sql(statement, list(rows)).rowcount
    return connection.exec_driver_sql(statement, _columns(rows)).rowcount


def _columns(rows: Sequence[Sequence[Any]]) -> tuple[str, ...]:
    """Each column as the text of an array, as PostgreSQL writes one: psycopg's own way costs a third of the intake."""
    return tuple(_array(column) for column in zip(*rows, strict=True))


def _array(values: tuple[Any, ...]) -> str:
    first = next((value for value in values if value is not None), 0)
    if isinstance(first, str):
        text = '","'.join(values)
        if "\\" in text or text.count('"') != 2 * (len(values) - 1):
            text = '","'.join(value.replace("\\", "\\\\").replace('"', '\\"') for value in values)
        return f'{{"{text}"}}'
    if isinstance(first, bytes):
        return "{" + ",".join([f'"\\\\x{value.hex()}"' for value in values]) + "}"
    return "{" + ",".join(["NULL" if value is None else str(int(value)) for value in values]) + "}"


@cache
def _insert(dialect: str, table: sa.Table, columns: tuple[str, ...], then: str) -> str:
    if dialect == "sqlite":
        rows = f"VALUES ({', '.join('?' for _ in columns)})"
    else:
        rows = f"SELECT * FROM unnest({_arrays(table, columns)})"
    keys = ", ".join(column.name for column in table.primary_key)
    return f"INSERT INTO {table.name} ({', '.join(columns)}) {rows} ON CONFLICT ({keys}) {then}"


def _arrays(table: sa.Table, columns: Sequence[str]) -> str:
    return ", ".join(f"%s::{_ARRAY[type(table.c[name].type)]}" for name in columns)


def newest(table: str, *columns: str) -> str:
    """DO UPDATE: these columns take the greater value."""
    return ", ".join(_greater(table, name, ">") for name in columns)


def oldest(table: str, *columns: str) -> str:
    """DO UPDATE: these columns take the lesser value."""
    return ", ".join(_greater(table, name, "<") for name in columns)


def _greater(table: str, name: str, sign: str) -> str:
    mine, other = f"{table}.{name}", f"excluded.{name}"
    return f"{name} = CASE WHEN {other} IS NULL OR {mine} {sign} {other} THEN {mine} ELSE {other} END"


def lookup(
    connection: Connection, table: sa.Table, key: Sequence[str], keys: Sequence[Row], columns: str, where: str = ""
) -> Sequence[Any]:
    """Rows of `table` (t) whose `key` columns are those of one of `keys` (k.c0, k.c1 ...)."""
    if not keys:
        return []
    sqlite = connection.dialect.name == "sqlite"
    statement = _lookup(sqlite, table, tuple(key), len(keys[0]), columns, where)
    if sqlite:
        parameters: tuple[Any, ...] = (json.dumps([list(row) for row in keys]),)
    else:
        parameters = _columns(keys)
    cursor = connection.exec_driver_sql(statement, parameters).cursor
    return (
        cursor.fetchall() if cursor else []
    )  # tuples as the driver makes them: a Row each costs as much as reading it


@cache
def _lookup(sqlite: bool, table: sa.Table, key: tuple[str, ...], width: int, columns: str, where: str) -> str:
    on = " AND ".join(f"t.{name} = k.c{i}" for i, name in enumerate(key))
    names = ", ".join(f"c{i}" for i in range(width))
    if sqlite:  # CROSS JOIN: the keys lead, each is one search
        values = ", ".join(f"json_extract(value, '$[{i}]') AS c{i}" for i in range(width))
        source = f"(SELECT {values} FROM json_each(?)) k CROSS JOIN {table.name} t"
    else:
        kinds = [_ARRAY[type(table.c[name].type)] for name in key] + ["bigint[]"] * (width - len(key))
        source = f"unnest({', '.join(f'%s::{kind}' for kind in kinds)}) AS k({names}) JOIN {table.name} t ON true"
    return f"SELECT {columns} FROM {source} WHERE {on}{' AND ' + where if where else ''}"


def each(connection: Connection, keys: Sequence[Sequence[str]], columns: str) -> Sequence[Any]:
    """`columns` for each of these keys of texts (k.c0, k.c1 ...)."""
    if not keys:
        return []
    width = len(keys[0])
    if connection.dialect.name == "sqlite":
        values = ", ".join(f"json_extract(value, '$[{i}]') AS c{i}" for i in range(width))
        statement = f"SELECT {columns} FROM (SELECT {values} FROM json_each(?)) k"
        return connection.exec_driver_sql(statement, (json.dumps([list(key) for key in keys]),)).all()
    names = ", ".join(f"c{i}" for i in range(width))
    statement = f"SELECT {columns} FROM unnest({', '.join('%s::text[]' for _ in range(width))}) AS k({names})"
    return connection.exec_driver_sql(statement, _columns(keys)).all()
