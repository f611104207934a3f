"""One ranking of two, and what passes as relevant."""

from __future__ import annotations

import pytest

from fireside.knowledge.fusion import Candidate, Weights, choose, fuse, repeats
from fireside.knowledge.relevance import Evidence, Levels, levels_of, relevant

WEIGHTS = Weights(text=1.0, vector=1.0, smooth=10.0)
LEVELS = Levels(near=0.7, far=0.6)


def order(found: list[tuple[int, float]]) -> list[int]:
    return [chunk_id for chunk_id, _ in found]


def test_what_both_find_comes_first() -> None:
    assert order(fuse([1, 2, 3], [4, 2, 5], WEIGHTS)) == [2, 1, 4, 3, 5]


def test_words_count_as_far_as_a_passage_has_them() -> None:
    assert order(fuse([1, 2], [3, 4], WEIGHTS, {1: 0.05, 2: 1.0})) == [3, 2, 4, 1]


def test_words_alone_keep_their_order() -> None:
    assert order(fuse([1, 2, 3], [], WEIGHTS, {1: 0.1, 2: 1.0, 3: 0.5})) == [1, 2, 3]


def test_the_smaller_id_comes_first_of_equals() -> None:
    assert order(fuse([7], [3], WEIGHTS, {7: 1.0})) == [3, 7]


def test_few_passages_of_one_document_are_chosen_while_there_are_others() -> None:
    known = {at: Candidate("a" if at < 5 else "b", frozenset({f"word{at}"})) for at in range(8)}
    assert choose(range(8), known, 5, 3) == [0, 1, 2, 5, 6]
    assert choose(range(5), known, 5, 3) == [0, 1, 2, 3, 4]


def test_a_passage_that_says_the_same_again_is_left_out() -> None:
    words = frozenset(f"word{at}" for at in range(20))
    known = {1: Candidate("a", words), 2: Candidate("b", words | {"more"}), 3: Candidate("c", frozenset({"other"}))}
    assert choose([1, 2, 3, 4], known, 5, 3) == [1, 3]
    assert not repeats(frozenset(), frozenset())


@pytest.mark.parametrize(
    ("similarity", "overlap", "speaks"),
    [
        (0.7, 0.0, True),
        (0.69, 0.49, False),
        (0.6, 0.5, True),
        (0.59, 1.0, False),
        (None, 0.2, True),
        (None, 0.19, False),
    ],
)
def test_a_passage_speaks_of_the_question_by_nearness_or_by_words(
    similarity: float | None, overlap: float, *, speaks: bool
) -> None:
    assert relevant({4: Evidence(similarity, overlap)}, LEVELS) == ({4} if speaks else set())


def test_models_have_levels_of_their_own() -> None:
    small, large, other = map(levels_of, ("embedded/multilingual-e5-small", "tei/multilingual-e5-large", "x/bge-m3"))
    assert len({small, large, other, levels_of("")}) == 3
    assert other.near < small.near < large.near
