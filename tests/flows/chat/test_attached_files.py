"""An answer waits for the files that its question brings, and is told when they are read: here or by another process.

Where it has to be told, the next look of its own is an hour away.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from fireside.blobs.local import LocalBlobs
from fireside.chat.research import Options, Research
from fireside.chat.wire import events_of
from fireside.files.downloads import Downloads
from fireside.gen.v1.document_pb2 import DOCUMENT_STATE_FAILED, Document
from fireside.gen.v1.generation_pb2 import PHASE_SEARCHING, GenerationSpec
from fireside.gen.v1.message_pb2 import FilePart, Message, Part, SearchPart
from fireside.knowledge.changes import Changes
from fireside.knowledge.embedding import Embedder, EmbedderOptions
from fireside.knowledge.search import Search
from fireside.runners.catalog import Catalog
from fireside.store import document_removal, documents
from fireside.store.db import Database, StoreOptions, open_database
from fireside.store.hold import hold
from tests.ingest_rig import open_ingest, put, sections
from tests.rig import Rig, folded, open_rig, send
from tests.shared_rig import ANN, have_people

ROOT = Path(__file__).parents[3]
WAIT = 60.0
HOUR = 3600.0
TOLD = Options(patience=HOUR, look_seconds=HOUR)


@dataclass(frozen=True, slots=True)
class Desk:
    """A chat engine whose answers draw on files, and the folder that these are in."""

    rig: Rig
    changes: Changes
    folder: Path

    async def bring(self) -> Document:
        """A file of Ann's has come; nobody reads it yet."""
        notes = sections(2)
        return await put(
            self.rig.db, LocalBlobs(self.folder), notes, name="notes.md", media_type="text/markdown", collection_id=""
        )

    async def ask(self, *came: Document) -> GenerationSpec:
        """Ann asks about files. Returns when the answer has begun to wait for them."""
        spec = send("echo", "How are apples?")
        spec.send.parts.extend(Part(file=FilePart(file_id=document.file_id)) for document in came)
        await self.rig.engine.start(ANN, spec)
        async with aclosing(self.rig.engine.watch(ANN, spec.generation_id, 0, WAIT)) as tail:
            async for payload in tail:
                if events_of(payload)[-1].heartbeat.phase == PHASE_SEARCHING:
                    break
        return spec

    async def answer(self, spec: GenerationSpec) -> Message:
        """The answer, once it has ended."""
        return folded(await self.rig.read(spec.generation_id, 0, ANN))


@asynccontextmanager
async def open_desk(db: Database, folder: Path, options: Options) -> AsyncIterator[Desk]:
    changes = Changes(db)
    await changes.open()
    search = Search(db, Embedder(Catalog([]), EmbedderOptions(model="")), None)
    research = Research(db, search, changes, Downloads(db, LocalBlobs(folder)), options)
    async with open_rig(db, research) as rig:
        yield Desk(rig, changes, folder)


@pytest.fixture
async def ground(database_url: str) -> AsyncIterator[Database]:
    """A database that other processes may open, with Ann in it."""
    held = await asyncio.to_thread(hold, database_url)
    async with AsyncExitStack() as stack:
        if held is not None:
            stack.callback(os.close, held)
        db = await open_database(database_url, StoreOptions(shared=True))
        stack.push_async_callback(db.close)
        await have_people(db)
        yield db


def search_of(answer: Message) -> SearchPart:
    """What an answer begins with."""
    assert answer.parts[0].HasField("search")
    return answer.parts[0].search


async def test_an_answer_begins_when_its_files_are_read(ground: Database, tmp_path: Path) -> None:
    async with asyncio.timeout(WAIT), open_desk(ground, tmp_path, TOLD) as desk:
        came = [await desk.bring(), await desk.bring()]
        spec = await desk.ask(*came)
        async with open_ingest(ground, tmp_path, changes=desk.changes):
            search = search_of(await desk.answer(spec))
        assert (search.passage_count, list(search.unread)) == (4, [])
        assert desk.changes.followed == 0


async def test_an_answer_begins_when_another_process_has_read_its_file(
    ground: Database, database_url: str, tmp_path: Path
) -> None:
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.ingest_child", database_url, str(tmp_path), "shared",
        cwd=ROOT, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert child.stdin is not None
    try:
        async with asyncio.timeout(WAIT), open_desk(ground, tmp_path, TOLD) as desk:
            spec = await desk.ask(await desk.bring())
            child.stdin.write(b"reader 1000000\n")
            search = search_of(await desk.answer(spec))
    finally:
        child.stdin.close()
        await child.wait()
    assert (search.passage_count, list(search.unread)) == (2, [])


@pytest.mark.parametrize("way", ["failed", "deleted"])
async def test_an_answer_begins_when_its_file_will_not_be_read(ground: Database, tmp_path: Path, way: str) -> None:
    def fail(document: Document) -> None:
        document.state = DOCUMENT_STATE_FAILED

    async with asyncio.timeout(WAIT), open_desk(ground, tmp_path, TOLD) as desk:
        came = await desk.bring()
        spec = await desk.ask(came)
        if way == "failed":
            await ground.write(lambda tx: documents.change(tx, came.id, fail))
        else:
            await ground.write(lambda tx: document_removal.delete(tx, came.id))
        desk.changes.document(came)
        assert list(search_of(await desk.answer(spec)).unread) == ["notes.md"]


async def test_a_file_that_nobody_told_of_is_seen_by_the_next_look(ground: Database, tmp_path: Path) -> None:
    look = Options(patience=HOUR, look_seconds=0.01)
    async with asyncio.timeout(WAIT), open_desk(ground, tmp_path, look) as desk:
        spec = await desk.ask(await desk.bring())
        # It tells others, and itself; not the answer.
        async with open_ingest(ground, tmp_path):
            search = search_of(await desk.answer(spec))
        assert (search.passage_count, list(search.unread)) == (2, [])


async def test_an_answer_does_without_a_file_that_is_not_read_in_time(ground: Database, tmp_path: Path) -> None:
    async with asyncio.timeout(WAIT), open_desk(ground, tmp_path, Options(patience=0.01, look_seconds=HOUR)) as desk:
        spec = await desk.ask(await desk.bring())
        search = search_of(await desk.answer(spec))
        assert (search.passage_count, list(search.unread)) == (0, ["notes.md"])
