"""ChatService over chat.engine and chat.feed. The bidirectional Converse is in converse.py."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING

from fireside.chat.follow import Follower
from fireside.edge.access import caller
from fireside.edge.rpc.converse import Carrier, converse
from fireside.edge.rpc.streams import Late, answers, field_bytes, follow_failed, generation_events, heartbeat_of
from fireside.gen.v1 import chat_service_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    from connectrpc.request import RequestContext

    from fireside.chat.engine import Engine
    from fireside.chat.feed import Feed
    from fireside.edge.validate import Validator


class ChatHandlers:
    """The handlers of ChatService. Those of streams yield serialised answers."""

    def __init__(self, engine: Engine, feed: Feed, validator: Validator) -> None:
        """`validator` is for the commands of Converse, which the codec leaves to its handler."""
        self._engine = engine
        self._feed = feed
        self._validator = validator

    def generate(
        self, request: pb.GenerateRequest, ctx: RequestContext[pb.GenerateRequest, pb.GenerateResponse]
    ) -> AsyncIterator[pb.GenerateResponse]:
        """Starts a generation and follows it to its end."""
        who = caller()

        async def begin() -> AsyncGenerator[bytes]:
            generation = await self._engine.start(who, request.spec)
            return self._engine.watch(who, generation.id, 0, heartbeat_of(ctx))

        return answers(ctx, pb.GenerateResponse, Late(begin))

    async def start_generation(
        self,
        request: pb.StartGenerationRequest,
        ctx: RequestContext[pb.StartGenerationRequest, pb.StartGenerationResponse],
    ) -> pb.StartGenerationResponse:
        """Starts a generation."""
        who = caller()
        return pb.StartGenerationResponse(generation=await self._engine.start(who, request.spec))

    def watch_generation(
        self,
        request: pb.WatchGenerationRequest,
        ctx: RequestContext[pb.WatchGenerationRequest, pb.WatchGenerationResponse],
    ) -> AsyncIterator[pb.WatchGenerationResponse]:
        """Follows a generation to its end."""
        who = caller()
        events = self._engine.watch(who, request.generation_id, request.after_seq, heartbeat_of(ctx))
        return answers(ctx, pb.WatchGenerationResponse, events)

    async def stop_generation(
        self,
        request: pb.StopGenerationRequest,
        ctx: RequestContext[pb.StopGenerationRequest, pb.StopGenerationResponse],
    ) -> pb.StopGenerationResponse:
        """Ends a running generation."""
        who = caller()
        return pb.StopGenerationResponse(generation=await self._engine.stop(who, request.generation_id))

    async def get_generation(
        self, request: pb.GetGenerationRequest, ctx: RequestContext[pb.GetGenerationRequest, pb.GetGenerationResponse]
    ) -> pb.GetGenerationResponse:
        """Returns a generation."""
        who = caller()
        return pb.GetGenerationResponse(generation=await self._engine.get(who, request.generation_id))

    def converse(
        self,
        request: AsyncIterator[pb.ConverseRequest],
        ctx: RequestContext[pb.ConverseRequest, pb.ConverseResponse],
    ) -> AsyncIterator[pb.ConverseResponse]:
        """One stream for a native client."""
        who = caller()
        follower = Follower(self._engine, self._feed, who, heartbeat_of(ctx))
        carrier = Carrier(self._engine, follower, self._validator)
        return answers(ctx, pb.ConverseResponse, converse(carrier, follower, request))

    def watch_events(
        self, request: pb.WatchEventsRequest, ctx: RequestContext[pb.WatchEventsRequest, pb.WatchEventsResponse]
    ) -> AsyncIterator[pb.WatchEventsResponse]:
        """Follows the changes of the account and, if wanted, its answers."""
        who = caller()
        heartbeat = heartbeat_of(ctx)
        if not request.follow_generations:
            return answers(ctx, pb.WatchEventsResponse, self._feed.watch(who, request.after_cursor, heartbeat))
        follower = Follower(self._engine, self._feed, who, heartbeat)
        return answers(ctx, pb.WatchEventsResponse, _followed(follower, request))


async def _followed(follower: Follower, request: pb.WatchEventsRequest) -> AsyncGenerator[bytes]:
    """Serialised WatchEventsResponses."""
    async with aclosing(follower):
        await follower.follow_events(request.after_cursor)
        follower.follow_running({item.generation_id: item.after_seq for item in request.resume})
        async with aclosing(follower.batches()) as batches:
            async for batch in batches:
                if not batch.generation_id:
                    if batch.error is not None:
                        raise batch.error
                    yield batch.payload
                elif batch.error is not None:
                    yield field_bytes(2, follow_failed(batch.generation_id, batch.error))
                else:
                    yield field_bytes(2, generation_events(batch.generation_id, batch.payload))
