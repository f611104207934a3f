"""The runner for any server that speaks OpenAI's chat protocol: vLLM, llama.cpp, LM Studio, OpenRouter. Not a client SDK.

Answers come as server-sent events (wire.py). Leaving an answer closes its connection, and servers stop then.
"""

from __future__ import annotations

from contextlib import aclosing
from http import HTTPStatus
from typing import TYPE_CHECKING

import msgspec

from fireside.core.errors import FiresideError
from fireside.runners.base import Activity, Embeddings, Progress, RunnerInfo
from fireside.runners.http.endpoint import Endpoint, away, base_url, has_version
from fireside.runners.openai.models import LLAMA, describe, listed
from fireside.runners.openai.request import CONTINUE, MAX_COMPLETION_TOKENS, STREAM_OPTIONS, EmbeddingRequest, chat_body
from fireside.runners.openai.wire import EventReader, embeddings, refusal, refusal_of
from fireside.runners.prompt import clean
from fireside.runners.refusals import complete, not_offered, retry_after

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from fireside.gen.v1 import model_pb2
    from fireside.runners.base import BackendOptions, Delta, GenerateRequest
    from fireside.runners.http.stream import StreamedResponse

_PASTED = ("/chat/completions", "/models", "/embeddings")
_OPTIONAL = (STREAM_OPTIONS, CONTINUE, MAX_COMPLETION_TOKENS)
_UNKNOWN_FIELD = (HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY)
_INFO_SECONDS = 10.0
# A processor takes its time for many texts; whoever manages the runner has a limit of its own.
_EMBED_SECONDS = 600.0
# Some servers take no more than 256 in one request.
_TEXTS_AT_ONCE = 128


class OpenAIRunner:
    """The models of one base URL, with or without `/v1`."""

    def __init__(self, options: BackendOptions) -> None:
        """Connects to nothing. Uses the first address."""
        self._options = options
        base = base_url(options.addresses[0], _PASTED)
        self._http = Endpoint(options, base if has_version(base) else f"{base}/v1")
        self._seen: tuple[model_pb2.Model, ...] = ()
        # Optional fields that the server does not know, by model for those that depend on it.
        self._without: set[tuple[str, str]] = set()
        self._is_llama = False

    @property
    def name(self) -> str:
        """The prefix of its model ids."""
        return self._options.name

    async def info(self) -> RunnerInfo:
        """What the server lists, or the models that it was set up with; those last seen while it is away."""
        options = self._options
        try:
            status, body = await self._http.call("/models", limit=_INFO_SECONDS)
            if status == HTTPStatus.OK:
                models, version = describe(options.name, listed(body), options.models)
            elif options.models and status in (HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED):
                models, version = describe(options.name, (), options.models)
            else:
                raise refusal(status, body)
        except FiresideError as error:
            return away(error, self._seen or describe(options.name, (), options.models)[0])
        self._seen = models
        self._is_llama = version == LLAMA
        hint = "" if models else f"The runner {options.name} answers, but lists no models: load one, or name them here."
        return RunnerInfo(models, hint=hint, version=version)

    async def generate(self, request: GenerateRequest) -> AsyncGenerator[Delta]:
        """Runs the model; see the seam and refusals.py for the errors."""
        self._check(request.model)
        yield Progress(Activity.PREFILLING)
        response = await self._ask(request)
        reader = EventReader(request.model)
        if response.content_type == "application/json":
            # It does not stream: the whole answer is like one event.
            try:
                whole = await self._http.body(response)
            finally:
                response.close()
            for delta in reader.feed(b"data:" + whole.replace(b"\n", b" ") + b"\ndata: [DONE]\n"):
                yield delta
            return
        async with aclosing(self._http.items(response, reader)) as deltas:
            async for delta in deltas:
                yield delta

    async def embed(self, model: str, texts: Sequence[str]) -> Embeddings:
        """Turns texts into vectors; see the seam."""
        self._check(model)
        batches = [texts[start : start + _TEXTS_AT_ONCE] for start in range(0, len(texts), _TEXTS_AT_ONCE)]
        found = [await self._embed(model, batch) for batch in batches]
        vectors = tuple(vector for batch in found for vector in batch.vectors)
        return Embeddings(vectors, sum(batch.prompt_tokens for batch in found))

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._http.aclose()

    async def _embed(self, model: str, texts: Sequence[str]) -> Embeddings:
        body = msgspec.json.encode(EmbeddingRequest(model, [clean(text) for text in texts]))
        status, answer = await self._http.call("/embeddings", body, _EMBED_SECONDS)
        if status != HTTPStatus.OK:
            raise refusal_of(status, answer, model).embedding_error()
        return complete(embeddings(answer), texts)

    def _check(self, model: str) -> None:
        if self._options.models and model not in self._options.models:
            raise not_offered(model)

    async def _ask(self, request: GenerateRequest) -> StreamedResponse:
        """The response to the request, asked again without a field that the server says it does not know."""
        while True:
            without = {field for field, model in self._without if model in {"", request.model}}
            response = await self._http.post("/chat/completions", chat_body(request, without, llama=self._is_llama))
            if response.status == HTTPStatus.OK:
                return response
            try:
                body = await self._http.body(response)
            finally:
                response.close()
            unknown = [field for field in _OPTIONAL if field not in without and field.encode() in body]
            if response.status not in _UNKNOWN_FIELD or not unknown:
                raise refusal(response.status, body, request.model, retry_after(response.headers))
            self._without.update((field, request.model if field == MAX_COMPLETION_TOKENS else "") for field in unknown)
