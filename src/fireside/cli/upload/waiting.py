"""Waits until documents have been read and can be searched, or cannot be. Prints nothing."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING, Final, cast

from connectrpc.errors import ConnectError

from fireside.cli.link import is_final, refused
from fireside.gen.v1 import document_pb2
from fireside.gen.v1.knowledge_service_pb2 import WatchDocumentsRequest

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping

    from fireside.cli.link import Link
    from fireside.gen.v1.document_pb2 import Document
    from fireside.gen.v1.knowledge_service_pb2 import WatchDocumentsResponse

_PAUSE: Final = 1.0
# The server says something far more often than that.
_SILENCE: Final = 60.0


async def wait_for(
    link: Link, collection_id: str, wanted: Mapping[str, int], tell: Callable[[int], None]
) -> list[Document]:
    """The documents (by id, with the version that counts) that cannot be searched, once all others can.

    `tell` hears how many are not ready yet. Goes on over lost connections. Raises CommandError.
    """
    waiting = dict(wanted)
    failed: list[Document] = []
    after = 0
    while waiting:
        tell(len(waiting))
        stream = link.knowledge.watch_documents(WatchDocumentsRequest(collection_id=collection_id, after_seq=after))
        try:
            async with aclosing(cast("AsyncGenerator[WatchDocumentsResponse]", stream)) as batches:
                while waiting:
                    async with asyncio.timeout(_SILENCE):
                        batch = await anext(batches, None)
                    if batch is None:
                        break
                    failed += _settled(batch.documents, waiting)
                    after = batch.change_seq or after
                    tell(len(waiting))
        except (ConnectError, TimeoutError) as error:
            if isinstance(error, ConnectError) and is_final(error):
                raise refused(error, link.url) from error
            await asyncio.sleep(_PAUSE)
    return failed


def _settled(documents: object, waiting: dict[str, int]) -> list[Document]:
    """Takes out of `waiting` what is over; returns what failed."""
    failed: list[Document] = []
    for document in cast("list[Document]", documents):
        version = waiting.get(document.id)
        if version is None:
            continue
        gone = document.state == document_pb2.DOCUMENT_STATE_DELETED
        broken = document.state == document_pb2.DOCUMENT_STATE_FAILED and document.version >= version
        if gone or broken or document.ready_version >= version:
            del waiting[document.id]
            if gone or broken:
                failed.append(document)
    return failed
