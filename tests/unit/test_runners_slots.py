"""Which slot an answer gets: its session's own, or the one that was left alone for longest."""

from __future__ import annotations

import pytest

from fireside.core.errors import ResourceExhaustedError
from fireside.runners.llama.slots import Slots


def test_a_session_gets_its_slot_back_and_a_new_one_the_oldest() -> None:
    slots = Slots(3)
    taken = {session: slots.take(session) for session in ("a", "b", "c")}
    for slot in taken.values():
        slots.give_back(slot)
    assert slots.take("b") is taken["b"]
    assert slots.take("d") is taken["a"]


def test_requests_without_a_session_share_no_slot_by_that() -> None:
    slots = Slots(2)
    first, second = slots.take(""), slots.take("")
    slots.give_back(first)
    slots.give_back(second)
    assert slots.take("") is first


def test_more_answers_than_slots_are_refused() -> None:
    slots = Slots(1)
    slot = slots.take("a")
    with pytest.raises(ResourceExhaustedError) as caught:
        slots.take("b")
    assert caught.value.reason == "QUEUE_FULL"
    slots.give_back(slot)
    assert slots.take("b") is slot
