"""The port as strangers use it: grpcurl and buf curl with no proto files, browsers, and curl-like clients."""

from __future__ import annotations

import asyncio
import gzip
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from fireside.gen.v1 import chat_service_pb2 as chat
from fireside.gen.v1 import conversation_service_pb2 as conversations
from tests.callers import METHODS, caller
from tests.rig import new_uuid, send
from tests.served import Served, serve

BIN = Path(sys.executable).parent
SERVICES = {
    *{method.containing_service.full_name for method in METHODS.values()},
    "grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection",
}  # fmt: skip


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    async with serve(tmp_path) as server:
        yield server


async def run(tool: str, *arguments: str) -> tuple[int, str]:
    """Runs a tool from the virtual environment; its exit code and all that it printed."""
    child = await asyncio.create_subprocess_exec(
        BIN / tool, *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    async with asyncio.timeout(30):
        output, _ = await child.communicate()
    return child.returncode or 0, output.decode()


async def grpcurl(served: Served, *arguments: str) -> tuple[int, str]:
    """Runs grpcurl, which asks the reflection service v1alpha."""
    head, tail = (arguments[:-1], arguments[-1:]) if arguments[-1] != "list" else ((), arguments)
    return await run("grpcurl", "-plaintext", *head, served.address, *tail)


async def buf_curl(served: Served, *arguments: str) -> tuple[int, str]:
    """Runs buf curl, which asks the reflection service v1."""
    return await run("buf", "curl", "--http2-prior-knowledge", "--protocol", "grpc", *arguments)


async def test_grpcurl_lists_describes_and_calls(served: Served) -> None:
    code, output = await grpcurl(served, "list")
    assert (code, set(output.split())) == (0, SERVICES)
    code, output = await run("grpcurl", "-plaintext", served.address, "describe", "fireside.v1.GenerationSpec")
    assert code == 0
    assert "generation_id" in output
    code, output = await grpcurl(served, "-d", "{}", "fireside.v1.ModelService/ListModels")
    assert code == 0
    assert json.loads(output)["models"]
    code, output = await grpcurl(served, "grpc.health.v1.Health/Check")
    assert json.loads(output) == {"status": "SERVING"}


async def test_buf_curl_lists_and_streams(served: Served) -> None:
    code, output = await buf_curl(served, "--list-services", served.url)
    assert (code, set(output.split())) == (0, SERVICES)
    spec = send("tokens=3")
    request = (
        f'{{"spec": {{"generationId": "{spec.generation_id}", "conversationId": "{spec.conversation_id}", '
        f'"model": "scripted/tokens=3", "send": {{"messageId": "{new_uuid()}", "parts": [{{"text": {{"text": "x"}}}}]}}}}}}'
    )
    code, output = await buf_curl(served, "-d", request, f"{served.url}/fireside.v1.ChatService/Generate")
    assert code == 0
    assert "FINISH_REASON_COMPLETE" in output
    wrong = f"{served.url}/fireside.v1.ChatService/GetGeneration"
    code, output = await buf_curl(served, "-d", '{"generation_id": "x"}', wrong)
    assert code != 0
    assert json.loads(output)["code"] == "invalid_argument"


async def test_health_knows_its_services_and_the_end(served: Served) -> None:
    code, output = await grpcurl(served, "-d", '{"service": "fireside.v1.ChatService"}', "grpc.health.v1.Health/Check")
    assert json.loads(output) == {"status": "SERVING"}
    code, output = await grpcurl(served, "-d", '{"service": "nobody"}', "grpc.health.v1.Health/Check")
    assert code != 0
    assert "NotFound" in output
    code, output = await grpcurl(served, "grpc.health.v1.Health/List")
    assert set(json.loads(output)["statuses"]) >= {"", "fireside.v1.ChatService"}
    watching = await asyncio.create_subprocess_exec(
        BIN / "grpcurl", "-plaintext", served.address, "grpc.health.v1.Health/Watch",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    if watching.stdout is None:
        pytest.fail("grpcurl has no output")
    async with asyncio.timeout(20):
        assert b'"SERVING"' in await watching.stdout.readuntil(b"}\n")
        await served.app.drain(0.1)
        rest, errors = await watching.communicate()
    assert b'"NOT_SERVING"' in rest
    assert b"Unavailable" in errors


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(auto_decompress=False) as session:
        yield session


LIST = "/fireside.v1.ConversationService/ListConversations"
JSON = {"content-type": "application/json"}


async def test_a_page_of_another_site_is_refused(served: Served, http: aiohttp.ClientSession) -> None:
    for headers, status in (
        ({}, 200),
        ({"origin": served.url}, 200),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"host": "evil.example"}, 403),
        ({"host": f"localhost:{served.address.rpartition(':')[2]}"}, 200),
    ):
        async with http.post(served.url + LIST, data=b"{}", headers=JSON | headers) as answer:
            assert (answer.status, headers) == (status, headers)
            assert "access-control-allow-origin" not in answer.headers
    async with http.options(served.url + LIST, headers={"origin": "http://evil.example"}) as answer:
        assert answer.status == 403


async def test_a_call_without_side_effects_is_a_get_too(served: Served, http: aiohttp.ClientSession) -> None:
    query = {"connect": "v1", "encoding": "json", "message": "{}"}
    async with http.get(served.url + LIST, params=query, headers={"accept-encoding": "identity"}) as answer:
        assert (answer.status, await answer.read()) == (200, b"{}")


async def test_unary_answers_are_compressed_for_who_wants_it_and_streams_never(
    served: Served, http: aiohttp.ClientSession
) -> None:
    async with caller("connect-h1", served.url) as client:
        spec = send("tokens=300")
        await client.unary("StartGeneration", chat.StartGenerationRequest(spec=spec))
        watch = chat.WatchGenerationRequest(generation_id=spec.generation_id).SerializeToString()
    async with http.post(
        served.url + LIST,
        data=gzip.compress(b"{}"),
        headers=JSON | {"accept-encoding": "gzip", "content-encoding": "gzip"},
    ) as answer:
        assert answer.headers["content-encoding"] == "gzip"
        assert json.loads(gzip.decompress(await answer.read()))["conversations"]
    headers = {
        "content-type": "application/connect+proto",
        "connect-accept-encoding": "gzip",
        "accept-encoding": "gzip",
    }
    envelope = b"\0" + len(watch).to_bytes(4, "big") + watch
    async with http.post(
        f"{served.url}/fireside.v1.ChatService/WatchGeneration", data=envelope, headers=headers
    ) as answer:
        assert answer.headers.get("connect-content-encoding", "identity") == "identity"
        assert "content-encoding" not in answer.headers
        assert (await answer.read())[0] == 0


async def test_a_client_cannot_pass_for_another_http_version(served: Served, http: aiohttp.ClientSession) -> None:
    async with caller("connect-h1", served.url) as client:
        spec = send("hang=start")
        await client.unary("StartGeneration", chat.StartGenerationRequest(spec=spec))
    watch = chat.WatchGenerationRequest(generation_id=spec.generation_id).SerializeToString()
    headers = {"content-type": "application/connect+proto", "fireside-http-version": "2", "x-odd": "h\xe9"}
    async with (
        asyncio.timeout(5),
        http.post(
            f"{served.url}/fireside.v1.ChatService/WatchGeneration",
            data=b"\0" + len(watch).to_bytes(4, "big") + watch,
            headers=headers,
        ) as answer,
    ):
        first = await answer.content.readany()
        assert await answer.content.readany() != first, "the heartbeat of HTTP/1.1 came"


async def test_what_is_not_there_is_unimplemented_or_not_found(served: Served, http: aiohttp.ClientSession) -> None:
    for path, headers, status in (
        ("/fireside.v1.ChatService/Nothing", JSON, 404),
        ("/fireside.v9.Nobody/Nothing", {"content-type": "application/grpc-web+proto"}, 404),
        (LIST, {"content-type": "text/plain"}, 415),
        ("/somewhere", {"content-type": "text/plain"}, 405),
    ):
        async with http.post(served.url + path, data=b"{}", headers=headers) as answer:
            assert (path, answer.status) == (path, status)
    async with caller("grpcio", served.url) as client:
        code, _ = await grpcurl(served, "grpc.health.v1.Health/Nothing")
        assert code != 0
        request = conversations.ListConversationsRequest()
        assert not (await client.unary("ListConversations", request)).conversations


async def test_the_web_app_or_what_to_do_about_it_is_at_the_root(served: Served, http: aiohttp.ClientSession) -> None:
    async with http.get(f"{served.url}/healthz") as answer:
        assert (answer.status, await answer.text()) == (200, "ok\n")
    async with http.get(f"{served.url}/", headers={"accept-encoding": "identity"}) as answer:
        assert answer.status in (200, 503)
        assert "Fireside" in await answer.text()
        assert answer.headers["x-content-type-options"] == "nosniff"
