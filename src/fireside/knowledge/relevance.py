"""Says which of the passages that were found speak of the question at all. Pure.

What a cosine means differs from model to model. The levels of the embedded model are measured (bench/retrieval/), those
of others are cautious guesses: a passage that is left out by mistake is lost, one too many is only read in vain.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from fireside.knowledge.bearings import bearings_of

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Evidence:
    """What speaks for a passage. `similarity` is the cosine, or None where there is no vector.

    `overlap` is how much of what the words of the query tell is in the passage, 0 to 1: rare words tell more.
    """

    similarity: float | None
    overlap: float


@dataclass(frozen=True, slots=True)
class Levels:
    """Similarities of a model: from `near` on a passage speaks of the question, below `far` not even if words say so."""

    near: float
    far: float


_MEASURED: Final = Levels(0.70, 0.63)
_E5: Final = Levels(0.84, 0.78)
_OTHERS: Final = Levels(0.45, 0.2)
_ENOUGH: Final = 0.5
# Where there is no vector to ask, words are often other ones than the question's.
_ENOUGH_ALONE: Final = 0.2
_IS_E5: Final = re.compile(r"(?:^|[^a-z0-9])e5(?:[^a-z0-9]|$)")


def levels_of(model: str) -> Levels:
    """The levels of a model, by its id or name."""
    if bearings_of(model) is not None:
        return _MEASURED
    return _E5 if _IS_E5.search(model.lower().replace("_", "-")) else _OTHERS


def relevant(evidence: Mapping[int, Evidence], levels: Levels) -> set[int]:
    """The passages that speak of the question."""
    return {chunk_id for chunk_id, one in evidence.items() if _speaks(one, levels)}


def _speaks(one: Evidence, levels: Levels) -> bool:
    if one.similarity is None:
        return one.overlap >= _ENOUGH_ALONE
    return one.similarity >= levels.near or (one.similarity >= levels.far and one.overlap >= _ENOUGH)
