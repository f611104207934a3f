"""What an upload asks of the system: memory is taken once, not for each piece anew."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from fireside.gen.v1.upload_service_pb2 import AppendUploadRequest, CreateUploadRequest
from tests.callers import caller
from tests.files_rig import MIB, noise
from tests.flows.test_uploads_streamed import BINARY, PATH, message, sums
from tests.http_calls import http
from tests.rig import new_uuid
from tests.server_process import server_process

PIECE = 4 * MIB
PIECES = 24


def faults(pid: int) -> int:
    """How often the system gave a process a page of memory so far."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[7])


@pytest.mark.skipif(sys.platform != "linux", reason="the system does not tell")
async def test_the_pieces_of_an_upload_use_the_same_memory(tmp_path: Path) -> None:
    data = noise(PIECE)
    with server_process(tmp_path) as server:
        async with caller("connect-h2", server.url) as client:
            upload_id = new_uuid()
            await client.unary(
                "CreateUpload", CreateUploadRequest(upload_id=upload_id, name="a.bin", size=PIECE * PIECES)
            )
            taken: list[int] = []
            for at in range(PIECES):
                before = faults(server.process.pid)
                await client.unary(
                    "AppendUpload", AppendUploadRequest(upload_id=upload_id, offset=at * PIECE, data=data)
                )
                taken.append(faults(server.process.pid) - before)
    assert sorted(taken)[PIECES // 2] < PIECE // 4096


@pytest.mark.skipif(sys.platform != "linux", reason="the system does not tell")
async def test_a_large_piece_is_never_in_memory_whole(tmp_path: Path) -> None:
    data = noise(32 * MIB)
    with server_process(tmp_path) as server:
        async with caller("connect-h2", server.url) as client:
            upload_id = new_uuid()
            await client.unary("CreateUpload", CreateUploadRequest(upload_id=upload_id, name="a.bin", size=len(data)))
        before = faults(server.process.pid)
        answer = await http(server.url, "POST", PATH, BINARY, message(upload_id, 0, data, sums(data)))
        taken = faults(server.process.pid) - before
    assert answer.status == 200
    assert taken < 16 * MIB // 4096
