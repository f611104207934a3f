"""What holds for the whole server, through the port."""

from __future__ import annotations

from pathlib import Path

import pytest

from fireside.gen.v1 import policy_pb2
from fireside.gen.v1.audit_service_pb2 import ListAuditEventsRequest
from fireside.gen.v1.auth_service_pb2 import GetAuthStateRequest
from fireside.gen.v1.people_service_pb2 import ListAccountsRequest
from fireside.gen.v1.permission_pb2 import PERMISSION_CHAT, PERMISSION_MANAGE_PEOPLE, PERMISSION_MANAGE_RUNNERS
from fireside.gen.v1.policy_pb2 import Limits, Policy, RoleLimits
from fireside.gen.v1.policy_service_pb2 import GetPolicyRequest, GetUsageRequest, UpdatePolicyRequest
from tests.accounts import GUEST, MEMBER, Person, accounts_server
from tests.admin_calls import call, refused
from tests.callers import CallError, caller
from tests.served import serve


async def policy_of(admin: Person) -> Policy:
    return (await call(admin, "GetPolicy", GetPolicyRequest())).policy


async def set_policy(admin: Person, policy: Policy) -> Policy:
    return (await call(admin, "UpdatePolicy", UpdatePolicyRequest(policy=policy))).policy


async def test_a_policy_is_read_and_replaced_and_holds_at_once(tmp_path: Path) -> None:
    async with accounts_server(tmp_path) as server:
        ada = await server.set_up()
        policy = await policy_of(ada)
        assert policy.sign_up == policy_pb2.SIGN_UP_MODE_INVITATION
        assert policy.link_sharing == policy_pb2.LINK_SHARING_ACCOUNTS
        assert (policy.default_role, policy.session_days) == (MEMBER, 30)
        assert policy.etag
        policy.sign_up = policy_pb2.SIGN_UP_MODE_DOMAIN
        policy.domains.append("Example.org")
        policy.limits.append(RoleLimits(role=MEMBER, limits=Limits(messages_per_day=7)))
        stored = await set_policy(ada, policy)
        assert list(stored.domains) == ["example.org"]
        assert stored.etag != policy.etag
        assert await policy_of(ada) == stored
        async with server.anybody() as client:
            state = await client.unary("GetAuthState", GetAuthStateRequest())
            assert state.sign_up == policy_pb2.SIGN_UP_MODE_DOMAIN
        bob = await server.person("Bob")
        assert (await call(bob, "GetUsage", GetUsageRequest())).limits.messages_per_day == 7
        assert (await call(ada, "GetUsage", GetUsageRequest())).limits.messages_per_day == 0
        assert await refused(ada, "UpdatePolicy", UpdatePolicyRequest(policy=policy)) == ("ABORTED", "STALE_ETAG")
        (event,) = (await call(ada, "ListAuditEvents", ListAuditEventsRequest(action="policy."))).events
        assert event.details == {
            "sign_up": "invitation -> domain",
            "domains": "none -> example.org",
            "limits of member": "none -> messages_per_day 7",
        }


async def test_a_policy_outlives_the_server(tmp_path: Path) -> None:
    async with accounts_server(tmp_path) as server:
        ada = await server.set_up()
        policy = await policy_of(ada)
        policy.session_days = 3
        stored = await set_policy(ada, policy)
    async with accounts_server(tmp_path) as server:
        assert server.identity.policies.current == stored


async def test_a_policy_that_cannot_be_used_is_refused(tmp_path: Path) -> None:
    async with accounts_server(tmp_path) as server:
        ada = await server.set_up()
        for wrong in (
            Policy(sign_up=policy_pb2.SIGN_UP_MODE_DOMAIN),
            Policy(limits=[RoleLimits(role=GUEST), RoleLimits(role=GUEST)]),
        ):
            request = UpdatePolicyRequest(policy=wrong)
            assert await refused(ada, "UpdatePolicy", request) == ("INVALID_ARGUMENT", "POLICY_INVALID")


async def test_admins_may_need_a_second_factor_for_what_they_manage(tmp_path: Path) -> None:
    async with accounts_server(tmp_path) as server:
        ada = await server.set_up()
        policy = await policy_of(ada)
        policy.admins_need_second_factor = True
        await set_policy(ada, policy)
        assert (await refused(ada, "ListAccounts", ListAccountsRequest()))[0] == "PERMISSION_DENIED"
        state = await call(ada, "GetAuthState", GetAuthStateRequest())
        assert state.must_add_second_factor
        assert not {PERMISSION_MANAGE_PEOPLE, PERMISSION_MANAGE_RUNNERS} & set(state.permissions)
        assert PERMISSION_CHAT in state.permissions
        bob = await server.person("Bob")
        assert not (await call(bob, "GetAuthState", GetAuthStateRequest())).must_add_second_factor


@pytest.mark.parametrize("role", [MEMBER, GUEST])
async def test_who_does_not_manage_the_server_is_refused(tmp_path: Path, role: int) -> None:
    async with accounts_server(tmp_path) as server:
        bob = await server.person("Bob", role)
        assert (await refused(bob, "GetPolicy", GetPolicyRequest()))[0] == "PERMISSION_DENIED"
        request = UpdatePolicyRequest(policy=Policy())
        assert (await refused(bob, "UpdatePolicy", request))[0] == "PERMISSION_DENIED"
        usage = await call(bob, "GetUsage", GetUsageRequest())
        assert (usage.messages_today, usage.tokens_today) == (0, 0)


async def test_a_server_with_one_account_has_no_policy(tmp_path: Path) -> None:
    async with serve(tmp_path) as server, caller("connect-h2", server.url) as client:
        with pytest.raises(CallError) as caught:
            await client.unary("GetPolicy", GetPolicyRequest())
        assert caught.value.code == "FAILED_PRECONDITION"
        assert (await client.unary("GetUsage", GetUsageRequest())).messages_today == 0
