"""A chat as the Open Inference Protocol has it, in the shape of vLLM's Triton backend: tensors out, tensors in. No I/O.

The protocol knows no messages, so the prompt is a transcript: what the system says, then a paragraph for each message,
and the model goes on after `Assistant:`

    You are helpful.

    User: Hi

    Assistant: Hello!

    User: Bye

    Assistant:

A model that goes on with the user's part is stopped there.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from fireside.gen.dialect.v1 import triton_pb2 as pb
from fireside.gen.v1 import message_pb2
from fireside.runners.base import Finish, Finished, Text
from fireside.runners.prompt import text_of
from fireside.runners.refusals import garbage

if TYPE_CHECKING:
    from collections.abc import Collection

    from fireside.runners.base import Delta, GenerateRequest

_SPEAKERS = {
    message_pb2.ROLE_USER: "User: ",
    message_pb2.ROLE_ASSISTANT: "Assistant: ",
    message_pb2.ROLE_TOOL: "Tool: ",
}
_STOP = ("\n\nUser:", "\nUser:")
# vLLM's own default of 16 tokens is no answer.
_MAX_TOKENS = 1024
TEXT_INPUT = "text_input"
# Inputs that newer backends take; those that do not would refuse the request.
FINISH, PROMPT_COUNT, COUNT = "return_finish_reason", "return_num_input_tokens", "return_num_output_tokens"
_EXTRAS = (FINISH, PROMPT_COUNT, COUNT)


class _Sampling(msgspec.Struct, frozen=True, omit_defaults=True):
    """vLLM's SamplingParams, as JSON."""

    max_tokens: int
    stop: tuple[str, ...]
    temperature: float | None = None
    top_p: float | None = None
    seed: int | None = None


def prompt_of(request: GenerateRequest) -> str:
    """The transcript."""
    paragraphs = [_SPEAKERS.get(message.role, "") + text for message in request.messages if (text := text_of(message))]
    if goes_on(request):
        return "\n\n".join(paragraphs)
    return "\n\n".join([*paragraphs, "Assistant:"])


def goes_on(request: GenerateRequest) -> bool:
    """Whether the answer goes on from the text of the last message."""
    last = request.messages[-1] if request.messages else message_pb2.Message()
    return last.role == message_pb2.ROLE_ASSISTANT and bool(text_of(last))


def infer_request(request: GenerateRequest, request_id: str, inputs: Collection[str]) -> bytes:
    """A serialised ModelInferRequest. `inputs` are the names of those that the model takes, empty if that is not known."""
    sampling = request.sampling
    parameters = _Sampling(
        max_tokens=sampling.max_tokens if sampling.HasField("max_tokens") else _MAX_TOKENS,
        stop=(*_STOP, *sampling.stop),
        temperature=sampling.temperature if sampling.HasField("temperature") else None,
        top_p=sampling.top_p if sampling.HasField("top_p") else None,
        seed=sampling.seed if sampling.HasField("seed") else None,
    )
    tensors = [
        _bytes(TEXT_INPUT, prompt_of(request).encode()),
        _switch("stream"),
        _bytes("sampling_parameters", msgspec.json.encode(parameters)),
        *(_switch(name) for name in _EXTRAS if name in inputs),
    ]
    return pb.TritonInferRequest(
        model_name=request.model,
        id=request_id,
        inputs=tensors,
    ).SerializeToString()


def _bytes(name: str, value: bytes) -> pb.TritonTensor:
    contents = pb.TritonTensorContents(bytes_contents=[value])
    return pb.TritonTensor(name=name, datatype="BYTES", shape=[1], contents=contents)


def _switch(name: str) -> pb.TritonTensor:
    contents = pb.TritonTensorContents(bool_contents=[True])
    return pb.TritonTensor(name=name, datatype="BOOL", shape=[1], contents=contents)


@dataclass(slots=True)
class Reader:
    """Turns the responses of one answer into deltas."""

    continues: bool
    _any: bool = False
    _begun: bool = False
    _reason: str = ""
    _prompt_tokens: int = 0
    _tokens: int = 0

    def feed(self, response: pb.TritonInferResponse) -> list[Delta]:
        """The deltas of a response. Raises UnavailableError (RUNNER_FAILED) for one that is not understood."""
        self._any = True
        outputs = _outputs(response)
        text = b"".join(outputs.get("text_output", ())).decode("utf-8", "replace").replace("\0", "")
        # A model that answers a transcript begins with the space after the colon.
        if not self._begun and not self.continues:
            text = text.lstrip()
        self._begun = self._begun or bool(text)
        for value in outputs.get("finish_reason", ()):
            self._reason = value.decode(errors="replace")
        self._prompt_tokens = _number(outputs, "num_input_tokens") or self._prompt_tokens
        self._tokens += _number(outputs, "num_output_tokens")
        return [Text(text)] if text else []

    def finished(self) -> Finished:
        """The end, once there are no more responses. Counts are 0 where the model does not say.

        Raises UnavailableError (RUNNER_FAILED) when there was none at all.
        """
        if not self._any:
            raise garbage("it is empty")
        finish = Finish.LENGTH if self._reason == "length" else Finish.COMPLETE
        return Finished(finish, self._prompt_tokens, self._tokens)


def _outputs(response: pb.TritonInferResponse) -> dict[str, list[bytes]]:
    """The elements of each output, BYTES as they are and numbers as their four bytes."""
    found: dict[str, list[bytes]] = {}
    raw = list(response.raw_output_contents)
    for number, tensor in enumerate(response.outputs):
        if number < len(raw):
            found[tensor.name] = _elements(raw[number]) if tensor.datatype == "BYTES" else [raw[number]]
        else:
            numbers = [struct.pack("<I", value) for value in tensor.contents.uint_contents]
            found[tensor.name] = [*tensor.contents.bytes_contents, *numbers]
    return found


def _elements(raw: bytes) -> list[bytes]:
    elements: list[bytes] = []
    at = 0
    while at < len(raw):
        if at + 4 > len(raw):
            raise garbage("a tensor is cut off")
        (size,) = struct.unpack_from("<I", raw, at)
        at += 4 + size
        if at > len(raw):
            raise garbage("a tensor is cut off")
        elements.append(raw[at - size : at])
    return elements


def _number(outputs: dict[str, list[bytes]], name: str) -> int:
    values = outputs.get(name)
    return int.from_bytes(values[0][:4], "little") if values else 0
