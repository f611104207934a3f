"""All tables of the newest schema: importing this knows them."""

from __future__ import annotations

from fireside.store.migrations import schema, schema_knowledge
from fireside.store.migrations.columns import metadata

__all__ = ["metadata", "schema", "schema_knowledge"]
