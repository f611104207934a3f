"""Sharing through the port, with real clients of several people."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.message import Message

from fireside.chat.wire import events_of
from fireside.gen.v1 import chat_service_pb2 as chat
from fireside.gen.v1 import conversation_service_pb2 as conversation
from fireside.gen.v1 import share_service_pb2 as sharing
from fireside.gen.v1.audit_service_pb2 import ListAuditEventsRequest
from fireside.gen.v1.generation_pb2 import GenerationSpec
from fireside.gen.v1.policy_pb2 import LINK_SHARING_ANYONE
from fireside.gen.v1.policy_service_pb2 import GetPolicyRequest, UpdatePolicyRequest
from fireside.gen.v1.share_pb2 import SHARE_ROLE_EDITOR, SHARE_ROLE_VIEWER
from tests.accounts import AccountsServer, Person, accounts_server
from tests.callers import METHODS, Caller, CallError
from tests.rig import new_uuid, resume_answer, send, text_part

WAIT = 30.0
SLOW = "tokens=100000,pace=5ms"


class People:
    """A server, its admin Ada, and Bob, each with a client."""

    def __init__(self, server: AccountsServer, ada: Caller, bob: Caller, them: tuple[Person, Person]) -> None:
        self.server, self.ada, self.bob = server, ada, bob
        self.ada_herself, self.bob_himself = them

    async def begun(self, script: str = "tokens=3") -> GenerationSpec:
        """An answer in a conversation of Ada's, which has ended or (SLOW) not."""
        spec = send(script)
        await self.ada.unary("StartGeneration", chat.StartGenerationRequest(spec=spec))
        if script != SLOW:
            await self.read(self.ada, spec.generation_id)
        return spec

    async def read(self, who: Caller, generation_id: str) -> bytes:
        """A log to its end."""
        request = chat.WatchGenerationRequest(generation_id=generation_id)
        async with aclosing(who.stream("WatchGeneration", request)) as stream:  # pyright: ignore[reportArgumentType]
            return b"".join([answer.SerializeToString() async for answer in stream if answer.events[0].seq])

    async def share(self, conversation_id: str, role: Any = SHARE_ROLE_VIEWER) -> Any:
        """Ada shares with Bob."""
        request = sharing.CreateShareRequest(conversation_id=conversation_id, email="BOB@example.org", role=role)
        return (await self.ada.unary("CreateShare", request)).share


@pytest.fixture
async def people(tmp_path: Path) -> AsyncIterator[People]:
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(accounts_server(tmp_path))
        them = await server.set_up(), await server.person("Bob")
        ada, bob = [await stack.enter_async_context(who.caller()) for who in them]
        yield People(server, ada, bob, them)


def calls(spec: GenerationSpec) -> dict[str, Message]:
    """A request to every call of ChatService and ConversationService that names what `spec` began."""
    conversation_id, generation_id = spec.conversation_id, spec.generation_id
    question, answer = spec.send.message_id, spec.answer_id
    parts = [text_part("x")]
    return {
        "Generate": chat.GenerateRequest(spec=send("tokens=1", "x", conversation_id)),
        "StartGeneration": chat.StartGenerationRequest(spec=resume_answer("tokens=1", conversation_id, answer)),
        "WatchGeneration": chat.WatchGenerationRequest(generation_id=generation_id),
        "StopGeneration": chat.StopGenerationRequest(generation_id=generation_id),
        "GetGeneration": chat.GetGenerationRequest(generation_id=generation_id),
        "GetConversation": conversation.GetConversationRequest(conversation_id=conversation_id),
        "RenameConversation": conversation.RenameConversationRequest(conversation_id=conversation_id, title="x"),
        "SetConversationCollections": conversation.SetConversationCollectionsRequest(conversation_id=conversation_id),
        "DeleteConversation": conversation.DeleteConversationRequest(conversation_id=conversation_id),
        "UndeleteConversation": conversation.UndeleteConversationRequest(conversation_id=conversation_id),
        "ListMessages": conversation.ListMessagesRequest(conversation_id=conversation_id),
        "EditMessage": conversation.EditMessageRequest(message_id=question, new_message_id=new_uuid(), parts=parts),
        "RegenerateMessage": conversation.RegenerateMessageRequest(message_id=answer, generation_id=new_uuid()),
        "SelectBranch": conversation.SelectBranchRequest(message_id=answer),
    }


# What names nothing that is there, or answers within its stream.
_ELSEWHERE = {"CreateConversation", "ListConversations", "Converse", "WatchEvents"}
_READS = {"WatchGeneration", "GetGeneration", "GetConversation", "ListMessages"}


async def code_of(who: Caller, method: str, request: Message) -> str:
    """The status that a call ends with; empty when it goes well."""
    try:
        async with asyncio.timeout(WAIT):
            if not METHODS[method].server_streaming:
                await who.unary(method, request)
            else:
                async with aclosing(who.stream(method, request)) as stream:  # pyright: ignore[reportArgumentType]
                    async for _ in stream:
                        break
    except CallError as error:
        return error.code
    return ""


def test_no_call_is_forgotten_here() -> None:
    services = ("fireside.v1.ChatService", "fireside.v1.ConversationService")
    there = {name for name, method in METHODS.items() if method.containing_service.full_name in services}
    assert calls(send("tokens=1")).keys() | _ELSEWHERE == there


@pytest.mark.parametrize("script", ["tokens=3", SLOW])
async def test_nobody_finds_what_is_not_shared_with_them(people: People, script: str) -> None:
    spec = await people.begun(script)
    for method, request in calls(spec).items():
        assert (method, await code_of(people.bob, method, request)) == (method, "NOT_FOUND")
    async with aclosing(people.bob.stream("Converse", _converse(spec))) as stream:  # pyright: ignore[reportArgumentType]
        failed = [answer.failed.code async for answer in stream]
    assert failed == [5, 5, 5]
    listed = await people.bob.unary("ListConversations", conversation.ListConversationsRequest())
    assert not listed.conversations
    stop = chat.StopGenerationRequest(generation_id=spec.generation_id)
    await people.ada.unary("StopGeneration", stop)


async def _converse(spec: GenerationSpec) -> AsyncIterator[chat.ConverseRequest]:
    watch = chat.WatchGenerationRequest(generation_id=spec.generation_id)
    yield chat.ConverseRequest(command_id="1", watch=watch)
    yield chat.ConverseRequest(command_id="2", stop=chat.StopGenerationRequest(generation_id=spec.generation_id))
    yield chat.ConverseRequest(command_id="3", start=resume_answer("tokens=1", spec.conversation_id, spec.answer_id))


async def test_a_viewer_reads_all_and_writes_nothing(people: People) -> None:
    spec = await people.begun()
    await people.share(spec.conversation_id)
    for method, request in calls(spec).items():
        expected = "" if method in _READS else "PERMISSION_DENIED"
        assert (method, await code_of(people.bob, method, request)) == (method, expected)


async def test_both_see_the_answer_of_either_as_it_is_written(people: People) -> None:
    first = await people.begun()
    await people.share(first.conversation_id, SHARE_ROLE_EDITOR)
    spec = send("tokens=300,pace=1ms", "from Bob", first.conversation_id, first.answer_id)

    async def follow(who: Caller, ready: asyncio.Semaphore) -> bytes:
        request = chat.WatchEventsRequest(follow_generations=True)
        log = b""
        async with aclosing(who.stream("WatchEvents", request)) as stream:  # pyright: ignore[reportArgumentType]
            async for answer in stream:
                if any(event.HasField("ready") for event in answer.events):
                    ready.release()
                for piece in answer.generation_events:
                    if piece.generation_id == spec.generation_id and piece.events[0].seq:
                        log += chat.WatchGenerationResponse(events=piece.events).SerializeToString()
                        if piece.events[-1].HasField("ended"):
                            return log
        raise AssertionError("the stream ended")

    ready = asyncio.Semaphore(0)
    async with asyncio.timeout(WAIT), asyncio.TaskGroup() as group:
        tasks = [group.create_task(follow(who, ready)) for who in (people.ada, people.bob)]
        for _ in tasks:
            await ready.acquire()
        await people.bob.unary("StartGeneration", chat.StartGenerationRequest(spec=spec))
    logs = [task.result() for task in tasks]
    assert logs[0] == logs[1] == await people.read(people.ada, spec.generation_id)
    assert [event.seq for event in events_of(logs[0])] == list(range(1, 303))
    request = conversation.ListMessagesRequest(conversation_id=first.conversation_id)
    pages = [(await who.unary("ListMessages", request)).messages for who in (people.ada, people.bob)]
    assert pages[0] == pages[1]
    assert (pages[0][2].author_id, pages[0][2].author_name) == (people.bob_himself.id, "Bob")


async def test_what_is_shared_and_ended_is_audited(people: People) -> None:
    spec = await people.begun()
    share = await people.share(spec.conversation_id)
    assert (share.name, share.email) == ("Bob", "bob@example.org")
    await people.ada.unary("DeleteShare", sharing.DeleteShareRequest(share_id=share.id))
    listed = await people.ada.unary("ListAuditEvents", ListAuditEventsRequest())
    seen = [(e.action, e.actor_id, e.target_id) for e in listed.events if e.action.startswith("share.")]
    ada = people.ada_herself.id
    assert sorted(seen) == [
        ("share.created", ada, spec.conversation_id),
        ("share.deleted", ada, spec.conversation_id),
    ]
    empty = sharing.CreateShareRequest(conversation_id=spec.conversation_id)
    assert await code_of(people.ada, "CreateShare", empty) == "INVALID_ARGUMENT"


async def test_a_link_is_for_accounts_until_the_policy_says_anybody(people: People) -> None:
    spec = await people.begun()
    request = sharing.CreateShareRequest(conversation_id=spec.conversation_id, link=True, role=SHARE_ROLE_VIEWER)
    made = await people.ada.unary("CreateShare", request)
    assert made.link.startswith("/s/fsh_")
    token = made.link.removeprefix("/s/")
    read = sharing.GetSharedConversationRequest(token=token)
    watch = sharing.WatchSharedConversationRequest(token=token)
    shown = await people.bob.unary("GetSharedConversation", read)
    assert (shown.conversation.owner_name, len(shown.messages)) == ("Ada", 2)
    async with people.server.anybody() as anybody:
        for method, wanted in (("GetSharedConversation", read), ("WatchSharedConversation", watch)):
            assert await code_of(anybody, method, wanted) == "UNAUTHENTICATED"
        policy = (await people.ada.unary("GetPolicy", GetPolicyRequest())).policy
        policy.link_sharing = LINK_SHARING_ANYONE
        await people.ada.unary("UpdatePolicy", UpdatePolicyRequest(policy=policy))
        assert len((await anybody.unary("GetSharedConversation", read)).messages) == 2
        slow = send(SLOW, "more", spec.conversation_id, spec.answer_id)
        await people.ada.unary("StartGeneration", chat.StartGenerationRequest(spec=slow))
        async with asyncio.timeout(WAIT):
            stream = anybody.stream("WatchSharedConversation", watch)
            async with aclosing(stream):  # pyright: ignore[reportArgumentType]
                with pytest.raises(CallError) as caught:
                    await _until_the_end(people, stream, made.share.id)
        assert caught.value.code == "NOT_FOUND"
    await people.ada.unary("StopGeneration", chat.StopGenerationRequest(generation_id=slow.generation_id))


async def _until_the_end(people: People, stream: AsyncIterator[Any], share_id: str) -> None:
    ended = False
    async for answer in stream:
        if answer.HasField("running") and not ended:
            ended = True
            await people.ada.unary("DeleteShare", sharing.DeleteShareRequest(share_id=share_id))


async def test_presence_through_the_port(people: People) -> None:
    spec = await people.begun()
    await people.share(spec.conversation_id)
    request = sharing.SetPresenceRequest(conversation_id=spec.conversation_id, view_id=new_uuid(), writing=True)
    told = (await people.bob.unary("SetPresence", request)).presence
    assert [(viewer.account_id, viewer.name, viewer.writing) for viewer in told.viewers] == [
        (people.bob_himself.id, "Bob", True)
    ]
    request.conversation_id = new_uuid()
    assert await code_of(people.bob, "SetPresence", request) == "NOT_FOUND"
    await people.bob.unary("LeaveConversation", sharing.LeaveConversationRequest(conversation_id=spec.conversation_id))
    assert await code_of(people.bob, "GetConversation", calls(spec)["GetConversation"]) == "NOT_FOUND"
