"""Cutting responses out of bytes: whatever the sizes of the reads, the same body; and nothing else is taken for HTTP."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fireside.runners.http.framing import BrokenHttpError, ResponseReader

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"


def chunked(pieces: list[bytes]) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def read(data: bytes, cuts: list[int]) -> tuple[ResponseReader, bytes]:
    """Feeds `data` cut at some places, up to the end of the response."""
    reader = ResponseReader()
    body: list[bytes] = []
    places = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    for start, end in pairwise(places):
        if start < end:
            body += reader.feed(data[start:end])
    return reader, b"".join(body)


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=6), st.lists(st.integers(0, 1000), max_size=12))
def test_a_chunked_body_is_the_same_however_it_is_cut(pieces: list[bytes], cuts: list[int]) -> None:
    data = HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunked(pieces)
    reader, body = read(data, cuts)
    assert (reader.status, reader.done, reader.keep, body) == (200, True, True, b"".join(pieces))
    assert reader.fields["content-type"] == "text/event-stream"


@given(st.binary(max_size=100), st.lists(st.integers(0, 1000), max_size=12))
def test_so_is_one_with_a_length(content: bytes, cuts: list[int]) -> None:
    reader, body = read(HEAD + b"content-length: %d\r\n\r\n" % len(content) + content, cuts)
    assert (reader.done, reader.keep, body) == (True, True, content)


@given(st.binary(max_size=100), st.lists(st.integers(0, 1000), max_size=12))
def test_and_one_that_ends_with_the_connection(content: bytes, cuts: list[int]) -> None:
    reader, body = read(HEAD + b"\r\n" + content, cuts)
    assert (reader.done, body) == (False, content)
    assert reader.close()
    assert reader.done
    assert not reader.keep


def test_extensions_trailers_and_interim_responses_are_passed_over() -> None:
    reader = ResponseReader()
    body = reader.feed(
        b"HTTP/1.1 100 Continue\r\n\r\n" + HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n"
        b'5;name="a"\r\nhello\r\n0 \r\nDigest: x\r\n\r\n'
    )
    assert (body, reader.done, reader.status) == ([b"hello"], True, 200)


def test_what_ends_before_its_end_is_cut_off() -> None:
    reader = ResponseReader()
    reader.feed(HEAD + b"content-length: 5\r\n\r\nabc")
    assert not reader.close()
    reader = ResponseReader()
    reader.feed(HEAD + b"transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n")
    assert not reader.close()
    assert not ResponseReader().close()


def test_a_connection_is_not_used_again_when_the_server_says_so_or_sends_more() -> None:
    for head in (b"connection: close\r\n", b"Connection: Close\r\n"):
        reader, _ = read(HEAD + head + b"content-length: 0\r\n\r\n", [])
        assert reader.done
        assert not reader.keep
    assert not read(b"HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n", [])[0].keep
    assert read(b"HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 0\r\n\r\n", [])[0].keep
    reader, body = read(HEAD + b"content-length: 2\r\n\r\nabcd", [])
    assert (reader.done, reader.keep, body) == (True, False, b"ab")


def test_a_status_without_a_body_is_complete() -> None:
    reader, body = read(b"HTTP/1.1 204 No Content\r\n\r\n", [5])
    assert (reader.status, reader.done, body) == (204, True, b"")


@pytest.mark.parametrize(
    "data",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        HEAD + b"content-length: -5\r\n\r\n",
        HEAD + b"transfer-encoding: chunked\r\n\r\nxyz\r\n",
        HEAD + b"transfer-encoding: chunked\r\n\r\n1_0\r\n",
        HEAD + b"transfer-encoding: chunked\r\n\r\n" + b"0" * 5000,
        b"HTTP/1.1 200 OK\r\n" + b"x" * 70_000,
    ],
)
def test_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(BrokenHttpError):
        ResponseReader().feed(data)
