"""The queue in front of a model's slots: order, bounds, affinity and places."""

from __future__ import annotations

import asyncio
import time

import pytest

from fireside.core.errors import ResourceExhaustedError
from fireside.runners.slots import SlotQueue


async def test_first_come_first_served_with_places_that_count_down() -> None:
    queue = SlotQueue(slots=1, length=3)
    holder, *waiting = [queue.enter(f"s{n}") for n in range(4)]
    assert [ticket.place for ticket in (holder, *waiting)] == [0, 1, 2, 3]
    waiting[1].leave()
    assert [waiting[0].place, waiting[2].place] == [1, 2]
    holder.leave()
    assert [waiting[0].place, waiting[2].place] == [0, 1]
    waiting[0].leave()
    assert waiting[2].place == 0


async def test_waiting_ends_when_the_place_changes() -> None:
    queue = SlotQueue(slots=1, length=2)
    holder, second = queue.enter("a"), queue.enter("b")
    waiting = asyncio.ensure_future(second.wait(time.monotonic() + 10))
    await asyncio.sleep(0)
    assert not waiting.done()
    holder.leave()
    await waiting
    assert second.slot_number == 0


async def test_a_full_queue_refuses_and_says_when_to_come_back() -> None:
    queue = SlotQueue(slots=1, length=1)
    queue.enter("a")
    queue.enter("b")
    with pytest.raises(ResourceExhaustedError) as caught:
        queue.enter("c")
    assert caught.value.reason == "QUEUE_FULL"
    assert 1.0 <= caught.value.retry_after <= 60.0


async def test_the_wait_is_bounded() -> None:
    queue = SlotQueue(slots=1, length=1)
    queue.enter("a")
    with pytest.raises(ResourceExhaustedError) as caught:
        await queue.enter("b").wait(time.monotonic() + 0.001)
    assert caught.value.reason == "QUEUE_TIMEOUT"


async def test_a_session_gets_its_slot_back_and_a_new_one_the_oldest() -> None:
    queue = SlotQueue(slots=3, length=0)
    tickets = [queue.enter(session) for session in ("a", "b", "c")]
    numbers = {ticket.session: ticket.slot_number for ticket in tickets}
    for ticket in tickets:
        ticket.leave()
    assert queue.enter("b").slot_number == numbers["b"]
    assert queue.enter("d").slot_number == numbers["a"]


async def test_leaving_twice_frees_one_slot() -> None:
    queue = SlotQueue(slots=1, length=0)
    ticket = queue.enter("a")
    ticket.leave()
    ticket.leave()
    queue.enter("b")
    with pytest.raises(ResourceExhaustedError):
        queue.enter("c")


async def test_a_ticket_that_waits_has_no_slot() -> None:
    queue = SlotQueue(slots=1, length=1)
    queue.enter("a")
    with pytest.raises(RuntimeError):
        _ = queue.enter("b").slot_number
