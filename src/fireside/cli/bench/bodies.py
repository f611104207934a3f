"""Reads tokens out of responses: Fireside's events, in Connect or gRPC envelopes, and OpenAI's server-sent events."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from fireside.gen.v1 import chat_service_pb2

if TYPE_CHECKING:
    from fireside.cli.bench.tally import Answer

_HEADER = 5
_END_OF_STREAM = 0x02
_parse_events = chat_service_pb2.GenerateResponse.FromString


class EventBody:
    """GenerateResponse messages in envelopes of five bytes and a length, as Connect and gRPC both have them."""

    __slots__ = ("_answer", "_error", "_rest", "ended")

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._rest = b""
        self._error = ""
        self.ended = False

    def feed(self, data: bytes) -> None:
        """Takes whole envelopes and keeps the rest."""
        if self._rest:
            data = self._rest + data
        at, size = 0, len(data)
        while size - at >= _HEADER:
            end = at + _HEADER + int.from_bytes(data[at + 1 : at + _HEADER], "big")
            if end > size:
                break
            if data[at] & _END_OF_STREAM:
                self._trailer(data[at + _HEADER : end])
            else:
                self._message(data[at + _HEADER : end])
            at = end
        self._rest = data[at:]

    def end(self, error: str) -> None:
        """The response has ended."""
        if not error and not self.ended:
            error = "the stream ended before the answer did"
        self._answer.end(self._error or error)

    def _trailer(self, trailer: bytes) -> None:
        if b'"error"' in trailer:
            self._error = trailer.decode(errors="replace")

    def _message(self, message: bytes) -> None:
        texts: list[str] = []
        for event in _parse_events(message).events:
            if event.HasField("delta"):
                texts.append(event.delta.text or event.delta.reasoning)
            elif event.HasField("ended"):
                self.ended = True
                if event.ended.HasField("error"):
                    self._error = event.ended.error.message or "the answer failed"
        if texts:
            self._answer.text("".join(texts), len(texts))


class _Delta(msgspec.Struct):
    content: str | None = None
    reasoning_content: str | None = None


class _Choice(msgspec.Struct):
    delta: _Delta | None = None
    finish_reason: str | None = None


class _Error(msgspec.Struct):
    message: str = ""


class _Chunk(msgspec.Struct):
    choices: list[_Choice] = []
    error: _Error | str | None = None


_parse_chunk = msgspec.json.Decoder(_Chunk).decode


class SseBody:
    """chat.completion.chunk objects in server-sent events. All events of one read are one message with tokens."""

    __slots__ = ("_answer", "_error", "_rest", "ended")

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._rest = b""
        self._error = ""
        self.ended = False

    def feed(self, data: bytes) -> None:
        """Takes whole lines and keeps the rest."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        texts = [text for line in lines if line.startswith(b"data:") and (text := self._event(line[5:].strip()))]
        if texts:
            self._answer.text("".join(texts), len(texts))

    def end(self, error: str) -> None:
        """The response has ended."""
        if not error and not self.ended:
            error = "the stream ended before the answer did"
        self._answer.end(self._error or error)

    def _event(self, data: bytes) -> str:
        if data == b"[DONE]":
            self.ended = True
            return ""
        try:
            chunk = _parse_chunk(data)
        except msgspec.DecodeError:
            return ""  # Some servers send events of their own in between.
        if chunk.error is not None:
            self._error = (chunk.error if isinstance(chunk.error, str) else chunk.error.message) or "the answer failed"
        if not chunk.choices:
            return ""
        choice = chunk.choices[0]
        if choice.finish_reason == "error":
            self._error = "the answer failed"
        return (choice.delta.content or choice.delta.reasoning_content or "") if choice.delta else ""


class WholeBody:
    """One response that is not streamed: all of it is one token."""

    __slots__ = ("_answer", "_size")

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._size = 0

    def feed(self, data: bytes) -> None:
        """Counts."""
        self._size += len(data)

    def end(self, error: str) -> None:
        """The response has ended."""
        if not error:
            self._answer.text(" ")
        self._answer.end(error)
