"""The runner for SGLang's gRPC server (sglang.runtime.v1): OpenAI's requests and events, carried by gRPC instead of HTTP.

Leaving an answer calls Abort. Dropping the stream alone leaves the engine at work (seen with 0.5.23): the server then
aborts an id of its own making that the engine has never heard of. So each request is given an id by us.
"""

from __future__ import annotations

import asyncio
import uuid
from contextlib import aclosing
from http import HTTPStatus
from typing import TYPE_CHECKING

import msgspec

from fireside.core.errors import FiresideError, UnavailableError
from fireside.gen.dialect.v1 import sglang_pb2 as pb
from fireside.runners.base import Activity, Finished, Progress, RunnerInfo
from fireside.runners.grpc.channel import Call
from fireside.runners.grpc.fleet import Fleet
from fireside.runners.http.endpoint import away
from fireside.runners.openai.models import Listed, describe
from fireside.runners.openai.request import EmbeddingRequest, chat_body
from fireside.runners.openai.wire import EventReader, embeddings, refusal, refusal_of
from fireside.runners.prompt import clean
from fireside.runners.refusals import Refusal, complete, garbage, not_offered

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from fireside.gen.v1 import model_pb2
    from fireside.runners.base import BackendOptions, Delta, Embeddings, GenerateRequest

_SERVICE = "/sglang.runtime.v1.SglangService"


class _Said(msgspec.Struct):
    """What matters of an event that may be a refusal in the flat form."""

    object: str = ""
    code: int | str | None = None


class _ServerInfo(msgspec.Struct):
    version: str = ""


class SGLangRunner:
    """The models of SGLang servers."""

    def __init__(self, options: BackendOptions) -> None:
        """Connects to nothing yet."""
        self._options = options
        self._offers: dict[str, frozenset[str]] = {}
        self._fleet = Fleet(options, self._serves)
        self._seen: tuple[model_pb2.Model, ...] = ()

    @property
    def name(self) -> str:
        """The prefix of its model ids."""
        return self._options.name

    async def info(self) -> RunnerInfo:
        """The models of all servers, or those that it was set up with; those last seen while all are away."""
        options = self._options
        found, about = await asyncio.gather(
            self._fleet.ask_all(Call(f"{_SERVICE}/ListModels", b""), pb.SglangListModelsResponse),
            self._fleet.ask_all(Call(f"{_SERVICE}/GetServerInfo", b""), pb.SglangServerInfoResponse),
        )
        problems = [answer for answer in found.values() if isinstance(answer, FiresideError)]
        listings = {place: answer for place, answer in found.items() if not isinstance(answer, FiresideError)}
        if not listings:
            return away(problems[0], self._seen or describe(options.name, (), options.models)[0])
        self._offers |= {place: frozenset(card.id for card in answer.models) for place, answer in listings.items()}
        entries = [
            Listed(card.id, max_model_len=card.max_model_len) for answer in listings.values() for card in answer.models
        ]
        self._seen, _ = describe(options.name, entries, options.models)
        versions = [_version(answer) for answer in about.values() if not isinstance(answer, FiresideError)]
        version = " ".join(["SGLang", *filter(None, versions[:1])])
        if problems:
            version += f" ({len(listings)} of {len(found)} servers answer)"
        hint = "" if self._seen else f"The runner {options.name} answers, but lists no models: name them here."
        return RunnerInfo(self._seen, hint, version=version)

    async def generate(self, request: GenerateRequest) -> AsyncGenerator[Delta]:
        """Runs the model; see the seam, and refusals.py and grpc/errors.py for the errors."""
        self._check(request.model)
        yield Progress(Activity.PREFILLING)
        request_id = uuid.uuid4().hex
        body = chat_body(request)[:-1] + f',"rid":"{request_id}"}}'.encode()
        payload = pb.SglangOpenAIRequest(json_body=body).SerializeToString()
        call = Call(f"{_SERVICE}/ChatComplete", payload, request.deadline)
        abort = Call(f"{_SERVICE}/Abort", pb.SglangAbortRequest(rid=request_id).SerializeToString())
        reader = EventReader(request.model)
        end: Finished | None = None
        try:
            async with aclosing(self._fleet.stream(request.model, request.session, call, abort)) as payloads:
                async for message in payloads:
                    chunk = self._fleet.parse(pb.SglangOpenAIStreamChunk, message)
                    event = chunk.json_chunk.replace(b"\n", b" ")
                    if chunk.finished and event:
                        _check_refusal(event, request.model)
                    lines = (b"data:" + event + b"\n" if event else b"") + (b"data:[DONE]\n" if chunk.finished else b"")
                    for delta in reader.feed(lines):
                        if isinstance(delta, Finished):
                            end = delta
                        else:
                            yield delta
        except UnavailableError as error:
            raise _better(error, request.model) from error
        # Who has the end leaves: the call must have ended by then, or it would be aborted.
        if end is None:
            raise garbage("it ended too early")
        yield end

    async def embed(self, model: str, texts: Sequence[str]) -> Embeddings:
        """Turns texts into vectors; see the seam."""
        self._check(model)
        body = msgspec.json.encode(EmbeddingRequest(model, [clean(text) for text in texts]))
        payload = pb.SglangOpenAIRequest(json_body=body).SerializeToString()
        answer = await self._fleet.unary(model, Call(f"{_SERVICE}/OpenAIEmbed", payload), pb.SglangOpenAIResponse)
        if answer.status_code != HTTPStatus.OK:
            raise refusal_of(answer.status_code, answer.json_body, model).embedding_error()
        return complete(embeddings(answer.json_body), texts)

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._fleet.aclose()

    def _check(self, model: str) -> None:
        if self._options.models and model not in self._options.models:
            raise not_offered(model)

    def _serves(self, address: str, model: str) -> bool:
        offer = self._offers.get(address)
        return offer is None or model in offer


def _check_refusal(event: bytes, model: str) -> None:
    """Raises what the one event of a request that was refused says: it has the form of an HTTP error's body."""
    try:
        said = msgspec.json.decode(event, type=_Said)
    except msgspec.MsgspecError:
        return  # the reader says what is wrong with it
    if said.object == "error":
        raise refusal(said.code if isinstance(said.code, int) else HTTPStatus.BAD_REQUEST, event, model)


def _better(error: UnavailableError, model: str) -> FiresideError:
    """A more telling error, where the words of an INTERNAL one say that the request was at fault."""
    if error.reason != "RUNNER_FAILED":
        return error
    # No HTTP status: only the words count.
    told = Refusal(499, error.message, model=model).error()
    return error if isinstance(told, UnavailableError) else told


def _version(answer: pb.SglangServerInfoResponse) -> str:
    try:
        return msgspec.json.decode(answer.json_info, type=_ServerInfo).version
    except msgspec.MsgspecError:
        return ""
