"""What models want before a text, which model a setting means, and how vectors are packed. Pure."""

from __future__ import annotations

import struct

import pytest

from fireside.knowledge.embedding import model_of, packed
from fireside.knowledge.embedding_families import prefixes_of


@pytest.mark.parametrize(
    ("model", "query", "passage"),
    [
        ("embedded/multilingual-e5-small", "query: ", "passage: "),
        ("ollama/jeffh/intfloat-multilingual-e5-large:f16", "query: ", "passage: "),
        ("x/intfloat_e5_base_v2", "query: ", "passage: "),
        ("ollama/nomic-embed-text", "search_query: ", "search_document: "),
        ("ollama/mxbai-embed-large", "Represent this sentence for searching relevant passages: ", ""),
        ("ollama/bge-m3", "", ""),
        ("tei/BAAI/bge-large-en-v1.5", "Represent this sentence for searching relevant passages: ", ""),
        ("ollama/snowflake-arctic-embed2", "query: ", ""),
        ("ollama/embeddinggemma", "task: search result | query: ", "title: none | text: "),
        ("openai/text-embedding-3-small", "", ""),
        ("ollama/all-minilm", "", ""),
        ("made5/up", "", ""),
    ],
)
def test_prefixes(model: str, query: str, passage: str) -> None:
    found = prefixes_of(model)
    assert (found.query, found.passage) == (query, passage)


def test_models_that_follow_instructions() -> None:
    for model in ("x/multilingual-e5-large-instruct", "ollama/qwen3-embedding:0.6b", "x/gte-Qwen2-1.5B-instruct"):
        found = prefixes_of(model)
        assert found.query.startswith("Instruct: ")
        assert found.passage == ""


def test_the_setting() -> None:
    assert model_of("", "embedded/m") == "embedded/m"
    assert model_of("", "") == ""
    assert model_of("off", "embedded/m") == ""
    assert model_of("ollama/x", "embedded/m") == "ollama/x"


def test_packed_vectors_have_length_one() -> None:
    assert struct.unpack("<2e", packed([3.0, 4.0])) == pytest.approx((0.6, 0.8), abs=1e-3)
    assert struct.unpack("<2e", packed([0.0, 0.0])) == (0.0, 0.0)
