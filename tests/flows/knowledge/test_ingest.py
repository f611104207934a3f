"""Reading documents with the real parts: child process, blobs on disk, both databases."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from fireside.gen.v1.document_pb2 import (
    DOCUMENT_STATE_EMBEDDING,
    DOCUMENT_STATE_EXTRACTING,
    DOCUMENT_STATE_FAILED,
    DOCUMENT_STATE_READY,
    DOCUMENT_STATE_UPLOADED,
    Document,
)
from fireside.jobs.backoff import Backoff
from fireside.jobs.worker import WorkerOptions
from fireside.knowledge.extract.base import Limits
from fireside.knowledge.ingest import IngestOptions
from fireside.store import document_removal, documents, jobs, passages
from fireside.store.db import Database
from tests.documents import counts
from tests.ingest_rig import IngestRig, ended, open_ingest, sections

# One that fails is not tried again as long as a test takes.
PATIENT = WorkerOptions(backoff=Backoff(first=600.0), look=0.05)
# A PNG of one white pixel.
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c4944415478da63f8ffff3f0005fe02fe0def46b8"
    "0000000049454e44ae426082"
)


def at_rest(document: Document) -> bool:
    return document.state in (DOCUMENT_STATE_READY, DOCUMENT_STATE_FAILED)


async def texts(db: Database, document: Document, version: int = 0) -> list[str]:
    found = await db.read(lambda tx: passages.of_document(tx, document.id, version or document.version, 0, 100))
    return [passage.text for passage in found]


async def states(rig: IngestRig, document_id: str) -> list[int]:
    """All states that a document goes through, as the changes tell."""
    seen: list[int] = []

    def look(document: Document) -> bool:
        if not seen or seen[-1] != document.state:
            seen.append(document.state)
        return at_rest(document)

    await rig.until(document_id, look)
    return seen


async def test_a_document_goes_through_its_states(db: Database, tmp_path: Path) -> None:
    async with open_ingest(db, tmp_path) as rig:
        document = await rig.put("# Äpfel\n\nRound fruit.\n\n苹果是一种水果。\n".encode())
        seen = asyncio.create_task(states(rig, document.id))
        rig.worker.wake()
        steps = [DOCUMENT_STATE_UPLOADED, DOCUMENT_STATE_EXTRACTING, DOCUMENT_STATE_EMBEDDING, DOCUMENT_STATE_READY]
        found = await seen
        # A look may come too late for one.
        assert [state for state in steps if state in found] == found
        assert found[-1] == DOCUMENT_STATE_READY
        read = await rig.until(document.id, at_rest)
        assert (read.ready_version, read.chunk_count, read.page_count, read.total) == (1, 1, 0, 0)
        assert await texts(db, read) == ["Round fruit.\n\n苹果是一种水果。"]
        assert await db.read(lambda tx: passages.count_without_vector(tx, document.id, 1, "scripted/embed=8")) == 0
        await ended(rig, document.id)


async def test_without_an_embedding_model_words_are_all(db: Database, tmp_path: Path) -> None:
    async with open_ingest(db, tmp_path, model="") as rig:
        document = await rig.put(sections(2))
        assert (await rig.until(document.id, at_rest)).state == DOCUMENT_STATE_READY
        assert (await counts(db))["chunk_vectors"] == 0


async def test_words_are_found_while_vectors_are_made(db: Database, tmp_path: Path) -> None:
    # The runner is asked and says that it is away: the words are there, and the job comes back.
    async with open_ingest(db, tmp_path, PATIENT, "gone/model") as rig:
        document = await rig.put(sections(2))
        found = await rig.until(document.id, lambda item: item.state == DOCUMENT_STATE_EMBEDDING)
        assert (found.ready_version, found.total) == (1, 2)
    async with open_ingest(db, tmp_path, model="gone/model") as rig:
        await db.write(lambda tx: jobs.enqueue(tx, jobs.INGEST, document.id))
        failed = await rig.until(document.id, at_rest)
        assert (failed.state, failed.ready_version, failed.failure.reason != "") == (DOCUMENT_STATE_FAILED, 1, True)
    async with open_ingest(db, tmp_path) as rig:
        again = await db.write(lambda tx: documents.again(tx, document.id))
        assert again is not None
        assert (await rig.until(document.id, at_rest)).ready_version == 2


async def test_a_bad_file_says_why_and_can_be_tried_again(db: Database, tmp_path: Path) -> None:
    async with open_ingest(db, tmp_path) as rig:
        document = await rig.put(b"%PDF-1.7 and no more", "torn.pdf", "application/pdf")
        failed = await rig.until(document.id, at_rest)
        assert (failed.state, failed.failure.reason, failed.ready_version) == (
            DOCUMENT_STATE_FAILED, "DOCUMENT_DAMAGED", 0,
        )  # fmt: skip
        assert failed.failure.message
        ((dead, reason),) = await db.read(lambda tx: jobs.dead(tx, 10))
        assert (dead.subject, reason.partition(":")[0], dead.attempts) == (document.id, "DOCUMENT_DAMAGED", 1)
        await db.write(lambda tx: documents.again(tx, document.id))
        rig.worker.wake()
        failed = await rig.until(document.id, at_rest)
        assert (failed.state, failed.version) == (DOCUMENT_STATE_FAILED, 2)


async def test_what_takes_too_long_is_given_up_once(db: Database, tmp_path: Path) -> None:
    async with open_ingest(db, tmp_path, ingest=IngestOptions(limits=Limits(seconds=0.001))) as rig:
        document = await rig.put(sections(1))
        failed = await rig.until(document.id, at_rest)
        assert (failed.state, failed.failure.reason) == (DOCUMENT_STATE_FAILED, "EXTRACT_TIMEOUT")


async def test_a_picture_is_ready_with_a_warning(db: Database, tmp_path: Path) -> None:
    async with open_ingest(db, tmp_path) as rig:
        document = await rig.put(PIXEL, "pixel.png", "image/png", collection_id="")
        rig.worker.wake()
        await ended(rig, document.id)
        read = (await db.read(lambda tx: documents.latest(tx, [document.id])))[0]
        assert (read.state, read.ready_version, read.chunk_count) == (DOCUMENT_STATE_READY, 1, 0)
        assert len(read.warnings) == 1


async def test_an_empty_file_is_ready_with_a_warning(db: Database, tmp_path: Path) -> None:
    async with open_ingest(db, tmp_path) as rig:
        document = await rig.put(b"\n\n")
        read = await rig.until(document.id, at_rest)
        assert (read.state, list(read.warnings)) == (DOCUMENT_STATE_READY, ["No text was found in it."])


async def test_the_old_version_serves_until_the_new_one_is_ready(db: Database, tmp_path: Path) -> None:
    async with open_ingest(db, tmp_path) as rig:
        first = await rig.put(sections(1, "old"))
        await rig.until(first.id, at_rest)
    second = None
    # Its vectors cannot be made now.
    async with open_ingest(db, tmp_path, PATIENT, "gone/model") as rig:
        second = await rig.put(sections(1, "new"))
        waiting = await rig.until(second.id, lambda item: item.state == DOCUMENT_STATE_EMBEDDING)
        assert (second.id, waiting.version, waiting.ready_version) == (first.id, 2, 1)
        assert "old" in (await texts(db, waiting, 1))[0]
        assert "new" in (await texts(db, waiting, 2))[0]
    async with open_ingest(db, tmp_path) as rig:
        await db.write(lambda tx: documents.again(tx, second.id))
        rig.worker.wake()
        await rig.until(second.id, lambda item: item.ready_version == 3)
        await ended(rig, second.id)
    found = await counts(db)
    assert (found["chunks"], found["chunk_text"], found["chunk_vectors"]) == (1, 1, 1)


async def test_another_version_takes_the_place_of_one_that_is_being_read(db: Database, tmp_path: Path) -> None:
    async with open_ingest(db, tmp_path) as rig:
        first = await rig.put(sections(400, "old"))
        await rig.until(first.id, lambda found: found.state != DOCUMENT_STATE_UPLOADED)
        second = await rig.put(sections(2, "new"))
        rig.worker.wake()
        read = await rig.until(second.id, at_rest)
        await ended(rig, second.id)
        assert (read.id, read.ready_version, read.chunk_count) == (first.id, 2, 2)
        assert (await counts(db))["chunks"] == 2


@pytest.mark.parametrize("how", ["document", "collection"])
async def test_deleting_ends_what_is_read(db: Database, tmp_path: Path, how: str) -> None:
    async with open_ingest(db, tmp_path) as rig:
        document = await rig.put(sections(2000))
        await rig.until(document.id, lambda found: found.state != DOCUMENT_STATE_UPLOADED)

        if how == "document":
            await db.write(lambda tx: document_removal.delete(tx, document.id))
        else:
            await db.write(lambda tx: document_removal.delete_all(tx, "c"))
        rig.worker.wake()
        running = [task for task in asyncio.all_tasks() if task.get_name().startswith("job ")]
        assert len(running) == 1
        # It takes some milliseconds; a very busy machine may make seconds of them.
        _, late = await asyncio.wait(running, timeout=10)
        assert not late


async def test_progress_is_told_while_it_is_read(db: Database, tmp_path: Path) -> None:
    async with open_ingest(db, tmp_path, ingest=IngestOptions(progress=0.0)) as rig:
        document = await rig.put(sections(100))
        seen: list[tuple[int, int]] = []

        def look(found: Document) -> bool:
            if found.state == DOCUMENT_STATE_EMBEDDING:
                seen.append((found.done, found.total))
            return at_rest(found)

        await rig.until(document.id, look)
    assert {total for _, total in seen} == {100}
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


async def test_a_document_that_is_gone_is_no_work(db: Database, tmp_path: Path) -> None:
    await db.write(lambda tx: jobs.enqueue(tx, jobs.INGEST, "never"))
    async with open_ingest(db, tmp_path) as rig:
        await ended(rig, "never")
    assert await db.read(lambda tx: jobs.dead(tx, 1)) == []


async def test_a_file_whose_bytes_are_gone_says_so(db: Database, tmp_path: Path) -> None:
    async with open_ingest(db, tmp_path) as rig:
        await rig.worker.drain(0)
        document = await rig.put(sections(1))
        for path in (tmp_path / "whole").rglob("*"):
            if path.is_file():
                path.unlink()
    async with open_ingest(db, tmp_path) as rig:
        failed = await rig.until(document.id, at_rest)
        assert (failed.state, failed.failure.reason) == (DOCUMENT_STATE_FAILED, "FILE_INCOMPLETE")
