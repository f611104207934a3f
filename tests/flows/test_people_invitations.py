"""Invitations, as admins make them and newcomers use them, through the port."""

from __future__ import annotations

from pathlib import Path

import pytest
from google.protobuf.duration_pb2 import Duration

from fireside.gen.v1 import people_service_pb2 as pb
from fireside.gen.v1 import policy_pb2
from fireside.gen.v1.account_pb2 import ACCOUNT_STATE_DISABLED
from fireside.gen.v1.auth_service_pb2 import GetInvitationRequest, SignUpRequest
from fireside.gen.v1.policy_service_pb2 import GetPolicyRequest, UpdatePolicyRequest
from tests.accounts import ADMIN, MEMBER, PASSWORD, AccountsServer, accounts_server
from tests.admin_calls import actions, call, group, reason, refused
from tests.callers import CallError
from tests.smtp_server import smtp_server


async def sign_up(server: AccountsServer, link: str, email: str = "new@example.org") -> str:
    """The id of the new account, or the reason why there is none."""
    async with server.anybody() as client:
        request = SignUpRequest(name="New", email=email, password=PASSWORD, invitation=link.partition("#")[2])
        try:
            return (await client.unary("SignUp", request)).account.id
        except CallError as error:
            return reason(error)


async def test_an_invitation_is_made_shown_and_used_once(tmp_path: Path) -> None:
    async with accounts_server(tmp_path) as server:
        ada = await server.set_up()
        team = await group(ada, "Team")
        wanted = pb.CreateInvitationRequest(email="New@Example.org", role=ADMIN, group_ids=[team.id])
        made = await call(ada, "CreateInvitation", wanted)
        assert made.link.startswith("/join#fsl_")
        assert not made.mailed
        assert made.invitation.invited_by == "Ada"
        lasts = made.invitation.expire_time.seconds - made.invitation.create_time.seconds
        assert lasts == 7 * 24 * 60 * 60
        listed = (await call(ada, "ListInvitations", pb.ListInvitationsRequest())).invitations
        assert [(each.id, each.email, each.role) for each in listed] == [(made.invitation.id, "New@Example.org", ADMIN)]
        async with server.anybody() as client:
            shown = await client.unary("GetInvitation", GetInvitationRequest(token=made.link.partition("#")[2]))
        assert shown.invited_by == "Ada"
        assert await sign_up(server, made.link, "other@example.org") == "INVITATION_EMAIL"
        account_id = await sign_up(server, made.link)
        found = (await call(ada, "ListAccounts", pb.ListAccountsRequest(group_id=team.id))).accounts
        assert [(account.id, account.role) for account in found] == [(account_id, ADMIN)]
        assert await sign_up(server, made.link, "third@example.org") == "INVITATION_ENDED"
        assert not (await call(ada, "ListInvitations", pb.ListInvitationsRequest())).invitations
        assert "invitation.created New@Example.org" in await actions(ada)


async def test_an_invitation_for_anybody_is_for_a_member_and_can_be_ended(tmp_path: Path) -> None:
    async with accounts_server(tmp_path) as server:
        ada = await server.set_up()
        made = await call(ada, "CreateInvitation", pb.CreateInvitationRequest(lifetime=Duration(seconds=3600)))
        assert made.invitation.role == MEMBER
        assert made.invitation.expire_time.seconds - made.invitation.create_time.seconds == 3600
        request = pb.DeleteInvitationRequest(invitation_id=made.invitation.id)
        await call(ada, "DeleteInvitation", request)
        assert await sign_up(server, made.link) == "INVITATION_ENDED"
        assert await refused(ada, "DeleteInvitation", request) == ("NOT_FOUND", "INVITATION_NOT_FOUND")
        assert "invitation.deleted anybody" in await actions(ada)


@pytest.mark.parametrize("seconds", [-1, 1, 400 * 24 * 60 * 60])
async def test_an_invitation_holds_for_a_sensible_time(tmp_path: Path, seconds: int) -> None:
    async with accounts_server(tmp_path) as server:
        ada = await server.set_up()
        request = pb.CreateInvitationRequest(lifetime=Duration(seconds=seconds))
        assert await refused(ada, "CreateInvitation", request) == ("INVALID_ARGUMENT", "LIFETIME_INVALID")


async def test_what_an_invitation_names_must_be_there(tmp_path: Path) -> None:
    async with accounts_server(tmp_path) as server:
        ada = await server.set_up()
        request = pb.CreateInvitationRequest(group_ids=["none"])
        assert await refused(ada, "CreateInvitation", request) == ("NOT_FOUND", "GROUP_NOT_FOUND")


async def test_nobody_is_invited_while_the_server_takes_nobody(tmp_path: Path) -> None:
    async with accounts_server(tmp_path) as server:
        ada = await server.set_up()
        made = await call(ada, "CreateInvitation", pb.CreateInvitationRequest())
        policy = (await call(ada, "GetPolicy", GetPolicyRequest())).policy
        policy.sign_up = policy_pb2.SIGN_UP_MODE_CLOSED
        await call(ada, "UpdatePolicy", UpdatePolicyRequest(policy=policy))
        closed = ("FAILED_PRECONDITION", "SIGN_UP_CLOSED")
        assert await refused(ada, "CreateInvitation", pb.CreateInvitationRequest()) == closed
        assert await sign_up(server, made.link) == "SIGN_UP_CLOSED"


async def test_an_invitation_ends_with_the_account_of_its_maker(tmp_path: Path) -> None:
    async with accounts_server(tmp_path) as server:
        ada, bob = await server.set_up(), await server.person("Bob", ADMIN)
        made = await call(bob, "CreateInvitation", pb.CreateInvitationRequest())
        await call(ada, "RemoveAccount", pb.RemoveAccountRequest(account_id=bob.id, email=bob.account.email))
        assert await sign_up(server, made.link) == "INVITATION_ENDED"


async def test_an_invitation_ends_when_its_maker_is_closed_or_may_less(tmp_path: Path) -> None:
    async with accounts_server(tmp_path) as server:
        ada = await server.set_up()
        changes = pb.UpdateAccountRequest(state=ACCOUNT_STATE_DISABLED), pb.UpdateAccountRequest(role=MEMBER)
        for number, change in enumerate(changes):
            bob = await server.person(f"Bob {number}", ADMIN)
            made = await call(bob, "CreateInvitation", pb.CreateInvitationRequest(role=ADMIN))
            change.account_id = bob.id
            await call(ada, "UpdateAccount", change)
            assert await sign_up(server, made.link) == "INVITATION_ENDED"


async def test_an_invitation_for_an_address_is_mailed(tmp_path: Path) -> None:
    async with smtp_server() as mailbox:
        settings = {
            "smtp_host": "127.0.0.1",
            "smtp_port": str(mailbox.port),
            "smtp_security": "off",
            "smtp_from": "fireside@example.org",
            "public_url": "https://chat.example.org",
        }
        async with accounts_server(tmp_path, **settings) as server:
            ada = await server.set_up()
            made = await call(ada, "CreateInvitation", pb.CreateInvitationRequest(email="new@example.org"))
            assert made.mailed
            (mail,) = await mailbox.arrived()
            assert mail["to"] == "new@example.org"
            assert f"https://chat.example.org{made.link}" in mail.get_content()
            # For anybody: there is nobody to send it to.
            assert not (await call(ada, "CreateInvitation", pb.CreateInvitationRequest())).mailed
            # What the mail server does not take is an invitation all the same.
            mailbox.refusals.append("550 No such mailbox")
            refused_one = await call(ada, "CreateInvitation", pb.CreateInvitationRequest(email="gone@example.org"))
            assert not refused_one.mailed
            assert refused_one.link
            assert len((await call(ada, "ListInvitations", pb.ListInvitationsRequest())).invitations) == 3
