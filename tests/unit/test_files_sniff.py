"""What kind of file bytes are: by what they hold, not by what is said of them; and nothing is unpacked."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import AsyncGenerator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fireside.files.sniff import sniff
from fireside.files.zip_types import directory_span, names_in, zip_type

OFFICE = "application/vnd.openxmlformats-officedocument."


class Reads:
    """Bytes that are read in ranges, and how much of them was."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.total = 0

    async def __call__(self, start: int, end: int) -> AsyncGenerator[bytes]:
        self.total += end - start
        yield self._data[start:end]


async def kind_of(data: bytes, name: str = "file", claimed: str = "") -> str:
    return await sniff(name, claimed, len(data), Reads(data))


def zipped(*names: str, first: bytes = b"", comment: bytes = b"") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        if first:
            archive.writestr(zipfile.ZipInfo("mimetype"), first, zipfile.ZIP_STORED)
        for name in names:
            archive.writestr(name, "<x/>")
        archive.comment = comment
    return out.getvalue()


BINARY = {
    b"%PDF-1.7\n...": "application/pdf",
    b"junk before\n%PDF-1.4": "application/pdf",
    b"\x89PNG\r\n\x1a\n....": "image/png",
    b"\xff\xd8\xff\xe0..JFIF": "image/jpeg",
    b"GIF89a....": "image/gif",
    b"RIFF\0\0\0\0WEBPVP8 ": "image/webp",
    b"RIFF\0\0\0\0WAVEfmt ": "audio/wav",
    b"\0\0\0\x20ftypavif": "image/avif",
    b"\0\0\0\x20ftypisom": "video/mp4",
    b"MZ\x90\0\x03\0\0\0": "application/vnd.microsoft.portable-executable",
    b"\x7fELF\x02\x01": "application/x-elf",
    b"\x1f\x8b\x08": "application/gzip",
    b"\0" * 257 + b"ustar\0": "application/x-tar",
    b"{\\rtf1\\ansi": "application/rtf",
    b"SQLite format 3\0": "application/vnd.sqlite3",
    b"\0\x01\x02\x03anything": "application/octet-stream",
}


@pytest.mark.parametrize("data", BINARY)
async def test_bytes_say_what_they_are_whatever_is_said_of_them(data: bytes) -> None:
    assert await kind_of(data, "notes.txt", "text/plain") == BINARY[data]


ZIPS = {
    "a word document": (zipped("[Content_Types].xml", "word/document.xml"), OFFICE + "wordprocessingml.document"),
    "a presentation": (zipped("[Content_Types].xml", "ppt/presentation.xml"), OFFICE + "presentationml.presentation"),
    "a workbook": (zipped("[Content_Types].xml", "xl/workbook.xml"), OFFICE + "spreadsheetml.sheet"),
    "a word document with macros": (
        zipped("word/document.xml", "word/vbaProject.bin"), "application/vnd.ms-word.document.macroEnabled.12",
    ),
    "a book": (zipped("META-INF/container.xml", first=b"application/epub+zip"), "application/epub+zip"),
    "an open document": (
        zipped("content.xml", first=b"application/vnd.oasis.opendocument.text"), "application/vnd.oasis.opendocument.text",
    ),
    "an archive of java": (zipped("META-INF/MANIFEST.MF", "A.class"), "application/java-archive"),
    "an app": (zipped("META-INF/MANIFEST.MF", "AndroidManifest.xml"), "application/vnd.android.package-archive"),
    "just files": (zipped("a.txt", "../../etc/passwd"), "application/zip"),
    "nothing": (zipped(), "application/zip"),
    "a comment that looks like an end": (
        zipped("word/document.xml", comment=b"PK\x05\x06 not an end"), OFFICE + "wordprocessingml.document",
    ),
    "something in front": (b"PK\x03\x04" + b"x" * 100 + zipped("word/document.xml"), OFFICE + "wordprocessingml.document"),
}  # fmt: skip


@pytest.mark.parametrize("case", ZIPS)
async def test_zip_files_are_told_by_the_names_in_them(case: str) -> None:
    data, media_type = ZIPS[case]
    assert await kind_of(data, "a.zip", "application/zip") == media_type


async def test_a_zip_file_cut_short_is_still_one() -> None:
    assert await kind_of(zipped("word/document.xml")[:-30]) == "application/zip"


async def test_of_a_huge_zip_file_little_is_read() -> None:
    many = zipped(*(f"folder/{number:060}" for number in range(3_000)), "word/document.xml")
    data = b"PK\x03\x04" + bytes(5_000_000) + many
    reads = Reads(data)
    assert await sniff("a.docx", "", len(data), reads) == OFFICE + "wordprocessingml.document"
    assert reads.total < 1_300_000


def test_a_directory_that_lies_about_where_it_is_leads_nowhere() -> None:
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, 0x7FFFFFFF, 0x7FFFFFFF, 0)
    assert directory_span(b"x" * 100 + end, 0, 122) is None
    assert directory_span(b"no end here", 0, 11) is None


@given(st.binary(max_size=400))
def test_any_bytes_are_read_without_a_fault(noise: bytes) -> None:
    names_in(b"PK\x01\x02" + noise)
    span = directory_span(noise + b"PK\x05\x06" + noise, 7, 10_000)
    assert span is None or 0 <= span[0] <= span[1]
    zip_type((), noise)


TEXTS = [
    ("a.txt", "", b"Just some words.\n", "text/plain"),
    ("noname", "", b"Just some words.\n", "text/plain"),
    ("a.md", "", b"# Title\n\nText", "text/markdown"),
    ("a.py", "", b"import os\n", "text/x-python"),
    ("script", "", b"#!/usr/bin/env python3\n", "text/x-python"),
    ("run", "", b"#!/bin/sh\n", "application/x-sh"),
    ("a.html", "", b"<!DOCTYPE html><html>", "text/html"),
    ("a.txt", "text/plain", b"  <!-- x -->\n<!doctype HTML>\n<p>", "text/html"),
    ("page", "", b"<html><body>", "text/html"),
    ("a.svg", "", b"<?xml version='1.0'?>\n<svg xmlns='x'>", "image/svg+xml"),
    ("picture.txt", "", b"<svg onload='x'>", "image/svg+xml"),
    ("a.xml", "", b"<?xml version='1.0'?><feed>", "application/xml"),
    ("a", "", b'<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml">', "application/xhtml+xml"),
    ("a.json", "", b'{"a": 1}', "application/json"),
    ("a", "", b'{"a": [1, 2]}', "application/json"),
    ("a", "", b"{not json}", "text/plain"),
    ("a.ipynb", "", b'{"cells": []}', "application/x-ipynb+json"),
    ("a.csv", "", b"a,b,c\n1,2,3\n", "text/csv"),
    ("table", "", b"a;b;c\n1;2;3\n4;5;6\n", "text/csv"),
    ("table", "", b"a\tb\tc\n1\t2\t3\n4\t5\t6\n", "text/tab-separated-values"),
    ("prose", "", b"One, two, three.\nFour.\nFive, six.\n", "text/plain"),
    ("a.eml", "", b"From: a@b\r\nTo: c@d\r\nSubject: x\r\n\r\nHi", "message/rfc822"),
    ("mail", "", b"Received: from x\n by y\nFrom: a@b\nDate: now\nSubject: s\n\nHi", "message/rfc822"),
    ("mails", "", b"From a@b Mon Jan 1 00:00:00 2026\nFrom: a@b\nTo: c@d\nSubject: x\n\n", "application/mbox"),
    ("note", "", b"Subject: not a mail\n\njust a note", "text/plain"),
    ("a.txt", "", "你好世界".encode("gb18030"), "text/plain"),
    ("a.txt", "", "héllo".encode("cp1252"), "text/plain"),
    ("a.txt", "", "héllo 你好".encode("utf-16"), "text/plain"),
    ("a.txt", "", b"\xef\xbb\xbfwords", "text/plain"),
    ("a.unknown", "text/x-special", b"words", "text/x-special"),
    ("a.unknown", "text/html", b"words", "text/plain"),
    ("a.unknown", "application/pdf", b"words", "text/plain"),
    ("a.unknown", "application/json; charset=utf-8", b"words", "application/json"),
    ("a.md", "text/csv", b"words", "text/markdown"),
    ("empty.md", "", b"", "text/markdown"),
    ("empty", "", b"", "text/plain"),
    ("a.doc", "", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/msword"),
    ("a.bin", "", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"),
    ("MZ.txt", "", b"MZ is how this text begins, and it goes on for a while after that.", "text/plain"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "claimed", "data", "media_type"), TEXTS)
async def test_texts_are_told_by_content_then_ending_then_claim(
    name: str, claimed: str, data: bytes, media_type: str
) -> None:
    assert await kind_of(data, name, claimed) == media_type


@pytest.mark.parametrize("cut", range(4))
async def test_a_character_cut_at_the_end_of_the_head_does_not_matter(cut: int) -> None:
    data = ("x" * cut + "語" * 40_000).encode()
    assert await kind_of(data, "a.txt") == "text/plain"


@given(st.binary(max_size=200), st.text(max_size=8), st.text(max_size=20))
async def test_whatever_comes_has_a_type(data: bytes, ending: str, claimed: str) -> None:
    found = await kind_of(data, f"a.{ending}", claimed)
    assert found.count("/") == 1
    assert found.isascii()
