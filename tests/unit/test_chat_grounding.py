"""What an answer draws on: which sources a branch names, what fits, and how a model is told of it."""

# ruff: noqa: RUF001 - Chinese has punctuation of its own.

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fireside.chat.grounding import budget, citations, fitting, grounded
from fireside.chat.plan import text_tokens
from fireside.chat.sources import sources_of
from fireside.gen.v1 import document_pb2, message_pb2

USER, ASSISTANT, SYSTEM = message_pb2.ROLE_USER, message_pb2.ROLE_ASSISTANT, message_pb2.ROLE_SYSTEM


def text(words: str) -> message_pb2.Part:
    return message_pb2.Part(text=message_pb2.TextPart(text=words))


def file(file_id: str) -> message_pb2.Part:
    return message_pb2.Part(file=message_pb2.FilePart(file_id=file_id, name=f"{file_id}.pdf"))


def collection(collection_id: str) -> message_pb2.Part:
    return message_pb2.Part(
        collection=message_pb2.CollectionPart(collection_id=collection_id, name=f"#{collection_id}")
    )


def said(role: message_pb2.Role, *parts: message_pb2.Part) -> message_pb2.Message:
    return message_pb2.Message(role=role, parts=parts)


def passage(ordinal: int, words: str = "Fires need air.", page: int = 3) -> document_pb2.Passage:
    return document_pb2.Passage(
        document_id="d", version=1, ordinal=ordinal, file_id="f", name="Fires.pdf", page=page, text=words,
        headings=["Part", "Air"], media_type="application/pdf",
    )  # fmt: skip


def searched(count: int) -> message_pb2.Part:
    return message_pb2.Part(search=message_pb2.SearchPart(passage_count=count, sources=["Fires"]))


def test_a_branch_without_sources_has_none() -> None:
    assert not sources_of([said(USER, text("hello"))])
    assert not sources_of([said(ASSISTANT, file("a"), collection("c"))])


def test_files_and_collections_of_the_whole_branch_count_the_newest_first() -> None:
    history = [
        said(USER, text("What burns here, and why does it burn so long?"), file("old"), collection("c")),
        said(ASSISTANT, text("Wood.")),
        said(USER, file("new"), file("old"), text("And how long does each of them burn in the end?")),
    ]
    found = sources_of(history, ["whole"])
    assert found.question == "And how long does each of them burn in the end?"
    assert found.collections == {"whole": "", "c": "#c"}
    assert [part.file_id for part in found.files] == ["new", "old"]
    assert found.asked == {"new", "old"}
    assert found.count == 4


def test_a_short_question_leans_on_the_one_before() -> None:
    history = [
        said(USER, text("How long does oak burn?")),
        said(ASSISTANT, text("Long.")),
        said(USER, text("And ash?")),
    ]
    assert sources_of(history, ["c"]).question == "How long does oak burn?\nAnd ash?"
    history[-1] = said(USER, text("那么白蜡木能够燃烧多长时间呢？"))
    assert sources_of(history, ["c"]).question == "那么白蜡木能够燃烧多长时间呢？"


def test_passages_get_a_share_of_the_context() -> None:
    assert budget(8192) == 1024
    assert budget(0) == 3000
    assert budget(512) == 400
    assert budget(1_000_000) == 6000


@given(st.lists(st.integers(0, 40), max_size=30), st.integers(0, 4000), st.integers(1, 900))
def test_what_fits_fits_and_comes_once(ordinals: list[int], tokens: int, length: int) -> None:
    kept = fitting((passage(ordinal, "word " * length) for ordinal in ordinals), tokens)
    assert sum(text_tokens(one.text) for one in kept) <= tokens
    assert len({one.ordinal for one in kept}) == len(kept)
    assert [one.ordinal for one in kept] == list(dict.fromkeys(ordinals))[: len(kept)]


def test_citations_are_numbered_and_say_where_they_are_from() -> None:
    first, second = citations([passage(7), passage(9, page=0)])
    assert (first.citation.number, second.citation.number) == (1, 2)
    assert (first.citation.source_id, first.citation.page, first.citation.ordinal) == ("d", 3, 7)
    assert (first.citation.title, first.citation.quote) == ("Fires.pdf", "Fires need air.")
    assert list(first.citation.headings) == ["Part", "Air"]


def test_a_model_gets_numbered_sources_before_the_question() -> None:
    history = [
        said(USER, text("Hi")),
        said(ASSISTANT, text("Hello")),
        said(USER, file("f"), text("What do fires need?")),
    ]
    told = grounded(history, [searched(1), *citations([passage(7)])], {})
    assert [message.role for message in told] == [SYSTEM, USER, ASSISTANT, USER]
    assert told[0].parts[0].text.text.startswith("You answer questions from numbered sources.")
    assert told[1:3] == history[:2]
    assert list(told[3].parts) == [
        file("f"),
        text("Sources:\n\n[1] (Fires.pdf, p. 3, Air)\nFires need air.\n\nQuestion: What do fires need?"),
    ]
    assert history[2].parts[1].text.text == "What do fires need?"


def test_rules_follow_those_that_a_conversation_has() -> None:
    told = grounded([said(SYSTEM, text("Be brief.")), said(USER, text("Fires?"))], citations([passage(7)]), {})
    assert [message.role for message in told] == [SYSTEM, USER]
    assert told[0].parts[0].text.text.startswith("Be brief.\n\nYou answer questions")


def test_a_chinese_question_is_framed_in_chinese() -> None:
    told = grounded([said(USER, text("火需要什么？"))], citations([passage(7)]), {})
    assert told[0].parts[0].text.text.startswith("你根据编号的资料回答问题。")
    assert told[1].parts[0].text.text.endswith("问题： 火需要什么？")


def test_a_model_is_told_when_nothing_was_found() -> None:
    told = grounded([said(USER, text("What do fires need?"))], [searched(0)], {})
    assert len(told) == 1
    assert told[0].parts[0].text.text.startswith("What do fires need?\n\n(The documents were searched")


def test_numbers_of_earlier_answers_are_left_out_with_what_they_referred_to() -> None:
    cited = said(ASSISTANT, *citations([passage(7), passage(8)]), text("Air [1], and fuel [1, 2]. See a[0]."))
    plain = said(ASSISTANT, text("An index [1] stays."))
    told = grounded([said(USER, text("a")), cited, plain, said(USER, text("b"))], [], {})
    assert told[1].parts[0].text.text == "Air, and fuel. See a[0]."
    assert len(told[1].parts) == 1
    assert told[2] == plain


def test_pictures_are_shown_in_place_of_their_files() -> None:
    picture = message_pb2.Part(image=message_pb2.ImagePart(media_type="image/png", data=b"png"))
    told = grounded([said(USER, file("p"), file("q"), text("What is this?"))], [], {"p": picture})
    assert list(told[0].parts) == [picture, file("q"), text("What is this?")]
