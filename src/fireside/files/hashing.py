"""SHA-256 of what arrives, made while it arrives, and of what lies in a blob store. In threads, which hashlib lets run."""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import aclosing
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fireside.blobs.base import BlobStore


_FEW = 4


class Running:
    """The hash of the first `offset` bytes of a blob that had `mark` when they were written."""

    def __init__(self, mark: str) -> None:
        self.mark = mark
        self.offset = 0
        self._hash = hashlib.sha256()

    async def add(self, pieces: Sequence[bytes]) -> None:
        """Goes on with these."""
        await asyncio.to_thread(self._add, pieces)

    def digest(self) -> bytes:
        """The hash so far."""
        return self._hash.digest()

    def _add(self, pieces: Sequence[bytes]) -> None:
        # A thread that goes on after a piece may wait for the interpreter's lock: better for few large ones.
        for piece in pieces if len(pieces) <= _FEW else (b"".join(pieces),):
            self._hash.update(piece)
            self.offset += len(piece)


async def hash_of(blobs: BlobStore, key: str) -> bytes:
    """The hash of a sealed blob, by reading it."""
    found = hashlib.sha256()
    async with aclosing(blobs.open(key)) as pieces:
        async for piece in pieces:
            await asyncio.to_thread(found.update, piece)
    return found.digest()
