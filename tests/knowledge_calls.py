"""What clients do with collections and documents, as short as a test wants to say it."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing
from typing import cast

from fireside.gen.v1.collection_pb2 import Collection, CollectionShare
from fireside.gen.v1.collection_service_pb2 import (
    CreateCollectionRequest,
    DeleteCollectionRequest,
    GetCollectionRequest,
    ListCollectionsRequest,
    ShareCollectionRequest,
)
from fireside.gen.v1.document_pb2 import (
    DOCUMENT_STATE_FAILED,
    DOCUMENT_STATE_READY,
    Document,
    Passage,
)
from fireside.gen.v1.knowledge_service_pb2 import (
    GetDocumentRequest,
    SearchKnowledgeRequest,
    WatchDocumentsRequest,
    WatchDocumentsResponse,
)
from fireside.gen.v1.share_pb2 import SHARE_ROLE_VIEWER, ShareRole
from fireside.gen.v1.upload_service_pb2 import AppendUploadRequest, CreateUploadRequest, FinishUploadRequest
from tests.callers import Caller

AT_REST = (DOCUMENT_STATE_READY, DOCUMENT_STATE_FAILED)


async def have_collection(client: Caller, name: str = "Papers") -> Collection:
    """Makes a collection."""
    request = CreateCollectionRequest(collection_id=str(uuid.uuid4()), name=name)
    return cast("Collection", (await client.unary("CreateCollection", request)).collection)


async def bring(
    client: Caller, data: bytes, name: str = "notes.md", *, collection_id: str = "", folder: str = ""
) -> Document:
    """Uploads a file; the document that it is."""
    upload_id = str(uuid.uuid4())
    await client.unary(
        "CreateUpload",
        CreateUploadRequest(upload_id=upload_id, name=name, size=len(data), collection_id=collection_id, folder=folder),
    )
    await client.unary("AppendUpload", AppendUploadRequest(upload_id=upload_id, offset=0, data=data))
    answer = await client.unary("FinishUpload", FinishUploadRequest(upload_id=upload_id))
    return cast("Document", answer.finished.document)


async def watched(
    client: Caller, collection_id: str, until: Callable[[WatchDocumentsResponse], bool], after: int = 0
) -> list[WatchDocumentsResponse]:
    """What WatchDocuments says until (with) such a response."""
    seen: list[WatchDocumentsResponse] = []
    request = WatchDocumentsRequest(collection_id=collection_id, after_seq=after)
    async with aclosing(stream(client, request)) as answers:
        async for answer in answers:
            seen.append(answer)
            if until(answer):
                break
    return seen


async def stream(client: Caller, request: WatchDocumentsRequest) -> AsyncIterator[WatchDocumentsResponse]:
    """WatchDocuments, to be closed."""
    answers = client.stream("WatchDocuments", request)
    try:
        async for answer in answers:
            yield answer
    finally:
        await answers.aclose()  # type: ignore[attr-defined]


async def ready(client: Caller, document: Document) -> Document:
    """The document of a collection once it was read, or could not be."""

    def done(answer: WatchDocumentsResponse) -> bool:
        return any(
            item.id == document.id and item.version >= document.version and item.state in AT_REST
            for item in answer.documents
        )

    last = (await watched(client, document.collection_id, done))[-1]
    return next(item for item in last.documents if item.id == document.id)


async def document_of(client: Caller, document_id: str) -> Document:
    """The document as it is now."""
    return cast("Document", (await client.unary("GetDocument", GetDocumentRequest(document_id=document_id))).document)


async def search(client: Caller, query: str, *collection_ids: str, documents: Sequence[str] = ()) -> list[Passage]:
    """The passages that fit."""
    request = SearchKnowledgeRequest(query=query, collection_ids=collection_ids, document_ids=documents)
    return list((await client.unary("SearchKnowledge", request)).passages)


async def share(
    client: Caller, collection_id: str, email: str = "", group_id: str = "", role: ShareRole = SHARE_ROLE_VIEWER
) -> CollectionShare:
    """Shares a collection."""
    request = ShareCollectionRequest(collection_id=collection_id, role=role)
    if email:
        request.email = email
    if group_id:
        request.group_id = group_id
    return cast("CollectionShare", (await client.unary("ShareCollection", request)).share)


async def collections_of(client: Caller, query: str = "") -> list[Collection]:
    """Those that the caller may search."""
    return list((await client.unary("ListCollections", ListCollectionsRequest(query=query))).collections)


async def collection_of(client: Caller, collection_id: str) -> Collection:
    """One of them."""
    request = GetCollectionRequest(collection_id=collection_id)
    return cast("Collection", (await client.unary("GetCollection", request)).collection)


async def delete_collection(client: Caller, collection_id: str) -> None:
    """Deletes it."""
    await client.unary("DeleteCollection", DeleteCollectionRequest(collection_id=collection_id))
