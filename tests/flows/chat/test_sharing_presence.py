"""Who has a shared conversation open now."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from fireside.chat.presence import Holds, View
from fireside.core.errors import NotFoundError
from fireside.core.principal import Principal
from fireside.gen.v1.account_event_pb2 import AccountEvent
from fireside.gen.v1.share_pb2 import SHARE_ROLE_EDITOR, Presence
from fireside.store.db import Database
from tests.rig import new_uuid
from tests.shared_rig import ANN, BOB, CID, HERE, SharedRig, have_people, open_shared_rig

WAIT = 30.0


@pytest.fixture
async def town(db: Database, request: pytest.FixtureRequest) -> AsyncIterator[SharedRig]:
    await have_people(db)
    async with open_shared_rig(db, holds=getattr(request, "param", None)) as opened:
        yield opened


def view(
    who: Principal, conversation_id: str, view_id: str = "tab", *, writing: bool = False, left: bool = False
) -> View:
    return View(conversation_id, who.id, view_id, who.name, writing, left)


def shown(presence: Presence) -> list[tuple[str, bool]]:
    return [(viewer.name, viewer.writing) for viewer in presence.viewers]


def says(*people: tuple[str, bool]) -> Callable[[AccountEvent], bool]:
    return lambda event: event.HasField("presence") and shown(event.presence) == list(people)


async def test_those_with_access_see_who_comes_writes_and_leaves(town: SharedRig) -> None:
    conversation_id, _ = await town.begun()
    await town.share(conversation_id, "bob", SHARE_ROLE_EDITOR)
    put = town.shares.presences.put
    ready = asyncio.Semaphore(0)
    async with asyncio.timeout(WAIT), asyncio.TaskGroup() as group:
        steps = [
            (view(ANN, conversation_id), ("Ann", False)),
            (view(ANN, conversation_id, "second", writing=True), ("Ann", True)),
            (view(ANN, conversation_id, "second", left=True), ("Ann", False)),
        ]
        for step, expected in steps:
            tail = group.create_task(town.events(BOB, says(expected), ready=ready.release))
            await ready.acquire()
            assert shown(await put(ANN, step)) == [expected]
            event = (await tail)[-1]
            assert event.presence.conversation_id == conversation_id
            assert event.cursor != ""
        both = ("Ann", False), ("Bob", False)
        tail = group.create_task(town.events(ANN, says(*both), ready=ready.release))
        await ready.acquire()
        assert shown(await put(BOB, view(BOB, conversation_id))) == list(both)
        # Who comes and goes before that is told is not told of at all.
        await tail
        tail = group.create_task(town.events(ANN, says(("Ann", False)), ready=ready.release))
        await ready.acquire()
        await put(BOB, view(BOB, conversation_id, left=True))
        await tail


async def test_what_is_not_shared_tells_nothing(town: SharedRig) -> None:
    conversation_id, _ = await town.begun()
    assert shown(await town.shares.presences.put(ANN, view(ANN, conversation_id))) == []
    with pytest.raises(NotFoundError):
        await town.shares.presences.put(BOB, view(BOB, conversation_id))


async def test_whoever_loses_access_is_there_no_more(town: SharedRig) -> None:
    conversation_id, _ = await town.begun()
    share = await town.share(conversation_id)
    await town.share(conversation_id, "cid")
    put = town.shares.presences.put
    await put(CID, view(CID, conversation_id))
    await put(BOB, view(BOB, conversation_id))
    ready = asyncio.Semaphore(0)
    async with asyncio.timeout(WAIT), asyncio.TaskGroup() as group:
        tail = group.create_task(town.events(ANN, says(("Cid", False)), ready=ready.release))
        await ready.acquire()
        await town.shares.sharing.delete(ANN, HERE, share.id)
        await tail


@pytest.mark.parametrize("town", [Holds(left=0.05)], indirect=True)
async def test_whoever_closes_everything_has_left_soon(town: SharedRig) -> None:
    conversation_id, _ = await town.begun()
    await town.share(conversation_id)
    ready = asyncio.Semaphore(0)
    async with asyncio.timeout(WAIT), asyncio.TaskGroup() as group:
        his = group.create_task(town.events(BOB, says(("Bob", False)), ready=ready.release))
        await ready.acquire()
        hers = group.create_task(town.events(ANN, says(), ready=ready.release))
        await ready.acquire()
        await town.shares.presences.put(BOB, view(BOB, conversation_id))
        # His feed ends with the event that says so, and with it all that he has open.
        await his
        await hers


@pytest.mark.parametrize("town", [Holds(view=0.2)], indirect=True)
async def test_a_view_holds_for_a_while_only(town: SharedRig) -> None:
    conversation_id, _ = await town.begun()
    await town.share(conversation_id)
    ready = asyncio.Semaphore(0)
    async with asyncio.timeout(WAIT), asyncio.TaskGroup() as group:
        tail = group.create_task(town.events(ANN, says(), ready=ready.release))
        await ready.acquire()
        await town.shares.presences.put(BOB, view(BOB, conversation_id))
        seen = [shown(event.presence) for event in await tail if event.HasField("presence")]
    assert seen == [[("Bob", False)], []]


async def test_the_tabs_of_an_account_are_bounded(town: SharedRig) -> None:
    conversation_id, _ = await town.begun()
    await town.share(conversation_id)
    for _ in range(40):
        await town.shares.presences.put(BOB, view(BOB, conversation_id, new_uuid()))
    assert len(town.shares.presences._views[conversation_id]) == 16
