"""What is the Ollama adapter's own: loading, thinking, keep-alive, pulling. And the small server, by the official client."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING

import ollama
import pytest

from fireside.core.errors import FiresideError
from fireside.gen.v1 import generation_pb2, message_pb2, model_pb2, runner_pb2
from fireside.runners.base import Activity, BackendOptions, Delta, GenerateRequest, Progress, Reasoning, Text
from fireside.runners.catalog import Catalog
from fireside.runners.managed.runner import ManagedOptions, ManagedRunner
from fireside.runners.ollama.pull import PullProgress
from fireside.runners.ollama.runner import OllamaRunner
from tests.hostile_server import HANG, hostile_server, response
from tests.ollama_server import CALLS, CHAT, EMBEDS, THINKS, OllamaServer, ollama_server

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

PATIENCE = 30
HI = [{"role": "user", "content": "Hi"}]
TOOL = {"type": "function", "function": {"name": "lookup", "parameters": {"type": "object", "properties": {}}}}


@pytest.fixture
async def server() -> AsyncGenerator[OllamaServer]:
    async with ollama_server() as server:
        yield server


@pytest.fixture
async def client(server: OllamaServer) -> AsyncGenerator[ollama.AsyncClient]:
    client = ollama.AsyncClient(host=server.url)
    yield client
    await client.close()


@pytest.fixture
async def runner(server: OllamaServer) -> AsyncGenerator[OllamaRunner]:
    runner = OllamaRunner(BackendOptions(name="lab", addresses=(server.url + "/",), keep_alive="5m"))
    yield runner
    await runner.aclose()


def ask(model: str) -> GenerateRequest:
    part = message_pb2.Part(text=message_pb2.TextPart(text="Hi"))
    message = message_pb2.Message(role=message_pb2.ROLE_USER, parts=[part])
    return GenerateRequest(model, (message,), generation_pb2.SamplingOptions())


async def collect(runner: OllamaRunner, model: str) -> list[Delta]:
    async with asyncio.timeout(PATIENCE), aclosing(runner.generate(ask(model))) as deltas:
        return [delta async for delta in deltas]


class TestTheServerByOllamasOwnClient:
    async def test_lists_and_details(self, client: ollama.AsyncClient) -> None:
        models = (await client.list()).models
        assert [model.model for model in models] == [f"{CHAT}:latest", f"{THINKS}:latest", f"{CALLS}:latest", EMBEDS]
        shown = await client.show(THINKS)
        assert shown.capabilities == ["completion", "thinking"]
        assert shown.modelinfo is not None
        assert shown.modelinfo["llama.context_length"] == 131072

    async def test_chat_in_a_stream_and_in_one_piece(self, client: ollama.AsyncClient) -> None:
        parts = [part async for part in await client.chat(CHAT, HI, stream=True)]
        whole = await client.chat(CHAT, HI)
        assert "".join(part.message.content or "" for part in parts) == whole.message.content
        assert [part.done for part in parts] == [False] * 8 + [True]
        assert (parts[-1].done_reason, parts[-1].eval_count) == ("stop", 8)
        limited = await client.chat(CHAT, HI, options={"num_predict": 3})
        assert (limited.done_reason, limited.eval_count) == ("length", 3)

    async def test_thinking_tools_and_memory(self, client: ollama.AsyncClient) -> None:
        thought = await client.chat(THINKS, HI, think=True)
        assert thought.message.thinking
        assert (await client.chat(THINKS, HI, think=False)).message.thinking == ""
        called = (await client.chat(CALLS, HI, tools=[TOOL])).message.tool_calls
        assert called is not None
        assert (called[0].function.name, called[0].function.arguments) == ("lookup", {"query": "Hi"})
        assert [running.model for running in (await client.ps()).models] == [f"{CALLS}:latest", f"{THINKS}:latest"]
        await client.chat(THINKS, HI, keep_alive=0)
        assert [running.model for running in (await client.ps()).models] == [f"{CALLS}:latest"]

    async def test_refusals(self, client: ollama.AsyncClient) -> None:
        with pytest.raises(ollama.ResponseError) as caught:
            await client.chat("no-such-model", HI)
        assert caught.value.status_code == 404
        with pytest.raises(ollama.ResponseError, match="does not support thinking"):
            await client.chat(CHAT, HI, think=True)
        with pytest.raises(ollama.ResponseError, match="does not support embeddings"):
            await client.embed(CHAT, "a")

    async def test_vectors_and_pulling(self, client: ollama.AsyncClient) -> None:
        assert len((await client.embed(EMBEDS, ["a", "b"])).embeddings) == 2
        steps = [step async for step in await client.pull("tokens=3", stream=True)]
        assert steps[-1].status == "success"
        assert (steps[3].completed, steps[3].total) == (500, 1000)
        with pytest.raises(ollama.ResponseError, match="file does not exist"):
            assert [step async for step in await client.pull("nothing", stream=True)]


async def test_its_models_say_what_they_can_do(server: OllamaServer, runner: OllamaRunner) -> None:
    server.models.append("echo")
    await collect(runner, CHAT)
    info = await runner.info()
    chat, embed = [model_pb2.MODEL_TASK_CHAT], [model_pb2.MODEL_TASK_EMBED]
    # A model in memory has the context that it was loaded with.
    assert [(m.display_name, list(m.tasks), m.vision, m.loaded, m.context_length) for m in info.models] == [
        (CHAT, chat, False, True, 4096),
        (THINKS, chat, False, False, 8192),
        (CALLS, chat, False, False, 8192),
        (EMBEDS, embed, False, False, 8192),
        ("echo", chat, True, False, 8192),
    ]
    assert info.version == "Ollama 0.13.5"
    assert info.other_names == {
        CHAT: f"{CHAT}:latest",
        THINKS: f"{THINKS}:latest",
        CALLS: f"{CALLS}:latest",
        "echo": "echo:latest",
    }
    assert info.models[0].description == "7.2B, Q4_0"


async def test_a_name_without_its_tag_is_the_model_that_ollama_takes_it_for() -> None:
    short, full = f"shed/{CHAT}", f"shed/{CHAT}:latest"
    async with ollama_server() as server:
        options = BackendOptions(name="shed", addresses=(server.url,))
        shed = ManagedRunner(OllamaRunner(options), ManagedOptions(check_interval=0.0, retries=0))
        catalog = Catalog([shed], aliases=[runner_pb2.ModelAlias(alias="fast", targets=[short])])
        for name in (full, short, "fast"):
            named, route = await catalog.get(name), catalog.resolve(name)
            assert (named.id, named.hidden, list(named.tasks)) == (name, name == short, [model_pb2.MODEL_TASK_CHAT])
            assert named.context_length == route.context_length > 0
            route.admit("account")
            async with aclosing(route.generate(ask(name))) as deltas:
                assert Text in [type(delta) async for delta in deltas]
    # While the server is away it is still known by this name.
    await shed.check()
    for name in (full, short, "fast"):
        assert (await catalog.get(name)).state == model_pb2.MODEL_STATE_UNAVAILABLE
    await catalog.aclose()


async def test_details_are_asked_for_once(server: OllamaServer, runner: OllamaRunner) -> None:
    await runner.info()
    await runner.info()
    assert server.asked.count("/api/show") == len(server.models)


async def test_named_models_limit_the_list(server: OllamaServer) -> None:
    runner = OllamaRunner(BackendOptions(name="lab", addresses=(server.url + "/v1",), models=(THINKS, "away")))
    assert [model.id for model in (await runner.info()).models] == [f"lab/{THINKS}:latest"]
    assert Text in map(type, await collect(runner, f"{THINKS}:latest"))
    with pytest.raises(FiresideError) as caught:
        await collect(runner, CHAT)
    assert caught.value.reason == "MODEL_NOT_FOUND"
    await runner.aclose()


async def test_it_says_that_a_model_loads_only_when_it_does(server: OllamaServer, runner: OllamaRunner) -> None:
    assert (await collect(runner, CHAT))[0] == Progress(Activity.LOADING)
    assert (await collect(runner, CHAT))[0] == Progress(Activity.PREFILLING)
    # What has just answered is in memory: that needs no question.
    assert server.asked == ["/api/ps", "/api/chat", "/api/chat"]


async def test_a_model_that_thinks_is_asked_to(server: OllamaServer, runner: OllamaRunner) -> None:
    await runner.info()
    assert Reasoning in map(type, await collect(runner, THINKS))
    await collect(runner, CHAT)
    assert [body.think for body in server.bodies] == [True, None]


async def test_a_model_that_turns_out_not_to_think_answers_all_the_same() -> None:
    async with hostile_server() as server:
        server.reply("/api/tags", [response(body=b'{"models":[{"name":"m:latest"}]}')])
        server.reply("/api/show", [response(body=b'{"capabilities":["completion","thinking"]}')])
        no = response("400 Bad Request", body=b'{"error":"\\"m\\" does not support thinking"}')
        server.reply("/api/chat", [no], [response(body=b'{"message":{"content":"a"},"done":true}\n')])
        runner = OllamaRunner(BackendOptions(name="lab", addresses=(server.url,)))
        await runner.info()
        for _ in range(2):
            assert Text("a") in await collect(runner, "m")
        chats = [asked.json() for asked in server.asked if asked.path == "/api/chat"]
        assert [chat.get("think") for chat in chats] == [True, None, None]
        await runner.aclose()


@pytest.mark.parametrize(("given", "sent"), [("5m", "5m"), ("0", 0), ("-1", -1), ("", None)])
async def test_keep_alive_is_passed_on(server: OllamaServer, given: str, sent: object) -> None:
    runner = OllamaRunner(BackendOptions(name="lab", addresses=(server.url,), keep_alive=given))
    await collect(runner, CHAT)
    assert server.bodies[0].keep_alive == sent
    await runner.aclose()


async def test_pulling_tells_how_far_it_is(server: OllamaServer, runner: OllamaRunner) -> None:
    await runner.info()
    async with aclosing(runner.pull("tokens=3")) as steps:
        seen = [step async for step in steps]
    assert seen[0] == PullProgress("pulling manifest")
    assert seen[-1].done
    # Of several that come at once the last one tells it.
    assert seen[-4] == PullProgress("pulling 970aa74c0a90", "sha256:970aa74c0a90", 1000, 1000)
    assert "lab/tokens=3:latest" in [model.id for model in (await runner.info()).models]


async def test_pulling_can_be_broken_off(server: OllamaServer, runner: OllamaRunner) -> None:
    server.may_pull.clear()
    async with asyncio.timeout(PATIENCE):
        async with aclosing(runner.pull("tokens=3")) as steps:
            async for step in steps:
                if step.completed == 500:
                    break
        await server.broken_off_pulls.wait()
    server.may_pull.set()


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (
            response(body=b'{"status":"pulling manifest"}\n{"error":"pull model manifest: file does not exist"}\n'),
            "MODEL_NOT_FOUND",
        ),
        (response(body=b'{"error":"no space left on device"}\n'), "RUNNER_FAILED"),
        (response(body=b'{"status":"pulling manifest"}\n'), "RUNNER_DIED"),
        (response(body=b"<html>\n"), "RUNNER_FAILED"),
        (response("500 Internal Server Error", body=b'{"error":"no"}'), "RUNNER_FAILED"),
    ],
)
async def test_pulls_that_fail(reply: bytes, reason: str) -> None:
    async with hostile_server() as server:
        server.reply("/api/pull", [reply])
        runner = OllamaRunner(BackendOptions(name="lab", addresses=(server.url,)))
        with pytest.raises(FiresideError) as caught:
            async with aclosing(runner.pull("m")) as steps:
                assert [step async for step in steps]
        assert caught.value.reason == reason
        await runner.aclose()


async def test_a_failure_of_the_engine_is_told(runner: OllamaRunner) -> None:
    with pytest.raises(FiresideError) as caught:
        await collect(runner, "fail=start")
    assert caught.value.reason == "RUNNER_FAILED"


async def test_an_embedding_model_does_not_chat(runner: OllamaRunner) -> None:
    with pytest.raises(FiresideError) as caught:
        await collect(runner, EMBEDS)
    assert "does not support chat" in caught.value.message


async def test_a_server_that_is_silent_is_away_and_not_waited_for() -> None:
    async with hostile_server() as server:
        for path in ("/api/tags", "/api/ps", "/api/version"):
            server.reply(path, [HANG])
        runner = OllamaRunner(BackendOptions(name="lab", addresses=(server.url,)))
        task = asyncio.create_task(runner.info())
        asked = await server.wait_for("/api/tags")
        task.cancel()
        async with asyncio.timeout(PATIENCE):
            await asked.gone.wait()
        await runner.aclose()
