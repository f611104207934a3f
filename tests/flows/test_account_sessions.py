"""Sessions of one's own through the port: listed, and ended within a second."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from fireside.gen.v1 import account_service_pb2 as pb
from fireside.gen.v1.chat_service_pb2 import WatchEventsRequest
from tests.accounts import AccountsServer, Person, accounts_server
from tests.own_calls import browse, call, deeds, end_of, refused

GET, LIST = pb.GetAccountRequest(), pb.ListSessionsRequest()
ENDED = ("UNAUTHENTICATED", "SESSION_ENDED")


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[AccountsServer]:
    async with accounts_server(tmp_path) as opened:
        yield opened


@pytest.fixture
async def ann(server: AccountsServer) -> Person:
    return await server.person("Ann")


async def test_sessions_are_listed_for_their_owner(server: AccountsServer, ann: Person) -> None:
    await server.again(ann)
    await server.person("Ben")
    sessions = (await call(ann, "ListSessions", LIST)).sessions
    assert len(sessions) == 2
    assert [session.current for session in sessions].count(True) == 1
    assert all(session.id and session.device and session.address == "127.0.0.1" for session in sessions)
    assert all(session.expire_time.seconds > session.create_time.seconds for session in sessions)


async def test_a_session_is_ended_with_its_streams(server: AccountsServer, ann: Person) -> None:
    elsewhere = await server.again(ann)
    sessions = (await call(elsewhere, "ListSessions", LIST)).sessions
    doomed = next(session for session in sessions if session.current)
    async with elsewhere.caller() as there:
        stream = there.stream("WatchEvents", WatchEventsRequest())
        await anext(stream)
        await call(ann, "RevokeSession", pb.RevokeSessionRequest(session_id=doomed.id))
        async with asyncio.timeout(1):
            assert await end_of(stream) == "UNAUTHENTICATED"
    assert await refused(elsewhere, "GetAccount", GET) == ENDED
    assert [session.current for session in (await call(ann, "ListSessions", LIST)).sessions] == [True]
    assert await deeds(server, ann.id) == ["session.revoked"]


async def test_nobody_ends_another_ones_session(server: AccountsServer, ann: Person) -> None:
    ben = await server.person("Ben")
    session = (await call(ann, "ListSessions", LIST)).sessions[0]
    refusal = await refused(ben, "RevokeSession", pb.RevokeSessionRequest(session_id=session.id))
    assert refusal == ("NOT_FOUND", "SESSION_NOT_FOUND")
    assert (await call(ann, "GetAccount", GET)).account.id == ann.id


async def test_who_ends_this_session_is_signed_out(server: AccountsServer, ann: Person) -> None:
    session = (await call(ann, "ListSessions", LIST)).sessions[0]
    answer = await browse(server.url, "RevokeSession", pb.RevokeSessionRequest(session_id=session.id), ann.token)
    assert answer.cookie == ""
    assert await refused(ann, "GetAccount", GET) == ENDED


async def test_all_others_end_at_once(server: AccountsServer, ann: Person) -> None:
    others = [await server.again(ann) for _ in range(3)]
    ben = await server.person("Ben")
    answer = await call(ann, "RevokeOtherSessions", pb.RevokeOtherSessionsRequest())
    assert answer.revoked == 3
    for other in others:
        assert await refused(other, "GetAccount", GET) == ENDED
    for still in (ann, ben):
        assert (await call(still, "GetAccount", GET)).account.id == still.id
    assert (await call(ann, "RevokeOtherSessions", pb.RevokeOtherSessionsRequest())).revoked == 0
