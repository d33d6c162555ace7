"""What stands wrong, the cases that it is told in, and the messages on their way."""

import sqlalchemy as sa
from alembic import op

from center.store.migrations.tools import key, text, wholes

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    big = sa.BigInteger
    op.create_table(
        "causes",
        *(key("kind"), key("id"), *map(text, ("bucket", "region", "unit")), *wholes("since_ms", "seen_ms")),
        *(*map(text, ("state", "detail")), *wholes("case_id")),
        sqlite_with_rowid=False,
    )
    op.create_index("causes_of", "causes", ["case_id", "kind", "bucket"])
    op.create_table(
        "cases",
        *(key("id", big), *map(text, ("kind", "region", "unit", "name", "detail"))),
        *wholes("members", "since_ms", "opened_ms", "reminded", "next_ms", "ended_ms", "removed"),
        *(*map(text, ("ack_by", "ack_note")), *wholes("ack_at_ms", "ack_until_ms")),
        sqlite_with_rowid=False,
    )
    op.create_index("cases_due", "cases", ["ended_ms", "next_ms"])
    op.create_table(
        "tellings",
        *(key("case_id", big), key("receiver"), *wholes("told"), text("owed"), *wholes("message")),
        sqlite_with_rowid=False,
    )
    op.create_index("tellings_owed", "tellings", ["owed"])
    op.create_table(
        "outbox",
        *(key("id", big), *map(text, ("receiver", "act", "cases", "key", "subject", "text", "body"))),
        *(*wholes("created_ms", "not_before_ms"), text("state"), *wholes("tries", "uncertain")),
        *(*wholes("claimed_ms", "settled_ms"), text("said")),
        sqlite_with_rowid=False,
    )
    op.create_index("outbox_of", "outbox", ["receiver", "state"])
    offline = sa.text("state = 'offline'")
    op.create_index("standing_offline", "standing", ["gateway", "slot"], sqlite_where=offline, postgresql_where=offline)
