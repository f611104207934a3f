"""The seam to whatever finds the nearest vectors. Not full text: that is the database's own (store/word_search.py).

The truth is in the store (store/vectors.py); an index can be lost and made again. It knows nothing of who may see what
and nothing of versions: whatever it finds is joined with the rows as they are (store/found_passages.py), so that what was
deleted or is not for the reader never comes out, however old the index's view is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Scope:
    """Where to search: the scope of chunks, and a number that is another one whenever its chunks have changed."""

    id: str
    stamp: int


class Near(NamedTuple):
    """A chunk that was found, and how near it is: the cosine, -1 to 1."""

    chunk_id: int
    similarity: float


class VectorIndex(Protocol):
    """Finds the nearest vectors of a model. At most five methods (house rule 7)."""

    async def upsert(self, scope: str, model: str, vectors: Sequence[tuple[int, bytes]]) -> None:
        """Stores vectors by their chunks' ids, in the place of older ones, durably. Those of chunks that are gone are left out."""
        ...

    async def delete(self, scope: str, model: str, chunk_ids: Sequence[int]) -> None:
        """Removes vectors. Those of chunks that were deleted need not be: they go with the chunks."""
        ...

    async def drop(self, model: str) -> None:
        """Removes all vectors of a model."""
        ...

    async def search_vector(
        self, model: str, scopes: Sequence[Scope], vector: bytes, limit: int, among: Sequence[int] = ()
    ) -> list[Near] | None:
        """About `limit` of the nearest chunks in these scopes, the nearest first; `among` limits the search to these chunks.

        None: the vectors are being read and will be there in a moment. What other processes did since the scope's stamp
        changed may be missing for some seconds in a large scope; what this process stored is there at once.
        """
        ...

    async def aclose(self) -> None:
        """Frees everything. The index is not used afterwards."""
        ...
