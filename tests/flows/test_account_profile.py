"""The own account through the port: what its owner sees and changes, and what each change needs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from fireside.gen.v1 import account_service_pb2 as pb
from fireside.gen.v1.account_pb2 import Account
from fireside.gen.v1.auth_service_pb2 import SignInRequest
from tests.accounts import MEMBER, PASSWORD, AccountsServer, Person, accounts_server
from tests.callers import CALLERS
from tests.own_calls import (
    browse,
    call,
    deeds,
    half_an_hour_later,
    moved_to,
    public,
    publicly_refused,
    refused,
)
from tests.served import serve

NEW = "another horse, another staple"
GET = pb.GetAccountRequest()


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[AccountsServer]:
    async with accounts_server(tmp_path) as opened:
        yield opened


@pytest.fixture
async def ann(server: AccountsServer) -> Person:
    return await server.person("Ann", password=PASSWORD)


@pytest.mark.parametrize("kind", CALLERS)
async def test_the_owner_sees_the_account(kind: str, ann: Person) -> None:
    async with ann.caller(kind) as hers:
        account = (await hers.unary("GetAccount", GET)).account
    assert (account.name, account.email, account.role) == ("Ann", "ann@example.org", MEMBER)
    assert account.has_password
    assert not account.has_second_factor
    assert account.etag


async def test_nobody_else_does(server: AccountsServer) -> None:
    assert await publicly_refused(server, "GetAccount", GET) == ("UNAUTHENTICATED", "SIGN_IN")


async def test_a_name_and_a_language_are_changed_at_once(server: AccountsServer, ann: Person) -> None:
    await half_an_hour_later(server, ann)
    request = pb.UpdateProfileRequest(name="  Ann Ôther ", language="zh")
    changed = (await call(ann, "UpdateProfile", request)).account
    assert (changed.name, changed.language, changed.email) == ("Ann Ôther", "zh", "ann@example.org")
    assert (await call(ann, "GetAccount", GET)).account == changed
    assert (await server.principal(ann)).name == "Ann Ôther"
    assert await deeds(server, ann.id) == ["account.updated"]


async def test_what_is_not_named_stays(ann: Person) -> None:
    await call(ann, "UpdateProfile", pb.UpdateProfileRequest(language="zh"))
    changed = (await call(ann, "UpdateProfile", pb.UpdateProfileRequest(language=""))).account
    assert (changed.name, changed.language) == ("Ann", "")


async def test_a_name_can_be_seen(ann: Person) -> None:
    assert await refused(ann, "UpdateProfile", pb.UpdateProfileRequest(name="  ")) == (
        "INVALID_ARGUMENT",
        "NAME_EMPTY",
    )


async def test_an_etag_that_is_stale_is_refused(ann: Person) -> None:
    etag = (await call(ann, "GetAccount", GET)).account.etag
    await call(ann, "UpdateProfile", pb.UpdateProfileRequest(name="Anna", etag=etag))
    refusal = await refused(ann, "UpdateProfile", pb.UpdateProfileRequest(name="Anne", etag=etag))
    assert refusal == ("ABORTED", "STALE_ETAG")
    assert (await call(ann, "GetAccount", GET)).account.name == "Anna"


async def test_another_address_needs_a_fresh_password(server: AccountsServer, ann: Person) -> None:
    await half_an_hour_later(server, ann)
    request = pb.UpdateProfileRequest(email="anna@example.org")
    assert await refused(ann, "UpdateProfile", request) == ("FAILED_PRECONDITION", "CONFIRM_PASSWORD")
    wrong = pb.ConfirmPasswordRequest(password="wrong")
    assert await refused(ann, "ConfirmPassword", wrong) == ("UNAUTHENTICATED", "PASSWORD_WRONG")
    assert await refused(ann, "UpdateProfile", request) == ("FAILED_PRECONDITION", "CONFIRM_PASSWORD")
    await call(ann, "ConfirmPassword", pb.ConfirmPasswordRequest(password=PASSWORD))
    assert (await call(ann, "UpdateProfile", request)).account.email == "anna@example.org"
    signed_in = await public(server, "SignIn", SignInRequest(email="ANNA@example.org", password=PASSWORD))
    assert signed_in.account.id == ann.id
    old = SignInRequest(email="ann@example.org", password=PASSWORD)
    assert (await publicly_refused(server, "SignIn", old))[1] == "SIGN_IN_FAILED"


async def test_an_address_belongs_to_one_account(server: AccountsServer, ann: Person) -> None:
    await server.person("Ben")
    request = pb.UpdateProfileRequest(email="BEN@example.org")
    assert await refused(ann, "UpdateProfile", request) == ("ALREADY_EXISTS", "EMAIL_TAKEN")


@pytest.mark.parametrize("email", ["ann@exa\nmple.org", "a\u2028b@example.org", "ann@example.org\t.x"])
async def test_an_address_has_no_characters_that_cannot_be_seen(email: str, ann: Person) -> None:
    code, _ = await refused(ann, "UpdateProfile", pb.UpdateProfileRequest(email=email))
    assert code == "INVALID_ARGUMENT"


async def test_who_guesses_in_a_session_is_slowed_down_and_the_owner_is_not(
    server: AccountsServer, ann: Person
) -> None:
    refusals = [await refused(ann, "ConfirmPassword", pb.ConfirmPasswordRequest(password="wrong")) for _ in range(7)]
    assert refusals[0] == ("UNAUTHENTICATED", "PASSWORD_WRONG")
    assert refusals[-1] == ("RESOURCE_EXHAUSTED", "TOO_MANY_ATTEMPTS")
    assert (await public(server, "SignIn", SignInRequest(email="ann@example.org", password=PASSWORD))).account.id


async def test_a_password_is_changed_with_the_present_one(server: AccountsServer, ann: Person) -> None:
    elsewhere = await server.again(ann)
    await half_an_hour_later(server, ann)
    wrong = pb.ChangePasswordRequest(current_password="wrong", new_password=NEW)
    assert await refused(ann, "ChangePassword", wrong) == ("UNAUTHENTICATED", "PASSWORD_WRONG")
    right = pb.ChangePasswordRequest(current_password=PASSWORD, new_password=NEW)
    answer = await browse(server.url, "ChangePassword", right, ann.token)
    assert answer.message.account.id == ann.id
    assert answer.cookie
    assert answer.cookie != ann.token
    assert "HttpOnly" in answer.set_cookie
    assert "SameSite=Lax" in answer.set_cookie
    # The old token of this session, and other sessions, open nothing any more.
    for gone in (ann, elsewhere):
        assert await refused(gone, "GetAccount", GET) == ("UNAUTHENTICATED", "SESSION_ENDED")
    now = moved_to(ann, answer.cookie)
    # It was the password that was given: nothing has to be confirmed once more.
    await call(now, "UpdateProfile", pb.UpdateProfileRequest(email="anna@example.org"))
    old = SignInRequest(email="anna@example.org", password=PASSWORD)
    assert (await publicly_refused(server, "SignIn", old))[1] == "SIGN_IN_FAILED"
    assert (await public(server, "SignIn", SignInRequest(email="anna@example.org", password=NEW))).account.id == ann.id
    assert "password.changed" in await deeds(server, ann.id)


async def test_a_password_has_ten_characters(ann: Person) -> None:
    request = pb.ChangePasswordRequest(current_password=PASSWORD, new_password="123456789")
    assert (await refused(ann, "ChangePassword", request))[0] == "INVALID_ARGUMENT"


async def test_an_account_without_a_password_gets_one_while_it_is_fresh(server: AccountsServer) -> None:
    ben = await server.person("Ben")
    confirm = pb.ConfirmPasswordRequest(password="anything")
    assert await refused(ben, "ConfirmPassword", confirm) == ("FAILED_PRECONDITION", "NO_PASSWORD")
    request = pb.ChangePasswordRequest(new_password=NEW)
    await half_an_hour_later(server, ben)
    assert await refused(ben, "ChangePassword", request) == ("FAILED_PRECONDITION", "CONFIRM_PASSWORD")
    again = await server.again(ben)
    assert (await call(again, "ChangePassword", request)).account.has_password
    assert (await public(server, "SignIn", SignInRequest(email="ben@example.org", password=NEW))).account.id == ben.id


async def test_a_server_without_sign_in_has_no_account_to_look_after(tmp_path: Path) -> None:
    async with serve(tmp_path) as served:
        local = Person(served.url, Account(), "")
        for method, request in (
            ("GetAccount", GET),
            ("UpdateProfile", pb.UpdateProfileRequest(name="x")),
            ("ConfirmPassword", pb.ConfirmPasswordRequest(password="x")),
            ("ChangePassword", pb.ChangePasswordRequest(new_password=NEW)),
            ("ListSessions", pb.ListSessionsRequest()),
            ("RevokeSession", pb.RevokeSessionRequest(session_id="x")),
            ("RevokeOtherSessions", pb.RevokeOtherSessionsRequest()),
            ("CreateApiKey", pb.CreateApiKeyRequest(name="x")),
            ("ListApiKeys", pb.ListApiKeysRequest()),
            ("DeleteApiKey", pb.DeleteApiKeyRequest(api_key_id="x")),
            ("GetSecondFactors", pb.GetSecondFactorsRequest()),
            ("BeginTotp", pb.BeginTotpRequest()),
            ("RemoveTotp", pb.RemoveTotpRequest()),
            ("BeginPasskey", pb.BeginPasskeyRequest()),
            ("DeleteAccount", pb.DeleteAccountRequest(email="x")),
        ):
            assert await refused(local, method, request) == ("FAILED_PRECONDITION", "SINGLE_USER"), method
