"""Tables of contents are left out, and nothing else is."""

from __future__ import annotations

import pytest

from fireside.knowledge.chunk import cut
from fireside.knowledge.contents import ContentsSieve
from fireside.knowledge.extract.base import Block, Kind


def lines(*numbers: str) -> list[Block]:
    return [Block(Kind.PARAGRAPH, f"Part {at} … {number}", 3) for at, number in enumerate(numbers)]


BEFORE, AFTER = Block(Kind.PARAGRAPH, "Before it.", 3), Block(Kind.PARAGRAPH, "After it … there is more.", 4)


def kept(blocks: list[Block], batch: int = 100) -> list[Block]:
    sieve = ContentsSieve()
    passed = [block for start in range(0, len(blocks), batch) for block in sieve.feed(blocks[start : start + batch])]
    return [*passed, *sieve.end()]


@pytest.mark.parametrize("batch", [1, 3, 100])
def test_a_table_of_contents_is_left_out(batch: int) -> None:
    table = lines("iii", "1", "1", "4", "10", "128", "128", "130", "131")
    assert kept([BEFORE, *table, AFTER], batch) == [BEFORE, AFTER]


def test_other_leaders_are_told_too() -> None:
    table = [Block(Kind.LIST, f"{at}. Part . . . . . . {at}", 3, 1) for at in range(1, 5)]
    table += [Block(Kind.HEADING, f"{at}. Part ........ {at}", 3, 2) for at in range(5, 10)]
    assert kept(table) == []


def test_a_list_of_prices_stays() -> None:
    menu = lines("9", "12", "7", "8", "11", "12", "14", "6", "8", "9", "10")
    assert kept([BEFORE, *menu, AFTER]) == [BEFORE, *menu, AFTER]


def test_few_lines_stay() -> None:
    few = lines("1", "2", "3", "4", "5", "6", "7")
    assert kept([BEFORE, *few, AFTER]) == [BEFORE, *few, AFTER]


def test_code_and_tables_stay() -> None:
    code = [Block(Kind.CODE, f"a … {at}", 1) for at in range(9)]
    assert kept(code) == code


def test_passages_have_no_table_of_contents() -> None:
    chunks = cut([Block(Kind.HEADING, "Contents", 3, 1), *lines(*"123456789"), AFTER])
    assert "Part" not in " ".join(chunk.text for chunk in chunks)
    assert chunks[-1].text == AFTER.text
