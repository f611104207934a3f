"""The truth of the retrieval benchmark: every answer stands on the pages that its question names."""

from __future__ import annotations

import msgspec
import pytest

from bench.retrieval.check import check
from bench.retrieval.corpus import missing
from bench.retrieval.questions import Passage, Question, holds, load, plain, right

fetched = pytest.mark.skipif(
    bool(missing()), reason="the documents are not in .cache/ (python -m bench.retrieval.corpus fetches them)"
)


def question_of_a_page() -> Question:
    return next(question for question in load() if question.answers and question.answers[0].pages)


@fetched
def test_every_answer_stands_on_its_pages() -> None:
    assert check(load()) == []


@fetched
def test_a_page_that_is_off_by_one_is_noticed() -> None:
    question = question_of_a_page()
    answer = msgspec.structs.replace(question.answers[0], pages=(question.answers[0].pages[0] + 1,))
    assert len(check((msgspec.structs.replace(question, id=1, answers=(answer,)),))) == 1


def test_the_set_has_both_languages_and_what_cannot_be_answered() -> None:
    questions = load()
    answerable = [question for question in questions if question.answers]
    assert len(answerable) >= 80
    assert len(questions) - len(answerable) >= 15
    assert 0.4 < sum(question.language == "zh" for question in questions) / len(questions) < 0.6


def test_a_passage_is_right_by_its_page_or_by_its_words() -> None:
    question = question_of_a_page()
    answer = question.answers[0]
    assert right(Passage(answer.document, answer.pages[0], ""), question)
    assert not right(Passage(answer.document, answer.pages[0] + 1, ""), question)
    assert not right(Passage("another", answer.pages[0], answer.text), question)
    spread = Passage(answer.document, answer.pages[0] - 1, f"before {' '.join(answer.text)} after")
    assert right(spread, question)
    assert holds(spread, question)


def test_quotes_space_and_case_do_not_matter() -> None:
    assert plain("\u201cAnna\u2019s\u201d  Not\nNearly") == plain('"anna\'s" not nearly')
