"""The accounts of a server in its admins' hands, through the port."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from fireside.gen.v1 import account_pb2
from fireside.gen.v1 import people_service_pb2 as pb
from fireside.gen.v1.audit_service_pb2 import ListAuditEventsRequest
from fireside.gen.v1.auth_service_pb2 import GetAuthStateRequest, ResetPasswordRequest, SignInRequest, SignUpRequest
from fireside.gen.v1.chat_service_pb2 import WatchEventsRequest
from fireside.gen.v1.group_service_pb2 import ListGroupsRequest
from fireside.gen.v1.permission_pb2 import PERMISSION_MANAGE_PEOPLE, PERMISSION_READ_AUDIT
from fireside.gen.v1.policy_pb2 import SIGN_UP_MODE_OPEN
from fireside.gen.v1.policy_service_pb2 import GetPolicyRequest, GetUsageRequest, UpdatePolicyRequest
from tests.accounts import ADMIN, GUEST, MEMBER, PASSWORD, AccountsServer, Person, accounts_server
from tests.admin_calls import actions, call, end_of, group, reason, refused
from tests.callers import CallError, caller
from tests.served import serve

ACTIVE, DISABLED = account_pb2.ACCOUNT_STATE_ACTIVE, account_pb2.ACCOUNT_STATE_DISABLED
REQUEST_ID = "01890a5d-ac96-774b-bcce-b302099a8057"


async def test_accounts_are_listed_by_name_in_pages(tmp_path: Path) -> None:
    async with accounts_server(tmp_path) as server:
        ada = await server.set_up()
        for name in ("zoe", "Bob", "cleo 100%", "x" * 95):
            await server.person(name)
        seen: list[str] = []
        token = ""
        while True:
            page = await call(ada, "ListAccounts", pb.ListAccountsRequest(page_size=2, page_token=token))
            assert page.total == 5
            assert page.pending == 0
            seen += [account.name for account in page.accounts]
            token = page.next_page_token
            if not token:
                break
        assert seen == ["Ada", "Bob", "cleo 100%", "x" * 95, "zoe"]
        found = await call(ada, "ListAccounts", pb.ListAccountsRequest(query="BOB@"))
        assert [account.name for account in found.accounts] == ["Bob"]
        assert (await call(ada, "ListAccounts", pb.ListAccountsRequest(query="0%"))).total == 1
        assert (await call(ada, "ListAccounts", pb.ListAccountsRequest(state=DISABLED))).total == 0
        assert (await refused(ada, "ListAccounts", pb.ListAccountsRequest(page_token="%%")))[0] == "OUT_OF_RANGE"


async def test_a_page_goes_on_though_its_last_account_is_gone(tmp_path: Path) -> None:
    async with accounts_server(tmp_path) as server:
        ada = await server.set_up()
        people = [await server.person("p" * 90 + str(number)) for number in range(3)]
        page = await call(ada, "ListAccounts", pb.ListAccountsRequest(page_size=2))
        request = pb.RemoveAccountRequest(account_id=people[0].id, email=people[0].account.email)
        await call(ada, "RemoveAccount", request)
        rest = await call(ada, "ListAccounts", pb.ListAccountsRequest(page_token=page.next_page_token))
        assert [account.id for account in rest.accounts] == [people[1].id, people[2].id]


async def test_an_account_is_made_with_a_link_to_set_its_password(tmp_path: Path) -> None:
    async with accounts_server(tmp_path) as server:
        ada = await server.set_up()
        team = await group(ada, "Team")
        wanted = pb.CreateAccountRequest(
            name="Bob", email="bob@example.org", role=GUEST, group_ids=[team.id], request_id=REQUEST_ID
        )
        made = await call(ada, "CreateAccount", wanted)
        assert (made.account.role, made.account.state, list(made.account.group_ids)) == (GUEST, ACTIVE, [team.id])
        assert not made.account.has_password
        assert made.link.startswith("/welcome#fsl_")
        again = await call(ada, "CreateAccount", wanted)
        assert again.account == made.account
        assert again.link != made.link
        async with server.anybody() as client:
            ended = ResetPasswordRequest(token=made.link.partition("#")[2], password=PASSWORD)
            with pytest.raises(CallError) as caught:
                await client.unary("ResetPassword", ended)
            assert reason(caught.value) == "LINK_ENDED"
            good = ResetPasswordRequest(token=again.link.partition("#")[2], password=PASSWORD)
            assert (await client.unary("ResetPassword", good)).account.id == made.account.id
            signed_in = await client.unary("SignIn", SignInRequest(email="BOB@example.org", password=PASSWORD))
            assert signed_in.account.id == made.account.id
        wanted.name = "Another"
        assert await refused(ada, "CreateAccount", wanted) == ("ALREADY_EXISTS", "REQUEST_ID_REUSED")
        assert "account.created bob@example.org" in await actions(ada)


async def test_an_account_is_made_with_a_password(tmp_path: Path) -> None:
    async with accounts_server(tmp_path) as server:
        ada = await server.set_up()
        made = await call(ada, "CreateAccount", pb.CreateAccountRequest(name="B", email="b@x.org", password=PASSWORD))
        assert made.account.has_password
        assert made.account.role == MEMBER
        assert not made.link
        taken = pb.CreateAccountRequest(name="C", email="B@X.ORG")
        assert await refused(ada, "CreateAccount", taken) == ("ALREADY_EXISTS", "EMAIL_TAKEN")
        no_group = pb.CreateAccountRequest(name="D", email="d@x.org", group_ids=["none"])
        assert await refused(ada, "CreateAccount", no_group) == ("NOT_FOUND", "GROUP_NOT_FOUND")
        assert (await call(ada, "ListAccounts", pb.ListAccountsRequest())).total == 2


async def test_an_account_is_changed(tmp_path: Path) -> None:
    async with accounts_server(tmp_path) as server:
        ada, bob = await server.set_up(), await server.person("Bob")
        team = await group(ada, "Team")
        first = pb.UpdateAccountRequest(
            account_id=bob.id, name="Robert", email="r@example.org", role=GUEST, etag=bob.account.etag,
            groups=pb.AccountGroups(group_ids=[team.id]),
        )  # fmt: skip
        changed = (await call(ada, "UpdateAccount", first)).account
        assert (changed.name, changed.email, changed.role) == ("Robert", "r@example.org", GUEST)
        assert list(changed.group_ids) == [team.id]
        assert (await refused(ada, "UpdateAccount", first))[0] == "ABORTED"
        only_name = pb.UpdateAccountRequest(account_id=bob.id, name="Rob")
        assert list((await call(ada, "UpdateAccount", only_name)).account.group_ids) == [team.id]
        no_groups = pb.UpdateAccountRequest(account_id=bob.id, groups=pb.AccountGroups())
        assert not (await call(ada, "UpdateAccount", no_groups)).account.group_ids
        for wrong, reason in (
            (pb.UpdateAccountRequest(account_id=bob.id, email="ada@example.org"), "EMAIL_TAKEN"),
            (pb.UpdateAccountRequest(account_id=bob.id, role=account_pb2.ACCOUNT_ROLE_UNSPECIFIED), "ROLE_REQUIRED"),
            (pb.UpdateAccountRequest(account_id=bob.id, state=account_pb2.ACCOUNT_STATE_PENDING), "STATE_REQUIRED"),
            (pb.UpdateAccountRequest(account_id="none", name="x"), "ACCOUNT_NOT_FOUND"),
        ):
            assert (await refused(ada, "UpdateAccount", wrong))[1] == reason
        log = await actions(ada)
        for action in ("account.updated", "account.role_changed", "group.members_changed"):
            assert any(entry.startswith(action) for entry in log)


async def test_closing_an_account_ends_its_sessions_and_streams_within_a_second(tmp_path: Path) -> None:
    async with accounts_server(tmp_path) as server:
        ada, bob = await server.set_up(), await server.person("Bob", password=PASSWORD)
        async with bob.caller() as client:
            stream = client.stream("WatchEvents", WatchEventsRequest())
            await anext(aiter(stream))
            await call(ada, "UpdateAccount", pb.UpdateAccountRequest(account_id=bob.id, state=DISABLED))
            async with asyncio.timeout(1):
                assert await end_of(stream) in {"UNAUTHENTICATED", "UNAVAILABLE", "PERMISSION_DENIED"}
            with pytest.raises(CallError) as caught:
                await client.unary("GetUsage", GetUsageRequest())
            assert reason(caught.value) == "SESSION_ENDED"
        async with server.anybody() as client:
            with pytest.raises(CallError) as caught:
                await client.unary("SignIn", SignInRequest(email=bob.account.email, password=PASSWORD))
            assert reason(caught.value) == "ACCOUNT_DISABLED"
            await call(ada, "UpdateAccount", pb.UpdateAccountRequest(account_id=bob.id, state=ACTIVE))
            await client.unary("SignIn", SignInRequest(email=bob.account.email, password=PASSWORD))
        # The sessions of before stay ended.
        assert await refused(bob, "GetUsage", GetUsageRequest()) == ("UNAUTHENTICATED", "SESSION_ENDED")


async def test_there_is_always_an_admin(tmp_path: Path) -> None:
    async with accounts_server(tmp_path) as server:
        ada = await server.set_up()
        last = ("FAILED_PRECONDITION", "LAST_ADMIN")
        demoted = pb.UpdateAccountRequest(account_id=ada.id, role=MEMBER)
        closed = pb.UpdateAccountRequest(account_id=ada.id, state=DISABLED)
        removed = pb.RemoveAccountRequest(account_id=ada.id, email=ada.account.email)
        for method, request in (("UpdateAccount", demoted), ("UpdateAccount", closed), ("RemoveAccount", removed)):
            assert await refused(ada, method, request) == last
        bob = await server.person("Bob", ADMIN)
        await call(bob, "UpdateAccount", demoted)
        assert (
            await refused(bob, "RemoveAccount", pb.RemoveAccountRequest(account_id=bob.id, email=bob.account.email))
            == last
        )


async def test_of_two_admins_who_demote_each_other_one_stays(tmp_path: Path) -> None:
    async with accounts_server(tmp_path) as server:
        people = [await server.set_up(), await server.person("Bob", ADMIN)]
        await _race(people)


async def test_of_two_admins_who_demote_each_other_on_postgresql_one_stays(tmp_path: Path, postgres_url: str) -> None:
    async with accounts_server(tmp_path, database_url=postgres_url) as server:
        for round_ in range(5):
            people = [await server.person(f"Ann {round_}", ADMIN), await server.person(f"Bob {round_}", ADMIN)]
            await _race(people)
            await _demote_all(server)


async def _race(people: list[Person]) -> None:
    async def demote(who: Person, whom: Person) -> str:
        try:
            await call(who, "UpdateAccount", pb.UpdateAccountRequest(account_id=whom.id, role=MEMBER))
        except CallError as error:
            return reason(error)
        return ""

    first, second = people
    outcomes = await asyncio.gather(demote(first, second), demote(second, first))
    won, lost = sorted(outcomes)
    assert not won
    assert lost in {"LAST_ADMIN", "PERMISSION_DENIED"}


async def _demote_all(server: AccountsServer) -> None:
    """Straight in the store, so that the next round begins with nobody."""
    await server.identity.changes.write(
        "", lambda tx: tx.execute("UPDATE accounts SET role = $1 WHERE role = $2", MEMBER, ADMIN)
    )


async def test_an_account_is_removed_with_all_that_belongs_to_it(tmp_path: Path) -> None:
    async with accounts_server(tmp_path) as server:
        ada, bob = await server.set_up(), await server.person("Bob")
        wrong = pb.RemoveAccountRequest(account_id=bob.id, email="ada@example.org")
        assert await refused(ada, "RemoveAccount", wrong) == ("INVALID_ARGUMENT", "EMAIL_MISMATCH")
        right = pb.RemoveAccountRequest(account_id=bob.id, email="BOB@example.org")
        await call(ada, "RemoveAccount", right)
        assert await refused(ada, "RemoveAccount", right) == ("NOT_FOUND", "ACCOUNT_NOT_FOUND")
        assert (await refused(bob, "GetUsage", GetUsageRequest()))[0] == "UNAUTHENTICATED"
        assert "account.removed bob@example.org" in await actions(ada)


async def test_an_admin_makes_a_link_to_set_a_password_and_signs_people_out(tmp_path: Path) -> None:
    async with accounts_server(tmp_path) as server:
        ada, bob = await server.set_up(), await server.person("Bob")
        request = pb.CreatePasswordLinkRequest(account_id=bob.id)
        links = [(await call(ada, "CreatePasswordLink", request)).link for _ in range(2)]
        assert all(link.startswith("/reset#fsl_") for link in links)
        async with server.anybody() as client:
            for link, works in zip(links, (False, True), strict=True):
                reset = ResetPasswordRequest(token=link.partition("#")[2], password=PASSWORD)
                if works:
                    await client.unary("ResetPassword", reset)
                else:
                    with pytest.raises(CallError):
                        await client.unary("ResetPassword", reset)
        bob = await server.again(bob)
        await call(ada, "SignOutAccount", pb.SignOutAccountRequest(account_id=bob.id))
        assert (await refused(bob, "GetUsage", GetUsageRequest()))[1] == "SESSION_ENDED"
        await call(ada, "RemoveSecondFactors", pb.RemoveSecondFactorsRequest(account_id=bob.id))
        log = await actions(ada)
        for action in ("password.link_made", "session.revoked", "second_factor.removed"):
            assert f"{action} bob@example.org" in log


async def test_who_may_only_manage_people_makes_no_admins(tmp_path: Path) -> None:
    async with accounts_server(tmp_path) as server:
        ada, bob = await server.set_up(), await server.person("Bob")
        helpers = await group(ada, "Helpers", PERMISSION_MANAGE_PEOPLE)
        auditors = await group(ada, "Auditors", PERMISSION_READ_AUDIT)
        groups = pb.AccountGroups(group_ids=[helpers.id])
        await call(ada, "UpdateAccount", pb.UpdateAccountRequest(account_id=bob.id, groups=groups))
        await call(bob, "CreateAccount", pb.CreateAccountRequest(name="Cleo", email="c@x.org"))
        beyond = ("PERMISSION_DENIED", "BEYOND_OWN_PERMISSIONS")
        wide = pb.AccountGroups(group_ids=[helpers.id, auditors.id])
        for method, request in (
            ("CreateAccount", pb.CreateAccountRequest(name="D", email="d@x.org", role=ADMIN)),
            ("UpdateAccount", pb.UpdateAccountRequest(account_id=bob.id, role=ADMIN)),
            ("UpdateAccount", pb.UpdateAccountRequest(account_id=bob.id, groups=wide)),
            ("UpdateAccount", pb.UpdateAccountRequest(account_id=ada.id, email="mine@x.org")),
            ("CreatePasswordLink", pb.CreatePasswordLinkRequest(account_id=ada.id)),
            ("RemoveSecondFactors", pb.RemoveSecondFactorsRequest(account_id=ada.id)),
            ("SignOutAccount", pb.SignOutAccountRequest(account_id=ada.id)),
            ("RemoveAccount", pb.RemoveAccountRequest(account_id=ada.id, email=ada.account.email)),
            ("CreateInvitation", pb.CreateInvitationRequest(role=ADMIN)),
            ("CreateInvitation", pb.CreateInvitationRequest(group_ids=[auditors.id])),
        ):
            assert await refused(bob, method, request) == beyond, method


@pytest.mark.parametrize("role", [MEMBER, GUEST])
async def test_who_manages_nobody_is_refused(tmp_path: Path, role: int) -> None:
    async with accounts_server(tmp_path) as server:
        bob = await server.person("Bob", role)
        for method, request in (
            ("ListAccounts", pb.ListAccountsRequest()),
            ("CreateAccount", pb.CreateAccountRequest(name="x", email="x@x.org")),
            ("UpdateAccount", pb.UpdateAccountRequest(account_id=bob.id, role=ADMIN)),
            ("RemoveAccount", pb.RemoveAccountRequest(account_id=bob.id, email="bob@example.org")),
            ("CreatePasswordLink", pb.CreatePasswordLinkRequest(account_id=bob.id)),
            ("SignOutAccount", pb.SignOutAccountRequest(account_id=bob.id)),
            ("RemoveSecondFactors", pb.RemoveSecondFactorsRequest(account_id=bob.id)),
            ("CreateInvitation", pb.CreateInvitationRequest()),
            ("ListInvitations", pb.ListInvitationsRequest()),
            ("DeleteInvitation", pb.DeleteInvitationRequest(invitation_id="x")),
        ):
            assert (await refused(bob, method, request))[0] == "PERMISSION_DENIED", method
        state = await call(bob, "GetAuthState", GetAuthStateRequest())
        assert PERMISSION_MANAGE_PEOPLE not in state.permissions


async def test_who_signed_up_waits_until_an_admin_approves(tmp_path: Path) -> None:
    async with accounts_server(tmp_path) as server:
        ada = await server.set_up()
        policy = (await call(ada, "GetPolicy", GetPolicyRequest())).policy
        policy.sign_up, policy.approve_sign_ups = SIGN_UP_MODE_OPEN, True
        await call(ada, "UpdatePolicy", UpdatePolicyRequest(policy=policy))
        async with server.anybody() as client:
            await client.unary("SignUp", SignUpRequest(name="New", email="new@example.org", password=PASSWORD))
            page = await call(ada, "ListAccounts", pb.ListAccountsRequest(state=account_pb2.ACCOUNT_STATE_PENDING))
            assert (page.pending, [account.email for account in page.accounts]) == (1, ["new@example.org"])
            sign_in = SignInRequest(email="new@example.org", password=PASSWORD)
            assert (await client.unary("SignIn", sign_in)).pending
            await call(ada, "UpdateAccount", pb.UpdateAccountRequest(account_id=page.accounts[0].id, state=ACTIVE))
            assert (await client.unary("SignIn", sign_in)).account.email == "new@example.org"
        assert (await call(ada, "ListAccounts", pb.ListAccountsRequest())).pending == 0
        assert "account.state_changed new@example.org" in await actions(ada)


async def test_another_address_ends_links_that_went_to_the_old_one(tmp_path: Path) -> None:
    async with accounts_server(tmp_path) as server:
        ada, bob = await server.set_up(), await server.person("Bob")
        link = (await call(ada, "CreatePasswordLink", pb.CreatePasswordLinkRequest(account_id=bob.id))).link
        await call(ada, "UpdateAccount", pb.UpdateAccountRequest(account_id=bob.id, email="b@example.org"))
        async with server.anybody() as client:
            with pytest.raises(CallError) as caught:
                await client.unary(
                    "ResetPassword", ResetPasswordRequest(token=link.partition("#")[2], password=PASSWORD)
                )
            assert reason(caught.value) == "LINK_ENDED"


async def test_a_server_with_one_account_has_no_people(tmp_path: Path) -> None:
    async with serve(tmp_path) as server, caller("connect-h2", server.url) as client:
        for method, request in (
            ("ListAccounts", pb.ListAccountsRequest()),
            ("CreateAccount", pb.CreateAccountRequest(name="x", email="x@x.org")),
            ("ListInvitations", pb.ListInvitationsRequest()),
            ("CreateInvitation", pb.CreateInvitationRequest()),
            ("ListGroups", ListGroupsRequest()),
            ("ListAuditEvents", ListAuditEventsRequest()),
            ("GetPolicy", GetPolicyRequest()),
        ):
            with pytest.raises(CallError) as caught:
                await client.unary(method, request)
            assert (caught.value.code, reason(caught.value)) == ("FAILED_PRECONDITION", "SINGLE_USER"), method
