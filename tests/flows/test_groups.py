"""Groups of people and what they get through them, through the port."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from fireside.gen.v1 import group_service_pb2 as pb
from fireside.gen.v1.auth_service_pb2 import GetAuthStateRequest
from fireside.gen.v1.group_pb2 import Group
from fireside.gen.v1.people_service_pb2 import ListAccountsRequest
from fireside.gen.v1.permission_pb2 import (
    PERMISSION_CHAT,
    PERMISSION_MANAGE_PEOPLE,
    PERMISSION_PUBLIC,
    PERMISSION_READ_AUDIT,
    PERMISSION_SHARE,
)
from fireside.gen.v1.policy_pb2 import Limits
from fireside.gen.v1.policy_service_pb2 import GetPolicyRequest
from tests.accounts import GUEST, MEMBER, Person, accounts_server
from tests.admin_calls import actions, call, group, refused
from tests.callers import CallError

REQUEST_ID = "01890a5d-ac96-774b-bcce-b302099a8057"


async def permissions(person: Person) -> set[int]:
    return set((await call(person, "GetAuthState", GetAuthStateRequest())).permissions)


async def test_a_group_is_made_changed_listed_and_deleted(tmp_path: Path) -> None:
    async with accounts_server(tmp_path) as server:
        ada = await server.set_up()
        wanted = Group(
            name="  Research   team ", description="Those who look", permissions=[PERMISSION_SHARE, PERMISSION_SHARE],
            models=["a/*", "b/x"], limits=Limits(messages_per_day=5),
        )  # fmt: skip
        create = pb.CreateGroupRequest(group=wanted, request_id=REQUEST_ID)
        made = (await call(ada, "CreateGroup", create)).group
        assert (made.name, list(made.permissions), list(made.models)) == (
            "Research team",
            [PERMISSION_SHARE],
            ["a/*", "b/x"],
        )
        assert made.create_time.seconds
        assert (await call(ada, "CreateGroup", create)).group == made
        assert await refused(ada, "CreateGroup", pb.CreateGroupRequest(group=Group(name="RESEARCH TEAM"))) == (
            "ALREADY_EXISTS", "GROUP_EXISTS",
        )  # fmt: skip
        await group(ada, "Alpha")
        changed = Group()
        changed.CopyFrom(made)
        changed.name, changed.description = "Zoo", ""
        changed = (await call(ada, "UpdateGroup", pb.UpdateGroupRequest(group=changed))).group
        assert (changed.name, changed.description, changed.create_time) == ("Zoo", "", made.create_time)
        assert (await refused(ada, "UpdateGroup", pb.UpdateGroupRequest(group=made)))[0] == "ABORTED"
        listed = (await call(ada, "ListGroups", pb.ListGroupsRequest())).groups
        assert [each.name for each in listed] == ["Alpha", "Zoo"]
        await call(ada, "DeleteGroup", pb.DeleteGroupRequest(group_id=made.id))
        gone = ("NOT_FOUND", "GROUP_NOT_FOUND")
        assert await refused(ada, "DeleteGroup", pb.DeleteGroupRequest(group_id=made.id)) == gone
        assert await refused(ada, "UpdateGroup", pb.UpdateGroupRequest(group=changed)) == gone
        log = await actions(ada)
        for action in ("group.created Research team", "group.updated Zoo", "group.deleted Zoo"):
            assert action in log


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (Group(name="  "), "NAME_REQUIRED"),
        (Group(name="x", permissions=[PERMISSION_PUBLIC]), "PERMISSION_NOT_GRANTABLE"),
    ],
)
async def test_groups_that_cannot_be(tmp_path: Path, wrong: Group, why: str) -> None:
    async with accounts_server(tmp_path) as server:
        ada = await server.set_up()
        assert await refused(ada, "CreateGroup", pb.CreateGroupRequest(group=wrong)) == ("INVALID_ARGUMENT", why)


async def test_members_get_what_the_group_gives_on_open_sessions_within_a_second(tmp_path: Path) -> None:
    async with accounts_server(tmp_path) as server:
        ada, bob, eve = await server.set_up(), await server.person("Bob"), await server.person("Eve", GUEST)
        managers = await group(ada, "Managers", PERMISSION_MANAGE_PEOPLE, PERMISSION_SHARE)
        add = pb.AddMembersRequest(group_id=managers.id, account_ids=[bob.id, eve.id])
        async with asyncio.timeout(1), bob.caller() as client:
            with pytest.raises(CallError):
                await client.unary("ListAccounts", ListAccountsRequest())
            assert (await call(ada, "AddMembers", add)).group.member_count == 2
            found = await client.unary("ListAccounts", ListAccountsRequest(group_id=managers.id))
            assert {account.id for account in found.accounts} == {bob.id, eve.id}
        # Guests cannot be given what manages.
        assert PERMISSION_SHARE in await permissions(eve)
        assert PERMISSION_MANAGE_PEOPLE not in await permissions(eve)
        assert (await refused(eve, "ListAccounts", ListAccountsRequest()))[0] == "PERMISSION_DENIED"
        remove = pb.RemoveMembersRequest(group_id=managers.id, account_ids=[bob.id, "nobody"])
        async with asyncio.timeout(1):
            assert (await call(ada, "RemoveMembers", remove)).group.member_count == 1
            assert (await refused(bob, "ListAccounts", ListAccountsRequest()))[0] == "PERMISSION_DENIED"
        assert (await actions(ada)).count("group.members_changed Managers") == 2


async def test_a_group_that_gives_other_things_or_goes_is_felt_within_a_second(tmp_path: Path) -> None:
    async with accounts_server(tmp_path) as server:
        ada, bob = await server.set_up(), await server.person("Bob")
        auditors = await group(ada, "Auditors")
        await call(ada, "AddMembers", pb.AddMembersRequest(group_id=auditors.id, account_ids=[bob.id]))
        assert PERMISSION_READ_AUDIT not in await permissions(bob)
        auditors.permissions.append(PERMISSION_READ_AUDIT)
        async with asyncio.timeout(1):
            await call(ada, "UpdateGroup", pb.UpdateGroupRequest(group=auditors))
            assert PERMISSION_READ_AUDIT in await permissions(bob)
            await call(ada, "DeleteGroup", pb.DeleteGroupRequest(group_id=auditors.id))
            assert PERMISSION_READ_AUDIT not in await permissions(bob)
        assert PERMISSION_CHAT in await permissions(bob)


async def test_members_must_have_accounts(tmp_path: Path) -> None:
    async with accounts_server(tmp_path) as server:
        ada = await server.set_up()
        team = await group(ada, "Team")
        nobody = pb.AddMembersRequest(group_id=team.id, account_ids=["nobody"])
        assert await refused(ada, "AddMembers", nobody) == ("NOT_FOUND", "ACCOUNT_NOT_FOUND")
        nowhere = pb.AddMembersRequest(group_id="none", account_ids=[ada.id])
        assert await refused(ada, "AddMembers", nowhere) == ("NOT_FOUND", "GROUP_NOT_FOUND")


async def test_nobody_gives_through_a_group_what_they_do_not_have(tmp_path: Path) -> None:
    async with accounts_server(tmp_path) as server:
        ada, bob = await server.set_up(), await server.person("Bob")
        helpers = await group(ada, "Helpers", PERMISSION_MANAGE_PEOPLE)
        auditors = await group(ada, "Auditors", PERMISSION_READ_AUDIT)
        await call(ada, "AddMembers", pb.AddMembersRequest(group_id=helpers.id, account_ids=[bob.id]))
        beyond = ("PERMISSION_DENIED", "BEYOND_OWN_PERMISSIONS")
        helpers.permissions.append(PERMISSION_READ_AUDIT)
        new = Group(name="x", permissions=[PERMISSION_READ_AUDIT])
        for method, request in (
            ("CreateGroup", pb.CreateGroupRequest(group=new)),
            ("UpdateGroup", pb.UpdateGroupRequest(group=helpers)),
            ("UpdateGroup", pb.UpdateGroupRequest(group=Group(id=auditors.id, name="y"))),
            ("DeleteGroup", pb.DeleteGroupRequest(group_id=auditors.id)),
            ("AddMembers", pb.AddMembersRequest(group_id=auditors.id, account_ids=[bob.id])),
            ("RemoveMembers", pb.RemoveMembersRequest(group_id=auditors.id, account_ids=[ada.id])),
        ):
            assert await refused(bob, method, request) == beyond, method


@pytest.mark.parametrize("role", [MEMBER, GUEST])
async def test_who_manages_nobody_is_refused(tmp_path: Path, role: int) -> None:
    async with accounts_server(tmp_path) as server:
        bob = await server.person("Bob", role)
        for method, request in (
            ("ListGroups", pb.ListGroupsRequest()),
            ("CreateGroup", pb.CreateGroupRequest(group=Group(name="x"))),
            ("UpdateGroup", pb.UpdateGroupRequest(group=Group(id="x", name="x"))),
            ("DeleteGroup", pb.DeleteGroupRequest(group_id="x")),
            ("AddMembers", pb.AddMembersRequest(group_id="x", account_ids=[bob.id])),
            ("RemoveMembers", pb.RemoveMembersRequest(group_id="x", account_ids=[bob.id])),
            ("GetPolicy", GetPolicyRequest()),
        ):
            assert (await refused(bob, method, request))[0] == "PERMISSION_DENIED", method
