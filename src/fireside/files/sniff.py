"""What kind of file bytes are, by looking at them. The type that was claimed decides only between what looks the same.

Nothing is unpacked or run: a head of 64 KiB is looked at, and of a ZIP file the names in its directory, within bounds.
"""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Final

from fireside.files.magic import by_magic
from fireside.files.names import ending_of
from fireside.files.text_types import text_type
from fireside.files.zip_types import TAIL_BYTES, directory_span, names_in, zip_type

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable
    from typing import TypeAlias

    from fireside.blobs.base import BlobStore

    Reader: TypeAlias = "Callable[[int, int], AsyncGenerator[bytes]]"

HEAD_BYTES: Final = 65_536
BINARY: Final = "application/octet-stream"

# What has no bytes of its own to be known by, or shares them with others, by its ending.
_OLE: Final = {
    ".doc": "application/msword", ".dot": "application/msword", ".xls": "application/vnd.ms-excel",
    ".ppt": "application/vnd.ms-powerpoint", ".msg": "application/vnd.ms-outlook", ".msi": "application/x-msi",
}  # fmt: skip
_EMPTY: Final = "application/x-empty"


def reader(blobs: BlobStore, key: str) -> Reader:
    """What reads a sealed blob."""
    return lambda start, end: blobs.open(key, start, end)


async def sniff(name: str, claimed: str, size: int, read: Reader) -> str:
    """The media type of a file. `read` gives its bytes from one offset to before another."""
    head = await _read(read, 0, min(size, HEAD_BYTES))
    ending = ending_of(name)
    found = by_magic(head)
    if found == "application/zip":
        return await _zip(head, size, read)
    if found == "application/x-ole-storage":
        return _OLE.get(ending, found)
    if found:
        return found
    if not head:
        # An empty file is as good a text as any.
        return text_type(b"", ending, claimed) or _EMPTY
    return text_type(head, ending, claimed, whole=size == len(head)) or BINARY


async def _zip(head: bytes, size: int, read: Reader) -> str:
    known = zip_type((), head)
    if known:
        return known
    start = max(0, size - TAIL_BYTES)
    span = directory_span(await _read(read, start, size), start, size)
    names = names_in(await _read(read, *span)) if span else ()
    return zip_type(names, head) or "application/zip"


async def _read(read: Reader, start: int, end: int) -> bytes:
    if end <= start:
        return b""
    async with aclosing(read(start, end)) as pieces:
        return b"".join([piece async for piece in pieces])
