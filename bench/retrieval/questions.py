"""The questions and their truth: which pages of which documents hold the answer, and words that must stand there."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

FILE: Final = Path(__file__).with_name("questions.jsonl")
UNANSWERABLE: Final = "unanswerable"
QUOTES: Final = str.maketrans("\u2018\u2019\u201c\u201d\u2013\u2212", "''\"\"--", "\u00ad")


class Answer(msgspec.Struct, frozen=True):
    """A place that answers the question. `pages` is empty for a document without pages."""

    document: str
    pages: tuple[int, ...]
    text: str


class Question(msgspec.Struct, frozen=True):
    """What somebody asks. Odd ids are for tuning, even ones are only measured."""

    id: int
    language: str
    kind: str
    question: str
    answers: tuple[Answer, ...] = ()


@dataclass(frozen=True, slots=True)
class Passage:
    """What was found, as far as the truth needs it. `page` is 0 where there are no pages."""

    document: str
    page: int
    text: str


def load() -> tuple[Question, ...]:
    """All of them."""
    return tuple(msgspec.json.decode(line, type=Question) for line in FILE.read_text().splitlines())


def plain(text: str) -> str:
    """The text without what extraction and typography change: space, case, widths and forms of quotes."""
    return "".join(unicodedata.normalize("NFKC", text).translate(QUOTES).casefold().split())


def holds(passage: Passage, question: Question) -> bool:
    """Whether the passage itself has words of an answer in it."""
    text = plain(passage.text)
    return any(a.document == passage.document and plain(a.text) in text for a in question.answers)


def right(passage: Passage, question: Question) -> bool:
    """Whether a citation of it leads to an answer: it begins on a right page, or it holds the answer."""
    return holds(passage, question) or any(
        a.document == passage.document and passage.page in a.pages for a in question.answers
    )
