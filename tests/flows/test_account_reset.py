"""A forgotten password through the port: a link by mail or from an admin, good once."""

from __future__ import annotations

import re
import statistics
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pyotp
import pytest

from fireside.core.clock import now_us
from fireside.gen.v1 import auth_service_pb2 as pb
from fireside.gen.v1.account_pb2 import ACCOUNT_STATE_DISABLED, ACCOUNT_STATE_PENDING
from fireside.gen.v1.account_service_pb2 import (
    BeginTotpRequest,
    ChangePasswordRequest,
    ConfirmTotpRequest,
    GetAccountRequest,
    UpdateProfileRequest,
)
from fireside.identity import links
from fireside.identity.tokens import hash_of
from fireside.store import accounts, one_time_tokens
from tests.accounts import PASSWORD, AccountsServer, Person, accounts_server
from tests.own_calls import browse, call, deeds, moved_to, public, publicly_refused, refused
from tests.smtp_server import Mailbox, smtp_server

NEW = "another horse, another staple"
GET = GetAccountRequest()
LINK_ENDED = ("INVALID_ARGUMENT", "LINK_ENDED")


@pytest.fixture
async def mailbox() -> AsyncIterator[Mailbox]:
    async with smtp_server() as opened:
        yield opened


@pytest.fixture
async def server(tmp_path: Path, mailbox: Mailbox) -> AsyncIterator[AccountsServer]:
    settings = {
        "smtp_host": "127.0.0.1",
        "smtp_port": str(mailbox.port),
        "smtp_security": "off",
        "smtp_from": "fireside@example.org",
        "public_url": "https://chat.example.org",
    }
    async with accounts_server(tmp_path, **settings) as opened:
        yield opened


@pytest.fixture
async def ann(server: AccountsServer) -> Person:
    return await server.person("Ann", password=PASSWORD)


async def link_for(server: AccountsServer, person: Person, *, seconds: float = 60) -> str:
    """The token of a link such as an admin makes."""
    identity = server.identity
    _, token = await identity.db.write(lambda tx: identity.links.make(tx, links.PASSWORD, seconds, owner=person.id))
    return token


def reset(token: str) -> pb.ResetPasswordRequest:
    return pb.ResetPasswordRequest(token=token, password=NEW)


async def test_a_link_comes_by_mail_in_the_language_of_the_account(
    server: AccountsServer, mailbox: Mailbox, ann: Person
) -> None:
    await call(ann, "UpdateProfile", UpdateProfileRequest(language="zh-CN"))
    await public(server, "RequestPasswordReset", pb.RequestPasswordResetRequest(email="ANN@example.org"))
    (mail,) = await mailbox.arrived()
    assert (mail["to"], mail["subject"]) == ("ann@example.org", "设置新密码")
    found = re.search(r"https://chat\.example\.org/reset#(fsl_\S+)", mail.get_content())
    assert found is not None
    answer = await browse(server.url, "ResetPassword", reset(found[1]))
    assert answer.message.account.id == ann.id
    assert answer.cookie
    assert (await call(moved_to(ann, answer.cookie), "GetAccount", GET)).account.id == ann.id


async def test_a_link_is_good_once_and_ends_all_sessions(server: AccountsServer, ann: Person) -> None:
    elsewhere, another = await server.again(ann), await link_for(server, ann)
    token = await link_for(server, ann)
    await public(server, "ResetPassword", reset(token))
    for used in (token, another):
        assert await publicly_refused(server, "ResetPassword", reset(used)) == LINK_ENDED
    for gone in (ann, elsewhere):
        assert await refused(gone, "GetAccount", GET) == ("UNAUTHENTICATED", "SESSION_ENDED")
    old = pb.SignInRequest(email="ann@example.org", password=PASSWORD)
    assert (await publicly_refused(server, "SignIn", old))[1] == "SIGN_IN_FAILED"
    assert (await public(server, "SignIn", pb.SignInRequest(email="ann@example.org", password=NEW))).account.id
    assert "password.reset" in await deeds(server, ann.id)


async def test_the_link_itself_is_kept_nowhere(server: AccountsServer, ann: Person, tmp_path: Path) -> None:
    token = await link_for(server, ann)
    row = await server.identity.db.read(lambda tx: one_time_tokens.find(tx, links.PASSWORD, hash_of(token), now_us()))
    assert row is not None
    stored = on_disk(tmp_path)
    assert hash_of(token) in stored
    assert token[4:].encode() not in stored


def on_disk(folder: Path) -> bytes:
    """All that the database's files hold."""
    return b"".join(path.read_bytes() for path in folder.glob("fireside.db*"))


async def test_a_link_ends(server: AccountsServer, ann: Person) -> None:
    assert await publicly_refused(server, "ResetPassword", reset(await link_for(server, ann, seconds=-1))) == LINK_ENDED
    assert await publicly_refused(server, "ResetPassword", reset("fsl_wrong")) == LINK_ENDED


async def test_a_link_ends_when_the_password_is_changed(server: AccountsServer, ann: Person) -> None:
    token = await link_for(server, ann)
    await call(ann, "ChangePassword", ChangePasswordRequest(current_password=PASSWORD, new_password=NEW))
    assert await publicly_refused(server, "ResetPassword", reset(token)) == LINK_ENDED


async def test_a_link_is_no_second_factor(server: AccountsServer, ann: Person) -> None:
    secret = (await call(ann, "BeginTotp", BeginTotpRequest())).secret
    codes = (await call(ann, "ConfirmTotp", ConfirmTotpRequest(code=pyotp.TOTP(secret).now()))).recovery_codes
    answer = await browse(server.url, "ResetPassword", reset(await link_for(server, ann)))
    assert answer.cookie is None
    assert not answer.message.HasField("account")
    needed = answer.message.second_factor
    assert needed.totp
    request = pb.CompleteSignInRequest(challenge=needed.challenge, recovery_code=codes[0])
    assert (await public(server, "CompleteSignIn", request)).account.id == ann.id


async def test_a_password_that_is_too_short_leaves_the_link(server: AccountsServer, ann: Person) -> None:
    token = await link_for(server, ann)
    short = pb.ResetPasswordRequest(token=token, password="short")
    assert (await publicly_refused(server, "ResetPassword", short))[0] == "INVALID_ARGUMENT"
    await public(server, "ResetPassword", reset(token))


async def test_who_waits_or_is_closed_out_gets_no_session(server: AccountsServer, ann: Person) -> None:
    account = (await call(ann, "GetAccount", GET)).account
    identity = server.identity
    token, later = await link_for(server, ann), await link_for(server, ann)
    account.state, account.etag = ACCOUNT_STATE_PENDING, ""
    await identity.changes.write(ann.id, lambda tx: accounts.update(tx, account))
    answer = await browse(server.url, "ResetPassword", reset(token))
    assert answer.message.pending
    assert answer.cookie is None
    later = await link_for(server, ann)
    account.state = ACCOUNT_STATE_DISABLED
    await identity.changes.write(ann.id, lambda tx: accounts.update(tx, account))
    refusal = await publicly_refused(server, "ResetPassword", reset(later))
    assert refusal == ("FAILED_PRECONDITION", "ACCOUNT_DISABLED")


async def test_who_has_no_account_gets_the_same_answer_and_no_mail(
    server: AccountsServer, mailbox: Mailbox, ann: Person
) -> None:
    nobody = await public(server, "RequestPasswordReset", pb.RequestPasswordResetRequest(email="nobody@example.org"))
    somebody = await public(server, "RequestPasswordReset", pb.RequestPasswordResetRequest(email=ann.account.email))
    assert nobody == somebody
    mails = await mailbox.arrived()
    assert [mail["to"] for mail in mails] == ["ann@example.org"]


async def test_the_answer_takes_as_long_for_nobody(server: AccountsServer, mailbox: Mailbox) -> None:
    times: dict[bool, list[float]] = {True: [], False: []}
    for number in range(12):
        await server.person(f"P{number}")
    async with server.anybody() as client:
        for number in range(12):
            for there in (True, False):
                email = f"{'p' if there else 'q'}{number}@example.org"
                began = time.perf_counter()
                await client.unary("RequestPasswordReset", pb.RequestPasswordResetRequest(email=email))
                times[there].append(time.perf_counter() - began)
    # What differs happens after the answer: the medians are milliseconds, and the same class.
    assert statistics.median(times[True]) < statistics.median(times[False]) * 3 + 0.005
    await mailbox.arrived(12)


async def test_nobody_is_flooded_with_links(server: AccountsServer, mailbox: Mailbox, ann: Person) -> None:
    ben = await server.person("Ben")
    request = pb.RequestPasswordResetRequest(email=ann.account.email)
    for _ in range(5):
        await public(server, "RequestPasswordReset", request)
    await public(server, "RequestPasswordReset", pb.RequestPasswordResetRequest(email=ben.account.email))
    mails = await mailbox.arrived(4)
    assert [mail["to"] for mail in mails].count("ann@example.org") == 3
    await public(server, "RequestPasswordReset", request)
    refusal = await publicly_refused(server, "RequestPasswordReset", request)
    assert refusal == ("RESOURCE_EXHAUSTED", "TOO_MANY_ATTEMPTS")
    # Asking for links keeps nobody from signing in.
    assert (await public(server, "SignIn", pb.SignInRequest(email="ann@example.org", password=PASSWORD))).account.id


async def test_the_owner_hears_of_another_address_at_the_old_one(mailbox: Mailbox, ann: Person) -> None:
    await call(ann, "UpdateProfile", UpdateProfileRequest(email="anna@example.org"))
    (mail,) = await mailbox.arrived()
    assert (mail["to"], mail["subject"]) == ("ann@example.org", "Your address was changed")
    assert "anna@example.org" in mail.get_content()


async def test_without_mail_an_admin_has_to_help(tmp_path: Path) -> None:
    folder = tmp_path / "silent"
    folder.mkdir()
    async with accounts_server(folder) as silent:
        request = pb.RequestPasswordResetRequest(email="ann@example.org")
        refusal = await publicly_refused(silent, "RequestPasswordReset", request)
    assert refusal == ("FAILED_PRECONDITION", "NO_MAIL")
