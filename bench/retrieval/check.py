"""Checks the truth against the documents: each answer's words stand on each of its pages, and on no page that it misses.

`python -m bench.retrieval.check` prints what is wrong and exits with 1, or says how much was checked.
"""

from __future__ import annotations

import html
import re
import sys
from collections import Counter

import pypdfium2

from bench.retrieval.corpus import SOURCES, Source, missing
from bench.retrieval.questions import UNANSWERABLE, Question, load, plain

NO_TEXT = re.compile(r"(?s)<(script|style)\b.*?</\1>|<[^>]+>")


def pages_of(source: Source) -> dict[int, str]:
    """The normalised text of each page that is searched; all under 0 where there are no pages."""
    if source.file.suffix != ".pdf":
        text = source.file.read_text(encoding="utf-8")
        return {0: plain(html.unescape(NO_TEXT.sub("", text)) if source.file.suffix == ".html" else text)}
    document = pypdfium2.PdfDocument(source.file)
    count = source.last or len(document)
    return {number + 1: plain(document[number].get_textpage().get_text_bounded()) for number in range(count)}


def wrong(question: Question, texts: dict[str, dict[int, str]]) -> list[str]:
    """What is wrong with one."""
    if (question.kind == UNANSWERABLE) == bool(question.answers):
        return [f"{question.id}: has answers exactly if it is not {UNANSWERABLE}"]
    found: list[str] = []
    for answer in question.answers:
        pages = texts[answer.document]
        stands = sorted(number for number, text in pages.items() if plain(answer.text) in text)
        listed = sorted(
            {page for other in question.answers if other.document == answer.document for page in other.pages}
        )
        if not stands or not set(answer.pages) <= set(stands):
            found.append(f"{question.id}: {answer.text!r} stands on {stands} of {answer.document}, not {answer.pages}")
        elif set(stands) - {0} - set(listed):
            found.append(f"{question.id}: {answer.text!r} stands on {stands} of {answer.document} as well")
        if (0 in pages) != (not answer.pages):
            found.append(f"{question.id}: pages are named exactly where {answer.document} has pages")
    return found


def check(questions: tuple[Question, ...]) -> list[str]:
    """What is wrong with the truth."""
    texts = {source.id: pages_of(source) for source in SOURCES}
    found = [line for question in questions for line in wrong(question, texts)]
    if sorted(question.id for question in questions) != list(range(1, len(questions) + 1)):
        found.append("the ids are not 1, 2, 3, ...")
    return found


def main() -> None:
    if missing():
        sys.exit("fetch the documents first: python -m bench.retrieval.corpus")
    questions = load()
    found = check(questions)
    print("\n".join(found))
    kinds = Counter((question.language, question.kind) for question in questions)
    print(
        f"{len(questions)} questions:", ", ".join(f"{count} {'/'.join(kind)}" for kind, count in sorted(kinds.items()))
    )
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
