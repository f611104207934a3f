"""The log of a running generation: the only writer, the tails that read it live, and the coalesced way to the store.

Live events reach tails through memory at once; the store gets them in batches about every `FLUSH_SECONDS`, as the same
bytes. Not the life of a generation (run.py) and not what is read after the end (replay.py).
"""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from typing import TYPE_CHECKING, Protocol

from fireside.chat import wire
from fireside.chat.fold import Fold
from fireside.chat.notes import tell_logs
from fireside.chat.pulse import Pulse
from fireside.core.clock import now_us
from fireside.core.errors import UnavailableError
from fireside.gen.v1 import generation_pb2
from fireside.store import generations

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from fireside.store.db import Database
    from fireside.store.tx import Tx

logger = logging.getLogger(__name__)

# A crash costs at most this much plus one commit; the promise is 100 ms.
FLUSH_SECONDS = 0.075
_FLUSHED_AT_ONCE = 128
# The number of a log's first event. With that one alone a reader still has to be told what is being waited for; text
# says it by itself.
STARTED_SEQ = 1
# The start and the first piece of text.
_BEGINNING = 2
# How often idle tails look at the clock, to send a heartbeat if one is due.
TICK_SECONDS = 0.5
# A process that has not renewed a lease for this long is taken to be dead.
LEASE_SECONDS = 15.0
RENEW_SECONDS = 4.0
# Sequence numbers are reserved in the store before they are shown, so that after a crash the first number that was
# surely never handed out is known. At 60,000 events/s this is a second's worth.
RESERVE = 65_536


class Waker(Protocol):
    """What a reader leaves to be told of news; an asyncio.Event is one."""

    def set(self) -> None:
        """There may be something new."""
        ...


class LiveLog:
    """One running generation in memory. All methods run on the event loop and none but `tail` awaits."""

    __slots__ = (
        "_closed", "_ended", "_error", "_first", "_frames", "_pulse", "_sleepers", "_stored", "_turn", "_wakers",
        "activity", "activity_version", "flight", "fold", "generation_id", "kept", "last_append", "sealed",
        "seq_limit",
    )  # fmt: skip

    def __init__(self, generation_id: str, started: generation_pb2.Event, *, kept: bool = True) -> None:
        """`started` is event 1, durable already, and RESERVE numbers after it are reserved.

        A log that is not `kept` never goes to the store.
        """
        self.generation_id = generation_id
        self.kept = kept
        # The highest number that may be shown.
        self.seq_limit = started.seq + RESERVE if kept else sys.maxsize
        self.fold = Fold()
        self.fold.apply(started)
        self.activity = generation_pb2.Heartbeat()
        self.activity_version = 0
        self.last_append = time.monotonic()
        # The flush that is under way for this log: there is never more than one, so that no event is stored twice.
        self.flight: asyncio.Future[None] | None = None
        # The end is being committed: no flush may begin.
        self.sealed = not kept
        self._frames = [wire.frame(started)]
        self._first = started.seq
        self._stored = 1
        self._wakers: set[Waker] = set()
        self._sleepers: list[asyncio.Future[None]] = []
        self._pulse: Pulse | None = None
        self._turn = 0
        self._closed = False
        self._ended = False
        self._error: UnavailableError | None = None

    @property
    def last_seq(self) -> int:
        """The number of the newest event."""
        return self._first + len(self._frames) - 1

    @property
    def full(self) -> bool:
        """Whether the next event needs a flush first, to reserve more numbers. One number is kept for the end."""
        return self.last_seq + 2 > self.seq_limit

    def append(self, event: generation_pb2.Event) -> None:
        """Numbers an event and shows it to all tails."""
        event.seq = self.last_seq + 1
        self.fold.apply(event)
        self._frames.append(wire.frame(event))
        self.last_append = time.monotonic()
        self.tell()

    def append_text(self, text: str, *, reasoning: bool) -> None:
        """The same as `append` with a delta of text that goes on in the last part, or starts one."""
        index = self.fold.grow(text, reasoning=reasoning)
        self._frames.append(wire.text_frame(self.fold.last_seq, index, text, reasoning=reasoning))
        self.last_append = time.monotonic()
        # The first text never waits.
        if self._pulse is None or len(self._frames) <= _BEGINNING or not self._pulse.defers(self, self._turn):
            self.tell()

    def append_durable_end(self, frame: bytes) -> None:
        """Shows the last event, which was committed together with everything before it."""
        self._frames.append(frame)
        self._stored = len(self._frames)
        self._ended = self._closed = True
        self.tell()

    def close(self, error: UnavailableError | None = None) -> None:
        """Ends all tails without an end of the log: the readers come back and read on."""
        self._closed = True
        self._error = error
        self.tell()

    def unstored(self) -> tuple[int, bytes]:
        """The first number and the joined frames that the store lacks."""
        return self._first + self._stored, b"".join(self._frames[self._stored :])

    def mark_stored(self, last_seq: int, seq_limit: int) -> None:
        """The store has all events up to `last_seq` and has reserved the numbers up to `seq_limit`."""
        self._stored = max(self._stored, last_seq - self._first + 1)
        self.seq_limit = max(self.seq_limit, seq_limit)

    def join(self, pulse: Pulse) -> None:
        """Readers are told of further text when `pulse` says so."""
        self._pulse, self._turn = pulse, pulse.turn()

    def attach(self, waker: Waker) -> None:
        """`waker` is set whenever there may be something new."""
        self._wakers.add(waker)

    def detach(self, waker: Waker) -> None:
        """Ends `attach`."""
        self._wakers.discard(waker)

    def read(self, after_seq: int) -> tuple[bytes, int]:
        """Up to about wire.BATCH_BYTES of joined frames after `after_seq`, and the number of the last one."""
        start = after_seq + 1 - self._first
        frames = self._frames
        if len(frames) - start <= 1:
            return (frames[start], after_seq + 1) if start < len(frames) else (b"", after_seq)
        end, size = start, 0
        while end < len(frames) and size < wire.BATCH_BYTES:
            size += len(frames[end])
            end += 1
        return b"".join(frames[start:end]), self._first + end - 1

    def finished(self, after_seq: int) -> bool:
        """Whether a reader at `after_seq` has all that will come from here. Raises the error of `close`."""
        if not self._closed or after_seq < self.last_seq:
            return False
        if not self._ended and self._error is not None:
            raise self._error
        return True

    @property
    def closed(self) -> bool:
        """Whether nothing more will come from here."""
        return self._closed

    @property
    def ended(self) -> bool:
        """Whether the last event of the log is there."""
        return self._ended

    def heartbeat(self) -> bytes:
        """A frame that says what the generation is doing."""
        return wire.frame(generation_pb2.Event(heartbeat=self.activity))

    def show_activity(self, phase: generation_pb2.Phase, queue_position: int = 0, source_count: int = 0) -> None:
        """What the generation does now; tails tell it at once."""
        if (phase, queue_position) != (self.activity.phase, self.activity.queue_position):
            self.activity = generation_pb2.Heartbeat(
                phase=phase, queue_position=queue_position, source_count=source_count
            )
            self.activity_version += 1
            self.tell()

    def wake_idle(self) -> None:
        """Lets tails look at the clock, to send a heartbeat if one is due."""
        self.tell()

    def tell(self) -> None:
        """Wakes all readers."""
        sleepers = self._sleepers
        if sleepers:
            self._sleepers = []
            for sleeper in sleepers:
                if not sleeper.done():
                    sleeper.set_result(None)
        for waker in self._wakers:
            waker.set()

    async def tail(self, after_seq: int, heartbeat: float) -> AsyncGenerator[bytes]:
        """Every event after `after_seq` once, in order, as joined frames; heartbeats after `heartbeat` seconds of nothing."""
        loop = asyncio.get_running_loop()
        sent = time.monotonic()
        shown = 0
        while True:
            payload, after_seq = self.read(after_seq)
            if payload:
                if after_seq > STARTED_SEQ:
                    shown = self.activity_version
                yield payload
                sent = time.monotonic()
                continue
            if self.finished(after_seq):
                return
            # The ticker looks now and then, so "due" is a little early rather than a tick late.
            if shown != self.activity_version or time.monotonic() - sent >= heartbeat - TICK_SECONDS / 4:
                shown = self.activity_version
                yield self.heartbeat()
                sent = time.monotonic()
                continue
            # Nothing can have come since the checks above: there was no await.
            sleeper: asyncio.Future[None] = loop.create_future()
            self._sleepers.append(sleeper)
            await sleeper


class LogBook:
    """All live logs of this process and the one task that brings them to the store."""

    def __init__(self, db: Database, holder: str) -> None:
        """`holder` names this process in the leases."""
        self._db = db
        self._holder = holder
        self._logs: dict[str, LiveLog] = {}
        self._dirty: set[LiveLog] = set()
        self._flush_wanted = asyncio.Event()
        self._pulse = Pulse()
        self._tasks: list[asyncio.Task[None]] = []

    def open(self) -> None:
        """Starts the flusher, the ticker and the pulse."""
        self._tasks = [
            asyncio.create_task(work) for work in (self._flush_forever(), self._tick_forever(), self._pulse.run())
        ]

    async def aclose(self) -> None:
        """Stops the tasks; logs that still run are closed for the readers to come back elsewhere."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for log in list(self._logs.values()):
            log.close(_come_back())

    def lease(self) -> generations.Lease:
        """A lease of this process, from now."""
        return generations.Lease(self._holder, now_us() + int(LEASE_SECONDS * 1e6))

    def add(self, log: LiveLog) -> None:
        """The log is live from now on."""
        self._logs[log.generation_id] = log
        log.join(self._pulse)

    def remove(self, log: LiveLog) -> None:
        """The log is at its end; tails that hold it read it to the end."""
        self._logs.pop(log.generation_id, None)
        self._dirty.discard(log)
        if not self._logs:
            self._pulse.rest()

    def append(self, log: LiveLog, event: generation_pb2.Event) -> None:
        """Appends to a log and sees to it that the store gets it soon. UnavailableError: it is closed."""
        if log.closed:
            raise _come_back()
        log.append(event)
        self._note(log)

    def append_text(self, log: LiveLog, text: str, *, reasoning: bool) -> None:
        """The same for text that goes on in the last part, or starts one."""
        if log.closed:
            raise _come_back()
        log.append_text(text, reasoning=reasoning)
        self._note(log)

    def _note(self, log: LiveLog) -> None:
        if log.kept and log not in self._dirty:  # an event that comes during a flush is for the next one
            self._dirty.add(log)
            self._flush_wanted.set()

    async def reserve(self, log: LiveLog) -> None:
        """Makes room in a log that is `full`. Raises what the store raises."""
        while log.full:
            if log.flight is not None:
                await log.flight
            else:
                await self._flush([log])

    async def seal(self, log: LiveLog) -> None:
        """Lets the flush under way end and begins no other: the end of the log is about to be committed."""
        log.sealed = True
        self._dirty.discard(log)
        while log.flight is not None:
            await log.flight

    async def _flush_forever(self) -> None:
        while True:
            await self._flush_wanted.wait()
            await asyncio.sleep(FLUSH_SECONDS)
            self._flush_wanted.clear()
            logs = list(self._dirty)
            self._dirty.clear()
            try:
                # By pieces, because a transaction of all would hold up those that wait for theirs to begin.
                for at in range(0, len(logs), _FLUSHED_AT_ONCE):
                    await self._flush(logs[at : at + _FLUSHED_AT_ONCE])
            except Exception:  # the answers go on in memory; what is not stored is tried again
                logger.exception("Storing %d running answers failed; trying again", len(logs))
                self._dirty.update(log for log in logs if log.generation_id in self._logs and not log.sealed)
                self._flush_wanted.set()
                await asyncio.sleep(TICK_SECONDS)

    async def _flush(self, logs: list[LiveLog]) -> None:
        """One transaction for all of `logs` that are not in one already. A change of their state contains no await."""
        free = [log for log in logs if log.flight is None and not log.sealed]
        if not free:
            return
        flight: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        batches: list[generations.LogBatch] = []
        for log in free:
            first, payload = log.unstored()
            batches.append(
                generations.LogBatch(log.generation_id, first, log.last_seq, payload, log.last_seq + RESERVE)
            )
            log.flight = flight
        lease = self.lease()

        async def body(tx: Tx) -> list[str]:
            await tell_logs(tx, [batch.generation_id for batch in batches if batch.payload])
            return await generations.append(tx, batches, lease)

        try:
            lost = await self._db.write(body)
        except BaseException:
            _land(free, flight)
            raise
        for generation_id in lost:
            logger.error("Generation %s was taken over by another process", generation_id)
            self._logs[generation_id].close(_come_back())
        for log, batch in zip(free, batches, strict=True):
            log.mark_stored(batch.last_seq, batch.seq_limit)
        _land(free, flight)

    async def _tick_forever(self) -> None:
        renewed = time.monotonic()
        while True:
            await asyncio.sleep(TICK_SECONDS)
            now = time.monotonic()
            for log in self._logs.values():
                if now - log.last_append >= TICK_SECONDS:
                    log.wake_idle()
            if now - renewed >= RENEW_SECONDS:
                renewed = now
                self._dirty.update(log for log in self._logs.values() if not log.sealed)
                if self._dirty:
                    self._flush_wanted.set()


def _land(logs: list[LiveLog], flight: asyncio.Future[None]) -> None:
    for log in logs:
        log.flight = None
    flight.set_result(None)


def _come_back() -> UnavailableError:
    return UnavailableError("LOG_MOVED", "The answer goes on elsewhere: connect again and read on from where you are.")
