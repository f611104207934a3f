"""The store's pure parts: URLs, times, etags, folding, and which revisions need an upgrade."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fireside.core.errors import AbortedError, FailedPreconditionError, InvalidArgumentError
from fireside.core.ids import etag_of
from fireside.store.chunks import SIZES, chunks, marks
from fireside.store.folding import fold
from fireside.store.records import revision_of, timestamp_of, us_of
from fireside.store.revisions import HEAD, needs_upgrade
from fireside.store.tx import id_taken, refuse_nul
from fireside.store.urls import sqlite_path, sqlite_url


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:///a/b.db", Path("/a/b.db")),
        ("sqlite:////a/b.db", Path("/a/b.db")),
        ("sqlite:///a%20b/c%23.db", Path("/a b/c#.db")),
        ("postgresql://u:p@h:1/x?sslmode=require", None),
        ("postgres:///x", None),
    ],
)
def test_a_url_names_a_file_or_a_server(url: str, path: Path | None) -> None:
    assert sqlite_path(url) == path


@pytest.mark.parametrize("url", ["", "sqlite://", "sqlite:///", "sqlite://host/a.db", "mysql://h/x", "/a/b.db"])
def test_another_url_is_refused(url: str) -> None:
    with pytest.raises(InvalidArgumentError):
        sqlite_path(url)


@pytest.mark.parametrize("path", ["/a/b.db", "/a b/ü?#%20/c.db"])
def test_a_path_survives_its_url(path: str) -> None:
    assert sqlite_path(sqlite_url(Path(path))) == Path(path)


@given(st.integers(min_value=0, max_value=2**52))
def test_times_and_etags_survive_their_other_form(number: int) -> None:
    assert us_of(timestamp_of(number)) == number
    assert revision_of(etag_of(number)) == number


@pytest.mark.parametrize("etag", ["", "r", "rx", "W/1"])
def test_what_is_no_etag_is_stale(etag: str) -> None:
    with pytest.raises(AbortedError):
        revision_of(etag)


def test_folding_forgets_case_composition_and_nul() -> None:
    assert fold("STRASSE") == fold("straße")
    assert fold("Cafe\u0301") == fold("CAFÉ")
    assert fold("a\0B") == "ab"


@given(st.text(), st.text())
def test_a_folded_text_is_folded_and_holds_its_folded_words(left: str, right: str) -> None:
    assert fold(fold(left)) == fold(left)
    assert fold(left) in fold(f"{left} {right}") or right.strip() == ""


def test_text_with_nul_is_refused_and_bytes_are_not() -> None:
    refuse_nul(("a", b"\0", 1, None))
    with pytest.raises(InvalidArgumentError):
        refuse_nul((1, "a\0"))


def test_an_unknown_revision_is_newer() -> None:
    assert not needs_upgrade(HEAD)
    with pytest.raises(FailedPreconditionError):
        needs_upgrade("9999")


def test_a_taken_id_is_named_for_its_table() -> None:
    assert id_taken("messages").reason == "MESSAGE_EXISTS"
    assert id_taken("anything").reason == "ROW_EXISTS"


@given(st.integers(min_value=0, max_value=300), st.integers(min_value=1, max_value=4))
def test_chunks_hold_every_row_once_in_order_in_three_sizes(rows: int, width: int) -> None:
    items = list(range(rows * width))
    pieces = [list(piece) for piece in chunks(items, width=width)]
    assert [item for piece in pieces for item in piece] == items
    assert {len(piece) // width for piece in pieces} <= set(SIZES)
    assert all(len(piece) % width == 0 for piece in pieces)


def test_marks_are_numbered_from_the_first() -> None:
    assert marks(3, 3) == "$3, $4, $5"
    assert marks(1, 0) == ""
