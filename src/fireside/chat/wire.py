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


def frame(event: generation_pb2.Event | account_event_pb2.AccountEvent) -> bytes:
    """One element of a `repeated ... events = 1` field."""
    data = event.SerializeToString()
    size = len(data)
    if size < 0x80:  # nearly every token
        return bytes((0x0A, size)) + data
    head = bytearray(b"\x0a")
    while size >= 0x80:
        head.append(size & 0x7F | 0x80)
        size >>= 7
    head.append(size)
    return bytes(head) + data


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
