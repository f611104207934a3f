"""Collections and documents through the port, with the clients that people use."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from pathlib import Path

import pytest
from google.protobuf.message import Message

from fireside.gen.v1.account_event_pb2 import AccountEvent
from fireside.gen.v1.audit_service_pb2 import ListAuditEventsRequest
from fireside.gen.v1.chat_service_pb2 import WatchEventsRequest
from fireside.gen.v1.collection_service_pb2 import (
    CreateCollectionRequest,
    ListCollectionSharesRequest,
    ListCollectionsRequest,
    UnshareCollectionRequest,
    UpdateCollectionRequest,
)
from fireside.gen.v1.document_pb2 import (
    DOCUMENT_STATE_DELETED,
    DOCUMENT_STATE_FAILED,
    DOCUMENT_STATE_READY,
    DocumentState,
)
from fireside.gen.v1.group_pb2 import Group
from fireside.gen.v1.knowledge_service_pb2 import (
    DeleteDocumentRequest,
    ListDocumentsRequest,
    ListDocumentVersionsRequest,
    ReadDocumentRequest,
    RetryDocumentRequest,
    WatchDocumentsRequest,
)
from fireside.gen.v1.share_pb2 import SHARE_ROLE_EDITOR, SHARE_ROLE_OWNER, SHARE_ROLE_VIEWER
from fireside.store import groups
from fireside.store.tx import Tx
from tests.accounts import ADMIN, GUEST, AccountsServer, Person, accounts_server
from tests.callers import Caller, CallError
from tests.documents import TABLES, counts
from tests.knowledge_calls import (
    bring,
    collection_of,
    collections_of,
    delete_collection,
    document_of,
    have_collection,
    ready,
    search,
    share,
    stream,
    watched,
)

APPLES = b"# Apples\n\nThe apple is a round fruit that grows on trees.\n"
PEARS = b"# Pears\n\nThe pear is a long fruit that grows on trees.\n"


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[AccountsServer]:
    async with accounts_server(tmp_path, embedding_model="scripted/embed=16") as server:
        yield server


async def refused(client: Caller, method: str, request: Message) -> str:
    with pytest.raises(CallError) as caught:
        await client.unary(method, request)
    return caught.value.code


async def end_of_watching(client: Caller, collection_id: str, act: Callable[[], Awaitable[object]]) -> str:
    """Watches a collection, acts once it is watched, and returns the code with which watching ends within a second."""
    try:
        async for _ in stream(client, WatchDocumentsRequest(collection_id=collection_id)):
            began = time.monotonic()
            await act()
    except CallError as error:
        assert time.monotonic() - began < 5, "a second, were this machine not busy"
        return error.code
    pytest.fail("it ended without an error")


async def in_a_team(server: AccountsServer, *people: Person) -> str:
    """A group with these people."""
    group = Group(id=str(uuid.uuid4()), name="Team")

    async def body(tx: Tx) -> None:
        await groups.insert(tx, group)
        await groups.add_members(tx, group.id, [person.id for person in people])

    await server.identity.changes.write(people[0].id, body)
    return group.id


@pytest.mark.parametrize("kind", ["grpcio", "connect-h1", "grpc-web-h1"])
async def test_a_file_becomes_a_document_that_is_found(server: AccountsServer, kind: str) -> None:
    ann = await server.person("Ann")
    async with ann.caller(kind) as client:
        collection = await have_collection(client)
        assert (collection.name, collection.access, collection.etag) == ("Papers", SHARE_ROLE_OWNER, "r1")
        document = await ready(client, await bring(client, APPLES, collection_id=collection.id, folder="fruit"))
        assert (document.state, document.folder, document.ready_version, document.chunk_count) == (
            DOCUMENT_STATE_READY, "fruit", 1, 1,
        )  # fmt: skip
        (passage,) = await search(client, "round apple")
        assert (passage.document_id, passage.name, list(passage.headings)) == (document.id, "notes.md", ["Apples"])
        assert passage.similarity
        text = await client.unary("ReadDocument", ReadDocumentRequest(document_id=document.id))
        assert (text.total, text.passages[0].text, text.passages[0].file_id) == (1, passage.text, document.file_id)
        found = await collection_of(client, collection.id)
        assert (found.document_count, found.pending_count, found.size_bytes) == (1, 0, len(APPLES))
        page = await client.unary("ListDocuments", ListDocumentsRequest(collection_id=collection.id))
        assert list(page.documents) == [document]
        assert page.change_seq == document.change_seq


async def test_names_are_ones_own_and_changes_need_the_newest_etag(server: AccountsServer) -> None:
    ann, bob = await server.person("Ann"), await server.person("Bob")
    async with ann.caller() as client, bob.caller() as other:
        made = await have_collection(client)
        again = CreateCollectionRequest(collection_id=made.id, name="Papers")
        assert (await client.unary("CreateCollection", again)).collection.id == made.id
        same = CreateCollectionRequest(collection_id=str(uuid.uuid4()), name=" papers ")
        assert await refused(client, "CreateCollection", same) == "ALREADY_EXISTS"
        assert await refused(other, "CreateCollection", again) == "ALREADY_EXISTS"
        assert (await have_collection(other)).name == "Papers"
        change = UpdateCollectionRequest(collection_id=made.id, name="Books", description="All", etag=made.etag)
        changed = (await client.unary("UpdateCollection", change)).collection
        assert (changed.name, changed.description, changed.etag) == ("Books", "All", "r2")
        assert await refused(client, "UpdateCollection", change) == "ABORTED"
        assert await refused(other, "UpdateCollection", change) == "NOT_FOUND"
        invisible = CreateCollectionRequest(collection_id=str(uuid.uuid4()), name="\u200b\n")
        assert await refused(client, "CreateCollection", invisible) == "INVALID_ARGUMENT"


async def test_pages_go_on_where_they_ended(server: AccountsServer) -> None:
    ann = await server.person("Ann")
    async with ann.caller() as client:
        for name in ("b", "A", "c"):
            await have_collection(client, name)
        collection = (await collections_of(client, "A"))[0]
        for number in range(3):
            await ready(client, await bring(client, APPLES, f"{number} x.md", collection_id=collection.id))
        request = ListDocumentsRequest(collection_id=collection.id, page_size=2)
        first = await client.unary("ListDocuments", request)
        request.page_token = first.next_page_token
        second = await client.unary("ListDocuments", request)
        assert [item.name for item in (*first.documents, *second.documents)] == ["0 x.md", "1 x.md", "2 x.md"]
        assert not second.next_page_token
        request.page_token = "nonsense"
        assert await refused(client, "ListDocuments", request) == "OUT_OF_RANGE"
        listing = ListCollectionsRequest(page_size=2)
        page = await client.unary("ListCollections", listing)
        listing.page_token = page.next_page_token
        rest = await client.unary("ListCollections", listing)
        assert [item.name for item in (*page.collections, *rest.collections)] == ["A", "b", "c"]


async def test_a_viewer_reads_and_an_editor_adds(server: AccountsServer) -> None:
    ann, bob, eve = await server.person("Ann"), await server.person("Bob", GUEST), await server.person("Eve")
    async with ann.caller() as owner, bob.caller() as viewer, eve.caller() as editor:
        collection = await have_collection(owner)
        document = await ready(owner, await bring(owner, APPLES, collection_id=collection.id))
        assert await collections_of(viewer) == []
        assert await search(viewer, "apple") == []
        assert await refused(viewer, "ReadDocument", ReadDocumentRequest(document_id=document.id)) == "NOT_FOUND"
        given = await share(owner, collection.id, "bob@example.org")
        assert (given.name, given.email, given.role) == ("Bob", "bob@example.org", SHARE_ROLE_VIEWER)
        await share(owner, collection.id, "eve@example.org", role=SHARE_ROLE_EDITOR)
        (seen,) = await collections_of(viewer)
        assert (seen.access, seen.owner_name, seen.shared) == (SHARE_ROLE_VIEWER, "Ann", True)
        assert [item.document_id for item in await search(viewer, "apple")] == [document.id]
        assert (await viewer.unary("ReadDocument", ReadDocumentRequest(document_id=document.id))).total == 1
        second = await ready(editor, await bring(editor, PEARS, "pears.md", collection_id=collection.id))
        assert (second.state, second.owner_id) == (DOCUMENT_STATE_READY, ann.id)
        versions = await owner.unary("ListDocumentVersions", ListDocumentVersionsRequest(document_id=second.id))
        assert [item.author_name for item in versions.versions] == ["Eve"]
        renaming = UpdateCollectionRequest(collection_id=collection.id, name="Mine")
        assert await refused(editor, "UpdateCollection", renaming) == "PERMISSION_DENIED"
        asking = ListCollectionSharesRequest(collection_id=collection.id)
        assert await refused(editor, "ListCollectionShares", asking) == "PERMISSION_DENIED"
        await editor.unary("DeleteDocument", DeleteDocumentRequest(document_id=second.id))
        assert len((await owner.unary("ListCollectionShares", asking)).shares) == 2


async def test_a_group_has_it_while_it_has_the_group(server: AccountsServer) -> None:
    ann, bob = await server.person("Ann"), await server.person("Bob")
    team = await in_a_team(server, ann, bob)
    async with ann.caller() as owner, bob.caller() as other:
        collection = await have_collection(owner)
        document = await ready(owner, await bring(owner, APPLES, collection_id=collection.id))
        given = await share(owner, collection.id, group_id=team, role=SHARE_ROLE_EDITOR)
        assert given.name == "Team"
        (seen,) = await collections_of(other)
        assert seen.access == SHARE_ROLE_EDITOR
        listed = await owner.unary("ListCollectionShares", ListCollectionSharesRequest(collection_id=collection.id))
        assert [group.id for group in listed.groups] == [team]
        # A group that the caller is not in cannot be shared with.
        cid = await server.person("Cid")
        async with cid.caller() as stranger:
            own = await have_collection(stranger)
            with pytest.raises(CallError) as caught:
                await share(stranger, own.id, group_id=team)
            assert caught.value.code == "NOT_FOUND"

        async def leave(tx: Tx) -> None:
            await groups.remove_members(tx, team, [bob.id])

        # All streams of somebody who is in fewer groups end, to come back as who they are then.
        left = await end_of_watching(other, collection.id, lambda: server.identity.changes.write(bob.id, leave))
        assert left in ("NOT_FOUND", "UNAVAILABLE")
        assert await refused(other, "ReadDocument", ReadDocumentRequest(document_id=document.id)) == "NOT_FOUND"
        assert await collections_of(other) == []


async def test_who_loses_access_is_out_at_once(server: AccountsServer) -> None:
    ann, bob = await server.person("Ann"), await server.person("Bob")
    async with ann.caller() as owner, bob.caller("grpcio") as other:
        collection = await have_collection(owner)
        document = await ready(owner, await bring(owner, APPLES, collection_id=collection.id))
        given = await share(owner, collection.id, "bob@example.org")
        unsharing = UnshareCollectionRequest(share_id=given.id)
        unshared = await end_of_watching(other, collection.id, lambda: owner.unary("UnshareCollection", unsharing))
        assert unshared == "NOT_FOUND"
        assert await refused(other, "ReadDocument", ReadDocumentRequest(document_id=document.id)) == "NOT_FOUND"
        assert await search(other, "apple", collection.id) == []
        assert await refused(owner, "UnshareCollection", unsharing) == "NOT_FOUND"
        await share(owner, collection.id, "bob@example.org")
        deleted = await end_of_watching(other, collection.id, lambda: delete_collection(owner, collection.id))
        assert deleted == "NOT_FOUND"
        await server.idle(within=10)
        assert server.app._edge.services.knowledge.changes.followed == 0


async def test_whoever_leaves_a_watch_leaves_nothing(server: AccountsServer) -> None:
    ann = await server.person("Ann")
    async with ann.caller() as client:
        collection = await have_collection(client)
        await watched(client, collection.id, lambda _: True)
        await server.idle(within=10)
    assert server.app._edge.services.knowledge.changes.followed == 0


async def test_a_watch_goes_on_where_it_was(server: AccountsServer) -> None:
    ann = await server.person("Ann")
    async with ann.caller("connect-h1") as client:
        collection = await have_collection(client)
        first = await ready(client, await bring(client, APPLES, collection_id=collection.id))
        second = await ready(client, await bring(client, PEARS, "pears.md", collection_id=collection.id))
        (answer, *_) = await watched(client, collection.id, lambda _: True, first.change_seq)
        assert ([item.id for item in answer.documents], answer.change_seq) == ([second.id], second.change_seq)
        # One of several changes of a document is the newest.
        (answer, *_) = await watched(client, collection.id, lambda _: True)
        assert [item.change_seq for item in answer.documents] == [first.change_seq, second.change_seq]
        # Nothing happens: on HTTP/1.1 there is a heartbeat each second.
        beats = await watched(client, collection.id, lambda answer: not answer.documents, second.change_seq)
        assert beats[-1].change_seq == second.change_seq
        await client.unary("DeleteDocument", DeleteDocumentRequest(document_id=first.id))
        (answer, *_) = await watched(client, collection.id, lambda _: True, second.change_seq)
        assert [(item.id, item.state) for item in answer.documents] == [(first.id, DOCUMENT_STATE_DELETED)]


async def test_another_file_of_the_name_is_another_version(server: AccountsServer) -> None:
    ann = await server.person("Ann")
    async with ann.caller() as client:
        collection = await have_collection(client)
        first = await ready(client, await bring(client, APPLES, collection_id=collection.id))
        second = await ready(client, await bring(client, PEARS, collection_id=collection.id))
        assert (second.id, second.version, second.ready_version) == (first.id, 2, 2)
        assert second.file_id != first.file_id
        assert [item.text.partition(" is")[0] for item in await search(client, "fruit")] == ["The pear"]
        listed = await client.unary("ListDocumentVersions", ListDocumentVersionsRequest(document_id=first.id))
        assert [(item.version, item.file_id) for item in listed.versions] == [
            (2, second.file_id), (1, first.file_id),
        ]  # fmt: skip
        assert (await collection_of(client, collection.id)).document_count == 1


async def test_a_failed_document_is_read_again(server: AccountsServer) -> None:
    ann = await server.person("Ann")
    async with ann.caller() as client:
        collection = await have_collection(client)
        failed = await ready(client, await bring(client, b"%PDF-1.7 torn", "torn.pdf", collection_id=collection.id))
        assert (failed.state, failed.failure.reason) == (DOCUMENT_STATE_FAILED, "DOCUMENT_DAMAGED")
        assert (await collection_of(client, collection.id)).failed_count == 1
        states: list[DocumentState] = [DOCUMENT_STATE_FAILED]
        listing = ListDocumentsRequest(collection_id=collection.id, states=states)
        assert len((await client.unary("ListDocuments", listing)).documents) == 1
        again = (await client.unary("RetryDocument", RetryDocumentRequest(document_id=failed.id))).document
        assert (again.version, again.HasField("failure")) == (2, False)
        assert (await ready(client, again)).state == DOCUMENT_STATE_FAILED


async def test_what_is_deleted_is_gone_from_every_table_and_the_disk(server: AccountsServer, tmp_path: Path) -> None:
    ann = await server.person("Ann")
    db = server.app.identity.people._db
    async with ann.caller() as client:
        collection = await have_collection(client)
        for data in (APPLES, PEARS):
            document = await ready(client, await bring(client, data, collection_id=collection.id))
        attached = await bring(client, APPLES, "attached.md")
        other = await have_collection(client, "Others")
        kept = await ready(client, await bring(client, PEARS + b"kept", "kept.md", collection_id=other.id))
        await client.unary("DeleteDocument", DeleteDocumentRequest(document_id=document.id))
        refusal = await refused(client, "DeleteDocument", DeleteDocumentRequest(document_id=document.id))
        assert refusal == "NOT_FOUND"
        await client.unary("DeleteDocument", DeleteDocumentRequest(document_id=attached.id))
        await delete_collection(client, collection.id)
        async with asyncio.timeout(20):
            # Another sweep may be at a blob just now.
            while (left := await counts(db))["blobs"] > 1:
                await server.app._edge.services.files.sweeper.sweep()
        assert {table: left[table] for table in TABLES if table != "jobs"} == {
            "documents": 1, "document_versions": 1, "files": 1, "blobs": 1, "chunks": 1, "chunk_text": 1,
            "chunk_vectors": 1,
        }  # fmt: skip
        blobs = [path for path in (tmp_path / "blobs" / "whole").rglob("*") if path.is_file()]
        assert [path.read_bytes() for path in blobs] == [PEARS + b"kept"]
        assert (await document_of(client, kept.id)).state == DOCUMENT_STATE_READY
    async with (await server.person("Ada", ADMIN)).caller() as admin:
        events = (await admin.unary("ListAuditEvents", ListAuditEventsRequest(action="collection.deleted"))).events
        assert [event.target_id for event in events] == [collection.id]


async def test_feeds_tell_of_collections_and_documents(server: AccountsServer) -> None:
    ann, bob = await server.person("Ann"), await server.person("Bob")
    told: list[tuple[str, str]] = []

    async def follow(client: Caller, owner: Caller) -> None:
        collection = None
        answers = client.stream("WatchEvents", WatchEventsRequest())
        async with aclosing(answers) as events:  # type: ignore[type-var]
            async for answer in events:
                for event in answer.events:
                    note(event)
                    if event.HasField("ready"):
                        collection = await have_collection(owner)
                        await share(owner, collection.id, "bob@example.org")
                    elif event.HasField("collection_changed") and len(told) == 1:
                        await bring(owner, APPLES, collection_id=event.collection_changed.id)
                    elif event.HasField("document_changed") and event.document_changed.state == DOCUMENT_STATE_READY:
                        assert collection is not None
                        await delete_collection(owner, collection.id)
                    elif event.HasField("collection_removed"):
                        return

    def note(event: AccountEvent) -> None:
        kind = event.WhichOneof("kind") or ""
        if kind == "document_changed":
            told.append((kind, DocumentState.Name(event.document_changed.state)))
        elif kind.startswith("collection"):
            told.append((kind, ""))

    async with ann.caller() as owner, bob.caller() as other:
        await follow(other, owner)
    assert told[0] == ("collection_changed", "")
    assert ("document_changed", "DOCUMENT_STATE_READY") in told
    assert told[-1] == ("collection_removed", "")


async def test_somebody_who_goes_takes_what_is_theirs(server: AccountsServer) -> None:
    ann, bob = await server.person("Ann"), await server.person("Bob")
    db = server.app.identity.people._db
    async with ann.caller() as owner, bob.caller() as other:
        mine = await have_collection(owner)
        await ready(owner, await bring(owner, APPLES, collection_id=mine.id))
        theirs = await have_collection(other, "Theirs")
        await share(other, theirs.id, "ann@example.org", role=SHARE_ROLE_EDITOR)
        brought = await ready(owner, await bring(owner, PEARS, collection_id=theirs.id))
        await share(owner, mine.id, "bob@example.org")

        async def nothing(_: object) -> None:
            pass

        await server.identity.removals.remove(ann.account, nothing)
        assert [item.name for item in await collections_of(other)] == ["Theirs"]
        assert (await document_of(other, brought.id)).state == DOCUMENT_STATE_READY
        versions = await other.unary("ListDocumentVersions", ListDocumentVersionsRequest(document_id=brought.id))
        assert [item.file_id for item in versions.versions] == [brought.file_id]
    left = await counts(db)
    assert (left["documents"], left["files"], left["chunks"]) == (1, 1, 1)
