"""The first version that is brought up: nothing to do."""

revision = "0002"
down_revision = None


def upgrade() -> None:
    """Databases of it were made without Alembic."""
