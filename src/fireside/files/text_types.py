"""What kind of text a text is, and whether it is one. Pure; the ending and the claimed type decide where the content cannot."""

from __future__ import annotations

import csv
import json
import re
from typing import Final

_BOMS: Final = (
    (b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe\0\0", "utf-32"), (b"\0\0\xfe\xff", "utf-32"), (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)  # fmt: skip
_ENDINGS: Final = {
    ".txt": "text/plain", ".text": "text/plain", ".log": "text/plain", ".md": "text/markdown", ".markdown": "text/markdown",
    ".rst": "text/x-rst", ".adoc": "text/asciidoc", ".tex": "text/x-tex", ".csv": "text/csv", ".tsv": "text/tab-separated-values",
    ".json": "application/json", ".jsonl": "application/x-ndjson", ".ndjson": "application/x-ndjson",
    ".geojson": "application/geo+json", ".ipynb": "application/x-ipynb+json", ".yaml": "application/yaml",
    ".yml": "application/yaml", ".toml": "application/toml", ".ini": "text/plain", ".conf": "text/plain",
    ".xml": "application/xml", ".svg": "image/svg+xml", ".html": "text/html", ".htm": "text/html",
    ".xhtml": "application/xhtml+xml", ".eml": "message/rfc822", ".mbox": "application/mbox", ".ics": "text/calendar",
    ".vcf": "text/vcard", ".srt": "application/x-subrip", ".vtt": "text/vtt", ".css": "text/css", ".js": "text/javascript",
    ".mjs": "text/javascript", ".jsx": "text/javascript", ".ts": "text/x-typescript", ".tsx": "text/x-typescript",
    ".py": "text/x-python", ".rb": "text/x-ruby", ".go": "text/x-go", ".rs": "text/x-rust", ".c": "text/x-c",
    ".h": "text/x-c", ".cc": "text/x-c++", ".cpp": "text/x-c++", ".hpp": "text/x-c++", ".cs": "text/x-csharp",
    ".java": "text/x-java", ".kt": "text/x-kotlin", ".swift": "text/x-swift", ".php": "text/x-php", ".pl": "text/x-perl",
    ".lua": "text/x-lua", ".r": "text/x-r", ".sql": "application/sql", ".sh": "application/x-sh", ".bash": "application/x-sh",
    ".ps1": "text/x-powershell", ".bat": "text/x-msdos-batch", ".cmd": "text/x-msdos-batch", ".proto": "text/x-protobuf",
    ".svelte": "text/x-svelte", ".vue": "text/x-vue", ".diff": "text/x-diff", ".patch": "text/x-diff",
}  # fmt: skip
# Types of text that no content contradicts, and that nothing but a claim tells.
_CLAIMABLE = re.compile(r"text/[a-z0-9][a-z0-9!#$&^_.+-]{0,100}|application/(json|xml|yaml|toml|sql|x-ndjson)")
_HTML = re.compile(r"\s*(<!--.*?-->\s*)*(<!doctype\s+html|<html[\s>]|<head[\s>]|<body[\s>])", re.IGNORECASE | re.DOTALL)
_XML = re.compile(r"\s*<\?xml\s")
_SVG = re.compile(
    r"\s*(<\?xml[^>]*\?>\s*)?(<!--.*?-->\s*)*(<!doctype svg[^>]*>\s*)?<svg[\s>]", re.IGNORECASE | re.DOTALL
)
_XHTML = re.compile(r"<html[^>]+http://www\.w3\.org/1999/xhtml", re.IGNORECASE)
_MAIL_HEADER = re.compile(r"^([A-Za-z][A-Za-z0-9-]*):[ \t]?")
_MAIL_NAMES = frozenset(
    (
        "from",
        "to",
        "subject",
        "date",
        "received",
        "return-path",
        "message-id",
        "mime-version",
        "delivered-to",
        "dkim-signature",
        "reply-to",
        "cc",
    )
)
_MBOX = re.compile(r"From \S+ .*\d{4}\r?\n")
# Control characters that texts have: tab, line feed, form feed, carriage return, escape.
_NOT_IN_TEXT = frozenset(range(32)) - {9, 10, 12, 13, 27}


def text_type(head: bytes, ending: str, claimed: str, *, whole: bool = True) -> str:
    """The media type of a text that begins with `head`; empty if it is none. `whole`: that is all of it."""
    text = _decoded(head, whole=whole)
    if text is None:
        return ""
    return (
        _by_content(text, ending, whole=whole)
        or _ENDINGS.get(ending)
        or _by_claim(claimed)
        or _by_form(text)
        or "text/plain"
    )


def _decoded(head: bytes, *, whole: bool) -> str | None:
    for bom, encoding in _BOMS:
        if head.startswith(bom):
            try:
                return head[: len(head) // 4 * 4 or None].decode(encoding, "strict" if whole else "ignore")
            except UnicodeDecodeError:
                return None
    if not _NOT_IN_TEXT.isdisjoint(head):
        return None
    try:
        return head.decode()
    except UnicodeDecodeError as error:
        if not whole and error.start >= len(head) - 3:
            return head[: error.start].decode()
    # An older encoding, such as GB 18030 or Windows-1252: which one is for whoever reads it to find out.
    return head.decode("latin-1")


def _by_content(text: str, ending: str, *, whole: bool) -> str:
    start = text[:4096]
    if _SVG.match(start):
        return "image/svg+xml"
    if _XML.match(start):
        return "application/xhtml+xml" if _XHTML.search(start) else "application/xml"
    if _HTML.match(start):
        return "text/html"
    if _MBOX.match(start) and _is_mail(start.partition("\n")[2]):
        return "application/mbox"
    if ending in ("", ".eml", ".txt", ".msg") and _is_mail(start):
        return "message/rfc822"
    # A notebook and a map are JSON too, which their endings tell.
    return "application/json" if ending in ("", ".txt") and whole and _is_json(text) else ""


def _by_claim(claimed: str) -> str:
    essence = claimed.partition(";")[0].strip().lower()
    # What only bytes could show is not taken from a claim, and neither is what browsers run.
    return "" if essence in ("text/html", "text/javascript") or not _CLAIMABLE.fullmatch(essence) else essence


def _by_form(text: str) -> str:
    if text.startswith("#!"):
        return "text/x-python" if "python" in text.partition("\n")[0] else "application/x-sh"
    lines = [line for line in text[:8192].splitlines()[:6] if line.strip()]
    for delimiter, media_type in (("\t", "text/tab-separated-values"), (",", "text/csv"), (";", "text/csv")):
        widths = {len(row) for row in csv.reader(lines, delimiter=delimiter)} if len(lines) >= 3 else set[int]()
        if len(widths) == 1 and widths.pop() >= 3:
            return media_type
    return ""


def _is_mail(text: str) -> bool:
    names: set[str] = set()
    for line in text.splitlines()[:60]:
        if not line:
            break
        if line[0] in " \t" and names:
            continue
        found = _MAIL_HEADER.match(line)
        if found is None:
            return False
        names.add(found[1].lower())
    return len(names & _MAIL_NAMES) >= 3


def _is_json(text: str) -> bool:
    if text.lstrip()[:1] not in ("{", "["):
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
