"""What a family of embedding models wants before a question and before a passage. Pure; from the models' own cards.

A model that was trained with such words finds less without them. It is told by its name, which is all that is known of
one at a runner; a model of no known family gets texts as they are.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Prefixes:
    """What is put before a text."""

    query: str = ""
    passage: str = ""


_INSTRUCTED: Final = "Instruct: Given a web search query, retrieve relevant passages that answer the query\nQuery: "
_REPRESENT: Final = "Represent this sentence for searching relevant passages: "

# The first pattern that is found in the name counts.
_FAMILIES: Final = (
    (re.compile(r"e5.*instruct|gte-qwen|qwen3?-embedding|qwen3-embed"), Prefixes(query=_INSTRUCTED)),
    (re.compile(r"(?:^|[^a-z0-9])e5(?:[^a-z0-9]|$)"), Prefixes("query: ", "passage: ")),
    (re.compile(r"bge-m3|bge-multilingual"), Prefixes()),
    (re.compile(r"bge-.*zh"), Prefixes(query="为这个句子生成表示以用于检索相关文章：")),  # noqa: RUF001 - its own colon
    (re.compile(r"bge-|mxbai-embed|arctic-embed(?!.*2)"), Prefixes(query=_REPRESENT)),
    (re.compile(r"arctic-embed"), Prefixes(query="query: ")),
    (re.compile(r"nomic-embed"), Prefixes("search_query: ", "search_document: ")),
    (re.compile(r"embeddinggemma|embedding-gemma"), Prefixes("task: search result | query: ", "title: none | text: ")),
)


def prefixes_of(model: str) -> Prefixes:
    """What a model wants, by its id or name."""
    name = model.lower().replace("_", "-")
    return next((prefixes for pattern, prefixes in _FAMILIES if pattern.search(name)), Prefixes())
