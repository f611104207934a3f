"""Making one's own account through the port, as the policy has it, with and without mail."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from fireside.core.clock import now_us
from fireside.core.principal import LOCAL
from fireside.gen.v1 import auth_service_pb2 as pb
from fireside.gen.v1.account_pb2 import ACCOUNT_STATE_PENDING, Account
from fireside.gen.v1.account_service_pb2 import GetAccountRequest
from fireside.gen.v1.group_pb2 import Group
from fireside.gen.v1.invitation_pb2 import Invitation
from fireside.gen.v1.policy_pb2 import (
    SIGN_UP_MODE_CLOSED,
    SIGN_UP_MODE_DOMAIN,
    SIGN_UP_MODE_INVITATION,
    SIGN_UP_MODE_OPEN,
    Policy,
    SignUpMode,
)
from fireside.identity import links
from fireside.identity.tokens import hash_of
from fireside.store import accounts, groups, one_time_tokens
from tests.accounts import GUEST, HERE, MEMBER, PASSWORD, AccountsServer, accounts_server
from tests.callers import CALLERS
from tests.own_calls import browse, call, deeds, moved_to, public, publicly_refused
from tests.smtp_server import Mailbox, smtp_server

CLOSED = ("PERMISSION_DENIED", "SIGN_UP_CLOSED")
INVITATION_ENDED = ("INVALID_ARGUMENT", "INVITATION_ENDED")
LINK_ENDED = ("INVALID_ARGUMENT", "LINK_ENDED")


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[AccountsServer]:
    async with accounts_server(tmp_path) as opened:
        yield opened


@asynccontextmanager
async def with_mail(folder: Path) -> AsyncIterator[tuple[AccountsServer, Mailbox]]:
    """A server that sends mail, and where it arrives."""
    async with smtp_server() as mailbox:
        settings = {
            "smtp_host": "127.0.0.1",
            "smtp_port": str(mailbox.port),
            "smtp_security": "off",
            "smtp_from": "fireside@example.org",
            "public_url": "https://chat.example.org/",
        }
        async with accounts_server(folder, **settings) as server:
            yield server, mailbox


async def rule(
    server: AccountsServer, mode: SignUpMode, *, approve: bool = False, domains: tuple[str, ...] = ()
) -> None:
    """Sets who may make an account."""
    policy = Policy(sign_up=mode, approve_sign_ups=approve, domains=domains, default_role=MEMBER)
    await server.identity.policies.update(LOCAL, HERE, policy)


async def invite(
    server: AccountsServer, email: str = "", *, seconds: float = 60, group_ids: tuple[str, ...] = ()
) -> str:
    """The token of a new invitation for a guest."""
    record = Invitation(email=email, role=GUEST, group_ids=group_ids, invited_by="Ada").SerializeToString()
    identity = server.identity
    _, token = await identity.db.write(lambda tx: identity.links.make(tx, links.INVITATION, seconds, record))
    return token


def wants(name: str, invitation: str = "", email: str = "", language: str = "") -> pb.SignUpRequest:
    return pb.SignUpRequest(
        name=name,
        email=email or f"{name.lower()}@example.org",
        password=PASSWORD,
        invitation=invitation,
        language=language,
    )


def link_in(mailbox: Mailbox, path: str, at: int = -1) -> str:
    """The token of the link in a mail."""
    found = re.search(rf"https://chat\.example\.org/{path}#(\S+)", mailbox.mails[at].get_content())
    assert found is not None
    return found[1]


async def who(server: AccountsServer, email: str) -> Account | None:
    return await server.identity.db.read(lambda tx: accounts.by_email(tx, email))


@pytest.mark.parametrize("kind", CALLERS)
async def test_somebody_who_is_invited_makes_an_account(kind: str, server: AccountsServer) -> None:
    group = Group(id="g", name="Guests")
    await server.identity.db.write(lambda tx: groups.insert(tx, group))
    token = await invite(server, group_ids=("g", "gone"))
    async with server.anybody(kind) as client:
        shown = await client.unary("GetInvitation", pb.GetInvitationRequest(token=token))
        assert (shown.email, shown.invited_by) == ("", "Ada")
        made = await client.unary("SignUp", wants("Gus", token, language="zh"))
    assert not made.pending
    assert not made.check_mail
    assert (made.account.name, made.account.role, made.account.language) == ("Gus", GUEST, "zh")
    assert list(made.account.group_ids) == ["g"]
    assert "account.created" in await deeds(server, made.account.id)
    # It is used up.
    assert await publicly_refused(server, "SignUp", wants("Gil", token)) == INVITATION_ENDED
    refusal = await publicly_refused(server, "GetInvitation", pb.GetInvitationRequest(token=token))
    assert refusal == ("NOT_FOUND", "INVITATION_NOT_FOUND")


async def test_who_signs_up_is_signed_in(server: AccountsServer) -> None:
    ada = await server.set_up()
    answer = await browse(server.url, "SignUp", wants("Gus", await invite(server)))
    assert answer.cookie
    assert "HttpOnly" in answer.set_cookie
    account = (await call(moved_to(ada, answer.cookie), "GetAccount", GetAccountRequest())).account
    assert account.id == answer.message.account.id
    signed_in = await public(server, "SignIn", pb.SignInRequest(email="gus@example.org", password=PASSWORD))
    assert signed_in.account.id == account.id


async def test_an_invitation_may_be_for_one_address(server: AccountsServer) -> None:
    token = await invite(server, "gus@example.org")
    shown = await public(server, "GetInvitation", pb.GetInvitationRequest(token=token))
    assert shown.email == "gus@example.org"
    refusal = await publicly_refused(server, "SignUp", wants("Gil", token))
    assert refusal == ("INVALID_ARGUMENT", "INVITATION_EMAIL")
    made = await public(server, "SignUp", wants("Gus", token, email="GUS@example.org"))
    assert made.account.email == "GUS@example.org"


@pytest.mark.parametrize("token", ["fsl_wrong", "x"])
async def test_a_wrong_invitation_is_told(token: str, server: AccountsServer) -> None:
    assert await publicly_refused(server, "SignUp", wants("Gus", token)) == INVITATION_ENDED


async def test_an_invitation_ends(server: AccountsServer) -> None:
    token = await invite(server, seconds=-1)
    assert await publicly_refused(server, "SignUp", wants("Gus", token)) == INVITATION_ENDED


async def test_a_link_for_something_else_is_no_invitation(server: AccountsServer) -> None:
    ann = await server.person("Ann")
    identity = server.identity
    _, token = await identity.db.write(lambda tx: identity.links.make(tx, links.PASSWORD, 60, owner=ann.id))
    assert await publicly_refused(server, "SignUp", wants("Gus", token)) == INVITATION_ENDED
    confirm = pb.ConfirmEmailRequest(token=token, password=PASSWORD)
    assert await publicly_refused(server, "ConfirmEmail", confirm) == LINK_ENDED


@pytest.mark.parametrize("mode", [SIGN_UP_MODE_INVITATION, SIGN_UP_MODE_CLOSED, SIGN_UP_MODE_DOMAIN])
async def test_without_an_invitation_there_is_no_account(mode: SignUpMode, server: AccountsServer) -> None:
    await rule(server, mode, domains=("example.net",))
    assert await publicly_refused(server, "SignUp", wants("Gus")) == CLOSED
    assert await who(server, "gus@example.org") is None


async def test_a_closed_server_takes_no_invitations(server: AccountsServer) -> None:
    token = await invite(server)
    await rule(server, SIGN_UP_MODE_CLOSED)
    assert await publicly_refused(server, "SignUp", wants("Gus", token)) == CLOSED


async def test_an_open_server_takes_anybody(server: AccountsServer) -> None:
    await rule(server, SIGN_UP_MODE_OPEN)
    made = await public(server, "SignUp", wants("Gus"))
    assert made.account.role == MEMBER


async def test_who_needs_approval_waits(server: AccountsServer) -> None:
    await rule(server, SIGN_UP_MODE_OPEN, approve=True)
    answer = await browse(server.url, "SignUp", wants("Gus"))
    assert answer.message.pending
    assert not answer.message.HasField("account")
    assert answer.cookie is None
    account = await who(server, "gus@example.org")
    assert account is not None
    assert account.state == ACCOUNT_STATE_PENDING
    assert (await public(server, "SignIn", pb.SignInRequest(email="gus@example.org", password=PASSWORD))).pending
    # An invitation is an approval.
    assert (await public(server, "SignUp", wants("Gil", await invite(server)))).account.name == "Gil"


async def test_an_address_of_a_domain_that_nobody_verified_waits(server: AccountsServer) -> None:
    await rule(server, SIGN_UP_MODE_DOMAIN, domains=("Example.ORG",))
    assert (await public(server, "SignUp", wants("Gus", email="gus@EXAMPLE.org"))).pending
    assert await publicly_refused(server, "SignUp", wants("Eve", email="eve@sub.example.org")) == CLOSED
    assert await publicly_refused(server, "SignUp", wants("Eve", email="eve@notexample.org")) == CLOSED


async def test_a_taken_address_is_told_to_the_invited_alone(server: AccountsServer) -> None:
    await server.person("Ann", password=PASSWORD)
    token = await invite(server)
    assert await publicly_refused(server, "SignUp", wants("Ann", token)) == ("ALREADY_EXISTS", "EMAIL_TAKEN")
    # The invitation holds still.
    await public(server, "GetInvitation", pb.GetInvitationRequest(token=token))
    await rule(server, SIGN_UP_MODE_DOMAIN, domains=("example.org",))
    assert await public(server, "SignUp", wants("Ann")) == await public(server, "SignUp", wants("Gus"))


async def test_an_address_is_confirmed_by_mail(tmp_path: Path) -> None:
    async with with_mail(tmp_path) as (server, mailbox):
        await rule(server, SIGN_UP_MODE_DOMAIN, domains=("example.org",))
        answer = await browse(server.url, "SignUp", wants("Gus"))
        assert answer.message == pb.SignUpResponse(check_mail=True)
        assert answer.cookie is None
        (mail,) = await mailbox.arrived()
        assert (mail["to"], mail["subject"]) == ("gus@example.org", "Confirm your address")
        assert await who(server, "gus@example.org") is None
        token = link_in(mailbox, "confirm")
        stored = await server.identity.db.read(
            lambda tx: one_time_tokens.find(tx, links.EMAIL, hash_of(token), now_us())
        )
        assert stored is not None
        assert PASSWORD.encode() not in stored.record
        answer = await browse(server.url, "ConfirmEmail", pb.ConfirmEmailRequest(token=token, password=PASSWORD))
        assert answer.message.account.email == "gus@example.org"
        assert answer.cookie
        assert (
            await publicly_refused(server, "ConfirmEmail", pb.ConfirmEmailRequest(token=token, password=PASSWORD))
            == LINK_ENDED
        )
        signed_in = await public(server, "SignIn", pb.SignInRequest(email="gus@example.org", password=PASSWORD))
        assert signed_in.account.name == "Gus"


async def test_whether_an_address_has_an_account_is_told_to_its_owner_alone(tmp_path: Path) -> None:
    async with with_mail(tmp_path) as (server, mailbox):
        await server.person("Ann", password=PASSWORD)
        await rule(server, SIGN_UP_MODE_OPEN)
        taken, free = await public(server, "SignUp", wants("Ann")), await public(server, "SignUp", wants("Gus"))
        assert taken == free == pb.SignUpResponse(check_mail=True)
        mails = {mail["to"]: mail["subject"] for mail in await mailbox.arrived(2)}
        assert mails == {"ann@example.org": "You have an account already", "gus@example.org": "Confirm your address"}
        # So too with an invitation for any address.
        token = await invite(server)
        assert await public(server, "SignUp", wants("Ann", token)) == taken


async def test_nobody_confirms_an_account_for_somebody_else(tmp_path: Path) -> None:
    async with with_mail(tmp_path) as (server, mailbox):
        await rule(server, SIGN_UP_MODE_OPEN)
        await public(server, "SignUp", wants("Gus"))
        await mailbox.arrived()
        token = link_in(mailbox, "confirm")
        # Gus opens a link that he did not ask for: the password is that of whoever did.
        for _ in range(2):
            guess = pb.ConfirmEmailRequest(token=token, password="what Gus would have chosen")
            assert await publicly_refused(server, "ConfirmEmail", guess) == ("UNAUTHENTICATED", "PASSWORD_WRONG")
        assert await who(server, "gus@example.org") is None
        await public(server, "ConfirmEmail", pb.ConfirmEmailRequest(token=token, password=PASSWORD))


async def test_what_was_confirmed_twice_is_one_account(tmp_path: Path) -> None:
    async with with_mail(tmp_path) as (server, mailbox):
        await rule(server, SIGN_UP_MODE_OPEN)
        for _ in range(2):
            await public(server, "SignUp", wants("Gus"))
        await mailbox.arrived(2)
        first, second = link_in(mailbox, "confirm", 0), link_in(mailbox, "confirm", 1)
        await public(server, "ConfirmEmail", pb.ConfirmEmailRequest(token=first, password=PASSWORD))
        assert (
            await publicly_refused(server, "ConfirmEmail", pb.ConfirmEmailRequest(token=second, password=PASSWORD))
            == LINK_ENDED
        )


async def test_what_holds_when_the_link_is_opened_counts(tmp_path: Path) -> None:
    async with with_mail(tmp_path) as (server, mailbox):
        await rule(server, SIGN_UP_MODE_OPEN)
        await public(server, "SignUp", wants("Gus"))
        await mailbox.arrived()
        token = link_in(mailbox, "confirm")
        await rule(server, SIGN_UP_MODE_CLOSED)
        assert (
            await publicly_refused(server, "ConfirmEmail", pb.ConfirmEmailRequest(token=token, password=PASSWORD))
            == CLOSED
        )
        await rule(server, SIGN_UP_MODE_OPEN, approve=True)
        assert (await public(server, "ConfirmEmail", pb.ConfirmEmailRequest(token=token, password=PASSWORD))).pending


async def test_an_invitation_for_any_address_is_used_up_when_that_is_confirmed(tmp_path: Path) -> None:
    async with with_mail(tmp_path) as (server, mailbox):
        token = await invite(server)
        assert (await public(server, "SignUp", wants("Gus", token, language="zh-Hans"))).check_mail
        assert (await public(server, "SignUp", wants("Gil", token))).check_mail
        await mailbox.arrived(2)
        assert mailbox.mails[0]["subject"] in {"确认您的邮箱地址", "Confirm your address"}
        first, second = link_in(mailbox, "confirm", 0), link_in(mailbox, "confirm", 1)
        assert (
            await public(server, "ConfirmEmail", pb.ConfirmEmailRequest(token=first, password=PASSWORD))
        ).account.role == GUEST
        refusal = await publicly_refused(
            server, "ConfirmEmail", pb.ConfirmEmailRequest(token=second, password=PASSWORD)
        )
        assert refusal == INVITATION_ENDED


async def test_an_invitation_for_one_address_needs_no_further_mail(tmp_path: Path) -> None:
    async with with_mail(tmp_path) as (server, _):
        made = await public(server, "SignUp", wants("Gus", await invite(server, "gus@example.org")))
        assert made.account.email == "gus@example.org"


async def test_nobody_is_flooded_with_mails(tmp_path: Path) -> None:
    async with with_mail(tmp_path) as (server, mailbox):
        await rule(server, SIGN_UP_MODE_OPEN)
        answers = [await public(server, "SignUp", wants("Gus")) for _ in range(5)]
        assert all(answer.check_mail for answer in answers)
        await public(server, "SignUp", wants("Gil"))
        mails = await mailbox.arrived(4)
        assert [mail["to"] for mail in mails].count("gus@example.org") == 3


async def test_one_address_does_not_make_accounts_without_end(server: AccountsServer) -> None:
    await rule(server, SIGN_UP_MODE_INVITATION)
    refusals = [await publicly_refused(server, "SignUp", wants(f"Gus{number}")) for number in range(40)]
    assert refusals[0] == CLOSED
    assert refusals[-1] == ("RESOURCE_EXHAUSTED", "TOO_MANY_ATTEMPTS")


@pytest.mark.parametrize("email", ["gus@exa\u00a0mple.org", "g,us@example.org", "gus@exa\nmple.org"])
async def test_an_address_is_one(email: str, server: AccountsServer) -> None:
    await rule(server, SIGN_UP_MODE_OPEN)
    code, _ = await publicly_refused(server, "SignUp", wants("Gus", email=email))
    assert code == "INVALID_ARGUMENT"
