"""Secrets of runners, and runners that the file and the environment set up, as a whole server has them."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from fireside.gen.v1 import runner_pb2
from fireside.gen.v1 import runner_service_pb2 as pb
from tests.callers import Caller, caller
from tests.hostile_server import hostile_server, response
from tests.ollama_server import OllamaServer, ollama_server
from tests.runner_calls import (
    ANOTHER_KEY,
    DOWN,
    MODEL,
    NOWHERE,
    OK,
    OPENAI,
    SECRET,
    answer_of,
    create,
    listed,
    refused,
    spec,
)
from tests.served import Served, serve


@pytest.fixture
async def ollama() -> AsyncIterator[OllamaServer]:
    async with ollama_server() as server:
        yield server


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    async with serve(tmp_path) as server:
        yield server


@pytest.fixture
async def client(served: Served) -> AsyncIterator[Caller]:
    async with caller("grpcio", served.url) as it:
        yield it


def holding(text: str, folder: Path) -> list[Path]:
    """The files below `folder` that hold a text."""
    return [path for path in folder.rglob("*") if path.is_file() and text.encode() in path.read_bytes()]


async def test_a_kept_secret_goes_nowhere_new(client: Caller) -> None:
    async with hostile_server() as old, hostile_server() as new:
        for server in (old, new):
            server.reply("/v1/models", [response(body=b'{"data": [{"id": "a"}]}')])
        await create(client, spec("router", old.url + "/v1", OPENAI), SECRET)
        assert [asked.headers["authorization"] for asked in old.asked] == [f"Bearer {SECRET}"]
        moved = spec("router", new.url + "/v1", OPENAI)
        for call in (
            client.unary("UpdateRunner", pb.UpdateRunnerRequest(spec=moved)),
            client.unary("TestRunner", pb.TestRunnerRequest(spec=moved)),
        ):
            assert await refused(call) == ("INVALID_ARGUMENT", "SECRET_REQUIRED", ["secret"])
        assert not new.asked
        same = spec("router", old.url + "/v1/", OPENAI, display_name="Router")
        tried = await client.unary("TestRunner", pb.TestRunnerRequest(spec=same))
        assert tried.status.health == OK
        assert old.asked[-1].headers["authorization"] == f"Bearer {SECRET}"
        kept = (await client.unary("UpdateRunner", pb.UpdateRunnerRequest(spec=same))).runner
        assert kept.has_secret
        cleared = (await client.unary("UpdateRunner", pb.UpdateRunnerRequest(spec=moved, secret=""))).runner
        assert not cleared.has_secret
        assert all("authorization" not in asked.headers for asked in new.asked)


async def test_a_secret_never_leaves_and_is_not_readable_at_rest(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    async with serve(tmp_path) as served, caller("connect-json-h1", served.url) as client:
        answers = [
            await create(client, spec("router", NOWHERE + "/v1", OPENAI), SECRET),
            *await listed(client),
            await client.unary("GetRunner", pb.GetRunnerRequest(name="router")),
            await client.unary("TestRunner", pb.TestRunnerRequest(spec=spec("router", NOWHERE + "/v1", OPENAI))),
            await client.unary("UpdateRunner", pb.UpdateRunnerRequest(spec=spec("router", NOWHERE + "/v1", OPENAI))),
        ]
        assert answers[0].has_secret
        assert SECRET not in repr(answers)
        assert SECRET not in repr(vars(served.app.asgi.services.registry))
    assert SECRET not in caplog.text
    assert not holding(SECRET, tmp_path)
    assert holding("router", tmp_path)


async def test_a_secret_that_cannot_be_read_is_the_runners_problem(tmp_path: Path) -> None:
    async with serve(tmp_path) as served, caller("grpcio", served.url) as client:
        await create(client, spec("router", NOWHERE, OPENAI), SECRET)
    text = "The API key of runner router cannot be read with this server's secret key: enter it again."
    async with serve(tmp_path, secret_key=ANOTHER_KEY) as served, caller("grpcio", served.url) as client:
        (router,) = [runner for runner in await listed(client) if runner.spec.name == "router"]
        assert (router.status.health, router.status.message, router.has_secret) == (DOWN, text, True)
        update = pb.UpdateRunnerRequest(spec=spec("router", NOWHERE, OPENAI), secret=SECRET)
        mended = (await client.unary("UpdateRunner", update)).runner
        assert mended.status.message != text
    connection = sqlite3.connect(tmp_path / "fireside.db")
    connection.execute("UPDATE runners SET secret = x'00'")
    connection.commit()
    connection.close()
    async with serve(tmp_path, secret_key=ANOTHER_KEY) as served, caller("grpcio", served.url) as client:
        assert text in [runner.status.message for runner in await listed(client)]


async def test_runners_of_the_file_and_the_environment_are_there_and_are_changed_there(
    tmp_path: Path, ollama: OllamaServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    toml = (
        f'[[runners]]\nname = "shed"\nkind = "ollama"\naddress = "{ollama.url}"\napi_key = "{SECRET}"\n'
        f'[model_aliases]\nfast = "{MODEL}"\n'
    )
    monkeypatch.setenv("OLLAMA_BASE_URL", ollama.url + "/")
    async with serve(tmp_path, toml) as served, caller("grpcio", served.url) as client:
        shed, env, _ = await listed(client)
        assert (shed.spec.name, shed.source, shed.has_secret) == ("shed", runner_pb2.RUNNER_SOURCE_FILE, True)
        assert (env.spec.name, env.source) == ("ollama", runner_pb2.RUNNER_SOURCE_ENVIRONMENT)
        assert (shed.status.health, env.status.health) == (OK, OK)
        assert await answer_of(client, "fast")
        for name in ("shed", "ollama", "scripted"):
            gone = client.unary("DeleteRunner", pb.DeleteRunnerRequest(name=name))
            assert await refused(gone) == ("FAILED_PRECONDITION", "RUNNER_NOT_EDITABLE", [])
        changed = client.unary("UpdateRunner", pb.UpdateRunnerRequest(spec=spec("shed", ollama.url)))
        assert await refused(changed) == ("FAILED_PRECONDITION", "RUNNER_NOT_EDITABLE", [])
        alias = runner_pb2.ModelAlias(alias="fast", targets=["a/b"])
        fixed = client.unary("SetModelAlias", pb.SetModelAliasRequest(alias=alias))
        assert await refused(fixed) == ("FAILED_PRECONDITION", "ALIAS_NOT_EDITABLE", [])
        moved = client.unary("TestRunner", pb.TestRunnerRequest(spec=spec("shed", NOWHERE)))
        assert await refused(moved) == ("INVALID_ARGUMENT", "SECRET_REQUIRED", ["secret"])


async def test_a_runner_whose_name_the_file_takes_is_told_of_and_comes_back(
    tmp_path: Path, ollama: OllamaServer
) -> None:
    async with serve(tmp_path) as served, caller("grpcio", served.url) as client:
        await create(client, spec("shed", NOWHERE))
    toml = f'[[runners]]\nname = "shed"\nkind = "ollama"\naddress = "{ollama.url}"\n'
    async with serve(tmp_path, toml) as served, caller("grpcio", served.url) as client:
        shed = (await listed(client))[0]
        assert (shed.source, shed.status.health) == (runner_pb2.RUNNER_SOURCE_FILE, runner_pb2.RUNNER_HEALTH_DEGRADED)
        assert "another runner named shed, which is not used" in shed.status.message
        assert await answer_of(client, MODEL)
    async with serve(tmp_path) as served, caller("grpcio", served.url) as client:
        assert [runner.spec.addresses[:] for runner in await listed(client)] == [[], [NOWHERE]]
