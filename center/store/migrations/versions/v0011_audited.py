"""Up to when a gateway was gone through for alarms; and the events that are alarms, found without the others."""

import sqlalchemy as sa
from alembic import op

from center.store.migrations.tools import key, wholes
from center.store.schema import TOLD

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.create_table("audited", key("gateway"), *wholes("generation"), sqlite_with_rowid=False)
    told = sa.text(TOLD)
    op.create_index("events_told", "events", ["received_ms"], sqlite_where=told, postgresql_where=told)
