"""The runner for `fireside worker` processes: fireside.worker.v1 by gRPC. Several addresses are one runner.

Answers come straight from the worker that the router picked. Cancelling cancels the call, and with it the model.
"""

from __future__ import annotations

import re
from contextlib import aclosing
from typing import TYPE_CHECKING

from google.protobuf.message import DecodeError

from fireside.core.errors import FiresideError, UnavailableError
from fireside.gen.v1 import model_pb2
from fireside.gen.worker.v1 import worker_service_pb2 as pb
from fireside.runners.base import Embeddings, Finished, RunnerInfo
from fireside.runners.grpc.channel import Call
from fireside.runners.grpc.errors import garbled
from fireside.runners.grpc.fleet import Fleet
from fireside.runners.refusals import complete, not_offered
from fireside.runners.worker.wire import deltas_of, request_bytes

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from fireside.runners.base import BackendOptions, Delta, GenerateRequest

_SERVICE = "/fireside.worker.v1.WorkerService"
# So many vectors fit into one message of the default length, whatever the model.
_TEXTS_AT_ONCE = 128


class WorkerRunner:
    """The models of workers, `<name>/<model>`."""

    def __init__(self, options: BackendOptions) -> None:
        """Connects to nothing yet."""
        self._options = options
        self._fleet = Fleet(options, self._serves)
        self._offers: dict[str, pb.InfoResponse] = {}

    @property
    def name(self) -> str:
        """The prefix of its model ids."""
        return self._options.name

    async def info(self) -> RunnerInfo:
        """The models of all workers. One that two workers have is ready when either has it ready."""
        found = await self._fleet.ask_all(Call(f"{_SERVICE}/Info", b""), pb.InfoResponse)
        answers = {address: self._checked(answer) for address, answer in found.items()}
        offers = [answer for answer in answers.values() if isinstance(answer, pb.InfoResponse)]
        problems = [answer.message for answer in answers.values() if isinstance(answer, FiresideError)]
        self._offers |= {address: answer for address, answer in answers.items() if isinstance(answer, pb.InfoResponse)}
        if not offers:
            return RunnerInfo(self._away(problems[0]), hint=problems[0], problem=problems[0])
        models: dict[str, model_pb2.Model] = {}
        for offer in offers:
            for model in offer.models:
                known = models.get(model.id)
                if known is None or model.state == model_pb2.MODEL_STATE_READY != known.state:
                    models[model.id] = model
        patterns = dict.fromkeys(offer.unlisted for offer in offers if offer.unlisted)
        unlisted = re.compile("|".join(f"(?:{pattern})" for pattern in patterns)) if patterns else None
        ready = any(model.state == model_pb2.MODEL_STATE_READY for model in models.values())
        hint = "" if ready else " ".join(dict.fromkeys(offer.hint for offer in offers if offer.hint))
        version = ", ".join(dict.fromkeys(offer.version for offer in offers))
        if problems:
            version += f" ({len(offers)} of {len(found)} workers answer)"
        return RunnerInfo(self._chosen(models, unlisted), hint, unlisted, version=version)

    async def generate(self, request: GenerateRequest) -> AsyncGenerator[Delta]:
        """Runs the model on a worker; see the seam. Another worker is tried when one cannot be reached at all.

        Reasons: RUNNER_UNAVAILABLE, RUNNER_CONNECT_TIMEOUT, RUNNER_DIED, RUNNER_UNAUTHORIZED, RUNNER_FAILED,
        RUNNER_TOTAL_TIMEOUT, and those of the worker's own runner.
        """
        self._check(request.model)
        call = Call(f"{_SERVICE}/Generate", request_bytes(request), request.deadline)
        end: Finished | None = None
        async with aclosing(self._fleet.stream(request.model, request.session, call)) as payloads:
            async for payload in payloads:
                for delta in self._deltas(payload):
                    if isinstance(delta, Finished):
                        end = delta
                    else:
                        yield delta
        # Who has the end leaves: the call must have ended by then, or it would count as one that was cancelled.
        if end is None:
            raise UnavailableError("RUNNER_FAILED", f"The runner {self.name} ended without saying why. Try again.")
        yield end

    async def embed(self, model: str, texts: Sequence[str]) -> Embeddings:
        """Turns texts into vectors, on one worker."""
        self._check(model)
        vectors: list[tuple[float, ...]] = []
        prompt_tokens = 0
        for start in range(0, len(texts), _TEXTS_AT_ONCE):
            batch = texts[start : start + _TEXTS_AT_ONCE]
            payload = pb.EmbedRequest(model=model, texts=batch).SerializeToString()
            response = await self._fleet.unary(model, Call(f"{_SERVICE}/Embed", payload), pb.EmbedResponse)
            found = Embeddings(tuple(tuple(item.values) for item in response.embeddings), response.prompt_tokens)
            vectors += complete(found, batch).vectors
            prompt_tokens += found.prompt_tokens
        return Embeddings(tuple(vectors), prompt_tokens)

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._fleet.aclose()

    def _check(self, model: str) -> None:
        if self._options.models and model not in self._options.models:
            raise not_offered(model)

    def _deltas(self, payload: bytes) -> list[Delta]:
        try:
            return deltas_of(payload)
        except DecodeError as error:
            raise garbled(self.name, error) from error

    def _checked(self, answer: pb.InfoResponse | FiresideError) -> pb.InfoResponse | FiresideError:
        """The answer, unless its expression for further models is none."""
        if isinstance(answer, pb.InfoResponse):
            try:
                re.compile(answer.unlisted)
            except re.error as error:
                return garbled(self.name, error)
        return answer

    def _serves(self, address: str, model: str) -> bool:
        """Whether a worker has a model, as far as is known: one that was never asked may have it."""
        offer = self._offers.get(address)
        if offer is None or any(known.id == model for known in offer.models):
            return True
        return bool(offer.unlisted) and re.fullmatch(offer.unlisted, model) is not None

    def _chosen(
        self, models: dict[str, model_pb2.Model], unlisted: re.Pattern[str] | None
    ) -> tuple[model_pb2.Model, ...]:
        """Those that were asked for, or all; with this runner's name on them."""
        names = self._options.models or tuple(models)
        chosen: list[model_pb2.Model] = []
        for name in names:
            model = model_pb2.Model(display_name=name)
            if name in models:
                model.CopyFrom(models[name])
            elif unlisted is not None and unlisted.fullmatch(name):
                model.state = model_pb2.MODEL_STATE_READY
            else:
                model.state = model_pb2.MODEL_STATE_UNAVAILABLE
                model.state_message = f"None of the workers of {self.name} has this model."
            model.id, model.runner, model.default = f"{self.name}/{name}", self.name, False
            chosen.append(model)
        return tuple(chosen)

    def _away(self, problem: str) -> tuple[model_pb2.Model, ...]:
        """The models that were set or known, UNAVAILABLE."""
        known = {model.id: model for offer in self._offers.values() for model in offer.models}
        models = self._chosen(known, None)
        for model in models:
            model.state, model.state_message = model_pb2.MODEL_STATE_UNAVAILABLE, problem
        return models
