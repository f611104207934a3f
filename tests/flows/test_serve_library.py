"""Documents on a server with two processes, and on two servers: whoever is asked knows, and the death of a reader is nothing."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from fireside.gen.v1.chat_service_pb2 import WatchEventsRequest
from fireside.gen.v1.document_pb2 import (
    DOCUMENT_STATE_DELETED,
    DOCUMENT_STATE_EXTRACTING,
    DOCUMENT_STATE_READY,
    Document,
)
from fireside.gen.v1.knowledge_service_pb2 import (
    DeleteDocumentRequest,
    ReadDocumentRequest,
    WatchDocumentsRequest,
    WatchDocumentsResponse,
)
from tests.callers import Caller, CallError, caller
from tests.ingest_rig import sections
from tests.knowledge_calls import bring, delete_collection, have_collection, ready, search, stream, watched
from tests.processes import caller_of, children, until
from tests.server_process import ServerProcess, server_process

WAIT = 120.0
pytestmark = pytest.mark.timeout(300)


@dataclass(frozen=True, slots=True)
class Pair:
    """Two processes on one store, each with a client of its own."""

    one: Caller
    two: Caller


@pytest.fixture(params=["workers", "servers"])
def url_of_two(request: pytest.FixtureRequest) -> str:
    """The database of two servers; empty for two workers of one."""
    return "" if request.param == "workers" else request.getfixturevalue("postgres_url")


@pytest.fixture
async def pair(url_of_two: str, tmp_path: Path) -> AsyncIterator[Pair]:
    """Two workers on SQLite, or two servers on PostgreSQL with one folder of blobs."""
    async with AsyncExitStack() as stack:
        if not url_of_two:
            server = stack.enter_context(server_process(tmp_path, "--workers", "2"))
            one, two = await stack.enter_async_context(_two_workers(server))
            yield Pair(one, two)
            return
        servers: list[ServerProcess] = []
        for name in ("one", "two"):
            (tmp_path / name).mkdir()
            flags = ("--database-url", url_of_two, "--blob-store", str(tmp_path / "blobs"))
            servers.append(stack.enter_context(server_process(tmp_path / name, *flags)))
        clients = [await stack.enter_async_context(caller("grpcio", server.url)) for server in servers]
        yield Pair(clients[0], clients[1])


@asynccontextmanager
async def _two_workers(server: ServerProcess) -> AsyncIterator[tuple[Caller, Caller]]:
    pids = children(server.process.pid)
    async with caller_of(server.url, pids[0], pids) as one, caller_of(server.url, pids[1], pids) as two:
        yield one, two


def reader_among(pids: list[int]) -> int:
    """The process that reads a document: the one with the child that does it; 0 for none."""
    for pid in pids:
        for child in children(pid):
            try:
                line = Path(f"/proc/{child}/cmdline").read_bytes()
            except OSError:
                continue
            if b"fireside.knowledge.extract.child" in line:
                return pid
    return 0


async def test_what_comes_through_one_is_followed_found_and_deleted_through_the_other(pair: Pair) -> None:
    told: list[int] = []
    async with asyncio.timeout(WAIT):
        collection = await have_collection(pair.one)
        async with aclosing(pair.two.stream("WatchEvents", WatchEventsRequest())) as events:  # type: ignore[type-var]
            async for answer in events:
                for event in answer.events:
                    if event.HasField("ready"):
                        document = await bring(pair.one, sections(2), collection_id=collection.id)
                    if event.HasField("document_changed"):
                        told.append(event.document_changed.state)
                if told and told[-1] == DOCUMENT_STATE_READY:
                    break
        assert (await ready(pair.two, document)).chunk_count == 2
        assert [passage.document_id for passage in await search(pair.two, "apple")] == [document.id] * 2

        seen: list[WatchDocumentsResponse] = []

        async def follow() -> str:
            try:
                async for answer in stream(pair.two, WatchDocumentsRequest(collection_id=collection.id)):
                    seen.append(answer)
                    if len(seen) == 1:
                        await pair.one.unary("DeleteDocument", DeleteDocumentRequest(document_id=document.id))
                    elif any(item.state == DOCUMENT_STATE_DELETED for item in answer.documents):
                        await delete_collection(pair.one, collection.id)
            except CallError as error:
                return error.code
            return "OK"

        assert await follow() == "NOT_FOUND"
        assert await search(pair.one, "apple") == []


async def test_a_process_that_dies_while_it_reads_is_taken_over(tmp_path: Path) -> None:
    count = 1500
    with server_process(tmp_path, "--workers", "2") as server:
        async with asyncio.timeout(WAIT), caller("grpcio", server.url) as client:
            collection = await have_collection(client)
            document = await bring(client, sections(count), collection_id=collection.id)
        pids = children(server.process.pid)
        victims: list[int] = []

        def reading() -> bool:
            victims[:] = [reader_among(pids)]
            return victims[0] != 0

        async with asyncio.timeout(WAIT):
            await until(reading)
            survivors = [pid for pid in pids if pid != victims[0]]
            os.kill(victims[0], signal.SIGKILL)
            # The address is the survivor's and that of the one that takes the dead one's place.
            read = await _ready_somewhere(server, document)
            assert (read.state, read.version, read.chunk_count) == (DOCUMENT_STATE_READY, 1, count)
            async with caller("grpcio", server.url) as client:
                text = await client.unary("ReadDocument", ReadDocumentRequest(document_id=document.id))
                assert text.total == count
        assert survivors[0] in children(server.process.pid)


async def _ready_somewhere(server: ServerProcess, document: Document) -> Document:
    while True:
        try:
            async with caller("grpcio", server.url) as client:
                states: list[int] = []

                def done(answer: WatchDocumentsResponse, states: list[int] = states) -> bool:
                    states += [item.state for item in answer.documents]
                    return bool(states) and states[-1] > DOCUMENT_STATE_EXTRACTING + 1

                answers = await watched(client, document.collection_id, done)
                return answers[-1].documents[-1]
        except CallError as error:
            if error.code != "UNAVAILABLE":
                raise
