"""Alembic's door: runs the steps on the connection, and within the transaction, of whoever asked."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
with context.begin_transaction():
    context.run_migrations()
