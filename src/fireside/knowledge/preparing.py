"""Makes rows of the chunks that a document was cut into. Pure, and some work: call it in a thread for many."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fireside.gen.v1.document_pb2 import Passage
from fireside.knowledge.terms import terms
from fireside.store.passages import NewChunk, whole_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fireside.knowledge.chunk import Chunk


def prepared(chunks: Sequence[Chunk], first_ordinal: int = 0) -> list[NewChunk]:
    """The rows of chunks in order, the first of which has this ordinal. They are found by their headings too."""
    rows: list[NewChunk] = []
    for ordinal, chunk in enumerate(chunks, first_ordinal):
        passage = Passage(page=chunk.page, headings=chunk.headings, text=chunk.text)
        rows.append(NewChunk(ordinal, passage, terms(whole_text(passage))))
    return rows
