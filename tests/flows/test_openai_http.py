"""What clients of /v1/ should not send, byte for byte, and who may not call at all."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.served import Served, serve
from tests.server_process import server_process

CHAT = "/v1/chat/completions"
GOOD: dict[str, Any] = {"model": "scripted/tokens=2", "messages": [{"role": "user", "content": "hello"}]}


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    async with serve(tmp_path) as server:
        yield server


@pytest.fixture
async def session(served: Served) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(served.url) as opened:
        yield opened


async def error_of(response: aiohttp.ClientResponse) -> dict[str, Any]:
    assert response.content_type == "application/json"
    error = (await response.json())["error"]
    assert set(error) == {"message", "type", "param", "code"}
    return error


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'"text"',
        b"null",
        b"\xff\xfe",
        b'{"model":"scripted/echo"',
        b'{"a":"\\ud800"}',
        b"[" * 100_000,
    ],
)
async def test_a_body_that_is_not_the_json_of_this_call(session: aiohttp.ClientSession, body: bytes) -> None:
    for path in (CHAT, "/v1/embeddings"):
        async with session.post(path, data=body) as response:
            assert response.status == 400
            assert (await error_of(response))["type"] == "invalid_request_error"


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"model": None}, "model"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content"),
        ({"messages": [{"role": "king", "content": "hello"}]}, "messages[0].role"),
        ({"messages": [{"content": "hello"}]}, "messages[0].role"),
        ({"messages": [{"role": "tool", "content": "hello"}]}, "messages[0].tool_call_id"),
        ({"messages": [{"role": "user", "content": [{"type": "audio"}]}]}, "messages[0].content[0].type"),
        (
            {
                "messages": [
                    {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://a/b.png"}}]}
                ]
            },
            "messages[0].content[0].image_url",
        ),
        ({"temperature": 2.5}, "temperature"),
        ({"temperature": "warm"}, "temperature"),
        ({"top_p": 0}, "top_p"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_completion_tokens": 2_000_000}, "max_completion_tokens"),
        ({"seed": 1.5}, "seed"),
        ({"stop": ["a"] * 9}, "stop"),
        ({"stop": [""]}, "stop[0]"),
        ({"n": 2}, "n"),
        ({"logprobs": True}, "logprobs"),
        ({"response_format": {"type": "json_object"}}, "response_format"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"tools": [{"type": "function", "function": {"name": "not a name"}}]}, "tools[0].function.name"),
        ({"tools": [{"type": "retrieval", "function": {"name": "a"}}]}, "tools[0].type"),
    ],
)
async def test_a_wrong_field_is_named(session: aiohttp.ClientSession, change: dict[str, Any], param: str) -> None:
    body = {name: value for name, value in {**GOOD, **change}.items() if value is not None}
    async with session.post(CHAT, json=body) as response:
        assert response.status == 400
        error = await error_of(response)
        assert (error["param"], error["code"]) == (param, "invalid_request")
        assert param in error["message"]


async def test_keys_that_are_not_known_are_ignored(session: aiohttp.ClientSession) -> None:
    more = {"user": "me", "logit_bias": {}, "frequency_penalty": 0, "service_tier": "auto", "made_up": [1, {"a": None}]}
    nothing = dict.fromkeys(
        ("temperature", "top_p", "stop", "tools", "stream", "stream_options", "tool_choice", "seed")
    )
    async with session.post(CHAT, json={**GOOD, **more, **nothing}) as response:
        assert response.status == 200
        assert len((await response.json())["choices"][0]["message"]["content"].split()) == 2


@pytest.mark.parametrize("announced", [True, False])
async def test_a_body_that_is_too_large(session: aiohttp.ClientSession, announced: bool) -> None:
    body = json.dumps({**GOOD, "made_up": "x" * 13_000_000}).encode()

    async def pieces() -> AsyncIterator[bytes]:
        for at in range(0, len(body), 65_536):
            yield body[at : at + 65_536]

    async with session.post(CHAT, data=io.BytesIO(body) if announced else pieces()) as response:
        assert response.status == 413
        assert (await error_of(response))["code"] == "request_too_large"


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/v1/nothing", 404, "unknown_url"),
        ("POST", "/v1/completions", 404, "unknown_url"),
        ("GET", CHAT, 405, "method_not_allowed"),
        ("DELETE", "/v1/models/scripted/echo", 405, "method_not_allowed"),
        ("GET", "/v1/models/scripted/not%20a%20script", 404, "model_not_found"),
    ],
)
async def test_calls_that_are_not_there(
    session: aiohttp.ClientSession, method: str, path: str, status: int, code: str
) -> None:
    async with session.request(method, path) as response:
        assert response.status == status
        assert (await error_of(response))["code"] == code


async def test_the_head_of_the_models(session: aiohttp.ClientSession) -> None:
    async with session.head("/v1/models") as response:
        assert response.status == 200
        assert await response.read() == b""


@pytest.mark.parametrize("path", ["/v1/models/scripted/echo", "/v1/models/scripted%2Fecho"])
async def test_a_models_id_has_a_slash(session: aiohttp.ClientSession, path: str) -> None:
    async with session.get(path) as response:
        assert (await response.json())["id"] == "scripted/echo"


async def test_a_stream_as_bytes(session: aiohttp.ClientSession) -> None:
    async with session.post(CHAT, json={**GOOD, "stream": True}) as response:
        assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
        text = await response.text()
    events = text.split("\n\n")
    assert events[-2:] == ["data: [DONE]", ""]
    chunks = [json.loads(event.removeprefix("data: ")) for event in events[:-2]]
    assert {"id", "object", "created", "model", "choices"} == set(chunks[0])
    assert response.headers["x-request-id"] == chunks[0]["id"]


async def test_while_nothing_comes_there_are_comments(session: aiohttp.ClientSession) -> None:
    async with session.post(CHAT, json={**GOOD, "model": "scripted/first=60s", "stream": True}) as response:
        assert response.status == 200
        assert await response.content.readline() == b": still here\n"


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1"])
@pytest.mark.parametrize(
    ("method", "path"), [("POST", CHAT), ("POST", "/v1/embeddings"), ("GET", "/v1/models"), ("OPTIONS", CHAT)]
)
async def test_pages_of_other_sites_are_refused(
    session: aiohttp.ClientSession, method: str, path: str, origin: str
) -> None:
    async with session.request(method, path, json=GOOD, headers={"origin": origin}) as response:
        assert response.status == 403
        assert "access-control-allow-origin" not in response.headers


async def test_a_name_that_was_rebound_is_refused(session: aiohttp.ClientSession) -> None:
    async with session.post(CHAT, json=GOOD, headers={"host": "evil.example"}) as response:
        assert response.status == 403


def test_an_api_key_is_taken_and_never_logged(tmp_path: Path) -> None:
    async def call(url: str) -> int:
        async with aiohttp.ClientSession(headers={"authorization": "Bearer sk-secret-1234"}) as session:
            statuses: list[int] = []
            for model in ("scripted/echo", "scripted/crash=start", "nobody/none"):
                async with session.post(url + CHAT, json={**GOOD, "model": model}) as response:
                    statuses.append(response.status)
            return statuses[0]

    with server_process(tmp_path) as server:
        assert asyncio.run(call(server.url)) == 200
        _, out, err = server.end()
    assert "sk-secret" not in out + err
    assert "crash" not in out
