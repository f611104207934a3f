"""`fireside serve --workers 2`: one address, two processes, one store; and the death of each. Two servers on PostgreSQL as well."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from fireside.gen.v1 import chat_service_pb2 as pb
from fireside.gen.v1 import generation_pb2, message_pb2
from fireside.gen.v1.conversation_service_pb2 import CreateConversationRequest
from fireside.gen.v1.model_pb2 import MODEL_STATE_READY
from fireside.gen.v1.model_service_pb2 import ListModelsRequest
from tests.callers import Caller, CallError, caller
from tests.processes import alive, caller_of, children, until
from tests.rig import new_uuid, send, text_of
from tests.server_process import ServerProcess, fireside, server_process

WAIT = 120.0
pytestmark = pytest.mark.timeout(300)


@dataclass(frozen=True, slots=True)
class Pair:
    """Two processes on one store, each with a client of its own."""

    one: Caller
    two: Caller


@asynccontextmanager
async def two_workers(server: ServerProcess) -> AsyncIterator[Pair]:
    pids = children(server.process.pid)
    assert len(pids) == 2
    async with caller_of(server.url, pids[0], pids) as one, caller_of(server.url, pids[1], pids) as two:
        yield Pair(one, two)


@pytest.fixture(params=["workers", "servers"])
def url_of_two(request: pytest.FixtureRequest) -> str:
    """The database of two servers; empty for two workers of one."""
    return "" if request.param == "workers" else request.getfixturevalue("postgres_url")


@pytest.fixture
async def pair(url_of_two: str, tmp_path: Path) -> AsyncIterator[Pair]:
    """Two workers on SQLite, or two servers on PostgreSQL."""
    async with AsyncExitStack() as stack:
        if not url_of_two:
            server = stack.enter_context(server_process(tmp_path, "--workers", "2"))
            yield await stack.enter_async_context(two_workers(server))
            return
        servers: list[ServerProcess] = []
        for name in ("one", "two"):
            (tmp_path / name).mkdir()
            servers.append(stack.enter_context(server_process(tmp_path / name, "--database-url", url_of_two)))
        clients = [await stack.enter_async_context(caller("grpcio", server.url)) for server in servers]
        yield Pair(clients[0], clients[1])


async def start(client: Caller, spec: generation_pb2.GenerationSpec) -> None:
    await client.unary("StartGeneration", pb.StartGenerationRequest(spec=spec))


async def read(client: Caller, generation_id: str, after: int = 0, until_seq: int = 0) -> list[generation_pb2.Event]:
    """The numbered events after `after`, to the end or until `until_seq` is there."""
    request = pb.WatchGenerationRequest(generation_id=generation_id, after_seq=after)
    found: list[generation_pb2.Event] = []
    async with aclosing(client.stream("WatchGeneration", request)) as answers:
        async for answer in answers:
            found += [event for event in answer.events if event.seq]
            if until_seq and found and found[-1].seq >= until_seq:
                break
    return found


async def test_what_one_writes_the_other_follows_resumes_and_stops(pair: Pair) -> None:
    short, long = send("tokens=150,pace=4ms"), send("tokens=100000,pace=5ms")
    async with asyncio.timeout(WAIT):
        await start(pair.one, short)
        head = await read(pair.one, short.generation_id, until_seq=30)
        whole, rest = await asyncio.gather(
            read(pair.two, short.generation_id), read(pair.two, short.generation_id, head[-1].seq)
        )
        assert [event.seq for event in whole] == list(range(1, 153))
        assert head + rest == whole
        await start(pair.two, long)
        await read(pair.one, long.generation_id, until_seq=10)
        answer = await pair.one.unary("StopGeneration", pb.StopGenerationRequest(generation_id=long.generation_id))
        end = (await read(pair.two, long.generation_id))[-1]
    assert answer.generation.state == generation_pb2.GENERATION_STATE_ENDED
    assert answer.generation.finish_reason == end.ended.finish_reason == message_pb2.FINISH_REASON_STOPPED
    assert answer.generation.last_seq == end.seq


async def test_an_open_page_hears_of_everything_through_either(pair: Pair) -> None:
    spec = send("tokens=60,pace=4ms")
    kinds: list[str | None] = []
    numbers: list[int] = []
    request = pb.WatchEventsRequest(follow_generations=True)
    async with asyncio.timeout(WAIT), aclosing(pair.two.stream("WatchEvents", request)) as answers:
        async for answer in answers:
            kinds += [event.WhichOneof("kind") for event in answer.events if not event.HasField("heartbeat")]
            numbers += [event.seq for log in answer.generation_events for event in log.events if event.seq]
            if kinds == ["ready"]:
                made = CreateConversationRequest(conversation_id=new_uuid(), title="from the other")
                await pair.one.unary("CreateConversation", made)
                await start(pair.one, spec)
            if "generation_ended" in kinds and len(numbers) == 62:
                break
    wanted = ["ready", "conversation_created", "conversation_created", "generation_started", "generation_ended"]
    assert [kind for kind in kinds if kind in wanted] == wanted
    assert numbers == list(range(1, 63))


async def test_a_killed_worker_leaves_an_interrupted_answer_and_is_started_again(tmp_path: Path) -> None:
    spec = send("tokens=100000,pace=5ms", "before the crash")
    with server_process(tmp_path, "--workers", "2") as server:
        async with asyncio.timeout(WAIT):
            pids = children(server.process.pid)
            async with caller_of(server.url, pids[1], pids) as other:
                async with caller_of(server.url, pids[0], pids) as doomed:
                    await start(doomed, spec)
                    await read(other, spec.generation_id, until_seq=20)
                    reading = asyncio.create_task(read(other, spec.generation_id))
                    os.kill(pids[0], signal.SIGKILL)
                events = await reading
                assert [event.WhichOneof("kind") for event in events[-2:]] == ["reset", "ended"]
                assert events[-1].ended.finish_reason == message_pb2.FINISH_REASON_INTERRUPTED
                assert len(text_of(events[-2].reset.message).split()) >= 10
                assert [event.seq for event in events[:-2]] == list(range(1, len(events) - 1))
            await until(lambda: len(set(children(server.process.pid)) - set(pids)) == 1)
            async with caller("grpcio", server.url) as anyone:
                again = await read(anyone, spec.generation_id)
        assert [event.seq for event in again] == [event.seq for event in events]
        code, out, err = server.end()
    assert code == 0
    assert out.count("Fireside is ready at") == 1
    assert "Worker 1 died (killed by SIGKILL); it is started again" in err


async def test_it_ends_as_a_whole_and_lets_answers_end(tmp_path: Path) -> None:
    spec = send("tokens=40,pace=20ms")
    with server_process(tmp_path, "--workers", "2") as server:
        pids = children(server.process.pid)
        async with asyncio.timeout(WAIT), caller("grpcio", server.url) as client:
            await start(client, spec)
            reading = asyncio.create_task(read(client, spec.generation_id))
            await read(client, spec.generation_id, until_seq=5)
            code, out, err = await asyncio.to_thread(server.end, signal.SIGINT)
            events = await reading
    assert (code, out, err) == (0, f"Fireside is ready at {server.url} (Ctrl+C stops it)\n", "")
    assert events[-1].ended.finish_reason == message_pb2.FINISH_REASON_COMPLETE
    assert not any(map(alive, pids))


async def test_its_processes_end_when_it_is_killed_and_the_store_is_held_until_then(tmp_path: Path) -> None:
    with server_process(tmp_path, "--workers", "2") as server:
        code, _, err = fireside(tmp_path, "serve", "--port", "0", "--data-dir", "data")
        assert code == 1
        assert f"Another Fireside server (process {server.process.pid}) has the database" in err
        pids = children(server.process.pid)
        server.process.kill()
        async with asyncio.timeout(WAIT):
            await until(lambda: not any(map(alive, pids)))
    with server_process(tmp_path) as alone:
        assert alone.end()[0] == 0


async def test_the_local_model_is_in_a_process_of_its_own_that_all_use(tmp_path: Path, local_models: Path) -> None:
    flags = ("--workers", "2", "--local-model", "true", "--models-dir", str(local_models))
    with server_process(tmp_path, *flags) as server:
        async with asyncio.timeout(WAIT):
            *workers, model = children(server.process.pid)
            assert len(workers) == 2
            everyone = (*workers, model)
            async with caller("grpcio", server.url) as anyone:
                await until_ready(anyone)
            for pid in workers:
                async with caller_of(server.url, pid, [each for each in everyone if each != model]) as client:
                    assert await ask(client) == message_pb2.FINISH_REASON_LENGTH
            # Its port outlives it, so the others find the next one.
            os.kill(model, signal.SIGKILL)
            await until(lambda: len(set(children(server.process.pid)) - {*everyone}) == 1)
            async with caller("grpcio", server.url) as client:
                while await ask(client) != message_pb2.FINISH_REASON_LENGTH:
                    pass
        code, _, err = server.end()
    assert code == 0
    assert "The local model's process died (killed by SIGKILL)" in err


async def until_ready(client: Caller) -> None:
    """Returns when the local model can answer."""
    while True:
        answer = await client.unary("ListModels", ListModelsRequest())
        if any(model.id.startswith("local/") and model.state == MODEL_STATE_READY for model in answer.models):
            return


async def ask(client: Caller) -> message_pb2.FinishReason:
    """How an answer of a few tokens of the local model ended."""
    spec = send("x", "Count from one to a hundred.")
    spec.model = "local/qwen2.5-coder-0.5b"
    spec.sampling.max_tokens = 4
    try:
        await start(client, spec)
    except CallError:
        return message_pb2.FINISH_REASON_UNSPECIFIED
    return (await read(client, spec.generation_id))[-1].ended.finish_reason


def test_a_worker_that_cannot_start_is_told_in_one_sentence(tmp_path: Path) -> None:
    url = "postgresql://nobody@127.0.0.1:1/nowhere"
    code, out, err = fireside(tmp_path, "serve", "--port", "0", "--workers", "2", "--database-url", url)
    assert (code, out) == (1, "")
    assert err.startswith("fireside: The PostgreSQL database cannot be reached")
    assert "Traceback" not in err
