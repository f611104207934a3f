"""KnowledgeService over knowledge.documents and knowledge.search."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fireside.edge.access import caller, incoming
from fireside.edge.rpc.streams import answers, heartbeat_of
from fireside.gen.v1 import knowledge_service_pb2 as pb
from fireside.knowledge.query import Mode, Query
from fireside.store.records import us_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from connectrpc.request import RequestContext

    from fireside.knowledge.documents import Documents
    from fireside.knowledge.search import Search

DEFAULT_PASSAGES = 10
_MODES = {pb.SEARCH_MODE_TEXT: Mode.TEXT, pb.SEARCH_MODE_VECTOR: Mode.VECTOR}


class KnowledgeHandlers:
    """The handlers of KnowledgeService."""

    def __init__(self, documents: Documents, search: Search) -> None:
        self._documents = documents
        self._search = search

    async def get_document(
        self, request: pb.GetDocumentRequest, ctx: RequestContext[pb.GetDocumentRequest, pb.GetDocumentResponse]
    ) -> pb.GetDocumentResponse:
        """Returns one."""
        return pb.GetDocumentResponse(document=await self._documents.get(caller(), request.document_id))

    async def list_documents(
        self, request: pb.ListDocumentsRequest, ctx: RequestContext[pb.ListDocumentsRequest, pb.ListDocumentsResponse]
    ) -> pb.ListDocumentsResponse:
        """Lists those of a collection."""
        page = await self._documents.page(
            caller(),
            request.collection_id,
            query=request.query,
            states=request.states,
            page=(request.page_size, request.page_token),
        )
        return pb.ListDocumentsResponse(
            documents=page.documents, next_page_token=page.next_page_token, change_seq=page.change_seq
        )

    async def list_document_versions(
        self,
        request: pb.ListDocumentVersionsRequest,
        ctx: RequestContext[pb.ListDocumentVersionsRequest, pb.ListDocumentVersionsResponse],
    ) -> pb.ListDocumentVersionsResponse:
        """Lists the files that a document was."""
        return pb.ListDocumentVersionsResponse(versions=await self._documents.versions(caller(), request.document_id))

    def watch_documents(
        self,
        request: pb.WatchDocumentsRequest,
        ctx: RequestContext[pb.WatchDocumentsRequest, pb.WatchDocumentsResponse],
    ) -> AsyncIterator[pb.WatchDocumentsResponse]:
        """Follows the documents of a collection."""
        news = self._documents.watch(caller(), request.collection_id, request.after_seq, heartbeat_of(ctx))
        return answers(ctx, pb.WatchDocumentsResponse, news)

    async def delete_document(
        self,
        request: pb.DeleteDocumentRequest,
        ctx: RequestContext[pb.DeleteDocumentRequest, pb.DeleteDocumentResponse],
    ) -> pb.DeleteDocumentResponse:
        """Deletes one with all that came of it."""
        call = incoming()
        await self._documents.delete(call.principal, call.origin, request.document_id)
        return pb.DeleteDocumentResponse()

    async def retry_document(
        self, request: pb.RetryDocumentRequest, ctx: RequestContext[pb.RetryDocumentRequest, pb.RetryDocumentResponse]
    ) -> pb.RetryDocumentResponse:
        """Has one read again."""
        return pb.RetryDocumentResponse(document=await self._documents.retry(caller(), request.document_id))

    async def read_document(
        self, request: pb.ReadDocumentRequest, ctx: RequestContext[pb.ReadDocumentRequest, pb.ReadDocumentResponse]
    ) -> pb.ReadDocumentResponse:
        """Returns the text of one."""
        text = await self._documents.read(caller(), request.document_id, request.first_ordinal, request.limit)
        return pb.ReadDocumentResponse(document=text.document, passages=text.passages, total=text.total)

    async def search_knowledge(
        self,
        request: pb.SearchKnowledgeRequest,
        ctx: RequestContext[pb.SearchKnowledgeRequest, pb.SearchKnowledgeResponse],
    ) -> pb.SearchKnowledgeResponse:
        """Finds passages."""
        query = Query(
            text=request.query,
            collection_ids=tuple(request.collection_ids),
            document_ids=tuple(request.document_ids),
            limit=request.limit or DEFAULT_PASSAGES,
            mode=_MODES.get(request.mode, Mode.HYBRID),
            media_types=tuple(request.media_types),
            folder=request.folder,
            changed_since_us=us_of(request.changed_since) if request.HasField("changed_since") else 0,
        )
        found = await self._search.search(caller(), query)
        return pb.SearchKnowledgeResponse(
            passages=found.passages, used_vectors=found.used_vectors, pending_documents=found.pending
        )
