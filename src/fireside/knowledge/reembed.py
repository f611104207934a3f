"""Makes vectors of everything by the embedding model that is set up, after it was changed or there was none for a while.

A scope at a time: once it has all vectors of the present model, those of others are removed. So a scope that still has
others is searched by those (search.py), and the change costs no search its vectors. What is half done goes on from there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fireside.store import embedding_models, jobs, passages, vectors

if TYPE_CHECKING:
    from collections.abc import Callable

    from fireside.knowledge.embedding import Embedder
    from fireside.knowledge.index.base import VectorIndex
    from fireside.store.db import Database
    from fireside.store.jobs import Job
    from fireside.store.tx import Tx

_AT_ONCE: Final = 16
# A statement on SQLite holds up everybody else.
_DROPPED_AT_ONCE: Final = 500


class Reembed:
    """The job `reembed`."""

    def __init__(self, db: Database, embedder: Embedder, index: VectorIndex | None, wake: Callable[[], None]) -> None:
        """`wake` lets the worker look for jobs."""
        self._db = db
        self._embedder = embedder
        self._index = index
        self._wake = wake

    async def open(self) -> None:
        """Asks for the job unless all vectors are of the present model. Without a model, notes that they are not."""
        model = self._embedder.model if self._index is not None else ""

        async def body(tx: Tx) -> None:
            if not model:
                await embedding_models.forget(tx)
                await jobs.forget(tx, jobs.REEMBED, embedding_models.SUBJECT)
            elif await jobs.get(tx, jobs.REEMBED, embedding_models.SUBJECT) is None and not (
                await embedding_models.is_complete(tx, model)
            ):
                await jobs.enqueue(tx, jobs.REEMBED, embedding_models.SUBJECT)

        await self._db.write(body)
        self._wake()

    async def run(self, job: Job) -> None:
        """Embeds what lacks vectors. Raises what the embedding model does; the job is run again."""
        model, index = self._embedder.model, self._index
        if not model or index is None:
            return
        others: set[str] = set()
        scope = await self._db.read(lambda tx: vectors.next_chunked_scope(tx, ""))
        while scope is not None:
            await self._embed(index, model, scope)
            others |= await self._drop_others(model, scope)
            scope = await self._db.read(lambda tx, after=scope: vectors.next_chunked_scope(tx, after))
        for other in others:
            await index.drop(other)

        async def done(tx: Tx) -> None:
            await jobs.hold(tx, job)
            await embedding_models.completed(tx, model)

        await self._db.write(done)

    async def _embed(self, index: VectorIndex, model: str, scope: str) -> None:
        after, made = 0, False
        while rows := await self._db.read(
            lambda tx, last=after: passages.without_vector_in_scope(tx, scope, model, last, _AT_ONCE)
        ):
            found = await self._embedder.passages([text for _, text in rows])
            await index.upsert(scope, model, [(row[0], vector) for row, vector in zip(rows, found, strict=True)])
            after, made = rows[-1][0], True
        if made:
            await self._db.write(lambda tx: vectors.changed(tx, scope))

    async def _drop_others(self, model: str, scope: str) -> set[str]:
        others = {other for other in await self._db.read(lambda tx: vectors.models(tx, scope)) if other != model}
        for other in others:
            while await self._db.write(lambda tx, name=other: vectors.drop(tx, scope, name, _DROPPED_AT_ONCE)):
                pass
        return others
