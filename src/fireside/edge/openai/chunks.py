"""Log frames to the chunks of an OpenAI stream. Every token comes through here, so bytes are put together by hand.

Text of events that arrive together becomes one chunk, as each chunk is work for whoever reads it. Does no I/O.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import msgspec

from fireside.chat import wire
from fireside.core.errors import UnavailableError
from fireside.edge.openai.answers import CalledFunction, IndexedToolCall, PromptDetails, Usage
from fireside.gen.v1 import message_pb2

if TYPE_CHECKING:
    from fireside.gen.v1 import generation_pb2

FINISHES = {
    message_pb2.FINISH_REASON_COMPLETE: "stop",
    message_pb2.FINISH_REASON_STOPPED: "stop",
    message_pb2.FINISH_REASON_LENGTH: "length",
    message_pb2.FINISH_REASON_TOOL_CALLS: "tool_calls",
}
HEARTBEAT = b": still here\n\n"
DONE = b"data: [DONE]\n\n"

_encode = msgspec.json.Encoder().encode


class Chunks:
    """One answer's chunks. `ended` is set by the last event of the log, and says how the answer ended."""

    __slots__ = ("_begun", "_calls", "_close", "_created", "_generation_id", "_head", "_with_usage", "ended")

    def __init__(self, generation_id: str, model: str, *, include_usage: bool) -> None:
        """`model` is the id that is named in each chunk; the last ones name a model that stood in for it."""
        self._with_usage = include_usage
        self._calls = 0
        self._begun = False
        self.ended: generation_pb2.Ended | None = None
        self._generation_id = _encode(generation_id)
        self._created = int(time.time())
        self._head = self._head_for(model)
        self._close = b',"usage":null}\n\n' if include_usage else b"}\n\n"

    def _head_for(self, model: str) -> bytes:
        return b'data: {"id":%b,"object":"chat.completion.chunk","created":%d,"model":%b,"choices":[' % (
            self._generation_id, self._created, _encode(model),
        )  # fmt: skip

    def feed(self, payload: bytes) -> bytes:
        """The events of the stream for joined frames; empty for those that say nothing to a client.

        Does not write the end: that is `finish`, for an answer that ended well.
        """
        pieces: list[bytes] = []
        texts: list[str] = []
        last = ""
        for event in wire.events_of(payload):
            delta = event.delta
            change = delta.WhichOneof("change")
            if change in {"text", "reasoning"}:
                if change != last and texts:
                    self._text(pieces, last, texts)
                last = change
                texts.append(delta.text if change == "text" else delta.reasoning)
            elif change == "part":
                self._text(pieces, last, texts)
                self._part(pieces, delta.part)
            elif event.HasField("ended"):
                self._text(pieces, last, texts)
                self.ended = event.ended
            elif event.HasField("reset"):
                self._reset(pieces, event.reset.message)
        self._text(pieces, last, texts)
        return b"".join(pieces)

    def finish(self, finish_reason: str) -> bytes:
        """The last events of an answer that ended well."""
        pieces: list[bytes] = []
        self._begin(pieces)
        if self.ended is not None and self.ended.model:
            self._head = self._head_for(self.ended.model)
        pieces.append(
            b'%b{"index":0,"delta":{},"logprobs":null,"finish_reason":"%b"}]%b'
            % (self._head, finish_reason.encode(), self._close)
        )
        if self._with_usage and self.ended is not None:
            pieces.append(b'%b],"usage":%b}\n\n' % (self._head, _encode(usage_of(self.ended.usage))))
        pieces.append(DONE)
        return b"".join(pieces)

    def _begin(self, pieces: list[bytes]) -> None:
        """The first chunk says who speaks; clients wait for it."""
        if not self._begun:
            self._begun = True
            self._add(pieces, b'{"role":"assistant","content":""}')

    def _add(self, pieces: list[bytes], delta: bytes) -> None:
        pieces.append(
            b'%b{"index":0,"delta":%b,"logprobs":null,"finish_reason":null}]%b' % (self._head, delta, self._close)
        )

    def _text(self, pieces: list[bytes], change: str, texts: list[str]) -> None:
        if not texts:
            return
        self._begin(pieces)
        text = _encode("".join(texts) if len(texts) > 1 else texts[0])
        texts.clear()
        self._add(pieces, (b'{"content":%b}' if change == "text" else b'{"reasoning_content":%b}') % text)

    def _part(self, pieces: list[bytes], part: message_pb2.Part) -> None:
        if not part.HasField("tool_call"):
            return  # OpenAI's stream has no place for pictures and sources
        call = part.tool_call
        self._begin(pieces)
        said = IndexedToolCall(self._calls, call.id, CalledFunction(call.name, call.arguments))
        self._calls += 1
        self._add(pieces, b'{"tool_calls":[%b]}' % _encode(said))

    def _reset(self, pieces: list[bytes], message: message_pb2.Message) -> None:
        """The answer as it is now. A client that has some of it already cannot take it back."""
        if self._begun:
            raise UnavailableError("LOG_MOVED", "The answer was moved while it was read: ask again.")
        for part in message.parts:
            kind = part.WhichOneof("kind")
            if kind == "text":
                self._text(pieces, kind, [part.text.text])
            elif kind == "reasoning":
                self._text(pieces, kind, [part.reasoning.text])
            else:
                self._part(pieces, part)


def usage_of(usage: message_pb2.Usage) -> Usage:
    """Token counts in OpenAI's shape."""
    return Usage(
        usage.prompt_tokens,
        usage.completion_tokens,
        usage.prompt_tokens + usage.completion_tokens,
        PromptDetails(usage.cached_tokens),
    )
