"""Links to conversations: what they show, to whom, live, and until when."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from fireside.chat.conversations import Change
from fireside.chat.sharing import Gift
from fireside.core.clock import now_us
from fireside.core.errors import NotFoundError, OutOfRangeError, PermissionDeniedError, UnauthenticatedError
from fireside.core.principal import ANONYMOUS
from fireside.gen.v1.message_pb2 import MESSAGE_STATE_DONE, MESSAGE_STATE_RUNNING, Message
from fireside.gen.v1.policy_pb2 import LINK_SHARING_ACCOUNTS, LINK_SHARING_ANYONE, LINK_SHARING_OFF
from fireside.gen.v1.share_pb2 import SHARE_ROLE_EDITOR, SHARE_ROLE_VIEWER
from fireside.gen.v1.share_service_pb2 import WatchSharedConversationResponse
from fireside.identity.changes import EVERYBODY
from fireside.store import shares
from fireside.store.db import Database
from tests.rig import regenerate, send, text_of
from tests.shared_rig import ANN, BOB, HERE, SLOW, SharedRig, have_people, open_shared_rig

WAIT = 30.0
# A second is promised. A busy machine gets more, though less than looking around by the clock would take.
SOON = 3.0


@pytest.fixture
async def town(db: Database) -> AsyncIterator[SharedRig]:
    await have_people(db)
    async with open_shared_rig(db) as opened:
        yield opened


async def test_a_link_shows_the_selected_branch_and_nothing_private(town: SharedRig) -> None:
    conversation_id, _ = await town.begun()
    await town.share(conversation_id, "bob", SHARE_ROLE_EDITOR)
    head = (await town.rig.branch(conversation_id, ANN))[-1].id
    for spec in (send("tokens=2", "from Bob", conversation_id, head), regenerate("tokens=1", head)):
        await town.rig.engine.start(BOB, spec)
        await town.rig.read(spec.generation_id, 0, BOB)
    token = await town.link(conversation_id)
    assert token.startswith("fsh_")
    page = await town.shares.links.read(BOB, token, 0, "")
    branch = await town.rig.branch(conversation_id, ANN)
    assert [text_of(message) for message in page.messages] == [text_of(message) for message in branch]
    assert (page.conversation.title, page.conversation.owner_name, page.running) == ("hello", "Ann", "")
    for message in page.messages:
        assert (message.author_id, message.author_name, list(message.sibling_ids), message.etag) == ("", "", [], "")
    town.rules.links = LINK_SHARING_ANYONE
    assert (await town.shares.links.read(ANONYMOUS, token, 0, "")).conversation.owner_name == ""


async def test_pages_of_a_link(town: SharedRig) -> None:
    conversation_id, _ = await town.begun()
    token = await town.link(conversation_id)
    newest = await town.shares.links.read(BOB, token, 1, "")
    older = await town.shares.links.read(BOB, token, 1, newest.next_page_token)
    branch = [message.id for message in await town.rig.branch(conversation_id, ANN)]
    assert [message.id for page in (older, newest) for message in page.messages] == branch
    assert older.next_page_token == ""
    with pytest.raises(OutOfRangeError):
        await town.shares.links.read(BOB, token, 1, "nonsense")


async def test_the_policy_decides_when_it_is_made_and_whenever_it_is_read(town: SharedRig) -> None:
    conversation_id, _ = await town.begun()
    token = await town.link(conversation_id)
    links = town.shares.links
    for wrong in (token, "fsh_none"):
        with pytest.raises(UnauthenticatedError) as signed_out:
            await links.read(ANONYMOUS, wrong, 0, "")
        assert signed_out.value.reason == "SIGN_IN_TO_READ"
    with pytest.raises(NotFoundError):
        await links.read(BOB, "fsh_none", 0, "")
    town.rules.links = LINK_SHARING_OFF
    for who in (ANONYMOUS, BOB, ANN):
        with pytest.raises(NotFoundError):
            await links.read(who, token, 0, "")
    with pytest.raises(PermissionDeniedError) as caught:
        await town.shares.sharing.create(ANN, HERE, Gift(conversation_id, SHARE_ROLE_VIEWER))
    assert caught.value.reason == "LINKS_OFF"


async def test_the_token_is_stored_as_a_hash_alone(town: SharedRig) -> None:
    conversation_id, _ = await town.begun()
    token = await town.link(conversation_id)
    rows = await town.rig.db.read(lambda tx: tx.fetch("SELECT id, token_hash, record, role FROM shares"))
    assert token.encode() not in b"".join(str(value).encode() for row in rows for value in row)
    (listed,) = await town.rig.db.read(lambda tx: shares.of_conversation(tx, conversation_id))
    assert (listed.link, listed.role) == (True, SHARE_ROLE_VIEWER)


async def test_a_link_gives_no_account_access(town: SharedRig) -> None:
    conversation_id, generation_id = await town.begun()
    await town.link(conversation_id)
    assert await town.listed(BOB) == []
    for call in (town.rig.conversations.get(BOB, conversation_id), town.rig.read(generation_id, 0, BOB)):
        with pytest.raises(NotFoundError):
            await call


async def test_a_reader_of_a_link_sees_the_answer_grow_to_its_end(town: SharedRig) -> None:
    conversation_id, _ = await town.begun()
    token = await town.link(conversation_id)
    head = (await town.rig.branch(conversation_id, ANN))[-1]
    spec = send("tokens=300,pace=3ms", "more", conversation_id, head.id)
    seen: list[Message] = []
    changed = False
    async with asyncio.timeout(WAIT), aclosing(town.shares.links.watch(BOB, token, 0.5)) as answers:
        async for payload in answers:
            answer = WatchSharedConversationResponse.FromString(payload)
            if answer.heartbeat and not seen and not changed:
                await town.rig.engine.start(ANN, spec)
            changed = changed or answer.changed
            if answer.HasField("running"):
                seen.append(answer.running)
                if answer.running.state == MESSAGE_STATE_DONE:
                    break
    assert changed
    assert seen[0].state == MESSAGE_STATE_RUNNING
    texts = [text_of(message) for message in seen]
    assert all(after.startswith(before) for before, after in itertools.pairwise(texts))
    assert texts[-1] == text_of((await town.rig.branch(conversation_id, ANN))[-1])


async def test_an_answer_beside_the_selected_branch_is_not_shown(town: SharedRig) -> None:
    conversation_id, generation_id = await town.begun(SLOW)
    token = await town.link(conversation_id)
    question, answer = await town.rig.branch(conversation_id, ANN)
    again = regenerate("tokens=40,pace=5ms", question.id)
    ids: set[str] = set()
    async with asyncio.timeout(WAIT):
        await town.rig.engine.start(ANN, again)
        async with aclosing(town.shares.links.watch(BOB, token, 0.5)) as answers:
            async for payload in answers:
                running = WatchSharedConversationResponse.FromString(payload).running
                ids.add(running.id)
                if running.state == MESSAGE_STATE_DONE:
                    break
        await town.rig.engine.stop(ANN, generation_id)
    assert answer.id not in ids
    assert again.answer_id in ids


@pytest.mark.parametrize("end", ["deleted", "over", "off", "conversation"])
async def test_a_stream_ends_with_its_link(town: SharedRig, end: str) -> None:
    conversation_id, generation_id = await town.begun(SLOW)
    token = await town.link(conversation_id)
    if end == "over":
        gift = Gift(conversation_id, SHARE_ROLE_VIEWER, end_us=now_us() + 300_000)
        token = (await town.shares.sharing.create(ANN, HERE, gift))[1].removeprefix("/s/")
    reading = asyncio.Event()

    async def watch() -> None:
        async with aclosing(town.shares.links.watch(BOB, token, 60.0)) as answers:
            async for _ in answers:
                reading.set()

    async with asyncio.timeout(WAIT):
        task = asyncio.create_task(watch())
        await reading.wait()
        if end == "deleted":
            (share, *_) = await town.rig.db.read(lambda tx: shares.of_conversation(tx, conversation_id))
            await town.shares.sharing.delete(ANN, HERE, share.id)
        elif end == "off":
            town.rules.links = LINK_SHARING_OFF
            town.changes.tell(EVERYBODY)
        elif end == "conversation":
            await town.rig.conversations.delete(ANN, conversation_id, Change())
        done, _ = await asyncio.wait([task], timeout=SOON)
        assert done
    with pytest.raises(NotFoundError):
        task.result()
    with pytest.raises(NotFoundError):
        await town.shares.links.read(BOB, token, 0, "")
    if end != "conversation":
        await town.rig.engine.stop(ANN, generation_id)


async def test_people_without_an_account_lose_a_link_that_is_for_accounts_now(town: SharedRig) -> None:
    town.rules.links = LINK_SHARING_ANYONE
    conversation_id, generation_id = await town.begun(SLOW)
    token = await town.link(conversation_id)
    reading = asyncio.Event()

    async def watch() -> None:
        async with aclosing(town.shares.links.watch(ANONYMOUS, token, 60.0)) as answers:
            async for _ in answers:
                reading.set()

    async with asyncio.timeout(WAIT):
        task = asyncio.create_task(watch())
        await reading.wait()
        town.rules.links = LINK_SHARING_ACCOUNTS
        town.changes.tell(EVERYBODY)
        done, _ = await asyncio.wait([task], timeout=SOON)
        assert done
    with pytest.raises(NotFoundError):
        task.result()
    await town.rig.engine.stop(ANN, generation_id)
