"""Who may look at the pages: accounts, sessions, login links, tokens, and what they did."""

import sqlalchemy as sa
from alembic import op

from center.store.migrations.tools import key, text, wholes

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.create_table(
        "web_accounts",
        *(key("name"), *map(text, ("role", "scope", "password")), *wholes("disabled", "made_ms")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "web_sessions",
        *(key("digest"), text("account"), *wholes("made_ms", "seen_ms")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "web_links",
        *(key("digest"), text("account"), *wholes("until_ms", "used_ms")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "web_tokens",
        *(key("digest"), text("account"), *wholes("made_ms")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "web_audit",
        *(sa.Column("id", sa.Integer, primary_key=True), *wholes("at_ms")),
        *map(text, ("account", "address", "act", "what", "outcome")),
    )
    op.create_index("web_audit_of_account", "web_audit", ["account", "at_ms"])
    op.create_index("web_audit_of_address", "web_audit", ["address", "at_ms"])
