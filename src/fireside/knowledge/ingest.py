"""Reads documents: takes their text out, cuts it, stores passages with words, then vectors. A job; every step may be run twice.

A document goes UPLOADED, EXTRACTING, EMBEDDING, READY. Passages of a version are found when all of them are stored, by
words at first; a version that replaces another one when its vectors are there too. Not the queue: jobs/worker.py.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

from fireside.core.errors import DeadlineExceededError, FailedPreconditionError, UnimplementedError
from fireside.gen.v1 import document_pb2
from fireside.gen.v1.document_pb2 import Passage
from fireside.knowledge.chunk import Cutter
from fireside.knowledge.chunk import Options as CutOptions
from fireside.knowledge.extract.base import Limits
from fireside.knowledge.extract.sandbox import extract
from fireside.knowledge.terms import terms
from fireside.store import document_removal, documents, files, jobs, passages
from fireside.store.passages import NewChunk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from fireside.gen.v1.document_pb2 import Document
    from fireside.gen.v1.message_pb2 import Failure
    from fireside.knowledge.changes import Changes
    from fireside.knowledge.chunk import Chunk
    from fireside.knowledge.extract.base import Extracted
    from fireside.knowledge.originals import Originals
    from fireside.store.db import Database
    from fireside.store.jobs import Job
    from fireside.store.tx import Tx

# Passages in one transaction: on SQLite that holds up everybody else for some milliseconds.
_STORED_AT_ONCE: Final = 32
_DROPPED_AT_ONCE: Final = 100
_WARNINGS: Final = 20


class Embedding(Protocol):
    """What makes vectors of passages and keeps them."""

    @property
    def model(self) -> str:
        """The embedding model's id; empty when there is none."""
        ...

    async def store(self, scope: str, model: str, texts: Sequence[tuple[int, str]]) -> None:
        """Makes vectors of the texts of chunks, which are given by id, and keeps them. Those of chunks that are gone are not."""
        ...


@dataclass(frozen=True, slots=True)
class IngestOptions:
    """How documents are read."""

    limits: Limits = field(default_factory=Limits)
    cutting: CutOptions = field(default_factory=CutOptions)
    embedded_at_once: int = 32
    progress: float = 1.0
    """At most once in so many seconds it is said how far a document is."""


class Ingest:
    """The handler of jobs of the kind jobs.INGEST."""

    def __init__(
        self, db: Database, changes: Changes, originals: Originals, embedding: Embedding, options: IngestOptions
    ) -> None:
        self._db = db
        self._changes = changes
        self._originals = originals
        self._embedding = embedding
        self._options = options
        self._swept: list[Callable[[], None]] = []

    def on_release(self, listener: Callable[[], None]) -> None:
        """Calls `listener` when files of old versions were removed, so that their bytes go too."""
        self._swept.append(listener)

    async def run(self, job: Job) -> None:
        """Brings a document on from wherever it is. Raises core errors; JobLostError when it is another's now."""
        document = await self._db.read(lambda tx: documents.get(tx, job.subject))
        if document is None:
            return
        at = _Step(self._db, self._changes, job, document)
        at.pause = self._options.progress
        if document.state in (document_pb2.DOCUMENT_STATE_UPLOADED, document_pb2.DOCUMENT_STATE_EXTRACTING):
            await self._extract(at)
        if at.document.state == document_pb2.DOCUMENT_STATE_EMBEDDING:
            await self._embed(at)
            await at.change(_ready)
        await self._release(at)

    async def given_up(self, tx: Tx, job: Job, failure: Failure) -> Callable[[], None]:
        """Tells the owner why a document could not be read, in the transaction that gives the job up.

        What it returns is to be called after the commit.
        """

        def alter(document: Document) -> None:
            document.state = document_pb2.DOCUMENT_STATE_FAILED
            document.failure.CopyFrom(failure)
            document.done = document.total = 0

        document = await documents.change(tx, job.subject, alter)
        return lambda: self._changes.document(document) if document is not None else None

    async def _extract(self, at: _Step) -> None:
        await at.change(_extracting)
        document = at.document
        # What an attempt that was broken off had stored. A document with an older version is found by that meanwhile.
        await at.drop(keep=document.ready_version)
        stored = await self._db.read(lambda tx: files.find(tx, document.file_id))
        if stored is None:
            raise files.no_file(document.file_id)
        reading = _Reading(Cutter(self._options.cutting))
        try:
            async with (
                self._originals.path(stored.blob_id, document.size) as path,
                aclosing(extract(path, document.media_type, document.name, self._options.limits)) as batches,
            ):
                async for batch in batches:
                    await self._store(at, await asyncio.to_thread(reading.take, batch))
                    await at.progress(reading.done, reading.total)
        except DeadlineExceededError as error:
            # It would take as long the next time.
            raise FailedPreconditionError(error.reason, error.message) from error
        except UnimplementedError as error:
            if not document.media_type.startswith("image/"):
                raise
            # A picture is something to look at, also where no text can be taken out of it.
            reading.warnings.append(error.message)
        await self._store(at, await asyncio.to_thread(reading.end))
        await at.change(reading.embedding)

    async def _store(self, at: _Step, chunks: Sequence[NewChunk]) -> None:
        document = at.document
        scope = document.collection_id or document.id
        for start in range(0, len(chunks), _STORED_AT_ONCE):
            some = chunks[start : start + _STORED_AT_ONCE]

            async def body(tx: Tx, some: Sequence[NewChunk] = some) -> None:
                await passages.put(tx, document.id, document.version, scope, some)
                await jobs.hold(tx, at.job)

            await self._db.write(body)

    async def _embed(self, at: _Step) -> None:
        document, model = at.document, self._embedding.model
        if not model:
            return
        scope, total = document.collection_id or document.id, document.chunk_count
        done = total - await self._db.read(
            lambda tx: passages.count_without_vector(tx, document.id, document.version, model)
        )
        limit = self._options.embedded_at_once
        while texts := await self._db.read(
            lambda tx: passages.without_vector(tx, document.id, document.version, model, limit)
        ):
            await self._embedding.store(scope, model, texts)
            done += len(texts)
            await at.progress(done, total)

    async def _release(self, at: _Step) -> None:
        """Removes what older versions were cut into, and files of versions that are not kept any more."""
        document = at.document
        await at.drop(keep=document.version)

        async def body(tx: Tx) -> list[str]:
            released = await document_removal.release_old(tx, document.id, document.version)
            await jobs.hold(tx, at.job)
            return released

        if await self._db.write(body):
            for listener in self._swept:
                listener()


class _Step:
    """A document while it is read: what it is now, and changes of it that nobody else makes."""

    def __init__(self, db: Database, changes: Changes, job: Job, document: Document) -> None:
        self._db = db
        self._changes = changes
        self._told = time.monotonic()
        self.pause = 0.0
        self.job = job
        self.document = document

    async def change(self, alter: Callable[[Document], None]) -> None:
        """Changes the document. JobLostError: it was deleted, or has another version."""

        async def body(tx: Tx) -> Document:
            changed = await documents.change(tx, self.job.subject, alter)
            await jobs.hold(tx, self.job)
            if changed is None:
                raise jobs.JobLostError
            return changed

        self.document = await self._db.write(body)
        self._changes.document(self.document)

    async def progress(self, done: int, total: int) -> None:
        """Says how far it is, now and then."""
        if time.monotonic() - self._told < self.pause or (done, total) == (
            self.document.done,
            self.document.total,
        ):
            return
        self._told = time.monotonic()

        def alter(document: Document) -> None:
            document.done, document.total = done, total

        await self.change(alter)

    async def drop(self, keep: int) -> None:
        """Removes the passages of all versions but one."""

        async def body(tx: Tx) -> int:
            dropped = await passages.drop(tx, self.document.id, keep, _DROPPED_AT_ONCE)
            await jobs.hold(tx, self.job)
            return dropped

        while await self._db.write(body):
            pass


class _Reading:
    """What was taken out of a document so far."""

    def __init__(self, cutter: Cutter) -> None:
        self._cutter = cutter
        self._last_page = 0
        self.done = self.total = self.count = 0
        self.warnings: list[str] = []

    def take(self, batch: Extracted) -> list[NewChunk]:
        """The passages that are finished by a batch. It takes its time: call it in a thread."""
        self.done, self.total = batch.done, batch.total
        self.warnings += batch.warnings
        self._last_page = max([self._last_page, *(block.page for block in batch.blocks)])
        return self._made(self._cutter.feed(batch.blocks))

    def end(self) -> list[NewChunk]:
        """The rest."""
        return self._made(self._cutter.end())

    def embedding(self, document: Document) -> None:
        """All passages are stored: vectors come next."""
        document.state = document_pb2.DOCUMENT_STATE_EMBEDDING
        document.ready_version = document.ready_version or document.version
        document.page_count = max(self.total, self._last_page) if self._last_page else 0
        document.chunk_count = self.count
        document.done, document.total = 0, self.count
        warnings = list(dict.fromkeys(self.warnings))
        if not self.count and not warnings:
            warnings = ["No text was found in it."]
        if len(warnings) > _WARNINGS:
            warnings[_WARNINGS - 1 :] = [f"There were {len(warnings) - _WARNINGS + 1} more things to tell."]
        document.warnings[:] = warnings

    def _made(self, chunks: Iterable[Chunk]) -> list[NewChunk]:
        made: list[NewChunk] = []
        for chunk in chunks:
            passage = Passage(page=chunk.page, headings=chunk.headings, text=chunk.text)
            made.append(NewChunk(self.count, passage, terms(passages.whole_text(passage))))
            self.count += 1
        return made


def _extracting(document: Document) -> None:
    document.state = document_pb2.DOCUMENT_STATE_EXTRACTING
    document.done = document.total = 0
    document.ClearField("failure")
    del document.warnings[:]


def _ready(document: Document) -> None:
    document.state = document_pb2.DOCUMENT_STATE_READY
    document.ready_version = document.version
    document.done = document.total = 0
