"""Which format a document has, by its first bytes, its name and its media type. Not how it is read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING

from fireside.knowledge.extract import problems
from fireside.knowledge.extract.archives import Archive

if TYPE_CHECKING:
    from fireside.knowledge.extract.base import Source

_CODE = (
    "py pyi pyx rb pl pm php js mjs cjs jsx ts mts cts tsx vue svelte java kt kts scala groovy clj cljs cs fs vb go rs c h cc cpp cxx hh hpp"
    " hxx m mm swift d zig nim hs ml mli erl ex exs lua r jl dart sh bash zsh fish ps1 bat cmd sql proto graphql gql tf hcl nix"
    " css scss sass less toml yaml yml json jsonl ndjson json5 ini cfg conf properties env xml xsd xsl xslt cmake mk make gradle"
    " dockerfile makefile asm s v sv vhd vhdl f f90 f95 pas lisp el scm rkt tcl awk sed diff patch ipynb"
)


@dataclass(frozen=True, slots=True)
class Kind:
    """A format: the module that reads it, and what its files are called."""

    module: str
    endings: frozenset[str]
    media_types: frozenset[str]


def _kind(module: str, endings: str, media_types: str = "") -> Kind:
    return Kind(module, frozenset(endings.split()), frozenset(media_types.split()))


KINDS = (
    _kind("pdf", "pdf", "application/pdf application/x-pdf"),
    _kind("docx", "docx docm dotx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    _kind("pptx", "pptx pptm ppsx", "application/vnd.openxmlformats-officedocument.presentationml.presentation"),
    _kind("xlsx", "xlsx xlsm xltx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    _kind("delimited", "csv tsv tab", "text/csv text/tab-separated-values application/csv"),
    _kind("html_page", "html htm xhtml shtml", "text/html application/xhtml+xml"),
    _kind("markdown", "md markdown mdown mkd mdx qmd rmd", "text/markdown text/x-markdown"),
    _kind("epub", "epub", "application/epub+zip"),
    _kind("mail", "eml mbox", "message/rfc822 application/mbox"),
    _kind(
        "image", "png jpg jpeg gif webp bmp tif tiff", "image/png image/jpeg image/gif image/webp image/bmp image/tiff"
    ),
    _kind("source_code", _CODE, "application/json application/xml text/xml text/css text/javascript application/x-sh"),
    _kind("text", "txt text log rst adoc asciidoc org tex srt vtt nfo readme license", "text/plain"),
)
_BY_ENDING = {ending: kind.module for kind in KINDS for ending in kind.endings}
_BY_TYPE = {media_type: kind.module for kind in KINDS for media_type in kind.media_types}

_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "image"),
    (b"\xff\xd8\xff", "image"),
    (b"GIF8", "image"),
    (b"BM", ""),
    (b"II*\x00", "image"),
    (b"MM\x00*", "image"),
)
_HTML = re.compile(
    rb"\s*(?:<\?xml[^>]*>\s*)?(?><!--.*?-->\s*)*+<(?:!doctype\s+html|html[\s>])", re.IGNORECASE | re.DOTALL
)
_PARTS = {
    "word/document.xml": "docx",
    "ppt/presentation.xml": "pptx",
    "xl/workbook.xml": "xlsx",
    "META-INF/container.xml": "epub",
}
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ODF = "Open it in its program, save it as DOCX, PPTX, XLSX or PDF, and upload that."
_HEAD = 8192


def kind_of(media_type: str, name: str) -> str:
    """The module for a document, by its name and else its media type; empty for none."""
    path = PurePath(name.lower())
    ending = path.suffix[1:] or path.name
    plain = media_type.split(";", maxsplit=1)[0].strip().lower()
    # A type that says more than "some text" comes from who made the file, an ending may be part of a name.
    by_type = _BY_TYPE.get(plain, "")
    found = _BY_ENDING.get(ending, "") or by_type
    return found or ("text" if plain.startswith("text/") else "")


def find_kind(source: Source) -> str:
    """The module for a document, by its content where that says it.

    Raises InvalidArgumentError (FORMAT_UNKNOWN, DOCUMENT_ENCRYPTED, DOCUMENT_DAMAGED, DOCUMENT_TOO_LARGE).
    """
    with source.path.open("rb") as file:
        head = file.read(_HEAD)
    named = kind_of(source.media_type, source.name)
    if b"%PDF-" in head[:1024]:
        return "pdf"
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _archived(source)
    if head.startswith(_OLE):
        return _ole(source)
    for signature, module in _SIGNATURES:
        if module and head.startswith(signature):
            return module
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image"
    if named in _BINARY:
        if named == "image" or not head:
            return named
        raise problems.damaged(f"it is called {source.name or source.media_type}, but its content is something else")
    if _is_binary(head):
        raise problems.unknown(source.name)
    if named in {"", "text"} and _HTML.match(head):
        return "html_page"
    return named or "text"


_BINARY = {"pdf", "docx", "pptx", "xlsx", "epub", "image"}
_MARKED = (b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")


def _is_binary(head: bytes) -> bool:
    if head.startswith(_MARKED):
        return False
    controls = sum(head.count(bytes([code])) for code in (*range(9), *range(14, 27), *range(28, 32)))
    nothing = head.count(0)
    # Text in UTF-16 without a mark has a zero in every other byte at the most.
    wide = nothing and (head[::2].count(0) * 20 < nothing or head[1::2].count(0) * 20 < nothing)
    return controls - (nothing if wide else 0) > len(head) // 50


def _archived(source: Source) -> str:
    with Archive(source) as archive:
        names = archive.names
        for part, module in _PARTS.items():
            if part in names:
                return module
        declared = archive.read("mimetype", 100).decode("ascii", "replace") if "mimetype" in names else ""
    if "opendocument" in declared:
        raise problems.unknown(source.name, _ODF)
    named = kind_of(source.media_type, source.name)
    if named in {"docx", "pptx", "xlsx"}:
        # Strict or unusual packages name their parts in their own way; the library will know.
        return named
    raise problems.unknown(source.name, "Unpack it and upload the files that are in it.")


def _ole(source: Source) -> str:
    with source.path.open("rb") as file:
        start = file.read(1_048_576)
    if "EncryptedPackage".encode("utf-16-le") in start:
        raise problems.encrypted()
    raise problems.unknown(source.name, _ODF)
