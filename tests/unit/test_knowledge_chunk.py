"""How documents are cut into passages: nothing lost, in order, bounded, the same each time."""

# ruff: noqa: RUF001 - Chinese has marks of its own.

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from fireside.knowledge.chunk import Chunk, Cutter, Options, cut
from fireside.knowledge.cuts import UNITS, hard_cuts, sentences, units
from fireside.knowledge.extract.base import Block, Kind

GREEK = re.compile("[\u0370-\u03ff]+")
"""Stands in headings alone, so that what is said of them can be told from the text."""

WORDS = st.sampled_from(
    [
        "fox",
        "The",
        "runs.",
        "Dr. Who",
        "e.g.",
        "3.14",
        "？",
        "知识库。",
        "文档",
        "检索；",
        "e\u0301te\u0301",
        "👩‍👩‍👧",
        "🇨🇳🇬🇧",
        "x" * 90,
        "\n",
        "한국어",
    ]
)
PROSE = st.builds(
    lambda words, gap: gap.join(words), st.lists(WORDS, min_size=1, max_size=60), st.sampled_from([" ", ""])
)
TABLE = st.lists(st.lists(WORDS, min_size=1, max_size=5).map(" | ".join), min_size=1, max_size=20).map("\n".join)
BODY = st.builds(
    lambda kind, prose, table, level: Block(kind, table if kind is Kind.TABLE else prose, 0, level),
    st.sampled_from([Kind.PARAGRAPH, Kind.PARAGRAPH, Kind.LIST, Kind.QUOTE, Kind.CODE, Kind.TABLE]),
    PROSE,
    TABLE,
    st.integers(0, 1),
)
HEADINGS = st.builds(
    lambda words, level: Block(Kind.HEADING, " ".join(words), 0, level),
    st.lists(st.sampled_from(["αβγ", "Δέλτα", "λ" * 60]), min_size=1, max_size=8),
    st.integers(0, 4),
)


@st.composite
def documents(draw) -> list[Block]:
    page = draw(st.integers(0, 1))
    blocks: list[Block] = []
    for block in draw(st.lists(st.one_of(BODY, BODY, HEADINGS), max_size=12)):
        page += draw(st.sampled_from([0, 0, 1])) if page else 0
        blocks.append(Block(block.kind, block.text, page, block.level))
    return blocks


OPTIONS = st.sampled_from(
    [Options(), Options(size=60, enough=30, little=15, overlap=10), Options(size=20, enough=10, little=8, overlap=0)]
)


def is_heading(block: Block) -> bool:
    return block.kind is Kind.HEADING


def solid(text: str) -> str:
    return re.sub(r"\s+", "", text)


def body_of(text: str) -> str:
    return GREEK.sub("", solid(text))


@settings(deadline=None, max_examples=40)
@given(documents(), OPTIONS)
def test_nothing_is_lost_and_the_order_is_kept(blocks, options) -> None:
    chunks = cut(blocks, options)
    fresh = "\n".join(chunk.text[chunk.repeated :] for chunk in chunks)
    body = "\n".join(block.text for block in blocks if not is_heading(block))
    assert body_of(fresh) == solid(body)
    said = fresh + "\n".join(heading for chunk in chunks for heading in chunk.headings)
    for block in filter(is_heading, blocks):
        assert solid(block.text) in solid(said)


@settings(deadline=None, max_examples=40)
@given(documents(), OPTIONS)
def test_sizes_are_bounded_and_pages_are_not_mixed(blocks, options) -> None:
    chunks = cut(blocks, options)
    pages = [chunk.page for chunk in chunks]
    assert pages == sorted(pages)
    for chunk in chunks:
        assert units(chunk.text) <= options.size * UNITS
        assert chunk.text[chunk.repeated :].strip()
        own = "".join(block.text for block in blocks if block.page == chunk.page and not is_heading(block))
        assert body_of(chunk.text[chunk.repeated :]) in solid(own)


@settings(deadline=None, max_examples=40)
@given(documents(), OPTIONS, st.integers(1, 4))
def test_batches_make_no_difference(blocks, options, length) -> None:
    cutter = Cutter(options)
    chunks: list[Chunk] = []
    for at in range(0, len(blocks), length):
        chunks += cutter.feed(blocks[at : at + length])
    assert [*chunks, *cutter.end()] == cut(blocks, options)


@settings(deadline=None, max_examples=40)
@given(PROSE)
def test_sentences_are_the_text(text) -> None:
    assert "".join(sentence + gap for sentence, gap in sentences(text)) == text


@settings(deadline=None, max_examples=40)
@given(PROSE, st.integers(12, 200))
def test_hard_cuts_keep_everything_but_space_and_have_a_bound(text, size) -> None:
    parts = [*hard_cuts(text, size)]
    assert solid("".join(part for part, _ in parts)) == solid(text)
    assert all(units(part) <= size for part, _ in parts)


def test_sentences_end_as_readers_think() -> None:
    text = (
        'Dr. Smith came at 3.15 p.m. He said: "Go!" Then e.g. Fig. 4 was shown? Yes. 他来了。“走！”她说；然后就走了。'
    )
    assert [sentence for sentence, _ in sentences(text)] == [
        "Dr. Smith came at 3.15 p.m.",
        'He said: "Go!"',
        "Then e.g. Fig. 4 was shown?",
        "Yes.",
        "他来了。",
        "“走！”",
        "她说；",
        "然后就走了。",
    ]


def test_no_cut_inside_what_is_one_character() -> None:
    family, flags, accent = "👩‍👩‍👧", "🇨🇳🇬🇧", "e\u0301"
    for unit, text in ((family, family * 30), (flags[:2], flags[:2] * 30), (accent, accent * 50)):
        for part, _ in hard_cuts(text, 60):
            assert part == unit * (len(part) // len(unit))


def test_words_stay_whole() -> None:
    words = [f"word{number}" for number in range(300)]
    parts = [*hard_cuts(" ".join(words), 200)]
    assert [word for part, _ in parts for word in part.split()] == words


def test_a_passage_knows_its_page_and_headings() -> None:
    blocks = [
        Block(Kind.HEADING, "Guide", 1, 1),
        Block(Kind.PARAGRAPH, "Opening words.", 1),
        Block(Kind.HEADING, "Install", 2, 2),
        Block(Kind.PARAGRAPH, "Run it. " * 200, 2),
        Block(Kind.HEADING, "Use", 3, 2),
        Block(Kind.PARAGRAPH, "Open it.", 3),
    ]
    chunks = cut(blocks)
    assert chunks[0] == Chunk("Opening words.", 1, ("Guide",))
    assert {(chunk.page, chunk.headings) for chunk in chunks[1:-1]} == {(2, ("Guide", "Install"))}
    assert chunks[-1] == Chunk("Open it.", 3, ("Guide", "Use"))
    assert all(180 * UNITS < units(chunk.text) <= 250 * UNITS for chunk in chunks[1:-2])


def test_the_next_passage_says_the_last_sentences_again() -> None:
    text = " ".join(f"This is sentence number {number} of the text." for number in range(60))
    first, second, *_ = cut([Block(Kind.PARAGRAPH, text)])
    again = second.text[: second.repeated]
    assert again
    assert first.text.endswith(again)
    assert again.startswith("This is sentence")


def test_the_header_of_a_table_is_repeated() -> None:
    rows = ["Name | Price", *(f"Thing {number} | {number * 3} euro" for number in range(200))]
    chunks = cut([Block(Kind.TABLE, "\n".join(rows), 1, 1)])
    assert len(chunks) > 3
    assert all(chunk.text.startswith("Name | Price\nThing") for chunk in chunks)
    assert [row for chunk in chunks for row in chunk.text[chunk.repeated :].split("\n") if row][1:] == rows[1:]


def test_short_sections_go_together_and_long_ones_do_not() -> None:
    questions = [
        block
        for number in range(6)
        for block in (Block(Kind.HEADING, f"Question {number}", 0, 2), Block(Kind.PARAGRAPH, "Short answer here. " * 5))
    ]
    chunks = cut([Block(Kind.HEADING, "FAQ", 0, 1), *questions])
    assert 1 < len(chunks) < 6
    assert all(chunk.headings[0] == "FAQ" for chunk in chunks)
    assert "Question 1\n\n" in chunks[0].text


def test_a_heading_with_nothing_under_it_can_be_found() -> None:
    blocks = [Block(Kind.HEADING, "Parts", 1, 1), Block(Kind.HEADING, "Bolt", 1, 2), Block(Kind.HEADING, "Nut", 2, 2)]
    assert cut(blocks) == [Chunk("Bolt", 1, ("Parts",)), Chunk("Nut", 2, ("Parts",))]


def test_chinese_is_measured_by_its_own_count() -> None:
    text = "知识库把文档切成段落，每一段都可以单独检索。" * 60
    chunks = cut([Block(Kind.PARAGRAPH, text)])
    assert all(150 <= len(chunk.text) <= 250 for chunk in chunks[:-1])
    assert all(chunk.text.endswith("。") for chunk in chunks)
