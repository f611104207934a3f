"""ConversationService over chat.conversations, and chat.engine for what starts an answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fireside.chat.conversations import Change, Edit
from fireside.edge.access import caller
from fireside.gen.v1 import conversation_service_pb2 as pb
from fireside.gen.v1.generation_pb2 import GenerationSpec, RegenerateInput

if TYPE_CHECKING:
    from connectrpc.request import RequestContext

    from fireside.chat.conversations import Conversations
    from fireside.chat.engine import Engine


class ConversationHandlers:
    """The handlers of ConversationService."""

    def __init__(self, conversations: Conversations, engine: Engine) -> None:
        self._conversations = conversations
        self._engine = engine

    async def create_conversation(
        self,
        request: pb.CreateConversationRequest,
        ctx: RequestContext[pb.CreateConversationRequest, pb.CreateConversationResponse],
    ) -> pb.CreateConversationResponse:
        """Makes an empty conversation."""
        who = caller()
        made = await self._conversations.create(
            who, request.conversation_id, request.title, request.model, request.request_id
        )
        return pb.CreateConversationResponse(conversation=made)

    async def get_conversation(
        self,
        request: pb.GetConversationRequest,
        ctx: RequestContext[pb.GetConversationRequest, pb.GetConversationResponse],
    ) -> pb.GetConversationResponse:
        """Returns a conversation."""
        who = caller()
        return pb.GetConversationResponse(conversation=await self._conversations.get(who, request.conversation_id))

    async def list_conversations(
        self,
        request: pb.ListConversationsRequest,
        ctx: RequestContext[pb.ListConversationsRequest, pb.ListConversationsResponse],
    ) -> pb.ListConversationsResponse:
        """Lists the live conversations, the last used first."""
        who = caller()
        page, token = await self._conversations.page(
            who, query=request.query, page_size=request.page_size, page_token=request.page_token
        )
        return pb.ListConversationsResponse(conversations=page, next_page_token=token)

    async def rename_conversation(
        self,
        request: pb.RenameConversationRequest,
        ctx: RequestContext[pb.RenameConversationRequest, pb.RenameConversationResponse],
    ) -> pb.RenameConversationResponse:
        """Gives a conversation another title."""
        who = caller()
        change = Change(etag=request.etag, request_id=request.request_id)
        renamed = await self._conversations.rename(who, request.conversation_id, request.title, change)
        return pb.RenameConversationResponse(conversation=renamed)

    async def set_conversation_collections(
        self,
        request: pb.SetConversationCollectionsRequest,
        ctx: RequestContext[pb.SetConversationCollectionsRequest, pb.SetConversationCollectionsResponse],
    ) -> pb.SetConversationCollectionsResponse:
        """Says which collections are searched for each answer."""
        change = Change(etag=request.etag, request_id=request.request_id)
        changed = await self._conversations.set_collections(
            caller(), request.conversation_id, request.collection_ids, change
        )
        return pb.SetConversationCollectionsResponse(conversation=changed)

    async def delete_conversation(
        self,
        request: pb.DeleteConversationRequest,
        ctx: RequestContext[pb.DeleteConversationRequest, pb.DeleteConversationResponse],
    ) -> pb.DeleteConversationResponse:
        """Hides a conversation and stops what runs in it."""
        who = caller()
        change = Change(etag=request.etag, request_id=request.request_id)
        deleted = await self._conversations.delete(who, request.conversation_id, change)
        return pb.DeleteConversationResponse(conversation=deleted)

    async def undelete_conversation(
        self,
        request: pb.UndeleteConversationRequest,
        ctx: RequestContext[pb.UndeleteConversationRequest, pb.UndeleteConversationResponse],
    ) -> pb.UndeleteConversationResponse:
        """Brings a deleted conversation back."""
        who = caller()
        change = Change(request_id=request.request_id)
        back = await self._conversations.undelete(who, request.conversation_id, change)
        return pb.UndeleteConversationResponse(conversation=back)

    async def list_messages(
        self, request: pb.ListMessagesRequest, ctx: RequestContext[pb.ListMessagesRequest, pb.ListMessagesResponse]
    ) -> pb.ListMessagesResponse:
        """Lists one branch, from the newest message backwards page by page."""
        who = caller()
        page, token = await self._conversations.messages(
            who,
            request.conversation_id,
            leaf=request.leaf_message_id,
            page_size=request.page_size,
            page_token=request.page_token,
        )
        return pb.ListMessagesResponse(messages=page, next_page_token=token)

    async def edit_message(
        self, request: pb.EditMessageRequest, ctx: RequestContext[pb.EditMessageRequest, pb.EditMessageResponse]
    ) -> pb.EditMessageResponse:
        """Puts a changed copy beside a user message, and starts an answer if a generation's id is given."""
        who = caller()
        edit = Edit(
            message_id=request.message_id,
            new_message_id=request.new_message_id,
            parts=tuple(request.parts),
            change=Change(etag=request.etag, request_id=request.request_id),
            spec=_answer(request) if request.generation_id else None,
        )
        message, generation = await self._conversations.edit(who, edit)
        return pb.EditMessageResponse(message=message, generation=generation)

    async def regenerate_message(
        self,
        request: pb.RegenerateMessageRequest,
        ctx: RequestContext[pb.RegenerateMessageRequest, pb.RegenerateMessageResponse],
    ) -> pb.RegenerateMessageResponse:
        """Starts another answer beside an earlier one."""
        who = caller()
        spec = _answer(request)
        spec.regenerate.CopyFrom(RegenerateInput(message_id=request.message_id))
        return pb.RegenerateMessageResponse(generation=await self._engine.start(who, spec))

    async def select_branch(
        self, request: pb.SelectBranchRequest, ctx: RequestContext[pb.SelectBranchRequest, pb.SelectBranchResponse]
    ) -> pb.SelectBranchResponse:
        """Makes the branch through a message the one that is shown."""
        who = caller()
        change = Change(request_id=request.request_id)
        selected = await self._conversations.select_branch(who, request.message_id, change)
        return pb.SelectBranchResponse(conversation=selected)


def _answer(request: pb.EditMessageRequest | pb.RegenerateMessageRequest) -> GenerationSpec:
    """What the two calls say about the answer; the engine knows the conversation and the input."""
    return GenerationSpec(
        generation_id=request.generation_id,
        answer_id=request.answer_id,
        model=request.model,
        sampling=request.sampling if request.HasField("sampling") else None,
    )
