"""What the ranks of right passages come to: hit@1, hit@5, MRR@10, in a table by language, kind and half. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from bench.retrieval.questions import Passage, Question, holds, right

DEPTH: Final = 10
HEAD: Final = ("questions", "of", "hit@1", "hit@5", "MRR@10", "words@5", "lost", "silent")


@dataclass(frozen=True, slots=True)
class Result:
    """What one question found. `relevant` says whether anything passed as relevant."""

    question: Question
    passages: tuple[Passage, ...]
    relevant: bool

    @property
    def rank(self) -> int:
        """Of the first right passage, from 1; 0 for none in the first DEPTH."""
        ranks = (rank for rank, passage in enumerate(self.passages[:DEPTH], 1) if right(passage, self.question))
        return next(ranks, 0)

    @property
    def words(self) -> bool:
        """Whether one of the first five passages has words of the answer in it."""
        return any(holds(passage, self.question) for passage in self.passages[:5])


def groups(results: Sequence[Result]) -> dict[str, list[Result]]:
    """All, then by half, by language and by kind."""
    found: defaultdict[str, list[Result]] = defaultdict(list)
    for result in results:
        question = result.question
        names = ("all", ("even", "odd")[question.id % 2], f"asked in {question.language}", question.kind)
        for name in names:
            found[name].append(result)
    order = {"all": 0, "odd": 1, "even": 2, "asked in en": 3, "asked in zh": 4}
    return dict(sorted(found.items(), key=lambda item: (order.get(item[0], 5), item[0])))


def share(hits: Iterable[bool], total: int) -> str:
    """A share as it is printed."""
    return f"{sum(hits) / total:.3f}" if total else ""


def row(name: str, results: Sequence[Result]) -> tuple[str, ...]:
    """A line of the table. `lost`: answerable, and nothing passed as relevant. `silent`: unanswerable, and so."""
    asked = [result for result in results if result.question.answers]
    idle = [result for result in results if not result.question.answers]
    ranks = [result.rank for result in asked]
    reciprocal = sum(1 / rank for rank in ranks if rank)
    return (
        name,
        str(len(results)),
        share((rank == 1 for rank in ranks), len(asked)),
        share((0 < rank <= 5 for rank in ranks), len(asked)),
        f"{reciprocal / len(asked):.3f}" if asked else "",
        share((result.words for result in asked), len(asked)),
        share((not result.relevant for result in asked), len(asked)),
        share((not result.relevant for result in idle), len(idle)),
    )


def table(results: Sequence[Result]) -> str:
    """In Markdown."""
    lines = [HEAD, tuple("---" for _ in HEAD), *(row(name, some) for name, some in groups(results).items())]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def misses(results: Sequence[Result]) -> Iterable[str]:
    """The questions that found nothing right among the first five, with where they looked instead."""
    for result in results:
        question = result.question
        if question.answers and not 0 < result.rank <= 5:
            where = " ".join(f"{passage.document}:{passage.page}" for passage in result.passages[:5])
            truth = " ".join(f"{a.document}:{','.join(map(str, a.pages))}" for a in question.answers)
            yield f"{question.id} {question.kind} {question.question}\n    rank {result.rank}: {where}; right: {truth}"
