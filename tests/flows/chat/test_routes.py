"""Runners as the chat engine uses them: stand-ins, aliases, queues, tools, and runners that go while they write."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING

import pytest

from fireside.chat.wire import events_of
from fireside.core.errors import NotFoundError
from fireside.core.principal import LOCAL, Principal
from fireside.gen.v1 import generation_pb2, message_pb2, model_pb2, runner_pb2
from fireside.runners.base import (
    Delta,
    Embeddings,
    Finish,
    Finished,
    GenerateRequest,
    RunnerInfo,
    Text,
    WholePart,
)
from fireside.runners.managed.runner import ManagedOptions, ManagedRunner
from fireside.runners.scripted.runner import ScriptedRunner
from tests.rig import Rig, folded, send, text_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

PATIENCE = 45.0
ENDLESS = "tokens=9999999,pace=1ms"


def managed(name: str, **options: object) -> ManagedRunner:
    return ManagedRunner(ScriptedRunner(name), ManagedOptions(**{"check_interval": 0.0, "retries": 0, **options}))


def ask(model: str, conversation: str = "", parent: str = "") -> generation_pb2.GenerationSpec:
    """A spec for a model of any runner, or for the conversation's own when it is empty."""
    spec = send("", conversation=conversation, parent=parent)
    spec.model = model
    return spec


async def use(rig: Rig, *runners: ManagedRunner, aliases: Sequence[runner_pb2.ModelAlias] = ()) -> None:
    await rig.catalog.replace(runners, aliases)
    await rig.catalog.models()


async def heartbeat_with(rig: Rig, generation_id: str, place: int) -> None:
    """Returns when the generation says that it waits at this place."""
    async with asyncio.timeout(PATIENCE), aclosing(rig.engine.watch(LOCAL, generation_id, 1, 60.0)) as tail:
        async for payload in tail:
            beat = events_of(payload)[-1].heartbeat
            if (beat.phase, beat.queue_position) == (generation_pb2.PHASE_QUEUED, place):
                return


async def test_the_model_that_stood_in_is_recorded_and_told(rig: Rig) -> None:
    await use(rig, managed("a", fallback=True), managed("b"))
    spec = ask("a/tokens=3,fail=start,at=a")
    record = await rig.engine.start(LOCAL, spec)
    log = await rig.read(record.id)
    stand_in = "b/tokens=3,fail=start,at=a"
    assert events_of(log)[-1].ended.model == stand_in
    assert folded(log).model == stand_in
    assert (await rig.branch(spec.conversation_id))[-1].model == stand_in
    assert (await rig.engine.get(LOCAL, record.id)).model == stand_in
    again = await rig.read(record.id, after=events_of(log)[-2].seq)
    assert events_of(again)[-1].ended.model == stand_in


async def test_an_answer_of_the_model_that_was_asked_says_nothing_of_it(rig: Rig) -> None:
    await use(rig, managed("a", fallback=True), managed("b"))
    record = await rig.engine.start(LOCAL, ask("a/tokens=3"))
    assert events_of(await rig.read(record.id))[-1].ended.model == ""
    assert (await rig.engine.get(LOCAL, record.id)).model == "a/tokens=3"


async def test_a_conversation_keeps_the_alias_and_a_message_the_model(rig: Rig) -> None:
    def smart(target: str) -> list[runner_pb2.ModelAlias]:
        return [runner_pb2.ModelAlias(alias="smart", targets=[target])]

    await use(rig, managed("a"), aliases=smart("a/tokens=2"))
    first = await rig.chat(spec := ask("smart"))
    assert first.model == "a/tokens=2"
    assert (await rig.conversations.get(LOCAL, spec.conversation_id)).model == "smart"
    await use(rig, *rig.catalog.runners, aliases=smart("a/tokens=5"))
    second = await rig.chat(ask("", spec.conversation_id, first.id))
    assert second.model == "a/tokens=5"


async def test_a_failure_says_whether_trying_again_may_help(rig: Rig) -> None:
    await use(rig, managed("a", failures_to_rest=0))
    expected = {"rate-limited": True, "unavailable": True, "refused": False, "unauthorized": False, "too-long": False}
    for kind, retryable in expected.items():
        answer = await rig.chat(ask(f"a/fail=start,as={kind}"))
        assert answer.finish_reason == message_pb2.FINISH_REASON_FAILED
        assert (kind, answer.error.retryable) == (kind, retryable)
        assert answer.error.reason
        assert answer.error.message


async def test_the_place_in_the_queue_is_shown_and_accounts_take_turns(rig: Rig) -> None:
    await use(rig, managed("a", concurrency=1))
    running = await rig.engine.start(LOCAL, ask(f"a/{ENDLESS}"))
    first = await rig.engine.start(LOCAL, ask(f"a/{ENDLESS}"))
    await heartbeat_with(rig, first.id, 1)
    second = await rig.engine.start(LOCAL, ask(f"a/{ENDLESS}"))
    await heartbeat_with(rig, second.id, 2)
    other = Principal("other")
    await rig.engine.start(other, spec := ask(f"a/{ENDLESS}"))
    await heartbeat_with(rig, second.id, 3)
    for generation_id in (running.id, first.id):
        await rig.engine.stop(LOCAL, generation_id)
    await heartbeat_with(rig, second.id, 1)
    stopped = await rig.engine.stop(LOCAL, second.id)
    assert stopped.finish_reason == message_pb2.FINISH_REASON_STOPPED
    await rig.engine.stop(other, spec.generation_id)


async def test_an_answer_is_written_to_its_end_by_a_runner_that_was_removed(rig: Rig) -> None:
    await use(rig, old := managed("a"))
    record = await rig.engine.start(LOCAL, ask("a/tokens=40,pace=2ms"))
    await rig.read_until(record.id, 3)
    await use(rig, managed("b"))
    message = folded(await rig.read(record.id))
    assert message.finish_reason == message_pb2.FINISH_REASON_COMPLETE
    assert len(text_of(message).split()) == 40
    assert rig.catalog.runner("a") is None
    await old.drain()


class Recorder:
    """Keeps what it is asked. It calls a tool until it has a result."""

    name = "recorder"

    def __init__(self) -> None:
        self.requests: list[GenerateRequest] = []

    async def info(self) -> RunnerInfo:
        return RunnerInfo((model_pb2.Model(id="recorder/m", state=model_pb2.MODEL_STATE_READY, context_length=4096),))

    async def generate(self, request: GenerateRequest) -> AsyncGenerator[Delta]:
        self.requests.append(request)
        if any(part.HasField("tool_result") for part in request.messages[-1].parts):
            yield Text("It rains.")
            yield Finished()
        else:
            call = message_pb2.ToolCallPart(id="call_1", name="weather", arguments='{"city": "Oslo"}')
            yield WholePart(message_pb2.Part(tool_call=call))
            yield Finished(Finish.TOOL_CALLS)

    async def embed(self, model: str, texts: Sequence[str]) -> Embeddings:
        return Embeddings(())

    async def aclose(self) -> None:
        """Nothing to free."""


async def test_tools_and_their_results_come_to_the_runner(rig: Rig) -> None:
    recorder = Recorder()
    await use(rig, ManagedRunner(recorder, ManagedOptions(check_interval=0.0)))
    spec = ask("recorder/m")
    spec.tools.add(name="weather", description="Tells the weather.", parameters='{"type": "object"}')
    asked = await rig.chat(spec)
    assert asked.finish_reason == message_pb2.FINISH_REASON_TOOL_CALLS
    request = recorder.requests[0]
    assert request.tools == tuple(spec.tools)
    assert (request.model, request.account, request.session) == ("m", LOCAL.id, spec.conversation_id)
    follow = ask("", spec.conversation_id, asked.id)
    del follow.send.parts[:]
    follow.send.parts.add().tool_result.tool_call_id = "call_1"
    follow.send.parts[0].tool_result.result.string_value = "rain"
    answer = await rig.chat(follow)
    assert text_of(answer) == "It rains."
    said = recorder.requests[1].messages
    kinds = [part.WhichOneof("kind") for message in said for part in message.parts]
    assert kinds == ["text", "tool_call", "tool_result"]
    assert said[1].parts[0].tool_call.id == said[2].parts[0].tool_result.tool_call_id


async def test_a_model_that_is_not_there_is_refused_at_once(rig: Rig) -> None:
    recorder = Recorder()
    await rig.catalog.replace([ManagedRunner(recorder, ManagedOptions(check_interval=0.0))])
    for model in ("recorder/other", "nobody/m", "smart"):
        with pytest.raises(NotFoundError) as caught:
            await rig.engine.start(LOCAL, ask(model))
        assert caught.value.reason == "MODEL_NOT_FOUND"
    assert not recorder.requests
