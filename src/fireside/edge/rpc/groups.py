"""GroupService over identity.groups. What groups allow is decided in identity.policy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fireside.edge.rpc.admins import admin
from fireside.gen.v1 import group_service_pb2 as pb

if TYPE_CHECKING:
    from connectrpc.request import RequestContext

    from fireside.identity.groups import Groups


class GroupHandlers:
    """The handlers of GroupService."""

    def __init__(self, groups: Groups) -> None:
        self._groups = groups

    async def list_groups(
        self, _request: pb.ListGroupsRequest, ctx: RequestContext[pb.ListGroupsRequest, pb.ListGroupsResponse]
    ) -> pb.ListGroupsResponse:
        """Lists all groups by name."""
        admin()
        return pb.ListGroupsResponse(groups=await self._groups.listed())

    async def create_group(
        self, request: pb.CreateGroupRequest, ctx: RequestContext[pb.CreateGroupRequest, pb.CreateGroupResponse]
    ) -> pb.CreateGroupResponse:
        """Makes a group."""
        return pb.CreateGroupResponse(group=await self._groups.create(admin(), request.group, request.request_id))

    async def update_group(
        self, request: pb.UpdateGroupRequest, ctx: RequestContext[pb.UpdateGroupRequest, pb.UpdateGroupResponse]
    ) -> pb.UpdateGroupResponse:
        """Replaces a group."""
        return pb.UpdateGroupResponse(group=await self._groups.update(admin(), request.group))

    async def delete_group(
        self, request: pb.DeleteGroupRequest, ctx: RequestContext[pb.DeleteGroupRequest, pb.DeleteGroupResponse]
    ) -> pb.DeleteGroupResponse:
        """Removes a group."""
        await self._groups.delete(admin(), request.group_id)
        return pb.DeleteGroupResponse()

    async def add_members(
        self, request: pb.AddMembersRequest, ctx: RequestContext[pb.AddMembersRequest, pb.AddMembersResponse]
    ) -> pb.AddMembersResponse:
        """Puts accounts into a group."""
        group = await self._groups.add_members(admin(), request.group_id, request.account_ids)
        return pb.AddMembersResponse(group=group)

    async def remove_members(
        self, request: pb.RemoveMembersRequest, ctx: RequestContext[pb.RemoveMembersRequest, pb.RemoveMembersResponse]
    ) -> pb.RemoveMembersResponse:
        """Takes accounts out of a group."""
        group = await self._groups.remove_members(admin(), request.group_id, request.account_ids)
        return pb.RemoveMembersResponse(group=group)
