"""The OpenAI chat protocol as llama.cpp's server speaks it: requests out, server-sent events in. Does no I/O.

Unknown fields are ignored. What the events say is turned into the seam's deltas; events that arrive in one read become
one delta, because each delta is a wake-up for every reader.
"""

from __future__ import annotations

from http import HTTPStatus

import msgspec
from google.protobuf import json_format

from fireside.core.errors import FiresideError, InvalidArgumentError, UnavailableError
from fireside.gen.v1 import message_pb2
from fireside.runners.base import (
    Activity,
    Delta,
    Finish,
    Finished,
    GenerateRequest,
    Progress,
    Reasoning,
    Text,
    WholePart,
)

_ROLES = {
    message_pb2.ROLE_SYSTEM: "system",
    message_pb2.ROLE_USER: "user",
    message_pb2.ROLE_ASSISTANT: "assistant",
    message_pb2.ROLE_TOOL: "tool",
}
_FINISHES = {"length": Finish.LENGTH, "tool_calls": Finish.TOOL_CALLS}


class ChatMessage(msgspec.Struct, frozen=True):
    """One message of the prompt."""

    role: str
    content: str


class _StreamOptions(msgspec.Struct, frozen=True):
    include_usage: bool = True


class ChatRequest(msgspec.Struct, frozen=True):
    """The body of POST /v1/chat/completions, with llama.cpp's additions."""

    messages: list[ChatMessage]
    max_tokens: int
    id_slot: int
    temperature: float
    top_p: float
    top_k: int
    repeat_penalty: float
    seed: int | msgspec.UnsetType = msgspec.UNSET
    stop: list[str] | msgspec.UnsetType = msgspec.UNSET
    stream: bool = True
    stream_options: _StreamOptions = _StreamOptions()
    cache_prompt: bool = True
    return_progress: bool = True


class _Function(msgspec.Struct):
    name: str | None = None
    arguments: str | None = None


class _ToolCall(msgspec.Struct):
    index: int = 0
    id: str | None = None
    function: _Function = msgspec.field(default_factory=_Function)


class _ChunkDelta(msgspec.Struct):
    content: str | None = None
    reasoning_content: str | None = None
    tool_calls: list[_ToolCall] | None = None


class _Choice(msgspec.Struct):
    delta: _ChunkDelta = msgspec.field(default_factory=_ChunkDelta)
    finish_reason: str | None = None


class _PromptDetails(msgspec.Struct):
    cached_tokens: int = 0


class _Usage(msgspec.Struct):
    prompt_tokens: int = 0
    completion_tokens: int = 0
    prompt_tokens_details: _PromptDetails = msgspec.field(default_factory=_PromptDetails)


class _PromptProgress(msgspec.Struct):
    processed: int = 0


class _Error(msgspec.Struct):
    message: str = ""
    type: str = ""
    n_prompt_tokens: int = 0
    n_ctx: int = 0


class _Chunk(msgspec.Struct):
    choices: list[_Choice] = []
    usage: _Usage | None = None
    prompt_progress: _PromptProgress | None = None
    error: _Error | None = None


_chunks = msgspec.json.Decoder(_Chunk)


def chat_messages(request: GenerateRequest) -> list[ChatMessage]:
    """The prompt: the text parts, and a short note in brackets for any other. Reasoning is left out, as models expect.

    Messages without any content are left out; so an empty last answer is not gone on from but begun.
    """
    messages = (ChatMessage(_ROLES.get(m.role, "user"), clean(_content_of(m))) for m in request.messages)
    return [message for message in messages if message.content]


def clean(text: str) -> str:
    """The text without what a tokenizer or a store chokes on: NUL and lone surrogates."""
    return text.replace("\0", "").encode("utf-8", "ignore").decode("utf-8")


def refusal(status: int, body: bytes) -> FiresideError:
    """The error for an HTTP status that is not 200."""
    try:
        error = _chunks.decode(body).error or _Error()
    except msgspec.MsgspecError:
        error = _Error(message=body[:200].decode(errors="replace"))
    return _refused(status, error)


class EventReader:
    """Turns the bytes of a stream of events into deltas. One for each answer."""

    def __init__(self) -> None:
        self._rest = b""
        self._calls: dict[int, message_pb2.ToolCallPart] = {}
        self._finish: Finish | None = None
        self._usage = _Usage()
        self._prefilling = False
        self.ended = False
        self.events = 0

    def feed(self, data: bytes) -> list[Delta]:
        """The deltas of what has arrived. Sets `ended` after the last event; counts `events`.

        Raises FiresideError for an event that is an error or is not understood.
        """
        *blocks, self._rest = (self._rest + data).replace(b"\r\n", b"\n").split(b"\n\n")
        deltas: list[Delta] = []
        for block in blocks:
            for line in block.split(b"\n"):
                if line.startswith(b"data:"):
                    self._event(line[5:].strip(), deltas)
        return deltas

    def _event(self, data: bytes, deltas: list[Delta]) -> None:
        self.events += 1
        if data == b"[DONE]":
            deltas.extend(self._ending())
            return
        try:
            chunk = _chunks.decode(data)
        except msgspec.MsgspecError as error:
            raise UnavailableError("RUNNER_FAILED", f"The model's answer could not be read ({error}).") from error
        if chunk.error is not None:
            raise _refused(500, chunk.error)
        if chunk.usage is not None:
            self._usage = chunk.usage
        if chunk.prompt_progress is not None and not self._prefilling:
            self._prefilling = True
            deltas.append(Progress(Activity.PREFILLING))
        for choice in chunk.choices:
            self._choice(choice, deltas)

    def _choice(self, choice: _Choice, deltas: list[Delta]) -> None:
        if choice.finish_reason is not None:
            self._finish = _FINISHES.get(choice.finish_reason, Finish.COMPLETE)
        _append(deltas, Reasoning, choice.delta.reasoning_content)
        _append(deltas, Text, choice.delta.content)
        for call in choice.delta.tool_calls or ():
            part = self._calls.setdefault(call.index, message_pb2.ToolCallPart())
            part.id = part.id or clean(call.id or "")
            part.name += clean(call.function.name or "")
            part.arguments += clean(call.function.arguments or "")

    def _ending(self) -> list[Delta]:
        if self._finish is None:
            raise UnavailableError("RUNNER_FAILED", "The model ended without saying why. Try again.")
        self.ended = True
        usage = self._usage
        calls: list[Delta] = [WholePart(message_pb2.Part(tool_call=part)) for _, part in sorted(self._calls.items())]
        cached = usage.prompt_tokens_details.cached_tokens
        return [*calls, Finished(self._finish, usage.prompt_tokens, usage.completion_tokens, cached)]


def _append(deltas: list[Delta], kind: type[Text | Reasoning], text: str | None) -> None:
    """Adds text to the last delta if that is of the same kind."""
    if not text:
        return
    last = deltas[-1] if deltas else None
    if isinstance(last, kind):
        deltas[-1] = kind(last.text + clean(text))
    else:
        deltas.append(kind(clean(text)))


def _refused(status: int, error: _Error) -> FiresideError:
    if error.type == "exceed_context_size_error":
        return InvalidArgumentError(
            "PROMPT_TOO_LONG",
            f"This conversation is too long for the model: it has {error.n_prompt_tokens} tokens, and {error.n_ctx} fit. "
            "Start a new conversation, or edit an earlier message to go on from there.",
            prompt_tokens=str(error.n_prompt_tokens),
            context_tokens=str(error.n_ctx),
        )
    message = error.message or f"status {status}"
    if status == HTTPStatus.BAD_REQUEST:
        return InvalidArgumentError("RUNNER_REFUSED", f"The model refused the request: {message}")
    return UnavailableError("RUNNER_FAILED", f"The model failed: {message}")


def _content_of(message: message_pb2.Message) -> str:
    return "\n\n".join(filter(None, (_part_text(part) for part in message.parts)))


def _part_text(part: message_pb2.Part) -> str:
    match part.WhichOneof("kind"):
        case "text":
            return part.text.text
        case "image":
            return "[image]"
        case "file":
            return f"[file: {part.file.name}]"
        case "tool_call":
            return f"[called the tool {part.tool_call.name} with {part.tool_call.arguments}]"
        case "tool_result":
            return f"[result: {json_format.MessageToJson(part.tool_result.result, indent=None)}]"
        case "citation":
            return f"[source: {part.citation.title}]"
        case _:
            return ""
