"""How everything stands now is kept, not computed: it fills as gateways speak, within minutes."""

from alembic import op

from center.store.migrations.tools import key, text, wholes

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "standing",
        *(key("gateway"), key("slot"), *map(text, ("session", "store")), *wholes("seq")),
        *(*map(text, ("state", "reason", "level")), *wholes("at", "received_ms")),
        sqlite_with_rowid=False,
    )
    op.execute(
        "INSERT INTO standing (gateway, slot, session, store, seq, state, at, received_ms)"
        " SELECT gateway, slot, session, store, seq, state, at, received_ms FROM (SELECT e.*, row_number() OVER"
        " (PARTITION BY gateway, slot ORDER BY received_ms DESC, seq DESC) AS age FROM events e"
        " WHERE kind = 'transition') newest WHERE age = 1"
    )
    op.execute(
        "INSERT INTO standing (gateway, slot, session, state, received_ms)"
        " SELECT gateway, '', session, CASE WHEN left_ms IS NULL THEN '' ELSE 'left' END, heard_ms"
        " FROM (SELECT s.*, row_number() OVER (PARTITION BY gateway ORDER BY heard_ms DESC, session) AS age"
        " FROM sessions s) newest WHERE age = 1"
    )
