"""The runner for the Open Inference Protocol as Triton serves it (ModelStreamInfer), in the shape of vLLM's backend.

Leaving an answer cancels its stream; Triton cancels the request then, and vLLM's backend aborts it at its next token.
What becomes of messages is in wire.py. Models without a `text_input` are not listed: they are no chat models.
"""

from __future__ import annotations

import asyncio
import re
import uuid
from contextlib import aclosing
from typing import TYPE_CHECKING

from fireside.core.errors import FiresideError, UnavailableError
from fireside.gen.dialect.v1 import triton_pb2 as pb
from fireside.gen.v1 import model_pb2
from fireside.runners.base import Activity, Progress, RunnerInfo
from fireside.runners.grpc.channel import Call
from fireside.runners.grpc.fleet import Fleet
from fireside.runners.http.endpoint import away
from fireside.runners.refusals import Refusal, not_an_embedding_model, not_offered
from fireside.runners.triton.wire import TEXT_INPUT, Reader, goes_on, infer_request

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from fireside.runners.base import BackendOptions, Delta, Embeddings, GenerateRequest

_SERVICE = "/inference.GRPCInferenceService"
_TOO_LONG = re.compile(r"maximum model length", re.IGNORECASE)
_NO_MODEL = re.compile(r"unknown model|is not found|not ready|failed to load|no version", re.IGNORECASE)


class TritonRunner:
    """The text models of Triton servers."""

    def __init__(self, options: BackendOptions) -> None:
        """Connects to nothing yet."""
        self._options = options
        self._offers: dict[str, frozenset[str]] = {}
        self._fleet = Fleet(options, self._serves)
        # What a model takes, by its name: it does not change while the server runs.
        self._inputs: dict[str, frozenset[str]] = {}
        self._seen: tuple[model_pb2.Model, ...] = ()

    @property
    def name(self) -> str:
        """The prefix of its model ids."""
        return self._options.name

    async def info(self) -> RunnerInfo:
        """The models of all servers that are ready, or those that it was set up with; UNAVAILABLE ones say why."""
        about = await self._fleet.ask_all(Call(f"{_SERVICE}/ServerMetadata", b""), pb.TritonServerMetadataResponse)
        problems = [answer for answer in about.values() if isinstance(answer, FiresideError)]
        if len(problems) == len(about):
            return away(problems[0], self._seen or [self._model(name) for name in self._options.models])
        places = [place for place, answer in about.items() if not isinstance(answer, FiresideError)]
        listings = await asyncio.gather(*map(self._list, places))
        self._offers |= dict(zip(places, map(frozenset, listings), strict=True))
        found: dict[str, str] = {}
        for listing in listings:
            for name, problem in listing.items():
                found[name] = problem and found.get(name, problem)
        wanted = self._options.models or tuple(found)
        absent = f"None of the servers of {self.name} has this model."
        self._seen = tuple(self._model(name, found.get(name, absent)) for name in wanted)
        first = next(answer for answer in about.values() if not isinstance(answer, FiresideError))
        version = f"{first.name} {first.version}".strip()
        if problems:
            version += f" ({len(places)} of {len(about)} servers answer)"
        hint = "" if self._seen else f"The runner {self.name} answers, but has no model with a {TEXT_INPUT}."
        return RunnerInfo(self._seen, hint, version=version)

    async def generate(self, request: GenerateRequest) -> AsyncGenerator[Delta]:
        """Runs the model; see the seam, and refusals.py and grpc/errors.py for the errors."""
        if self._options.models and request.model not in self._options.models:
            raise not_offered(request.model)
        yield Progress(Activity.PREFILLING)
        inputs = await self._inputs_of(request.model)
        payload = infer_request(request, uuid.uuid4().hex, inputs)
        call = Call(f"{_SERVICE}/ModelStreamInfer", payload, request.deadline, duplex=True)
        reader = Reader(goes_on(request))
        try:
            async with aclosing(self._fleet.stream(request.model, request.session, call)) as payloads:
                async for message in payloads:
                    response = self._fleet.parse(pb.TritonStreamResponse, message)
                    if response.error_message:
                        raise _refusal(response.error_message, request.model)
                    for delta in reader.feed(response.infer_response):
                        yield delta
        except UnavailableError as error:
            raise _better(error, request.model) from error
        yield reader.finished()

    async def embed(self, model: str, texts: Sequence[str]) -> Embeddings:
        """Raises InvalidArgumentError (NOT_AN_EMBEDDING_MODEL): the protocol has no agreed way to ask for vectors."""
        del texts
        raise not_an_embedding_model(model)

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._fleet.aclose()

    async def _list(self, place: str) -> dict[str, str]:
        """The text models of a server, and what is wrong with each, empty if nothing is."""
        asked = pb.TritonRepositoryIndexRequest().SerializeToString()
        index = await self._fleet.ask(
            place, Call(f"{_SERVICE}/RepositoryIndex", asked), pb.TritonRepositoryIndexResponse
        )
        if isinstance(index, FiresideError):
            # The index is an extension; servers without it are asked for each model that is known.
            return {
                name: problem for name in self._options.models if (problem := await self._unready(place, name)) != "-"
            }
        found: dict[str, str] = {}
        for model in index.models:
            ready = model.state in {"READY", ""}
            if ready and not await self._takes_text(place, model.name):
                continue
            if ready or model.name in self._options.models:
                found[model.name] = "" if ready else model.reason or f"The model is {model.state}."
        return found

    async def _unready(self, place: str, name: str) -> str:
        """Why a model is not ready, empty if it is, `-` if there is none."""
        asked = pb.TritonModelReadyRequest(name=name).SerializeToString()
        answer = await self._fleet.ask(place, Call(f"{_SERVICE}/ModelReady", asked), pb.TritonModelReadyResponse)
        if isinstance(answer, FiresideError):
            return "-"
        return "" if answer.ready else "The model is not ready."

    async def _takes_text(self, place: str, name: str) -> bool:
        if name not in self._inputs:
            asked = pb.TritonModelMetadataRequest(name=name).SerializeToString()
            call = Call(f"{_SERVICE}/ModelMetadata", asked)
            answer = await self._fleet.ask(place, call, pb.TritonModelMetadataResponse)
            if isinstance(answer, FiresideError):
                return True
            self._inputs[name] = frozenset(tensor.name for tensor in answer.inputs)
        return TEXT_INPUT in self._inputs[name]

    async def _inputs_of(self, model: str) -> frozenset[str]:
        """The names of the inputs; empty where the server does not tell."""
        if model not in self._inputs:
            asked = pb.TritonModelMetadataRequest(name=model).SerializeToString()
            try:
                call = Call(f"{_SERVICE}/ModelMetadata", asked)
                answer = await self._fleet.unary(model, call, pb.TritonModelMetadataResponse)
            except UnavailableError as error:
                better = _better(error, model)
                if better is not error or error.reason != "RUNNER_FAILED":
                    raise better from error
                return frozenset()
            self._inputs[model] = frozenset(tensor.name for tensor in answer.inputs)
        return self._inputs[model]

    def _model(self, name: str, problem: str = "") -> model_pb2.Model:
        return model_pb2.Model(
            id=f"{self.name}/{name}",
            display_name=name,
            runner=self.name,
            state=model_pb2.MODEL_STATE_UNAVAILABLE if problem else model_pb2.MODEL_STATE_READY,
            state_message=problem,
            tasks=[model_pb2.MODEL_TASK_CHAT],
        )

    def _serves(self, address: str, model: str) -> bool:
        offer = self._offers.get(address)
        return offer is None or model in offer


def _refusal(message: str, model: str) -> FiresideError:
    """The error for what the server says in a stream, or as the message of a status that says nothing."""
    if _NO_MODEL.search(message):
        return Refusal(404, f"model not found: {message}", model=model).error()
    if _TOO_LONG.search(message):
        return Refusal(413, message, model=model).error()
    # No HTTP status: only the words count.
    return Refusal(499, message, model=model).error()


def _better(error: UnavailableError, model: str) -> FiresideError:
    """A more telling error, where the server's words are."""
    if error.reason not in {"RUNNER_FAILED", "RUNNER_UNAVAILABLE"}:
        return error
    told = _refusal(error.metadata.get("detail", error.message), model)
    return error if isinstance(told, UnavailableError) else told
