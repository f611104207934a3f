"""Opens the parts of knowledge, in order. Not what they do: each is in its own file."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from fireside.jobs.worker import Worker, WorkerOptions
from fireside.knowledge.changes import Changes
from fireside.knowledge.collections import Collections
from fireside.knowledge.documents import Documents
from fireside.knowledge.embedding import Embedder, EmbedderOptions
from fireside.knowledge.index.choosing import late_index
from fireside.knowledge.ingest import Ingest, IngestOptions
from fireside.knowledge.originals import Originals
from fireside.knowledge.purging import Purging
from fireside.knowledge.reembed import Reembed
from fireside.knowledge.search import Search
from fireside.store import jobs

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AsyncExitStack

    from fireside.files.opening import Files
    from fireside.identity.opening import Identity
    from fireside.knowledge.collections import Heard
    from fireside.knowledge.index.base import VectorIndex
    from fireside.runners.catalog import Catalog
    from fireside.store.db import Database


@dataclass(frozen=True, slots=True)
class KnowledgeOptions:
    """What can be set about knowledge."""

    worker: WorkerOptions = field(default_factory=WorkerOptions)
    ingest: IngestOptions = field(default_factory=IngestOptions)
    embedder: EmbedderOptions = field(default_factory=EmbedderOptions)


class Ground(NamedTuple):
    """What knowledge is built on. `heard(account_id, number)` shows those who follow an account here its newest event."""

    db: Database
    catalog: Catalog
    identity: Identity
    files: Files
    heard: Heard


class Knowledge(NamedTuple):
    """The parts of knowledge."""

    collections: Collections
    documents: Documents
    search: Search
    changes: Changes
    worker: Worker
    embedder: Embedder


class IndexedEmbedding:
    """The embedding model and the index, as reading a document wants them."""

    def __init__(self, embedder: Embedder, index: VectorIndex | None) -> None:
        self._embedder = embedder
        self._index = index

    @property
    def model(self) -> str:
        """The embedding model's id; empty when there is none."""
        return self._embedder.model if self._index is not None else ""

    async def store(self, scope: str, model: str, texts: Sequence[tuple[int, str]]) -> None:
        """Makes vectors of the texts of chunks, and keeps them."""
        if self._index is None:
            return
        vectors = await self._embedder.passages([text for _, text in texts])
        await self._index.upsert(scope, model, [(chunk, v) for (chunk, _), v in zip(texts, vectors, strict=True)])


async def open_knowledge(ground: Ground, options: KnowledgeOptions, stack: AsyncExitStack) -> Knowledge:
    """Opens them; `stack` closes them in reverse."""
    db, files = ground.db, ground.files
    embedder = Embedder(ground.catalog, options.embedder)
    index = late_index(db)
    if index is not None:
        stack.push_async_callback(index.aclose)
    changes = Changes(db)
    await changes.open()
    ground.identity.changes.listen(changes.account)
    purging = Purging(db, files.sweeper.wake)
    worker = Worker(db, options.worker)
    ingest = Ingest(db, changes, Originals(files.blobs), IndexedEmbedding(embedder, index), options.ingest)
    ingest.on_release(files.sweeper.wake)
    worker.register(jobs.INGEST, ingest.run, ingest.given_up)
    worker.register(jobs.TIDY, purging.tidy)
    reembed = Reembed(db, embedder, index, worker.wake)
    worker.register(jobs.REEMBED, reembed.run)
    stack.push_async_callback(worker.aclose)
    collections = Collections(db, changes, purging, ground.heard)
    stack.push_async_callback(collections.aclose)
    ground.identity.removals.on_remove(collections.remove_account)
    documents = Documents(db, changes, purging, worker.wake)
    stack.push_async_callback(documents.aclose)
    files.uploads.on_arrival(documents.arrived)
    await purging.open()
    await worker.open()
    await reembed.open()
    return Knowledge(collections, documents, Search(db, embedder, index), changes, worker, embedder)
