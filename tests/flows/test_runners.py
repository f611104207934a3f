"""Runners managed while the server runs: added, tried, changed, ordered and removed through the port, with real backends."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo

from fireside.gen.v1 import chat_service_pb2 as chat
from fireside.gen.v1 import model_pb2, model_service_pb2, runner_pb2
from fireside.gen.v1 import runner_service_pb2 as pb
from tests.callers import Caller, CallError, caller
from tests.hostile_server import hostile_server, response
from tests.ollama_server import CHAT, LIBRARY, OllamaServer, ollama_server
from tests.rig import send
from tests.served import Served, serve

OLLAMA, OPENAI, WORKER = runner_pb2.RUNNER_KIND_OLLAMA, runner_pb2.RUNNER_KIND_OPENAI, runner_pb2.RUNNER_KIND_WORKER
OK, DOWN, DISABLED = runner_pb2.RUNNER_HEALTH_OK, runner_pb2.RUNNER_HEALTH_DOWN, runner_pb2.RUNNER_HEALTH_DISABLED
MODEL = f"shed/{CHAT}:latest"
SECRET = "sk-never-to-be-seen"
ANOTHER_KEY = "another key than that of the file"
# Nothing listens there, and nothing ever will: it is the discard service's port.
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture(autouse=True)
def _no_runners_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OLLAMA_BASE_URL", "OLLAMA_BASE_URLS", "OPENAI_API_BASE_URL", "OPENAI_API_BASE_URLS"):
        monkeypatch.delenv(name, raising=False)
    for name in ("OPENAI_API_KEY", "OPENAI_API_KEYS"):
        monkeypatch.delenv(name, raising=False)


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


def spec(name: str, address: str, kind: runner_pb2.RunnerKind = OLLAMA, **more: Any) -> runner_pb2.RunnerSpec:
    return runner_pb2.RunnerSpec(name=name, kind=kind, addresses=[address], **more)


async def create(client: Caller, wanted: runner_pb2.RunnerSpec, secret: str = "") -> runner_pb2.Runner:
    return (await client.unary("CreateRunner", pb.CreateRunnerRequest(spec=wanted, secret=secret))).runner


async def listed(client: Caller) -> list[runner_pb2.Runner]:
    return list((await client.unary("ListRunners", pb.ListRunnersRequest())).runners)


async def model_ids(client: Caller) -> list[str]:
    found = await client.unary("ListModels", model_service_pb2.ListModelsRequest())
    return [model.id for model in found.models]


async def refused(call: Any) -> tuple[str, str, list[str]]:
    """Code, reason and wrong fields of a call that fails."""
    with pytest.raises(CallError) as caught:
        await call
    error = caught.value
    assert SECRET not in repr(error)
    info = ErrorInfo.FromString(error.details["google.rpc.ErrorInfo"])
    bad = BadRequest.FromString(error.details.get("google.rpc.BadRequest", b""))
    return error.code, info.reason, [violation.field for violation in bad.field_violations]


def text_of(part: chat.GenerateResponse) -> str:
    """The text that events add."""
    assert not any(event.ended.HasField("error") for event in part.events), part
    return "".join(event.delta.text for event in part.events)


async def answer_of(client: Caller, model: str) -> str:
    """The text that a model answers."""
    request = chat.GenerateRequest(spec=send("x"))
    request.spec.model = model
    text = ""
    async with aclosing(client.stream("Generate", request)) as answers:
        async for part in answers:
            text += text_of(part)
    return text


def holding(text: str, folder: Path) -> list[Path]:
    """The files below `folder` that hold a text."""
    return [path for path in folder.rglob("*") if path.is_file() and text.encode() in path.read_bytes()]


async def test_a_runner_is_added_lists_its_models_and_answers(client: Caller, ollama: OllamaServer) -> None:
    made = await create(client, spec("shed", ollama.url + "/", display_name=" The shed "))
    assert (made.spec.addresses[0], made.spec.display_name, made.source) == (
        ollama.url, "The shed", runner_pb2.RUNNER_SOURCE_API,
    )  # fmt: skip
    assert (made.status.health, made.status.version, made.status.model_count) == (
        OK,
        "Ollama 0.13.5",
        len(ollama.models),
    )
    assert made.etag
    assert made.HasField("create_time")
    assert [runner.spec.name for runner in await listed(client)] == ["scripted", "shed"]
    found = await client.unary("GetRunner", pb.GetRunnerRequest(name="shed"))
    assert MODEL in [model.id for model in found.models]
    assert await answer_of(client, MODEL)
    assert ollama.bodies


async def test_a_runner_that_is_away_is_added_and_told(client: Caller) -> None:
    made = await create(client, spec("shed", NOWHERE))
    assert made.status.health == DOWN
    assert "127.0.0.1:9" in made.status.message


async def test_a_name_is_taken_once_and_those_of_the_server_never(client: Caller) -> None:
    await create(client, spec("shed", NOWHERE))
    assert await refused(create(client, spec("shed", NOWHERE))) == ("ALREADY_EXISTS", "RUNNER_EXISTS", [])
    for name in ("local", "scripted"):
        assert await refused(create(client, spec(name, NOWHERE))) == (
            "INVALID_ARGUMENT", "RUNNER_NAME_RESERVED", ["spec.name"],
        )  # fmt: skip


@pytest.mark.parametrize(
    ("wanted", "reason", "fields"),
    [
        (spec("Shed", NOWHERE), "INVALID_REQUEST", ["spec.name"]),
        (spec("shed", "localhost:11434"), "INVALID_ADDRESS", ["spec.addresses[0]"]),
        (spec("shed", f"http://me:{SECRET}@box"), "INVALID_ADDRESS", ["spec.addresses[0]"]),
        (spec("shed", "http://box", WORKER), "INVALID_ADDRESS", ["spec.addresses[0]"]),
        (spec("shed", NOWHERE, runner_pb2.RUNNER_KIND_BUILT_IN), "INVALID_REQUEST", ["spec.kind"]),
        (runner_pb2.RunnerSpec(name="shed", kind=OLLAMA, addresses=["http://a", "http://b"]), "INVALID_ADDRESS", ["spec.addresses[1]"]),
    ],
)  # fmt: skip
async def test_what_cannot_be_used_is_told_with_its_field(
    client: Caller, wanted: runner_pb2.RunnerSpec, reason: str, fields: list[str]
) -> None:
    for call in (
        create(client, wanted),
        client.unary("TestRunner", pb.TestRunnerRequest(spec=wanted)),
        client.unary("UpdateRunner", pb.UpdateRunnerRequest(spec=wanted)),
    ):
        assert await refused(call) == ("INVALID_ARGUMENT", reason, fields)
    secret = create(client, spec("shed", NOWHERE), f"{SECRET} and more")
    assert await refused(secret) == ("INVALID_ARGUMENT", "INVALID_SECRET", ["secret"])
    assert len(await listed(client)) == 1


async def test_a_change_holds_at_once_and_needs_the_etag(client: Caller, ollama: OllamaServer) -> None:
    made = await create(client, spec("shed", NOWHERE))
    update = pb.UpdateRunnerRequest(spec=spec("shed", ollama.url), etag=made.etag)
    changed = (await client.unary("UpdateRunner", update)).runner
    assert changed.status.health == OK
    assert changed.etag != made.etag
    assert await refused(client.unary("UpdateRunner", update)) == ("ABORTED", "STALE_ETAG", [])
    none = pb.UpdateRunnerRequest(spec=spec("none", ollama.url))
    assert await refused(client.unary("UpdateRunner", none)) == ("NOT_FOUND", "RUNNER_NOT_FOUND", [])


async def test_a_runner_that_is_switched_off_is_not_used(client: Caller, ollama: OllamaServer) -> None:
    await create(client, spec("shed", ollama.url))
    assert any(name.startswith("shed/") for name in await model_ids(client))
    off = (
        await client.unary("UpdateRunner", pb.UpdateRunnerRequest(spec=spec("shed", ollama.url, disabled=True)))
    ).runner
    assert off.status.health == DISABLED
    assert not any(name.startswith("shed/") for name in await model_ids(client))
    pull = client.unary("GetRunner", pb.GetRunnerRequest(name="shed"))
    assert not (await pull).models
    on = (await client.unary("UpdateRunner", pb.UpdateRunnerRequest(spec=spec("shed", ollama.url)))).runner
    assert on.status.health == OK


async def test_what_did_not_change_keeps_its_connections_and_its_health(
    served: Served, client: Caller, ollama: OllamaServer
) -> None:
    await create(client, spec("shed", ollama.url))
    catalog = served.app.asgi.services.catalog
    before = catalog.runner("shed")
    await create(client, spec("barn", NOWHERE))
    renamed = spec("shed", ollama.url, display_name="Another name", fallback=True)
    await client.unary("UpdateRunner", pb.UpdateRunnerRequest(spec=renamed))
    await client.unary("OrderRunners", pb.OrderRunnersRequest(names=["barn", "shed", "scripted"]))
    assert catalog.runner("shed") is before
    assert before.display_name == "Another name"
    assert before.options.fallback
    await client.unary("UpdateRunner", pb.UpdateRunnerRequest(spec=spec("shed", ollama.url, models=["a"])))
    assert catalog.runner("shed") is not before


async def test_an_answer_goes_on_with_the_runner_that_it_started_with(client: Caller, ollama: OllamaServer) -> None:
    ollama.models.append("tokens=30,pace=20ms")
    await create(client, spec("shed", ollama.url))
    request = chat.GenerateRequest(spec=send("x"))
    request.spec.model = "shed/tokens=30,pace=20ms:latest"
    removed, text = False, ""
    async with aclosing(client.stream("Generate", request)) as answers:
        async for part in answers:
            text += text_of(part)
            if text and not removed:
                removed = True
                await client.unary("DeleteRunner", pb.DeleteRunnerRequest(name="shed"))
    assert len(text.split()) == 30
    assert [runner.spec.name for runner in await listed(client)] == ["scripted"]
    assert await refused(client.unary("DeleteRunner", pb.DeleteRunnerRequest(name="shed"))) == (
        "NOT_FOUND", "RUNNER_NOT_FOUND", [],
    )  # fmt: skip


async def test_the_order_is_kept_and_covers_all_runners(tmp_path: Path, ollama: OllamaServer) -> None:
    async with serve(tmp_path) as served, caller("grpcio", served.url) as client:
        await create(client, spec("shed", ollama.url))
        await create(client, spec("barn", ollama.url))
        assert [runner.spec.name for runner in await listed(client)] == ["scripted", "shed", "barn"]
        wrong = client.unary("OrderRunners", pb.OrderRunnersRequest(names=["barn", "shed"]))
        assert await refused(wrong) == ("INVALID_ARGUMENT", "NOT_ALL_RUNNERS", ["names"])
        twice = client.unary("OrderRunners", pb.OrderRunnersRequest(names=["barn", "shed", "shed"]))
        assert (await refused(twice))[1] == "NOT_ALL_RUNNERS"
        await client.unary("OrderRunners", pb.OrderRunnersRequest(names=["barn", "scripted", "shed"]))
    async with serve(tmp_path) as served, caller("grpcio", served.url) as client:
        assert [runner.spec.name for runner in await listed(client)] == ["barn", "scripted", "shed"]
        assert (await model_ids(client))[0].startswith("barn/")


async def test_a_test_tells_what_it_finds_and_keeps_nothing(client: Caller, ollama: OllamaServer) -> None:
    good = await client.unary("TestRunner", pb.TestRunnerRequest(spec=spec("shed", ollama.url)))
    assert (good.status.health, len(good.models)) == (OK, len(ollama.models))
    bad = await client.unary("TestRunner", pb.TestRunnerRequest(spec=spec("shed", NOWHERE)))
    assert bad.status.health == DOWN
    assert bad.status.message
    assert len(await listed(client)) == 1


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


async def test_a_download_reports_its_progress_and_the_model_is_there(client: Caller, ollama: OllamaServer) -> None:
    await create(client, spec("shed", ollama.url))
    async with aclosing(client.stream("PullModel", pb.PullModelRequest(runner="shed", model=LIBRARY[0]))) as reports:
        seen = [(report.status, report.completed_bytes, report.total_bytes) async for report in reports]
    assert seen[0] == ("pulling manifest", 0, 0)
    assert ("pulling 970aa74c0a90", 1000, 1000) in seen
    assert seen[-1][0] == "success"
    assert f"shed/{LIBRARY[0].removesuffix(':latest')}" in [
        name.removesuffix(":latest") for name in await model_ids(client)
    ]


async def test_a_download_ends_with_its_caller(client: Caller, ollama: OllamaServer) -> None:
    await create(client, spec("shed", ollama.url))
    ollama.may_pull.clear()
    async with aclosing(client.stream("PullModel", pb.PullModelRequest(runner="shed", model=LIBRARY[0]))) as reports:
        async for report in reports:
            if report.completed_bytes == 500:
                break
    async with asyncio.timeout(30):
        await ollama.broken_off_pulls.wait()


async def test_what_cannot_download_says_so(client: Caller, ollama: OllamaServer) -> None:
    await create(client, spec("shed", ollama.url, disabled=True))
    await create(client, spec("barn", ollama.url))

    async def pull(runner: str, model: str) -> None:
        async with aclosing(client.stream("PullModel", pb.PullModelRequest(runner=runner, model=model))) as reports:
            async for _ in reports:
                pass

    for runner in ("scripted", "shed"):
        assert (await refused(pull(runner, "x")))[:2] == ("FAILED_PRECONDITION", "PULL_NOT_SUPPORTED")
    assert (await refused(pull("none", "x")))[:2] == ("NOT_FOUND", "RUNNER_NOT_FOUND")
    assert (await refused(pull("barn", "unheard-of")))[0] == "NOT_FOUND"


async def test_an_alias_stands_for_a_model_until_it_is_removed(client: Caller) -> None:
    alias = runner_pb2.ModelAlias(alias="fast", targets=["scripted/tokens=4"])
    made = (await client.unary("SetModelAlias", pb.SetModelAliasRequest(alias=alias))).alias
    assert made.source == runner_pb2.RUNNER_SOURCE_API
    assert "fast" in await model_ids(client)
    assert len((await answer_of(client, "fast")).split()) == 4
    alias.targets[:] = ["scripted/tokens=6"]
    await client.unary("SetModelAlias", pb.SetModelAliasRequest(alias=alias))
    assert len((await answer_of(client, "fast")).split()) == 6
    found = await client.unary("ListModelAliases", pb.ListModelAliasesRequest())
    assert [(item.alias, list(item.targets)) for item in found.aliases] == [("fast", ["scripted/tokens=6"])]
    remove = pb.DeleteModelAliasRequest(alias="fast")
    await client.unary("DeleteModelAlias", remove)
    assert await refused(client.unary("DeleteModelAlias", remove)) == ("NOT_FOUND", "ALIAS_NOT_FOUND", [])
    assert "fast" not in await model_ids(client)


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


async def test_who_follows_the_feed_hears_that_the_models_changed(client: Caller, ollama: OllamaServer) -> None:
    async with aclosing(client.stream("WatchEvents", chat.WatchEventsRequest())) as answers:
        changed = False
        async with asyncio.timeout(30):
            async for answer in answers:
                for event in answer.events:
                    if event.WhichOneof("kind") == "ready":
                        await create(client, spec("shed", ollama.url))
                    changed = changed or event.WhichOneof("kind") == "models_changed"
                if changed:
                    break
    assert any(name.startswith("shed/") for name in await model_ids(client))


async def test_a_model_of_a_runner_that_went_away_says_so(client: Caller) -> None:
    async with ollama_server() as ollama:
        await create(client, spec("shed", ollama.url))
    await client.unary("UpdateRunner", pb.UpdateRunnerRequest(spec=spec("shed", NOWHERE, models=["a"])))
    found = (await client.unary("GetRunner", pb.GetRunnerRequest(name="shed"))).models
    assert [(model.id, model.state) for model in found] == [("shed/a", model_pb2.MODEL_STATE_UNAVAILABLE)]
