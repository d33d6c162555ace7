"""A position has several times of service; a claim knows its boot's zero by the center's clock."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    _remade("slots", *(_key("gateway"), _key("slot"), _key("accepted_ms", sa.BigInteger)), *_PLACE)
    _remade(
        "registry_changes",
        *(_key("import_id", sa.BigInteger), _key("gateway"), _key("slot"), _key("accepted_ms", sa.BigInteger)),
        *(_text("before"), _text("after")),
        accepted_ms=_ACCEPTED[op.get_bind().dialect.name],
    )
    op.add_column("claims", sa.Column("zero_ms", sa.BigInteger, nullable=False, server_default="0"))
    op.execute("UPDATE claims SET zero_ms = received_ms - settled_to")


_ACCEPTED = {
    "sqlite": "json_extract(after, '$.accepted_ms')",
    "postgresql": "CAST(CAST(after AS json) ->> 'accepted_ms' AS bigint)",
}
"""Of the position as it was after the change."""


def _key(name: str, kind: type[sa.types.TypeEngine[Any]] = sa.Text) -> sa.Column[Any]:
    return sa.Column(name, kind, primary_key=True, autoincrement=False)


def _text(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Text, nullable=False, server_default="")


_PLACE = (sa.Column("ended_ms", sa.BigInteger), *(_text(n) for n in ("city", "county", "unit", "kind", "zone")))


def _remade(table: str, *columns: sa.Column[Any], **new: str) -> None:
    """Another primary key: the table is made again with the rows that it had; `new`: column -> expression."""
    names = [column.name for column in columns]
    values = [new.get(name, name) for name in names]
    op.execute(f"CREATE TEMPORARY TABLE kept AS SELECT * FROM {table}")
    op.drop_table(table)
    op.create_table(table, *columns, sqlite_with_rowid=False)
    op.execute(f"INSERT INTO {table} ({', '.join(names)}) SELECT {', '.join(values)} FROM kept")
    op.execute("DROP TABLE kept")
