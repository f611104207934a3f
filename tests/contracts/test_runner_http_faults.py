"""What the adapters over HTTP do when a backend misbehaves: silence, garbage, refusals, a broken connection."""

from __future__ import annotations

import asyncio
import json
import socket
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from fireside.core.errors import FiresideError, ResourceExhaustedError
from fireside.gen.v1 import generation_pb2, message_pb2, model_pb2
from fireside.runners.base import BackendOptions, Delta, Finished, GenerateRequest, Progress, Runner, Text
from fireside.runners.ollama.runner import OllamaRunner
from fireside.runners.openai.runner import OpenAIRunner
from tests.hostile_server import CLOSE, HANG, RESET, HostileServer, Step, chunk, chunked, hostile_server, response

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

PATIENCE = 30


@dataclass(frozen=True, slots=True)
class Dialect:
    """A protocol, as its server speaks it."""

    name: str
    make: Callable[[BackendOptions], Runner]
    chat: str
    listing: str
    embedding: str
    kind: str
    listed: bytes

    def text(self, text: str) -> bytes:
        """A piece of the answer."""
        if self.name == "openai":
            return b"data: " + dumps({"choices": [{"delta": {"content": text}}]}) + b"\n\n"
        return dumps({"message": {"role": "assistant", "content": text}, "done": False}) + b"\n"

    def end(self) -> bytes:
        """The end of the answer."""
        if self.name == "openai":
            return b'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
        return b'{"message":{"role":"assistant","content":""},"done":true,"done_reason":"stop"}\n'

    def error(self, message: str) -> bytes:
        """The body of a refusal."""
        return dumps({"error": {"message": message}} if self.name == "openai" else {"error": message})

    def answer(self, *texts: str) -> list[Step]:
        """A whole answer, each text in a chunk of its own."""
        return [chunked(self.kind), *(chunk(self.text(text)) for text in texts), chunk(self.end()), chunk(b"")]


def dumps(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


DIALECTS = [
    Dialect(
        "openai",
        OpenAIRunner,
        "/v1/chat/completions",
        "/v1/models",
        "/v1/embeddings",
        "text/event-stream",
        b'{"data":[{"id":"m"}]}',
    ),
    Dialect(
        "ollama",
        OllamaRunner,
        "/api/chat",
        "/api/tags",
        "/api/embed",
        "application/x-ndjson",
        b'{"models":[{"name":"m:latest","digest":"d"}]}',
    ),
]


@dataclass(frozen=True, slots=True)
class Meeting:
    """An adapter and the server that it meets."""

    dialect: Dialect
    server: HostileServer
    runner: Runner

    def chat(self, *replies: list[Step]) -> None:
        self.server.reply(self.dialect.chat, *replies)

    async def answer(self) -> list[Delta]:
        deltas: list[Delta] = []
        await gather(self.runner, deltas)
        return deltas

    async def failure(self) -> FiresideError:
        """The error of an answer."""
        with pytest.raises(FiresideError) as caught:
            await self.answer()
        return caught.value


@asynccontextmanager
async def meeting(dialect: Dialect, url: str = "", **more: object) -> AsyncGenerator[Meeting]:
    async with hostile_server() as server:
        options = BackendOptions(name="lab", addresses=(url or server.url,), **more)
        runner = dialect.make(options)
        yield Meeting(dialect, server, runner)
        await runner.aclose()


@pytest.fixture(params=DIALECTS, ids=lambda dialect: dialect.name)
def dialect(request: pytest.FixtureRequest) -> Dialect:
    return request.param


@pytest.fixture
async def met(dialect: Dialect) -> AsyncGenerator[Meeting]:
    async with meeting(dialect) as met:
        yield met


def ask() -> GenerateRequest:
    part = message_pb2.Part(text=message_pb2.TextPart(text="Hi"))
    message = message_pb2.Message(role=message_pb2.ROLE_USER, parts=[part])
    return GenerateRequest("m", (message,), generation_pb2.SamplingOptions())


async def gather(runner: Runner, into: list[Delta]) -> None:
    async with asyncio.timeout(PATIENCE), aclosing(runner.generate(ask())) as deltas:
        async for delta in deltas:
            into += [delta]


def text_of(deltas: list[Delta]) -> str:
    return "".join(delta.text for delta in deltas if isinstance(delta, Text))


async def test_text_comes_as_it_arrives_however_it_is_cut(met: Meeting) -> None:
    whole = met.dialect.text("你") + met.dialect.text("好") + met.dialect.end()
    steps: list[Step] = [chunked(met.dialect.kind)]
    gates = [asyncio.Event() for _ in whole]
    for byte, gate in zip(whole, gates, strict=True):
        steps += [chunk(bytes([byte])), gate]
    met.chat([*steps, chunk(b"")])
    for gate in gates[: len(met.dialect.text("你"))]:
        gate.set()
    seen: list[Delta] = []
    async with asyncio.timeout(PATIENCE), aclosing(met.runner.generate(ask())) as deltas:
        async for delta in deltas:
            seen.append(delta)
            if text_of(seen) == "你":
                # The rest has not been sent yet.
                for gate in gates:
                    gate.set()
    assert text_of(seen) == "你好"
    assert isinstance(seen[-1], Finished)


async def test_what_arrives_at_once_is_one_delta(met: Meeting) -> None:
    everything = b"".join(met.dialect.text(f"{n} ") for n in range(100)) + met.dialect.end()
    met.chat([response(kind=met.dialect.kind, body=everything)])
    assert [type(delta) for delta in await met.answer()] == [Progress, Text, Finished]


@pytest.mark.parametrize("sent", ["nothing", "the head", "a text"])
async def test_cancelling_closes_the_connection(met: Meeting, sent: str) -> None:
    steps: dict[str, list[Step]] = {
        "nothing": [],
        "the head": [chunked(met.dialect.kind)],
        "a text": [chunked(met.dialect.kind), chunk(met.dialect.text("a"))],
    }
    met.chat([*steps[sent], HANG])
    task = asyncio.create_task(met.answer())
    asked = await met.server.wait_for(met.dialect.chat)
    task.cancel()
    async with asyncio.timeout(PATIENCE):
        with pytest.raises(asyncio.CancelledError):
            await task
        await asked.gone.wait()


async def test_closing_in_mid_answer_closes_the_connection(met: Meeting) -> None:
    met.chat([chunked(met.dialect.kind), chunk(met.dialect.text("a")), HANG])
    async with asyncio.timeout(PATIENCE):
        async with aclosing(met.runner.generate(ask())) as deltas:
            async for delta in deltas:
                if isinstance(delta, Text):
                    break
        await (await met.server.wait_for(met.dialect.chat)).gone.wait()


@pytest.mark.parametrize("end", [RESET, CLOSE])
@pytest.mark.parametrize("chunks", [True, False])
async def test_a_connection_that_breaks_in_mid_answer(met: Meeting, end: Step, chunks: bool) -> None:
    text = met.dialect.text("so far")
    got = asyncio.Event()
    met.chat(
        [chunked(met.dialect.kind), chunk(text), got, end]
        if chunks
        else [response(kind=met.dialect.kind), text, got, end]
    )
    seen: list[Delta] = []

    async def consume() -> None:
        async with aclosing(met.runner.generate(ask())) as deltas:
            async for delta in deltas:
                seen.append(delta)
                if isinstance(delta, Text):
                    got.set()

    async with asyncio.timeout(PATIENCE):
        with pytest.raises(FiresideError) as caught:
            await consume()
    assert caught.value.reason == "RUNNER_DIED"
    assert text_of(seen) == "so far"


@pytest.mark.parametrize("end", [RESET, CLOSE])
async def test_a_connection_that_breaks_before_the_answer(met: Meeting, end: Step) -> None:
    met.chat([end])
    assert (await met.failure()).reason == "RUNNER_DIED"


@pytest.mark.parametrize(
    "steps",
    [
        [b"220 mail.example.org ESMTP\r\n", CLOSE],
        [response(kind="text/html", body=b"<html>Welcome!</html>")],
        [response(kind="text/event-stream", body=b"data: {not json\n\n{not json\n")],
        [response(kind="text/event-stream", body=b"\x00\xff\xfe\n")],
        [response(kind="text/event-stream", body=b"")],
        [response(kind="application/json", body=b'{"error":"no"}\n')],
    ],
)
async def test_garbage_is_called_a_failure(met: Meeting, steps: list[Step]) -> None:
    met.chat(steps)
    assert (await met.failure()).reason == "RUNNER_FAILED"


@pytest.mark.parametrize(
    ("status", "message", "reason"),
    [
        ("400 Bad Request", "top_k is wrong", "RUNNER_REFUSED"),
        ("400 Bad Request", "input exceeds the available context size", "PROMPT_TOO_LONG"),
        ("401 Unauthorized", "no key", "RUNNER_UNAUTHORIZED"),
        ("403 Forbidden", "no key", "RUNNER_UNAUTHORIZED"),
        ("404 Not Found", "model 'm' not found", "MODEL_NOT_FOUND"),
        ("404 Not Found", "404 page not found", "RUNNER_FAILED"),
        ("413 Payload Too Large", "", "PROMPT_TOO_LONG"),
        ("429 Too Many Requests", "slow down", "RUNNER_RATE_LIMITED"),
        ("500 Internal Server Error", "CUDA error", "RUNNER_FAILED"),
        ("503 Service Unavailable", "loading", "RUNNER_FAILED"),
        ("308 Permanent Redirect", "", "RUNNER_FAILED"),
    ],
)
async def test_refusals(met: Meeting, status: str, message: str, reason: str) -> None:
    met.chat([response(status, body=met.dialect.error(message))])
    assert (await met.failure()).reason == reason


async def test_a_rate_limit_says_when_to_come_back(met: Meeting) -> None:
    met.chat([response("429 Too Many Requests", body=b"{}", Retry_After="17")])
    error = await met.failure()
    assert isinstance(error, ResourceExhaustedError)
    assert error.retry_after == 17


async def test_the_key_is_sent_and_never_told(dialect: Dialect) -> None:
    async with meeting(dialect, secret="key-of-mine") as met:
        met.chat([response("401 Unauthorized", body=dialect.error("the key key-of-mine is unknown"))])
        error = await met.failure()
        assert met.server.asked[-1].headers["authorization"] == "Bearer key-of-mine"
        assert "key-of-mine" not in error.message
        assert "API key" in error.message
        assert "key-of-mine" not in repr(BackendOptions(name="a", addresses=(), secret="key-of-mine"))


async def test_nobody_listens(dialect: Dialect) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    async with meeting(dialect, url) as met:
        error = await met.failure()
        assert error.reason == "RUNNER_UNAVAILABLE"
        assert url.removeprefix("http://") in error.message


async def test_a_connection_that_does_not_come_about(dialect: Dialect) -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        # Nobody accepts: once the queue is full the system answers no further attempt.
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        url = f"http://127.0.0.1:{full.getsockname()[1]}"
        async with meeting(dialect, url, connect_timeout=0.2) as met:
            assert (await met.failure()).reason == "RUNNER_CONNECT_TIMEOUT"
            assert "0.2 s" in (await met.runner.info()).problem
        for one in waiting:
            one.close()


async def test_answers_share_a_warm_connection(met: Meeting) -> None:
    met.chat(met.dialect.answer("a"))
    for _ in range(3):
        assert text_of(await met.answer()) == "a"
    assert {asked.connection for asked in met.server.asked} == {1}


async def test_a_warm_connection_that_the_server_has_closed_costs_no_answer(met: Meeting) -> None:
    met.chat(met.dialect.answer("a"), [CLOSE], met.dialect.answer("b"))
    assert text_of(await met.answer()) == "a"
    assert text_of(await met.answer()) == "b"


async def test_info_says_what_is_wrong_and_what_there_was(met: Meeting) -> None:
    met.server.reply(met.dialect.listing, [response(body=met.dialect.listed)])
    before = await met.runner.info()
    assert [model.state for model in before.models] == [model_pb2.MODEL_STATE_READY]
    assert before.problem == before.hint == ""
    for status, word in (("401 Unauthorized", "API key"), ("500 Internal Server Error", "failed"), ("200 OK", "read")):
        met.server.reply(met.dialect.listing, [response(status, body=b"<html>")])
        info = await met.runner.info()
        assert word in info.problem
        assert [model.id for model in info.models] == [model.id for model in before.models]
        assert {model.state for model in info.models} == {model_pb2.MODEL_STATE_UNAVAILABLE}
        assert info.models[0].state_message == info.problem == info.hint


async def test_info_of_a_server_without_models_says_what_to_do(met: Meeting) -> None:
    met.server.reply(met.dialect.listing, [response(body=b'{"data":[],"models":[]}')])
    info = await met.runner.info()
    assert (info.models, info.problem) == ((), "")
    assert "no models" in info.hint


async def test_models_that_are_not_offered_are_not_found(dialect: Dialect) -> None:
    async with meeting(dialect, models=("other",)) as met:
        assert (await met.failure()).reason == "MODEL_NOT_FOUND"
        assert met.server.asked == []


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        ("200 OK", b'{"data":[],"embeddings":[]}', "RUNNER_FAILED"),
        ("200 OK", b"[]", "RUNNER_FAILED"),
        ("400 Bad Request", b'{"error":"\\"m\\" does not support embeddings"}', "NOT_AN_EMBEDDING_MODEL"),
        ("404 Not Found", b'{"error":"model \\"m\\" not found"}', "MODEL_NOT_FOUND"),
        ("401 Unauthorized", b"", "RUNNER_UNAUTHORIZED"),
    ],
)
async def test_vectors_that_do_not_come(met: Meeting, status: str, body: bytes, reason: str) -> None:
    met.server.reply(met.dialect.embedding, [response(status, body=body)])
    with pytest.raises(FiresideError) as caught:
        await met.runner.embed("m", ["a"])
    assert caught.value.reason == reason
