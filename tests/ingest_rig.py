"""What reads documents, opened on a database and a folder without a server around it."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from fireside.blobs.local import LocalBlobs
from fireside.core.clock import now_us
from fireside.core.ids import new_id
from fireside.gen.v1.document_pb2 import DOCUMENT_STATE_FAILED, Document
from fireside.gen.v1.file_pb2 import File
from fireside.jobs.backoff import Backoff
from fireside.jobs.worker import Worker, WorkerOptions
from fireside.knowledge.changes import Changes
from fireside.knowledge.embedding import Embedder, EmbedderOptions
from fireside.knowledge.index.exact import ExactIndex
from fireside.knowledge.ingest import Ingest, IngestOptions
from fireside.knowledge.opening import IndexedEmbedding
from fireside.knowledge.originals import Originals
from fireside.runners.catalog import Catalog
from fireside.runners.managed.runner import ManagedOptions, ManagedRunner
from fireside.runners.scripted.runner import ScriptedRunner
from fireside.store import documents, files, jobs
from fireside.store.db import Database
from fireside.store.files import StoredFile
from fireside.store.records import timestamp_of
from fireside.store.tx import Body, Tx

MODEL = "scripted/embed=8"
QUICK = Backoff(attempts=3, first=0.01)


@dataclass(frozen=True, slots=True)
class IngestRig:
    """The parts, opened."""

    db: Database
    blobs: LocalBlobs
    changes: Changes
    worker: Worker

    async def put(
        self, data: bytes, name: str = "notes.md", media_type: str = "text/markdown", collection_id: str = "c"
    ) -> Document:
        """A file comes."""
        return await put(self.db, self.blobs, data, name=name, media_type=media_type, collection_id=collection_id)

    async def until(self, document_id: str, done: Callable[[Document], bool]) -> Document:
        """Returns the document once it is as `done` wants it."""
        with self.changes.bell("c") as bell:
            while True:
                bell.clear()
                found = await self.db.read(lambda tx: documents.get(tx, document_id))
                assert found is not None
                if done(found):
                    return found
                assert found.state != DOCUMENT_STATE_FAILED, found.failure
                await bell.wait()


async def put(
    db: Database, blobs: LocalBlobs, data: bytes, *, name: str, media_type: str, collection_id: str
) -> Document:
    """Stores a file with its bytes, and the document that it is."""
    blob_id = new_id()
    await db.write(lambda tx: files.insert_blob(tx, blob_id, len(data)))
    await blobs.put_range(blob_id, 0, [data])
    await blobs.seal(blob_id)
    file = File(
        id=new_id(), name=name, media_type=media_type, size=len(data), sha256=hashlib.sha256(data).digest(),
        create_time=timestamp_of(now_us()),
    )  # fmt: skip

    async def body(tx: Tx) -> Document:
        await files.insert(tx, StoredFile("ann", blob_id, file))
        document = await documents.arrived(tx, "ann", file, collection_id=collection_id, author_name="Ann")
        file.document_id = document.id
        await files.update(tx, file)
        return document

    return await db.write(body)


@asynccontextmanager
async def open_ingest(
    db: Database,
    folder: Path,
    options: WorkerOptions | None = None,
    model: str = MODEL,
    ingest: IngestOptions | None = None,
    changes: Changes | None = None,
) -> AsyncIterator[IngestRig]:
    """A rig on `db`, which stays open afterwards. It works at once on what waits. `changes` are its own, or open."""
    scripted = ScriptedRunner()
    catalog = Catalog([ManagedRunner(scripted, ManagedOptions(failures_to_rest=0), scripted.refuse)])
    index = ExactIndex(db)
    if changes is None:
        changes = Changes(db)
        await changes.open()
    blobs = LocalBlobs(folder)
    embedding = IndexedEmbedding(Embedder(catalog, EmbedderOptions(model=model)), index)
    reader = Ingest(db, changes, Originals(blobs), embedding, ingest or IngestOptions())
    worker = Worker(db, options or WorkerOptions(backoff=QUICK, look=0.05))
    worker.register(jobs.INGEST, reader.run, reader.given_up)
    await worker.open()
    try:
        yield IngestRig(db, blobs, changes, worker)
    finally:
        await worker.aclose()
        await index.aclose()
        await catalog.aclose()


def sections(count: int, word: str = "apple") -> bytes:
    """A document of so many sections that become a passage each."""
    line = " ".join([word] * 120)
    return "\n\n".join(f"# Section {number}\n\n{word} {number}. {line}." for number in range(count)).encode()


async def ended(rig: IngestRig, subject: str) -> None:
    """Returns when the document's job is done or given up."""

    async def body(tx: Tx) -> bool:
        return await jobs.get(tx, jobs.INGEST, subject) is None

    await _until(rig, body)


async def all_ended(rig: IngestRig) -> None:
    """Returns when no job waits or runs."""

    async def body(tx: Tx) -> bool:
        return await jobs.next_time(tx, [jobs.INGEST]) is None

    await _until(rig, body)


async def _until(rig: IngestRig, body: Body[bool]) -> None:
    with rig.changes.bell("c") as bell:
        while not await rig.db.read(body):
            bell.clear()
            # The end of a job is no change of a document.
            with suppress(TimeoutError):
                async with asyncio.timeout(0.02):
                    await bell.wait()
