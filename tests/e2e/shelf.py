"""Collections with documents that are read, put there past the browser. Not page code."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import cast

from fireside.cli.link import Link
from fireside.core.ids import new_id
from fireside.gen.v1.collection_service_pb2 import CreateCollectionRequest
from fireside.gen.v1.document_pb2 import DOCUMENT_STATE_READY, Document
from fireside.gen.v1.knowledge_service_pb2 import WatchDocumentsRequest, WatchDocumentsResponse
from fireside.gen.v1.upload_service_pb2 import AppendUploadRequest, CreateUploadRequest, FinishUploadRequest
from tests.browser import PROJECT

SAMPLES = PROJECT / "tests" / "data" / "extract"
"""A guide about fires in many formats, in English and Chinese. Page 2 of the PDF names the tools."""
_SECONDS = 30.0


async def collection(link: Link, name: str, *samples: str) -> str:
    """A new collection with some of the samples in it, which can be searched. Returns its id."""
    made = new_id()
    await link.collections.create_collection(CreateCollectionRequest(collection_id=made, name=name))
    for sample in samples:
        await put(link, made, SAMPLES / sample)
    return made


async def put(link: Link, collection_id: str, path: Path) -> Document:
    """Puts a file into a collection and waits until it is read."""
    upload, data = new_id(), await asyncio.to_thread(path.read_bytes)
    begun = CreateUploadRequest(upload_id=upload, name=path.name, size=len(data), collection_id=collection_id)
    await link.uploads.create_upload(begun)
    await link.uploads.append_upload(AppendUploadRequest(upload_id=upload, offset=0, data=data))
    finished = await link.uploads.finish_upload(FinishUploadRequest(upload_id=upload))
    wanted = finished.finished.document.id
    request = WatchDocumentsRequest(collection_id=collection_id)
    # A generator, whatever its type says.
    stream = cast("AsyncGenerator[WatchDocumentsResponse]", link.knowledge.watch_documents(request))
    async with asyncio.timeout(_SECONDS), aclosing(stream) as batches:
        async for batch in batches:
            for document in batch.documents:
                if document.id == wanted and document.state >= DOCUMENT_STATE_READY:
                    return document
    raise AssertionError(f"{path.name} was not read")
