"""`python -m fireside.store.migrations.render`: writes schema/*.sql from the metadata. Run it after a change of the schema."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

from fireside.store.migrations.full_text import FULL_TEXT
from fireside.store.migrations.metadata import metadata
from fireside.store.migrations.triggers import TRIGGERS
from fireside.store.revisions import HEAD

FOLDER = Path(__file__).parents[1] / "schema"
DIALECTS = {"sqlite": sqlite.dialect, "postgresql": postgresql.dialect}


def render(dialect: str) -> str:
    """The script that makes the newest schema, with the account `local` in it, and stamps its revision."""
    target = DIALECTS[dialect]()
    statements: list[str] = []
    for table in metadata.sorted_tables:
        statements.append(str(CreateTable(table).compile(dialect=target)))
        indexes = sorted(table.indexes, key=lambda index: str(index.name))
        statements.extend(str(CreateIndex(index).compile(dialect=target)) for index in indexes)
    statements.extend(TRIGGERS[dialect])
    statements.extend(FULL_TEXT[dialect])
    version = "\tversion_num VARCHAR(32) NOT NULL,\n\tCONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)"
    statements += [
        f"CREATE TABLE alembic_version (\n{version}\n)",
        f"INSERT INTO alembic_version (version_num) VALUES ('{HEAD}')",  # noqa: S608
        "INSERT INTO accounts (id) VALUES ('local')",
    ]
    lines = [line.rstrip() for statement in statements for line in f"{statement.strip()};\n".split("\n")]
    return "-- Generated from migrations/schema.py by `python -m fireside.store.migrations.render`.\n\n" + "\n".join(
        lines
    )


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name in DIALECTS:
        (FOLDER / f"{name}.sql").write_text(render(name), "utf-8")
