"""Frames are plain Protobuf: joined in any number they are a valid message."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fireside.chat import wire
from fireside.chat.fold import Fold
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


@given(st.integers(1, 2**40), st.integers(0, 300), st.text(max_size=40).map(lambda text: text * 9), st.booleans())
def test_a_text_frame_is_what_protobuf_writes(seq: int, index: int, text: str, reasoning: bool) -> None:
    delta = generation_pb2.Delta(part_index=index, **{"reasoning" if reasoning else "text": text})
    assert wire.text_frame(seq, index, text, reasoning=reasoning) == wire.frame(
        generation_pb2.Event(seq=seq, delta=delta)
    )


@given(st.lists(st.tuples(st.text(max_size=5), st.booleans()), max_size=12))
def test_growing_is_the_same_as_applying(deltas: list[tuple[str, bool]]) -> None:
    grown, applied = Fold(), Fold()
    started = generation_pb2.Event(seq=1, started=generation_pb2.Started())
    grown.apply(started)
    applied.apply(started)
    for text, reasoning in deltas:
        index = grown.grow(text, reasoning=reasoning)
        frame = wire.text_frame(grown.last_seq, index, text, reasoning=reasoning)
        assert applied.apply(wire.events_of(frame)[0])
    assert grown.message() == applied.message()
