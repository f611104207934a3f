"""From what an OpenAI client sends to what the engine is asked: pure, and where what Fireside has not is refused.

What is allowed is declared in the proto files, for every door alike; here its paths become those of the JSON body.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING

from google.protobuf.struct_pb2 import Value

from fireside.chat.ask import Ask
from fireside.core.ids import new_id
from fireside.edge.openai.requests import wrong_field
from fireside.edge.validate import Validator
from fireside.gen.v1 import generation_pb2, message_pb2

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from google.protobuf.message import Message

    from fireside.edge.openai.requests import ChatMessage, ChatRequest, ContentPart, ToolDefinition

_ROLES = {
    "system": message_pb2.ROLE_SYSTEM,
    "developer": message_pb2.ROLE_SYSTEM,
    "user": message_pb2.ROLE_USER,
    "assistant": message_pb2.ROLE_ASSISTANT,
    "tool": message_pb2.ROLE_TOOL,
}
_DATA_URL = re.compile(r"data:(?P<type>[\w.+-]+/[\w.+-]+)(?:;[\w.+-]+=[^;,]*)*;base64,")
_TITLE_CHARACTERS = 200


class Asking:
    """The rules of the proto files, compiled once."""

    def __init__(self) -> None:
        """Raises UnknownRuleError."""
        types = (generation_pb2.SamplingOptions, generation_pb2.Tool, message_pb2.Message)
        self._validator = Validator([kind.DESCRIPTOR for kind in types])  # pyright: ignore[reportArgumentType]

    def ask(self, request: ChatRequest) -> Ask:
        """What the engine is asked. Raises InvalidArgumentError with the path of what is wrong."""
        _refuse_missing_features(request)
        spec = generation_pb2.GenerationSpec(generation_id=new_id(), model=request.model)
        spec.sampling.CopyFrom(self._sampling(request))
        if bytes(request.tool_choice) != b'"none"':
            spec.tools.extend(self._tool(index, tool) for index, tool in enumerate(request.tools or ()))
        history = tuple(self._message(index, message) for index, message in enumerate(request.messages))
        return Ask(spec, history, (request.metadata or {}).get("title", "").strip()[:_TITLE_CHARACTERS])

    def _sampling(self, request: ChatRequest) -> generation_pb2.SamplingOptions:
        stop = [request.stop] if isinstance(request.stop, str) else request.stop or []
        limit = "max_tokens" if request.max_completion_tokens is None else "max_completion_tokens"
        sampling = generation_pb2.SamplingOptions(
            temperature=request.temperature, top_p=request.top_p, seed=request.seed, stop=stop,
            max_tokens=request.max_completion_tokens or request.max_tokens,
        )  # fmt: skip
        self._check(sampling, {"max_tokens": limit})
        return sampling

    def _tool(self, index: int, definition: ToolDefinition) -> generation_pb2.Tool:
        if definition.type != "function":
            raise wrong_field(
                f"tools[{index}].type", f"there are only tools of the type function, not {definition.type!r}"
            )
        function = definition.function
        parameters = bytes(function.parameters)
        tool = generation_pb2.Tool(
            name=function.name, description=function.description or "",
            parameters="" if parameters == b"null" else parameters.decode(),
        )  # fmt: skip
        self._check(tool, prefix=f"tools[{index}].function.")
        return tool

    def _message(self, index: int, said: ChatMessage) -> message_pb2.Message:
        path = f"messages[{index}]"
        role = _ROLES.get(said.role)
        if role is None:
            raise wrong_field(f"{path}.role", f"{said.role!r} is none of {', '.join(_ROLES)}")
        parts = list(_parts_of(said, path))
        if role == message_pb2.ROLE_TOOL:
            if not said.tool_call_id:
                raise wrong_field(f"{path}.tool_call_id", "it is missing: it ties the result to a call")
            parts = [_result(said.tool_call_id, parts)]
        message = message_pb2.Message(role=role, parts=parts)
        for violation in self._validator.violations(message):
            raise wrong_field(f"{path}.content", violation.description)
        return message

    def _check(self, message: Message, names: dict[str, str] | None = None, prefix: str = "") -> None:
        for violation in self._validator.violations(message):
            field = (names or {}).get(violation.field, violation.field)
            raise wrong_field(prefix + field, violation.description)


def _refuse_missing_features(request: ChatRequest) -> None:
    """What would change the answer and is not there is refused rather than ignored."""
    if request.n not in (None, 1):
        raise wrong_field("n", "this server gives one answer to a request; send it again for another")
    if request.logprobs:
        raise wrong_field("logprobs", "this server does not give probabilities")
    if request.response_format is not None and request.response_format.type != "text":
        raise wrong_field("response_format", f"the form {request.response_format.type!r} is not there, only text")
    if bytes(request.tool_choice) not in (b"null", b'"auto"', b'"none"'):
        raise wrong_field("tool_choice", "it may be auto or none: this server cannot make a model call a tool")


def _parts_of(said: ChatMessage, path: str) -> Iterable[message_pb2.Part]:
    """Reasoning first, as it was said."""
    if said.reasoning_content:
        yield message_pb2.Part(reasoning=message_pb2.ReasoningPart(text=said.reasoning_content))
    if isinstance(said.content, str):
        yield _text(said.content)
    else:
        for index, part in enumerate(said.content or ()):
            yield _part(part, f"{path}.content[{index}]")
    for index, call in enumerate(said.tool_calls or ()):
        if said.role != "assistant":
            raise wrong_field(f"{path}.tool_calls[{index}]", "only an assistant asks for tools")
        function = call.function
        yield message_pb2.Part(
            tool_call=message_pb2.ToolCallPart(id=call.id, name=function.name, arguments=function.arguments)
        )


def _part(part: ContentPart, path: str) -> message_pb2.Part:
    match part.type:
        case "text":
            return _text(part.text)
        case "refusal":
            return _text(part.refusal)
        case "image_url":
            url = part.image_url if isinstance(part.image_url, str) else part.image_url.url
            return _image(url, f"{path}.image_url")
        case _:
            raise wrong_field(f"{path}.type", f"{part.type!r} is none of text and image_url")


def _image(url: str, path: str) -> message_pb2.Part:
    head = _DATA_URL.match(url)
    if head is None:
        raise wrong_field(path, "pictures come by value, as data:image/png;base64,...: this server fetches nothing")
    try:
        data = base64.b64decode(url[head.end() :], validate=True)
    except (binascii.Error, ValueError) as error:
        raise wrong_field(path, f"it is not base64: {error}") from error
    return message_pb2.Part(image=message_pb2.ImagePart(media_type=head["type"], data=data))


def _result(call_id: str, parts: Sequence[message_pb2.Part]) -> message_pb2.Part:
    text = "".join(part.text.text for part in parts)
    return message_pb2.Part(
        tool_result=message_pb2.ToolResultPart(tool_call_id=call_id, result=Value(string_value=text))
    )


def _text(text: str) -> message_pb2.Part:
    return message_pb2.Part(text=message_pb2.TextPart(text=text))
