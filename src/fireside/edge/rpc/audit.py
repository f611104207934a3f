"""AuditService over identity.audit_log. Events are recorded elsewhere: where what they tell is done."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING

from fireside.edge.rpc.admins import admin
from fireside.gen.v1 import audit_service_pb2 as pb
from fireside.store.audit_events import Filter
from fireside.store.records import us_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from connectrpc.request import RequestContext

    from fireside.identity.audit_log import AuditLog


class AuditHandlers:
    """The handlers of AuditService."""

    def __init__(self, log: AuditLog) -> None:
        self._log = log

    async def list_audit_events(
        self,
        request: pb.ListAuditEventsRequest,
        ctx: RequestContext[pb.ListAuditEventsRequest, pb.ListAuditEventsResponse],
    ) -> pb.ListAuditEventsResponse:
        """Lists events, the newest first."""
        admin()
        events, token = await self._log.page(_filter(request), request.page_size, request.page_token)
        return pb.ListAuditEventsResponse(events=events, next_page_token=token)

    async def export_audit_events(
        self,
        request: pb.ExportAuditEventsRequest,
        ctx: RequestContext[pb.ExportAuditEventsRequest, pb.ExportAuditEventsResponse],
    ) -> AsyncGenerator[pb.ExportAuditEventsResponse]:
        """Returns events, the oldest first, as lines of JSON."""
        who, origin = admin()
        async with aclosing(self._log.export(who, origin, _filter(request))) as pieces:
            async for piece in pieces:
                yield pb.ExportAuditEventsResponse(data=piece)


def _filter(request: pb.ListAuditEventsRequest | pb.ExportAuditEventsRequest) -> Filter:
    return Filter(
        actor_id=request.actor_id,
        action=request.action,
        from_us=us_of(request.after) if request.HasField("after") else 0,
        before_us=us_of(request.before) if request.HasField("before") else 0,
    )
