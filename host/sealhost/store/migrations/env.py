"""Alembic's entry: runs migrations on the connection that `sealhost.store.migrate` gives it."""

from __future__ import annotations

from alembic import context

from sealhost.store.models import Base

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    render_as_batch=connection.dialect.name == "sqlite",  # SQLite alters a table by copying it
)
with context.begin_transaction():
    context.run_migrations()
connection.commit()
