"""The runner for Ollama, by its own API: loading, keep-alive, thinking, and pulling models. Not its imitation of OpenAI's.

Answers come as lines of JSON (wire.py). Leaving an answer closes its connection, and Ollama stops then.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import TYPE_CHECKING

import msgspec

from fireside.core.errors import FiresideError
from fireside.runners.base import Activity, Embeddings, Finished, Progress, RunnerInfo
from fireside.runners.http.endpoint import Endpoint, away, base_url
from fireside.runners.ollama.models import (
    RunningList,
    Shown,
    Tag,
    Tags,
    Version,
    describe,
    full_name,
    parse,
    short_names,
)
from fireside.runners.ollama.pull import PullProgress, PullReader
from fireside.runners.ollama.request import NameRequest, chat_body, embed_body
from fireside.runners.ollama.wire import LineReader, embeddings, refusal_of
from fireside.runners.refusals import complete, not_offered, retry_after

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from fireside.gen.v1 import model_pb2
    from fireside.runners.base import BackendOptions, Delta, GenerateRequest
    from fireside.runners.http.stream import StreamedResponse
    from fireside.runners.ollama.models import Running

_PASTED = ("/v1", "/api")
_INFO_SECONDS = 10.0
# Embedding may have to load the model first.
_EMBED_SECONDS = 600.0
# A model that answered so lately is in memory still: not asking saves a round trip.
_SURELY_LOADED = 30.0
_SHOWN_AT_ONCE = 4
_THINKS = "thinking"


@dataclass(frozen=True, slots=True)
class _Known:
    """Details of a model, good for as long as its digest stays."""

    digest: str
    shown: Shown


class OllamaRunner:
    """The models of one Ollama server."""

    def __init__(self, options: BackendOptions) -> None:
        """Connects to nothing. Uses the first address."""
        self._options = options
        self._http = Endpoint(options, base_url(options.addresses[0], _PASTED))
        self._known: dict[str, _Known] = {}
        self._seen: tuple[model_pb2.Model, ...] = ()
        self._answered: dict[str, float] = {}
        self._unthinking: set[str] = set()

    @property
    def name(self) -> str:
        """The prefix of its model ids."""
        return self._options.name

    async def info(self) -> RunnerInfo:
        """What the server has pulled; what it had when last seen while it is away."""
        info = await self._info()
        names = (model.id.removeprefix(f"{self.name}/") for model in info.models)
        return replace(info, other_names=short_names(names))

    async def _info(self) -> RunnerInfo:
        try:
            tags, running, version = await asyncio.gather(self._tags(), self._running(), self._version())
            await self._look_at(tags)
        except FiresideError as error:
            named = (Tag(name=name) for name in self._options.models)
            return away(error, self._seen or [describe(self.name, tag, Shown(), None) for tag in named])
        self._seen = tuple(
            describe(self.name, tag, self._shown(tag.name), running.get(full_name(tag.name))) for tag in tags
        )
        hint = (
            "" if self._seen else f"The runner {self.name} has no models yet: pull one, such as `ollama pull llama3.2`."
        )
        return RunnerInfo(self._seen, hint=hint, version=f"Ollama {version}".strip())

    async def generate(self, request: GenerateRequest) -> AsyncGenerator[Delta]:
        """Runs the model; see the seam and refusals.py for the errors."""
        self._check(request.model)
        name = full_name(request.model)
        loaded = time.monotonic() - self._answered.get(name, -_SURELY_LOADED) < _SURELY_LOADED
        if not loaded:
            loaded = name in await self._running()
        yield Progress(Activity.PREFILLING if loaded else Activity.LOADING)
        response = await self._ask(request)
        async with aclosing(self._http.items(response, LineReader(request.model))) as deltas:
            async for delta in deltas:
                if isinstance(delta, Finished):
                    self._answered[name] = time.monotonic()
                yield delta

    async def embed(self, model: str, texts: Sequence[str]) -> Embeddings:
        """Turns texts into vectors; see the seam."""
        self._check(model)
        body = embed_body(model, texts, self._options.keep_alive)
        status, answer = await self._http.call("/api/embed", body, _EMBED_SECONDS)
        if status != HTTPStatus.OK:
            raise refusal_of(status, answer, model).embedding_error()
        return complete(embeddings(answer), texts)

    async def pull(self, model: str) -> AsyncGenerator[PullProgress]:
        """Has the server fetch a model. Leaving breaks it off; pulling again goes on from there.

        Raises NotFoundError (MODEL_NOT_FOUND) for a model that the library does not have, else as `generate`.
        """
        response = await self._http.post("/api/pull", msgspec.json.encode(NameRequest(model)))
        await self._accepted(response, model)
        async with aclosing(self._http.items(response, PullReader(model))) as steps:
            async for step in steps:
                yield step
        self._known.pop(full_name(model), None)

    async def aclose(self) -> None:
        """Closes the connections. Ollama itself goes on."""
        await self._http.aclose()

    def _check(self, model: str) -> None:
        if self._options.models and full_name(model) not in map(full_name, self._options.models):
            raise not_offered(model)

    async def _ask(self, request: GenerateRequest) -> StreamedResponse:
        """The response to the request, asked again without thinking when the model turns out not to."""
        name = full_name(request.model)
        think = _THINKS in (self._shown(name).capabilities or ()) and name not in self._unthinking
        response = await self._http.post("/api/chat", chat_body(request, self._options.keep_alive, think=think))
        try:
            await self._accepted(response, request.model)
        except FiresideError as error:
            if not (think and "does not support thinking" in error.message):
                raise
            self._unthinking.add(name)
            return await self._ask(request)
        return response

    async def _accepted(self, response: StreamedResponse, model: str) -> None:
        """Returns if the response is what was asked for; else closes it and raises what it says."""
        if response.status == HTTPStatus.OK:
            return
        try:
            body = await self._http.body(response)
        finally:
            response.close()
        raise refusal_of(response.status, body, model, retry_after(response.headers)).error()

    async def _tags(self) -> list[Tag]:
        status, body = await self._http.call("/api/tags", limit=_INFO_SECONDS)
        if status != HTTPStatus.OK:
            raise refusal_of(status, body, "").error()
        tags = {full_name(tag.name): tag for tag in parse(body, Tags).models or () if tag.name}
        wanted = map(full_name, self._options.models) if self._options.models else tags
        return [tags[name] for name in dict.fromkeys(wanted) if name in tags]

    async def _running(self) -> dict[str, Running]:
        """The models in memory, by full name; none where the server does not say."""
        status, body = await self._http.call("/api/ps", limit=_INFO_SECONDS)
        if status != HTTPStatus.OK:
            return {}
        return {full_name(running.name or running.model): running for running in parse(body, RunningList).models or ()}

    async def _version(self) -> str:
        status, body = await self._http.call("/api/version", limit=_INFO_SECONDS)
        return parse(body, Version).version if status == HTTPStatus.OK else ""

    async def _look_at(self, tags: Sequence[Tag]) -> None:
        """Asks for the details of models that are new or have changed, a few at once."""
        unknown = [tag for tag in tags if self._digest(tag.name) != tag.digest]
        for start in range(0, len(unknown), _SHOWN_AT_ONCE):
            await asyncio.gather(*(self._show(tag) for tag in unknown[start : start + _SHOWN_AT_ONCE]))

    async def _show(self, tag: Tag) -> None:
        status, body = await self._http.call(
            "/api/show", msgspec.json.encode(NameRequest(tag.name)), limit=_INFO_SECONDS
        )
        # A model that was removed between the two questions is not worth failing for.
        shown = parse(body, Shown) if status == HTTPStatus.OK else Shown()
        self._known[full_name(tag.name)] = _Known(tag.digest, shown)

    def _digest(self, model: str) -> str | None:
        known = self._known.get(full_name(model))
        return known.digest if known else None

    def _shown(self, model: str) -> Shown:
        known = self._known.get(full_name(model))
        return known.shown if known else Shown()
