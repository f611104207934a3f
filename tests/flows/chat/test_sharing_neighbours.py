"""Sharing between two engines on one database, as two processes have them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing

import pytest

from fireside.chat.presence import View
from fireside.chat.wire import events_of
from fireside.core.clock import now_us
from fireside.core.errors import NotFoundError
from fireside.core.principal import Principal
from fireside.gen.v1.message_pb2 import FINISH_REASON_STOPPED
from fireside.gen.v1.policy_pb2 import LINK_SHARING_OFF
from fireside.gen.v1.share_pb2 import SHARE_ROLE_EDITOR
from fireside.store.db import StoreOptions, open_database
from fireside.store.hold import hold
from tests.rig import send
from tests.shared_rig import ANN, BOB, HERE, SLOW, TEAM, Rules, SharedRig, have_people, open_shared_rig

WAIT = 60.0
# A second is promised. A busy machine gets more, though less than looking around by the clock would take.
SOON = 3.0


@pytest.fixture
async def pair(database_url: str) -> AsyncIterator[tuple[SharedRig, SharedRig]]:
    """Two towns with connections of their own."""
    held = await asyncio.to_thread(hold, database_url)
    rules = Rules()
    async with AsyncExitStack() as stack:
        if held is not None:
            stack.callback(os.close, held)
        towns: list[SharedRig] = []
        for _ in range(2):
            db = await open_database(database_url, StoreOptions(shared=True))
            stack.push_async_callback(db.close)
            if not towns:
                await have_people(db)
            towns.append(await stack.enter_async_context(open_shared_rig(db, rules)))
        yield towns[0], towns[1]


async def test_what_one_writes_guests_read_through_the_other(pair: tuple[SharedRig, SharedRig]) -> None:
    here, there = pair
    conversation_id, _ = await here.begun()
    await here.share(conversation_id, "bob", SHARE_ROLE_EDITOR)
    head = (await there.rig.branch(conversation_id, BOB))[-1].id
    spec = send("tokens=200,pace=2ms", "from Bob", conversation_id, head)
    async with asyncio.timeout(WAIT):
        await there.rig.engine.start(BOB, spec)
        read = await asyncio.gather(*(town.rig.read(spec.generation_id, 0, who) for town in pair for who in (ANN, BOB)))
    assert len(set(read)) == 1
    assert [event.seq for event in events_of(read[0])] == list(range(1, 203))
    slow = send(SLOW, "more", conversation_id, spec.answer_id)
    await there.rig.engine.start(BOB, slow)
    stopped = await here.rig.engine.stop(ANN, slow.generation_id)
    assert stopped.finish_reason == FINISH_REASON_STOPPED


async def followed(town: SharedRig, who: Principal, generation_id: str, ready: asyncio.Event) -> list[int]:
    """The numbers that a browser of somebody's gets of a log, until it has twenty."""
    follower = town.follower(who)
    seen: list[int] = []
    async with aclosing(follower):
        await follower.follow_events("")
        follower.follow_running({})
        ready.set()
        async with aclosing(follower.batches()) as batches:
            async for batch in batches:
                assert batch.error is None
                if batch.generation_id == generation_id:
                    seen += [event.seq for event in events_of(batch.payload) if event.seq]
                    if len(seen) >= 20:
                        return seen
    raise AssertionError("the stream ended")


@pytest.mark.parametrize("first", ["share", "answer"])
async def test_browsers_of_guests_follow_what_the_other_writes(pair: tuple[SharedRig, SharedRig], first: str) -> None:
    here, there = pair
    conversation_id, generation_id = await here.begun(SLOW if first == "answer" else "tokens=1")
    spec = send(SLOW, "more", conversation_id, "")
    if first == "share":
        await here.share(conversation_id)
        generation_id = spec.generation_id
    ready = asyncio.Event()
    async with asyncio.timeout(WAIT), asyncio.TaskGroup() as group:
        task = group.create_task(followed(there, BOB, generation_id, ready))
        await ready.wait()
        if first == "share":
            await here.rig.engine.start(ANN, spec)
        else:
            await here.share(conversation_id)
        seen = await task
    assert seen == list(range(1, len(seen) + 1))
    await here.rig.engine.stop(ANN, generation_id)


@pytest.mark.parametrize("how", ["delete", "expire", "group"])
async def test_streams_through_the_other_end_when_access_does(pair: tuple[SharedRig, SharedRig], how: str) -> None:
    here, there = pair
    conversation_id, generation_id = await here.begun(SLOW)
    if how == "group":
        await here.share(conversation_id, TEAM)
        await here.move("bob", into=True)
    share = None if how == "group" else await here.share(conversation_id)
    following = asyncio.Semaphore(0)

    async def watch(town: SharedRig) -> None:
        with pytest.raises(NotFoundError):
            await town.watch(BOB, generation_id, following.release)

    async with asyncio.timeout(WAIT), asyncio.TaskGroup() as group:
        tasks = [group.create_task(watch(town)) for town in pair]
        deleted = lambda event: event.HasField("conversation_deleted")  # noqa: E731
        tasks += [group.create_task(town.events(BOB, deleted, ready=following.release)) for town in pair]
        for _ in range(12):
            await following.acquire()
        if how == "delete":
            assert share is not None
            await here.shares.sharing.delete(ANN, HERE, share.id)
        elif how == "group":
            await here.move("bob", into=False)
        else:
            await here.share(conversation_id, end_us=now_us() + 50_000)
        done, _ = await asyncio.wait(tasks, timeout=SOON)
        assert len(done) == 4
    assert await there.listed(BOB) == []
    await here.rig.engine.stop(ANN, generation_id)


@pytest.mark.parametrize("how", ["delete", "policy"])
async def test_a_link_ends_through_the_other(pair: tuple[SharedRig, SharedRig], how: str) -> None:
    here, there = pair
    conversation_id, generation_id = await here.begun(SLOW)
    token = await here.link(conversation_id)
    reading = asyncio.Event()

    async def watch() -> None:
        async with aclosing(there.shares.links.watch(BOB, token, 60.0)) as answers:
            async for _ in answers:
                reading.set()

    async with asyncio.timeout(WAIT):
        task = asyncio.create_task(watch())
        await reading.wait()
        if how == "delete":
            ((share, *_), _) = await here.shares.sharing.listed(ANN, conversation_id)
            await here.shares.sharing.delete(ANN, HERE, share.id)
        else:
            here.rules.links = LINK_SHARING_OFF

            async def nothing(_tx: object) -> None:
                return None

            await here.changes.write("", nothing)
        done, _ = await asyncio.wait([task], timeout=SOON)
        assert done
    with pytest.raises(NotFoundError):
        task.result()
    await here.rig.engine.stop(ANN, generation_id)


async def test_presence_is_told_through_the_other(pair: tuple[SharedRig, SharedRig]) -> None:
    here, there = pair
    conversation_id, _ = await here.begun()
    await here.share(conversation_id)
    ready = asyncio.Semaphore(0)
    async with asyncio.timeout(WAIT), asyncio.TaskGroup() as group:

        def writes(*names: str) -> asyncio.Task[object]:
            return group.create_task(
                there.events(
                    ANN,
                    lambda e: (
                        e.HasField("presence") and [v.name for v in e.presence.viewers if v.writing] == list(names)
                    ),
                    ready=ready.release,
                )
            )

        tail = writes("Bob")
        await ready.acquire()
        await here.shares.presences.put(BOB, View(conversation_id, "bob", "tab", "Bob", writing=True))
        await tail
        tail = writes()
        await ready.acquire()
        await here.shares.presences.put(BOB, View(conversation_id, "bob", "tab", "Bob", left=True))
        await tail
