"""The own account on both databases: where rows go with an account, and where two try at once."""

from __future__ import annotations

import asyncio
import io
import tracemalloc
import zipfile
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest

from fireside.core.clock import now_us
from fireside.gen.v1 import account_service_pb2 as pb
from fireside.gen.v1.auth_service_pb2 import SignUpRequest
from fireside.gen.v1.chat_service_pb2 import GenerateRequest, StartGenerationRequest, WatchEventsRequest
from fireside.gen.v1.conversation_pb2 import Conversation
from fireside.gen.v1.group_pb2 import Group
from fireside.gen.v1.invitation_pb2 import Invitation
from fireside.gen.v1.message_pb2 import Message
from fireside.identity import links
from fireside.store import conversations, groups, messages
from fireside.store.records import timestamp_of
from fireside.store.tx import Tx
from tests.accounts import ADMIN, HERE, PASSWORD, AccountsServer, accounts_server
from tests.callers import CallError, caller
from tests.own_calls import bearer_call, bearer_refused, call, end_of, public, reason
from tests.rig import send, text_part


@pytest.fixture(params=["sqlite", "postgresql"])
def settings(request: pytest.FixtureRequest) -> dict[str, str]:
    return {} if request.param == "sqlite" else {"database_url": request.getfixturevalue("postgres_url")}


@pytest.fixture
async def server(settings: dict[str, str], tmp_path: Path) -> AsyncIterator[AccountsServer]:
    async with accounts_server(tmp_path, **settings) as opened:
        yield opened


async def test_everything_goes_with_an_account(server: AccountsServer) -> None:
    ann, ben = await server.person("Ann"), await server.person("Ben")
    db = server.identity.db
    await db.write(lambda tx: groups.insert(tx, Group(id="g", name="Research")))
    await db.write(lambda tx: groups.add_members(tx, "g", [ann.id, ben.id]))
    for person in (ann, ben):
        async with person.caller() as theirs:
            async for _ in theirs.stream("Generate", GenerateRequest(spec=send("echo"))):
                pass
        await call(person, "CreateApiKey", pb.CreateApiKeyRequest(name="build"))
        await call(person, "StartGeneration", StartGenerationRequest(spec=send("tokens=100000,pace=20ms")))
    await call(ann, "DeleteAccount", pb.DeleteAccountRequest(email="ann@example.org"))

    async def counts(tx: Tx) -> list[object]:
        tables = ("conversations", "generations", "account_events", "sessions", "api_keys")
        mine = [(await tx.fetch(f"SELECT count(*) FROM {table} WHERE owner = $1", ann.id))[0][0] for table in tables]  # noqa: S608
        his = [(await tx.fetch(f"SELECT count(*) FROM {table} WHERE owner = $1", ben.id))[0][0] for table in tables]  # noqa: S608
        return [max(mine), min(his), await groups.members(tx, "g"), len(await tx.fetch("SELECT 1 FROM messages"))]

    most, least, members, left = await db.read(counts)
    assert most == 0
    assert least
    assert members == {ben.id}
    assert left == 4


async def test_an_invitation_makes_one_account_of_many_who_try_at_once(server: AccountsServer) -> None:
    identity = server.identity
    record = Invitation(invited_by="Ada").SerializeToString()
    _, token = await identity.db.write(lambda tx: identity.links.make(tx, links.INVITATION, 60, record))

    async def sign_up(number: int) -> str:
        request = SignUpRequest(name="Gus", email=f"gus{number}@example.org", password=PASSWORD, invitation=token)
        try:
            return (await public(server, "SignUp", request)).account.email
        except CallError as error:
            return reason(error)

    answers = sorted(await asyncio.gather(*(sign_up(number) for number in range(6))))
    assert answers[:5] == ["INVITATION_ENDED"] * 5
    assert answers[5].startswith("gus")


async def test_of_two_admins_who_leave_at_once_one_stays(server: AccountsServer) -> None:
    admins = [await server.person(name, ADMIN) for name in ("Ada", "Bea")]

    async def leave(email: str, at: int) -> str:
        try:
            await call(admins[at], "DeleteAccount", pb.DeleteAccountRequest(email=email))
        except CallError as error:
            return reason(error)
        return "left"

    answers = sorted(await asyncio.gather(leave("ada@example.org", 0), leave("bea@example.org", 1)))
    assert answers == ["LAST_ADMIN", "left"]


async def test_an_export_needs_no_more_memory_for_more(server: AccountsServer) -> None:
    ann = await server.person("Ann")
    who = await server.principal(ann)
    db = server.identity.db
    text = "wörds that are not all the same " * 2_000
    for conversation in range(2):
        made = Conversation(id=f"c{conversation}", title="Long", update_time=timestamp_of(now_us()))
        await db.write(lambda tx, made=made: conversations.insert(tx, ann.id, made))
        for number in range(150):
            message = Message(
                id=f"m{conversation}-{number}", conversation_id=made.id, parts=[text_part(f"{number} {text}")]
            )
            await db.write(lambda tx, message=message: messages.insert(tx, message))
    archive, largest = io.BytesIO(), 0
    tracemalloc.start()
    async with aclosing(server.identity.exports.export(who, HERE)) as pieces:
        async for piece in pieces:
            archive.write(piece)
            largest = max(largest, tracemalloc.get_traced_memory()[1])
    tracemalloc.stop()
    # It holds 20 MB; a batch of messages with its JSON is what is in memory at a time.
    opened = zipfile.ZipFile(archive)
    assert sum(info.file_size for info in opened.infolist()) > 19_000_000
    assert largest < 12_000_000


async def test_a_key_that_is_deleted_in_one_process_ends_in_the_others(tmp_path: Path, postgres_url: str) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    async with (
        accounts_server(first, database_url=postgres_url) as here,
        accounts_server(second, database_url=postgres_url) as there,
    ):
        ann = await here.person("Ann")
        key = await call(ann, "CreateApiKey", pb.CreateApiKeyRequest(name="build"))
        assert (await bearer_call(there.url, key.secret, "GetAccount", pb.GetAccountRequest())).account.id == ann.id
        async with caller("grpcio", there.url, {"authorization": f"Bearer {key.secret}"}) as program:
            stream = program.stream("WatchEvents", WatchEventsRequest())
            await anext(stream)
            await call(ann, "DeleteApiKey", pb.DeleteApiKeyRequest(api_key_id=key.api_key.id))
            async with asyncio.timeout(1):
                assert await end_of(stream) == "UNAUTHENTICATED"
        refusal = await bearer_refused(there.url, key.secret, "GetAccount", pb.GetAccountRequest())
        assert refusal == ("UNAUTHENTICATED", "KEY_INVALID")
