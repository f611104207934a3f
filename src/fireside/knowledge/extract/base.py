"""The seam to document formats: what an extractor is given and what it yields. Not the process around it: sandbox.py.

An extractor runs in a child process that cannot write, connect or start anything. One from outside this project is named
by its package as an entry point of the group `fireside.extractors`, and comes before those that are here.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

GROUP = "fireside.extractors"


class Kind(StrEnum):
    """What a block is."""

    HEADING = "heading"
    PARAGRAPH = "paragraph"
    LIST = "list"
    TABLE = "table"
    CODE = "code"
    QUOTE = "quote"


@dataclass(frozen=True, slots=True)
class Block:
    """A piece of a document, in reading order.

    `page` counts from 1 and is where it begins; 0 where there are no pages. A slide or a sheet is a page. A LIST block
    is one item, with its bullet or number. A TABLE block has a row in each line, cells parted by ` | `.
    `level` is the depth of a heading or of a list's item, from 1, and of a table the number of its first rows that
    are its header; else 0.
    """

    kind: Kind
    text: str
    page: int = 0
    level: int = 0


@dataclass(frozen=True, slots=True)
class Extracted:
    """The next blocks of a document. Of its `total` pages (or other parts; 0: not known) `done` are read now.

    `warnings` are what was left out since the batch before, a sentence each for a person.
    """

    blocks: tuple[Block, ...] = ()
    done: int = 0
    total: int = 0
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Limits:
    """What reading one document may take.

    `seconds` are those in which the child is waited for, and of its processor's time; `memory_bytes` is its address
    space; `text_chars` is how much text is kept, `unpacked_bytes` what an archive may unpack to, in all.
    """

    seconds: float = 1800.0
    memory_bytes: int = 2 * 1024**3
    text_chars: int = 256_000_000
    unpacked_bytes: int = 2 * 1024**3


@dataclass(frozen=True, slots=True)
class Source:
    """A document to read. `name` is what it was called when it came, which `path` does not have to tell."""

    path: Path
    media_type: str
    name: str
    limits: Limits = Limits()


class Extractor(Protocol):
    """Reads one format. Made once for a process; it holds nothing between documents."""

    def accepts(self, media_type: str, name: str) -> bool:
        """Whether it reads such a document; from its name alone where `media_type` says nothing."""
        ...

    def extract(self, source: Source) -> Iterator[Extracted]:
        """Yields the document's text, a few pages at a time.

        Raises errors of core that a person can act upon: InvalidArgumentError (DOCUMENT_DAMAGED, DOCUMENT_ENCRYPTED,
        DOCUMENT_TOO_LARGE), UnimplementedError (EXTRA_MISSING).
        """
        ...
