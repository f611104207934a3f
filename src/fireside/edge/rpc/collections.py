"""CollectionService over knowledge.collections: what is asked and answered. Decides nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fireside.edge.access import caller, incoming
from fireside.gen.v1 import collection_service_pb2 as pb
from fireside.gen.v1.collection_pb2 import Collection
from fireside.gen.v1.share_service_pb2 import ShareableGroup
from fireside.knowledge.collections import Gift

if TYPE_CHECKING:
    from connectrpc.request import RequestContext

    from fireside.knowledge.collections import Collections


class CollectionHandlers:
    """The handlers of CollectionService."""

    def __init__(self, collections: Collections) -> None:
        self._collections = collections

    async def create_collection(
        self,
        request: pb.CreateCollectionRequest,
        ctx: RequestContext[pb.CreateCollectionRequest, pb.CreateCollectionResponse],
    ) -> pb.CreateCollectionResponse:
        """Makes an empty one."""
        wanted = Collection(id=request.collection_id, name=request.name, description=request.description)
        return pb.CreateCollectionResponse(collection=await self._collections.create(caller(), wanted))

    async def get_collection(
        self, request: pb.GetCollectionRequest, ctx: RequestContext[pb.GetCollectionRequest, pb.GetCollectionResponse]
    ) -> pb.GetCollectionResponse:
        """Returns one."""
        return pb.GetCollectionResponse(collection=await self._collections.get(caller(), request.collection_id))

    async def list_collections(
        self,
        request: pb.ListCollectionsRequest,
        ctx: RequestContext[pb.ListCollectionsRequest, pb.ListCollectionsResponse],
    ) -> pb.ListCollectionsResponse:
        """Lists those that the caller may search."""
        found, more = await self._collections.page(
            caller(), query=request.query, page_size=request.page_size, page_token=request.page_token
        )
        return pb.ListCollectionsResponse(collections=found, next_page_token=more)

    async def update_collection(
        self,
        request: pb.UpdateCollectionRequest,
        ctx: RequestContext[pb.UpdateCollectionRequest, pb.UpdateCollectionResponse],
    ) -> pb.UpdateCollectionResponse:
        """Gives it another name or description."""
        wanted = Collection(
            id=request.collection_id, name=request.name, description=request.description, etag=request.etag
        )
        return pb.UpdateCollectionResponse(collection=await self._collections.update(caller(), wanted))

    async def delete_collection(
        self,
        request: pb.DeleteCollectionRequest,
        ctx: RequestContext[pb.DeleteCollectionRequest, pb.DeleteCollectionResponse],
    ) -> pb.DeleteCollectionResponse:
        """Deletes it with all that is in it."""
        call = incoming()
        await self._collections.delete(call.principal, call.origin, request.collection_id)
        return pb.DeleteCollectionResponse()

    async def share_collection(
        self,
        request: pb.ShareCollectionRequest,
        ctx: RequestContext[pb.ShareCollectionRequest, pb.ShareCollectionResponse],
    ) -> pb.ShareCollectionResponse:
        """Gives access."""
        call = incoming()
        gift = Gift(request.collection_id, request.role, email=request.email, group_id=request.group_id)
        return pb.ShareCollectionResponse(share=await self._collections.share(call.principal, call.origin, gift))

    async def list_collection_shares(
        self,
        request: pb.ListCollectionSharesRequest,
        ctx: RequestContext[pb.ListCollectionSharesRequest, pb.ListCollectionSharesResponse],
    ) -> pb.ListCollectionSharesResponse:
        """Lists who has access."""
        found, groups = await self._collections.shares(caller(), request.collection_id)
        named = [ShareableGroup(id=group.id, name=group.name) for group in groups]
        return pb.ListCollectionSharesResponse(shares=found, groups=named)

    async def unshare_collection(
        self,
        request: pb.UnshareCollectionRequest,
        ctx: RequestContext[pb.UnshareCollectionRequest, pb.UnshareCollectionResponse],
    ) -> pb.UnshareCollectionResponse:
        """Ends access."""
        call = incoming()
        await self._collections.unshare(call.principal, call.origin, request.share_id)
        return pb.UnshareCollectionResponse()
