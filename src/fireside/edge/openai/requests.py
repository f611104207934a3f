"""What OpenAI's clients send, as msgspec structs, and their decoding. Keys that are not named here are ignored.

Types and the limits of number types are here; what Fireside allows beyond that is in asking.py.
"""

from __future__ import annotations

import re
from typing import Annotated, TypeVar

import msgspec

from fireside.core.errors import FieldViolation, InvalidArgumentError

T = TypeVar("T")

_WHERE = re.compile(r" - at `\$\.?(?P<path>[^`]*)`$")
_MISSING = re.compile(r"Object missing required field `(?P<name>[^`]*)`")

Tokens = Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]
Seed = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]


class ImageUrl(msgspec.Struct, frozen=True):
    """A picture, by value: `data:image/png;base64,...`."""

    url: str


class ContentPart(msgspec.Struct, frozen=True):
    """One piece of a message: `text`, `image_url`, or in a model's own message `refusal`."""

    type: str
    text: str = ""
    image_url: ImageUrl | str = ""
    refusal: str = ""


class CalledFunction(msgspec.Struct, frozen=True):
    """A function that a model wanted called; `arguments` is JSON text."""

    name: str
    arguments: str = ""


class ToolCall(msgspec.Struct, frozen=True):
    """A call that a model asked for."""

    id: str
    function: CalledFunction


class ChatMessage(msgspec.Struct, frozen=True):
    """One message of the history."""

    role: str
    content: str | list[ContentPart] | None = None
    reasoning_content: str | None = None
    tool_calls: list[ToolCall] | None = None
    tool_call_id: str | None = None


class FunctionDefinition(msgspec.Struct, frozen=True):
    """A function that the model may ask for; `parameters` is a JSON Schema."""

    name: str
    description: str | None = None
    parameters: msgspec.Raw = msgspec.Raw(b"null")


class ToolDefinition(msgspec.Struct, frozen=True):
    """A tool of the type `function`."""

    function: FunctionDefinition
    type: str = "function"


class StreamOptions(msgspec.Struct, frozen=True):
    """What a stream says besides the answer."""

    include_usage: bool | None = None


class ResponseFormat(msgspec.Struct, frozen=True):
    """The form of the answer; only `text` is there."""

    type: str = "text"


class ChatRequest(msgspec.Struct, frozen=True):
    """The body of POST /v1/chat/completions."""

    model: str
    messages: Annotated[list[ChatMessage], msgspec.Meta(min_length=1, max_length=4096)]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: Tokens | None = None
    max_completion_tokens: Tokens | None = None
    temperature: float | None = None
    top_p: float | None = None
    seed: Seed | None = None
    stop: str | list[str] | None = None
    tools: Annotated[list[ToolDefinition], msgspec.Meta(max_length=256)] | None = None
    tool_choice: msgspec.Raw = msgspec.Raw(b"null")
    response_format: ResponseFormat | None = None
    n: int | None = None
    logprobs: bool | None = None
    store: bool | None = None
    metadata: dict[str, str] | None = None


class EmbeddingsRequest(msgspec.Struct, frozen=True):
    """The body of POST /v1/embeddings. Lists of numbers, which are tokens, are decoded to be refused by name."""

    model: str
    input: str | list[str | int | list[int]]
    encoding_format: str | None = None
    dimensions: int | None = None


chat_requests = msgspec.json.Decoder(ChatRequest)
embeddings_requests = msgspec.json.Decoder(EmbeddingsRequest)


def decode(decoder: msgspec.json.Decoder[T], body: bytes) -> T:
    """Raises InvalidArgumentError that names the wrong field."""
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise _wrong(str(error)) from error
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidArgumentError(
            "MALFORMED_REQUEST", f"The body of the request is not JSON as this call takes it: {error}."
        ) from error


def _wrong(text: str) -> InvalidArgumentError:
    where = _WHERE.search(text)
    missing = _MISSING.match(text)
    parent = where["path"] if where else ""
    what = text[: where.start()] if where else text
    if missing:
        path = f"{parent}.{missing['name']}" if parent else missing["name"]
        what = "it is missing"
    else:
        path = parent
    return wrong_field(path, what)


def wrong_field(path: str, what: str) -> InvalidArgumentError:
    """The error for one field, such as `messages[0].content`; an empty path is the body itself."""
    violations = (FieldViolation(path, what),) if path else ()
    return InvalidArgumentError("INVALID_REQUEST", f"{path or 'the body'}: {what}", violations=violations)
