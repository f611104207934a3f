"""RunnerService over the registry of runners. Secrets come in here and never go out."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING

from fireside.edge.access import caller
from fireside.edge.rpc.streams import heartbeat_of
from fireside.gen.v1 import runner_service_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from connectrpc.request import RequestContext

    from fireside.runners.registry import Registry


class RunnerHandlers:
    """The handlers of RunnerService."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    async def list_runners(
        self, _request: pb.ListRunnersRequest, ctx: RequestContext[pb.ListRunnersRequest, pb.ListRunnersResponse]
    ) -> pb.ListRunnersResponse:
        """Lists all runners in their order."""
        caller()
        return pb.ListRunnersResponse(runners=await self._registry.runners())

    async def get_runner(
        self, request: pb.GetRunnerRequest, ctx: RequestContext[pb.GetRunnerRequest, pb.GetRunnerResponse]
    ) -> pb.GetRunnerResponse:
        """Returns a runner and its models."""
        caller()
        runner, models = await self._registry.runner(request.name)
        return pb.GetRunnerResponse(runner=runner, models=models)

    async def create_runner(
        self, request: pb.CreateRunnerRequest, ctx: RequestContext[pb.CreateRunnerRequest, pb.CreateRunnerResponse]
    ) -> pb.CreateRunnerResponse:
        """Adds a runner."""
        caller()
        return pb.CreateRunnerResponse(runner=await self._registry.create(request.spec, request.secret))

    async def update_runner(
        self, request: pb.UpdateRunnerRequest, ctx: RequestContext[pb.UpdateRunnerRequest, pb.UpdateRunnerResponse]
    ) -> pb.UpdateRunnerResponse:
        """Replaces a runner's spec."""
        caller()
        secret = request.secret if request.HasField("secret") else None
        return pb.UpdateRunnerResponse(runner=await self._registry.update(request.spec, secret, request.etag))

    async def delete_runner(
        self, request: pb.DeleteRunnerRequest, ctx: RequestContext[pb.DeleteRunnerRequest, pb.DeleteRunnerResponse]
    ) -> pb.DeleteRunnerResponse:
        """Removes a runner."""
        caller()
        await self._registry.delete(request.name)
        return pb.DeleteRunnerResponse()

    async def order_runners(
        self, request: pb.OrderRunnersRequest, ctx: RequestContext[pb.OrderRunnersRequest, pb.OrderRunnersResponse]
    ) -> pb.OrderRunnersResponse:
        """Sets the order of all runners."""
        caller()
        return pb.OrderRunnersResponse(runners=await self._registry.reorder(request.names))

    async def test_runner(
        self, request: pb.TestRunnerRequest, ctx: RequestContext[pb.TestRunnerRequest, pb.TestRunnerResponse]
    ) -> pb.TestRunnerResponse:
        """Tries a runner without keeping it."""
        caller()
        secret = request.secret if request.HasField("secret") else None
        status, models = await self._registry.test(request.spec, secret)
        return pb.TestRunnerResponse(status=status, models=models)

    async def pull_model(
        self, request: pb.PullModelRequest, ctx: RequestContext[pb.PullModelRequest, pb.PullModelResponse]
    ) -> AsyncGenerator[pb.PullModelResponse]:
        """Reports how a download goes. When the caller goes, it stops."""
        caller()
        beat = heartbeat_of(ctx)
        last = pb.PullModelResponse()
        async with aclosing(self._registry.pull(request.runner, request.model)) as reports:
            coming = asyncio.ensure_future(anext(reports, None))
            try:
                while True:
                    # Over plain HTTP/1.1 only writing shows that the caller has gone: silence is filled with repeats.
                    if (await asyncio.wait((coming,), timeout=beat))[0]:
                        report = coming.result()
                        if report is None:
                            return
                        last = pb.PullModelResponse(
                            status=report.status, completed_bytes=report.completed, total_bytes=report.total
                        )
                        coming = asyncio.ensure_future(anext(reports, None))
                    yield last
            finally:
                coming.cancel()
                await asyncio.wait((coming,))
                if not coming.cancelled():
                    coming.exception()

    async def list_model_aliases(
        self,
        _request: pb.ListModelAliasesRequest,
        ctx: RequestContext[pb.ListModelAliasesRequest, pb.ListModelAliasesResponse],
    ) -> pb.ListModelAliasesResponse:
        """Lists the aliases by name."""
        caller()
        return pb.ListModelAliasesResponse(aliases=self._registry.aliases())

    async def set_model_alias(
        self, request: pb.SetModelAliasRequest, ctx: RequestContext[pb.SetModelAliasRequest, pb.SetModelAliasResponse]
    ) -> pb.SetModelAliasResponse:
        """Makes or replaces an alias."""
        caller()
        return pb.SetModelAliasResponse(alias=await self._registry.set_alias(request.alias))

    async def delete_model_alias(
        self,
        request: pb.DeleteModelAliasRequest,
        ctx: RequestContext[pb.DeleteModelAliasRequest, pb.DeleteModelAliasResponse],
    ) -> pb.DeleteModelAliasResponse:
        """Removes an alias."""
        caller()
        await self._registry.delete_alias(request.alias)
        return pb.DeleteModelAliasResponse()
