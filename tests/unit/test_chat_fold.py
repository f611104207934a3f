"""The fold over the vectors that the web client's fold passes too, and its own edges."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from google.protobuf import json_format

from fireside.chat.fold import Fold, GapError
from fireside.gen.v1 import generation_pb2, message_pb2

VECTORS = sorted((Path(__file__).parent.parent / "data" / "fold").glob("*.json"))


def test_there_are_vectors() -> None:
    assert len(VECTORS) >= 10


@pytest.mark.parametrize("path", VECTORS, ids=lambda path: path.stem)
def test_vector(path: Path) -> None:
    vector = json.loads(path.read_text())
    begin = json_format.ParseDict(vector["start"], message_pb2.Message()) if vector["start"] else None
    fold = Fold(begin, vector.get("startSeq", 0))
    gap = False
    for item in vector["events"]:
        event = json_format.ParseDict(item, generation_pb2.Event())
        try:
            fold.apply(event)
        except GapError:
            gap = True
            break
    assert gap == (vector.get("error") == "gap")
    expected = json_format.ParseDict(vector["message"] or {}, message_pb2.Message())
    assert fold.message() == expected
    assert fold.last_seq == int(vector["lastSeq"])


def started(*parts: message_pb2.Part) -> generation_pb2.Event:
    message = message_pb2.Message(id="m", state=message_pb2.MESSAGE_STATE_RUNNING, parts=parts)
    return generation_pb2.Event(seq=1, started=generation_pb2.Started(message=message))


def test_text_for_a_part_that_is_not_text_is_a_gap() -> None:
    fold = Fold()
    fold.apply(started(message_pb2.Part(image=message_pb2.ImagePart(media_type="image/png"))))
    with pytest.raises(GapError):
        fold.apply(generation_pb2.Event(seq=2, delta=generation_pb2.Delta(part_index=0, text="x")))


def test_a_part_index_that_skips_is_a_gap() -> None:
    fold = Fold()
    fold.apply(started())
    with pytest.raises(GapError):
        fold.apply(generation_pb2.Event(seq=2, delta=generation_pb2.Delta(part_index=1, text="x")))


def test_the_message_is_a_copy() -> None:
    fold = Fold()
    fold.apply(started())
    before = fold.message()
    fold.apply(generation_pb2.Event(seq=2, delta=generation_pb2.Delta(text="x")))
    assert not before.parts
    assert fold.message().parts[0].text.text == "x"


def test_a_kind_from_the_future_has_its_number() -> None:
    fold = Fold()
    fold.apply(started())
    unknown = generation_pb2.Event.FromString(b"\x08\x02\x9a\x06\x00")  # seq 2 and an empty field 99
    assert fold.apply(unknown)
    assert fold.apply(generation_pb2.Event(seq=3, delta=generation_pb2.Delta(text="x")))
    assert fold.message().parts[0].text.text == "x"
