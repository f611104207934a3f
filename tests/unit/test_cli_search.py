"""How `fireside search` marks the words of a query."""

from __future__ import annotations

import click

from fireside.cli.search import marked
from fireside.gen.v1.document_pb2 import Highlight, Passage


def test_words_are_marked_where_browsers_count_them() -> None:
    text = "🔋 lasts; 电池 too"
    passage = Passage(text=text, highlights=[Highlight(start=3, end=8), Highlight(start=10, end=12)])
    shown = marked(passage)
    assert click.unstyle(shown) == text
    assert [click.unstyle(piece) for piece in shown.split("\x1b[33m\x1b[1m")[1:]] == ["lasts; ", "电池 too"]
    assert shown.count("\x1b[0m") == 2


def test_a_passage_without_words_of_the_query_is_as_it_is() -> None:
    assert marked(Passage(text="a\nb")) == "a\nb"
