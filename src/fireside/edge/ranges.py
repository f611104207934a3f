"""Which bytes of a file a request wants (RFC 9110, 14): pure. One range; whoever asks for several gets the whole."""

from __future__ import annotations

import re
from typing import NamedTuple

_ONE = re.compile(r"\s*bytes\s*=\s*(\d{0,18})\s*-\s*(\d{0,18})\s*", re.IGNORECASE)


class UnsatisfiableError(Exception):
    """There are no such bytes."""


class Span(NamedTuple):
    """From `start` up to `end`, which is not in it."""

    start: int
    end: int


def wanted(header: str, size: int) -> Span | None:
    """The bytes that a `range` header names, of a file with `size`; None for the whole. Raises UnsatisfiableError."""
    match = _ONE.fullmatch(header)
    if match is None or match[1] == match[2] == "":
        return None  # What is not understood is as if it were not there.
    if not match[1]:
        length = min(int(match[2]), size)
        if not length:
            raise UnsatisfiableError
        return Span(size - length, size)
    first = int(match[1])
    last = int(match[2]) if match[2] else size - 1
    if match[2] and last < first:
        return None
    if first >= size:
        raise UnsatisfiableError
    return Span(first, min(last + 1, size))


def same(condition: str, etag: str) -> bool:
    """Whether an `if-none-match` names the ETag; weakly, as it is to be compared there."""
    return condition.strip() == "*" or etag in [item.strip().removeprefix("W/") for item in condition.split(",")]
