"""How much people may use, through every door: by role and by group, in a minute and in a day."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from google.rpc.error_details_pb2 import RetryInfo

from fireside.gen.v1.chat_service_pb2 import ConverseRequest, GenerateRequest, StartGenerationRequest
from fireside.gen.v1.group_pb2 import Group
from fireside.gen.v1.group_service_pb2 import AddMembersRequest, CreateGroupRequest
from fireside.gen.v1.policy_pb2 import Limits, RoleLimits
from fireside.gen.v1.policy_service_pb2 import (
    GetPolicyRequest,
    GetUsageRequest,
    GetUsageResponse,
    UpdatePolicyRequest,
)
from tests.accounts import ADMIN, GUEST, MEMBER, AccountsServer, Person, accounts_server
from tests.admin_calls import call, reason
from tests.callers import CallError
from tests.http_calls import HttpAnswer, http
from tests.rig import send

MODEL = "scripted/tokens=3"
DAY_SECONDS = 86_400


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[AccountsServer]:
    async with accounts_server(tmp_path) as server:
        yield server


async def limit(admin: Person, role: int, **limits: int) -> None:
    """Gives a role limits."""
    policy = (await call(admin, "GetPolicy", GetPolicyRequest())).policy
    policy.limits.append(RoleLimits(role=role, limits=Limits(**limits)))  # pyright: ignore[reportArgumentType]
    await call(admin, "UpdatePolicy", UpdatePolicyRequest(policy=policy))


async def join_group(admin: Person, person: Person, name: str, **limits: int) -> None:
    """A new group with limits, and the person in it."""
    made = Group(name=name, limits=Limits(**limits))
    group = (await call(admin, "CreateGroup", CreateGroupRequest(group=made))).group
    await call(admin, "AddMembers", AddMembersRequest(group_id=group.id, account_ids=[person.id]))


async def start(person: Person, kind: str = "grpcio", method: str = "StartGeneration") -> CallError | None:
    """Has a model answer to the end; the error if it was refused."""
    async with person.caller(kind) as client:
        spec = send("tokens=3")
        try:
            if method == "StartGeneration":
                await client.unary(method, StartGenerationRequest(spec=spec))
            else:
                async for _ in client.stream(method, GenerateRequest(spec=spec)):
                    pass
        except CallError as error:
            return error
    return None


async def complete(person: Person, model: str = MODEL) -> HttpAnswer:
    """The same in OpenAI's way."""
    body = f'{{"model": "{model}", "messages": [{{"role": "user", "content": "hello"}}]}}'.encode()
    headers = {**person.headers, "content-type": "application/json"}
    return await http(person.url, "POST", "/v1/chat/completions", headers, body)


def wait_of(error: CallError) -> float:
    """Seconds until it makes sense to try again."""
    return RetryInfo.FromString(error.details["google.rpc.RetryInfo"]).retry_delay.ToTimedelta().total_seconds()


async def usage(person: Person) -> GetUsageResponse:
    return await call(person, "GetUsage", GetUsageRequest())


@pytest.mark.parametrize("kind", ["grpcio", "connect-h1", "connect-json-h2", "grpc-web-h1"])
@pytest.mark.parametrize("method", ["StartGeneration", "Generate"])
async def test_messages_of_a_day_through_each_protocol(server: AccountsServer, kind: str, method: str) -> None:
    admin, ann, bob = await server.person("Ada", ADMIN), await server.person("Ann"), await server.person("Bob")
    await limit(admin, MEMBER, messages_per_day=2)
    assert await start(ann, kind, method) is None
    assert await start(ann, kind, method) is None
    error = await start(ann, kind, method)
    assert error is not None
    assert (error.code, reason(error)) == ("RESOURCE_EXHAUSTED", "LIMIT_REACHED")
    assert "2 messages a day" in error.message
    assert 0 < wait_of(error) <= DAY_SECONDS
    assert await start(bob, kind, method) is None  # everybody has their own


async def test_a_limit_counts_through_all_doors_together(server: AccountsServer) -> None:
    admin, ann = await server.person("Ada", ADMIN), await server.person("Ann")
    await limit(admin, MEMBER, messages_per_day=3)
    assert await start(ann, "grpcio") is None
    assert await start(ann, "connect-h2", "Generate") is None
    assert (await complete(ann)).status == 200
    refused = await complete(ann)
    assert refused.status == 429
    assert 0 < int(refused.headers["retry-after"]) <= DAY_SECONDS
    error = refused.json()["error"]
    assert (error["type"], error["code"]) == ("rate_limit_error", "rate_limit_exceeded")
    assert "3 messages a day" in error["message"]
    assert await start(ann, "grpcio") is not None


async def test_embeddings_count_too(server: AccountsServer) -> None:
    admin, ann = await server.person("Ada", ADMIN), await server.person("Ann")
    await limit(admin, MEMBER, messages_per_day=1)
    body = b'{"model": "scripted/embed=4", "input": "hello"}'
    headers = {**ann.headers, "content-type": "application/json"}
    statuses = [(await http(server.url, "POST", "/v1/embeddings", headers, body)).status for _ in range(2)]
    assert statuses == [200, 429]


async def test_messages_of_a_minute_come_back_soon(server: AccountsServer) -> None:
    admin, ann = await server.person("Ada", ADMIN), await server.person("Ann")
    await limit(admin, MEMBER, messages_per_minute=2)
    assert await start(ann) is None
    assert (await complete(ann)).status == 200
    error = await start(ann)
    assert error is not None
    assert "2 messages a minute" in error.message
    assert 1 <= wait_of(error) <= 31
    refused = await complete(ann)
    assert refused.status == 429
    assert 1 <= int(refused.headers["retry-after"]) <= 31


async def test_a_stream_that_is_open_is_held_to_it(server: AccountsServer) -> None:
    admin, ann = await server.person("Ada", ADMIN), await server.person("Ann")
    await limit(admin, MEMBER, messages_per_day=1)

    async def commands() -> AsyncIterator[ConverseRequest]:
        for number in (1, 2):
            yield ConverseRequest(command_id=str(number), start=send("tokens=3"))

    told: dict[str, str] = {}
    async with ann.caller("grpcio") as client:
        async for answer in client.stream("Converse", commands()):
            which = answer.WhichOneof("kind")
            if which in {"done", "failed"}:
                told[answer.command_id] = which
            if len(told) == 2:
                break
    assert sorted(told.values()) == ["done", "failed"]


async def test_tokens_of_a_day(server: AccountsServer) -> None:
    admin, ann = await server.person("Ada", ADMIN), await server.person("Ann")
    await limit(admin, MEMBER, tokens_per_day=4)
    assert await start(ann, method="Generate") is None
    used = await usage(ann)
    assert used.messages_today == 1
    assert used.tokens_today >= 4  # of the prompt and the answer
    assert used.limits == Limits(tokens_per_day=4)
    error = await start(ann)
    assert error is not None
    assert "4 tokens a day" in error.message


async def test_each_role_has_its_own(server: AccountsServer) -> None:
    admin, ann, guest = await server.person("Ada", ADMIN), await server.person("Ann"), await server.person("Gus", GUEST)
    await limit(admin, GUEST, messages_per_day=1)
    await limit(admin, MEMBER, messages_per_day=2)
    for person, allowed in ((guest, 1), (ann, 2), (admin, 4)):
        answers = [await start(person) for _ in range(allowed + 1)]
        assert [error is None for error in answers] == [True] * allowed + [person is admin]
    assert (await usage(admin)).limits == Limits()
    assert (await usage(guest)).limits == Limits(messages_per_day=1)


async def test_the_widest_of_groups_counts(server: AccountsServer) -> None:
    admin, ann = await server.person("Ada", ADMIN), await server.person("Ann")
    await limit(admin, MEMBER, messages_per_day=1, tokens_per_day=1000, messages_per_minute=50)
    assert await start(ann) is None
    assert await start(ann) is not None
    await join_group(admin, ann, "few", messages_per_day=1, tokens_per_day=10, messages_per_minute=10)
    await join_group(admin, ann, "many", messages_per_day=3, tokens_per_day=500, messages_per_minute=0)
    wanted = Limits(messages_per_day=3, tokens_per_day=1000, messages_per_minute=0)
    while (await usage(ann)).limits != wanted:  # what groups say is read again in a moment
        pass
    assert [await start(ann) is None for _ in range(3)] == [True, True, False]


async def test_use_survives_a_restart(tmp_path: Path) -> None:
    async with accounts_server(tmp_path) as server:
        admin, ann = await server.person("Ada", ADMIN), await server.person("Ann")
        await limit(admin, MEMBER, messages_per_day=2)
        assert await start(ann, method="Generate") is None
        before = await usage(ann)
    async with accounts_server(tmp_path) as server:
        ann = replace(ann, url=server.url)
        after = await usage(ann)
        assert (after.messages_today, after.tokens_today) == (before.messages_today, before.tokens_today)
        assert [await start(ann) is None for _ in range(2)] == [True, False]


async def test_asking_again_for_the_same_answer_is_free(server: AccountsServer) -> None:
    admin, ann = await server.person("Ada", ADMIN), await server.person("Ann")
    await limit(admin, MEMBER, messages_per_day=1)
    request = StartGenerationRequest(spec=send("tokens=3"))
    for _ in range(3):
        await call(ann, "StartGeneration", request)
    assert (await usage(ann)).messages_today == 1


async def test_a_refused_start_leaves_nothing_behind(server: AccountsServer) -> None:
    admin, ann = await server.person("Ada", ADMIN), await server.person("Ann")
    await limit(admin, MEMBER, messages_per_day=1)
    assert await start(ann) is None
    assert await start(ann) is not None
    assert (await usage(ann)).messages_today == 1
