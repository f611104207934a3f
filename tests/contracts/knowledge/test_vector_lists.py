"""pgvector's lists: when they are made, whatever happens meanwhile, and that a search finds what is there."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from urllib.parse import urlsplit

import asyncpg
import pytest

from fireside.core.errors import FailedPreconditionError
from fireside.knowledge.index.base import Scope
from fireside.knowledge.index.pgvector import PgVectorIndex
from fireside.store import vector_lists, vector_tables
from fireside.store.db import Database, open_database
from fireside.store.tx import Tx
from tests.library import have_collection, have_document, ids_of, vector
from tests.many_chunks import have_chunks
from tests.postgres import PostgresServer

MODEL = "m"
TABLE = vector_tables.table_of(MODEL, 8)
WEAK = "fireside_weak"


@pytest.fixture
async def db(postgres_url: str) -> AsyncIterator[Database]:
    """With pgvector's table, which is whole and empty."""
    db = await open_database(postgres_url)
    assert await vector_tables.available(db)

    async def body(tx: Tx) -> None:
        await vector_tables.make(tx, MODEL, 8)
        await tx.execute(f"COMMENT ON TABLE {TABLE} IS 'whole'")

    await db.write(body)
    yield db
    await db.close()


@pytest.fixture
async def direct(postgres_url: str, db: Database) -> AsyncIterator[asyncpg.Connection]:
    """A connection of somebody else."""
    assert db.dialect == "postgresql"
    connection = await asyncpg.connect(postgres_url)
    yield connection
    await connection.close()


async def have_vectors(db: Database, scope: str, count: int, first: float = 0.0) -> list[int]:
    """A document with so many chunks and vectors at random, of which the first value is moved by `first`. Their ids."""
    document, ids = await have_chunks(db, scope, count)

    async def body(tx: Tx) -> None:
        await tx.execute(
            f"INSERT INTO {TABLE} SELECT id, scope, l2_normalize(ARRAY(SELECT random() - 0.5 + 0 * id"  # noqa: S608
            f" + CASE WHEN n = 1 THEN {first} ELSE 0 END FROM generate_series(1, 8) AS n)::real[]::vector)::halfvec(8)"
            " FROM chunks WHERE document_id = $1 AND ordinal > 0",
            document,
        )

    await db.write(body)
    return ids


async def lists(connection: asyncpg.Connection) -> list[tuple[int, bool]]:
    """How many lists each index has, and whether it can be used."""
    rows = await connection.fetch(
        "SELECT substring(c.reloptions::text FROM '[0-9]+')::int, i.indisvalid FROM pg_index i JOIN pg_class c"
        " ON c.oid = i.indexrelid WHERE i.indrelid = to_regclass($1) AND c.reloptions IS NOT NULL ORDER BY 1",
        TABLE,
    )
    return [(row[0], row[1]) for row in rows]


async def nearest(index: PgVectorIndex, scopes: Sequence[str], asked: bytes, limit: int = 3) -> list[int]:
    found = await index.search_vector(MODEL, [Scope(scope, 1) for scope in scopes], asked, limit)
    assert found is not None
    return [one.chunk_id for one in found]


async def truth(connection: asyncpg.Connection, scope: str, asked: str, limit: int) -> list[int]:
    rows = await connection.fetch(
        f"SELECT chunk_id FROM (SELECT * FROM {TABLE} WHERE scope = $1 OFFSET 0) AS n"  # noqa: S608
        f" ORDER BY near <#> $2::text::halfvec LIMIT {limit}",
        scope,
        asked,
    )
    return [row[0] for row in rows]


async def until(connection: asyncpg.Connection, met: Callable[[list[tuple[int, bool]]], bool]) -> None:
    async with asyncio.timeout(30):
        while not met(await lists(connection)):
            await connection.execute("SELECT pg_sleep(0.01)")


async def test_lists_are_made_when_there_is_enough_and_again_when_there_is_much_more(
    db: Database, direct: asyncpg.Connection
) -> None:
    scope = await have_collection(db)
    await have_vectors(db, scope, 9_000)
    assert await vector_lists.tend(db, TABLE, 8) == 9_000
    assert await lists(direct) == []
    await have_vectors(db, scope, 1_100)
    for _ in range(2):
        assert await vector_lists.tend(db, TABLE, 8) == 10_100
        assert await lists(direct) == [(200, True)]
    await have_vectors(db, scope, 30_500)
    assert await vector_lists.tend(db, TABLE, 8) == 40_600
    assert await lists(direct) == [(402, True)]
    index = PgVectorIndex(db)
    asked = "[1,0.5,0,0,0.2,0,0,0]"
    found = await nearest(index, [scope], vector(1, 0.5, 0, 0, 0.2), 20)
    assert len(set(found) & set(await truth(direct, scope, asked, 20))) >= 18
    await index.aclose()


async def test_the_index_has_lists_made_as_it_grows(db: Database, direct: asyncpg.Connection) -> None:
    scope = await have_collection(db)
    await have_vectors(db, scope, 9_990)
    index = PgVectorIndex(db)
    await nearest(index, [scope], vector(1))
    await index.settled()
    assert await lists(direct) == []
    document = await have_document(db, scope, ["text"] * 1_001)
    ids = await ids_of(db, document)
    await index.upsert(scope, MODEL, [(name, vector(0.1, 1)) for name in ids[:999]])
    await index.settled()
    assert await lists(direct) == []
    await index.upsert(scope, MODEL, [(ids[999], vector(1)), (ids[1_000], vector(-1))])
    await index.settled()
    assert await lists(direct) == [(2 * 104, True)]
    assert (await nearest(index, [scope], vector(1)))[0] == ids[999]
    await index.upsert(scope, MODEL, [(ids[999], vector(0, 1)), (ids[1_000], vector(1))])
    assert (await nearest(index, [scope], vector(1)))[0] == ids[1_000]
    await index.aclose()


async def test_a_scope_that_is_far_from_the_question_is_searched_too(db: Database) -> None:
    near, far = await have_collection(db), await have_collection(db)
    await have_vectors(db, near, 30_000, first=1.5)
    ids = await have_vectors(db, far, 10_100, first=-1.5)
    await vector_lists.tend(db, TABLE, 8)
    index = PgVectorIndex(db)
    found = await nearest(index, [far], vector(1), 50)
    assert len(found) == 50
    assert set(found) <= set(ids)
    await index.aclose()


async def test_one_of_several_processes_makes_them(db: Database, direct: asyncpg.Connection, postgres_url: str) -> None:
    scope = await have_collection(db)
    [first, *_] = await have_vectors(db, scope, 10_100)
    other = await open_database(postgres_url)
    async with direct.transaction():
        # Who writes is waited for.
        await direct.execute(f"UPDATE {TABLE} SET near = near WHERE chunk_id = $1", first)  # noqa: S608
        making = asyncio.create_task(vector_lists.tend(db, TABLE, 8))
        await until(direct, bool)
        assert await vector_lists.tend(other, TABLE, 8) is None
        assert await lists(direct) == [(200, False)]
    assert await making == 10_100
    assert await vector_lists.tend(other, TABLE, 8) == 10_100
    assert await lists(direct) == [(200, True)]
    await other.close()


@pytest.mark.parametrize("by", ["the server", "PostgreSQL"])
async def test_what_was_ended_in_the_middle_is_made_again(
    db: Database, direct: asyncpg.Connection, postgres_url: str, by: str
) -> None:
    scope = await have_collection(db)
    ids = await have_vectors(db, scope, 10_100)
    writer = await asyncpg.connect(postgres_url)
    async with writer.transaction():
        await writer.execute(f"UPDATE {TABLE} SET near = near WHERE chunk_id = $1", ids[0])  # noqa: S608
        making = asyncio.create_task(vector_lists.tend(db, TABLE, 8))
        await until(direct, bool)
        if by == "PostgreSQL":
            await direct.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'CREATE INDEX CONCURRENTLY%'"
            )
        else:
            making.cancel()
        await asyncio.gather(making, return_exceptions=True)
        assert await lists(direct) == [(200, False)]
        # It is written and searched as before.
        await direct.execute(f"UPDATE {TABLE} SET near = '[1,0,0,0,0,0,0,0]' WHERE chunk_id = $1", ids[1])  # noqa: S608
        index = PgVectorIndex(db)
        assert (await nearest(index, [scope], vector(1)))[0] == ids[1]
        # Which begins to make it again, and is ended too.
        await index.aclose()
    await writer.close()
    async with asyncio.timeout(30):
        while await vector_lists.tend(db, TABLE, 8) is None:
            await direct.execute("SELECT pg_sleep(0.01)")
    assert await lists(direct) == [(200, True)]


@pytest.fixture
async def weak(postgres_url: str, postgres_server: PostgresServer, db: Database) -> AsyncIterator[Database]:
    """The database as a role uses it that owns nothing in it and may make nothing."""
    assert db.dialect == "postgresql"
    await postgres_server.run(f"CREATE ROLE {WEAK} LOGIN")
    connection = await asyncpg.connect(postgres_url)
    await connection.execute(f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {WEAK}")
    await connection.execute(f"GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO {WEAK}")
    parts = urlsplit(postgres_url)
    weak = await open_database(parts._replace(netloc=parts.netloc.replace("postgres", WEAK, 1)).geturl())
    yield weak
    await weak.close()
    await connection.execute(f"DROP OWNED BY {WEAK}")
    await connection.close()
    await postgres_server.run(f"DROP ROLE {WEAK}")


async def test_a_role_that_may_not_make_them_searches_without(
    db: Database, weak: Database, caplog: pytest.LogCaptureFixture
) -> None:
    scope = await have_collection(db)
    ids = await have_vectors(db, scope, 10_100)
    with pytest.raises(FailedPreconditionError) as refused:
        await vector_lists.tend(weak, TABLE, 8)
    assert refused.value.reason == "MAINTENANCE_REFUSED"
    index = PgVectorIndex(weak)
    await index.upsert(scope, MODEL, [(ids[0], vector(1))])
    with caplog.at_level(logging.WARNING):
        assert (await nearest(index, [scope], vector(1)))[0] == ids[0]
        await index.settled()
    assert "No lists could be made" in caplog.text
    await index.aclose()


async def test_a_role_that_may_not_make_a_table_searches_in_memory(db: Database, weak: Database) -> None:
    scope = await have_collection(db)
    [first] = await ids_of(db, await have_document(db, scope, ["text"]))
    index = PgVectorIndex(weak)
    await index.upsert(scope, "another", [(first, vector(1))])
    found = await index.search_vector("another", [Scope(scope, 1)], vector(1), 3)
    assert found is not None
    assert [one.chunk_id for one in found] == [first]
    await index.aclose()
