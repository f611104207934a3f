"""Frames are plain Protobuf: joined in any number they are a valid message."""

from __future__ import annotations

import pytest

from fireside.chat import wire
from fireside.gen.v1 import chat_service_pb2, generation_pb2


def event(seq: int, text: str) -> generation_pb2.Event:
    return generation_pb2.Event(seq=seq, delta=generation_pb2.Delta(text=text))


@pytest.mark.parametrize("size", [0, 1, 100, 127, 128, 16_383, 16_384, 2_097_152])
def test_joined_frames_are_what_protobuf_writes(size: int) -> None:
    events = [event(1, "x" * size), event(2, "é")]
    joined = b"".join(wire.frame(item) for item in events)
    assert joined == chat_service_pb2.WatchGenerationResponse(events=events).SerializeToString()
    assert list(wire.events_of(joined)) == events


def test_after_keeps_what_comes_later() -> None:
    joined = b"".join(wire.frame(event(seq, str(seq))) for seq in range(1, 6))
    assert [item.seq for item in wire.events_of(wire.after(joined, 3))] == [4, 5]
