"""A file as it is read to be sent: in pieces, in a thread, each byte hashed once however often it is sent."""

from __future__ import annotations

import asyncio
import hashlib
import os
from typing import TYPE_CHECKING

from fireside.cli.failure import CommandError

if TYPE_CHECKING:
    from fireside.cli.upload.sources import Source

_HASHED_AT_ONCE = 4 * 1024 * 1024


class Reading:
    """The open file."""

    def __init__(self, source: Source) -> None:
        """Raises CommandError when it cannot be read."""
        self._source = source
        try:
            self._file = os.open(source.path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        except OSError as error:
            raise CommandError(f"{source.path} cannot be read: {error.strerror}.") from error
        self._hash = hashlib.sha256()
        self._hashed = 0

    def close(self) -> None:
        """Closes it."""
        os.close(self._file)

    async def piece(self, offset: int, size: int) -> bytes:
        """The bytes at `offset`; fewer than `size` at the end. Raises CommandError when it became shorter."""
        return await asyncio.to_thread(self._piece, offset, size)

    async def digest(self) -> bytes:
        """SHA-256 of the whole; what has not been read yet is read for it."""
        return await asyncio.to_thread(self._digest)

    def _piece(self, offset: int, size: int) -> bytes:
        data = self._read(offset, min(size, self._source.size - offset))
        if offset <= self._hashed < offset + len(data):
            self._add(data if offset == self._hashed else data[self._hashed - offset :])
        return data

    def _digest(self) -> bytes:
        while self._hashed < self._source.size:
            self._add(self._read(self._hashed, min(_HASHED_AT_ONCE, self._source.size - self._hashed)))
        return self._hash.digest()

    def _add(self, data: bytes) -> None:
        self._hash.update(data)
        self._hashed += len(data)

    def _read(self, offset: int, size: int) -> bytes:
        try:
            os.lseek(self._file, offset, os.SEEK_SET)
            data = os.read(self._file, size)
            while len(data) < size:
                more = os.read(self._file, size - len(data))
                if not more:
                    raise CommandError(f"{self._source.path} became shorter while it was being sent.")
                data += more
        except OSError as error:
            raise CommandError(f"{self._source.path} cannot be read: {error.strerror}.") from error
        return data
