"""Passkeys through the port, with an authenticator in software: added, used alone and after a password, and what is refused."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from fireside.core.principal import Origin
from fireside.gen.v1 import account_service_pb2 as account_pb
from fireside.gen.v1 import auth_service_pb2 as pb
from fireside.gen.v1.account_pb2 import ACCOUNT_STATE_DISABLED, ACCOUNT_STATE_PENDING
from fireside.gen.v1.second_factor_pb2 import Passkey
from fireside.identity.passkey_proofs import Party, party_of
from fireside.store import accounts
from fireside.store.tx import Tx
from tests.accounts import PASSWORD, AccountsServer, Person, accounts_server
from tests.admin_calls import reason
from tests.authenticator import Authenticator, b64url
from tests.callers import Caller, CallError, caller


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[AccountsServer]:
    # Browsers have passkeys at names, not at numbers.
    async with accounts_server(tmp_path) as opened:
        yield AccountsServer(opened.app, opened.url.replace("127.0.0.1", "localhost"))


@pytest.fixture
def device(server: AccountsServer) -> Authenticator:
    return Authenticator(server.url)


async def add(person: Person, device: Authenticator, name: str = "Laptop") -> Passkey:
    async with person.caller() as client:
        begun = await client.unary("BeginPasskey", account_pb.BeginPasskeyRequest())
        request = account_pb.FinishPasskeyRequest(
            challenge=begun.challenge, credential_json=device.create(begun.options_json), name=name
        )
        return (await client.unary("FinishPasskey", request)).passkey


async def sign_in(client: Caller, device: Authenticator, challenge: str = "") -> str:
    """The id of who signed in, or the reason why nobody did."""
    begun = await client.unary("BeginPasskeySignIn", pb.BeginPasskeySignInRequest(challenge=challenge))
    return await finish(client, begun.challenge, device.get(begun.options_json))


async def finish(client: Caller, challenge: str, credential_json: str) -> str:
    request = pb.FinishPasskeySignInRequest(challenge=challenge, credential_json=credential_json)
    try:
        answer = await client.unary("FinishPasskeySignIn", request)
    except CallError as error:
        return reason(error)
    return "pending" if answer.pending else answer.account.id


async def test_a_passkey_is_added_and_signs_in_alone(server: AccountsServer, device: Authenticator) -> None:
    ann = await server.person("Ann", password=PASSWORD)
    made = await add(ann, device)
    assert (made.name, made.HasField("create_time"), made.HasField("last_use_time")) == ("Laptop", True, False)
    async with server.anybody() as client:
        assert (await client.unary("GetAuthState", pb.GetAuthStateRequest())).passkeys
        assert await sign_in(client, device) == ann.id
        assert await sign_in(client, device) == ann.id
    async with ann.caller() as client:
        listed = (await client.unary("GetSecondFactors", account_pb.GetSecondFactorsRequest())).second_factors
        assert [passkey.id for passkey in listed.passkeys] == [made.id]
        assert listed.passkeys[0].HasField("last_use_time")
        # The same device is not asked for a second one.
        begun = await client.unary("BeginPasskey", account_pb.BeginPasskeyRequest())
        excluded = [item["id"] for item in json.loads(begun.options_json)["excludeCredentials"]]
        assert excluded == [b64url(device.credentials[0].id)]


async def test_a_passkey_completes_a_sign_in_by_password(server: AccountsServer, device: Authenticator) -> None:
    ann, bob = await server.person("Ann", password=PASSWORD), await server.person("Bob", password=PASSWORD)
    await add(ann, device)
    theirs = Authenticator(server.url)
    await add(bob, theirs)
    async with server.anybody() as client:
        request = pb.SignInRequest(email=ann.account.email, password=PASSWORD)
        needed = (await client.unary("SignIn", request)).second_factor
        assert (needed.passkey, needed.totp, needed.recovery_code) == (True, False, False)
        # Whoever has the password and a passkey of another account is not Ann.
        begun = await client.unary("BeginPasskeySignIn", pb.BeginPasskeySignInRequest(challenge=needed.challenge))
        options = json.loads(begun.options_json) | {"allowCredentials": []}
        assert await finish(client, begun.challenge, theirs.get(json.dumps(options))) == "PASSKEY_WRONG"
        # After a password it is enough to have the device.
        device.verified = False
        assert await sign_in(client, device, needed.challenge) == ann.id
        with pytest.raises(CallError) as ended:
            await client.unary("BeginPasskeySignIn", pb.BeginPasskeySignInRequest(challenge=needed.challenge))
        assert (ended.value.code, reason(ended.value)) == ("UNAUTHENTICATED", "CHALLENGE_ENDED")


async def test_what_does_not_prove_who_it_is(server: AccountsServer, device: Authenticator) -> None:
    ann = await server.person("Ann", password=PASSWORD)
    await add(ann, device)
    async with server.anybody() as client:
        device.verified = False
        assert await sign_in(client, device) == "PASSKEY_WRONG"
        device.verified, device.origin = True, "http://localhost:1"
        assert await sign_in(client, device) == "PASSKEY_WRONG"
        device.origin = server.url
        assert await finish(client, "fsc_unknown", "{}") == "PASSKEY_WRONG"
        begun = await client.unary("BeginPasskeySignIn", pb.BeginPasskeySignInRequest())
        answer = device.get(begun.options_json)
        for field, value in (("signature", "AAAA"), ("userHandle", b64url(b"another")), ("clientDataJSON", "AAAA")):
            changed = json.loads(answer)
            changed["response"][field] = value
            begun = await client.unary("BeginPasskeySignIn", pb.BeginPasskeySignInRequest())
            assert await finish(client, begun.challenge, json.dumps(changed)) == "PASSKEY_WRONG"


async def test_an_answer_is_good_once(server: AccountsServer, device: Authenticator) -> None:
    ann = await server.person("Ann", password=PASSWORD)
    device.counts = False
    await add(ann, device)
    async with server.anybody() as client:
        begun = await client.unary("BeginPasskeySignIn", pb.BeginPasskeySignInRequest())
        answer = device.get(begun.options_json)
        assert await finish(client, begun.challenge, answer) == ann.id
        assert await finish(client, begun.challenge, answer) == "PASSKEY_WRONG"
        again = await client.unary("BeginPasskeySignIn", pb.BeginPasskeySignInRequest())
        assert await finish(client, again.challenge, answer) == "PASSKEY_WRONG"


async def test_a_copied_authenticator_is_noticed_by_its_count(server: AccountsServer, device: Authenticator) -> None:
    ann = await server.person("Ann", password=PASSWORD)
    await add(ann, device)
    async with server.anybody() as client:
        assert await sign_in(client, device) == ann.id
        device.credentials[0].count = 0
        assert await sign_in(client, device) == "PASSKEY_WRONG"


async def test_what_is_not_added(server: AccountsServer, device: Authenticator) -> None:
    ann, bob = await server.person("Ann", password=PASSWORD), await server.person("Bob", password=PASSWORD)
    await add(ann, device)
    async with ann.caller() as client, bob.caller() as other:
        begun = await client.unary("BeginPasskey", account_pb.BeginPasskeyRequest())
        good = device.create(begun.options_json)
        request = account_pb.FinishPasskeyRequest(challenge=begun.challenge, credential_json=good, name="x")
        # Bob has not begun it; and what was answered once has ended.
        for client_of in (other, client):
            with pytest.raises(CallError) as wrong:
                await client_of.unary("FinishPasskey", request)
            assert (wrong.value.code, reason(wrong.value)) == ("INVALID_ARGUMENT", "PASSKEY_WRONG")
        device.verified = False
        begun = await client.unary("BeginPasskey", account_pb.BeginPasskeyRequest())
        for answer in (device.create(begun.options_json), "{}", "[", "null"):
            request = account_pb.FinishPasskeyRequest(challenge=begun.challenge, credential_json=answer, name="x")
            with pytest.raises(CallError) as wrong:
                await client.unary("FinishPasskey", request)
            assert reason(wrong.value) == "PASSKEY_WRONG"


async def test_a_removed_passkey_opens_nothing(server: AccountsServer, device: Authenticator) -> None:
    ann, bob = await server.person("Ann", password=PASSWORD), await server.person("Bob", password=PASSWORD)
    made = await add(ann, device)
    remove = account_pb.RemovePasskeyRequest(passkey_id=made.id)
    async with bob.caller() as client:
        with pytest.raises(CallError) as not_his:
            await client.unary("RemovePasskey", remove)
        assert (not_his.value.code, reason(not_his.value)) == ("NOT_FOUND", "PASSKEY_NOT_FOUND")
    async with ann.caller() as client:
        await client.unary("RemovePasskey", remove)
        assert not (await client.unary("GetAccount", account_pb.GetAccountRequest())).account.has_second_factor
    async with server.anybody() as client:
        assert await sign_in(client, device) == "PASSKEY_WRONG"


@pytest.mark.parametrize(
    ("state", "outcome"), [(ACCOUNT_STATE_DISABLED, "ACCOUNT_DISABLED"), (ACCOUNT_STATE_PENDING, "pending")]
)
async def test_a_passkey_of_an_account_that_is_not_active(
    server: AccountsServer, device: Authenticator, state: int, outcome: str
) -> None:
    ann = await server.person("Ann", password=PASSWORD)
    await add(ann, device)

    async def close(tx: Tx) -> None:
        account = await accounts.get(tx, ann.id)
        assert account is not None
        account.state = state
        await accounts.update(tx, account)

    await server.identity.changes.write(ann.id, close)
    async with server.anybody() as client:
        assert await sign_in(client, device) == outcome


async def test_there_are_no_passkeys_at_a_number(server: AccountsServer) -> None:
    async with caller("connect-h2", server.url.replace("localhost", "127.0.0.1")) as client:
        assert not (await client.unary("GetAuthState", pb.GetAuthStateRequest())).passkeys
        with pytest.raises(CallError) as none:
            await client.unary("BeginPasskeySignIn", pb.BeginPasskeySignInRequest())
        assert (none.value.code, reason(none.value)) == ("UNIMPLEMENTED", "PASSKEYS_UNAVAILABLE")


async def test_beginning_over_and_over_is_slowed_down(server: AccountsServer) -> None:
    async def begin(client: Caller) -> str:
        try:
            await client.unary("BeginPasskeySignIn", pb.BeginPasskeySignInRequest())
        except CallError as error:
            return f"{error.code} {reason(error)}"
        return ""

    async with server.anybody() as client:
        outcomes = [await begin(client) for _ in range(32)]
    assert outcomes[:30] == [""] * 30
    assert outcomes[-1] == "RESOURCE_EXHAUSTED TOO_MANY_ATTEMPTS"


@pytest.mark.parametrize(
    ("host", "secure", "public_url", "party"),
    [
        ("localhost:8080", False, "", Party("localhost", "http://localhost:8080")),
        ("chat.example.org", True, "", Party("chat.example.org", "https://chat.example.org")),
        ("Chat.Example.org:8443", True, "", Party("chat.example.org", "https://chat.example.org:8443")),
        ("chat.example.org", False, "", None),
        ("chat.example.org", False, "https://chat.example.org", Party("chat.example.org", "https://chat.example.org")),
        ("other.example.org", False, "https://chat.example.org", None),
        ("192.168.1.2", True, "", None),
        ("[::1]:8080", True, "", None),
        ("[::1", True, "", None),
        ("", True, "", None),
    ],
)
def test_who_the_server_is_to_authenticators(host: str, secure: bool, public_url: str, party: Party | None) -> None:
    assert party_of(Origin(host=host, secure=secure), public_url) == party
