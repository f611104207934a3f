"""The account's feed and the merged stream that browsers and native clients follow."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest

from fireside.chat.conversations import Change
from fireside.chat.follow import Follower
from fireside.chat.wire import events_of
from fireside.core.errors import NotFoundError, OutOfRangeError, UnavailableError
from fireside.core.principal import LOCAL, Principal
from fireside.gen.v1 import account_event_pb2, chat_service_pb2
from tests.rig import Rig, folded, new_uuid, send, text_of


def account_events(payload: bytes) -> list[account_event_pb2.AccountEvent]:
    return list(chat_service_pb2.WatchEventsResponse.FromString(payload).events)


UNSTORED = {"heartbeat", "models_changed"}


async def read_feed(rig: Rig, cursor: str, until: int, who: Principal = LOCAL) -> list[account_event_pb2.AccountEvent]:
    """`until` events after `ready`, without those that are in no feed: heartbeats, and what is told of models."""
    found: list[account_event_pb2.AccountEvent] = []
    async with asyncio.timeout(10), aclosing(rig.feed.watch(who, cursor, 60.0)) as tail:
        async for payload in tail:
            found += [event for event in account_events(payload) if event.WhichOneof("kind") not in UNSTORED]
            if len(found) > until:
                break
    return found


async def test_the_feed_tells_of_every_change_and_resumes_at_any_cursor(rig: Rig) -> None:
    start = (await read_feed(rig, "", 0))[0].cursor
    spec = send("tokens=2,pace=1ms")
    await rig.chat(spec)
    await rig.conversations.rename(LOCAL, spec.conversation_id, "Fire", Change())
    await rig.conversations.delete(LOCAL, spec.conversation_id, Change())
    await rig.conversations.undelete(LOCAL, spec.conversation_id, Change())
    kinds = [
        "conversation_created", "generation_started", "generation_ended",
        "conversation_updated", "conversation_deleted", "conversation_created",
    ]  # fmt: skip
    events = await read_feed(rig, start, len(kinds))
    assert [event.WhichOneof("kind") for event in events] == ["ready", *kinds]
    for index, event in enumerate(events[1:-1], start=2):
        later = await read_feed(rig, event.cursor, len(events) - index)
        assert later[1:] == events[index:]


async def test_who_follows_hears_that_the_models_changed_and_who_comes_back_lists_them_anyway(rig: Rig) -> None:
    async with asyncio.timeout(30), aclosing(rig.feed.watch(LOCAL, "", 60.0)) as tail:
        (ready,) = account_events(await anext(tail))
        rig.feed.models_changed()
        rig.feed.models_changed()
        (changed,) = account_events(await anext(tail))
        assert (changed.WhichOneof("kind"), changed.cursor) == ("models_changed", ready.cursor)
        await rig.chat(send("echo"))
        assert account_events(await anext(tail))[0].WhichOneof("kind") == "conversation_created"
    async with asyncio.timeout(30), aclosing(rig.feed.watch(LOCAL, ready.cursor, 60.0)) as tail:
        await anext(tail)
        *missed, changed = account_events(await anext(tail))
        assert missed[0].WhichOneof("kind") == "conversation_created"
        assert (changed.WhichOneof("kind"), changed.cursor) == ("models_changed", missed[-1].cursor)


@pytest.mark.parametrize("cursor", ["99999", "-1", "x", "1e3", "٣", "9" * 60])
async def test_a_cursor_that_cannot_be_gone_on_from(rig: Rig, cursor: str) -> None:
    with pytest.raises(OutOfRangeError):
        await read_feed(rig, cursor, 0)


async def test_the_feed_of_another_account_stays_its_own(rig: Rig) -> None:
    stranger = Principal(id="stranger")
    async with aclosing(rig.feed.watch(stranger, "", 0.5)) as tail:
        await anext(tail)
        await rig.chat(send("echo"))
        following = account_events(await anext(tail))
    assert [event.WhichOneof("kind") for event in following] == ["heartbeat"]


async def test_ready_names_what_runs(rig: Rig) -> None:
    record = await rig.engine.start(LOCAL, send("tokens=3,hang=after:1"))
    ready = (await read_feed(rig, "", 0))[0].ready
    assert [item.id for item in ready.running] == [record.id]


async def collect(follower: Follower, ended: set[str]) -> dict[str, bytes]:
    """Reads until all of `ended` have ended; what came of each, "" for the feed."""
    found: dict[str, bytes] = {}
    missing = set(ended)
    async with asyncio.timeout(20), aclosing(follower.batches()) as batches:
        async for batch in batches:
            if batch.error is not None:
                raise batch.error
            found[batch.generation_id] = found.get(batch.generation_id, b"") + batch.payload
            if batch.generation_id and events_of(batch.payload)[-1].HasField("ended"):
                missing.discard(batch.generation_id)
                if not missing:
                    break
    return found


def without_heartbeats(payload: bytes) -> bytes:
    kept = [event for event in events_of(payload) if event.seq]
    return chat_service_pb2.WatchGenerationResponse(events=kept).SerializeToString()


async def test_one_stream_follows_what_runs_what_starts_and_what_has_ended(rig: Rig) -> None:
    ended = await rig.engine.start(LOCAL, send("tokens=3"))
    await rig.read(ended.id)
    running = await rig.engine.start(LOCAL, send("tokens=200,pace=1ms"))
    follower = Follower(rig.engine, rig.feed, LOCAL, 60.0)
    try:
        await follower.follow_events("")
        follower.follow_running({ended.id: 2})
        later = await rig.engine.start(LOCAL, send("tokens=20,pace=1ms"))
        found = await collect(follower, {ended.id, running.id, later.id})
    finally:
        await follower.aclose()
    assert found[ended.id] == await rig.read(ended.id, 2)
    assert without_heartbeats(found[running.id]) == await rig.read(running.id)
    assert without_heartbeats(found[later.id]) == await rig.read(later.id)
    assert account_events(found[""])[0].HasField("ready")


async def test_switching_follows_one_conversation(rig: Rig) -> None:
    one, two = send("tokens=100000,pace=1ms"), send("tokens=30,pace=1ms")
    await rig.engine.start(LOCAL, one)
    follower = Follower(rig.engine, rig.feed, LOCAL, 60.0)
    try:
        follower.follow_running({}, one.conversation_id)
        follower.follow_running({}, two.conversation_id)
        await rig.engine.start(LOCAL, two)
        found = await collect(follower, {two.generation_id})
    finally:
        await follower.aclose()
    assert set(found) == {two.generation_id}


async def test_a_follow_that_fails_leaves_the_stream_alive(rig: Rig) -> None:
    follower = Follower(rig.engine, rig.feed, LOCAL, 60.0)
    record = await rig.engine.start(LOCAL, send("tokens=30,pace=1ms"))
    try:
        follower.follow(new_uuid(), 0)
        follower.follow(record.id, 0)
        errors: list[Exception] = []
        async with asyncio.timeout(20), aclosing(follower.batches()) as batches:
            async for batch in batches:
                if batch.error is not None:
                    errors.append(batch.error)
                elif events_of(batch.payload)[-1].HasField("ended"):
                    break
    finally:
        await follower.aclose()
    assert [type(error) for error in errors] == [NotFoundError]


async def test_a_finished_follower_ends_with_its_logs(rig: Rig) -> None:
    spec = send("tokens=30,pace=1ms")
    await rig.engine.start(LOCAL, spec)
    follower = Follower(rig.engine, rig.feed, LOCAL, 60.0)
    await follower.follow_events("")
    follower.follow(spec.generation_id, 0)
    follower.finish()
    payload = b"".join([batch.payload async for batch in follower.batches() if batch.generation_id])
    await follower.aclose()
    assert text_of(folded(payload)) == text_of((await rig.branch(spec.conversation_id))[-1])


async def test_the_queue_is_told_at_once(rig: Rig) -> None:
    record = await rig.engine.start(LOCAL, send("tokens=1,queue=3:5ms"))
    seen: list[int] = []
    async with aclosing(rig.engine.watch(LOCAL, record.id, 0, 60.0)) as tail:
        async for payload in tail:
            seen += [event.heartbeat.queue_position for event in events_of(payload) if not event.seq]
    assert seen[0] == 3
    assert seen == sorted(seen, reverse=True)


async def test_a_reader_who_comes_later_is_told_the_queue_too(rig: Rig) -> None:
    record = await rig.engine.start(LOCAL, send("tokens=1,queue=2:60s"))
    for _ in range(2):
        async with aclosing(rig.engine.watch(LOCAL, record.id, 0, 60.0)) as tail:
            async for payload in tail:
                if any(event.heartbeat.queue_position == 2 for event in events_of(payload)):
                    break
    await rig.engine.stop(LOCAL, record.id)


async def test_shutting_down_sends_readers_away_with_their_place(rig: Rig) -> None:
    tail = rig.feed.watch(LOCAL, "", 60.0)
    await anext(tail)
    rig.feed.close_tails()
    with pytest.raises(UnavailableError):
        await anext(tail)
