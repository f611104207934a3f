"""The OpenAI chat protocol's answers: server-sent events, errors, vectors in. Does no I/O; requests are elsewhere.

Unknown fields are ignored. What the events say is turned into the seam's deltas (answer_lines.py).
"""

from __future__ import annotations

import base64
import binascii
import re
import secrets
from contextlib import suppress

import msgspec

from fireside.core.errors import FiresideError, UnavailableError
from fireside.gen.v1 import message_pb2
from fireside.runners.answer_lines import AnswerLines
from fireside.runners.base import Activity, Embeddings, Finish, Finished, Progress, Reasoning, Text, WholePart
from fireside.runners.openai.think_tags import ThinkTags
from fireside.runners.prompt import clean
from fireside.runners.refusals import Refusal, died, garbage

_FINISHES = {
    "length": Finish.LENGTH,
    "max_tokens": Finish.LENGTH,
    "model_length": Finish.LENGTH,
    "tool_calls": Finish.TOOL_CALLS,
    "function_call": Finish.TOOL_CALLS,
}
# An escaped half of a surrogate pair without its other half.
_HALF = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])|(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F][0-9a-fA-F]{2}"
)
_DATA_URL = re.compile(r"data:(?P<type>[\w.+-]+/[\w.+-]+)(?:;[^,;]+)*;base64,(?P<data>.*)", re.DOTALL)


class _Function(msgspec.Struct, gc=False):
    name: str | None = None
    arguments: str | dict[str, object] | None = None


class _ToolCall(msgspec.Struct, gc=False):
    index: int | None = None
    id: str | None = None
    function: _Function | None = None


class _ContentPart(msgspec.Struct, gc=False):
    type: str = "text"
    text: str | None = None


class _Url(msgspec.Struct, gc=False):
    url: str = ""


class _Image(msgspec.Struct, gc=False):
    image_url: _Url | str | None = None


class _ChunkDelta(msgspec.Struct, gc=False):
    content: str | list[_ContentPart] | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    refusal: str | None = None
    tool_calls: list[_ToolCall] | None = None
    images: list[_Image] | None = None


class _Choice(msgspec.Struct, gc=False):
    delta: _ChunkDelta | None = None
    message: _ChunkDelta | None = None
    finish_reason: str | None = None


class _PromptDetails(msgspec.Struct, gc=False):
    cached_tokens: int | None = None


class _Usage(msgspec.Struct, gc=False):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: _PromptDetails | None = None


class _PromptProgress(msgspec.Struct, gc=False):
    processed: int = 0


class _Error(msgspec.Struct, gc=False):
    message: str | None = None
    type: str | None = None
    code: str | int | None = None
    n_prompt_tokens: int = 0
    n_ctx: int = 0


class _Chunk(msgspec.Struct, gc=False):
    choices: list[_Choice] | None = None
    usage: _Usage | None = None
    prompt_progress: _PromptProgress | None = None
    error: _Error | str | None = None


class _Refused(msgspec.Struct):
    """The body of an error: OpenAI's form, vLLM's older flat one, FastAPI's."""

    error: _Error | str | None = None
    message: str | None = None
    type: str | None = None
    code: str | int | None = None
    detail: msgspec.Raw = msgspec.Raw(b"")


_decode = msgspec.json.Decoder(_Chunk).decode
_refusals = msgspec.json.Decoder(_Refused)


def refusal(status: int, body: bytes, model: str = "", retry_after: float | None = None) -> FiresideError:
    """The error for an HTTP status that is not 200. `retry_after` is in seconds."""
    return refusal_of(status, body, model, retry_after).error()


def refusal_of(status: int, body: bytes, model: str = "", retry_after: float | None = None) -> Refusal:
    """What the body of such a response says."""
    try:
        said = _refusals.decode(body)
    except msgspec.MsgspecError:
        return Refusal(status, body[:200].decode(errors="replace"), retry_after=retry_after, model=model)
    if said.error is not None:
        return _refusal(status, said.error, model, retry_after)
    message = said.message or bytes(said.detail).decode(errors="replace")
    return _refusal(status, _Error(message, said.type, said.code), model, retry_after)


def _refusal(status: int, error: _Error | str, model: str, retry_after: float | None) -> Refusal:
    if isinstance(error, str):
        return Refusal(status, error, retry_after=retry_after, model=model)
    code = error.code if isinstance(error.code, str) else ""
    return Refusal(
        status, error.message or "", code or error.type or "", error.n_prompt_tokens, error.n_ctx, retry_after, model
    )


class _Embedding(msgspec.Struct, gc=False):
    embedding: tuple[float, ...]
    index: int = 0


class _Embedded(msgspec.Struct):
    data: list[_Embedding]
    usage: _Usage | None = None


def embeddings(body: bytes) -> Embeddings:
    """The vectors of the body of POST /embeddings. Raises UnavailableError (RUNNER_FAILED)."""
    try:
        said = msgspec.json.decode(body, type=_Embedded)
    except msgspec.MsgspecError as error:
        raise garbage(str(error)) from error
    entries = sorted(said.data, key=lambda entry: entry.index)
    tokens = (said.usage.prompt_tokens if said.usage else 0) or 0
    return Embeddings(tuple(entry.embedding for entry in entries), tokens)


class EventReader(AnswerLines):
    """Turns the bytes of a stream of events into deltas. One for each answer."""

    def __init__(self, model: str = "") -> None:
        """`model` is its name in errors."""
        super().__init__(model)
        self._calls: list[_Call] = []
        self._tags = ThinkTags()
        self._finish: Finish | None = None
        self._usage = _Usage()
        self._prefilling = False
        self._said_something = False

    def _line(self, line: bytes) -> None:
        if line[:5] == b"data:":
            self.events += 1
            self._event(line[5:])

    def _cut_off(self) -> None:
        if self._finish is None:
            raise died() if self.events else garbage("there is no event in it")
        self._end()

    def _event(self, data: bytes) -> None:
        try:
            chunk = _decode(data)
        except msgspec.MsgspecError as error:
            if data.strip() == b"[DONE]":
                self._done()
                return
            chunk = _repaired(data, error)
        if chunk.error is not None:
            raise self._failure(chunk.error)
        if chunk.usage is not None:
            self._usage = chunk.usage
        if chunk.prompt_progress is not None and not self._prefilling:
            self._prefilling = True
            self._put(Progress(Activity.PREFILLING))
        for choice in chunk.choices or ():
            delta = choice.delta or choice.message
            if delta is not None:
                self._take(delta)
            if choice.finish_reason is not None:
                self._finishing(choice.finish_reason)

    def _done(self) -> None:
        if self._finish is None and not self._said_something:
            raise garbage("it is empty")
        self._end()

    def _take(self, delta: _ChunkDelta) -> None:
        # Some servers say the reasoning twice, under both names.
        if reasoning := delta.reasoning_content or delta.reasoning:
            self._said_something = True
            self._append(Reasoning, reasoning)
        content = delta.content
        if content:
            self._said_something = True
            text = content if isinstance(content, str) else "".join(part.text or "" for part in content)
            if self._tags.over:
                self._append(Text, text)
            else:
                self._tell(self._tags.split(text))
        if delta.refusal:
            self._said_something = True
            self._append(Text, delta.refusal)
        for call in delta.tool_calls or ():
            self._call(call)
        for image in delta.images or ():
            self._image(image)

    def _tell(self, split: tuple[str, str]) -> None:
        for kind, text in zip((Reasoning, Text), split, strict=True):
            if text:
                self._append(kind, text)

    def _call(self, call: _ToolCall) -> None:
        """Adds to the call that it goes on with, or begins one. Not all servers give an index, or an id."""
        self._show_life()
        self._said_something = True
        function = call.function or _Function()
        known = [
            one
            for one in self._calls
            if call.index in {None, one.index} and (not call.id or not one.part.id or call.id == one.part.id)
        ]
        if known and (call.id or call.index is not None or not function.name):
            target = known[-1]
        else:
            target = _Call(len(self._calls) if call.index is None else call.index, message_pb2.ToolCallPart())
            self._calls.append(target)
        part = target.part
        part.id = part.id or clean(call.id or "")
        part.name = part.name or clean(function.name or "")
        arguments = function.arguments
        if isinstance(arguments, dict):
            arguments = msgspec.json.encode(arguments).decode()
        part.arguments += clean(arguments or "")

    def _image(self, image: _Image) -> None:
        url = image.image_url.url if isinstance(image.image_url, _Url) else image.image_url or ""
        part = picture(url)
        if part is None:
            # Fetching what a model names is not this server's business; the reader's browser asks before it does.
            if url.startswith(("https://", "http://")):
                self._append(Text, f"\n\n![image]({url})\n\n")
            return
        self._said_something = True
        self._put(WholePart(part))

    def _finishing(self, reason: str) -> None:
        if reason == "error":
            raise UnavailableError("RUNNER_FAILED", "The model failed in mid-answer. Try again.")
        self._finish = _FINISHES.get(reason, Finish.COMPLETE)

    def _failure(self, error: _Error | str) -> FiresideError:
        # In a stream the status has been sent; some servers put it into the error.
        status = error.code if isinstance(error, _Error) and isinstance(error.code, int) else 500
        return _refusal(status, error, self._model, None).error()

    def _end(self) -> None:
        self.ended = True
        self._tell(self._tags.rest())
        finish = self._finish or Finish.COMPLETE
        for call in self._calls:
            call.part.id = call.part.id or f"call_{secrets.token_hex(8)}"
            self._put(WholePart(message_pb2.Part(tool_call=call.part)))
        if self._calls and finish is Finish.COMPLETE:
            finish = Finish.TOOL_CALLS
        usage = self._usage
        details = usage.prompt_tokens_details
        cached = details.cached_tokens if details else 0
        self._put(Finished(finish, usage.prompt_tokens or 0, usage.completion_tokens or 0, cached or 0))


def _repaired(data: bytes, error: msgspec.MsgspecError) -> _Chunk:
    """The event without the halves of characters that some servers cut in two. Raises `garbage` if that is not it."""
    whole = _HALF.sub(rb"\\ufffd", data)
    if whole != data:
        with suppress(msgspec.MsgspecError):
            return _decode(whole)
    raise garbage(str(error)) from error


class _Call:
    """A tool call that is being put together."""

    __slots__ = ("index", "part")

    def __init__(self, index: int, part: message_pb2.ToolCallPart) -> None:
        self.index = index
        self.part = part


def picture(url: str) -> message_pb2.Part | None:
    """The picture of a data: URL in base64; None for any other URL."""
    match = _DATA_URL.fullmatch(url)
    if match is None:
        return None
    try:
        data = base64.b64decode(match["data"], validate=True)
    except (binascii.Error, ValueError):
        return None
    return message_pb2.Part(image=message_pb2.ImagePart(media_type=match["type"], data=data))
