"""A process to be killed at one step of an upload: it kills itself there, as the kernel or an admin would (SIGKILL).

Usage: python -m tests.upload_crash_child DATABASE_URL FOLDER UPLOAD_ID STEP. A step is `put-3-before`: the third call of
a method of the blob store, or `write-2-after`: of the database. Prints `begun`, and `survived` if the step never came.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from fireside.blobs.base import Stat
from fireside.blobs.local import LocalBlobs
from fireside.core.errors import FiresideError
from fireside.files.opening import open_on
from fireside.files.options import Options
from fireside.store.db import open_database
from fireside.store.dialects.base import Database, Listener
from fireside.store.tx import Body
from tests.files_rig import noise, spec_of
from tests.shared_rig import ANN

PIECE = 1_000_000
SIZE = 4 * PIECE


class Fate:
    """Where it ends."""

    def __init__(self, step: str) -> None:
        self._step = step
        self._calls: Counter[str] = Counter()

    def before(self, call: str) -> None:
        """A call is about to be made."""
        self._calls[call] += 1
        self._meet(f"{call}-{self._calls[call]}-before")

    def after(self, call: str) -> None:
        """It was made."""
        self._meet(f"{call}-{self._calls[call]}-after")

    def _meet(self, step: str) -> None:
        if step == self._step:
            os.kill(os.getpid(), signal.SIGKILL)


class FatalBlobs:
    """A LocalBlobs that the process may die in."""

    def __init__(self, inner: LocalBlobs, fate: Fate) -> None:
        self._inner = inner
        self._fate = fate
        self.scratch = inner.scratch
        self.largest = inner.largest

    async def put_range(self, key: str, offset: int, data: Sequence[bytes], *, sync: bool = False) -> None:
        """See BlobStore."""
        self._fate.before("put")
        await self._inner.put_range(key, offset, data, sync=sync)
        self._fate.after("put")

    async def seal(self, key: str) -> bool:
        """See BlobStore."""
        self._fate.before("seal")
        sealed = await self._inner.seal(key)
        self._fate.after("seal")
        return sealed

    def open(self, key: str, start: int = 0, end: int | None = None) -> AsyncGenerator[bytes]:
        """See BlobStore."""
        return self._inner.open(key, start, end)

    async def delete(self, key: str) -> None:
        """See BlobStore."""
        self._fate.before("delete")
        await self._inner.delete(key)
        self._fate.after("delete")

    async def stat(self, key: str) -> Stat | None:
        """See BlobStore."""
        return await self._inner.stat(key)


class FatalDatabase:
    """A Database that the process may die before or after a write of."""

    def __init__(self, inner: Database, fate: Fate) -> None:
        self._inner = inner
        self._fate = fate
        self.dialect = inner.dialect
        self.exclusive = inner.exclusive

    async def write(self, body: Body[Any]) -> Any:
        """See Database."""
        self._fate.before("write")
        result = await self._inner.write(body)
        self._fate.after("write")
        return result

    async def read(self, body: Body[Any]) -> Any:
        """See Database."""
        return await self._inner.read(body)

    async def listen(self, listener: Listener) -> None:
        """See Database."""
        await self._inner.listen(listener)

    async def close(self) -> None:
        """See Database."""
        await self._inner.close()


async def _main(url: str, folder: Path, upload_id: str, step: str) -> None:
    fate = Fate(step)
    data = noise(SIZE)
    async with AsyncExitStack() as stack:
        db = await open_database(url)
        stack.push_async_callback(db.close)
        fatal = FatalDatabase(db, fate)
        blobs = FatalBlobs(LocalBlobs(folder), fate)
        uploads = (await open_on(fatal, blobs, Options(), lambda _: 0, stack)).uploads
        await uploads.create(ANN, spec_of(SIZE, id=upload_id))
        print("begun", flush=True)
        try:
            for at in range(0, SIZE, PIECE):
                async with uploads.writing(ANN, upload_id) as writer:
                    await writer.write(at, data[at : at + PIECE])
                if step.startswith("delete") and at:
                    await uploads.cancel(ANN, upload_id)
            await uploads.finish(ANN, upload_id)
        except FiresideError as error:
            print(error.reason, flush=True)
    print("survived", flush=True)


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], Path(sys.argv[2]), sys.argv[3], sys.argv[4]))
