"""Reading a log from the store: after its end, or while another process writes it. The live part is log.py."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING

from fireside.chat import access, wire
from fireside.chat.fold import Fold
from fireside.core.errors import OutOfRangeError
from fireside.gen.v1 import generation_pb2, message_pb2
from fireside.store import generations, messages

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from fireside.chat.access import Standing
    from fireside.core.principal import Principal
    from fireside.store.db import Database
    from fireside.store.generations import LogBatch, StoredGeneration
    from fireside.store.tx import Tx


async def load(db: Database, principal: Principal, generation_id: str) -> tuple[Standing, StoredGeneration]:
    """The stored generation, and what the principal may do with it. Raises NotFoundError."""

    async def body(tx: Tx) -> tuple[Standing, StoredGeneration]:
        return await access.generation(tx, principal, generation_id)

    return await db.read(body)


def check_position(after_seq: int, highest: int) -> None:
    """Raises OutOfRangeError for a number that was never handed out."""
    if after_seq > highest:
        raise OutOfRangeError(
            "SEQ_OUT_OF_RANGE", f"The log has no event {after_seq}: start again with after_seq 0.", highest=str(highest)
        )


async def loaded_events(batches: Sequence[LogBatch], after_seq: int) -> AsyncGenerator[tuple[bytes, int]]:
    """`batches`, which were read after `after_seq`, as joined frames and the number of the last one."""
    if not batches:
        return
    first = batches[0]
    head = first.payload if first.first_seq > after_seq else wire.after(first.payload, after_seq)
    payload = head + b"".join(batch.payload for batch in batches[1:])
    if len(payload) <= 2 * wire.BATCH_BYTES:
        yield payload, batches[-1].last_seq
        return
    # A very fast runner fills one row with more than a client takes in one message.
    for piece in wire.batches(wire.frame(event) for event in wire.events_of(payload)):
        yield piece, wire.events_of(piece)[-1].seq


async def stored_events(db: Database, generation_id: str, after_seq: int) -> AsyncGenerator[tuple[bytes, int]]:
    """What the store has after `after_seq`: joined frames and the number of the last one, batch by batch."""
    while True:
        batches = await _read(db, generation_id, after_seq)
        if not batches:
            return
        async with aclosing(loaded_events(batches, after_seq)) as pieces:
            async for payload, last in pieces:
                after_seq = last
                yield payload, after_seq


async def _read(db: Database, generation_id: str, after_seq: int) -> list[LogBatch]:
    async def body(tx: Tx) -> list[LogBatch]:
        return await generations.events(tx, generation_id, after_seq, wire.BATCH_BYTES)

    return await db.read(body)


async def stored_message(tx: Tx, generation_id: str) -> message_pb2.Message:
    """The answer as far as its log is stored."""
    fold = Fold()
    seq = 0
    while batches := await generations.events(tx, generation_id, seq, wire.BATCH_BYTES):
        for batch in batches:
            for event in wire.events_of(batch.payload):
                fold.apply(event)
        seq = batches[-1].last_seq
    return fold.message()


async def compacted_end(db: Database, stored: StoredGeneration, after_seq: int) -> bytes:
    """The end of a log whose events were dropped: the message as it is, and the last event under its own number.

    Raises NotFoundError when the conversation was deleted meanwhile.
    """
    record = stored.record

    async def body(tx: Tx) -> message_pb2.Message | None:
        return await messages.get(tx, stored.owner, record.message_id)

    message = await db.read(body)
    if message is None:
        raise access.no_generation(record.id)
    ended = generation_pb2.Ended(finish_reason=record.finish_reason, etag=message.etag)
    if record.HasField("error"):
        ended.error.CopyFrom(record.error)
    if record.HasField("usage"):
        ended.usage.CopyFrom(record.usage)
    last = wire.frame(generation_pb2.Event(seq=record.last_seq, ended=ended))
    if after_seq >= record.last_seq - 1:
        return last
    reset = generation_pb2.Event(seq=record.last_seq - 1, reset=generation_pb2.Reset(message=message))
    return wire.frame(reset) + last
