"""Who finds what: what is not for somebody is not found, whatever they ask. On both databases."""

from __future__ import annotations

from dataclasses import replace

from fireside.core.ids import new_id
from fireside.core.principal import Principal
from fireside.knowledge.embedding import Embedder
from fireside.knowledge.query import Mode, Query
from fireside.knowledge.search import Found, Search
from fireside.store import conversations
from fireside.store.db import Database
from fireside.store.tx import Tx
from tests.library import ANNA, BERT, have_account, have_collection, have_document
from tests.searching import embed, execute, texts
from tests.store_rows import conversation


async def test_nobody_else_finds_anything(db: Database, search: Search, embedder: Embedder) -> None:
    scope = await have_collection(db)
    document = await have_document(db, scope, ["the feline sleeps"])
    attached = await have_document(db, "", ["a feline attachment"])
    await embed(db, embedder, document, scope)
    await embed(db, embedder, attached)
    await have_account(db, BERT)
    everywhere = (
        Query(text="cat feline"),
        Query(text="cat feline", collection_ids=[scope], document_ids=[document, attached]),
    )
    for query in everywhere:
        for mode in Mode:
            found = await search.search(BERT, replace(query, mode=mode))
            assert found == Found()
            assert (await search.search(ANNA, replace(query, mode=mode))).passages


async def shared(db: Database, scope: str, *, account: str | None = None, group: str | None = None) -> str:
    share = new_id()

    async def body(tx: Tx) -> None:
        await tx.execute(
            "INSERT INTO collection_shares (id, collection_id, account_id, group_id, role, create_time)"
            " VALUES ($1, $2, $3, $4, 1, 1)",
            share, scope, account, group,
        )  # fmt: skip

    await db.write(body)
    return share


async def test_a_share_opens_and_its_end_closes(db: Database, search: Search, embedder: Embedder) -> None:
    scope = await have_collection(db)
    document = await have_document(db, scope, ["the feline sleeps"])
    await embed(db, embedder, document, scope)
    await have_account(db, BERT)
    query = Query(text="cat feline")
    share = await shared(db, scope, account=BERT.id)
    assert texts(await search.search(BERT, query)) == ["the feline sleeps"]
    await execute(db, "DELETE FROM collection_shares WHERE id = $1", share)
    assert await search.search(BERT, query) == Found()


async def test_a_group_opens_and_leaving_it_closes(db: Database, search: Search, embedder: Embedder) -> None:
    scope = await have_collection(db)
    document = await have_document(db, scope, ["the feline sleeps"])
    await embed(db, embedder, document, scope)
    await have_account(db, BERT)
    group = new_id()
    await execute(db, "INSERT INTO groups (id, name_folded, revision, record) VALUES ($1, $1, 1, '')", group)
    await execute(
        db, "INSERT INTO group_members (group_id, account_id, by_provider) VALUES ($1, $2, 0)", group, BERT.id
    )
    await shared(db, scope, group=group)
    for query in (Query(text="cat feline"), Query(text="cat feline", document_ids=[document])):
        assert texts(await search.search(BERT, query)) == ["the feline sleeps"]
    await execute(db, "DELETE FROM group_members WHERE account_id = $1", BERT.id)
    for query in (Query(text="cat feline"), Query(text="cat feline", document_ids=[document])):
        assert await search.search(BERT, query) == Found()


async def test_an_attachment_is_read_with_the_conversation(db: Database, search: Search, embedder: Embedder) -> None:
    document = await have_document(db, "", ["a feline attachment"])
    await embed(db, embedder, document)
    await have_account(db, BERT)
    query = Query(text="cat feline", document_ids=[document])

    async def put(tx: Tx) -> None:
        await conversations.insert(tx, BERT.id, conversation("c"))
        await tx.execute(
            "INSERT INTO conversation_files (conversation_id, file_id)"
            " SELECT 'c', v.file_id FROM document_versions v WHERE v.document_id = $1",
            document,
        )

    assert await search.search(BERT, query) == Found()
    await db.write(put)
    assert texts(await search.search(BERT, query)) == ["a feline attachment"]
    assert not (await search.search(BERT, Query(text="cat feline"))).passages
    await execute(db, "UPDATE conversations SET delete_time = 5 WHERE id = 'c'")
    assert await search.search(BERT, query) == Found()


async def test_the_account_alone_counts(db: Database, search: Search) -> None:
    scope = await have_collection(db)
    await have_document(db, scope, ["feline"])
    assert (await search.search(Principal(id=ANNA.id), Query(text="feline"))).passages
    assert not (await search.search(Principal(id=""), Query(text="feline"))).passages
