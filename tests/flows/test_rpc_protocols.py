"""Every RPC through every protocol that the port speaks, on a real server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from fireside.chat.fold import Fold
from fireside.gen.v1 import chat_service_pb2 as chat
from fireside.gen.v1 import conversation_service_pb2 as conversations
from fireside.gen.v1 import generation_pb2, message_pb2, model_service_pb2, runner_pb2
from fireside.gen.v1 import runner_service_pb2 as runners
from tests.callers import CALLERS, METHODS, Caller, caller
from tests.ollama_server import LIBRARY, ollama_server
from tests.rig import new_uuid, send, text_of, text_part
from tests.served import Served, serve
from tests.server_process import server_process

# Those of accounts have flows of their own.
_SERVED = {
    name
    for name, method in METHODS.items()
    if method.containing_service.name in ("ChatService", "ConversationService", "ModelService", "RunnerService")
}


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    async with serve(tmp_path) as server:
        yield server


class Recorder:
    """Calls, and remembers which RPCs were called."""

    def __init__(self, inner: Caller) -> None:
        self._inner = inner
        self.called: set[str] = set()

    async def unary(self, method: str, request: Any) -> Any:
        self.called.add(method)
        return await self._inner.unary(method, request)

    def stream(self, method: str, request: Any) -> AsyncIterator[Any]:
        self.called.add(method)
        return self._inner.stream(method, request)

    async def events(self, method: str, request: Any) -> list[generation_pb2.Event]:
        async with aclosing(self.stream(method, request)) as answers:
            return [event async for answer in answers for event in answer.events if event.seq]


def folded(events: list[generation_pb2.Event]) -> message_pb2.Message:
    fold = Fold()
    for event in events:
        fold.apply(event)
    return fold.message()


async def use_the_tree(call: Recorder) -> None:
    """All of ConversationService, and the branches that its calls make."""
    made = conversations.CreateConversationRequest(conversation_id=new_uuid(), title="one")
    conversation = (await call.unary("CreateConversation", made)).conversation
    named = {"conversation_id": conversation.id}
    assert (await call.unary("GetConversation", conversations.GetConversationRequest(**named))).conversation == (
        conversation
    )
    spec = send("echo", "hello", conversation=conversation.id)
    await call.events("Generate", chat.GenerateRequest(spec=spec))
    listed = (await call.unary("ListMessages", conversations.ListMessagesRequest(**named))).messages
    assert [text_of(message) for message in listed] == ["hello", "hello"]
    edit = conversations.EditMessageRequest(
        message_id=listed[0].id, new_message_id=new_uuid(), parts=[text_part("edited")], etag=listed[0].etag,
        generation_id=new_uuid(), answer_id=new_uuid(), model="scripted/echo",
    )  # fmt: skip
    edited = await call.unary("EditMessage", edit)
    assert text_of(edited.message) == "edited"
    answer = folded(await call.events("WatchGeneration", chat.WatchGenerationRequest(generation_id=edit.generation_id)))
    assert text_of(answer) == "edited"
    again = conversations.RegenerateMessageRequest(
        message_id=answer.id, generation_id=new_uuid(), model="scripted/tokens=3"
    )
    sibling = (await call.unary("RegenerateMessage", again)).generation
    await call.events("WatchGeneration", chat.WatchGenerationRequest(generation_id=sibling.id))
    select = conversations.SelectBranchRequest(message_id=listed[0].id)
    assert (await call.unary("SelectBranch", select)).conversation.head_message_id == listed[1].id
    rename = conversations.RenameConversationRequest(**named, title="two", request_id=new_uuid())
    assert (await call.unary("RenameConversation", rename)).conversation.title == "two"
    search = conversations.SetConversationCollectionsRequest(**named, request_id=new_uuid())
    assert not (await call.unary("SetConversationCollections", search)).conversation.collection_ids
    found = await call.unary("ListConversations", conversations.ListConversationsRequest(query="TWO"))
    assert [item.id for item in found.conversations] == [conversation.id]
    deleted = await call.unary("DeleteConversation", conversations.DeleteConversationRequest(**named))
    assert deleted.conversation.HasField("delete_time")
    back = await call.unary("UndeleteConversation", conversations.UndeleteConversationRequest(**named))
    assert not back.conversation.HasField("delete_time")


async def use_generations(call: Recorder) -> None:
    """All of ChatService but Converse."""
    spec = send("hang=after:3")
    started = (await call.unary("StartGeneration", chat.StartGenerationRequest(spec=spec))).generation
    named = {"generation_id": started.id}
    watched = call.events("WatchGeneration", chat.WatchGenerationRequest(**named))
    async with aclosing(call.stream("WatchEvents", chat.WatchEventsRequest(follow_generations=True))) as answers:
        first = await anext(answers)
        assert first.events[0].HasField("ready")
        async for answer in answers:
            if any(event.HasField("delta") for piece in answer.generation_events for event in piece.events):
                break
    stopped = (await call.unary("StopGeneration", chat.StopGenerationRequest(**named))).generation
    assert stopped.finish_reason == message_pb2.FINISH_REASON_STOPPED
    events = await watched
    assert events[-1].ended.finish_reason == message_pb2.FINISH_REASON_STOPPED
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    got = (await call.unary("GetGeneration", chat.GetGenerationRequest(**named))).generation
    assert got == stopped


async def use_runners(call: Recorder, url: str) -> None:
    """All of RunnerService, with an Ollama at `url`."""
    spec = runner_pb2.RunnerSpec(name="shed", kind=runner_pb2.RUNNER_KIND_OLLAMA, addresses=[url])
    tried = await call.unary("TestRunner", runners.TestRunnerRequest(spec=spec))
    made = (await call.unary("CreateRunner", runners.CreateRunnerRequest(spec=spec))).runner
    assert tried.status.health == made.status.health == runner_pb2.RUNNER_HEALTH_OK
    got = await call.unary("GetRunner", runners.GetRunnerRequest(name="shed"))
    assert (got.runner.spec, list(got.models)) == (spec, list(tried.models))
    order = runners.OrderRunnersRequest(names=["shed", "scripted"])
    ordered = (await call.unary("OrderRunners", order)).runners
    assert [runner.spec for runner in ordered] == [
        runner.spec for runner in (await call.unary("ListRunners", runners.ListRunnersRequest())).runners
    ]
    async with aclosing(call.stream("PullModel", runners.PullModelRequest(runner="shed", model=LIBRARY[0]))) as reports:
        assert [report.status async for report in reports][-1] == "success"
    alias = runner_pb2.ModelAlias(alias="fast", targets=["shed/" + LIBRARY[0]])
    await call.unary("SetModelAlias", runners.SetModelAliasRequest(alias=alias))
    (found,) = (await call.unary("ListModelAliases", runners.ListModelAliasesRequest())).aliases
    assert found.targets == alias.targets
    await call.unary("DeleteModelAlias", runners.DeleteModelAliasRequest(alias="fast"))
    spec.disabled = True
    off = (await call.unary("UpdateRunner", runners.UpdateRunnerRequest(spec=spec, etag=made.etag))).runner
    assert off.status.health == runner_pb2.RUNNER_HEALTH_DISABLED
    await call.unary("DeleteRunner", runners.DeleteRunnerRequest(name="shed"))


async def use_converse(call: Recorder) -> None:
    spec = send("tokens=5")
    told: asyncio.Queue[chat.ConverseRequest | None] = asyncio.Queue()

    async def commands() -> AsyncIterator[chat.ConverseRequest]:
        while (command := await told.get()) is not None:
            yield command

    told.put_nowait(chat.ConverseRequest(command_id="s", start=spec))
    done, events = False, []
    async with aclosing(call.stream("Converse", commands())) as answers:
        async for answer in answers:
            assert answer.command_id == "s"
            done = done or answer.HasField("done")
            events += [event for event in answer.generation_events.events if event.seq]
            if events and events[-1].HasField("ended"):
                told.put_nowait(None)
    assert done
    assert len(text_of(folded(events)).split()) == 5


@pytest.mark.parametrize("kind", CALLERS)
async def test_every_rpc_works(served: Served, kind: str) -> None:
    async with asyncio.timeout(30), caller(kind, served.url) as client:
        call = Recorder(client)
        await use_the_tree(call)
        await use_generations(call)
        models = (await call.unary("ListModels", model_service_pb2.ListModelsRequest(page_size=1))).models
        one = await call.unary("GetModel", model_service_pb2.GetModelRequest(model_id=models[0].id))
        assert one.model == models[0]
        async with ollama_server() as ollama:
            await use_runners(call, ollama.url)
        missing = _SERVED - call.called
        if client.duplex:
            await use_converse(call)
            missing = _SERVED - call.called
            assert not missing
        else:
            assert missing == {"Converse"}
    await served.idle()


@pytest.mark.parametrize("kind", ["grpcio", "connect-h1", "grpc-web-h1"])
async def test_a_server_in_a_process_of_its_own_answers_the_same(tmp_path: Path, kind: str) -> None:
    with server_process(tmp_path) as server:
        async with asyncio.timeout(20), caller(kind, server.url) as client:
            spec = send("echo", "hello over there")
            answer = folded(await Recorder(client).events("Generate", chat.GenerateRequest(spec=spec)))
            assert text_of(answer) == "hello over there"


@pytest.mark.parametrize("kind", ["grpcio", "connect-h1", "grpc-web-h2", "connect-json-h2"])
async def test_generate_and_watch_send_the_same_log(served: Served, kind: str) -> None:
    async with asyncio.timeout(10), caller(kind, served.url) as client:
        call = Recorder(client)
        spec = send("tokens=20")
        live = await call.events("Generate", chat.GenerateRequest(spec=spec))
        again = await call.events("Generate", chat.GenerateRequest(spec=spec))
        watched = await call.events("WatchGeneration", chat.WatchGenerationRequest(generation_id=spec.generation_id))
        assert live == again == watched
