"""Events as the bytes that are stored and streamed. Not a codec of its own: plain Protobuf.

`repeated Event events = 1` is a sequence of frames, each the tag 0x0A, a length and the event. Frames can be joined in
any number and the result is a valid message (Protobuf encoding, "Last One Wins": repeated fields concatenate), so an
event is encoded once, whoever reads it, and what is stored is what is sent. GenerateResponse,
WatchGenerationResponse and, with account events, WatchEventsResponse all have that field 1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fireside.gen.v1 import account_event_pb2, chat_service_pb2, generation_pb2

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

# A message with thousands of events is one large HTTP/2 write; clients abort on thousands of tiny frames.
BATCH_BYTES = 256 * 1024

# Text for which every length in its frame is one byte.
_SHORT = 100
_ONE_BYTE = [bytes((value,)) for value in range(0x80)]


def frame(event: generation_pb2.Event | account_event_pb2.AccountEvent) -> bytes:
    """One element of a `repeated ... events = 1` field."""
    data = event.SerializeToString()
    return b"\x0a" + varint(len(data)) + data


def text_frame(seq: int, part_index: int, text: str, *, reasoning: bool = False) -> bytes:
    """The same bytes as `frame` of an event with a text (or reasoning) delta, at a fifth of its cost.

    Every token of every answer comes through here. The field numbers are those of Event and Delta; a test holds this
    against Protobuf's own encoder.
    """
    data = text.encode()
    size = len(data)
    number = varint(seq)
    index = b"\x08" + varint(part_index) if part_index else b""
    tag = 0x1A if reasoning else 0x12
    if size < _SHORT:
        inner = len(index) + 2 + size
        return b"\x0a%c\x08%b\x1a%c%b%c%c%b" % (3 + len(number) + inner, number, inner, index, tag, size, data)
    delta = b"%b%c%b%b" % (index, tag, varint(size), data)
    event = b"\x08%b\x1a%b%b" % (number, varint(len(delta)), delta)
    return b"\x0a%b%b" % (varint(len(event)), event)


def varint(value: int) -> bytes:
    """A Protobuf base 128 varint, least group first."""
    if value < 0x80:
        return _ONE_BYTE[value]
    if value < 0x4000:
        return bytes((value & 0x7F | 0x80, value >> 7))
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def events_of(payload: bytes) -> Sequence[generation_pb2.Event]:
    """The events of joined frames, in order."""
    return chat_service_pb2.WatchGenerationResponse.FromString(payload).events


def after(payload: bytes, seq: int) -> bytes:
    """The frames of `payload` whose events come after `seq`."""
    return b"".join(frame(event) for event in events_of(payload) if event.seq > seq)


def batches(frames: Iterable[bytes]) -> Iterable[bytes]:
    """Joins frames into payloads of about BATCH_BYTES."""
    pending: list[bytes] = []
    size = 0
    for item in frames:
        pending.append(item)
        size += len(item)
        if size >= BATCH_BYTES:
            yield b"".join(pending)
            pending, size = [], 0
    if pending:
        yield b"".join(pending)
