"""Every content of a gap has a row of its own: which of them stands, the event says that it came with."""

import sqlalchemy as sa

from center.store.migrations.tools import key, remade, text, wholes

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    big = sa.BigInteger
    remade(
        "lost",
        *(key("gateway"), key("store"), key("from_seq", big), key("to_seq", big), key("seq", big), key("copy", big)),
        *(text("boot"), *wholes("from_at", "to_at"), text("why"), *wholes("received_ms")),
    )
