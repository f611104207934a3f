"""The schema of a new database as one script for each dialect, so that a first start needs no migration.

The scripts in schema/ are generated (`python -m fireside.store.migrations.render`); tests hold them against the
metadata and against what the migrations make.
"""

from __future__ import annotations

from pathlib import Path


def script(dialect: str) -> str:
    """Statements, each ending in a semicolon at the end of a line, that make the schema and stamp its revision."""
    return (Path(__file__).parent / "schema" / f"{dialect}.sql").read_text("utf-8")
