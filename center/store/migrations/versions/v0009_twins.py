"""Which slots of a gateway show one picture, as each inventory says."""

import sqlalchemy as sa
from alembic import op

from center.store.migrations.tools import key, text, wholes

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.create_table(
        "twins",
        *(key("gateway"), key("received_ms", sa.BigInteger), text("slots"), *wholes("generation")),
        sqlite_with_rowid=False,
    )
