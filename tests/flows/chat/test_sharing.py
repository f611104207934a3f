"""Conversations of one person that others have access to: what they see, what they may do, and how it ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing

import pytest

from fireside.chat.conversations import Change, Edit
from fireside.chat.sharing import Gift
from fireside.chat.wire import events_of
from fireside.core.clock import now_us
from fireside.core.errors import (
    FailedPreconditionError,
    InvalidArgumentError,
    NotFoundError,
    PermissionDeniedError,
    ResourceExhaustedError,
)
from fireside.core.principal import Principal
from fireside.gen.v1.generation_pb2 import GenerationSpec
from fireside.gen.v1.message_pb2 import FINISH_REASON_STOPPED
from fireside.gen.v1.share_pb2 import SHARE_ROLE_EDITOR, SHARE_ROLE_OWNER, SHARE_ROLE_VIEWER
from fireside.store.db import Database
from tests.rig import folded, new_uuid, regenerate, resume_answer, send, text_of, text_part
from tests.shared_rig import ANN, BOB, CID, HERE, SLOW, TEAM, SharedRig, have_people, open_shared_rig

WAIT = 30.0
# A second is promised. A busy machine gets more, though less than looking around by the clock would take.
SOON = 3.0


@pytest.fixture
async def town(db: Database) -> AsyncIterator[SharedRig]:
    await have_people(db)
    async with open_shared_rig(db) as opened:
        yield opened


async def test_what_is_shared_is_in_the_list_and_read_like_ones_own(town: SharedRig) -> None:
    conversation_id, generation_id = await town.begun()
    own, _ = await town.begun("tokens=2", BOB)
    assert await town.listed(BOB) == [own]
    share = await town.share(conversation_id, "bob", SHARE_ROLE_EDITOR)
    assert (share.name, share.email, share.role) == ("Bob", "bob@example.org", SHARE_ROLE_EDITOR)
    assert await town.listed(BOB) == [own, conversation_id]
    seen = await town.rig.conversations.get(BOB, conversation_id)
    assert (seen.shared, seen.access, seen.owner_name) == (True, SHARE_ROLE_EDITOR, "Ann")
    hers = await town.rig.conversations.get(ANN, conversation_id)
    assert (hers.shared, hers.access, hers.owner_name) == (True, 0, "")
    assert await town.rig.branch(conversation_id, BOB) == await town.rig.branch(conversation_id, ANN)
    assert await town.rig.read(generation_id, 0, BOB) == await town.rig.read(generation_id, 0, ANN)
    assert (await town.rig.engine.get(BOB, generation_id)).id == generation_id
    assert await town.listed(CID) == []


async def test_pages_and_searches_have_both_in_one_order(town: SharedRig) -> None:
    ids: list[str] = []
    for number in range(6):
        conversation_id, _ = await town.begun("tokens=1", ANN if number % 2 else BOB)
        if number % 2:
            await town.share(conversation_id)
        ids.insert(0, conversation_id)
    seen: list[str] = []
    token = ""
    while True:
        page, token = await town.rig.conversations.page(BOB, query="HELLO", page_size=2, page_token=token)
        seen += [conversation.id for conversation in page]
        if not token:
            break
    assert seen == ids
    assert (await town.rig.conversations.page(BOB, query="none", page_size=2, page_token=""))[0] == []


async def test_two_people_write_and_both_read_the_same_bytes_live(town: SharedRig) -> None:
    conversation_id, _ = await town.begun()
    await town.share(conversation_id, "bob", SHARE_ROLE_EDITOR)
    head = (await town.rig.branch(conversation_id, ANN))[-1]
    spec = send("tokens=200,pace=1ms", "from Bob", conversation_id, head.id)
    logs: list[bytes] = []

    async def follow(who: Principal) -> None:
        follower = town.follower(who)
        pieces: list[bytes] = []
        async with aclosing(follower):
            await follower.follow_events("")
            follower.follow_running({})
            following.release()
            async with aclosing(follower.batches()) as batches:
                async for batch in batches:
                    assert batch.error is None
                    if batch.generation_id == spec.generation_id and events_of(batch.payload)[-1].seq:
                        pieces.append(batch.payload)
                        if events_of(batch.payload)[-1].HasField("ended"):
                            break
        logs.append(b"".join(pieces))

    following = asyncio.Semaphore(0)
    async with asyncio.timeout(WAIT), asyncio.TaskGroup() as group:
        for who in (ANN, BOB):
            group.create_task(follow(who))
        for _ in range(2):
            await following.acquire()
        await town.rig.engine.start(BOB, spec)
        watched = [group.create_task(town.rig.read(spec.generation_id, 0, who)) for who in (ANN, BOB)]
    assert logs[0] == logs[1] == watched[0].result() == watched[1].result()
    question, answer = (await town.rig.branch(conversation_id, ANN))[-2:]
    assert (question.author_id, question.author_name) == ("bob", "Bob")
    assert text_of(answer) == text_of(folded(logs[0]))
    assert await town.rig.branch(conversation_id, BOB) == await town.rig.branch(conversation_id, ANN)
    own = send("tokens=1", "from Ann", conversation_id, answer.id)
    await town.rig.engine.start(ANN, own)
    await town.rig.read(own.generation_id, 0, BOB)
    assert (await town.rig.branch(conversation_id, BOB))[-2].author_id == ""


async def test_the_feeds_of_all_say_what_happens(town: SharedRig) -> None:
    conversation_id, _ = await town.begun()
    await town.share(conversation_id, "bob", SHARE_ROLE_EDITOR)
    following = asyncio.Semaphore(0)
    async with asyncio.timeout(WAIT), asyncio.TaskGroup() as group:
        tails = [
            group.create_task(town.events(who, lambda e: e.HasField("conversation_deleted"), ready=following.release))
            for who in (ANN, BOB)
        ]
        for _ in tails:
            await following.acquire()
        head = (await town.rig.branch(conversation_id, ANN))[-1].id
        spec = send("tokens=2", "more", conversation_id, head)
        await town.rig.engine.start(BOB, spec)
        await town.rig.read(spec.generation_id, 0, BOB)
        await town.rig.conversations.rename(ANN, conversation_id, "Ours", Change())
        await town.rig.conversations.delete(ANN, conversation_id, Change())
    kinds = [
        "ready",
        "conversation_updated",
        "generation_started",
        "generation_ended",
        "conversation_updated",
        "conversation_deleted",
    ]
    ann, bob = (tail.result() for tail in tails)
    assert [event.WhichOneof("kind") for event in ann] == [event.WhichOneof("kind") for event in bob] == kinds
    assert (bob[4].conversation_updated.title, bob[4].conversation_updated.owner_name) == ("Ours", "Ann")
    assert (bob[4].conversation_updated.access, ann[4].conversation_updated.access) == (SHARE_ROLE_EDITOR, 0)
    await town.rig.conversations.undelete(ANN, conversation_id, Change())
    assert await town.listed(BOB) == [conversation_id]


async def test_an_editor_does_all_but_what_is_the_owners(town: SharedRig) -> None:
    conversation_id, _ = await town.begun()
    await town.share(conversation_id, "bob", SHARE_ROLE_EDITOR)
    question, answer = await town.rig.branch(conversation_id, BOB)
    rig = town.rig
    again = regenerate(SLOW, answer.id)
    async with asyncio.timeout(WAIT):
        await rig.engine.start(BOB, again)
        stopped = await rig.engine.stop(BOB, again.generation_id)
        assert stopped.finish_reason == FINISH_REASON_STOPPED
        await rig.engine.start(BOB, again)
        more = resume_answer("tokens=1", conversation_id, stopped.message_id)
        await rig.engine.start(BOB, more)
        await rig.read(more.generation_id, 0, BOB)
        selected = await rig.conversations.select_branch(BOB, answer.id, Change())
        edit = Edit(question.id, new_uuid(), (text_part("changed"),))
        changed, _ = await rig.conversations.edit(BOB, edit)
        spec = GenerationSpec(generation_id=new_uuid(), answer_id=new_uuid(), model="scripted/tokens=1")
        answered, generation = await rig.conversations.edit(
            BOB, Edit(question.id, new_uuid(), (text_part("asked"),), spec=spec)
        )
    assert (selected.head_message_id, selected.access, selected.owner_name) == (answer.id, SHARE_ROLE_EDITOR, "Ann")
    assert (changed.author_id, answered.author_name) == ("bob", "Bob")
    assert generation is not None
    for call in (
        rig.conversations.rename(BOB, conversation_id, "His", Change()),
        rig.conversations.delete(BOB, conversation_id, Change()),
    ):
        with pytest.raises(PermissionDeniedError) as caught:
            await call
        assert caught.value.reason == "OWNER_ONLY"
    await town.rig.conversations.delete(ANN, conversation_id, Change())
    with pytest.raises(NotFoundError):
        await rig.conversations.undelete(BOB, conversation_id, Change())


def writes(town: SharedRig, who: Principal, conversation_id: str, generation_id: str, ids: list[str]) -> list[object]:
    """Every call that changes something, on things that are there."""
    rig, question, answer = town.rig, ids[0], ids[1]
    spec = GenerationSpec(generation_id=new_uuid(), model="scripted/tokens=1")
    return [
        rig.engine.start(who, send("tokens=1", "x", conversation_id)),
        rig.engine.start(who, send("tokens=1", "x", conversation_id, answer)),
        rig.engine.start(who, regenerate("tokens=1", answer)),
        rig.engine.start(who, resume_answer("tokens=1", conversation_id, answer)),
        rig.engine.stop(who, generation_id),
        rig.conversations.select_branch(who, answer, Change()),
        rig.conversations.edit(who, Edit(question, new_uuid(), (text_part("x"),))),
        rig.conversations.edit(who, Edit(question, new_uuid(), (text_part("x"),), spec=spec)),
        rig.conversations.rename(who, conversation_id, "x", Change()),
        rig.conversations.delete(who, conversation_id, Change()),
    ]


@pytest.mark.parametrize("script", ["tokens=3", SLOW])
async def test_a_viewer_changes_nothing(town: SharedRig, script: str) -> None:
    conversation_id, generation_id = await town.begun(script)
    await town.share(conversation_id)
    before = await town.rig.branch(conversation_id, ANN)
    for call in writes(town, BOB, conversation_id, generation_id, [message.id for message in before]):
        assert isinstance(call, Awaitable)
        with pytest.raises(PermissionDeniedError) as caught:
            await call
        assert caught.value.reason == "VIEW_ONLY"
    after = await town.rig.branch(conversation_id, ANN)
    assert [(m.id, m.state) for m in after] == [(m.id, m.state) for m in before]
    await town.rig.engine.stop(ANN, generation_id)


@pytest.mark.parametrize("script", ["tokens=3", SLOW])
async def test_what_is_not_shared_is_not_found_by_any_call(town: SharedRig, script: str) -> None:
    conversation_id, generation_id = await town.begun(script)
    shared, _ = await town.begun()
    await town.share(shared, "bob", SHARE_ROLE_EDITOR)
    ids = [message.id for message in await town.rig.branch(conversation_id, ANN)]
    rig = town.rig
    reads = [
        rig.conversations.get(BOB, conversation_id),
        rig.conversations.undelete(BOB, conversation_id, Change()),
        rig.branch(conversation_id, BOB),
        rig.conversations.messages(BOB, shared, leaf=ids[0], page_size=0, page_token=""),
        rig.engine.get(BOB, generation_id),
        rig.read(generation_id, 0, BOB),
        rig.engine.start(BOB, send("tokens=1", "x", shared, ids[1])),
        town.shares.sharing.listed(BOB, conversation_id),
        town.shares.sharing.leave(BOB, HERE, conversation_id),
        town.shares.sharing.create(BOB, HERE, Gift(conversation_id, SHARE_ROLE_VIEWER, email="cid@example.org")),
    ]
    for call in [*reads, *writes(town, BOB, conversation_id, generation_id, ids)]:
        assert isinstance(call, Awaitable)
        with pytest.raises(NotFoundError):
            await call
    await rig.engine.stop(ANN, generation_id)


async def test_only_the_owner_shares(town: SharedRig) -> None:
    conversation_id, _ = await town.begun()
    share = await town.share(conversation_id, "bob", SHARE_ROLE_EDITOR)
    sharing = town.shares.sharing
    for call in (
        sharing.create(BOB, HERE, Gift(conversation_id, SHARE_ROLE_VIEWER, email="cid@example.org")),
        sharing.listed(BOB, conversation_id),
        sharing.delete(BOB, HERE, share.id),
        sharing.delete(ANN, HERE, "none"),
    ):
        with pytest.raises(NotFoundError):
            await call
    found, groups = await sharing.listed(ANN, conversation_id)
    assert ([item.id for item in found], [group.name for group in groups]) == ([share.id], ["Team"])


async def test_wrong_gifts_are_refused_with_a_reason(town: SharedRig) -> None:
    conversation_id, _ = await town.begun()
    sharing = town.shares.sharing
    cases: list[tuple[Gift, type[Exception], str]] = [
        (Gift(conversation_id, SHARE_ROLE_OWNER, email="bob@example.org"), InvalidArgumentError, "ROLE_INVALID"),
        (Gift(conversation_id, SHARE_ROLE_VIEWER, email="ann@example.org"), InvalidArgumentError, "SHARE_WITH_SELF"),
        (Gift(conversation_id, SHARE_ROLE_VIEWER, group_id="none"), NotFoundError, "GROUP_NOT_FOUND"),
        (Gift(conversation_id, SHARE_ROLE_VIEWER, end_us=1), InvalidArgumentError, "EXPIRE_TIME_PAST"),
    ]
    for gift, kind, reason in cases:
        with pytest.raises(kind) as caught:
            await sharing.create(ANN, HERE, gift)
        assert getattr(caught.value, "reason", "") == reason
    with pytest.raises(NotFoundError):
        await sharing.create(BOB, HERE, Gift(conversation_id, SHARE_ROLE_VIEWER, group_id=TEAM))


async def test_guessing_addresses_is_slowed_down(town: SharedRig) -> None:
    conversation_id, _ = await town.begun()
    gift = Gift(conversation_id, SHARE_ROLE_VIEWER, email="nobody@example.org")
    for _ in range(20):
        with pytest.raises(NotFoundError) as caught:
            await town.shares.sharing.create(ANN, HERE, gift)
        assert caught.value.reason == "ACCOUNT_NOT_FOUND"
    with pytest.raises(ResourceExhaustedError):
        await town.shares.sharing.create(ANN, HERE, gift)


Ending = Callable[[SharedRig, str, str], Awaitable[object]]


async def _delete_share(town: SharedRig, _conversation_id: str, share_id: str) -> None:
    await town.shares.sharing.delete(ANN, HERE, share_id)


async def _leave(town: SharedRig, conversation_id: str, _share_id: str) -> None:
    await town.shares.sharing.leave(BOB, HERE, conversation_id)


async def _expire(town: SharedRig, conversation_id: str, _share_id: str) -> None:
    await town.share(conversation_id, end_us=now_us() + 50_000)


@pytest.mark.parametrize("end", [_delete_share, _leave, _expire])
async def test_streams_end_when_access_does(town: SharedRig, end: Ending) -> None:
    conversation_id, generation_id = await town.begun(SLOW)
    share = await town.share(conversation_id)
    following = asyncio.Semaphore(0)

    async def watch() -> None:
        with pytest.raises(NotFoundError):
            await town.watch(BOB, generation_id, following.release)

    async def follow() -> None:
        follower = town.follower(BOB)
        failed = deleted = False
        async with aclosing(follower):
            await follower.follow_events("")
            follower.follow_running({})
            async with aclosing(follower.batches()) as batches:
                async for batch in batches:
                    if batch.generation_id:
                        following.release()
                    failed = failed or isinstance(batch.error, NotFoundError)
                    deleted = deleted or (not batch.generation_id and conversation_id.encode() in batch.payload)
                    if failed and deleted:
                        return

    async with asyncio.timeout(WAIT), asyncio.TaskGroup() as group:
        tasks = [group.create_task(watch()), group.create_task(follow())]
        for _ in range(4):
            await following.acquire()
        await end(town, conversation_id, share.id)
        done, _ = await asyncio.wait(tasks, timeout=SOON)
        assert len(done) == 2
    assert await town.listed(BOB) == []
    with pytest.raises(NotFoundError):
        await town.rig.read(generation_id, 0, BOB)
    assert (await town.rig.conversations.get(ANN, conversation_id)).shared is False
    await town.rig.engine.stop(ANN, generation_id)


async def test_who_gets_access_follows_what_runs_already(town: SharedRig) -> None:
    conversation_id, generation_id = await town.begun(SLOW)
    follower = town.follower(BOB)
    kinds: list[str | None] = []
    async with asyncio.timeout(WAIT), aclosing(follower):
        await follower.follow_events("")
        follower.follow_running({})
        await town.share(conversation_id)
        async with aclosing(follower.batches()) as batches:
            async for batch in batches:
                if batch.generation_id:
                    assert events_of(batch.payload)[0].seq == 1
                    break
    seen = await town.events(BOB, lambda event: event.HasField("ready"))
    kinds = [generation.id for generation in seen[0].ready.running]
    assert kinds == [generation_id]
    await town.rig.engine.stop(ANN, generation_id)


async def test_a_group_gets_and_loses_access_with_its_members(town: SharedRig) -> None:
    conversation_id, generation_id = await town.begun(SLOW)
    await town.share(conversation_id, TEAM, SHARE_ROLE_EDITOR)
    assert await town.listed(BOB) == []
    following = asyncio.Semaphore(0)
    async with asyncio.timeout(WAIT), asyncio.TaskGroup() as group:
        feed = group.create_task(
            town.events(BOB, lambda e: e.HasField("conversation_deleted"), ready=following.release)
        )
        await following.acquire()
        await town.move("bob", into=True)
        assert await town.listed(BOB) == [conversation_id]

        async def watch() -> None:
            with pytest.raises(NotFoundError):
                await town.watch(BOB, generation_id, following.release)

        watching = group.create_task(watch())
        await following.acquire()
        with pytest.raises(FailedPreconditionError) as caught:
            await town.shares.sharing.leave(BOB, HERE, conversation_id)
        assert caught.value.reason == "SHARED_WITH_GROUP"
        await town.move("bob", into=False)
        done, _ = await asyncio.wait([watching, feed], timeout=SOON)
        assert len(done) == 2
    kinds = [event.WhichOneof("kind") for event in feed.result()]
    assert kinds == ["ready", "conversation_created", "conversation_deleted"]
    assert await town.listed(BOB) == []
    await town.rig.engine.stop(ANN, generation_id)
