"""Runners managed while the server runs: added, tried, changed, ordered and removed through the port, with real backends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest

from fireside.gen.v1 import chat_service_pb2 as chat
from fireside.gen.v1 import model_pb2, runner_pb2
from fireside.gen.v1 import runner_service_pb2 as pb
from tests.callers import Caller, caller
from tests.ollama_server import LIBRARY, OllamaServer, ollama_server
from tests.rig import send
from tests.runner_calls import (
    DISABLED,
    DOWN,
    MODEL,
    NOWHERE,
    OK,
    OLLAMA,
    OPENAI,
    SECRET,
    WORKER,
    answer_of,
    create,
    listed,
    model_ids,
    refused,
    spec,
    text_of,
)
from tests.served import Served, serve
from tests.worker_process import worker_process


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
    catalog = served.app.asgi.services.admission.catalog
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


async def test_a_worker_process_is_a_runner(client: Caller, tmp_path: Path) -> None:
    (tmp_path / "worker").mkdir()
    with worker_process(tmp_path / "worker", token="a-token") as worker:
        wrong = await create(client, spec("farm", worker.address, WORKER), "another-token")
        assert wrong.status.health == DOWN
        mended = pb.UpdateRunnerRequest(spec=spec("farm", worker.address, WORKER), secret="a-token")
        assert (await client.unary("UpdateRunner", mended)).runner.status.health == OK
        (name, *_) = [name for name in await model_ids(client) if name.startswith("farm/")]
        assert await answer_of(client, name)


async def test_another_fireside_is_a_runner_by_its_own_door(client: Caller, tmp_path: Path) -> None:
    (tmp_path / "upstream").mkdir()
    async with serve(tmp_path / "upstream") as upstream:
        made = await create(client, spec("up", f"{upstream.url}/v1", OPENAI, models=["scripted/tokens=4"]))
        assert made.status.health == OK
        assert len((await answer_of(client, "up/scripted/tokens=4")).split()) == 4


async def test_a_change_whose_caller_goes_is_made_whole_or_not_at_all(tmp_path: Path) -> None:
    async with serve(tmp_path) as served:
        registry = served.app.asgi.services.registry
        for steps in range(16):
            task = asyncio.create_task(registry.create(spec(f"r{steps}", NOWHERE), ""))
            for _ in range(steps):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        # It waits for its turn behind the changes that were begun.
        await registry.set_alias(runner_pb2.ModelAlias(alias="last", targets=["a/b"]))
        used = [runner.spec.name for runner in await registry.runners()]
        assert "r15" in used
    async with serve(tmp_path) as served:
        assert [runner.spec.name for runner in await served.app.asgi.services.registry.runners()] == used


@pytest.mark.parametrize("address", ["http://169.254.169.254/v1", "http://[fd00:ec2::254]/v1", "http://2852039166/v1"])
async def test_a_runner_cannot_be_where_clouds_have_their_secrets(client: Caller, address: str) -> None:
    await create(client, spec("shed", NOWHERE))
    there = spec("shed", address, kind=runner_pb2.RUNNER_KIND_OPENAI)
    wanted = ("INVALID_ARGUMENT", "INVALID_ADDRESS", ["spec.addresses[0]"])
    new = spec("barn", address, kind=runner_pb2.RUNNER_KIND_OPENAI)
    assert await refused(client.unary("CreateRunner", pb.CreateRunnerRequest(spec=new))) == wanted
    assert await refused(client.unary("UpdateRunner", pb.UpdateRunnerRequest(spec=there))) == wanted
    assert await refused(client.unary("TestRunner", pb.TestRunnerRequest(spec=there))) == wanted
