"""Reading is resuming: wherever a reader is cut off, and however many there are, each gets every byte once, in order."""

from __future__ import annotations

import asyncio

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fireside.chat.reaper import Retention, sweep
from fireside.chat.wire import events_of
from fireside.core.principal import LOCAL
from fireside.gen.v1 import message_pb2
from tests.rig import Rig, folded, send, text_of

TOKENS = 24


async def read_with_cuts(rig: Rig, generation_id: str, cuts: list[int]) -> bytes:
    """A reader that hangs up whenever it has the next of `cuts`, and comes back."""
    pieces: list[bytes] = []
    after = 0
    for cut in sorted(cuts):
        piece, after = await rig.read_until(generation_id, cut, after)
        pieces.append(piece)
    pieces.append(await rig.read(generation_id, after))
    return b"".join(pieces)


CUTS = st.lists(st.lists(st.integers(0, TOKENS + 3), max_size=6), min_size=1, max_size=8)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(readers=CUTS, burst=st.integers(1, 5))
async def test_any_number_of_readers_cut_anywhere_read_the_same(rig: Rig, readers: list[list[int]], burst: int) -> None:
    record = await rig.engine.start(LOCAL, send(f"tokens={TOKENS},pace=1ms,burst={burst}"))
    live = await asyncio.gather(*(read_with_cuts(rig, record.id, cuts) for cuts in readers))
    kept = await rig.read(record.id)
    assert {bytes(item) for item in live} == {kept}
    assert [event.seq for event in events_of(kept)] == list(range(1, len(events_of(kept)) + 1))


async def test_every_cut_point_of_an_ended_log(rig: Rig) -> None:
    record = await rig.engine.start(LOCAL, send(f"tokens={TOKENS},pace=3ms"))
    kept = await rig.read(record.id)
    for event in events_of(kept):
        head = b"".join(item for item in [kept[: len(kept) - len(await rig.read(record.id, event.seq))]])
        assert events_of(head)[-1].seq == event.seq


async def test_a_reader_of_a_dropped_log_is_reset_to_the_message(rig: Rig) -> None:
    spec = send(f"tokens={TOKENS},pace=1ms")
    record = await rig.engine.start(LOCAL, spec)
    kept = await rig.read(record.id)
    last = events_of(kept)[-1].seq
    await sweep(rig.engine.desk, Retention(logs=0))
    compacted = events_of(await rig.read(record.id))
    assert [event.WhichOneof("kind") for event in compacted] == ["reset", "ended"]
    assert compacted[-1].seq == last
    answer = (await rig.branch(spec.conversation_id))[-1]
    answer.ClearField("sibling_ids")
    assert folded(await rig.read(record.id)) == answer
    assert [event.WhichOneof("kind") for event in events_of(await rig.read(record.id, last - 1))] == ["ended"]
    assert await rig.read(record.id, last) == b""


async def test_a_long_answer_comes_back_in_few_large_batches(rig: Rig) -> None:
    record = await rig.engine.start(LOCAL, send("tokens=60000"))
    live = await rig.read(record.id)
    again = [payload async for payload in rig.engine.watch(LOCAL, record.id, 0, 60.0)]
    assert b"".join(again) == live
    assert len(again) <= len(live) // 100_000 + 2


async def test_numbers_run_out_only_for_as_long_as_a_flush_takes(rig: Rig) -> None:
    """More events than are reserved at once: the writer waits for the store and goes on."""
    spec = send("tokens=70000")
    answer = await rig.chat(spec)
    assert answer.finish_reason == message_pb2.FINISH_REASON_COMPLETE
    assert len(text_of(answer).split()) == 70_000
