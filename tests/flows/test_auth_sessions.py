"""How sessions end, and with them at once what is open: streams of every kind. Answers go on: they are the account's."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest
from google.rpc.error_details_pb2 import ErrorInfo

from fireside.core.clock import now_us
from fireside.core.ids import new_id
from fireside.core.principal import Principal
from fireside.gen.v1 import generation_pb2, permission_pb2, policy_pb2
from fireside.gen.v1.account_pb2 import ACCOUNT_ROLE_GUEST, ACCOUNT_STATE_DISABLED
from fireside.gen.v1.account_service_pb2 import ListSessionsRequest, RevokeOtherSessionsRequest, RevokeSessionRequest
from fireside.gen.v1.auth_service_pb2 import SignOutRequest
from fireside.gen.v1.chat_service_pb2 import (
    ConverseRequest,
    GenerateRequest,
    WatchEventsRequest,
    WatchGenerationRequest,
)
from fireside.gen.v1.conversation_service_pb2 import ListConversationsRequest
from fireside.gen.v1.people_service_pb2 import SignOutAccountRequest, UpdateAccountRequest
from fireside.gen.v1.runner_service_pb2 import PullModelRequest
from fireside.identity.keys import NewKey
from fireside.store import accounts
from fireside.store.tx import Tx
from tests.accounts import ADMIN, HERE, AccountsServer, Person, accounts_server
from tests.callers import Caller, CallError, caller
from tests.rig import send

AT_ONCE = 1.0
SLOW = "tokens=600,pace=50ms"


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[AccountsServer]:
    async with accounts_server(tmp_path) as opened:
        yield opened


def reason(error: CallError) -> tuple[str, str]:
    return error.code, ErrorInfo.FromString(error.details["google.rpc.ErrorInfo"]).reason


class Listener:
    """Reads a stream of an account until it ends."""

    def __init__(self, client: Caller, method: str, request: object) -> None:
        self.open = asyncio.Event()
        self._task = asyncio.create_task(self._read(client, method, request))

    async def _read(self, client: Caller, method: str, request: object) -> tuple[str, str]:
        try:
            async with aclosing(client.stream(method, request)) as answers:  # pyright: ignore[reportArgumentType]
                async for _ in answers:
                    self.open.set()
        except CallError as error:
            return reason(error)
        return "OK", ""

    async def ended(self) -> tuple[str, str]:
        """The status and reason that it ended with, within a second from now."""
        async with asyncio.timeout(AT_ONCE):
            return await self._task


async def converse() -> AsyncIterator[ConverseRequest]:
    yield ConverseRequest(command_id="1", start=send(SLOW))
    await asyncio.Event().wait()


async def listening(client: Caller, spec: generation_pb2.GenerationSpec | None = None) -> list[Listener]:
    """Streams of three kinds."""
    spec = spec or send(SLOW)
    found = [
        Listener(client, "WatchEvents", WatchEventsRequest()),
        Listener(client, "Generate", GenerateRequest(spec=spec)),
    ]
    if client.duplex:
        found.append(Listener(client, "Converse", converse()))
    async with asyncio.timeout(10):
        for each in found:
            await each.open.wait()
    return found


def ways() -> dict[str, Callable[[AccountsServer, Person, Person], Awaitable[object]]]:
    async def sign_out(_server: AccountsServer, person: Person, _admin: Person) -> None:
        async with person.caller("grpcio") as client:
            await client.unary("SignOut", SignOutRequest())

    async def revoke(server: AccountsServer, person: Person, _admin: Person) -> None:
        async with (await server.again(person)).caller() as client:
            listed = (await client.unary("ListSessions", ListSessionsRequest())).sessions
            assert [session.current for session in listed].count(True) == 1
            (other,) = (session for session in listed if not session.current)
            await client.unary("RevokeSession", RevokeSessionRequest(session_id=other.id))

    async def revoke_others(server: AccountsServer, person: Person, _admin: Person) -> None:
        async with (await server.again(person)).caller() as client:
            assert (await client.unary("RevokeOtherSessions", RevokeOtherSessionsRequest())).revoked == 1

    async def close(_server: AccountsServer, person: Person, admin: Person) -> None:
        async with admin.caller() as client:
            request = UpdateAccountRequest(account_id=person.id, state=ACCOUNT_STATE_DISABLED)
            await client.unary("UpdateAccount", request)

    async def sign_out_by_admin(_server: AccountsServer, person: Person, admin: Person) -> None:
        async with admin.caller() as client:
            await client.unary("SignOutAccount", SignOutAccountRequest(account_id=person.id))

    async def remove(server: AccountsServer, person: Person, _admin: Person) -> None:
        await server.identity.changes.write(person.id, lambda tx: accounts.delete(tx, person.id))

    return {each.__name__: each for each in (sign_out, revoke, revoke_others, close, sign_out_by_admin, remove)}


@pytest.mark.parametrize("kind", ["grpcio", "connect-h1", "grpc-web-h2", "connect-json-h2"])
async def test_signing_out_ends_the_streams_of_that_session_alone(server: AccountsServer, kind: str) -> None:
    ann = await server.person("Ann")
    other = await server.again(ann)
    async with ann.caller(kind) as here, other.caller(kind) as there, ann.caller() as page:
        streams = await listening(here)
        stays = await listening(there, send(SLOW))
        await page.unary("SignOut", SignOutRequest())
        for stream in streams:
            assert await stream.ended() == ("UNAUTHENTICATED", "SESSION_ENDED")
        with pytest.raises(CallError) as caught:
            await here.unary("ListConversations", ListConversationsRequest())
        assert reason(caught.value) == ("UNAUTHENTICATED", "SESSION_ENDED")
        await there.unary("ListConversations", ListConversationsRequest())
        assert not any(stream._task.done() for stream in stays)


@pytest.mark.parametrize("way", list(ways()))
async def test_every_way_to_end_a_session_ends_its_streams(server: AccountsServer, way: str) -> None:
    admin, ann = await server.person("Ada", ADMIN), await server.person("Ann")
    async with ann.caller() as client:
        streams = await listening(client)
        async with asyncio.timeout(AT_ONCE):
            await ways()[way](server, ann, admin)
        for stream in streams:
            assert await stream.ended() == ("UNAUTHENTICATED", "SESSION_ENDED")


async def test_an_answer_goes_on_without_the_session_that_asked(server: AccountsServer) -> None:
    ann = await server.person("Ann")
    other, spec = await server.again(ann), send("tokens=40,pace=10ms")
    async with ann.caller() as client, other.caller() as there:
        (_, asking, *_more) = await listening(client, spec)
        await client.unary("SignOut", SignOutRequest())
        assert await asking.ended() == ("UNAUTHENTICATED", "SESSION_ENDED")
        request = WatchGenerationRequest(generation_id=spec.generation_id)
        async with asyncio.timeout(10), aclosing(there.stream("WatchGeneration", request)) as answers:
            events = [event async for answer in answers for event in answer.events]
        assert events[-1].HasField("ended")


async def test_a_session_that_runs_out_ends(server: AccountsServer) -> None:
    ann = await server.person("Ann")
    async with ann.caller() as client:
        streams = await listening(client)
        end = now_us() + 300_000

        async def body(tx: Tx) -> None:
            await tx.execute("UPDATE sessions SET expire_time = $2 WHERE owner = $1", ann.id, end)

        await server.identity.changes.write(ann.id, body)
        for stream in streams:
            assert await stream.ended() == ("UNAUTHENTICATED", "SESSION_ENDED")
        assert now_us() >= end


async def test_fewer_days_of_sessions_hold_at_once(server: AccountsServer) -> None:
    ann, bob = await server.person("Ann"), await server.person("Bob")

    async def body(tx: Tx) -> None:
        old = now_us() - 2 * 86_400_000_000
        await tx.execute("UPDATE sessions SET last_use_time = $2 WHERE owner = $1", ann.id, old)

    await server.identity.changes.write("", body)
    assert (await server.identity.sessions.sessions_of(await server.principal(bob)))[0].current
    policies = server.identity.policies
    wanted = policy_pb2.Policy()
    wanted.CopyFrom(policies.current)
    wanted.session_days = 1
    await policies.update(Principal(id=bob.id), HERE, wanted)
    async with ann.caller() as client:
        with pytest.raises(CallError) as caught:
            await client.unary("ListConversations", ListConversationsRequest())
    assert reason(caught.value) == ("UNAUTHENTICATED", "SESSION_ENDED")
    await server.principal(bob)


async def test_what_a_role_may_no_more_ends_too(server: AccountsServer) -> None:
    ada, ann = await server.person("Ada", ADMIN), await server.person("Ann", ADMIN)
    async with ann.caller() as client, ada.caller() as admins:
        request = PullModelRequest(runner="none", model="x")
        with pytest.raises(CallError) as caught:
            async with aclosing(client.stream("PullModel", request)) as answers:
                await anext(answers)
        assert caught.value.code != "PERMISSION_DENIED"
        update = UpdateAccountRequest(account_id=ann.id, role=ACCOUNT_ROLE_GUEST)
        await admins.unary("UpdateAccount", update)
        with pytest.raises(CallError) as caught:
            async with aclosing(client.stream("PullModel", request)) as answers:
                await anext(answers)
        assert reason(caught.value) == ("PERMISSION_DENIED", "PERMISSION_DENIED")


async def test_who_may_less_than_before_comes_back_as_who_they_are_now(server: AccountsServer) -> None:
    ada, ann = await server.person("Ada", ADMIN), await server.person("Ann", ADMIN)
    async with ann.caller() as client, ada.caller() as admins:
        streams = await listening(client)
        await admins.unary("UpdateAccount", UpdateAccountRequest(account_id=ann.id, name="Anna"))
        await admins.unary("UpdateAccount", UpdateAccountRequest(account_id=ann.id, role=ACCOUNT_ROLE_GUEST))
        for stream in streams:
            assert await stream.ended() == ("UNAVAILABLE", "ACCOUNT_CHANGED")
        await listening(client)


async def key_of(server: AccountsServer, person: Person, *scopes: permission_pb2.Permission, lasts: float = 0.0) -> str:
    expire_us = now_us() + int(lasts * 1e6) if lasts else None
    return (await server.identity.keys.create(await server.principal(person), HERE, NewKey("k", scopes, expire_us)))[1]


@pytest.mark.parametrize("kind", ["grpcio", "connect-h1"])
async def test_keys_open_what_they_are_for_until_they_end(server: AccountsServer, kind: str) -> None:
    ann = await server.person("Ann")
    key = await key_of(server, ann, permission_pb2.PERMISSION_CHAT)
    async with caller(kind, server.url, {"authorization": f"Bearer {key}"}) as client:
        streams = await listening(client)
        with pytest.raises(CallError) as caught:
            await client.unary("ListSessions", ListSessionsRequest())
        assert reason(caught.value) == ("PERMISSION_DENIED", "PERMISSION_DENIED")
        principal = await server.principal(ann)
        (listed,) = await server.identity.keys.listed(principal)
        await server.identity.keys.delete(principal, HERE, listed.id)
        for stream in streams:
            assert await stream.ended() == ("UNAUTHENTICATED", "KEY_INVALID")
        with pytest.raises(CallError) as caught:
            await client.unary("ListConversations", ListConversationsRequest())
        assert reason(caught.value) == ("UNAUTHENTICATED", "KEY_INVALID")


async def test_a_key_that_runs_out_ends_its_streams(server: AccountsServer) -> None:
    ann = await server.person("Ann")
    key = await key_of(server, ann, lasts=0.7)
    async with caller("grpcio", server.url, {"authorization": f"bearer {key}"}) as client:
        for stream in await listening(client):
            assert await stream.ended() == ("UNAUTHENTICATED", "KEY_INVALID")


async def test_clients_of_openai_end_too(server: AccountsServer) -> None:
    ann = await server.person("Ann")
    key = await key_of(server, ann)
    body = {"model": f"scripted/{SLOW}", "stream": True, "messages": [{"role": "user", "content": "hello"}]}
    headers = {"authorization": f"Bearer {key}"}
    async with (
        aiohttp.ClientSession(server.url, headers=headers) as session,
        session.post("/v1/chat/completions", json=body) as response,
    ):
        assert response.status == 200
        await response.content.readline()
        principal = await server.principal(ann)
        (listed,) = await server.identity.keys.listed(principal)
        await server.identity.keys.delete(principal, HERE, listed.id)
        async with asyncio.timeout(AT_ONCE):
            with pytest.raises(aiohttp.ClientPayloadError):
                await response.read()
        async with session.get("/v1/models") as refused:
            assert refused.status == 401
    async with aiohttp.ClientSession(server.url) as nobody, nobody.get("/v1/models") as refused:
        assert refused.status == 401


async def test_a_wrong_credential_is_told(server: AccountsServer) -> None:
    for headers, why in (
        ({"authorization": "Bearer fsk_made-up"}, "KEY_INVALID"),
        ({"authorization": f"Bearer {new_id()}"}, "KEY_INVALID"),
        ({"cookie": "fireside=fss_made-up"}, "SESSION_ENDED"),
        ({}, "SIGN_IN"),
    ):
        async with caller("connect-h1", server.url, headers) as client:
            with pytest.raises(CallError) as caught:
                await client.unary("ListConversations", ListConversationsRequest())
            assert reason(caught.value) == ("UNAUTHENTICATED", why)


async def test_a_key_that_signs_out_is_no_more(server: AccountsServer) -> None:
    ann = await server.person("Ann")
    key = await key_of(server, ann)
    async with caller("connect-h2", server.url, {"authorization": f"Bearer {key}"}) as client:
        streams = await listening(client)
        await client.unary("SignOut", SignOutRequest())
        for stream in streams:
            assert await stream.ended() == ("UNAUTHENTICATED", "KEY_INVALID")


async def test_a_known_caller_costs_next_to_nothing(server: AccountsServer) -> None:
    ann = await server.person("Ann")
    credentials = (("", ann.token), (await key_of(server, ann), ""))
    for bearer, cookie in credentials:
        await server.identity.sessions.authenticate(bearer, cookie, HERE)
        began = time.thread_time()
        for _ in range(1000):
            await server.identity.sessions.authenticate(bearer, cookie, HERE)
        assert (time.thread_time() - began) / 1000 < 0.000_3


async def test_uses_are_noted_in_batches(server: AccountsServer) -> None:
    ann = await server.person("Ann")
    away = replace(HERE, address="192.0.2.7")
    await server.identity.sessions.authenticate("", ann.token, away)
    (session,) = await server.identity.sessions.sessions_of(await server.principal(ann))
    assert (session.address, session.device, session.current) == ("127.0.0.1", "tests", True)
    stored = await server.identity.db.read(lambda tx: accounts.get(tx, ann.id))
    assert stored is not None
    assert stored.HasField("last_use_time")
