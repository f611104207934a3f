"""Logs that another process writes, as they are read here: who waits for which, and one look into the store for many.

Not the reading of a whole log (replay.py) and not what is told between processes (neighbours.py).
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from fireside.chat.access import no_generation
from fireside.gen.v1 import generation_pb2
from fireside.store import generations

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fireside.store.db import Database
    from fireside.store.generations import LogBatch, StoredGeneration
    from fireside.store.tx import Tx

# How often a reader looks into the store though nobody told it to: notes can be lost.
POLL_SECONDS = 5.0
# The same where no other process can be: a generation is just being launched, or was given up.
_POLL_ALONE_SECONDS = 0.25


_ALIVE = generation_pb2.Heartbeat()


class _Question(NamedTuple):
    owner: str
    generation_id: str
    after_seq: int
    answer: asyncio.Future[tuple[StoredGeneration, list[LogBatch]]]


class Elsewhere:
    """Readers of logs that are not live in this process."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._wakers: dict[str, set[asyncio.Event]] = {}
        self._activities: dict[str, generation_pb2.Heartbeat] = {}
        self._questions: list[_Question] = []
        self._looking: asyncio.Task[None] | None = None
        self._poll = _POLL_ALONE_SECONDS if db.exclusive else POLL_SECONDS

    def attach(self, generation_id: str, waker: asyncio.Event) -> None:
        """`waker` is set when the store may have more of the log."""
        self._wakers.setdefault(generation_id, set()).add(waker)

    def detach(self, generation_id: str, waker: asyncio.Event) -> None:
        """Ends `attach`."""
        wakers = self._wakers.get(generation_id, set())
        wakers.discard(waker)
        if not wakers:
            self._wakers.pop(generation_id, None)
            self._activities.pop(generation_id, None)

    def show_activity(self, generation_id: str, activity: generation_pb2.Heartbeat) -> None:
        """What a generation does before it has content."""
        if generation_id in self._wakers:
            self._activities[generation_id] = activity
            self.wake([generation_id])

    def activity(self, generation_id: str) -> generation_pb2.Heartbeat:
        """What was last heard that it does. The same object while nothing else was heard."""
        return self._activities.get(generation_id, _ALIVE)

    def wake(self, generation_ids: Iterable[str]) -> None:
        """The store has more of these logs."""
        for generation_id in generation_ids:
            for waker in self._wakers.get(generation_id, ()):
                waker.set()

    def wake_all(self) -> None:
        """Lets every reader look."""
        self.wake(list(self._wakers))

    async def wait(self, waker: asyncio.Event, seconds: float) -> None:
        """Returns when `waker` is set, after `seconds`, or when it is time to look though nobody said so."""
        with suppress(TimeoutError):
            async with asyncio.timeout(min(max(seconds, 0.0), self._poll)):
                await waker.wait()

    async def look(self, owner: str, generation_id: str, after_seq: int) -> tuple[StoredGeneration, list[LogBatch]]:
        """The generation, and what the store has of its log after `after_seq`. Raises NotFoundError.

        Readers who ask at the same time share a transaction and its statements.
        """
        answer = asyncio.get_running_loop().create_future()
        self._questions.append(_Question(owner, generation_id, after_seq, answer))
        if self._looking is None:
            self._looking = asyncio.create_task(self._look(), name="look at logs of other processes")
        return await answer

    async def ended(self, owner: str, generation_id: str, seconds: float) -> StoredGeneration:
        """Returns when the generation has ended, or as it is after `seconds`. Raises NotFoundError."""
        waker = asyncio.Event()
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        self.attach(generation_id, waker)
        try:
            while True:
                waker.clear()
                stored = await self._load(owner, generation_id)
                if stored.record.state != generation_pb2.GENERATION_STATE_RUNNING or loop.time() >= until:
                    return stored
                await self.wait(waker, min(until - loop.time(), 1.0))
        finally:
            self.detach(generation_id, waker)

    async def _load(self, owner: str, generation_id: str) -> StoredGeneration:
        stored = await self._db.read(lambda tx: generations.get(tx, owner, generation_id))
        if stored is None:
            raise no_generation(generation_id)
        return stored

    async def aclose(self) -> None:
        """Ends the look under way."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)

    async def _look(self) -> None:
        try:
            while self._questions:
                questions, self._questions = self._questions, []
                await self._answer(questions)
        finally:
            self._looking = None
            for question in self._questions:
                question.answer.cancel()

    async def _answer(self, questions: list[_Question]) -> None:
        places = [(question.generation_id, question.after_seq) for question in questions]

        async def body(tx: Tx) -> tuple[dict[str, StoredGeneration], list[list[LogBatch]]]:
            return await generations.look(tx, places)

        try:
            found, batches = await self._db.read(body)
        except Exception as error:  # noqa: BLE001 It belongs to those who asked.
            for question in questions:
                if not question.answer.done():
                    question.answer.set_exception(error)
            return
        except BaseException:
            for question in questions:
                question.answer.cancel()
            raise
        for question, news in zip(questions, batches, strict=True):
            stored = found.get(question.generation_id)
            if question.answer.done():
                continue
            if stored is None or stored.owner != question.owner:
                question.answer.set_exception(no_generation(question.generation_id))
            else:
                question.answer.set_result((stored, news))
