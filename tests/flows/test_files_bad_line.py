"""Uploads over a line that resets connections, loses answers and cuts at random bytes. bench/bad_line.py is the large one."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from fireside.gen.v1.collection_service_pb2 import CreateCollectionRequest
from fireside.gen.v1.file_service_pb2 import GetFileRequest
from fireside.gen.v1.knowledge_service_pb2 import ListDocumentsRequest
from tests.bad_line import BadLine, Faults, bad_line
from tests.callers import Caller, caller
from tests.rig import new_uuid
from tests.served import serve
from tests.upload_clients import Errand, by_command, by_pieces, by_tus

FILES, SIZE = 6, 4_000_000
LINE = Faults(seed=7, reset=0.1, deaf=0.1, cut_every=4_000_000, rate=10_000_000)


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    chance = random.Random(1)
    paths = [tmp_path / f"{number}.bin" for number in range(FILES)]
    for path in paths:
        path.write_bytes(chance.randbytes(SIZE))
    return paths


async def hashes(client: Caller, ids: Sequence[str]) -> set[bytes]:
    return {(await client.unary("GetFile", GetFileRequest(file_id=item))).file.sha256 for item in ids}


def bad_enough(line: BadLine) -> bool:
    """The line has done its worst, and little was sent twice: with every cut a file begun again would be a third."""
    tally = line.tally
    return tally.cut > 2 and tally.carried < FILES * SIZE * 1.15


@pytest.mark.parametrize("kind", ["command", "tus", "pieces"])
async def test_all_arrive_intact_and_little_is_sent_twice(tmp_path: Path, files: list[Path], kind: str) -> None:
    (tmp_path / "server").mkdir()
    async with serve(tmp_path / "server") as served, caller("grpcio", served.url) as client:
        collection = new_uuid()
        await client.unary("CreateCollection", CreateCollectionRequest(collection_id=collection, name="All"))
        async with bad_line(int(served.url.rpartition(":")[2]), LINE) as line:
            errand = Errand(line.url, files, collection)
            if kind == "command":
                await by_command(errand, tmp_path)
                listed = await client.unary("ListDocuments", ListDocumentsRequest(collection_id=collection))
                ids = [document.file_id for document in listed.documents]
            else:
                ids = await (by_tus if kind == "tus" else by_pieces)(errand)
        assert await hashes(client, ids) == {hashlib.sha256(path.read_bytes()).digest() for path in files}
        assert bad_enough(line), line.tally
