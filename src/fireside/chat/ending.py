"""How a generation ends: the rest of its log, the folded message and the news of it, in one transaction.

Used by the run that comes to its end and by the reaper for a run whose process died. Decides nothing about why.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fireside.chat import wire
from fireside.chat.feed import write_news
from fireside.chat.notes import tell_logs
from fireside.core.clock import now_us
from fireside.core.errors import FailedPreconditionError, UnavailableError
from fireside.gen.v1 import account_event_pb2, generation_pb2, message_pb2
from fireside.store import generations, messages, shares

if TYPE_CHECKING:
    from fireside.chat.elsewhere import Elsewhere
    from fireside.chat.feed import Feed, News
    from fireside.chat.log import LiveLog, LogBook
    from fireside.store.db import Database
    from fireside.store.tx import Tx

logger = logging.getLogger(__name__)

_ATTEMPTS = 5
_RETRY_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Desk:
    """Where generations are written: the store, the live logs, the account's feed and those who read from the store."""

    db: Database
    book: LogBook
    feed: Feed
    elsewhere: Elsewhere


@dataclass(frozen=True, slots=True)
class Ending:
    """What is written at the end.

    `message` is the answer as it is now; `first_seq` and `payload` are what of the log is not stored yet, and `seq` is
    the number of the last event, which this adds.
    """

    record: generation_pb2.Generation
    owner: str
    message: message_pb2.Message
    ended: generation_pb2.Ended
    first_seq: int
    payload: bytes
    seq: int


async def end_live(
    record: generation_pb2.Generation, owner: str, log: LiveLog, ended: generation_pb2.Ended, desk: Desk
) -> None:
    """Commits the end of a live log and shows it to its tails. Raises what the store raises after some attempts.

    Nothing is shown before it is durable: a finished answer was promised to survive. For one that is not kept there is
    nothing to commit.
    """
    if not log.kept:
        _close_record(record, ended, log.last_seq + 1)
        log.append_durable_end(wire.frame(generation_pb2.Event(seq=record.last_seq, ended=ended)))
        desk.book.remove(log)
        return
    await desk.book.seal(log)
    first, payload = log.unstored()
    ending = Ending(record, owner, log.fold.message(), ended, first, payload, log.last_seq + 1)
    try:
        frame, news = await _persist(ending, desk)
    except BaseException:
        desk.book.remove(log)
        log.close(
            UnavailableError("STORE_UNAVAILABLE", "The answer could not be stored; what was stored will be shown.")
        )
        raise
    log.append_durable_end(frame)
    desk.book.remove(log)
    desk.feed.publish(news)


async def write_end(tx: Tx, ending: Ending, lease: generations.Lease) -> tuple[bytes, list[News]]:
    """Writes an ending inside a transaction; the frame of the last event, and the news for the feed."""
    record, ended = ending.record, ending.ended
    message = ending.message
    message.state = message_pb2.MESSAGE_STATE_DONE
    message.finish_reason = ended.finish_reason
    message.ClearField("error")
    if ended.HasField("error"):
        message.error.CopyFrom(ended.error)
    message.ClearField("usage")
    if ended.HasField("usage"):
        message.usage.CopyFrom(ended.usage)
    if ended.model:
        message.model = ended.model
    ended.etag = (await messages.update(tx, message)).etag
    frame = wire.frame(generation_pb2.Event(seq=ending.seq, ended=ended))
    _close_record(record, ended, ending.seq)
    rest = generations.LogBatch(record.id, ending.first_seq, ending.seq, ending.payload + frame)
    shared = await generations.end(tx, record, rest, lease)
    await tell_logs(tx, [record.id])
    audience = await shares.audience(tx, record.conversation_id) if shared else shares.NOBODY
    news = account_event_pb2.AccountEvent(generation_ended=record)
    return frame, await write_news(tx, ending.owner, news, audience=audience)


def _close_record(record: generation_pb2.Generation, ended: generation_pb2.Ended, seq: int) -> None:
    record.state = generation_pb2.GENERATION_STATE_ENDED
    record.finish_reason = ended.finish_reason
    if ended.HasField("error"):
        record.error.CopyFrom(ended.error)
    if ended.HasField("usage"):
        record.usage.CopyFrom(ended.usage)
    if ended.model:
        record.model = ended.model
    record.last_seq = seq
    record.end_time.FromMicroseconds(now_us())


async def _persist(ending: Ending, desk: Desk) -> tuple[bytes, list[News]]:
    async def body(tx: Tx) -> tuple[bytes, list[News]]:
        return await write_end(tx, ending, desk.book.lease())

    for attempt in range(1, _ATTEMPTS):
        try:
            return await desk.db.write(body)
        except FailedPreconditionError:  # this process was taken for dead, and somebody else has ended it
            raise
        except Exception:  # a full disk or a database that restarts: the answer is worth some patience
            logger.exception("Storing the end of a generation failed; trying again")
            await asyncio.sleep(_RETRY_SECONDS * attempt)
    return await desk.db.write(body)
