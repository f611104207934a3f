"""Blobs as files in one folder: `partial/` for those that are being written, `whole/` for those that are sealed.

Beside a partial file lies its mark: how far it was synced, in which boot of the machine, and a word that is another one
whenever the file had to be cut back. After a power cut, what was not synced counts as not there.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from fireside.blobs.base import READ_BYTES, Stat, no_blob, store_failed
from fireside.core.errors import FailedPreconditionError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence
    from typing import ParamSpec

    P = ParamSpec("P")

T = TypeVar("T")

_SYNC_BYTES = 64 * 1024 * 1024
# What writev takes at once, on every system.
_MOST_BUFFERS = 512


@dataclass(frozen=True, slots=True)
class _Mark:
    boot: str
    synced: int
    epoch: str


class LocalBlobs:
    """A BlobStore in a folder, which several processes may share, also on several machines if its file system has flock."""

    def __init__(self, folder: Path) -> None:
        self.scratch = folder / "partial"
        self.largest = 0
        self._whole = folder / "whole"
        self._boot = _boot()
        for path in (folder, self.scratch, self._whole):
            path.mkdir(mode=0o700, parents=True, exist_ok=True)

    async def put_range(self, key: str, offset: int, data: Sequence[bytes], *, sync: bool = False) -> None:
        """See BlobStore."""
        await _in_thread("writing", self._put, key, offset, data, sync=sync)

    async def seal(self, key: str) -> bool:
        """See BlobStore."""
        return await _in_thread("writing", self._seal, key)

    async def open(self, key: str, start: int = 0, end: int | None = None) -> AsyncGenerator[bytes]:
        """See BlobStore."""
        file = await _in_thread("reading", self._open, key)
        try:
            at = start
            while end is None or at < end:
                piece = await _in_thread("reading", os.pread, file, min(READ_BYTES, (end or 2**62) - at), at)
                if not piece:
                    return
                at += len(piece)
                yield piece
        finally:
            os.close(file)

    async def delete(self, key: str) -> None:
        """See BlobStore."""
        await _in_thread("deleting", self._delete, key)

    async def stat(self, key: str) -> Stat | None:
        """See BlobStore."""
        return await _in_thread("reading", self._stat, key)

    def path(self, key: str) -> Path:
        """Where a sealed blob is, for whoever reads it in another process."""
        return self._whole_path(key)

    def _partial_path(self, key: str) -> Path:
        # The end of an id is random whatever its kind.
        return self.scratch / key[-2:] / f"{key}.part"

    def _whole_path(self, key: str) -> Path:
        return self._whole / key[-2:] / key[-4:-2] / key

    def _stat(self, key: str) -> Stat | None:
        with suppress(FileNotFoundError):
            return Stat(self._whole_path(key).stat().st_size, sealed=True)
        path = self._partial_path(key)
        try:
            size = path.stat().st_size
        except FileNotFoundError:
            return None
        mark = _read_mark(path)
        return Stat(size if mark.boot == self._boot else min(size, mark.synced), mark=mark.epoch)

    def _put(self, key: str, offset: int, data: Sequence[bytes], *, sync: bool) -> None:
        path = self._partial_path(key)
        try:
            file = os.open(path, os.O_RDWR)
        except FileNotFoundError:
            if self._whole_path(key).exists():
                raise FailedPreconditionError("BLOB_SEALED", "This blob is whole already.") from None
            if offset:
                raise no_blob(key) from None
            file = self._begin(path)
        try:
            size, mark = os.fstat(file).st_size, _read_mark(path)
            if offset > size:
                raise no_blob(key)
            if mark.boot != self._boot or size != offset:
                # What lies behind it is what a power cut left, or a write that failed half-way.
                os.ftruncate(file, offset)
                mark = _Mark(self._boot, min(mark.synced, offset), secrets.token_hex(8))
                _write_mark(path, mark)
            end = _write(file, offset, data)
            if sync or end - mark.synced >= _SYNC_BYTES:
                _sync(file)
                _write_mark(path, _Mark(self._boot, end, mark.epoch))
        finally:
            os.close(file)

    def _begin(self, path: Path) -> int:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write_mark(path, _Mark(self._boot, 0, secrets.token_hex(8)))
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)

    def _seal(self, key: str) -> bool:
        path, target = self._partial_path(key), self._whole_path(key)
        fresh = not target.exists()
        if fresh:
            if not path.exists():
                os.close(self._begin(path))
            file = os.open(path, os.O_RDWR)
            try:
                size, mark = os.fstat(file).st_size, _read_mark(path)
                if mark.boot != self._boot and size > mark.synced:
                    os.ftruncate(file, mark.synced)
                os.fsync(file)
            finally:
                os.close(file)
            self._make_folders(target.parent)
            path.rename(target)
            _sync_folder(target.parent)
        _mark_path(path).unlink(missing_ok=True)
        return fresh

    def _make_folders(self, folder: Path) -> None:
        for one in (folder.parent, folder):
            if not one.exists():
                one.mkdir(mode=0o700, exist_ok=True)
                _sync_folder(one.parent)

    def _open(self, key: str) -> int:
        try:
            return os.open(self._whole_path(key), os.O_RDONLY)
        except FileNotFoundError:
            raise no_blob(key) from None

    def _delete(self, key: str) -> None:
        path = self._partial_path(key)
        for one in (self._whole_path(key), path, _mark_path(path)):
            one.unlink(missing_ok=True)


async def _in_thread(doing: str, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    try:
        return await asyncio.to_thread(function, *args, **kwargs)
    except OSError as error:
        raise store_failed(error, doing) from error


def _write(file: int, offset: int, data: Sequence[bytes]) -> int:
    """Writes all of it and returns where it ends."""
    waiting = [memoryview(piece) for piece in data if piece]
    while waiting:
        written = os.pwritev(file, waiting[:_MOST_BUFFERS], offset)
        offset += written
        while waiting and written >= len(waiting[0]):
            written -= len(waiting.pop(0))
        if written:
            waiting[0] = waiting[0][written:]
    return offset


def _sync(file: int) -> None:
    # macOS has no fdatasync.
    getattr(os, "fdatasync", os.fsync)(file)


def _sync_folder(folder: Path) -> None:
    file = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def _mark_path(path: Path) -> Path:
    return path.with_suffix(".mark")


def _read_mark(path: Path) -> _Mark:
    try:
        found = json.loads(_mark_path(path).read_bytes())
        return _Mark(str(found["boot"]), int(found["synced"]), str(found["epoch"]))
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        # A power cut may have taken it: then nothing counts as synced.
        return _Mark("none", 0, "")


def _write_mark(path: Path, mark: _Mark) -> None:
    text = json.dumps({"boot": mark.boot, "synced": mark.synced, "epoch": mark.epoch}).encode()
    fresh = _mark_path(path).with_suffix(".new")
    file = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.write(file, text)
        os.fsync(file)
    finally:
        os.close(file)
    fresh.rename(_mark_path(path))


def _boot() -> str:
    """What tells one boot of this machine from another; empty where that is not known, and a power cut not noticed."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""
