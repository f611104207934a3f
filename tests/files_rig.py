"""Files on a real store and a real folder, three people with accounts, and short ways to say what a test wants of them."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Awaitable
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from fireside.core.errors import FiresideError
from fireside.core.ids import new_id
from fireside.core.principal import Principal
from fireside.files.downloads import Downloads
from fireside.files.finish import Finished
from fireside.files.opening import Files, FilesOptions, open_files
from fireside.files.options import Options
from fireside.files.sweeper import Sweeper
from fireside.files.uploads import Uploads, UploadSpec
from fireside.gen.v1.collection_pb2 import Collection
from fireside.gen.v1.file_pb2 import Upload
from fireside.gen.v1.policy_pb2 import Limits as Allowed
from fireside.store import collections
from fireside.store.db import Database
from fireside.store.tx import Tx, Value
from tests.shared_rig import ANN

MIB = 1024 * 1024


def noise(size: int, seed: int = 0) -> bytes:
    """Bytes without a pattern, the same each time."""
    return hashlib.shake_128(seed.to_bytes(8, "big")).digest(size)


@dataclass
class Quota:
    """Stands for identity.limits: what everybody may keep."""

    storage_bytes: int = 0

    def allowed(self, _: Principal) -> Allowed:
        """What holds for somebody."""
        return Allowed(storage_bytes=self.storage_bytes)


@dataclass(frozen=True, slots=True)
class FilesRig:
    """The parts, opened."""

    db: Database
    files: Files
    folder: Path
    quota: Quota

    @property
    def uploads(self) -> Uploads:
        """The uploads."""
        return self.files.uploads

    @property
    def downloads(self) -> Downloads:
        """The downloads."""
        return self.files.downloads

    @property
    def sweeper(self) -> Sweeper:
        """The sweeper."""
        return self.files.sweeper

    async def begin(self, size: int, who: Principal = ANN, **spec: str | bytes) -> Upload:
        """An upload that is to be sent."""
        found = await self.uploads.create(who, spec_of(size, **spec))
        assert isinstance(found, Upload)
        return found

    async def send(self, upload: Upload, data: bytes, who: Principal = ANN, piece: int = MIB) -> int:
        """Sends the rest of the data, each piece as one connection's; the offset then."""
        offset = upload.offset
        while offset < len(data):
            async with self.uploads.writing(who, upload.id) as writer:
                offset = await writer.write(offset, data[offset : offset + piece])
        return offset

    async def bring(self, data: bytes, who: Principal = ANN, **spec: str | bytes) -> Finished:
        """A file, from beginning to end."""
        upload = await self.begin(len(data), who, **spec)
        await self.send(upload, data, who)
        return await self.uploads.finish(who, upload.id)

    async def read(self, file_id: str, who: Principal = ANN, start: int = 0, end: int | None = None) -> bytes:
        """What a file holds."""
        download = await self.downloads.open(who, file_id)
        async with aclosing(download.read(start, end)) as pieces:
            return b"".join([piece async for piece in pieces])

    async def rows(self, table: str, where: str = "1 = 1", *args: Value) -> int:
        """How many rows a table has."""

        async def body(tx: Tx) -> int:
            found = await tx.fetch(f"SELECT 1 FROM {table} WHERE {where}", *args)  # noqa: S608
            return len(found)

        return await self.db.read(body)

    async def collection(self, owner: Principal = ANN) -> str:
        """A collection of somebody's."""
        made = Collection(id=new_id(), name=new_id(), owner_id=owner.id)
        return (await self.db.write(lambda tx: collections.insert(tx, made))).id

    def kept(self) -> list[str]:
        """The files in the folder, locks that nobody holds left out."""
        return sorted(
            path.name for path in self.folder.rglob("*") if path.is_file() and path.suffix not in (".lock", ".mark")
        )


async def reason_of(call: Awaitable[object]) -> str:
    """Why a call is refused; empty when it is not."""
    try:
        await call
    except FiresideError as error:
        return error.reason
    return ""


def spec_of(size: int, **spec: str | bytes) -> UploadSpec:
    """What is announced of a file."""
    return UploadSpec(**{"id": new_id(), "name": "notes.txt", "size": size, **spec})  # pyright: ignore[reportArgumentType]


@asynccontextmanager
async def open_files_rig(
    db: Database, folder: Path, options: Options | None = None, **place: str
) -> AsyncIterator[FilesRig]:
    """A rig on `db`, which stays open afterwards."""
    quota = Quota()
    async with AsyncExitStack() as stack:
        settings = FilesOptions(place.get("store", str(folder)), folder, options or Options())
        files = await open_files(db, settings, quota, stack)  # pyright: ignore[reportArgumentType] - as much as is used
        yield FilesRig(db, files, folder, quota)
