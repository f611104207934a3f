"""kill -9 after each transaction of reading a document: nothing is lost and nothing is there twice."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from fireside.blobs.local import LocalBlobs
from fireside.gen.v1.document_pb2 import DOCUMENT_STATE_READY, Document
from fireside.jobs.worker import WorkerOptions
from fireside.store import documents, jobs
from fireside.store.db import Database, open_database
from fireside.store.tx import Tx
from tests.documents import counts, have_collection, have_people
from tests.ingest_rig import MODEL, ended, open_ingest, put, sections

ROOT = Path(__file__).parents[3]
COUNT = 40
# Opening, taking, beginning, dropping, two of passages, embedding, two of vectors, ready, dropping twice, releasing, done.
STEPS = 14


@pytest.mark.slow
@pytest.mark.timeout(180)
async def test_a_killed_job_loses_nothing_and_repeats_nothing(database_url: str, tmp_path: Path) -> None:
    folder = tmp_path / "blobs"
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.ingest_child", database_url, str(folder),
        cwd=ROOT, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        document = await _begin(database_url, folder)
        for step in range(1, STEPS + 10):
            word = f"word{step}"
            await _another(database_url, folder, word)
            child.stdin.write(f"child-{step} {step}\n".encode())
            async with asyncio.timeout(60):
                said = (await child.stdout.readline()).decode().strip()
            await _recovered(database_url, folder, document.id, f"child-{step}", word, step + 1)
            if said == "done":
                assert step > STEPS - 3, "so few transactions cannot be all"
                return
        pytest.fail("it never got to the end")
    finally:
        child.stdin.close()
        await child.wait()


async def _begin(url: str, folder: Path) -> Document:
    """Version 1, which is read in peace."""
    db = await open_database(url)

    async def body(tx: Tx) -> None:
        await have_people(tx, "ann", "bob", "cid")
        await have_collection(tx)

    await db.write(body)
    async with open_ingest(db, folder) as rig:
        document = await rig.put(sections(3))
        await rig.until(document.id, lambda found: found.state == DOCUMENT_STATE_READY)
        await ended(rig, document.id)
    await db.close()
    return document


async def _another(url: str, folder: Path, word: str) -> None:
    db = await open_database(url)
    data = sections(COUNT, word)
    await put(db, LocalBlobs(folder), data, name="notes.md", media_type="text/markdown", collection_id="c")
    await db.close()


async def _recovered(url: str, folder: Path, document_id: str, dead: str, word: str, version: int) -> None:
    """Another process takes over: then all is there, once."""
    db = await open_database(url)
    async with open_ingest(db, folder, WorkerOptions(dead=(dead,), look=0.05)) as rig:
        await ended(rig, document_id)
    await _check(db, document_id, word, version)
    await db.close()


async def _check(db: Database, document_id: str, word: str, version: int) -> None:
    async def body(tx: Tx) -> None:
        found = await documents.get(tx, document_id)
        assert found is not None
        assert (found.state, found.version, found.ready_version, found.chunk_count) == (
            DOCUMENT_STATE_READY, version, version, COUNT,
        )  # fmt: skip
        rows = await tx.fetch("SELECT version, ordinal, record FROM chunks ORDER BY ordinal")
        assert [(row[0], row[1]) for row in rows] == [(version, at) for at in range(COUNT)]
        assert all(isinstance(row[2], bytes) and word.encode() in row[2] for row in rows)
        models = await tx.fetch("SELECT DISTINCT model FROM chunk_vectors")
        assert [row[0] for row in models] == [MODEL]
        kept = await documents.versions(tx, document_id)
        assert [item.version for item in kept] == list(range(version, max(0, version - 10), -1))
        assert await jobs.dead(tx, 1) == []

    await db.read(body)
    found = await counts(db)
    assert found | {"blobs": 0} == {
        "documents": 1, "document_versions": min(version, 10), "files": min(version, 10), "blobs": 0,
        "chunks": COUNT, "chunk_text": COUNT, "chunk_vectors": COUNT, "jobs": 0,
    }  # fmt: skip
