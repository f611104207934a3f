"""What texts are searched by. Pure."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fireside.knowledge.terms import JOINT, highlights, query_terms, terms


def joined(*parts: str) -> str:
    return JOINT.join(parts)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("The cats of Paris", ["cat", "pari"]),
        ("CAFÉ cafe\u0301 Café", ["cafe", "cafe", "cafe"]),
        ("foo_bar", [joined("foo", "bar"), "foo", "bar"]),
        ("v1.2.3", [joined("v1", "2", "3"), "v1"]),
        ("apt-get", [joined("apt", "get"), "apt", "get"]),
        ("fooBar HTTPServer", ["foobar", "foo", "bar", "httpserver", "http", "server"]),
        ("LaTeX SQLite", ["latex", "sqlite"]),
        ("C++, C# and c", ["cplusplus", "csharp", "c"]),
        ("the user's don't", ["user"]),
        ("/etc/apt/sources.list", [joined("etc", "apt", "sources", "list"), "apt", "sourc", "list"]),
        ("\uff21\uff22\uff23 \u2460", ["abc", "1"]),
        ("stra\u00dfe", ["strass"]),
        ("软件包", ["软", "件", "包", "软件", "件包"]),
        ("用Python写", ["用", "python", "写"]),
        ("東京タワー", ["東", "京", "タ", "ワ", "ー", "東京", "京タ", "タワ", "ワー"]),
        ("", []),
        ("!? ... \U0001f600", []),
    ],
)
def test_documents(text: str, found: list[str]) -> None:
    assert terms(text) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("How do I install a package?", ["instal", "packag"]),
        ("what is it", []),
        ("cat cats CAT", ["cat"]),
        ("如何安装软件包", ["安装", "装软", "软件", "件包"]),
        ("什么是内核", ["是内", "内核"]),
        ("猫", ["猫"]),
        ("我的文件", ["文件"]),
        ("我的", ["我的"]),
    ],
)
def test_queries(text: str, found: list[str]) -> None:
    assert query_terms(text) == found


def test_marks_make_other_words() -> None:
    one, other = terms("हिन्दी"), terms("हन्द")
    assert one != other
    assert len(one) == len(other) == 1
    # What SQLite's tokenizer would cut at is not in a term.
    assert all(character.isalnum() or ord(character) >= 0xE000 for character in one[0])


@given(st.text(max_size=60))
@settings(max_examples=60, deadline=None)
def test_a_query_finds_the_document_that_it_is(text: str) -> None:
    found = terms(text)
    assert set(query_terms(text)) <= set(found)
    assert all(term and " " not in term and '"' not in term and "'" not in term for term in found)


@given(st.text(alphabet="ab文件的 .\U0001f600-é", max_size=40))
@settings(max_examples=60, deadline=None)
def test_highlights_are_in_the_text(text: str) -> None:
    places = highlights(text, query_terms(text))
    raw = text.encode("utf-16-le")
    last = -1
    for start, end in places:
        assert last < start < end <= len(raw) // 2
        assert terms(raw[2 * start : 2 * end].decode("utf-16-le"))
        last = end


def test_highlights_count_as_javascript_does() -> None:
    assert highlights("\U0001f600 安装软件包 installs", query_terms("安装 install")) == [(3, 5), (9, 17)]
    assert highlights("foo_bar, foo", query_terms("foo")) == [(0, 7), (9, 12)]
    assert highlights("软件包和软件", query_terms("软件包")) == [(0, 3), (4, 6)]
    assert highlights("nothing", query_terms("something")) == []
