"""Which of the formats that are ZIP files one is, by the names in its directory. Pure; nothing is unpacked."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

TAIL_BYTES: Final = 65_536 + 22
"""Within so many bytes of the end a directory is announced: a comment has at most 65,535."""

_MOST_DIRECTORY_BYTES = 1024 * 1024
_MOST_NAMES = 20_000
_END_MAGIC = b"PK\x05\x06"
_END = struct.Struct("<4s4H2LH")
_ENTRY = struct.Struct("<4s6H3L5H2L")
_OFFICE = "application/vnd.openxmlformats-officedocument."
_BY_NAME: Final = {
    "word/document.xml": _OFFICE + "wordprocessingml.document",
    "ppt/presentation.xml": _OFFICE + "presentationml.presentation",
    "xl/workbook.xml": _OFFICE + "spreadsheetml.sheet",
    "xl/workbook.bin": "application/vnd.ms-excel.sheet.binary.macroEnabled.12",
    "AndroidManifest.xml": "application/vnd.android.package-archive",
}
_WITH_MACROS: Final = {
    "word/vbaProject.bin": "application/vnd.ms-word.document.macroEnabled.12",
    "ppt/vbaProject.bin": "application/vnd.ms-powerpoint.presentation.macroEnabled.12",
    "xl/vbaProject.bin": "application/vnd.ms-excel.sheet.macroEnabled.12",
}
# EPUB and OpenDocument say what they are in their first entry, which is not compressed.
_MIMETYPE = b"mimetype"
_TOLD = (b"application/epub+zip", b"application/vnd.oasis.opendocument.")


def directory_span(tail: bytes, start: int, size: int) -> tuple[int, int] | None:
    """Where the names of a ZIP file of `size` bytes are, from its end `tail`, which begins at `start`; None: nowhere."""
    at = _end_at(tail)
    if at < 0:
        return None
    *_, length, offset, _comment = _END.unpack_from(tail, at)
    # A self-extracting file has a program in front, so that all its offsets are too small.
    begin = start + at - length
    if not 0 <= begin <= size or (offset > begin and offset != 0xFFFFFFFF):
        return None
    return begin, begin + min(length, _MOST_DIRECTORY_BYTES)


def _end_at(tail: bytes) -> int:
    """Where the end of the directory is told: the last place whose comment reaches to the end of the file; -1 for none."""
    at = tail.rfind(_END_MAGIC)
    while at >= 0:
        if len(tail) - at >= _END.size and at + _END.size + _END.unpack_from(tail, at)[-1] == len(tail):
            return at
        at = tail.rfind(_END_MAGIC, 0, at)
    return -1


def names_in(directory: bytes) -> list[str]:
    """The names in (the beginning of) a directory."""
    names: list[str] = []
    at = 0
    while at + _ENTRY.size <= len(directory) and len(names) < _MOST_NAMES:
        fields = _ENTRY.unpack_from(directory, at)
        if fields[0] != b"PK\x01\x02":
            break
        name_length, extra_length, comment_length = fields[10:13]
        begin = at + _ENTRY.size
        names.append(directory[begin : begin + name_length].decode("utf-8", "replace"))
        at = begin + name_length + extra_length + comment_length
    return names


def zip_type(names: Iterable[str], head: bytes) -> str:
    """The media type; empty for a ZIP file that is nothing more."""
    told = _told(head)
    if told:
        return told
    found = set(names)
    for table in (_WITH_MACROS, _BY_NAME):
        for name, media_type in table.items():
            if name in found:
                return media_type
    return "application/java-archive" if "META-INF/MANIFEST.MF" in found else ""


def _told(head: bytes) -> str:
    if len(head) < 30 or head[26:28] != b"\x08\0" or head[30:38] != _MIMETYPE:
        return ""
    extra = int.from_bytes(head[28:30], "little")
    length = int.from_bytes(head[18:22], "little")
    text = head[38 + extra : 38 + extra + min(length, 128)].strip()
    return text.decode("ascii") if text.startswith(_TOLD) and text.isascii() else ""
