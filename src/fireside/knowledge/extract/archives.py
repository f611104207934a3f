"""ZIP archives and XML from strangers, opened so that they cannot unpack to more than is allowed. Not what is in them."""

from __future__ import annotations

import re
import zlib
from itertools import pairwise
from typing import IO, TYPE_CHECKING, Self
from zipfile import BadZipFile, ZipFile

from fireside.knowledge.extract import problems

if TYPE_CHECKING:
    from types import TracebackType

    from fireside.knowledge.extract.base import Source

BROKEN = (BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError, ValueError)
"""What zipfile raises at damage of one kind or another."""
_MOST_FILES = 20_000
_RATIO = 200
_FREE = 16 * 1024 * 1024
"""Bytes that an entry may unpack to whatever its ratio is: empty sheets compress a thousandfold."""
_ENTITY = re.compile(rb"<!\s*ENTITY", re.IGNORECASE)
_DOCTYPE = re.compile(rb"<!\s*DOCTYPE", re.IGNORECASE)
_PROLOGUE = 64 * 1024


class Archive:
    """An open archive that has been checked.

    Raises InvalidArgumentError (DOCUMENT_DAMAGED, DOCUMENT_TOO_LARGE, DOCUMENT_ENCRYPTED), here and while it is read.
    """

    def __init__(self, source: Source) -> None:
        try:
            self._zip = ZipFile(source.path)
        except BROKEN as error:
            raise problems.damaged("its archive is broken") from error
        try:
            _check(self._zip, source.limits.unpacked_bytes)
        except BaseException:
            self._zip.close()
            raise
        self.names = frozenset(self._zip.namelist())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the file."""
        self._zip.close()

    def open(self, name: str) -> IO[bytes]:
        """An entry to read, which may raise BROKEN. It ends at the size that the directory declares, which was checked."""
        try:
            return self._zip.open(name)
        except KeyError:
            raise problems.damaged(f"its part {name} is missing") from None
        except BROKEN as error:
            raise problems.damaged(f"its part {name} is broken") from error

    def read(self, name: str, most: int = -1) -> bytes:
        """An entry, or its beginning."""
        try:
            with self.open(name) as file:
                return file.read(most)
        except BROKEN as error:
            raise problems.damaged(f"its part {name} is broken") from error

    def refuse_entities(self, *, definitions_only: bool = False) -> None:
        """Office files name no document types, books only well-known ones: one that defines entities was made to do harm."""
        for name in self.names:
            if name.endswith((".xml", ".rels", ".xhtml", ".html", ".htm", ".opf", ".ncx")):
                start = _narrow(self.read(name, _PROLOGUE))
                if (_ENTITY if definitions_only else _DOCTYPE).search(start):
                    raise problems.damaged("its XML defines entities, which no program writes")


def _narrow(xml: bytes) -> bytes:
    """What stands in UTF-16 or UTF-32, as ASCII: enough to find a keyword."""
    return xml.replace(b"\x00", b"") if b"\x00" in xml[:16] else xml


def _check(archive: ZipFile, allowed: int) -> None:
    entries = archive.infolist()
    if len(entries) > _MOST_FILES:
        raise problems.too_large(f"its archive has {len(entries)} files")
    if any(entry.flag_bits & 1 for entry in entries):
        raise problems.encrypted()
    total = sum(entry.file_size for entry in entries)
    if total > allowed:
        raise problems.too_large(f"it unpacks to {total // 1_000_000} MB")
    spans: list[tuple[int, int]] = []
    for entry in entries:
        if entry.file_size > _FREE and entry.file_size > _RATIO * max(entry.compress_size, 1):
            raise problems.too_large(
                f"a part of it unpacks to {entry.file_size // max(entry.compress_size, 1)} times its size"
            )
        spans.append((entry.header_offset, entry.header_offset + entry.compress_size))
    spans.sort()
    for (_, end), (start, _) in pairwise(spans):
        # Entries that share their bytes unpack to far more than there is, without any large ratio.
        if start < end:
            raise problems.damaged("parts of its archive overlap")
