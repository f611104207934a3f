"""Events to message: pure, the same as web/src/state/fold.ts, held together by the vectors in tests/data/fold/.

Does no I/O and knows nothing of stores or streams.
"""

from __future__ import annotations

from fireside.gen.v1 import generation_pb2, message_pb2


class GapError(Exception):
    """An event came before one that was never seen: read again from `last_seq`."""


class Fold:
    """The state that a reader of one log builds up.

    Text grows by appending to a list, so that an answer of n tokens costs O(n), not O(n^2) as appending to a Protobuf
    string would.
    """

    __slots__ = ("_base", "_last_kind", "_parts", "_texts", "last_seq")

    def __init__(self, message: message_pb2.Message | None = None, last_seq: int = 0) -> None:
        """Begins with nothing, or with what a reader has up to event `last_seq`."""
        self.last_seq = last_seq
        self._base = message_pb2.Message()
        self._parts: list[message_pb2.Part] = []
        self._texts: list[list[str] | None] = []
        self._last_kind: str | None = None
        if message is not None:
            self._start_from(message)

    def apply(self, event: generation_pb2.Event) -> bool:
        """Takes an event; False if it was seen before (or is a heartbeat). Raises GapError."""
        kind = event.WhichOneof("kind")
        if event.seq <= self.last_seq or kind == "heartbeat":
            return False
        if event.seq != self.last_seq + 1 and kind != "reset":
            text = f"event {event.seq} after {self.last_seq}"
            raise GapError(text)
        if kind == "delta":
            self._apply_delta(event.delta)
        elif kind == "ended":
            self._apply_ended(event.ended)
        elif kind == "started":
            self._start_from(event.started.message)
        elif kind == "reset":
            self._start_from(event.reset.message)
        # A kind that this build does not know has its number all the same.
        self.last_seq = event.seq
        return True

    def message(self) -> message_pb2.Message:
        """A copy of the message as it is now."""
        message = message_pb2.Message()
        message.CopyFrom(self._base)
        for part, texts in zip(self._parts, self._texts, strict=True):
            copy = message.parts.add()
            copy.CopyFrom(part)
            if texts is not None:
                _text_of(copy).text = "".join(texts)
        return message

    def grow(self, text: str, *, reasoning: bool) -> int:
        """Takes the next event, a delta of text that goes on in the last part if that is of its kind; the part's index.

        The same as `apply` with that event, for the writer, who need not build one.
        """
        self.last_seq += 1
        kind = "reasoning" if reasoning else "text"
        if self._last_kind != kind:
            self._put(len(self._parts), _empty_part(kind))
        self._texts[-1].append(text)  # pyright: ignore[reportOptionalMemberAccess] - a part of text has its list
        return len(self._parts) - 1

    def part_count(self) -> int:
        """Number of parts so far."""
        return len(self._parts)

    def _start_from(self, message: message_pb2.Message) -> None:
        self._base.CopyFrom(message)
        self._parts = list(message.parts)
        del self._base.parts[:]
        self._texts = [_pieces(part) for part in self._parts]
        self._last_kind = self._parts[-1].WhichOneof("kind") if self._parts else None

    def _apply_delta(self, delta: generation_pb2.Delta) -> None:
        index = delta.part_index
        if index > len(self._parts):
            text = f"part {index} after {len(self._parts)} parts"
            raise GapError(text)
        change = delta.WhichOneof("change")
        if change == "part":
            self._put(index, delta.part)
            return
        value = delta.text if change == "text" else delta.reasoning
        if index == len(self._parts):
            self._put(index, _empty_part(change or ""))
        texts = self._texts[index]
        if texts is None:
            text = f"text for part {index}, which is not text"
            raise GapError(text)
        texts.append(value)

    def _put(self, index: int, part: message_pb2.Part) -> None:
        if index == len(self._parts):
            self._parts.append(part)
            self._texts.append(_pieces(part))
        else:
            self._parts[index] = part
            self._texts[index] = _pieces(part)
        self._last_kind = self._parts[-1].WhichOneof("kind")

    def _apply_ended(self, ended: generation_pb2.Ended) -> None:
        self._base.state = message_pb2.MESSAGE_STATE_DONE
        self._base.finish_reason = ended.finish_reason
        if ended.HasField("error"):
            self._base.error.CopyFrom(ended.error)
        if ended.HasField("usage"):
            self._base.usage.CopyFrom(ended.usage)
        if ended.model:
            self._base.model = ended.model
        if ended.etag:
            self._base.etag = ended.etag


def _text_of(part: message_pb2.Part) -> message_pb2.TextPart | message_pb2.ReasoningPart:
    return part.text if part.WhichOneof("kind") == "text" else part.reasoning


def _empty_part(kind: str) -> message_pb2.Part:
    if kind == "reasoning":
        return message_pb2.Part(reasoning=message_pb2.ReasoningPart())
    return message_pb2.Part(text=message_pb2.TextPart())


def _pieces(part: message_pb2.Part) -> list[str] | None:
    kind = part.WhichOneof("kind")
    return [_text_of(part).text] if kind in ("text", "reasoning") else None
