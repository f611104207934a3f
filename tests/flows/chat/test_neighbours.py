"""Two engines on one database, as two processes have them: what one writes is followed, stopped and resumed through the other."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing

import pytest

from fireside.chat.conversations import Change
from fireside.chat.elsewhere import POLL_SECONDS
from fireside.chat.follow import Follower
from fireside.chat.wire import events_of
from fireside.core.errors import NotFoundError, OutOfRangeError
from fireside.core.principal import LOCAL, Principal
from fireside.gen.v1 import account_event_pb2, chat_service_pb2, generation_pb2, message_pb2
from fireside.store import account_events, generations
from fireside.store.db import StoreOptions, open_database
from fireside.store.hold import hold
from tests.rig import Rig, folded, open_rig, send, text_of

WAIT = 60.0


@pytest.fixture
async def pair(database_url: str) -> AsyncIterator[tuple[Rig, Rig]]:
    """Two rigs with connections of their own."""
    held = await asyncio.to_thread(hold, database_url)
    async with AsyncExitStack() as stack:
        if held is not None:
            stack.callback(os.close, held)
        rigs: list[Rig] = []
        for _ in range(2):
            db = await open_database(database_url, StoreOptions(shared=True))
            stack.push_async_callback(db.close)
            rigs.append(await stack.enter_async_context(open_rig(db)))
        yield rigs[0], rigs[1]


async def test_the_other_reads_the_same_events_in_order_once_to_the_end(pair: tuple[Rig, Rig]) -> None:
    here, there = pair
    spec = send("tokens=200,pace=2ms")
    await here.engine.start(LOCAL, spec)
    async with asyncio.timeout(WAIT):
        ours, theirs = await asyncio.gather(here.read(spec.generation_id), there.read(spec.generation_id))
    assert theirs == ours
    assert [event.seq for event in events_of(theirs)] == list(range(1, 203))


async def test_news_comes_while_the_answer_runs_and_not_by_the_clock(pair: tuple[Rig, Rig]) -> None:
    here, there = pair
    spec = send("tokens=100000,pace=20ms")
    await here.engine.start(LOCAL, spec)
    began = asyncio.get_running_loop().time()
    batches = 0
    async with asyncio.timeout(WAIT), aclosing(there.engine.watch(LOCAL, spec.generation_id, 0, 60.0)) as tail:
        async for _ in tail:
            batches += 1
            if batches == 12:
                break
    # By polling alone this takes eleven polls.
    assert asyncio.get_running_loop().time() - began < 11 * POLL_SECONDS
    await here.engine.stop(LOCAL, spec.generation_id)


async def test_a_reader_there_sees_the_place_in_the_queue(pair: tuple[Rig, Rig]) -> None:
    here, there = pair
    spec = send("tokens=3,queue=2:60s")
    await here.engine.start(LOCAL, spec)
    async with asyncio.timeout(WAIT), aclosing(there.engine.watch(LOCAL, spec.generation_id, 0, 60.0)) as tail:
        async for payload in tail:
            beat = events_of(payload)[-1].heartbeat
            if beat.phase:
                break
    assert (beat.phase, beat.queue_position) == (generation_pb2.PHASE_QUEUED, 2)
    await here.engine.stop(LOCAL, spec.generation_id)


async def test_many_readers_of_many_logs(pair: tuple[Rig, Rig]) -> None:
    here, there = pair
    specs = [send("tokens=60,pace=3ms") for _ in range(20)]
    await asyncio.gather(*(here.engine.start(LOCAL, spec) for spec in specs))
    async with asyncio.timeout(WAIT):
        read = await asyncio.gather(*(there.read(spec.generation_id) for spec in specs for _ in range(2)))
    for payload in read:
        assert [event.seq for event in events_of(payload)] == list(range(1, 63))


async def test_a_reader_who_has_seen_more_than_is_stored_goes_on_there(pair: tuple[Rig, Rig]) -> None:
    here, there = pair
    spec = send("tokens=300,pace=1ms")
    await here.engine.start(LOCAL, spec)
    async with asyncio.timeout(WAIT):
        seen, last = await here.read_until(spec.generation_id, 40)
        rest = await there.read(spec.generation_id, last)
    assert [event.seq for event in events_of(seen + rest)] == list(range(1, 303))
    assert text_of(folded(seen + rest)) == text_of((await there.branch(spec.conversation_id))[-1])


async def test_a_stop_through_the_other_is_durable_when_it_returns(pair: tuple[Rig, Rig]) -> None:
    here, there = pair
    spec = send("tokens=100000,pace=5ms")
    await here.engine.start(LOCAL, spec)
    async with asyncio.timeout(WAIT):
        await there.read_until(spec.generation_id, 5)
        stopped = await there.engine.stop(LOCAL, spec.generation_id)
        events = events_of(await here.read(spec.generation_id))
    assert stopped.state == generation_pb2.GENERATION_STATE_ENDED
    assert stopped.finish_reason == message_pb2.FINISH_REASON_STOPPED
    assert events[-1].ended.finish_reason == message_pb2.FINISH_REASON_STOPPED
    assert (await there.engine.stop(LOCAL, spec.generation_id)) == stopped


async def test_a_page_of_messages_has_what_the_other_has_written_so_far(pair: tuple[Rig, Rig]) -> None:
    here, there = pair
    spec = send("tokens=100000,pace=5ms")
    await here.engine.start(LOCAL, spec)
    async with asyncio.timeout(WAIT):
        seen, _ = await there.read_until(spec.generation_id, 20)
        answer = (await there.branch(spec.conversation_id))[-1]
        assert text_of(answer).startswith(text_of(folded(seen)))
        assert answer.state == message_pb2.MESSAGE_STATE_RUNNING
        await here.engine.stop(LOCAL, spec.generation_id)


async def test_deleting_a_conversation_stops_what_the_other_writes_in_it(pair: tuple[Rig, Rig]) -> None:
    here, there = pair
    spec = send("tokens=100000,pace=5ms")
    await here.engine.start(LOCAL, spec)
    async with asyncio.timeout(WAIT):
        await there.conversations.delete(LOCAL, spec.conversation_id, Change())
        record = await there.engine.get(LOCAL, spec.generation_id)
    assert record.finish_reason == message_pb2.FINISH_REASON_STOPPED


async def test_it_stays_the_accounts_own(pair: tuple[Rig, Rig]) -> None:
    here, there = pair
    spec = send("tokens=100000,pace=5ms")
    await here.engine.start(LOCAL, spec)
    stranger = Principal(id="stranger")
    for call in (there.engine.stop(stranger, spec.generation_id), there.read(spec.generation_id, 0, stranger)):
        with pytest.raises(NotFoundError):
            await call
    with pytest.raises(OutOfRangeError):
        await there.read(spec.generation_id, 10_000_000)
    await here.engine.stop(LOCAL, spec.generation_id)


async def test_the_feed_tells_at_once_what_the_other_commits(pair: tuple[Rig, Rig]) -> None:
    here, there = pair
    kinds: list[str | None] = []
    async with asyncio.timeout(WAIT), aclosing(there.feed.watch(LOCAL, "", 60.0)) as tail:
        async for payload in tail:
            events = chat_service_pb2.WatchEventsResponse.FromString(payload).events
            kinds += [event.WhichOneof("kind") for event in events]
            if kinds == ["ready"]:
                await here.chat(send("tokens=2"))
            if "generation_ended" in kinds:
                break
    assert kinds == ["ready", "conversation_created", "generation_started", "generation_ended"]


@pytest.mark.parametrize("started", ["before", "after"])
async def test_a_stream_of_all_that_runs_has_what_the_other_starts(pair: tuple[Rig, Rig], started: str) -> None:
    here, there = pair
    spec = send("tokens=100,pace=5ms")
    if started == "before":
        await here.engine.start(LOCAL, spec)
    follower = Follower(there.engine, there.feed, LOCAL, 60.0)
    found: list[generation_pb2.Event] = []
    async with asyncio.timeout(WAIT), aclosing(follower):
        await follower.follow_events("")
        follower.follow_running({})
        if started == "after":
            await here.engine.start(LOCAL, spec)
        async with aclosing(follower.batches()) as batches:
            async for batch in batches:
                assert batch.error is None
                if batch.generation_id:
                    found += [event for event in events_of(batch.payload) if event.seq]
                if found and found[-1].HasField("ended"):
                    break
    assert [event.seq for event in found] == list(range(1, 103))


async def test_what_no_note_told_is_found_by_looking(pair: tuple[Rig, Rig]) -> None:
    here, there = pair
    spec = send("tokens=100000,pace=5ms")
    await here.engine.start(LOCAL, spec)
    kinds: list[str | None] = []
    async with asyncio.timeout(WAIT), aclosing(there.feed.watch(LOCAL, "", 60.0)) as tail:
        await anext(tail)
        # Committed without a note, as by a process whose notes are lost.
        event = account_event_pb2.AccountEvent(conversation_deleted="x")
        await here.db.write(lambda tx: account_events.append(tx, LOCAL.id, event))
        await there.db.write(lambda tx: generations.request_stop(tx, LOCAL.id, spec.generation_id))
        # Whoever begins to follow has its process look around at once, rather than within five seconds.
        for rig in pair:
            async with aclosing(Follower(rig.engine, rig.feed, LOCAL, 60.0)) as follower:
                follower.follow_running({})
        while "conversation_deleted" not in kinds:
            events = chat_service_pb2.WatchEventsResponse.FromString(await anext(tail)).events
            kinds += [event.WhichOneof("kind") for event in events]
        end = events_of(await here.read(spec.generation_id))[-1]
    assert end.ended.finish_reason == message_pb2.FINISH_REASON_STOPPED


async def test_a_process_that_died_is_buried_by_another(pair: tuple[Rig, Rig]) -> None:
    here, there = pair
    spec = send("tokens=100000,pace=5ms")
    await here.engine.start(LOCAL, spec)
    async with asyncio.timeout(WAIT):
        await there.read_until(spec.generation_id, 20)
        reading = asyncio.create_task(there.read(spec.generation_id))
        # As if it had been killed: it writes nothing more, and its lease stays.
        for run in here.engine.live_in(LOCAL, ""):
            if run.task is not None:
                run.task.cancel()
        await there.engine.bury(here.engine.name)
        events = events_of(await reading)
    assert events[-2].HasField("reset")
    assert events[-1].ended.finish_reason == message_pb2.FINISH_REASON_INTERRUPTED
