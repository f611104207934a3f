"""Taking all of one's own along, and leaving for good."""

from __future__ import annotations

import asyncio
import io
import json
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from fireside.gen.v1 import account_service_pb2 as pb
from fireside.gen.v1.account_pb2 import Account
from fireside.gen.v1.auth_service_pb2 import SignInRequest
from fireside.gen.v1.chat_service_pb2 import (
    GenerateRequest,
    StartGenerationRequest,
    WatchEventsRequest,
    WatchGenerationRequest,
)
from fireside.gen.v1.conversation_service_pb2 import DeleteConversationRequest
from fireside.gen.v1.share_pb2 import SHARE_ROLE_VIEWER
from fireside.gen.v1.share_service_pb2 import CreateShareRequest
from fireside.store import audit_events, generations
from fireside.store.audit_events import Filter
from tests.accounts import ADMIN, PASSWORD, AccountsServer, Person, accounts_server
from tests.knowledge_calls import bring, have_collection
from tests.own_calls import bearer_refused, browse, call, deeds, end_of, half_an_hour_later, publicly_refused, refused
from tests.rig import send
from tests.served import serve

DELETE = pb.DeleteAccountRequest(email="ANN@example.org")


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[AccountsServer]:
    async with accounts_server(tmp_path) as opened:
        yield opened


@pytest.fixture
async def ann(server: AccountsServer) -> Person:
    return await server.person("Ann", password=PASSWORD)


async def talk(person: Person, text: str, model: str = "echo") -> str:
    """A question and its answer. Returns the conversation's id."""
    spec = send(model, text)
    async with person.caller() as hers:
        async for _ in hers.stream("Generate", GenerateRequest(spec=spec)):
            pass
    return spec.conversation_id


async def exported(person: Person, kind: str = "connect-h2") -> dict[str, Any]:
    """The files of the archive, as what their JSON says."""
    async with person.caller(kind) as hers:
        pieces = [piece.data async for piece in hers.stream("ExportAccount", pb.ExportAccountRequest())]
    assert all(len(piece) <= 256 * 1024 for piece in pieces)
    archive = zipfile.ZipFile(io.BytesIO(b"".join(pieces)))
    assert archive.testzip() is None
    return {name: json.loads(archive.read(name)) for name in archive.namelist()}


@pytest.mark.parametrize("kind", ["grpcio", "connect-h1", "connect-h2", "connect-json-h2", "grpc-web-h1"])
async def test_all_of_an_account_comes_along_and_nothing_of_others(
    kind: str, server: AccountsServer, ann: Person
) -> None:
    ben = await server.person("Ben")
    await talk(ben, "none of her business")
    live, deleted = await talk(ann, "héllo"), await talk(ann, "gone soon")
    await call(ann, "DeleteConversation", DeleteConversationRequest(conversation_id=deleted))
    key = await call(ann, "CreateApiKey", pb.CreateApiKeyRequest(name="build"))
    recipient = CreateShareRequest(conversation_id=live, email="ben@example.org", role=SHARE_ROLE_VIEWER)
    await call(ann, "CreateShare", recipient)
    async with ann.caller() as client:
        collection = await have_collection(client)
        document = await bring(client, b"of hers", collection_id=collection.id)
    files = await exported(ann, kind)
    assert [each["name"] for each in files["collections.json"]] == ["Papers"]
    assert [(each["id"], each["collectionId"], each["name"]) for each in files["documents.json"]] == [
        (document.id, collection.id, "notes.md")
    ]
    assert set(files) == {
        "account.json",
        "groups.json",
        "sessions.json",
        "api_keys.json",
        "passkeys.json",
        "shares.json",
        "collections.json",
        "documents.json",
        "audit_events.json",
        f"conversations/{live}.json",
        f"conversations/{deleted}.json",
    }
    assert files["account.json"]["email"] == "ann@example.org"
    assert [each["name"] for each in files["api_keys.json"]] == ["build"]
    assert [each["action"] for each in files["audit_events.json"]] == ["key.created", "share.created"]
    assert [(each["conversationId"], each["role"]) for each in files["shares.json"]] == [(live, "SHARE_ROLE_VIEWER")]
    assert len(files["sessions.json"]) == 1
    kept = files[f"conversations/{live}.json"]
    assert kept["conversation"]["id"] == live
    assert [message["role"] for message in kept["messages"]] == ["ROLE_USER", "ROLE_ASSISTANT"]
    assert all("héllo" in json.dumps(message, ensure_ascii=False) for message in kept["messages"])
    assert "deleteTime" in files[f"conversations/{deleted}.json"]["conversation"]
    told = json.dumps(files)
    for secret in (key.secret, ann.token, "$argon2", "none of her business"):
        assert secret not in told
    assert (await deeds(server, ann.id))[0] == "account.exported"


async def test_a_large_account_comes_in_pieces(ann: Person) -> None:
    for _ in range(3):
        await talk(ann, "x", "tokens=6000,burst=500")
    files = await exported(ann)
    conversations = [content for name, content in files.items() if name.startswith("conversations/")]
    assert len(conversations) == 3
    assert all(len(json.dumps(each["messages"][1])) > 20_000 for each in conversations)


async def test_a_server_without_sign_in_lets_its_owner_take_all_along(tmp_path: Path) -> None:
    async with serve(tmp_path) as served:
        local = Person(served.url, Account(), "")
        conversation = await talk(local, "hello")
        files = await exported(local)
    assert files["account.json"]["id"] == "local"
    assert len(files[f"conversations/{conversation}.json"]["messages"]) == 2


async def test_leaving_needs_a_fresh_password_and_the_address(server: AccountsServer, ann: Person) -> None:
    mismatch = pb.DeleteAccountRequest(email="ben@example.org")
    assert await refused(ann, "DeleteAccount", mismatch) == ("INVALID_ARGUMENT", "EMAIL_MISMATCH")
    await half_an_hour_later(server, ann)
    assert await refused(ann, "DeleteAccount", DELETE) == ("FAILED_PRECONDITION", "CONFIRM_PASSWORD")
    assert (await call(ann, "GetAccount", pb.GetAccountRequest())).account.id == ann.id


async def test_who_leaves_takes_everything_along(server: AccountsServer, ann: Person) -> None:
    await talk(ann, "hello")
    elsewhere = await server.again(ann)
    key = await call(ann, "CreateApiKey", pb.CreateApiKeyRequest(name="build"))
    running = send("tokens=100000,pace=20ms")
    await call(ann, "StartGeneration", StartGenerationRequest(spec=running))
    async with elsewhere.caller("grpcio") as there:
        events = there.stream("WatchEvents", WatchEventsRequest())
        answer = there.stream("WatchGeneration", WatchGenerationRequest(generation_id=running.generation_id))
        await anext(events)
        await anext(answer)
        left = await browse(server.url, "DeleteAccount", DELETE, ann.token)
        async with asyncio.timeout(1):
            assert await end_of(events) == "UNAUTHENTICATED"
            assert await end_of(answer) == "UNAUTHENTICATED"
    assert left.cookie == ""
    get = pb.GetAccountRequest()
    for gone in (ann, elsewhere):
        assert await refused(gone, "GetAccount", get) == ("UNAUTHENTICATED", "SESSION_ENDED")
    assert (await bearer_refused(server.url, key.secret, "GetAccount", get))[1] == "KEY_INVALID"
    again = SignInRequest(email="ann@example.org", password=PASSWORD)
    assert (await publicly_refused(server, "SignIn", again))[1] == "SIGN_IN_FAILED"
    db = server.identity.db
    assert not await db.read(lambda tx: generations.running(tx, None))
    for table in ("conversations", "generations", "sessions", "api_keys", "account_events"):
        assert not await db.read(lambda tx, table=table: tx.fetch(f"SELECT 1 FROM {table} WHERE owner = $1", ann.id))  # noqa: S608
    # What was done outlives who did it; and somebody else may have the address now.
    assert "account.removed" in await deeds(server, ann.id)
    assert (await server.person("Ann")).id != ann.id


async def test_the_last_admin_stays(server: AccountsServer) -> None:
    ada = await server.set_up()
    running = send("tokens=100000,pace=20ms")
    await call(ada, "StartGeneration", StartGenerationRequest(spec=running))
    request = pb.DeleteAccountRequest(email="ada@example.org")
    assert await refused(ada, "DeleteAccount", request) == ("FAILED_PRECONDITION", "LAST_ADMIN")
    # Nothing was ended for it.
    assert len(await server.identity.db.read(lambda tx: generations.running(tx, ada.id))) == 1
    await server.person("Bea", ADMIN)
    await call(ada, "DeleteAccount", request)
    assert not await server.identity.db.read(lambda tx: generations.running(tx, None))


async def test_an_admin_can_read_afterwards_that_somebody_left(server: AccountsServer, ann: Person) -> None:
    await call(ann, "DeleteAccount", DELETE)
    found = await server.identity.db.read(lambda tx: audit_events.page(tx, Filter(action="account.removed"), 10))
    assert [(event.actor_id, event.actor_email, event.target_name) for event in found] == [
        (ann.id, "ann@example.org", "Ann")
    ]
