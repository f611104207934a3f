"""Accounts of a server that several processes share: what one changes holds in the others within a second."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from fireside.gen.v1 import people_service_pb2 as pb
from fireside.gen.v1.account_pb2 import ACCOUNT_STATE_DISABLED
from fireside.gen.v1.auth_service_pb2 import GetAuthStateRequest
from fireside.gen.v1.chat_service_pb2 import WatchEventsRequest
from fireside.gen.v1.group_service_pb2 import AddMembersRequest
from fireside.gen.v1.permission_pb2 import PERMISSION_READ_AUDIT
from fireside.gen.v1.policy_service_pb2 import GetPolicyRequest, UpdatePolicyRequest
from tests.accounts import AccountsServer, Person, accounts_server
from tests.admin_calls import call, end_of, group

Pair = tuple[AccountsServer, AccountsServer]


@pytest.fixture
async def pair(tmp_path: Path, postgres_url: str) -> AsyncIterator[Pair]:
    """Two servers on one PostgreSQL."""
    async with AsyncExitStack() as stack:
        servers: list[AccountsServer] = []
        for name in ("first", "second"):
            folder = tmp_path / name
            folder.mkdir()
            servers.append(await stack.enter_async_context(accounts_server(folder, database_url=postgres_url)))
        yield servers[0], servers[1]


def at(server: AccountsServer, person: Person) -> Person:
    """The same session, at another server."""
    return replace(person, url=server.url)


async def until(person: Person, permission: int) -> None:
    """Returns once the person has a permission."""
    while True:
        if permission in (await call(person, "GetAuthState", GetAuthStateRequest())).permissions:
            return


async def test_closing_an_account_ends_its_streams_elsewhere_within_a_second(pair: Pair) -> None:
    here, there = pair
    ada, bob = await here.set_up(), await here.person("Bob")
    async with at(there, bob).caller() as client:
        ending = asyncio.create_task(end_of(client.stream("WatchEvents", WatchEventsRequest())))
        await there.open_streams(1)
        async with asyncio.timeout(1):
            await call(ada, "UpdateAccount", pb.UpdateAccountRequest(account_id=bob.id, state=ACCOUNT_STATE_DISABLED))
            assert await ending == "UNAUTHENTICATED"


async def test_what_a_group_gives_is_had_elsewhere_within_a_second(pair: Pair) -> None:
    here, there = pair
    ada, bob = await here.set_up(), await here.person("Bob")
    auditors = await group(ada, "Auditors", PERMISSION_READ_AUDIT)
    await call(at(there, bob), "GetAuthState", GetAuthStateRequest())
    async with asyncio.timeout(1):
        await call(ada, "AddMembers", AddMembersRequest(group_id=auditors.id, account_ids=[bob.id]))
        await until(at(there, bob), PERMISSION_READ_AUDIT)


async def test_a_policy_holds_elsewhere_within_a_second(pair: Pair) -> None:
    here, there = pair
    ada = await here.set_up()
    policy = (await call(ada, "GetPolicy", GetPolicyRequest())).policy
    policy.session_days = 3
    async with asyncio.timeout(1):
        await call(ada, "UpdatePolicy", UpdatePolicyRequest(policy=policy))
        while there.identity.policies.current.session_days != 3:
            await call(at(there, ada), "GetAuthState", GetAuthStateRequest())
