"""A position has several times of service; a claim knows its boot's zero by the center's clock."""

import sqlalchemy as sa
from alembic import op

from center.store.migrations.tools import key, remade, text

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    remade("slots", *(key("gateway"), key("slot"), key("accepted_ms", sa.BigInteger)), *_PLACE)
    remade(
        "registry_changes",
        *(key("import_id", sa.BigInteger), key("gateway"), key("slot"), key("accepted_ms", sa.BigInteger)),
        *(text("before"), text("after")),
        accepted_ms=_ACCEPTED[op.get_bind().dialect.name],
    )
    op.add_column("claims", sa.Column("zero_ms", sa.BigInteger, nullable=False, server_default="0"))
    op.execute("UPDATE claims SET zero_ms = received_ms - settled_to")


_ACCEPTED = {
    "sqlite": "json_extract(after, '$.accepted_ms')",
    "postgresql": "CAST(CAST(after AS json) ->> 'accepted_ms' AS bigint)",
}
"""Of the position as it was after the change."""


_PLACE = (sa.Column("ended_ms", sa.BigInteger), *(text(n) for n in ("city", "county", "unit", "kind", "zone")))
