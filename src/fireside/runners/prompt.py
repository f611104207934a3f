"""What models that read text alone get of a message: its text, and short notes for the rest. Not a template.

What the adapters share of turning messages into a backend's own form; that form is theirs (`<backend>_request.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
from google.protobuf import json_format

from fireside.core.errors import InvalidArgumentError
from fireside.gen.v1 import message_pb2

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fireside.gen.v1 import generation_pb2

ROLES = {
    message_pb2.ROLE_SYSTEM: "system",
    message_pb2.ROLE_USER: "user",
    message_pb2.ROLE_ASSISTANT: "assistant",
    message_pb2.ROLE_TOOL: "tool",
}
_NO_PARAMETERS = msgspec.Raw(b'{"type":"object","properties":{}}')


def clean(text: str) -> str:
    """The text without what a tokenizer or a store chokes on: NUL and lone surrogates."""
    if text.isascii() and "\0" not in text:
        return text
    return text.replace("\0", "").encode("utf-8", "ignore").decode("utf-8")


def role_of(message: message_pb2.Message) -> str:
    """The name that every backend has for who wrote it."""
    return ROLES.get(message.role, "user")


def text_of(message: message_pb2.Message) -> str:
    """The message as text, its parts a paragraph each."""
    return clean("\n\n".join(filter(None, (part_text(part) for part in message.parts))))


def part_text(part: message_pb2.Part) -> str:
    """The part as text; in brackets what it is, when it is not text. Reasoning is left out, as models expect."""
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


def result_text(part: message_pb2.ToolResultPart) -> str:
    """What a tool returned: text as it is, anything else as JSON."""
    if part.result.WhichOneof("kind") == "string_value":
        return clean(part.result.string_value)
    return clean(json_format.MessageToJson(part.result, indent=None, ensure_ascii=False))


@dataclass(frozen=True, slots=True)
class Calls:
    """The tool calls of a history that have a result, by id. Backends refuse calls and results that stand alone."""

    answered: dict[str, message_pb2.ToolCallPart]

    @classmethod
    def of(cls, messages: Sequence[message_pb2.Message]) -> Calls:
        """Finds them."""
        parts = [part for message in messages for part in message.parts]
        results = {part.tool_result.tool_call_id for part in parts if part.HasField("tool_result")}
        calls = (part.tool_call for part in parts if part.HasField("tool_call"))
        return cls({call.id: call for call in calls if call.id and call.id in results})

    def has(self, part: message_pb2.Part) -> bool:
        """Whether the part is one of these calls, or the result of one."""
        return (part.HasField("tool_call") and part.tool_call.id in self.answered) or (
            part.HasField("tool_result") and part.tool_result.tool_call_id in self.answered
        )


def cut_at_results(message: message_pb2.Message, calls: Calls) -> Iterator[tuple[list[message_pb2.Part], str]]:
    """The message in pieces, since each result of a tool stands alone and what follows it begins another piece.

    A piece is a result with its call's id, or other parts (maybe none) with an empty id.
    """
    pending: list[message_pb2.Part] = []
    for part in message.parts:
        if part.HasField("tool_result") and calls.has(part):
            yield pending, ""
            yield [part], part.tool_result.tool_call_id
            pending = []
        else:
            pending.append(part)
    yield pending, ""


class Function(msgspec.Struct, frozen=True):
    """A function as OpenAI and Ollama describe it."""

    name: str
    description: str
    parameters: msgspec.Raw


class ToolEntry(msgspec.Struct, frozen=True):
    """A tool as OpenAI and Ollama describe it."""

    function: Function
    type: str = "function"


def tool_entries(tools: Sequence[generation_pb2.Tool]) -> list[ToolEntry]:
    """The tools in that form. Raises InvalidArgumentError (INVALID_TOOL) when the schema of one is no JSON object."""
    return [
        ToolEntry(Function(clean(tool.name), clean(tool.description), _schema(tool.name, tool.parameters)))
        for tool in tools
    ]


def _schema(name: str, parameters: str) -> msgspec.Raw:
    if not parameters.strip():
        return _NO_PARAMETERS
    content = clean(parameters).encode()
    try:
        msgspec.json.decode(content, type=dict[str, msgspec.Raw])
    except msgspec.MsgspecError as error:
        raise InvalidArgumentError(
            "INVALID_TOOL", f"The parameters of the tool {name} are not a JSON object ({error}).", tool=name
        ) from error
    return msgspec.Raw(content)
