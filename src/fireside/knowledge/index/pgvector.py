"""The index for large libraries on PostgreSQL: pgvector's graph of the nearest vectors, in a table beside the truth.

Where the table is not whole yet (it is being filled, or a model is new), the exact index answers. Both are written in one
transaction, so that the table lacks nothing once it is whole.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from fireside.core.errors import FiresideError
from fireside.knowledge.index.base import Near
from fireside.knowledge.index.exact import ExactIndex, ExactOptions
from fireside.store import vector_tables
from fireside.store import vectors as stored

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fireside.knowledge.index.base import Scope
    from fireside.store.db import Database
    from fireside.store.tx import Tx

logger = logging.getLogger(__name__)


class PgVectorIndex:
    """A VectorIndex on a database that has pgvector (vector_tables.available). It belongs to the event loop of its database."""

    def __init__(self, db: Database, options: ExactOptions | None = None) -> None:
        """`options` are for the exact index, which answers until the tables are whole."""
        self._db = db
        self._exact = ExactIndex(db, options)
        # By model and length, of what was looked at: whether there is a table, and whether it is whole.
        self._made: dict[tuple[str, int], bool] = {}
        self._whole: set[tuple[str, int]] = set()
        self._filling: dict[tuple[str, int], asyncio.Task[None]] = {}

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
            if (filling := self._filling.get(key)) is not None:
                filling.cancel()
                await asyncio.gather(filling, return_exceptions=True)
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
        """Returns when no table is being filled."""
        await asyncio.gather(*self._filling.values(), return_exceptions=True)

    async def aclose(self) -> None:
        """See the seam."""
        for task in self._filling.values():
            task.cancel()
        await self.settled()
        await self._exact.aclose()

    async def _look(self, model: str, size: int) -> bool:
        """Whether there is a table: makes it, and begins to fill it if it is not whole. Once for each."""
        key = (model, size)
        if key not in self._made:

            async def body(tx: Tx) -> tuple[bool, bool]:
                made = await vector_tables.make(tx, model, size)
                return made, made and await vector_tables.is_whole(tx, model, size)

            self._made[key], whole = await self._db.write(body)
            if whole:
                self._whole.add(key)
            elif self._made[key] and key not in self._filling:
                task = asyncio.create_task(self._fill(model, size), name=f"fill {vector_tables.table_of(model, size)}")
                self._filling[key] = task
                task.add_done_callback(lambda _: self._filling.pop(key, None))
        return self._made[key]

    async def _fill(self, model: str, size: int) -> None:
        """Copies what there is, page by page. Processes that do so at once take turns."""
        try:
            while await self._db.write(lambda tx: vector_tables.fill(tx, model, size)):
                pass
            self._whole.add((model, size))
        except FiresideError as error:
            # The next start goes on.
            logger.warning("The table of vectors could not be filled; the exact search answers: %s", error.message)
