"""Documents that are attachments: whoever may read the conversation may read them, and files that are kept in S3."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from fireside.gen.v1.chat_service_pb2 import StartGenerationRequest
from fireside.gen.v1.document_pb2 import DOCUMENT_STATE_READY, Document
from fireside.gen.v1.knowledge_service_pb2 import (
    DeleteDocumentRequest,
    GetDocumentRequest,
    ReadDocumentRequest,
    RetryDocumentRequest,
)
from fireside.gen.v1.message_pb2 import FilePart, Part
from fireside.gen.v1.share_pb2 import SHARE_ROLE_EDITOR
from fireside.gen.v1.share_service_pb2 import CreateShareRequest, DeleteShareRequest
from tests.accounts import GUEST, AccountsServer, accounts_server
from tests.callers import Caller, CallError, caller
from tests.knowledge_calls import bring, document_of, have_collection, ready, search
from tests.rig import send
from tests.s3_server import s3_server
from tests.served import serve

APPLES = b"# Apples\n\nThe apple is a round fruit that grows on trees.\n"


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[AccountsServer]:
    async with accounts_server(tmp_path, embedding_model="off") as server:
        yield server


async def code_of(client: Caller, method: str, request: object) -> str:
    try:
        await client.unary(method, request)  # type: ignore[arg-type]
    except CallError as error:
        return error.code
    return "OK"


async def attached(client: Caller) -> tuple[str, Document]:
    """A conversation whose message names a file; its id and the document."""
    document = await bring(client, APPLES)
    spec = send("tokens=1")
    file = FilePart(file_id=document.file_id, name="notes.md", media_type="text/markdown")
    spec.send.parts.append(Part(file=file))
    await client.unary("StartGeneration", StartGenerationRequest(spec=spec))
    return spec.conversation_id, document


async def test_an_attachment_is_for_those_who_may_read_the_conversation(server: AccountsServer) -> None:
    ann, bob = await server.person("Ann"), await server.person("Bob", GUEST)
    async with ann.caller() as owner, bob.caller() as guest:
        conversation_id, document = await attached(owner)
        reading = ReadDocumentRequest(document_id=document.id)
        getting = GetDocumentRequest(document_id=document.id)
        assert [await code_of(guest, name, item) for name, item in (("ReadDocument", reading), ("GetDocument", getting))] == [
            "NOT_FOUND", "NOT_FOUND",
        ]  # fmt: skip
        giving = CreateShareRequest(conversation_id=conversation_id, email="bob@example.org", role=SHARE_ROLE_EDITOR)
        given = (await owner.unary("CreateShare", giving)).share
        assert (await document_of(guest, document.id)).collection_id == ""
        assert await code_of(guest, "ReadDocument", reading) == "OK"
        # Theirs to read, not to change.
        assert (
            await code_of(guest, "RetryDocument", RetryDocumentRequest(document_id=document.id)) == "PERMISSION_DENIED"
        )
        deleting = DeleteDocumentRequest(document_id=document.id)
        assert await code_of(guest, "DeleteDocument", deleting) == "PERMISSION_DENIED"
        await owner.unary("DeleteShare", DeleteShareRequest(share_id=given.id))
        assert await code_of(guest, "ReadDocument", reading) == "NOT_FOUND"
        assert await search(guest, "apple", documents=[document.id]) == []
        assert await code_of(owner, "DeleteDocument", deleting) == "OK"
        assert await code_of(owner, "GetDocument", getting) == "NOT_FOUND"


async def test_what_is_kept_in_s3_is_fetched_to_be_read(tmp_path: Path) -> None:
    with s3_server() as store:
        settings = {**store.settings("knowledge"), "embedding_model": "off"}
        async with serve(tmp_path, **settings) as served, caller("connect-h2", served.url) as client:
            collection = await have_collection(client)
            document = await ready(client, await bring(client, APPLES, collection_id=collection.id))
            assert (document.state, document.chunk_count) == (DOCUMENT_STATE_READY, 1)
            (passage,) = await search(client, "apple")
            assert passage.document_id == document.id
            await client.unary("DeleteDocument", DeleteDocumentRequest(document_id=document.id))
            assert await search(client, "apple") == []
