"""The seam to whatever keeps bytes: what a blob store does. Not who may read them, nor what is written when: files/.

A blob is written once, front to back, by one writer at a time, and then sealed; it never changes after that. Whoever
writes holds the blob's lock (files/lock.py), so that a store need not keep writers apart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from fireside.core.errors import NotFoundError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence
    from pathlib import Path

READ_BYTES = 1024 * 1024
"""The most that one read gives."""


class Stat(NamedTuple):
    """How far a blob is."""

    size: int
    """Bytes that are there for good: what a writer goes on after."""

    sealed: bool = False
    mark: str = ""
    """Of one that is not sealed: the same as long as the bytes before `size` can only have been added to. A store that had
    to fall back, or begin again, shows another one, so that nobody trusts a hash of bytes that are gone."""


class BlobStore(Protocol):
    """A place for bytes. Keys are at least four characters of a-z, 0-9 and `-`, made by the server."""

    largest: int
    """Bytes of the largest blob; 0 for no limit."""

    scratch: Path
    """A folder of this machine for locks, and for what the store keeps there of blobs that are not sealed. Every name in it
    begins with the key of its blob and a dot, in a folder named by the key's last two characters."""

    async def put_range(self, key: str, offset: int, data: Sequence[bytes], *, sync: bool = False) -> None:
        """Adds bytes at `offset`, which `stat` said. With `sync` all that came so far survives a power cut afterwards.

        FailedPreconditionError (BLOB_SEALED). NotFoundError: it was deleted. UnavailableError: the store is away or full;
        ask `stat` how far it came.
        """
        ...

    async def seal(self, key: str) -> bool:
        """Makes a blob whole and lasting; one that nothing was put into is empty. Sealing again does nothing.

        Whether what is whole now is surely what this object put there, as `stat` told of it: if not, read it.
        """
        ...

    def open(self, key: str, start: int = 0, end: int | None = None) -> AsyncGenerator[bytes]:
        """Reads a sealed blob from `start` to before `end` in pieces of at most READ_BYTES. NotFoundError, UnavailableError."""
        ...

    async def delete(self, key: str) -> None:
        """Removes whatever there is of a blob, sealed or not."""
        ...

    async def stat(self, key: str) -> Stat | None:
        """How far it is; None when there is nothing."""
        ...


def no_blob(key: str) -> NotFoundError:
    """The error for a blob that is not there whole."""
    return NotFoundError("BLOB_NOT_FOUND", "The bytes of this file are not in the blob store.", blob_id=key)


def store_failed(error: Exception, doing: str) -> UnavailableError:
    """The error for a store that does not do what it should."""
    return UnavailableError(
        "BLOB_STORE_UNAVAILABLE", f"The place where files are kept failed at {doing}: {error}. Try again in a moment.",
        retry_after=5.0,
    )  # fmt: skip
