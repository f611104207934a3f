"""The runner of workers and the worker's edge, against each other: what the contract of all runners does not say."""

from __future__ import annotations

import asyncio
import socket
import sys
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import aiohttp
import grpc
import grpc.aio
import pytest

from fireside.core.errors import (
    DeadlineExceededError,
    FiresideError,
    NotFoundError,
    ResourceExhaustedError,
    UnavailableError,
)
from fireside.edge.worker import WorkerOptions
from fireside.edge.worker_answer import Answer
from fireside.gen.v1 import generation_pb2, message_pb2, model_pb2
from fireside.gen.worker.v1 import worker_service_pb2 as pb
from fireside.runners.base import BackendOptions, Delta, Finished, GenerateRequest, Text, WholePart
from fireside.runners.grpc.channel import Call, Channels
from fireside.runners.scripted.runner import ScriptedRunner
from fireside.runners.worker.runner import WorkerRunner
from fireside.runners.worker.wire import deltas_of, request_bytes
from tests.worker_served import WatchedRunner, worker_served

GENERATE = "/fireside.worker.v1.WorkerService/Generate"


def ask(model: str, session: str = "s", deadline: float | None = None) -> GenerateRequest:
    part = message_pb2.Part(text=message_pb2.TextPart(text="Look up the weather"))
    messages = (message_pb2.Message(role=message_pb2.ROLE_USER, parts=[part]),)
    return GenerateRequest(model, messages, generation_pb2.SamplingOptions(), session, "me", deadline=deadline)


@asynccontextmanager
async def connected(*addresses: str, secret: str = "", connect_timeout: float = 20.0) -> AsyncIterator[WorkerRunner]:
    options = BackendOptions(name="far", addresses=addresses, secret=secret, connect_timeout=connect_timeout)
    runner = WorkerRunner(options)
    try:
        yield runner
    finally:
        await runner.aclose()


async def collect(runner: WorkerRunner | ScriptedRunner, request: GenerateRequest) -> list[Delta]:
    async with asyncio.timeout(50), aclosing(runner.generate(request)) as deltas:
        return [delta async for delta in deltas]


async def refused(runner: WorkerRunner, request: GenerateRequest) -> FiresideError:
    with pytest.raises(FiresideError) as caught:
        await collect(runner, request)
    return caught.value


def text_of(deltas: list[Delta]) -> str:
    return "".join(delta.text for delta in deltas if isinstance(delta, Text))


async def test_every_kind_of_delta_arrives_as_it_was_sent() -> None:
    model = "reasoning=3,tokens=4,queue=2:1ms,first=1ms,tool,pace=1ms"
    direct = await collect(ScriptedRunner(), ask(model))
    async with worker_served(ScriptedRunner()) as address, connected(address) as runner:
        far = await collect(runner, ask(model))
    assert text_of(far) == text_of(direct)
    assert far[-1] == direct[-1]
    assert [delta for delta in far if isinstance(delta, WholePart)]
    assert {type(delta) for delta in far} == {type(delta) for delta in direct}


async def test_the_whole_request_arrives() -> None:
    watched = WatchedRunner()
    request = ask("tokens=1")
    request.sampling.temperature = 0.5
    async with worker_served(watched) as address, connected(address) as runner:
        await collect(runner, request)
    assert watched.requests == [request]


async def test_what_is_ready_travels_together_and_nothing_is_lost() -> None:
    async with worker_served(ScriptedRunner()) as address:
        channels = Channels(BackendOptions(name="far", addresses=(address,)))
        call = Call(GENERATE, request_bytes(ask("tokens=20000")))
        async with asyncio.timeout(50), aclosing(channels.stream(address, call)) as payloads:
            messages = [deltas_of(payload) async for payload in payloads]
        await channels.aclose()
    assert messages[0] == []
    assert len(messages) < 2000
    text = "".join(text_of(deltas) for deltas in messages)
    assert text == text_of(await collect(ScriptedRunner(), ask("tokens=20000")))


async def test_one_delta_a_message_when_it_is_told_so() -> None:
    async with worker_served(ScriptedRunner(), WorkerOptions(coalesce=False)) as address, connected(address) as runner:
        deltas = await collect(runner, ask("tokens=50"))
    assert len(deltas) == 51


async def test_the_first_content_does_not_wait_for_the_second() -> None:
    async with (
        worker_served(ScriptedRunner()) as address,
        connected(address) as runner,
        asyncio.timeout(30),
        aclosing(runner.generate(ask("tokens=2,hang=after:1"))) as deltas,
    ):
        assert await anext(deltas) == Text("baban ")


async def test_a_reader_that_takes_nothing_holds_the_runner_back() -> None:
    made = 0

    async def endless() -> AsyncGenerator[Delta]:
        nonlocal made
        while True:
            made += 1
            yield Text("word ")
            await asyncio.sleep(0)

    answer = Answer(endless())
    assert await answer.take()
    for _ in range(20_000):
        await asyncio.sleep(0)
    assert made < 10_000
    await answer.aclose()


@pytest.mark.parametrize("model", ["tokens=100000,pace=5ms", "first=1000s", "hang=start"])
async def test_leaving_frees_the_model(model: str) -> None:
    watched = WatchedRunner()
    async with worker_served(watched) as address, connected(address) as runner:

        async def consume() -> None:
            async with aclosing(runner.generate(ask(model))) as deltas:
                async for _ in deltas:
                    pass

        task = asyncio.create_task(consume())
        async with asyncio.timeout(50):
            await watched.begun.wait()
            task.cancel()
            await watched.closed.wait()
            with pytest.raises(asyncio.CancelledError):
                await task


async def test_the_deadline_reaches_the_model_and_ends_it() -> None:
    watched = WatchedRunner()
    async with worker_served(watched) as address, connected(address) as runner:
        await runner.info()  # the connection stands
        started = time.monotonic()
        deadline = started + 2
        error = await refused(runner, ask("hang=start", deadline=deadline))
        assert isinstance(error, DeadlineExceededError)
        assert error.reason == "RUNNER_TOTAL_TIMEOUT"
        async with asyncio.timeout(30):
            await watched.closed.wait()
    told = watched.requests[0].deadline
    assert told is not None
    assert started < told < deadline + 5


async def test_a_deadline_that_has_passed_asks_nobody() -> None:
    watched = WatchedRunner()
    async with worker_served(watched) as address, connected(address) as runner:
        error = await refused(runner, ask("tokens=1", deadline=time.monotonic() - 1))
    assert error.reason == "RUNNER_TOTAL_TIMEOUT"
    assert watched.requests == []


@pytest.mark.parametrize(
    ("model", "kind", "reason"),
    [
        ("queue=full", ResourceExhaustedError, "QUEUE_FULL"),
        ("no such script", NotFoundError, "MODEL_NOT_FOUND"),
        ("fail=after:3", UnavailableError, "RUNNER_FAILED"),
        ("crash=after:3", UnavailableError, "RUNNER_FAILED"),
    ],
)
async def test_errors_of_the_model_keep_their_reason(model: str, kind: type[FiresideError], reason: str) -> None:
    async with worker_served(ScriptedRunner()) as address, connected(address) as runner:
        error = await refused(runner, ask(model))
    assert isinstance(error, kind)
    assert error.reason == reason
    assert error.message


async def test_texts_become_vectors_in_their_order_over_several_calls() -> None:
    texts = [f"text {number}" for number in range(300)]
    async with worker_served(ScriptedRunner()) as address, connected(address) as runner:
        far = await runner.embed("embed=8", texts)
        near = await ScriptedRunner().embed("embed=8", texts)
        assert [pytest.approx(vector) for vector in near.vectors] == list(far.vectors)
        assert far.prompt_tokens == near.prompt_tokens
        with pytest.raises(FiresideError) as caught:
            await runner.embed("tokens=1", texts)
    assert caught.value.reason == "NOT_AN_EMBEDDING_MODEL"


async def test_without_the_token_nothing_but_health_is_answered() -> None:
    async with worker_served(ScriptedRunner(), WorkerOptions(token="right")) as address:
        for secret in ("", "wrong"):
            async with connected(address, secret=secret) as runner:
                assert (await refused(runner, ask("tokens=1"))).reason == "RUNNER_UNAUTHORIZED"
                info = await runner.info()
                assert "token" in info.problem
                assert info.models == ()
        async with connected(address, secret="right") as runner:
            assert text_of(await collect(runner, ask("tokens=1"))) == "baban "
        async with grpc.aio.insecure_channel(address) as channel:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await channel.unary_unary("/fireside.worker.v1.WorkerService/Info")(b"")
            assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
            assert await channel.unary_unary("/grpc.health.v1.Health/Check")(b"") == b"\x08\x01"


async def test_nobody_at_the_address() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
        async with connected(address) as runner:
            assert (await refused(runner, ask("tokens=1"))).reason == "RUNNER_UNAVAILABLE"
            info = await runner.info()
    assert address in info.problem
    assert info.hint


async def test_an_address_that_takes_connections_and_says_nothing() -> None:
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        async with connected(f"127.0.0.1:{mute.getsockname()[1]}", connect_timeout=0.5) as runner:
            assert (await refused(runner, ask("tokens=1"))).reason == "RUNNER_CONNECT_TIMEOUT"


@asynccontextmanager
async def answering(*payloads: bytes) -> AsyncIterator[str]:
    """A gRPC server that answers every Generate with these bytes."""

    async def generate(_request: bytes, _context: object) -> AsyncIterator[bytes]:
        for payload in payloads:
            yield payload

    server = grpc.aio.server()
    handler = grpc.unary_stream_rpc_method_handler(generate)
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("fireside.worker.v1.WorkerService", {"Generate": handler}),)
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(None)


TEXT = pb.GenerateResponse(deltas=[pb.Delta(text="Hi")]).SerializeToString()


@pytest.mark.parametrize("payloads", [[b"\xff\xff\xff"], [TEXT, b"\xff\xff\xff"], [TEXT], []])
async def test_garbage_or_no_end_is_a_failure(payloads: list[bytes]) -> None:
    async with answering(*payloads) as address, connected(address) as runner:
        assert (await refused(runner, ask("tokens=1"))).reason == "RUNNER_FAILED"


async def test_what_a_newer_worker_adds_is_left_out() -> None:
    unknown = b"\x0a\x05\xf2\x3f\x02hi"  # a delta with a field 1022
    end = pb.GenerateResponse(deltas=[pb.Delta(finished=pb.Finished())]).SerializeToString()
    async with answering(TEXT, unknown, end) as address, connected(address) as runner:
        assert await collect(runner, ask("tokens=1")) == [Text("Hi"), Finished()]


async def test_a_service_that_is_not_there_is_a_failure() -> None:
    async with answering() as address, connected(address) as runner:
        info = await runner.info()
    assert "UNIMPLEMENTED" in info.problem


async def test_the_models_of_all_workers_are_listed_and_asked_where_they_are() -> None:
    rare, plenty = WatchedRunner(offers=1), WatchedRunner()
    async with worker_served(rare) as one, worker_served(plenty) as other, connected(one, other) as runner:
        info = await runner.info()
        assert {model.id for model in info.models} >= {"far/echo", "far/tool"}
        assert all(model.state == model_pb2.MODEL_STATE_READY for model in info.models)
        for number in range(8):
            await collect(runner, ask("tokens=2", f"session {number}"))
    assert len(plenty.requests) == 8
    assert rare.requests == []


async def test_many_who_leave_do_not_break_the_answer_of_another() -> None:
    """Servers cut a connection on which hundreds of streams are cancelled (CVE-2023-44487): it must not come to that."""
    async with (
        worker_served(ScriptedRunner()) as address,
        connected(address) as runner,
        asyncio.timeout(55),
        aclosing(runner.generate(ask("tokens=100000,pace=5ms"))) as stays,
    ):
        assert await anext(stays)

        async def leave() -> None:
            async with aclosing(runner.generate(ask("tokens=100000,pace=5ms"))) as deltas:
                assert await anext(deltas)

        for _ in range(10):
            await asyncio.gather(*(leave() for _ in range(50)))
        for _ in range(20):
            assert isinstance(await anext(stays), Text)


async def test_who_has_the_end_leaves_no_cancelled_call_behind() -> None:
    async with worker_served(ScriptedRunner()) as address, connected(address) as runner, asyncio.timeout(55):
        for _ in range(300):
            async with aclosing(runner.generate(ask("tokens=1"))) as deltas:
                async for delta in deltas:
                    if isinstance(delta, Finished):
                        break
        (lines,) = runner._fleet._channels._lines.values()
        assert [(line.open, len(line.resets)) for line in lines] == [(0, 0)]


async def test_tools_find_out_what_it_serves() -> None:
    async with worker_served(ScriptedRunner()) as address:
        grpcurl = str(Path(sys.executable).parent / "grpcurl")
        for arguments, expected in (
            ((address, "list"), "fireside.worker.v1.WorkerService"),
            ((address, "grpc.health.v1.Health/Check"), "SERVING"),
            ((address, "fireside.worker.v1.WorkerService/Info"), "tokens=64"),
        ):
            child = await asyncio.create_subprocess_exec(
                grpcurl, "-plaintext", *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
            )
            async with asyncio.timeout(30):
                output, _ = await child.communicate()
            assert expected in output.decode()


async def test_messages_that_are_too_long_are_told_as_such() -> None:
    text = message_pb2.Part(text=message_pb2.TextPart(text="x" * 900_000))
    request = ask("tokens=1")
    request.messages[0].parts.extend([text, text, text])
    async with worker_served(ScriptedRunner(), WorkerOptions(read_max_bytes=2_000_000)) as address:
        for limit in (64_000_000, 2_000_000):
            runner = WorkerRunner(BackendOptions(name="far", addresses=(address,), max_message_length=limit))
            error = await refused(runner, request)
            assert error.reason == "PROMPT_TOO_LONG"
            assert "grpc_max_message_length" in error.message
            await runner.aclose()
        runner = WorkerRunner(BackendOptions(name="far", addresses=(address,), max_message_length=3000))
        with pytest.raises(FiresideError) as caught:
            await runner.embed("embed=1000", ["a", "b", "c"])
        assert caught.value.reason == "RUNNER_FAILED"
        await runner.aclose()


@pytest.mark.parametrize("header", ["Origin", "Sec-Fetch-Site"])
async def test_web_pages_are_refused(header: str) -> None:
    async with worker_served(ScriptedRunner()) as address, aiohttp.ClientSession() as browser:
        url = f"http://{address}/fireside.worker.v1.WorkerService/Info"
        async with browser.post(url, json={}, headers={header: "same-origin"}) as response:
            assert response.status == 403
        async with browser.post(url, json={}) as response:
            assert response.status == 200
