"""What several steps need: columns as the tables have them, and a table made again under another primary key."""

from typing import Any

import sqlalchemy as sa
from alembic import op


def key(name: str, kind: type[sa.types.TypeEngine[Any]] = sa.Text) -> sa.Column[Any]:
    return sa.Column(name, kind, primary_key=True, autoincrement=False)


def text(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Text, nullable=False, server_default="")


def wholes(*names: str) -> list[sa.Column[Any]]:
    return [sa.Column(name, sa.BigInteger, nullable=False, server_default="0") for name in names]


def remade(table: str, *columns: sa.Column[Any], **new: str) -> None:
    """With the rows that it had; `new`: column -> expression."""
    names = [column.name for column in columns]
    values = [new.get(name, name) for name in names]
    op.execute(f"CREATE TEMPORARY TABLE kept AS SELECT * FROM {table}")
    op.drop_table(table)
    op.create_table(table, *columns, sqlite_with_rowid=False)
    op.execute(f"INSERT INTO {table} ({', '.join(names)}) SELECT {', '.join(values)} FROM kept")
    op.execute("DROP TABLE kept")
