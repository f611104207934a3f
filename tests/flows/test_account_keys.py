"""API keys through the port: made once, shown once, good for what their scopes say, and gone within a second."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from fireside.core.clock import now_us
from fireside.gen.v1 import account_service_pb2 as pb
from fireside.gen.v1.account_pb2 import ACCOUNT_STATE_DISABLED
from fireside.gen.v1.chat_service_pb2 import WatchEventsRequest
from fireside.gen.v1.conversation_service_pb2 import CreateConversationRequest, ListConversationsRequest
from fireside.gen.v1.model_service_pb2 import ListModelsRequest
from fireside.gen.v1.people_service_pb2 import ListAccountsRequest
from fireside.gen.v1.permission_pb2 import (
    PERMISSION_API_KEYS,
    PERMISSION_CHAT,
    PERMISSION_MANAGE_PEOPLE,
    PERMISSION_OWN_ACCOUNT,
    PERMISSION_READ_MODELS,
    PERMISSION_UNSPECIFIED,
    Permission,
)
from fireside.identity.tokens import hash_of
from fireside.store import accounts, api_keys
from tests.accounts import ADMIN, GUEST, AccountsServer, Person, accounts_server
from tests.callers import CALLERS, CallError, caller
from tests.own_calls import bearer_call, bearer_refused, call, deeds, end_of, reason, refused

GET = pb.GetAccountRequest()
LIST = pb.ListApiKeysRequest()
KEY_INVALID = ("UNAUTHENTICATED", "KEY_INVALID")


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[AccountsServer]:
    async with accounts_server(tmp_path) as opened:
        yield opened


@pytest.fixture
async def ann(server: AccountsServer) -> Person:
    return await server.person("Ann")


def on_disk(folder: Path) -> bytes:
    """All that the database's files hold."""
    return b"".join(path.read_bytes() for path in folder.glob("fireside.db*"))


async def make(person: Person, *scopes: Permission, expire_us: int = 0) -> pb.CreateApiKeyResponse:
    expire_time = Timestamp(seconds=expire_us // 1_000_000, nanos=expire_us % 1_000_000 * 1000) if expire_us else None
    request = pb.CreateApiKeyRequest(name="build", scopes=scopes, expire_time=expire_time)
    return await call(person, "CreateApiKey", request)


@pytest.mark.parametrize("kind", CALLERS)
async def test_a_program_calls_with_a_key_in_its_metadata(kind: str, server: AccountsServer, ann: Person) -> None:
    key = await make(ann)
    async with caller(kind, server.url, {"authorization": f"Bearer {key.secret}"}) as program:
        assert (await program.unary("GetAccount", GET)).account.id == ann.id
        assert not (await program.unary("ListConversations", ListConversationsRequest())).conversations


async def test_the_openai_door_takes_keys(server: AccountsServer, ann: Person) -> None:
    key = await make(ann, PERMISSION_READ_MODELS)
    headers = {"authorization": f"Bearer {key.secret}"}
    async with aiohttp.ClientSession(server.url) as session:
        async with session.get("/v1/models", headers=headers) as response:
            assert response.status == 200
        async with session.get("/v1/models") as response:
            assert response.status == 401
        async with session.get("/v1/models", headers={"authorization": "Bearer fsk_wrong"}) as response:
            assert response.status == 401


async def test_a_key_is_shown_once_and_kept_as_a_hash(server: AccountsServer, ann: Person, tmp_path: Path) -> None:
    made = await make(ann, PERMISSION_CHAT)
    assert made.secret.startswith("fsk_")
    assert len(made.secret) == 47
    assert made.secret.startswith(made.api_key.hint)
    assert len(made.api_key.hint) == 10
    listed = (await call(ann, "ListApiKeys", LIST)).api_keys
    assert listed == [made.api_key]
    assert list(listed[0].scopes) == [PERMISSION_CHAT]
    row = await server.identity.db.read(lambda tx: api_keys.by_hash(tx, hash_of(made.secret)))
    assert row is not None
    # Nothing on the disk but the hash and the ten characters that are shown.
    stored = on_disk(tmp_path)
    assert hash_of(made.secret) in stored
    assert made.secret.encode() not in stored
    assert made.secret[14:].encode() not in stored
    assert await deeds(server, ann.id) == ["key.created"]


async def test_scopes_narrow_what_a_key_may(server: AccountsServer, ann: Person) -> None:
    key = (await make(ann, PERMISSION_READ_MODELS)).secret
    assert (await bearer_call(server.url, key, "ListModels", ListModelsRequest())).models
    assert (await bearer_call(server.url, key, "GetAccount", GET)).account.id == ann.id
    refusal = await bearer_refused(server.url, key, "CreateConversation", CreateConversationRequest())
    assert refusal == ("PERMISSION_DENIED", "PERMISSION_DENIED")


async def test_no_key_changes_what_opens_the_account(server: AccountsServer) -> None:
    ada = await server.person("Ada", ADMIN)
    key = (await make(ada)).secret
    assert (await bearer_call(server.url, key, "ListAccounts", ListAccountsRequest())).accounts
    for method, request in (
        ("CreateApiKey", pb.CreateApiKeyRequest(name="more")),
        ("ListApiKeys", LIST),
        ("DeleteApiKey", pb.DeleteApiKeyRequest(api_key_id="x")),
        ("ListSessions", pb.ListSessionsRequest()),
        ("UpdateProfile", pb.UpdateProfileRequest(name="x")),
        ("ChangePassword", pb.ChangePasswordRequest(new_password="x" * 10)),
        ("DeleteAccount", pb.DeleteAccountRequest(email="ada@example.org")),
    ):
        assert await bearer_refused(server.url, key, method, request) == ("PERMISSION_DENIED", "PERMISSION_DENIED")


@pytest.mark.parametrize("scope", [PERMISSION_MANAGE_PEOPLE, PERMISSION_OWN_ACCOUNT, PERMISSION_API_KEYS])
async def test_a_key_gets_no_more_than_its_maker_may_give(scope: Permission, ann: Person) -> None:
    request = pb.CreateApiKeyRequest(name="greedy", scopes=[PERMISSION_CHAT, scope])
    assert await refused(ann, "CreateApiKey", request) == ("PERMISSION_DENIED", "SCOPE_TOO_WIDE")


async def test_a_scope_is_a_permission(ann: Person) -> None:
    request = pb.CreateApiKeyRequest(name="odd", scopes=[PERMISSION_UNSPECIFIED])
    assert (await refused(ann, "CreateApiKey", request))[0] == "INVALID_ARGUMENT"


async def test_guests_make_no_keys(server: AccountsServer) -> None:
    gus = await server.person("Gus", GUEST)
    refusal = await refused(gus, "CreateApiKey", pb.CreateApiKeyRequest(name="x"))
    assert refusal == ("PERMISSION_DENIED", "PERMISSION_DENIED")


async def test_a_key_may_what_its_account_may_now(server: AccountsServer) -> None:
    ada = await server.person("Ada", ADMIN)
    ben = await server.person("Ben", ADMIN)
    key = (await make(ben, PERMISSION_MANAGE_PEOPLE)).secret
    assert (await bearer_call(server.url, key, "ListAccounts", ListAccountsRequest())).accounts
    account = (await bearer_call(server.url, key, "GetAccount", GET)).account
    account.role = GUEST
    await server.identity.changes.write(ben.id, lambda tx: accounts.update(tx, account))
    refusal = await bearer_refused(server.url, key, "ListAccounts", ListAccountsRequest())
    assert refusal == ("PERMISSION_DENIED", "PERMISSION_DENIED")
    account = (await bearer_call(server.url, key, "GetAccount", GET)).account
    account.state = ACCOUNT_STATE_DISABLED
    await server.identity.changes.write(ben.id, lambda tx: accounts.update(tx, account))
    assert await bearer_refused(server.url, key, "GetAccount", GET) == KEY_INVALID
    assert (await call(ada, "GetAccount", GET)).account.id == ada.id


async def test_a_key_that_has_ended_opens_nothing(server: AccountsServer, ann: Person) -> None:
    request = pb.CreateApiKeyRequest(name="late", expire_time=Timestamp(seconds=1))
    assert await refused(ann, "CreateApiKey", request) == ("INVALID_ARGUMENT", "EXPIRE_TIME_PAST")
    now = now_us()
    made = await make(ann, expire_us=now + 60_000_000)
    assert made.api_key.expire_time.ToMicroseconds() == now + 60_000_000
    keys = server.identity.keys
    assert await keys.look_up(made.secret) is not None
    later = type(keys)(server.identity.db, server.identity.changes, clock=lambda: now + 60_000_000)
    assert await later.look_up(made.secret) is None


@pytest.mark.parametrize("key", ["fsk_wrong", "fsk_", "wrong", "fss_wrong", "sk-" + "x" * 40])
async def test_a_wrong_key_opens_nothing(key: str, server: AccountsServer) -> None:
    assert await bearer_refused(server.url, key, "GetAccount", GET) == KEY_INVALID


async def test_a_deleted_key_ends_with_its_streams(server: AccountsServer, ann: Person) -> None:
    key = await make(ann)
    other = await make(ann)
    async with caller("grpcio", server.url, {"authorization": f"Bearer {key.secret}"}) as program:
        stream = program.stream("WatchEvents", WatchEventsRequest())
        await anext(stream)
        request = pb.DeleteApiKeyRequest(api_key_id=key.api_key.id)
        await call(ann, "DeleteApiKey", request)
        async with asyncio.timeout(1):
            assert await end_of(stream) == "UNAUTHENTICATED"
        with pytest.raises(CallError) as caught:
            await program.unary("GetAccount", GET)
        assert (caught.value.code, reason(caught.value)) == KEY_INVALID
    assert await refused(ann, "DeleteApiKey", request) == ("NOT_FOUND", "KEY_NOT_FOUND")
    assert (await call(ann, "ListApiKeys", LIST)).api_keys == [other.api_key]
    assert (await bearer_call(server.url, other.secret, "GetAccount", GET)).account.id == ann.id


async def test_a_key_is_deleted_by_its_owner_alone(server: AccountsServer, ann: Person) -> None:
    ben = await server.person("Ben")
    key = await make(ann)
    request = pb.DeleteApiKeyRequest(api_key_id=key.api_key.id)
    assert await refused(ben, "DeleteApiKey", request) == ("NOT_FOUND", "KEY_NOT_FOUND")
    assert not (await call(ben, "ListApiKeys", LIST)).api_keys
    assert (await bearer_call(server.url, key.secret, "GetAccount", GET)).account.id == ann.id


async def test_the_last_use_is_told_to_within_a_minute(server: AccountsServer, ann: Person) -> None:
    key = await make(ann)
    assert not key.api_key.HasField("last_use_time")
    before = now_us()
    await bearer_call(server.url, key.secret, "GetAccount", GET)
    listed = (await call(ann, "ListApiKeys", LIST)).api_keys
    first = listed[0].last_use_time.ToMicroseconds()
    assert first >= before
    await bearer_call(server.url, key.secret, "GetAccount", GET)
    again = (await call(ann, "ListApiKeys", LIST)).api_keys
    assert again[0].last_use_time.ToMicroseconds() == first


async def test_there_are_at_most_a_hundred(ann: Person) -> None:
    request = pb.CreateApiKeyRequest(name="k")
    async with ann.caller() as hers:
        for _ in range(100):
            await hers.unary("CreateApiKey", request)
    assert await refused(ann, "CreateApiKey", request) == ("FAILED_PRECONDITION", "TOO_MANY_KEYS")
