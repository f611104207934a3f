"""The runner for `fireside worker` processes: fireside.worker.v1 by gRPC. Several addresses are one runner.

Answers come straight from the worker that the router picked. Cancelling cancels the call, and with it the model.
"""

from __future__ import annotations

import asyncio
import re
import time
from contextlib import aclosing
from typing import TYPE_CHECKING

from google.protobuf.message import DecodeError

from fireside.core.errors import FiresideError, UnavailableError
from fireside.gen.v1 import model_pb2
from fireside.gen.worker.v1 import worker_service_pb2 as pb
from fireside.runners.base import Embeddings, Finished, RunnerInfo
from fireside.runners.grpc_channel import Call, Channels, GrpcOptions
from fireside.runners.grpc_errors import garbled, is_away
from fireside.runners.router import router_for
from fireside.runners.worker_wire import deltas_of, request_bytes

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from fireside.runners.base import BackendOptions, Delta, GenerateRequest
    from fireside.runners.router import Lease

_SERVICE = "/fireside.worker.v1.WorkerService"
_INFO_SECONDS = 10.0
# So many vectors fit into one message of the default length, whatever the model.
_TEXTS_AT_ONCE = 128


class WorkerRunner:
    """The models of workers, `<name>/<model>`."""

    def __init__(self, options: BackendOptions, grpc_options: GrpcOptions | None = None) -> None:
        """Connects to nothing yet."""
        self._options = options
        self._channels = Channels(options, grpc_options or GrpcOptions())
        self._router = router_for(options.addresses, self._serves)
        self._offers: dict[str, pb.InfoResponse] = {}

    @property
    def name(self) -> str:
        """The prefix of its model ids."""
        return self._options.name

    async def info(self) -> RunnerInfo:
        """The models of all workers. One that two workers have is ready when either has it ready."""
        found = await asyncio.gather(*map(self._ask, self._options.addresses))
        offers = [offer for offer in found if isinstance(offer, pb.InfoResponse)]
        problems = [problem.message for problem in found if isinstance(problem, FiresideError)]
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
        call = Call(f"{_SERVICE}/Generate", request_bytes(request), request.deadline)
        tried: set[str] = set()
        begun = False
        while True:
            with self._router.pick(request.model, request.session, tried) as lease:
                tried.add(lease.address)
                try:
                    async with aclosing(self._answer(lease, call)) as deltas:
                        async for delta in deltas:
                            begun = True
                            yield delta
                except FiresideError as error:
                    if begun or not self._may_go_elsewhere(error, tried):
                        raise
                else:
                    return

    async def embed(self, model: str, texts: Sequence[str]) -> Embeddings:
        """Turns texts into vectors, on one worker."""
        vectors: list[tuple[float, ...]] = []
        prompt_tokens = 0
        for start in range(0, len(texts), _TEXTS_AT_ONCE):
            payload = pb.EmbedRequest(model=model, texts=texts[start : start + _TEXTS_AT_ONCE]).SerializeToString()
            response = await self._embed(model, Call(f"{_SERVICE}/Embed", payload))
            vectors += (tuple(embedding.values) for embedding in response.embeddings)
            prompt_tokens += response.prompt_tokens
        return Embeddings(tuple(vectors), prompt_tokens)

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._channels.aclose()

    async def _answer(self, lease: Lease, call: Call) -> AsyncGenerator[Delta]:
        ended = False
        try:
            async with aclosing(self._channels.stream(lease.address, call)) as payloads:
                async for payload in payloads:
                    lease.succeeded()
                    for delta in deltas_of(payload):
                        ended = ended or isinstance(delta, Finished)
                        yield delta
        except DecodeError as error:
            raise garbled(self.name, error) from error
        except FiresideError as error:
            if is_away(error):
                lease.failed()
            raise
        if not ended:
            raise UnavailableError("RUNNER_FAILED", f"The runner {self.name} ended without saying why. Try again.")

    async def _embed(self, model: str, call: Call) -> pb.EmbedResponse:
        tried: set[str] = set()
        while True:
            with self._router.pick(model, "", tried) as lease:
                tried.add(lease.address)
                try:
                    return pb.EmbedResponse.FromString(await self._channels.unary(lease.address, call))
                except DecodeError as error:
                    raise garbled(self.name, error) from error
                except FiresideError as error:
                    if is_away(error):
                        lease.failed()
                    if not self._may_go_elsewhere(error, tried):
                        raise

    def _may_go_elsewhere(self, error: FiresideError, tried: set[str]) -> bool:
        """Only when the request did not arrive is it sent again from here; the rest is for whoever wraps this."""
        return error.reason in {"RUNNER_UNAVAILABLE", "RUNNER_CONNECT_TIMEOUT"} and len(tried) < len(
            set(self._options.addresses)
        )

    async def _ask(self, address: str) -> pb.InfoResponse | FiresideError:
        """What a worker offers, or why it does not say."""
        call = Call(f"{_SERVICE}/Info", b"", time.monotonic() + self._options.connect_timeout + _INFO_SECONDS)
        try:
            offer = pb.InfoResponse.FromString(await self._channels.unary(address, call))
            re.compile(offer.unlisted)
        except (DecodeError, re.error) as error:
            return garbled(self.name, error)
        except FiresideError as error:
            return error
        self._offers[address] = offer
        return offer

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
