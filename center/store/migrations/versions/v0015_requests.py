"""What units ask for: exclusions, and stops that they announce; and of which region a spot check was drawn."""

import sqlalchemy as sa
from alembic import op

from center.store.migrations.tools import text, wholes

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    op.create_table(
        "requests",
        sa.Column("number", sa.Integer, primary_key=True),
        *(*map(text, ("unit", "position")), *wholes("from_ms", "to_ms"), *map(text, ("cause", "reason", "person"))),
        *(*wholes("asked_ms"), *map(text, ("state", "decider", "answer")), *wholes("decided_ms")),
    )
    op.create_index("requests_of", "requests", ["unit", "to_ms"])
    op.create_index("requests_in", "requests", ["state", "asked_ms"])
    op.add_column("draws", text("region"))
