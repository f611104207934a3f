"""Every revision that ever was upgrades to this build's schema without losing a row, on both databases.

A new revision needs its own file in tests/data/store: `python tests/contracts/store/snapshot.py` writes it.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory

from fireside.core.errors import FailedPreconditionError, UnavailableError
from fireside.store import upgrade
from fireside.store.db import Database, StoreOptions, open_database
from fireside.store.migrations.render import DIALECTS, FOLDER, render
from fireside.store.migrations.upgrading import config
from fireside.store.migrations.upgrading import upgrade as upgrade_to
from fireside.store.revisions import HEAD, REVISIONS
from fireside.store.tx import Tx, Value
from fireside.store.urls import sqlite_url
from tests.contracts.store.snapshot import DATA, SQLITE_STRUCTURE, load, postgres_structure
from tests.knowledge_rows import check_knowledge
from tests.store_rows import check_filled, check_runners, fill


def test_the_revisions_are_those_of_the_migrations() -> None:
    scripts = ScriptDirectory.from_config(config())
    assert tuple(reversed([script.revision for script in scripts.walk_revisions()])) == REVISIONS
    assert scripts.get_heads() == [HEAD]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_script_of_a_new_database_is_rendered_from_the_metadata(dialect: str) -> None:
    assert (FOLDER / f"{dialect}.sql").read_text("utf-8") == render(dialect)
    assert {path.stem for path in FOLDER.iterdir()} == set(DIALECTS)


async def test_what_is_stored_now_is_what_the_check_expects(db: Database) -> None:
    await fill(db)
    await check_filled(db)
    await check_runners(db)
    await check_knowledge(db)


@pytest.mark.parametrize("revision", REVISIONS)
async def test_rows_of_every_revision_survive_the_upgrade(empty_database_url: str, revision: str) -> None:
    await asyncio.to_thread(upgrade_to, empty_database_url, revision)
    rows = json.loads((DATA / f"{revision}.json").read_text("utf-8"))
    await load(empty_database_url, rows)
    db = await open_database(empty_database_url, StoreOptions())
    await check_filled(db)
    if "runners" in rows:
        await check_runners(db)
    if rows.get("collections"):
        await check_knowledge(db)
    await db.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def twins(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, str]:
    """A database with nothing in it, and one made by the script."""
    if request.param == "sqlite":
        return sqlite_url(tmp_path / "migrated.db"), sqlite_url(tmp_path / "fresh.db")
    return request.getfixturevalue("empty_postgres_url"), request.getfixturevalue("postgres_url")


async def test_the_migrations_make_what_the_script_makes(twins: tuple[str, str]) -> None:
    migrated, fresh = twins
    await asyncio.to_thread(upgrade_to, migrated, "head")
    assert await structure(migrated) == await structure(fresh)


async def structure(url: str) -> dict[str, list[tuple[Value, ...]]]:
    db = await open_database(url, StoreOptions())

    async def body(tx: Tx) -> dict[str, list[tuple[Value, ...]]]:
        queries = SQLITE_STRUCTURE if db.dialect == "sqlite" else postgres_structure()
        return {name: sorted(await tx.fetch(sql), key=repr) for name, sql in queries.items()}

    try:
        return await db.read(body)
    finally:
        await db.close()


async def test_an_upgrade_runs_in_a_process_of_its_own(empty_database_url: str) -> None:
    await asyncio.to_thread(upgrade.run, empty_database_url)
    db = await open_database(empty_database_url, StoreOptions())
    await fill(db)
    await check_filled(db)
    await db.close()


async def test_a_database_of_a_newer_version_is_refused(database_url: str) -> None:
    db = await open_database(database_url, StoreOptions())
    await db.write(lambda tx: tx.execute("UPDATE alembic_version SET version_num = '9999'"))
    await db.close()
    with pytest.raises(FailedPreconditionError) as caught:
        await open_database(database_url, StoreOptions())
    assert caught.value.reason == "DATABASE_NEWER"


async def test_servers_that_start_at_once_make_one_schema(empty_postgres_url: str) -> None:
    opened = await asyncio.gather(*(open_database(empty_postgres_url, StoreOptions()) for _ in range(4)))
    await fill(opened[0])
    await check_filled(opened[3])
    for db in opened:
        await db.close()


async def test_a_server_on_sqlite_loads_neither_sqlalchemy_nor_asyncpg(sqlite_database_url: str) -> None:
    code = """
import asyncio, sys
from fireside.store.db import open_database
async def main():
    await (await open_database(sys.argv[1])).close()
asyncio.run(main())
print(sorted({"sqlalchemy", "alembic", "asyncpg", "mako"} & set(sys.modules)))
"""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, sqlite_database_url, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await child.communicate()
    assert output == b"[]\n"


def test_every_revision_has_rows_to_upgrade() -> None:
    assert {path.stem for path in Path(DATA).glob("*.json")} == set(REVISIONS)


async def test_an_upgrade_that_fails_says_why_and_changes_nothing(database_url: str) -> None:
    db = await open_database(database_url, StoreOptions())
    await fill(db)
    await db.write(lambda tx: tx.execute("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(UnavailableError, match="9999"):
        await asyncio.to_thread(upgrade.run, database_url)
    await check_filled(db)
    await db.close()
