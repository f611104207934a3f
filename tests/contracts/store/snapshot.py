"""Rows as they lay in the tables at a revision, and what tables look like. Run it to write the newest revision's file."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import tempfile
from pathlib import Path

import asyncpg

from fireside.store.db import StoreOptions, open_database
from fireside.store.revisions import HEAD
from fireside.store.urls import sqlite_path, sqlite_url
from tests.store_rows import fill

DATA = Path(__file__).parents[2] / "data" / "store"

# The full text index of SQLite, whose rows PostgreSQL could not take.
CHUNK_TEXT = ("chunk_text", *(f"chunk_text_{name}" for name in ("config", "content", "data", "docsize", "idx")))

Rows = dict[str, list[dict[str, int | str | dict[str, str] | None]]]

SQLITE_STRUCTURE = {
    "tables": "SELECT name, wr, strict FROM pragma_table_list WHERE schema = 'main'",
    "columns": 'SELECT t.name, c.name, c.type, c."notnull", c.dflt_value, c.pk'
    " FROM sqlite_master t JOIN pragma_table_xinfo(t.name) c WHERE t.type = 'table'",
    "references": 'SELECT t.name, f."table", f."from", f."to", f.on_update, f.on_delete'
    " FROM sqlite_master t JOIN pragma_foreign_key_list(t.name) f WHERE t.type = 'table'",
    "indexes": 'SELECT t.name, i.name, i."unique", i.origin, i.partial, c.seqno, c.name, c.desc, c.coll, s.sql'
    " FROM sqlite_master t JOIN pragma_index_list(t.name) i JOIN pragma_index_xinfo(i.name) c"
    " LEFT JOIN sqlite_master s ON s.name = i.name WHERE t.type = 'table'",
    "triggers": "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'",
}


def postgres_structure() -> dict[str, str]:
    """Queries whose rows tell what a PostgreSQL schema is, whatever the order of its columns."""
    return {
        "columns": "SELECT table_name::text, column_name::text, data_type::text, is_nullable::text,"
        " column_default::text, collation_name::text FROM information_schema.columns WHERE table_schema = 'public'",
        "indexes": "SELECT indexdef::text FROM pg_indexes WHERE schemaname = 'public'",
        "constraints": "SELECT conname::text, pg_get_constraintdef(oid)::text FROM pg_constraint"
        " WHERE connamespace = 'public'::regnamespace",
        "triggers": "SELECT pg_get_triggerdef(t.oid)::text, p.prosrc::text FROM pg_trigger t"
        " JOIN pg_proc p ON p.oid = t.tgfoid WHERE NOT t.tgisinternal",
    }


def dump(path: Path) -> Rows:
    """All rows of an SQLite database, bytes as {"hex": ...}, in an order in which they can be inserted."""
    connection = sqlite3.connect(path)
    connection.row_factory = sqlite3.Row
    names = (
        "accounts", "conversations", "messages", "generations", "generation_events", "account_events", "requests",
        "runners", "runner_positions", "model_aliases", "sessions", "api_keys", "passkeys", "recovery_codes",
        "one_time_tokens", "groups", "group_members", "shares", "usage", "audit_events", "server_policy", "counters",
        "collections", "collection_shares", "blobs", "uploads", "files", "documents", "document_versions",
        "conversation_files", "chunks", "chunk_vectors", "jobs",
    )  # fmt: skip
    present = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if missing := present - {*names, "alembic_version", "sqlite_stat1", "sqlite_stat4", "sqlite_sequence", *CHUNK_TEXT}:
        raise SystemExit(f"add to the order: {missing}")
    rows: Rows = {}
    for name in names:
        rows[name] = [
            {key: {"hex": row[key].hex()} if isinstance(row[key], bytes) else row[key] for key in row.keys()}  # noqa: SIM118
            for row in connection.execute(f"SELECT * FROM {name} ORDER BY 1, 2")  # noqa: S608
        ]
    connection.close()
    return rows


async def load(url: str, rows: Rows) -> None:
    """Inserts dumped rows into a database whose schema is at their revision."""
    statements: list[tuple[str, list[int | str | bytes | None]]] = []
    for table, entries in rows.items():
        for entry in entries:
            if table == "accounts" and entry["id"] == "local":
                sets = ", ".join(f"{key} = ${number}" for number, key in enumerate(entry, 1))
                sql = f"UPDATE accounts SET {sets} WHERE id = 'local'"  # noqa: S608
            else:
                marks = ", ".join(f"${number}" for number in range(1, len(entry) + 1))
                sql = f"INSERT INTO {table} ({', '.join(entry)}) VALUES ({marks})"  # noqa: S608
            values = [bytes.fromhex(v["hex"]) if isinstance(v, dict) else v for v in entry.values()]
            statements.append((sql, values))
    path = sqlite_path(url)
    if path is not None:
        connection = sqlite3.connect(path)
        with connection:
            for sql, values in statements:
                connection.execute(sql.replace("$", "?"), values)
        connection.close()
        return
    client = await asyncpg.connect(url)
    try:
        for sql, values in statements:
            await client.execute(sql, *values)
    finally:
        await client.close()


async def main() -> None:
    """Writes the rows of `fill` as the newest revision stores them."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.db"
        db = await open_database(sqlite_url(path), StoreOptions())
        await fill(db)
        await db.close()
        rows = dump(path)
    DATA.mkdir(parents=True, exist_ok=True)
    (DATA / f"{HEAD}.json").write_text(json.dumps(rows, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    asyncio.run(main())
