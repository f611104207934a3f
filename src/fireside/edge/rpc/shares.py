"""ShareService over chat.sharing, chat.links and chat.presence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fireside.chat.presence import View
from fireside.chat.sharing import Gift
from fireside.core.errors import InvalidArgumentError
from fireside.edge.access import caller, incoming
from fireside.edge.rpc.streams import answers, heartbeat_of
from fireside.gen.v1 import share_service_pb2 as pb
from fireside.store.records import us_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from connectrpc.request import RequestContext

    from fireside.chat.links import Links
    from fireside.chat.presence import Presences
    from fireside.chat.sharing import Sharing


class ShareHandlers:
    """The handlers of ShareService."""

    def __init__(self, sharing: Sharing, links: Links, presences: Presences) -> None:
        self._sharing = sharing
        self._links = links
        self._presences = presences

    async def create_share(
        self, request: pb.CreateShareRequest, ctx: RequestContext[pb.CreateShareRequest, pb.CreateShareResponse]
    ) -> pb.CreateShareResponse:
        """Gives access."""
        call = incoming()
        share, link = await self._sharing.create(call.principal, call.origin, _gift(request))
        return pb.CreateShareResponse(share=share, link=link)

    async def list_shares(
        self, request: pb.ListSharesRequest, ctx: RequestContext[pb.ListSharesRequest, pb.ListSharesResponse]
    ) -> pb.ListSharesResponse:
        """Lists who has access."""
        found, groups = await self._sharing.listed(caller(), request.conversation_id)
        named = [pb.ShareableGroup(id=group.id, name=group.name) for group in groups]
        return pb.ListSharesResponse(shares=found, groups=named)

    async def delete_share(
        self, request: pb.DeleteShareRequest, ctx: RequestContext[pb.DeleteShareRequest, pb.DeleteShareResponse]
    ) -> pb.DeleteShareResponse:
        """Ends access."""
        call = incoming()
        await self._sharing.delete(call.principal, call.origin, request.share_id)
        return pb.DeleteShareResponse()

    async def leave_conversation(
        self,
        request: pb.LeaveConversationRequest,
        ctx: RequestContext[pb.LeaveConversationRequest, pb.LeaveConversationResponse],
    ) -> pb.LeaveConversationResponse:
        """Takes a conversation of somebody else out of the caller's list."""
        call = incoming()
        await self._sharing.leave(call.principal, call.origin, request.conversation_id)
        return pb.LeaveConversationResponse()

    async def get_shared_conversation(
        self,
        request: pb.GetSharedConversationRequest,
        ctx: RequestContext[pb.GetSharedConversationRequest, pb.GetSharedConversationResponse],
    ) -> pb.GetSharedConversationResponse:
        """Reads what a link shows."""
        page = await self._links.read(caller(), request.token, request.page_size, request.page_token)
        return pb.GetSharedConversationResponse(
            conversation=page.conversation,
            messages=page.messages,
            next_page_token=page.next_page_token,
            running_generation_id=page.running,
        )

    def watch_shared_conversation(
        self,
        request: pb.WatchSharedConversationRequest,
        ctx: RequestContext[pb.WatchSharedConversationRequest, pb.WatchSharedConversationResponse],
    ) -> AsyncIterator[pb.WatchSharedConversationResponse]:
        """Follows what a link shows."""
        news = self._links.watch(caller(), request.token, heartbeat_of(ctx))
        return answers(ctx, pb.WatchSharedConversationResponse, news)

    async def set_presence(
        self, request: pb.SetPresenceRequest, ctx: RequestContext[pb.SetPresenceRequest, pb.SetPresenceResponse]
    ) -> pb.SetPresenceResponse:
        """Says that the caller has a shared conversation open."""
        who = caller()
        view = View(request.conversation_id, who.id, request.view_id, who.name, request.writing, request.left)
        return pb.SetPresenceResponse(presence=await self._presences.put(who, view))


def _gift(request: pb.CreateShareRequest) -> Gift:
    if not (request.email or request.group_id or request.link):
        raise InvalidArgumentError("RECIPIENT_MISSING", "Say with whom to share: an address, a group or a link.")
    return Gift(
        conversation_id=request.conversation_id,
        role=request.role,
        email=request.email,
        group_id=request.group_id,
        end_us=us_of(request.expire_time) if request.HasField("expire_time") else None,
    )
