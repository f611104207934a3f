"""E-mail: who wrote what to whom and when, the text, and what is attached by name. A mailbox is many of them."""

from __future__ import annotations

from email import policy
from email.parser import BytesParser
from typing import TYPE_CHECKING

from fireside.knowledge.extract.base import Block, Extracted, Kind, Source
from fireside.knowledge.extract.clean import one_line
from fireside.knowledge.extract.html_page import document_blocks
from fireside.knowledge.extract.kinds import kind_of
from fireside.knowledge.extract.text import encoding_of, paragraphs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from email.message import EmailMessage, MIMEPart
    from typing import BinaryIO

_HEADERS = ("From", "To", "Cc", "Date")
_LARGEST = 256 * 1024 * 1024


class MailExtractor:
    """Reads messages and mailboxes."""

    def accepts(self, media_type: str, name: str) -> bool:
        """See base.py."""
        return kind_of(media_type, name) == "mail"

    def extract(self, source: Source) -> Iterator[Extracted]:
        """See base.py. A message of a mailbox is a page."""
        with source.path.open("rb") as file:
            mailbox = file.read(5) == b"From "
            file.seek(0)
            if not mailbox:
                yield Extracted(tuple(_message(file.read(), 0)))
                return
            for number, data in enumerate(_messages(file), 1):
                yield Extracted(tuple(_message(data, number)), number)


def _messages(file: BinaryIO) -> Iterator[bytes]:
    """The messages of a mailbox: each begins with a line `From `, after a blank line."""
    lines: list[bytes] = []
    blank = True
    for line in file:
        if blank and line.startswith(b"From "):
            if lines:
                yield b"".join(lines)
            lines, blank = [], False
            continue
        lines.append(line[1:] if line.startswith(b">From ") else line)
        blank = not line.strip()
    if lines:
        yield b"".join(lines)


def _message(data: bytes, page: int) -> Iterator[Block]:
    message = BytesParser(policy=policy.default).parsebytes(data[:_LARGEST])
    yield Block(Kind.HEADING, _header(message, "Subject") or "(no subject)", page, 1)
    said = [f"{name}: {value}" for name in _HEADERS if (value := _header(message, name))]
    if said:
        yield Block(Kind.PARAGRAPH, "\n".join(said), page)
    for block in _body(message):
        # The subject is the outermost heading.
        deeper = block.kind is Kind.HEADING
        yield Block(block.kind, block.text, page, block.level + 1 if deeper else block.level)
    for part in message.iter_attachments():
        name = one_line(part.get_filename() or "") or "without a name"
        yield Block(Kind.LIST, f"- Attached: {name} ({part.get_content_type()})", page, 1)


def _header(message: EmailMessage, name: str) -> str:
    try:
        return one_line(str(message.get(name, "")))
    except (ValueError, IndexError, AttributeError, TypeError):
        # The parser of the standard library stumbles over some malformed addresses.
        return ""


def _body(message: EmailMessage) -> Iterator[Block]:
    plain = message.get_body(("plain",))
    if plain is not None and (text := _decoded(plain)).strip():
        for block in paragraphs(text):
            quoted = block.text.startswith(">")
            yield Block(Kind.QUOTE, _unquoted(block.text)) if quoted else block
        return
    html = message.get_body(("html",))
    if html is not None:
        yield from document_blocks(_payload(html))


def _decoded(part: MIMEPart) -> str:
    data = _payload(part)
    charset = part.get_content_charset() or encoding_of(data)
    try:
        text = data.decode("gb18030" if charset in {"gb2312", "gbk"} else charset, "replace")
    except LookupError:
        text = data.decode(encoding_of(data), "replace")
    return text.replace("\r\n", "\n")


def _payload(part: MIMEPart) -> bytes:
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def _unquoted(text: str) -> str:
    return "\n".join(line.lstrip("> ") for line in text.split("\n"))


EXTRACTOR = MailExtractor()
