"""The index for large libraries on PostgreSQL: pgvector's lists of vectors near each other, in a table beside the truth.

Where the table is not whole yet (it is being filled, or a model is new), the exact index answers. Both are written in one
transaction, so that the table lacks nothing once it is whole. Its lists are made when there are enough vectors, and again when
there are many more; until then PostgreSQL looks at all of them.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Final

from fireside.core.errors import FiresideError, UnavailableError
from fireside.knowledge.index.base import Near
from fireside.knowledge.index.exact import ExactIndex, ExactOptions
from fireside.store import vector_lists, vector_tables
from fireside.store import vectors as stored

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence

    from fireside.knowledge.index.base import Scope
    from fireside.store.db import Database
    from fireside.store.tx import Tx

logger = logging.getLogger(__name__)

# Whether lists are to be made is looked at again after so many new vectors, or a tenth of what there is.
_SOON: Final = 1_000
# And after so many seconds, when another process is at it or the database is away.
_PAUSE: Final = 10.0


class PgVectorIndex:
    """A VectorIndex on a database that has pgvector (vector_tables.available). It belongs to the event loop of its database."""

    def __init__(self, db: Database, options: ExactOptions | None = None) -> None:
        """`options` are for the exact index, which answers until the tables are whole."""
        self._db = db
        self._exact = ExactIndex(db, options)
        # By model and length, of what was looked at: whether there is a table, and whether it is whole.
        self._made: dict[tuple[str, int], bool] = {}
        self._whole: set[tuple[str, int]] = set()
        # What is being filled, or given lists.
        self._working: dict[tuple[str, int], asyncio.Task[None]] = {}
        # How many vectors this process will still store before it looks whether lists are to be made.
        self._left: Counter[tuple[str, int]] = Counter()

    async def upsert(self, scope: str, model: str, vectors: Sequence[tuple[int, bytes]]) -> None:
        """See the seam."""
        sizes = {len(vector) // 2 for _, vector in vectors}
        made = [size for size in sizes if await self._look(model, size)]

        async def body(tx: Tx) -> None:
            await stored.put(tx, scope, model, vectors)
            for size in made:
                some = [(chunk_id, vector) for chunk_id, vector in vectors if len(vector) == 2 * size]
                await vector_tables.put(tx, model, scope, some)

        await self._db.write(body)
        self._exact.changed(scope, model)
        for size in made:
            key = (model, size)
            self._left[key] -= sum(len(vector) == 2 * size for _, vector in vectors)
            if self._left[key] < 0 and key in self._whole:
                self._begin(key, self._tend(key))

    async def delete(self, scope: str, model: str, chunk_ids: Sequence[int]) -> None:
        """See the seam."""
        made = [size for (name, size), there in self._made.items() if there and name == model]

        async def body(tx: Tx) -> None:
            for size in made:
                await vector_tables.delete(tx, model, size, chunk_ids)

        await self._exact.delete(scope, model, chunk_ids)
        await self._db.write(body)

    async def drop(self, model: str) -> None:
        """See the seam."""
        for key in [key for key in self._made if key[0] == model]:
            if (work := self._working.get(key)) is not None:
                work.cancel()
                await asyncio.gather(work, return_exceptions=True)
            del self._made[key]
            self._whole.discard(key)

        async def body(tx: Tx) -> None:
            await vector_tables.drop(tx, model)

        await self._db.write(body)
        await self._exact.drop(model)

    async def search_vector(
        self, model: str, scopes: Sequence[Scope], vector: bytes, limit: int, among: Sequence[int] = ()
    ) -> list[Near] | None:
        """See the seam."""
        size = len(vector) // 2
        await self._look(model, size)
        if (model, size) not in self._whole:
            return await self._exact.search_vector(model, scopes, vector, limit, among)
        names = [scope.id for scope in scopes]

        async def body(tx: Tx) -> list[tuple[int, float]]:
            return await vector_tables.nearest(tx, model, vector_tables.Wanted(names, vector, limit, among))

        return [Near(*row) for row in await self._db.read(body)]

    async def settled(self) -> None:
        """Returns when no table is being filled or given lists."""
        while self._working:
            await asyncio.gather(*self._working.values(), return_exceptions=True)

    async def aclose(self) -> None:
        """See the seam."""
        for task in self._working.values():
            task.cancel()
        await self.settled()
        await self._exact.aclose()

    async def _look(self, model: str, size: int) -> bool:
        """Whether there is a table: makes it, and begins to fill it if it is not whole. Once for each."""
        key = (model, size)
        if key not in self._made:
            self._made[key], whole = await vector_tables.prepare(self._db, model, size)
            if whole:
                self._whole.add(key)
            if self._made[key]:
                self._begin(key, self._tend(key) if whole else self._fill(key))
        return self._made[key]

    def _begin(self, key: tuple[str, int], work: Coroutine[None, None, None]) -> None:
        """Begins work on a table, unless there is some already."""
        if key in self._working:
            work.close()
            return
        task = asyncio.create_task(work, name=f"work on {vector_tables.table_of(*key)}")
        self._working[key] = task
        task.add_done_callback(lambda _: self._working.pop(key, None))

    async def _fill(self, key: tuple[str, int]) -> None:
        """Copies what there is, page by page. Processes that do so at once take turns."""
        place: vector_tables.Place | None = vector_tables.Place()
        try:
            while place is not None:
                place = await self._db.write(partial(vector_tables.fill, model=key[0], size=key[1], place=place))
        except FiresideError as error:
            # The next start goes on.
            logger.warning("The table of vectors could not be filled; the exact search answers: %s", error.message)
            return
        self._whole.add(key)
        await self._tend(key)

    async def _tend(self, key: tuple[str, int]) -> None:
        """Has lists made where that is due, by this process or by another one."""
        table, count = vector_tables.table_of(*key), None
        while count is None:
            try:
                count = await vector_lists.tend(self._db, table, key[1])
            except UnavailableError as error:
                logger.info("The lists of vectors will be made later: %s", error.message)
            except FiresideError as error:
                logger.warning("No lists could be made of the vectors, which makes searches slower: %s", error.message)
                count = 0
            if count is None:
                # The other one may be killed half-way.
                await asyncio.sleep(_PAUSE)
        self._left[key] = max(_SOON, count // 10)
