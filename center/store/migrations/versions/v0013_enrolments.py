"""Certificates that were given to gateways."""

import sqlalchemy as sa
from alembic import op

from center.store.migrations.tools import key, text, wholes

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    columns: list[sa.Column[str]] = [key("gateway"), key("serial"), *map(text, ("city", "how", "person"))]
    columns += [*wholes("issued_ms", "expires_ms"), *map(text, ("request", "certificate", "recovery"))]
    columns += [*wholes("revoked_ms"), *map(text, ("revoked_by", "reason"))]
    op.create_table("enrolments", *columns, sqlite_with_rowid=False)
