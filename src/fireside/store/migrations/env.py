"""What Alembic runs for each upgrade. The connection, with its transaction begun, comes from upgrading.py."""

from __future__ import annotations

from alembic import context

from fireside.store.migrations.metadata import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # The caller's transaction spans all revisions: an upgrade happens in full or not at all.
    transactional_ddl=False,
)
context.run_migrations()
