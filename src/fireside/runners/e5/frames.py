"""What goes through the pipes to and from the child: frames with their length in front. Pure; imported by the child too,
so that it needs nothing but the standard library.

To the child: a number, whether the text is a question, and the text. From it: the number and the vector as 32-bit
floats; a frame without a vector says that this text failed. The number 0 is for the first frame of the child, which says
with one byte that it is ready.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

_HEAD = struct.Struct("<II")
_ASKED = struct.Struct("<IIBB")
HEAD_BYTES = _HEAD.size


class Asked(NamedTuple):
    """A text to embed. `urgent` ones do not wait for others."""

    number: int
    question: bool
    urgent: bool
    text: str


def asked(one: Asked) -> bytes:
    """The frame of a text. Raises UnicodeEncodeError for one that is no Unicode."""
    raw = one.text.encode()
    return _ASKED.pack(len(raw) + 2, one.number, one.question, one.urgent) + raw


def answered(number: int, raw: bytes) -> bytes:
    """The frame of an answer."""
    return _HEAD.pack(len(raw), number) + raw


def head(raw: bytes) -> tuple[int, int]:
    """How long what follows is, and the number."""
    length, number = _HEAD.unpack(raw)
    return length, number


def asked_of(number: int, raw: bytes) -> Asked:
    """A text from what follows the head."""
    return Asked(number, bool(raw[0]), bool(raw[1]), raw[2:].decode())
