"""An upload whose process is killed at any step is gone on with, finished once, or swept: no byte is lost or left."""

from __future__ import annotations

import asyncio
import hashlib
import signal
import sys
from pathlib import Path

import pytest

from fireside.core.ids import new_id
from fireside.files.finish import Finished
from fireside.gen.v1.file_pb2 import Upload
from fireside.store.db import open_database
from tests.files_rig import FilesRig, noise, open_files_rig
from tests.shared_rig import ANN, have_people
from tests.upload_crash_child import SIZE

# The first write of the database begins the upload and the last one finishes it.
STEPS = ["put-1-before", "put-1-after", "put-3-before", "put-3-after", "seal-1-before", "seal-1-after", "write-2-before", "write-2-after"]  # fmt: skip
pytestmark = pytest.mark.timeout(120)


async def killed_at(url: str, folder: Path, upload_id: str, step: str) -> None:
    """Runs the child to its death."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.upload_crash_child", url, str(folder), upload_id, step,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await child.communicate()
    assert child.returncode == -signal.SIGKILL, (out, err)
    assert out == b"begun\n"


async def have(url: str) -> None:
    db = await open_database(url)
    await have_people(db)
    await db.close()


async def is_clean(rig: FilesRig, blobs: int) -> None:
    """Nothing is left but the bytes of files."""
    assert (await rig.rows("uploads"), await rig.rows("blobs"), len(rig.kept())) == (0, blobs, blobs)


async def goes_on(url: str, folder: Path, step: str) -> None:
    upload_id, data = new_id(), noise(SIZE)
    await have(url)
    await killed_at(url, folder, upload_id, step)
    db = await open_database(url)
    async with open_files_rig(db, folder) as rig:
        found = await rig.uploads.get(ANN, upload_id)
        if isinstance(found, Upload):
            # As far as the last whole piece; a piece was lost only if it was not acknowledged.
            assert (
                found.offset == {"1-before": 0, "1-after": 1, "3-before": 2, "3-after": 3}.get(step[4:], 4) * 1_000_000
            )
            await rig.send(found, data)
            found = await rig.uploads.finish(ANN, upload_id)
        else:
            assert step == "write-2-after"
        assert isinstance(found, Finished)
        assert found.file.sha256 == hashlib.sha256(data).digest()
        assert await rig.read(upload_id) == data
        assert await rig.rows("files") == await rig.rows("documents") == await rig.rows("jobs") == 1
        await rig.sweeper.sweep()
        await is_clean(rig, 1)
    await db.close()


@pytest.mark.parametrize("step", STEPS)
async def test_who_comes_after_a_kill_goes_on(sqlite_database_url: str, tmp_path: Path, step: str) -> None:
    await goes_on(sqlite_database_url, tmp_path / "blobs", step)


async def test_who_comes_after_a_kill_goes_on_with_postgresql(postgres_url: str, tmp_path: Path) -> None:
    await goes_on(postgres_url, tmp_path / "blobs", "write-2-before")


@pytest.mark.parametrize("step", ["delete-1-before", "delete-1-after"])
async def test_a_cancelled_upload_whose_process_was_killed_is_swept(
    sqlite_database_url: str, tmp_path: Path, step: str
) -> None:
    upload_id = new_id()
    await have(sqlite_database_url)
    await killed_at(sqlite_database_url, tmp_path / "blobs", upload_id, step)
    db = await open_database(sqlite_database_url)
    async with open_files_rig(db, tmp_path / "blobs") as rig:
        assert await rig.rows("uploads") == 0
        async with asyncio.timeout(30):
            # The sweeper that began by itself may be at it.
            while await rig.rows("blobs"):
                await rig.sweeper.sweep()
        await is_clean(rig, 0)
    await db.close()
