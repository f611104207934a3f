"""A server of the Open Inference Protocol with the scripted runner, made with tritonclient's own stubs. Not Triton.

It does what vLLM's backend for Triton does (triton-inference-server/vllm_backend, src/utils/request.py): a model is
named by its script. As in Triton, a cancelled stream cancels its requests.
"""

from __future__ import annotations

import asyncio
import json
import struct
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
import grpc.aio
from tritonclient.grpc import service_pb2, service_pb2_grpc

from fireside.core.errors import FiresideError
from fireside.gen.v1 import generation_pb2, message_pb2
from fireside.runners.base import Finished, GenerateRequest, Text
from fireside.runners.scripted.runner import ScriptedRunner, parse

MODELS = ("tokens=8", "tokens=100000,pace=1ms", "first=1000s")
NEW = ("return_finish_reason", "return_num_input_tokens", "return_num_output_tokens")


@dataclass
class TritonServer(service_pb2_grpc.GRPCInferenceServiceServicer):  # type: ignore[misc] # it has no types
    """The servicer. `prompts` and `parameters` are what was asked; `extras` are the newer inputs that it takes."""

    extras: tuple[str, ...] = NEW
    raw: bool = True
    indexed: bool = True
    address: str = ""
    prompts: list[str] = field(default_factory=list)
    parameters: list[dict[str, Any]] = field(default_factory=list)
    running: int = 0
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    idle: asyncio.Event = field(default_factory=asyncio.Event)

    async def ServerMetadata(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's name
        return service_pb2.ServerMetadataResponse(name="triton", version="2.61.0")

    async def ModelReady(self, request: Any, context: Any) -> Any:  # noqa: N802
        return service_pb2.ModelReadyResponse(ready=request.name in MODELS)

    async def RepositoryIndex(self, request: Any, context: Any) -> Any:  # noqa: N802
        if not self.indexed:
            await context.abort(grpc.StatusCode.UNIMPLEMENTED, "no index here")
        index = service_pb2.RepositoryIndexResponse()
        for name in (*MODELS, "resnet50"):
            index.models.add(name=name, version="1", state="READY")
        index.models.add(name="broken", version="1", state="UNAVAILABLE", reason="no memory")
        return index

    async def ModelMetadata(self, request: Any, context: Any) -> Any:  # noqa: N802
        metadata = service_pb2.ModelMetadataResponse(name=request.name, platform="vllm")
        if request.name == "resnet50":
            metadata.inputs.add(name="input", datatype="FP32", shape=[3, 224, 224])
            return metadata
        try:
            parse(request.name)
        except FiresideError:
            unknown = f"Request for unknown model: '{request.name}' is not found"
            await context.abort(grpc.StatusCode.UNAVAILABLE, unknown)
        for name in ("text_input", "stream", "sampling_parameters", *self.extras):
            metadata.inputs.add(name=name, datatype="BYTES", shape=[1])
        return metadata

    async def ModelStreamInfer(self, requests: AsyncIterator[Any], context: Any) -> AsyncGenerator[Any]:  # noqa: N802
        async for request in requests:
            self.running += 1
            self.begun.set()
            self.idle.clear()
            try:
                async with aclosing(self._answer(request)) as responses:
                    async for response in responses:
                        yield response
            finally:
                self.running -= 1
                if not self.running:
                    self.idle.set()

    async def _answer(self, request: Any) -> AsyncGenerator[Any]:
        inputs = {tensor.name: tensor.contents for tensor in request.inputs}
        unknown = set(inputs) - {"text_input", "stream", "sampling_parameters", *self.extras}
        if unknown:
            yield service_pb2.ModelStreamInferResponse(error_message=f"unexpected inference input '{min(unknown)}'")
            return
        assert inputs["stream"].bool_contents[0]
        prompt = inputs["text_input"].bytes_contents[0].decode()
        parameters = json.loads(inputs["sampling_parameters"].bytes_contents[0])
        self.prompts.append(prompt)
        self.parameters.append(parameters)
        if len(prompt) > 1_000_000:
            told = "The decoder prompt (length 250000) is longer than the maximum model length of 4096."
            yield service_pb2.ModelStreamInferResponse(error_message=told)
            return
        try:
            async with aclosing(
                ScriptedRunner().generate(request_of(request.model_name, prompt, parameters))
            ) as deltas:
                # A model that answers a transcript begins with a space, one that goes on with a text does not.
                first = prompt.endswith("Assistant:")
                async for delta in deltas:
                    if isinstance(delta, Text):
                        yield self._response(request, (" " if first else "") + delta.text, tokens=1)
                        first = False
                    elif isinstance(delta, Finished):
                        reason = "length" if delta.finish.value == "length" else "stop"
                        yield self._response(request, "", reason=reason, prompt_tokens=delta.prompt_tokens, final=True)
        except FiresideError as error:
            yield service_pb2.ModelStreamInferResponse(error_message=f"Error generating stream: {error.message}")

    def _response(self, request: Any, text: str, **said: Any) -> Any:
        response = service_pb2.ModelInferResponse(model_name=request.model_name, id=request.id)
        self._add(response, "text_output", text.encode())
        if "return_finish_reason" in self.extras:
            self._add(response, "finish_reason", str(said.get("reason")).encode())
        if "return_num_input_tokens" in self.extras:
            self._add(response, "num_input_tokens", said.get("prompt_tokens", 0))
        if "return_num_output_tokens" in self.extras:
            self._add(response, "num_output_tokens", said.get("tokens", 0))
        response.parameters["triton_final_response"].bool_param = said.get("final", False)
        return service_pb2.ModelStreamInferResponse(infer_response=response)

    def _add(self, response: Any, name: str, value: bytes | int) -> None:
        is_text = isinstance(value, bytes)
        tensor = response.outputs.add(name=name, datatype="BYTES" if is_text else "UINT32", shape=[1])
        if self.raw:
            packed = struct.pack("<I", len(value)) + value if is_text else struct.pack("<I", value)
            response.raw_output_contents.append(packed)
        elif is_text:
            tensor.contents.bytes_contents.append(value)
        else:
            tensor.contents.uint_contents.append(value)


def request_of(model: str, prompt: str, parameters: dict[str, Any]) -> GenerateRequest:
    """The request for the scripted runner, from a transcript as Fireside writes it."""
    assert "\n\nUser:" in parameters["stop"]
    messages = []
    for paragraph in prompt.split("\n\n"):
        speaker, _, text = paragraph.partition(": ")
        roles = {"User": message_pb2.ROLE_USER, "Assistant": message_pb2.ROLE_ASSISTANT}
        if paragraph != "Assistant:":
            part = message_pb2.Part(text=message_pb2.TextPart(text=text if speaker in roles else paragraph))
            messages.append(message_pb2.Message(role=roles.get(speaker, message_pb2.ROLE_SYSTEM), parts=[part]))
    sampling = generation_pb2.SamplingOptions(max_tokens=parameters["max_tokens"])
    return GenerateRequest(model, tuple(messages), sampling)


@asynccontextmanager
async def triton_server(**settings: Any) -> AsyncGenerator[TritonServer]:
    """A server in this loop; `settings` are TritonServer's."""
    servicer = TritonServer(**settings)
    server = grpc.aio.server()
    service_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(servicer, server)
    servicer.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    try:
        yield servicer
    finally:
        await server.stop(None)
