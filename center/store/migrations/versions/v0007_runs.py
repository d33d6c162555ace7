"""What is held of each run, roughly: its time and its numbers."""

import sqlalchemy as sa
from alembic import op

from center.model import NEVER_MS, RunRow
from center.store.migrations.tools import key, wholes

revision = "0007"
down_revision = "0006"

_TOLD = f"""
SELECT gateway, store, session, boot, min(f), max(t), min(lo), max(hi) FROM (
SELECT gateway, store, session, boot, zero_ms AS f, last_ms AS t, {NEVER_MS} AS lo, 0 AS hi FROM beats
UNION ALL SELECT gateway, store, session, boot, zero_ms, received_ms, {NEVER_MS}, 0 FROM claims
UNION ALL SELECT gateway, store, session, boot, {NEVER_MS}, received_ms, seq, seq FROM events WHERE kind <> ''
UNION ALL SELECT gateway, store, session, boot, {NEVER_MS}, received_ms, {NEVER_MS}, 0 FROM closings
UNION ALL SELECT a.gateway, a.store, e.session, a.boot, a.utc_ms - a.at, a.received_ms, {NEVER_MS}, 0
FROM anchors a JOIN events e ON e.gateway = a.gateway AND e.store = a.store AND e.seq = a.seq AND e.copy = a.copy
UNION ALL SELECT gateway, store, '', boot, {NEVER_MS}, {NEVER_MS}, {NEVER_MS}, 0 FROM lost WHERE boot <> ''
) every GROUP BY gateway, store, session, boot
"""


def upgrade() -> None:
    op.create_table(
        "runs",
        *(key("gateway"), key("store"), key("session"), key("boot")),
        *wholes("from_ms", "to_ms", "seq_lo", "seq_hi", "generation"),
        sqlite_with_rowid=False,
    )
    bind = op.get_bind()
    marks = ", ".join(f":{name}" for name in RunRow._fields)
    made = sa.text(f"INSERT INTO runs ({', '.join(RunRow._fields)}) VALUES ({marks})")
    for row in bind.execute(sa.text(_TOLD)).all():
        bind.execute(made, RunRow(*row).rough()._asdict())
