"""Telling readers by turns: when it begins and ends, and that nobody is forgotten."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest

from fireside.chat import wire
from fireside.chat.log import LiveLog
from fireside.chat.pulse import Load, Pulse, is_busy
from fireside.gen.v1 import generation_pb2, message_pb2

BUSY, CALM = Load(0.99, 0.2), Load(0.1, 0.0)


@pytest.mark.parametrize(
    ("load", "was", "busy"),
    [
        (Load(0.5, 0.0), False, False),
        (Load(0.9, 0.0), False, True),
        (Load(0.2, 0.05), False, True),
        (Load(0.7, 0.0), True, True),
        (Load(0.5, 0.02), True, True),
        (Load(0.5, 0.005), True, False),
    ],
)
def test_it_is_busy_sooner_than_it_is_calm_again(load: Load, was: bool, busy: bool) -> None:
    assert is_busy(load, was=was) is busy


class Reader:
    """Counts how often it is told."""

    def __init__(self) -> None:
        self.told = 0

    def tell(self) -> None:
        self.told += 1


def test_everybody_is_told_in_its_turn_and_the_rest_when_it_is_calm() -> None:
    pulse = Pulse()
    readers = [(Reader(), pulse.turn()) for _ in range(10)]
    assert not any(pulse.defers(reader, turn) for reader, turn in readers)
    pulse.look(BUSY)
    assert all(pulse.defers(reader, turn) for reader, turn in readers for _ in range(3))
    pulse.beat(1)
    assert [reader.told for reader, turn in readers if turn == 1] == [1, 1]
    assert not any(reader.told for reader, turn in readers if turn != 1)
    pulse.beat(1)
    pulse.look(BUSY)
    assert sum(reader.told for reader, _ in readers) == 2
    pulse.look(CALM)
    assert [reader.told for reader, _ in readers] == [1] * 10
    assert not pulse.defers(*readers[0])


async def test_a_busy_process_sends_more_at_once_but_the_first_text_and_the_end_at_once() -> None:
    pulse = Pulse()
    pulse.look(BUSY)
    started = generation_pb2.Started(message=message_pb2.Message(id="m"))
    log = LiveLog("g", generation_pb2.Event(seq=1, started=started))
    log.join(pulse)
    payloads: list[list[int]] = []

    async def read() -> None:
        async with aclosing(log.tail(0, 15.0)) as tail:
            async for payload in tail:
                seqs = [event.seq for event in wire.events_of(payload)]
                payloads.append(seqs)

    reader = asyncio.create_task(read())
    await _settle()
    for text in "abcd":
        log.append_text(text, reasoning=False)
        await _settle()
    assert payloads == [[1], [2]]
    for turn in range(5):
        pulse.beat(turn)
    await _settle()
    assert payloads == [[1], [2], [3, 4, 5]]
    log.append_text("e", reasoning=False)
    log.append_durable_end(wire.frame(generation_pb2.Event(seq=7, ended=generation_pb2.Ended())))
    await reader
    assert payloads[3:] == [[6, 7]]


async def _settle() -> None:
    """Lets every task go on until it waits."""
    for _ in range(5):
        await asyncio.sleep(0)
