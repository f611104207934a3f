"""Which bytes a request wants, and what a file is called when it is saved."""

from __future__ import annotations

import pytest

from fireside.edge.download import disposition
from fireside.edge.ranges import Span, UnsatisfiableError, same, wanted


@pytest.mark.parametrize(
    ("header", "span"),
    [
        ("bytes=0-0", Span(0, 1)),
        ("bytes=2-", Span(2, 10)),
        ("bytes=2-5", Span(2, 6)),
        ("bytes=2-999", Span(2, 10)),
        ("bytes=-3", Span(7, 10)),
        ("bytes=-99", Span(0, 10)),
        ("BYTES = 1 - 1", Span(1, 2)),
        ("bytes=9-9", Span(9, 10)),
        # What is several ranges, in other units or no range at all is answered with the whole.
        ("bytes=0-1,4-5", None),
        ("bytes=5-2", None),
        ("bytes=-", None),
        ("lines=1-2", None),
        ("bytes=x-2", None),
        ("", None),
    ],
)
def test_ranges_are_read(header: str, span: Span | None) -> None:
    assert wanted(header, 10) == span


@pytest.mark.parametrize(("header", "size"), [("bytes=10-", 10), ("bytes=-0", 10), ("bytes=0-", 0), ("bytes=-1", 0)])
def test_ranges_beyond_the_end_are_refused(header: str, size: int) -> None:
    with pytest.raises(UnsatisfiableError):
        wanted(header, size)


@pytest.mark.parametrize(
    ("condition", "equal"), [('"a"', True), ('"b", W/"a"', True), ("*", True), ('"b"', False), ("", False)]
)
def test_etags_are_compared_weakly(condition: str, equal: bool) -> None:
    assert same(condition, '"a"') is equal


def test_names_survive_in_any_script_and_break_out_of_nothing() -> None:
    assert disposition("年报 2026.pdf", inline=False) == (
        "attachment; filename=\"__ 2026.pdf\"; filename*=UTF-8''%E5%B9%B4%E6%8A%A5%202026.pdf"
    )
    assert (
        disposition('a"\\\r\n.txt', inline=True) == "inline; filename=\"a____.txt\"; filename*=UTF-8''a%22%5C%0D%0A.txt"
    )
