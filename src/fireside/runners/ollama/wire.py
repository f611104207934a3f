"""Ollama's own chat protocol: requests out, lines of JSON in. Does no I/O.

Unknown fields are ignored. What the lines say is turned into the seam's deltas (answer_lines.py).
"""

from __future__ import annotations

import base64
import binascii
import secrets

import msgspec

from fireside.gen.v1 import message_pb2
from fireside.runners.answer_lines import AnswerLines
from fireside.runners.base import Embeddings, Finish, Finished, Reasoning, Text, WholePart
from fireside.runners.prompt import clean
from fireside.runners.refusals import Refusal, died, garbage

_MAGIC = (
    (b"\x89PNG", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"RIFF", "image/webp"),
)


class _Function(msgspec.Struct, gc=False):
    name: str = ""
    arguments: msgspec.Raw = msgspec.Raw(b"{}")


class _ToolCall(msgspec.Struct, gc=False):
    function: _Function
    id: str | None = None


class _Message(msgspec.Struct, gc=False):
    content: str | None = None
    thinking: str | None = None
    tool_calls: list[_ToolCall] | None = None
    images: list[str] | None = None


class _Line(msgspec.Struct, gc=False):
    message: _Message | None = None
    done: bool = False
    done_reason: str | None = None
    prompt_eval_count: int | None = None
    eval_count: int | None = None
    error: str | None = None


class _Refused(msgspec.Struct):
    error: str = ""


class _Embedded(msgspec.Struct):
    embeddings: list[tuple[float, ...]] | None = None
    prompt_eval_count: int | None = None


_decode = msgspec.json.Decoder(_Line).decode


def refusal_of(status: int, body: bytes, model: str, retry_after: float | None = None) -> Refusal:
    """What the body of a response that is not 200 says. `retry_after` is in seconds."""
    try:
        message = msgspec.json.decode(body, type=_Refused).error
    except msgspec.MsgspecError:
        message = body[:200].decode(errors="replace")
    return Refusal(status, message, retry_after=retry_after, model=model)


def embeddings(body: bytes) -> Embeddings:
    """The vectors of the body of POST /api/embed. Raises UnavailableError (RUNNER_FAILED)."""
    try:
        said = msgspec.json.decode(body, type=_Embedded)
    except msgspec.MsgspecError as error:
        raise garbage(str(error)) from error
    return Embeddings(tuple(said.embeddings or ()), said.prompt_eval_count or 0)


class LineReader(AnswerLines):
    """Turns the bytes of a stream of JSON lines into deltas. One for each answer."""

    def __init__(self, model: str = "") -> None:
        """`model` is its name in errors."""
        super().__init__(model)
        self._called = False

    def _cut_off(self) -> None:
        raise died() if self.events else garbage("it is empty")

    def _line(self, line: bytes) -> None:
        if line.isspace():
            return
        try:
            said = _decode(line)
        except msgspec.MsgspecError as error:
            raise garbage(str(error)) from error
        self.events += 1
        if said.error is not None:
            # In a stream the status has been sent, and Ollama does not repeat it.
            raise Refusal(500, said.error, model=self._model).error()
        message = said.message
        if message is not None:
            if message.thinking:
                self._append(Reasoning, message.thinking)
            if message.content:
                self._append(Text, message.content)
            if message.tool_calls or message.images:
                self._whole(message)
        if said.done:
            self._end(said)

    def _whole(self, message: _Message) -> None:
        for call in message.tool_calls or ():
            self._called = True
            part = message_pb2.ToolCallPart(
                id=clean(call.id or "") or f"call_{secrets.token_hex(8)}",
                name=clean(call.function.name),
                arguments=clean(bytes(call.function.arguments).decode()),
            )
            self._put(WholePart(message_pb2.Part(tool_call=part)))
        for image in message.images or ():
            self._put(WholePart(_picture(image)))

    def _end(self, line: _Line) -> None:
        self.ended = True
        finish = Finish.LENGTH if line.done_reason == "length" else Finish.COMPLETE
        if self._called and finish is Finish.COMPLETE:
            finish = Finish.TOOL_CALLS
        self._put(Finished(finish, line.prompt_eval_count or 0, line.eval_count or 0))


def _picture(encoded: str) -> message_pb2.Part:
    try:
        data = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise garbage("a picture is not base64") from error
    media_type = next((name for magic, name in _MAGIC if data.startswith(magic)), "image/png")
    return message_pb2.Part(image=message_pb2.ImagePart(media_type=media_type, data=data))
