"""Makes one ranking of two, and chooses what is shown of it. Pure.

Scores of words and of vectors cannot be compared, and so their ranks are: each list gives a passage its weight over its
rank (reciprocal rank fusion). Words give that only in the measure in which a passage has those of the question: what
shares a single one with it must not push aside what means the same.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping, Sequence


@dataclass(frozen=True, slots=True)
class Weights:
    """How much each ranking counts, and how many ranks make little of a difference (`smooth`)."""

    text: float = 1.0
    vector: float = 1.0
    smooth: float = 10.0


@dataclass(frozen=True, slots=True)
class Candidate:
    """What is known of a passage when it is chosen: its document, and the words that it has, to tell repeats."""

    document: Hashable
    words: frozenset[str]


def fuse(
    text: Sequence[int], vector: Sequence[int], weights: Weights, overlaps: Mapping[int, float] | None = None
) -> list[tuple[int, float]]:
    """All ids of both rankings (the best first) with their scores, the best first; the smaller id where they are equal.

    `overlaps` say how much of what a question's words tell is in a passage, 0 to 1. They count where there are vectors.
    """
    scores: dict[int, float] = {}
    for rank, chunk_id in enumerate(text, 1):
        part = overlaps.get(chunk_id, 0.0) if overlaps is not None and vector else 1.0
        scores[chunk_id] = weights.text * part / (weights.smooth + rank)
    for rank, chunk_id in enumerate(vector, 1):
        scores[chunk_id] = scores.get(chunk_id, 0.0) + weights.vector / (weights.smooth + rank)
    return sorted(scores.items(), key=lambda found: (-found[1], found[0]))


def choose(ranking: Iterable[int], known: Mapping[int, Candidate], limit: int, per_document: int) -> list[int]:
    """At most `limit` of a ranking, in its order: no repeats, and at most `per_document` of one document.

    Where that leaves room, more of the same documents fill it. What is not in `known` is left out.
    """
    taken: list[int] = []
    spare: list[int] = []
    counts: Counter[Hashable] = Counter()
    for chunk_id in ranking:
        candidate = known.get(chunk_id)
        if candidate is None or any(repeats(candidate.words, known[other].words) for other in taken):
            continue
        if counts[candidate.document] >= per_document:
            spare.append(chunk_id)
            continue
        counts[candidate.document] += 1
        taken.append(chunk_id)
        if len(taken) == limit:
            return taken
    for chunk_id in spare:
        if len(taken) == limit:
            break
        if not any(repeats(known[chunk_id].words, known[other].words) for other in taken):
            taken.append(chunk_id)
    place = {chunk_id: at for at, chunk_id in enumerate(ranking)}
    return sorted(taken, key=place.__getitem__)


def repeats(one: frozenset[str], other: frozenset[str]) -> bool:
    """Whether two passages say the same in nearly the same words: nine of ten words of both are in both."""
    shorter, longer = sorted((len(one), len(other)))
    if not longer or shorter < 0.9 * longer:
        return one == other and bool(one)
    both = len(one & other)
    return both >= 0.9 * (len(one) + len(other) - both)
