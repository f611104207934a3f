"""What a search by words gives, and how much a word tells. Pure; the searches are word_search.py and postgres_words.py."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

MOST_TERMS: Final = 32
"""So many terms are searched for, the rarest."""


@dataclass(frozen=True, slots=True)
class Matches:
    """What words found: chunks with scores, the best first, and how many chunks have each term (of those that were counted)."""

    ranked: Sequence[tuple[int, float]] = ()
    frequencies: Mapping[str, int] | None = None
    total: int = 0
    """How many chunks there are, about."""

    overlaps: Mapping[int, float] = field(default_factory=dict[int, float])
    """How much of what all terms tell is in each ranked chunk, 0 to 1: rare ones tell more."""


NOTHING: Final = Matches(frequencies={})


@dataclass(frozen=True, slots=True)
class Place:
    """Where to look for words: in these scopes, and of these documents alone if there are any."""

    scopes: Sequence[str]
    documents: Sequence[str] = ()


def idf(frequency: int, total: int) -> float:
    """How much a term tells that `frequency` of `total` chunks have."""
    return math.log(1 + (max(total, frequency) - frequency + 0.5) / (frequency + 0.5))


def overlaps(has: Mapping[int, Collection[str]], frequencies: Mapping[str, int], total: int) -> dict[int, float]:
    """How much of what all terms tell is in each chunk, 0 to 1, of those that each `has`."""
    telling = {term: idf(frequency, total) for term, frequency in frequencies.items()}
    whole = sum(telling.values()) or 1.0
    return {
        chunk_id: sum(weight for term, weight in telling.items() if term in terms) / whole
        for chunk_id, terms in has.items()
    }
