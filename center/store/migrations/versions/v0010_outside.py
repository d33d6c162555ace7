"""What comes from outside: the platform's own online list, and draws of positions to be opened by hand."""

import sqlalchemy as sa
from alembic import op

from center.store.migrations.tools import key, text, wholes

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    big = sa.BigInteger
    op.create_table(
        "opinions",
        *(key("position"), key("at_ms", big), *wholes("online", "until_ms"), text("source"), *wholes("entered_ms")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "draws",
        *(key("seed"), *wholes("from_ms", "to_ms", "n", "at_ms"), text("person")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "drawn",
        *(key("seed"), key("number", big), *map(text, ("position", "unit", "unit_name", "region", "zone"))),
        *(*wholes("at_ms"), *map(text, ("result", "note", "person")), *wholes("entered_ms")),
        sqlite_with_rowid=False,
    )
