"""PolicyService over identity.server_policy, and identity.limits for what the caller has used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fireside.edge.access import caller
from fireside.edge.rpc.admins import admin
from fireside.gen.v1 import policy_service_pb2 as pb

if TYPE_CHECKING:
    from connectrpc.request import RequestContext

    from fireside.identity.limits import Limits
    from fireside.identity.server_policy import Policies


class PolicyHandlers:
    """The handlers of PolicyService."""

    def __init__(self, policies: Policies, limits: Limits) -> None:
        self._policies = policies
        self._limits = limits

    async def get_policy(
        self, _request: pb.GetPolicyRequest, ctx: RequestContext[pb.GetPolicyRequest, pb.GetPolicyResponse]
    ) -> pb.GetPolicyResponse:
        """Returns the policy."""
        admin()
        return pb.GetPolicyResponse(policy=await self._policies.get())

    async def update_policy(
        self, request: pb.UpdatePolicyRequest, ctx: RequestContext[pb.UpdatePolicyRequest, pb.UpdatePolicyResponse]
    ) -> pb.UpdatePolicyResponse:
        """Replaces the policy."""
        who, origin = admin()
        return pb.UpdatePolicyResponse(policy=await self._policies.update(who, origin, request.policy))

    async def get_usage(
        self, _request: pb.GetUsageRequest, ctx: RequestContext[pb.GetUsageRequest, pb.GetUsageResponse]
    ) -> pb.GetUsageResponse:
        """Tells what the caller has used today, and what their limits are."""
        who = caller()
        messages, tokens = await self._limits.used_today(who.id)
        return pb.GetUsageResponse(messages_today=messages, tokens_today=tokens, limits=self._limits.allowed(who))
