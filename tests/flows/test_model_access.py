"""Models that are for some people only: nobody else sees them or gets behind another name of theirs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest

from fireside.gen.v1.chat_service_pb2 import ConverseRequest, StartGenerationRequest, WatchEventsRequest
from fireside.gen.v1.group_pb2 import Group
from fireside.gen.v1.group_service_pb2 import (
    AddMembersRequest,
    CreateGroupRequest,
    DeleteGroupRequest,
    ListGroupsRequest,
    RemoveMembersRequest,
)
from fireside.gen.v1.model_service_pb2 import GetModelRequest, ListModelsRequest
from fireside.gen.v1.runner_pb2 import ModelAlias
from fireside.gen.v1.runner_service_pb2 import SetModelAliasRequest
from tests.accounts import ADMIN, AccountsServer, Person, accounts_server
from tests.admin_calls import call, refused
from tests.callers import Caller, CallError
from tests.http_calls import http
from tests.ollama_server import OllamaServer, ollama_server
from tests.rig import send
from tests.runner_calls import NOWHERE, answer_of, create, spec

SECRET = "scripted/echo"
OPEN = "scripted/markdown"


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[AccountsServer]:
    async with accounts_server(tmp_path) as server:
        yield server


@pytest.fixture
async def ollama() -> AsyncIterator[OllamaServer]:
    async with ollama_server() as server:
        yield server


async def restrict(server: AccountsServer, admin: Person, *patterns: str) -> Group:
    """A group that has these models to itself, once everybody else has lost them."""
    told = asyncio.Event()
    server.identity.rules.on_change(lambda _account: told.set())
    made = (await call(admin, "CreateGroup", CreateGroupRequest(group=Group(name="few", models=patterns)))).group
    async with asyncio.timeout(5):
        await told.wait()
    return made


async def join(admin: Person, group: Group, *people: Person) -> None:
    await call(admin, "AddMembers", AddMembersRequest(group_id=group.id, account_ids=[person.id for person in people]))


async def ids(person: Person, client: Caller | None = None) -> list[str]:
    """The models that a person is shown."""
    if client is not None:
        return [model.id for model in (await client.unary("ListModels", ListModelsRequest())).models]
    return [model.id for model in (await call(person, "ListModels", ListModelsRequest())).models]


def starting(model: str) -> StartGenerationRequest:
    """A start with a model, by its whole id."""
    request = StartGenerationRequest(spec=send("x"))
    request.spec.model = model
    return request


async def test_everything_is_for_everybody_until_a_group_has_it(server: AccountsServer) -> None:
    admin, ann = await server.person("Ada", ADMIN), await server.person("Ann")
    assert {SECRET, OPEN} <= set(await ids(ann))
    assert await ids(ann) == await ids(admin)


async def test_a_restricted_model_is_not_there_for_others(server: AccountsServer) -> None:
    admin, ann, bob = await server.person("Ada", ADMIN), await server.person("Ann"), await server.person("Bob")
    await join(admin, await restrict(server, admin, SECRET), ann)
    assert SECRET in await ids(admin)
    assert SECRET in await ids(ann)
    assert SECRET not in await ids(bob)
    assert OPEN in await ids(bob)
    missing = ("NOT_FOUND", "MODEL_NOT_FOUND")
    assert await refused(bob, "GetModel", GetModelRequest(model_id=SECRET)) == missing
    assert await refused(bob, "StartGeneration", starting(SECRET)) == missing
    for person in (admin, ann):
        assert (await call(person, "GetModel", GetModelRequest(model_id=SECRET))).model.id == SECRET
        await call(person, "StartGeneration", starting(SECRET))


async def test_nor_is_it_in_openais_api(server: AccountsServer, ollama: OllamaServer) -> None:
    admin, ann, bob = await server.person("Ada", ADMIN), await server.person("Ann"), await server.person("Bob")
    async with admin.caller() as client:
        await create(client, spec("shed", ollama.url))
    secret = "shed/tokens=8:latest"
    await join(admin, await restrict(server, admin, secret, "scripted/embed=64"), ann)
    chat = f'{{"model": "{secret}", "messages": [{{"role": "user", "content": "x"}}]}}'.encode()
    embed = b'{"model": "scripted/embed=64", "input": "x"}'
    for person, status in ((ann, 200), (bob, 404)):
        headers = {**person.headers, "content-type": "application/json"}
        listed = (await http(server.url, "GET", "/v1/models", headers)).json()["data"]
        assert (secret in [card["id"] for card in listed]) == (status == 200)
        assert (await http(server.url, "GET", f"/v1/models/{secret}", headers)).status == status
        assert (await http(server.url, "POST", "/v1/chat/completions", headers, chat)).status == status
        assert (await http(server.url, "POST", "/v1/embeddings", headers, embed)).status == status


async def test_a_pattern_holds_for_models_that_are_not_listed(server: AccountsServer) -> None:
    admin, bob = await server.person("Ada", ADMIN), await server.person("Bob")
    await restrict(server, admin, "scripted/*")
    assert await ids(bob) == []
    for model in ("scripted/tokens=5", "scripted/tokens=5,pace=1ms", "", "Scripted/echo"):
        assert (await refused(bob, "StartGeneration", starting(model)))[0] == "NOT_FOUND"
    assert await ids(admin)


async def test_the_default_is_one_that_the_person_may_use(server: AccountsServer, ollama: OllamaServer) -> None:
    admin, bob = await server.person("Ada", ADMIN), await server.person("Bob")
    ollama.models.append("tokens=5:latest")
    async with admin.caller() as client:
        await create(client, spec("shed", ollama.url))
    models = (await call(bob, "ListModels", ListModelsRequest())).models
    first = next(model.id for model in models if model.default)
    await restrict(server, admin, first)
    models = (await call(bob, "ListModels", ListModelsRequest())).models
    default = next(model.id for model in models if model.default)
    assert default != first
    assert (await call(bob, "StartGeneration", starting(""))).generation.model == default
    models = (await call(admin, "ListModels", ListModelsRequest())).models
    assert [model.id for model in models if model.default] == [first]


async def test_an_alias_leads_nobody_around_it(server: AccountsServer) -> None:
    admin, ann, bob = await server.person("Ada", ADMIN), await server.person("Ann"), await server.person("Bob")
    await join(admin, await restrict(server, admin, SECRET), ann)
    for alias, targets in (("hidden", [SECRET]), ("both", [SECRET, OPEN])):
        await call(admin, "SetModelAlias", SetModelAliasRequest(alias=ModelAlias(alias=alias, targets=targets)))
    assert {"hidden", "both"} <= set(await ids(ann))
    assert "hidden" not in await ids(bob)
    assert "both" in await ids(bob)
    assert (await refused(bob, "GetModel", GetModelRequest(model_id="hidden")))[1] == "MODEL_NOT_FOUND"
    assert (await refused(bob, "StartGeneration", starting("hidden")))[1] == "MODEL_NOT_FOUND"
    async with ann.caller() as theirs, bob.caller() as others:
        assert await answer_of(theirs, "both") == "hello"  # the echo
        assert len(await answer_of(others, "both")) > 100  # the document


async def test_an_alias_can_be_restricted_itself(server: AccountsServer) -> None:
    admin, bob = await server.person("Ada", ADMIN), await server.person("Bob")
    await call(admin, "SetModelAlias", SetModelAliasRequest(alias=ModelAlias(alias="fast", targets=[OPEN])))
    await restrict(server, admin, "fast")
    assert "fast" not in await ids(bob)
    assert (await refused(bob, "StartGeneration", starting("fast")))[1] == "MODEL_NOT_FOUND"
    assert OPEN in await ids(bob)


async def test_a_restricted_model_stands_in_for_members_only(server: AccountsServer, ollama: OllamaServer) -> None:
    admin, ann, bob = await server.person("Ada", ADMIN), await server.person("Ann"), await server.person("Bob")
    ollama.models.append("tokens=3")
    async with admin.caller() as client:
        await create(client, spec("down", NOWHERE, models=["tokens=3:latest"], fallback=True))
        await create(client, spec("spare", ollama.url))
    await join(admin, await restrict(server, admin, "spare/*"), ann)
    async with ann.caller() as theirs, bob.caller() as others:
        assert len((await answer_of(theirs, "down/tokens=3:latest")).split()) == 3
        with pytest.raises((CallError, AssertionError)):
            await answer_of(others, "down/tokens=3:latest")


@pytest.mark.parametrize("restricted", ["shed/tokens=8:latest", "shed/tokens=8", "Shed/Tokens=8"])
async def test_another_spelling_of_the_name_leads_nobody_around_it(
    server: AccountsServer, ollama: OllamaServer, restricted: str
) -> None:
    admin, bob = await server.person("Ada", ADMIN), await server.person("Bob")
    async with admin.caller() as client:
        await create(client, spec("shed", ollama.url))
    await restrict(server, admin, restricted)
    assert not [model for model in await ids(bob) if model.startswith("shed/tokens=8:")]
    for model in ("shed/tokens=8", "shed/tokens=8:latest", "shed/Tokens=8", "shed/library/tokens=8"):
        assert (await refused(bob, "StartGeneration", starting(model)))[0] == "NOT_FOUND"
    assert "/api/chat" not in ollama.asked


async def test_whoever_joins_sees_it_at_once_on_an_open_session(server: AccountsServer) -> None:
    admin, bob = await server.person("Ada", ADMIN), await server.person("Bob")
    group = await restrict(server, admin, SECRET)
    async with bob.caller() as client, asyncio.timeout(10):
        events = client.stream("WatchEvents", WatchEventsRequest())
        async with aclosing(events):
            assert (await anext(events)).events[0].HasField("ready")
            assert SECRET not in await ids(bob, client)
            loop = asyncio.get_running_loop()
            began = loop.time()
            await join(admin, group, bob)
            async for told in events:
                if any(event.HasField("models_changed") for event in told.events):
                    break
            assert SECRET in await ids(bob, client)
            assert loop.time() - began < 1.0
    await call(bob, "StartGeneration", starting(SECRET))


async def test_whoever_joins_may_use_it_on_an_open_stream(server: AccountsServer) -> None:
    admin, bob = await server.person("Ada", ADMIN), await server.person("Bob")
    group = await restrict(server, admin, SECRET)

    async def commands() -> AsyncIterator[ConverseRequest]:
        yield ConverseRequest(command_id="events", watch_events=WatchEventsRequest())
        await events.wait()
        yield ConverseRequest(command_id="too early", start=starting(SECRET).spec)
        await refused_once.wait()
        await join(admin, group, bob)
        await changed.wait()
        yield ConverseRequest(command_id="now", start=starting(SECRET).spec)

    events, refused_once, changed = asyncio.Event(), asyncio.Event(), asyncio.Event()
    async with bob.caller("grpcio") as client, asyncio.timeout(10):
        async for answer in client.stream("Converse", commands()):
            if answer.account_event.HasField("ready"):
                events.set()
            if answer.command_id == "too early":
                assert answer.WhichOneof("kind") == "failed"
                refused_once.set()
            if answer.account_event.HasField("models_changed"):
                changed.set()
            if answer.command_id == "now":
                assert answer.WhichOneof("kind") == "done"
                return
    pytest.fail("the stream ended")


async def test_whoever_leaves_or_loses_the_group_does_not(server: AccountsServer) -> None:
    admin, ann, bob = await server.person("Ada", ADMIN), await server.person("Ann"), await server.person("Bob")
    group = await restrict(server, admin, SECRET)
    await join(admin, group, ann, bob)
    await call(admin, "RemoveMembers", RemoveMembersRequest(group_id=group.id, account_ids=[ann.id]))
    assert SECRET not in await ids(ann)
    assert SECRET in await ids(bob)
    assert (await refused(ann, "StartGeneration", starting(SECRET)))[1] == "MODEL_NOT_FOUND"
    await call(admin, "DeleteGroup", DeleteGroupRequest(group_id=group.id))
    async with asyncio.timeout(5):
        while SECRET not in await ids(ann):  # no group has it any more
            pass


async def test_groups_are_told_to_those_who_manage_people_alone(server: AccountsServer) -> None:
    admin, bob = await server.person("Ada", ADMIN), await server.person("Bob")
    await restrict(server, admin, SECRET)
    assert (await refused(bob, "ListGroups", ListGroupsRequest()))[0] == "PERMISSION_DENIED"
