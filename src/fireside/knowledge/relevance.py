"""Says which of the passages that were found speak of the question at all. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Evidence:
    """What speaks for a passage. `similarity` is the cosine, or None where there is no vector.

    `overlap` is how much of what the words of the query tell is in the passage, 0 to 1: rare words tell more.
    """

    similarity: float | None
    overlap: float


_NEAR: Final = 0.85
_OVERLAP: Final = 0.5


def relevant(evidence: Mapping[int, Evidence]) -> set[int]:
    """The passages that speak of the question."""
    return {
        chunk_id
        for chunk_id, one in evidence.items()
        if (one.similarity is not None and one.similarity >= _NEAR) or one.overlap >= _OVERLAP
    }
