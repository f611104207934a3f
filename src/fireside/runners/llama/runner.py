"""The runner for models on this machine, by llama.cpp in a child process. Not the place for prompts or history.

The child speaks HTTP on loopback (openai/wire.py). Cancelling closes the connection, which the engine notices between
two tokens or two small batches of the prompt.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from http import HTTPStatus
from importlib.util import find_spec
from typing import TYPE_CHECKING

import msgspec

from fireside.core.errors import InvalidArgumentError, NotFoundError, UnavailableError
from fireside.gen.v1 import model_pb2
from fireside.runners.base import Activity, Finished, Progress, RunnerInfo
from fireside.runners.http.stream import Origin, Pool
from fireside.runners.llama.engine import LlamaEngine, LlamaOptions, slot_context
from fireside.runners.llama.request import ChatRequest, chat_messages
from fireside.runners.llama.weight_files import KNOWN, Verdict, Weights, glance
from fireside.runners.openai.wire import EventReader, refusal

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from fireside.runners.base import Delta, Embeddings, GenerateRequest
    from fireside.runners.llama.process import Address

# What the publisher of the default model recommends.
_TEMPERATURE, _TOP_P, _TOP_K, _REPEAT_PENALTY = 0.7, 0.8, 20, 1.1
_SEED_MASK = 0xFFFF_FFFF
_CHAT_PATH = "/v1/chat/completions"


class LlamaRunner:
    """The models of this machine, `local/<model>`. Each that is used has an engine (a child process) of its own."""

    def __init__(self, options: LlamaOptions, known: Sequence[Weights] = KNOWN) -> None:
        """Starts nothing. `known` are the models it may run, the preferred one first."""
        self._options = options
        self._known = {weights.model: weights for weights in known}
        self._engines: dict[str, LlamaEngine] = {}
        self._warming: set[asyncio.Task[None]] = set()

    @property
    def name(self) -> str:
        """The prefix of its model ids."""
        return "local"

    async def info(self) -> RunnerInfo:
        """The models that are installed; when none is, the preferred one, UNAVAILABLE."""
        verdicts = {weights: glance(weights, self._options.models_dir) for weights in self._known.values()}
        shown = [weights for weights, verdict in verdicts.items() if verdict is not Verdict.MISSING]
        shown = shown or list(verdicts)[:1]
        models = tuple(self._describe(weights, verdicts[weights]) for weights in shown)
        ready = any(model.state == model_pb2.MODEL_STATE_READY for model in models)
        return RunnerInfo(models, "" if ready or not models else models[0].state_message)

    def engine(self, model: str) -> LlamaEngine:
        """The engine of a model, made when first asked for. Raises NotFoundError (MODEL_NOT_FOUND)."""
        engine = self._engines.get(model)
        if engine is None:
            weights = self._known.get(model)
            if weights is None:
                raise NotFoundError("MODEL_NOT_FOUND", f"There is no local model named {model!r}.", model=model)
            engine = self._engines[model] = LlamaEngine(weights, self._options)
        return engine

    def prewarm(self) -> None:
        """Starts loading the preferred installed model, for whoever wants the first answer quickly. Returns at once."""
        for weights in self._known.values():
            if glance(weights, self._options.models_dir) is not Verdict.MISSING:
                task = asyncio.create_task(_warm(self.engine(weights.model)), name=f"prewarm {weights.model}")
                self._warming.add(task)
                task.add_done_callback(self._warming.discard)
                return

    async def generate(self, request: GenerateRequest) -> AsyncGenerator[Delta]:
        """Runs the model; see the seam. Reasons: QUEUE_FULL, PROMPT_TOO_LONG, RUNNER_DIED, RUNNER_STALLED.

        Also RUNNER_UNAVAILABLE, RUNNER_FAILED, RUNNER_REFUSED, WEIGHTS_MISSING and WEIGHTS_DAMAGED. QUEUE_FULL: more
        answers at once than there are slots; whoever manages the runner lets them wait.
        """
        engine = self.engine(request.model)
        slot = engine.slots.take(request.session)
        engine.hold()
        try:
            if not engine.ready:
                yield Progress(Activity.LOADING)
            address = await engine.address()
            body = _body(request, slot.number, self._options)
            async with aclosing(self._answer(engine, address, body)) as deltas:
                async for delta in deltas:
                    yield delta
                    if isinstance(delta, Finished):
                        engine.succeeded()
        finally:
            engine.slots.give_back(slot)
            engine.release()

    def refuse(self, model: str) -> None:
        """Raises NotFoundError (MODEL_NOT_FOUND)."""
        self.engine(model)

    async def embed(self, model: str, texts: Sequence[str]) -> Embeddings:
        """These models write, and make no vectors: InvalidArgumentError (NOT_AN_EMBEDDING_MODEL) and NotFoundError."""
        del texts
        self.engine(model)
        raise InvalidArgumentError(
            "NOT_AN_EMBEDDING_MODEL", f"{model} answers messages and cannot turn texts into vectors.", model=model
        )

    async def aclose(self) -> None:
        """Ends the child processes and waits until they are gone."""
        for task in self._warming:
            task.cancel()
        await asyncio.gather(*self._warming, return_exceptions=True)
        await asyncio.gather(*(engine.aclose() for engine in self._engines.values()))

    async def _answer(self, engine: LlamaEngine, address: Address, body: bytes) -> AsyncGenerator[Delta]:
        """One request to the engine. Leaving closes the connection, and that stops the engine."""
        reader = EventReader()
        # The engine closes each connection after its answer, and so there is nothing to keep.
        headers = {"authorization": f"Bearer {address.key}", "content-type": "application/json"}
        pool = Pool(Origin.of(address.url), headers)
        engine.begin_answer()
        try:
            response = await pool.request("POST", _CHAT_PATH, body)
            if response.status != HTTPStatus.OK:
                raise refusal(response.status, await response.whole())
            while not reader.ended:
                data = await response.read()
                if not data:
                    raise await engine.loss(address)
                before = reader.events
                for delta in reader.feed(data):
                    yield delta
                if reader.events != before:
                    engine.moved()
        except ConnectionError as error:
            raise await engine.loss(address) from error
        finally:
            pool.close()
            engine.end_answer()

    def _describe(self, weights: Weights, verdict: Verdict) -> model_pb2.Model:
        problem = ""
        if find_spec("xllamacpp") is None:
            problem = "The engine for local models is not installed. Run `make run` again, or install xllamacpp."
        elif verdict is Verdict.MISSING:
            problem = "The local model's weights are not installed. Run `make weights`."
        elif verdict is Verdict.WRONG:
            problem = "The local model's weights are damaged. Run `make weights` to install them again."
        elif weights.model in self._engines and self._engines[weights.model].problem:
            problem = f"The local model does not start: {self._engines[weights.model].problem}. Run `fireside doctor`."
        return model_pb2.Model(
            id=f"{self.name}/{weights.model}",
            display_name=weights.display_name,
            runner=self.name,
            description=weights.description,
            context_length=slot_context(weights, self._options),
            state=model_pb2.MODEL_STATE_UNAVAILABLE if problem else model_pb2.MODEL_STATE_READY,
            state_message=problem,
        )


async def _warm(engine: LlamaEngine) -> None:
    """Loads the model. A failure is kept by the engine, which tells it to the first one who asks."""
    engine.hold()
    try:
        await engine.address()
    except UnavailableError:
        return
    finally:
        engine.release()


def _body(request: GenerateRequest, slot: int, options: LlamaOptions) -> bytes:
    sampling = request.sampling
    return msgspec.json.encode(
        ChatRequest(
            messages=chat_messages(request),
            max_tokens=sampling.max_tokens if sampling.HasField("max_tokens") else options.max_tokens,
            id_slot=slot,
            temperature=sampling.temperature if sampling.HasField("temperature") else _TEMPERATURE,
            top_p=sampling.top_p if sampling.HasField("top_p") else _TOP_P,
            top_k=_TOP_K,
            repeat_penalty=_REPEAT_PENALTY,
            seed=sampling.seed & _SEED_MASK if sampling.HasField("seed") else msgspec.UNSET,
            stop=list(sampling.stop) if sampling.stop else msgspec.UNSET,
        )
    )
