"""What the child process and the server say to each other: one opening in, then frames out. Not the processes.

A frame is its length in four bytes, little-endian, and MessagePack. The server takes nothing else from the child: what it
says is checked against these types and bounds, whatever a hostile document has made of the child.
"""

from __future__ import annotations

import msgspec

MAX_FRAME = 8 * 1024 * 1024
HEADER = 4


class Opening(msgspec.Struct, array_like=True, frozen=True):
    """What the child is told: the document, its limits, the values of entry points of other extractors, and who asks."""

    path: str
    media_type: str
    name: str
    seconds: float
    memory_bytes: int
    text_chars: int
    unpacked_bytes: int
    others: tuple[str, ...]
    parent: int


class Batch(msgspec.Struct, array_like=True, frozen=True, tag=1):
    """An Extracted. A block is its kind, text, page and level."""

    blocks: tuple[tuple[str, str, int, int], ...]
    done: int
    total: int
    warnings: tuple[str, ...]


class Failed(msgspec.Struct, array_like=True, frozen=True, tag=2):
    """The document cannot be read. `error` is a key of problems.TELLABLE, or `memory`."""

    error: str
    reason: str
    message: str


class End(msgspec.Struct, array_like=True, frozen=True, tag=3):
    """All has been said."""


Frame = Batch | Failed | End

_encoder = msgspec.msgpack.Encoder()
_opening = msgspec.msgpack.Decoder(Opening)
_frame = msgspec.msgpack.Decoder(Frame)


def encode(frame: Frame) -> bytes:
    """The frame with its length."""
    body = _encoder.encode(frame)
    return len(body).to_bytes(HEADER, "little") + body


def decode(body: bytes) -> Frame:
    """A frame without its length. Raises msgspec.MsgspecError."""
    return _frame.decode(body)


def encode_opening(opening: Opening) -> bytes:
    """The whole of the child's standard input."""
    return _encoder.encode(opening)


def decode_opening(body: bytes) -> Opening:
    """The reverse."""
    return _opening.decode(body)
