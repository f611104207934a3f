"""The pure parts of reading documents: cleaning, joining lines, guessing encodings and separators, lines of PDF pages."""

# ruff: noqa: RUF001 - Chinese has marks of its own.

from __future__ import annotations

import pytest

from fireside.knowledge.extract.base import Block, Kind
from fireside.knowledge.extract.clean import clean, join_lines, mend_hyphens, tidy
from fireside.knowledge.extract.delimited import separator_of
from fireside.knowledge.extract.html_page import document_blocks, page_blocks
from fireside.knowledge.extract.markdown import markdown_blocks, plain
from fireside.knowledge.extract.pdf_lines import Assembler, Entry, Line, Sizes, edges, sizes_of, without_running
from fireside.knowledge.extract.source_code import units_of
from fireside.knowledge.extract.tables import table_blocks
from fireside.knowledge.extract.text import encoding_of, paragraphs


def line(text: str, y: float, x: float = 72, size: float = 10, *, mono: bool = False) -> Line:
    return Line(text, x, y, x + len(text) * size / 2, y, size, mono)


def page_of(lines: list[Line], outline: tuple[Entry, ...] = ()) -> list[Block]:
    assembler = Assembler(sizes_of([lines]), outlined=bool(outline))
    return assembler.page(1, lines, outline) + assembler.end()


def test_text_is_clean_and_keeps_what_is_text() -> None:
    assert clean("a\0b\ud800c\ufffed\r\ne\rf\x0cg\u2028h\ufeffi\u00adj") == "abcd\ne\nf\ng\nhij"
    assert clean("👩‍👩‍👧 e\u0301 \tتجربة \U0002a6d6") == "👩‍👩‍👧 e\u0301 \tتجربة \U0002a6d6"
    assert tidy("  a \u3000 b \n  c  ") == "a b\n c"


@pytest.mark.parametrize(
    ("lines", "whole"),
    [
        (["The quick", "fox"], "The quick fox"),
        (["ex-", "ample"], "example"),
        (["Anglo-", "Saxon"], "Anglo-Saxon"),
        (["1990-", "1995"], "1990- 1995"),
        (["中文的", "文字"], "中文的文字"),
        (["中文，", "English", "文字"], "中文， English 文字"),
        (["한국어", "문장"], "한국어 문장"),
        (["日本語の", "文。"], "日本語の文。"),
        (["ex\u00ad", "ample"], "example"),
    ],
)
def test_lines_are_joined(lines, whole) -> None:
    assert join_lines(lines) == whole


def test_hyphens_that_pdfium_marked_are_mended() -> None:
    assert mend_hyphens("win\ufffeter and Half\ufffeInstalled") == "winter and Half-Installed"


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        (b"plain", "utf-8"),
        ("Grüße, 世界".encode(), "utf-8"),
        ("\ufeffa".encode(), "utf-8-sig"),
        ("世界".encode("utf-16"), "utf-16"),
        ("hello there".encode("utf-16-le"), "utf-16-le"),
        ("hello there".encode("utf-16-be"), "utf-16-be"),
        ("知识库把文档切成段落。".encode("gb18030"), "gb18030"),
        ("Les élèves français ont été à la forêt, où ça sent l'été.".encode("cp1252"), "cp1252"),
        ("Größe: 5 €".encode("cp1252"), "cp1252"),
        ("é".encode("cp1252"), "cp1252"),
        (b"", "utf-8"),
    ],
)
def test_encodings_are_told_apart(data, encoding) -> None:
    assert encoding_of(data) == encoding


def test_a_character_that_a_sample_cuts_is_no_other_encoding() -> None:
    assert encoding_of("知识".encode()[:-1], whole=False) == "utf-8"


@pytest.mark.parametrize(
    ("sample", "separator"),
    [
        (["a,b\n", "1,2\n"], ","),
        (["a;b\n", "1,5;2,5\n"], ";"),
        (["a\tb c\n", "1\t2\n"], "\t"),
        (['"a,b"|c\n', "d|e\n"], "|"),
        (["one column\n", "only\n"], ","),
        ([], ","),
    ],
)
def test_what_parts_cells_is_found(sample, separator) -> None:
    assert separator_of(sample) == separator


def test_tables_come_in_pieces_with_their_header() -> None:
    rows = [["Title", ""], ["", ""], ["a", "b"], *([str(number), "x" * 100] for number in range(400))]
    blocks = list(table_blocks(rows, 3))
    assert blocks[0] == Block(Kind.PARAGRAPH, "Title", 3)
    assert len(blocks) > 2
    assert all(block.text.startswith("a | b\n") and block.level == 1 and block.page == 3 for block in blocks[1:])
    assert sum(block.text.count("x" * 100) for block in blocks) == 400
    assert list(table_blocks([["only"], ["one"], ["column"]])) == [Block(Kind.TABLE, "only\none\ncolumn")]
    assert list(table_blocks([])) == []


def test_code_is_cut_at_the_margin() -> None:
    text = "a = 1\nb = 2\n\ndef f():\n    x\n\n    y\n\n}\n\nclass C:\n\tz\n"
    assert list(units_of(text)) == ["a = 1\nb = 2", "def f():\n    x\n\n    y\n\n}", "class C:\n    z"]


def test_paragraphs_of_text() -> None:
    text = "One line.\n\n1. first\n2. second\n\n  key   value\n  other value\n"
    assert [(block.kind, block.text) for block in paragraphs(text)] == [
        (Kind.PARAGRAPH, "One line."),
        (Kind.LIST, "1. first"),
        (Kind.LIST, "2. second"),
        (Kind.CODE, "  key   value\n  other value"),
    ]


def test_markdown_that_is_often_written() -> None:
    text = "Setext\n======\ntext\n# Closed ##\n1) one\n2) two\n\n    indented\n\n***\n- [x] done\n\n| a |\n|---|\n| b |\nafter\n\n~~~\n```\n~~~\n"
    assert [(block.kind, block.level, block.text) for block in markdown_blocks(text)] == [
        (Kind.HEADING, 1, "Setext"),
        (Kind.PARAGRAPH, 0, "text"),
        (Kind.HEADING, 1, "Closed"),
        (Kind.LIST, 1, "1) one"),
        (Kind.LIST, 1, "2) two"),
        (Kind.CODE, 0, "    indented"),
        (Kind.LIST, 1, "- [x] done"),
        (Kind.TABLE, 1, "a\nb"),
        (Kind.PARAGRAPH, 0, "after"),
        (Kind.CODE, 0, "```"),
    ]


@pytest.mark.parametrize(
    ("marked", "text"),
    [
        ("**bold** and *it* and __b__ ~~no~~", "bold and it and b no"),
        ("snake_case_name and 2*3*4", "snake_case_name and 2*3*4"),
        ("`**code**` ``a`b``", "**code** a`b"),
        ("[t](http://x.y/z) [u](#v) ![alt](i.png)", "t (http://x.y/z) u alt"),
        (r"\*not\* a<br>b <T>", "*not* a b <T>"),
        ("a <!-- gone --> b", "a   b"),
    ],
)
def test_markdown_marks_are_taken_off(marked, text) -> None:
    assert plain(marked) == text


def test_running_headers_and_footers_are_left_out() -> None:
    pages = [
        [line("A Book", 800), line(f"Body {name}.", 700), line(f"{number} Section {name}", 30)]
        for number, name in enumerate("ABCDE", 7)
    ]
    keys = [edges(lines, number) for number, lines in enumerate(pages)]
    for number, lines in enumerate(pages):
        left = without_running(lines, keys[number], [key for other, key in enumerate(keys) if other != number])
        assert [line.text for line in left] == [f"Body {'ABCDE'[number]}."]
    assert without_running(pages[0], keys[0], keys[1:2]) == pages[0]


def test_paragraphs_of_a_page_are_told_apart_by_their_places() -> None:
    lines = [line(f"Line {number} of the first paragraph", 700 - number * 12) for number in range(5)]
    lines += [line("A new one after a gap", 700 - 4 * 12 - 24), line("goes on.", 700 - 4 * 12 - 36)]
    lines += [line("$ ls", 580, mono=True), line("a b", 568, mono=True)]
    lines += [line("• item", 540), line("• other", 528)]
    assert [(block.kind, block.text.split()[0]) for block in page_of(lines)] == [
        (Kind.PARAGRAPH, "Line"),
        (Kind.PARAGRAPH, "A"),
        (Kind.CODE, "$"),
        (Kind.LIST, "•"),
        (Kind.LIST, "•"),
    ]


def test_columns_go_on_and_contents_do_not_run_together() -> None:
    columns = [line("left column ends with", 100), line("the right one.", 700, 300)]
    assert [block.text for block in page_of(columns)] == ["left column ends with the right one."]
    contents = [line("1 One . . . . . . . . . 3", 700), line("2 Two . . . . . . . . . 5", 688)]
    assert [block.text for block in page_of(contents)] == ["1 One … 3", "2 Two … 5"]


def test_headings_come_from_the_outline_or_from_large_letters() -> None:
    lines = [line("1.2 A long title that", 700, size=16), line("goes on", 682, size=16), line("Text. " * 60, 660)]
    outlined = page_of(lines, (Entry(2, "A long title that goes on", None), Entry(3, "Not said here", 600.0)))
    assert [(block.kind, block.level, block.text[:13]) for block in outlined] == [
        (Kind.HEADING, 2, "A long title "),
        (Kind.PARAGRAPH, 0, "Text. Text. T"),
        (Kind.HEADING, 3, "Not said here"),
    ]
    assert page_of(lines)[0] == Block(Kind.HEADING, "1.2 A long title that goes on", 1, 1)


def test_a_heading_of_several_lines_is_one() -> None:
    text = [line(f"Text in lines {number}, which go on.", 620 - 12 * number) for number in range(40)]
    lines = [line("3.4 The parts of a heading", 700, size=20), line("that goes on", 675, size=20)]
    lines.append(line("3.5 The next one", 650, size=20))
    assert [block.text for block in page_of([*lines, *text]) if block.kind is Kind.HEADING] == [
        "3.4 The parts of a heading that goes on",
        "3.5 The next one",
    ]


def test_a_paragraph_that_goes_on_over_a_page_is_one() -> None:
    assembler = Assembler(Sizes(10, ()), outlined=False)
    first = assembler.page(1, [line("It begins here and", 700)], ())
    second = assembler.page(2, [line("ends there.", 700)], ())
    assert first == []
    assert second + assembler.end() == [Block(Kind.PARAGRAPH, "It begins here and ends there.", 1)]


def test_a_long_paragraph_is_where_its_sentences_stand() -> None:
    assembler = Assembler(Sizes(10, ()), outlined=False)
    blocks = assembler.page(1, [line("It begins here. This goes over", 700)], ())
    blocks += assembler.page(2, [line("to the next page. That is", 700)], ())
    blocks += assembler.page(3, [], ())
    blocks += assembler.page(4, [line("on two, e.g. here. The end", 700)], ())
    assert blocks + assembler.end() == [
        Block(Kind.PARAGRAPH, "It begins here. This goes over to the next page.", 1),
        Block(Kind.PARAGRAPH, "That is on two, e.g. here.", 2),
        Block(Kind.PARAGRAPH, "The end", 4),
    ]


def test_what_has_no_sentences_is_on_its_pages() -> None:
    assembler = Assembler(Sizes(10, ()), outlined=False)
    lines = [line("word and word", 700 - 12 * number) for number in range(50)]
    blocks = [block for page in (1, 2, 3) for block in assembler.page(page, lines, ())]
    assert [block.page for block in blocks + assembler.end()] == [1, 2, 3]


def test_a_page_is_its_main_text() -> None:
    page = b"<body><nav>Menu</nav><div class='cookie-banner'>We use cookies, truly, and say so.</div><h1>T</h1><p>%s</p></body>"
    blocks = page_blocks(page % (b"Words. " * 50))
    assert [block.kind for block in blocks] == [Kind.HEADING, Kind.PARAGRAPH]
    bare = page_blocks(b"<body><nav>All there is</nav></body>")
    assert [block.text for block in bare] == ["All there is"]


def test_html_that_is_wrong_is_read_all_the_same() -> None:
    blocks = document_blocks("<p>one<p>two<table><tr><td>a<td>b</table><li>loose<b>bold</b><p>中文".encode())
    assert "\n".join(block.text for block in blocks).replace("\n", " ") == "one two a | b - loosebold 中文"
    assert document_blocks(b"") == []
    assert document_blocks("<meta charset=gb2312><p>中文</p>".encode("gb18030"))[0].text == "中文"
