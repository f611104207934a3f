"""Opens the parts of files: the blob store that the settings name, and what works with it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from fireside.blobs.local import LocalBlobs
from fireside.blobs.s3 import S3Options, open_s3
from fireside.core.errors import FailedPreconditionError
from fireside.files.downloads import Downloads
from fireside.files.finish import Finisher
from fireside.files.options import Options
from fireside.files.pens import Pens
from fireside.files.sweeper import Sweeper
from fireside.files.uploads import Uploads
from fireside.files.writing import Writings

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AsyncExitStack

    from fireside.blobs.base import BlobStore
    from fireside.core.principal import Principal
    from fireside.identity.limits import Limits
    from fireside.store.db import Database


@dataclass(frozen=True, slots=True)
class FilesOptions:
    """Settings of files, and of where their bytes are."""

    blob_store: str
    """An absolute folder, or `s3://bucket/prefix`."""

    data_dir: Path
    """Where a store that is elsewhere keeps what it has of unfinished uploads on this machine."""

    options: Options = field(default_factory=Options)
    s3: S3Options = field(default_factory=S3Options)


class Files(NamedTuple):
    """What is open of files."""

    uploads: Uploads
    downloads: Downloads
    sweeper: Sweeper
    blobs: BlobStore


async def open_files(db: Database, options: FilesOptions, limits: Limits | None, stack: AsyncExitStack) -> Files:
    """Opens them; `stack` closes them in reverse. Without `limits` everybody may keep any number of bytes.

    Raises FailedPreconditionError: the folder cannot be used (BLOB_STORE_UNUSABLE), or the extra `s3` is not installed
    (EXTRA_MISSING).
    """
    return await open_on(db, await _open_blobs(options, stack), options.options, _quota(limits), stack)


async def open_on(
    db: Database, blobs: BlobStore, options: Options, quota: Callable[[Principal], int], stack: AsyncExitStack
) -> Files:
    """Opens them on a blob store. `quota` says how many bytes a principal may keep; 0 for any number."""
    pens = Pens(db, blobs.scratch)
    await pens.open()
    writings = Writings(db, blobs, pens, options)
    stack.push_async_callback(writings.aclose)
    uploads = Uploads(writings, Finisher(writings, options), options, quota)
    sweeper = Sweeper(db, blobs, pens, options)
    stack.push_async_callback(sweeper.aclose)
    sweeper.open()
    return Files(uploads, Downloads(db, blobs), sweeper, blobs)


async def _open_blobs(options: FilesOptions, stack: AsyncExitStack) -> BlobStore:
    parts = urlsplit(options.blob_store)
    if parts.scheme == "s3":
        place = replace(options.s3, bucket=parts.netloc, prefix=parts.path.strip("/"))
        return await open_s3(place, options.data_dir / "staging", stack)
    try:
        return LocalBlobs(Path(options.blob_store))
    except OSError as error:
        raise FailedPreconditionError(
            "BLOB_STORE_UNUSABLE", f"Files cannot be kept in {options.blob_store}: {error.strerror or error}."
        ) from error


def _quota(limits: Limits | None) -> Callable[[Principal], int]:
    if limits is None:
        return lambda _: 0
    return lambda principal: limits.allowed(principal).storage_bytes
