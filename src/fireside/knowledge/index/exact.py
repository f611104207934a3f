"""The index that every database has: the vectors of a scope are read into memory when it is searched, and all are looked at.

Looking at 100,000 vectors takes some milliseconds, less than most else in a search, and finds what there is. The nearest by
8 bits are ranked by what is stored. What was read is kept current: new chunks have larger ids and so are read from the
end on; what came out of order, and what is gone, is found by comparing the ids of the scope.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from fireside.knowledge.index import matrix
from fireside.knowledge.index.base import Near
from fireside.store import vectors as stored

logger = logging.getLogger(__name__)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fireside.knowledge.index.base import Scope
    from fireside.knowledge.index.matrix import Matrix
    from fireside.store.db import Database
    from fireside.store.tx import Tx

_PAGE: Final = 2_000
# Of so few chunks the vectors are read from the store, where they are as they are now.
_READ_AT_ONCE: Final = 500
# A statement on SQLite holds up everybody else.
_DROPPED_AT_ONCE: Final = 500
# So many times as many are ranked by what is stored as are asked for: the top ten by 8 bits have the true nine or ten.
_SHORTLIST: Final = 3


@dataclass(frozen=True, slots=True)
class ExactOptions:
    """`memory` bytes of vectors are kept, and one scope at least. Times are in seconds.

    A search waits for `patience` for vectors to be read. A scope of at most `small` chunks is compared at each change, a
    larger one in the background and not again within `pause`. A search uses so many `threads`.
    """

    memory: int = 512 * 1024 * 1024
    patience: float = 1.0
    small: int = 20_000
    pause: float = 5.0
    threads: int = 2


def _told(task: asyncio.Task[None]) -> None:
    """Whoever searches next begins anew; this one failed with nobody waiting."""
    if not task.cancelled() and (error := task.exception()) is not None:
        logger.warning("Vectors could not be read: %s", error)


class _Held:
    """What is in memory of one scope and model."""

    def __init__(self) -> None:
        self.matrix: Matrix = matrix.EMPTY
        self.loaded = False
        self.stamp: int | None = None
        self.lock = asyncio.Lock()
        self.compared = 0.0


class ExactIndex:
    """A VectorIndex over the store. It belongs to the event loop of its database."""

    def __init__(self, db: Database, options: ExactOptions | None = None) -> None:
        """Reads nothing yet."""
        self._db = db
        self._options = options or ExactOptions()
        self._held: OrderedDict[tuple[str, str], _Held] = OrderedDict()
        self._tasks: set[asyncio.Task[None]] = set()

    async def upsert(self, scope: str, model: str, vectors: Sequence[tuple[int, bytes]]) -> None:
        """See the seam."""

        async def body(tx: Tx) -> None:
            await stored.put(tx, scope, model, vectors)

        await self._db.write(body)
        if (held := self._held.get((scope, model))) is not None:
            async with held.lock:
                older = np.array([chunk_id for chunk_id, _ in vectors], np.int64)
                held.matrix = await asyncio.to_thread(lambda: matrix.added(matrix.without(held.matrix, older), vectors))

    async def delete(self, scope: str, model: str, chunk_ids: Sequence[int]) -> None:
        """See the seam."""

        async def body(tx: Tx) -> None:
            await stored.delete(tx, scope, model, chunk_ids)

        await self._db.write(body)
        if (held := self._held.get((scope, model))) is not None:
            async with held.lock:
                held.matrix = matrix.without(held.matrix, np.array(chunk_ids, np.int64))

    async def drop(self, model: str) -> None:
        """See the seam."""
        scope: str | None = ""
        while (scope := await self._db.read(lambda tx, after=scope: stored.next_scope(tx, after or ""))) is not None:
            while await self._db.write(lambda tx, name=scope: stored.drop(tx, name, model, _DROPPED_AT_ONCE)):
                pass
        for key in [key for key in self._held if key[1] == model]:
            del self._held[key]

    def changed(self, scope: str, model: str) -> None:
        """What is kept of a scope is looked after at its next search, since somebody here has stored vectors."""
        if (held := self._held.get((scope, model))) is not None:
            held.stamp = None

    async def search_vector(
        self, model: str, scopes: Sequence[Scope], vector: bytes, limit: int, among: Sequence[int] = ()
    ) -> list[Near] | None:
        """See the seam."""
        if 0 < len(among) <= _READ_AT_ONCE:
            return await self._ranked(model, [scope.id for scope in scopes], vector, limit, among)
        late = [task for scope in scopes if (task := self._refreshed(model, scope)) is not None]
        if late:
            _, pending = await asyncio.wait(late, timeout=self._options.patience)
            for task in set(late) - pending:
                task.result()
            for task in pending:
                task.add_done_callback(_told)
            if any(not self._held[scope.id, model].loaded for scope in scopes if (scope.id, model) in self._held):
                return None
        held = {scope.id: self._held[scope.id, model].matrix for scope in scopes if (scope.id, model) in self._held}
        threads = self._options.threads
        found = await asyncio.to_thread(matrix.nearest, list(held.values()), vector, limit * _SHORTLIST, among, threads)
        return await self._ranked(model, list(held), vector, limit, found) if found else []

    async def _ranked(
        self, model: str, scopes: Sequence[str], vector: bytes, limit: int, chunk_ids: Sequence[int]
    ) -> list[Near]:
        """Ranks chunks by their vectors as they are stored."""

        async def body(tx: Tx) -> list[tuple[int, bytes]]:
            return [row for scope in scopes for row in await stored.some(tx, scope, model, chunk_ids)]

        rows = await self._db.read(body)
        return [Near(*row) for row in await asyncio.to_thread(matrix.ranked, rows, vector, limit)]

    async def aclose(self) -> None:
        """See the seam."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._held.clear()

    def _refreshed(self, model: str, scope: Scope) -> asyncio.Task[None] | None:
        """Begins to read what is new of a scope; None when nothing is."""
        key = (scope.id, model)
        held = self._held.setdefault(key, _Held())
        self._held.move_to_end(key)
        if held.stamp == scope.stamp:
            return None
        task = asyncio.create_task(self._refresh(model, scope, held), name=f"read vectors of {scope.id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _refresh(self, model: str, scope: Scope, held: _Held) -> None:
        async with held.lock:
            if held.stamp == scope.stamp:
                return
            first = not held.loaded
            await self._read_on(model, scope.id, held, held.matrix.last)
            if first:
                held.compared = time.monotonic()
            elif len(held.matrix.ids) <= self._options.small:
                await self._compare(model, scope.id, held)
            else:
                self._compare_later(model, scope.id, held)
            held.stamp, held.loaded = scope.stamp, True
        self._evict()

    async def _read_on(self, model: str, scope: str, held: _Held, after: int) -> None:
        """Reads the vectors of chunks after an id."""
        while True:
            start = after

            async def body(tx: Tx) -> list[tuple[int, bytes]]:
                return await stored.page(tx, scope, model, start, _PAGE)  # noqa: B023 - run within the loop's turn

            rows = await self._db.read(body)
            if rows:
                held.matrix = await asyncio.to_thread(matrix.added, held.matrix, rows)
                after = rows[-1][0]
            if len(rows) < _PAGE:
                return

    def _compare_later(self, model: str, scope: str, held: _Held) -> None:
        if time.monotonic() - held.compared < self._options.pause:
            return
        held.compared = time.monotonic()

        async def run() -> None:
            async with held.lock:
                await self._compare(model, scope, held)

        task = asyncio.create_task(run(), name=f"compare vectors of {scope}")
        self._tasks.add(task)
        task.add_done_callback(_told)
        task.add_done_callback(self._tasks.discard)

    async def _compare(self, model: str, scope: str, held: _Held) -> None:
        """Drops what is gone, and reads what came out of order."""

        async def body(tx: Tx) -> list[int]:
            return await stored.chunk_ids(tx, scope)

        there = np.array(await self._db.read(body), np.int64)
        have = held.matrix.ids
        gone, missing = await asyncio.to_thread(lambda: (np.setdiff1d(have, there), np.setdiff1d(there, have)))
        if len(gone):
            held.matrix = await asyncio.to_thread(matrix.without, held.matrix, gone)
        early = missing[missing < held.matrix.last] if len(held.matrix.ids) else missing
        if len(early):
            await self._read_some(model, scope, held, early.tolist())
        held.compared = time.monotonic()

    async def _read_some(self, model: str, scope: str, held: _Held, chunk_ids: list[int]) -> None:
        for start in range(0, len(chunk_ids), _PAGE):
            some = chunk_ids[start : start + _PAGE]

            async def body(tx: Tx) -> list[tuple[int, bytes]]:
                return await stored.some(tx, scope, model, some)  # noqa: B023 - run within the loop's turn

            held.matrix = await asyncio.to_thread(matrix.added, held.matrix, await self._db.read(body))

    def _evict(self) -> None:
        """Forgets what was not searched for the longest time, when there is too much."""
        size = sum(held.matrix.size for held in self._held.values())
        for key in list(self._held)[:-1]:
            if size <= self._options.memory:
                return
            if not self._held[key].lock.locked():
                size -= self._held.pop(key).matrix.size
