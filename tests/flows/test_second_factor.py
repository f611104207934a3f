"""Codes of an authenticator app and recovery codes, through the port: turned on, asked for, used once, slowed down, removed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pyotp.totp import TOTP

from fireside.gen.v1 import account_service_pb2 as account_pb
from fireside.gen.v1 import auth_service_pb2 as pb
from fireside.store import second_factors
from tests.accounts import ADMIN, PASSWORD, AccountsServer, Person, accounts_server
from tests.admin_calls import reason
from tests.callers import Caller, CallError

_STEP = 30_000_000


class Clock:
    """The time of the server's codes, in microseconds."""

    def __init__(self) -> None:
        self.now = 1_800_000_000_000_000

    def __call__(self) -> int:
        return self.now

    def code(self, secret: str, step: int = 0) -> str:
        """What an app shows, `step` steps later."""
        return TOTP(secret).at(self.now // 1_000_000 + 30 * step)


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[AccountsServer]:
    async with accounts_server(tmp_path) as opened:
        yield opened


@pytest.fixture
def clock(server: AccountsServer) -> Clock:
    made = Clock()
    server.identity.second_factors._clock = made
    return made


async def turn_on(person: Person, clock: Clock) -> tuple[str, list[str]]:
    """The app's secret, and the recovery codes."""
    async with person.caller() as client:
        begun = await client.unary("BeginTotp", account_pb.BeginTotpRequest())
        code = clock.code(begun.secret)
        confirmed = await client.unary("ConfirmTotp", account_pb.ConfirmTotpRequest(code=code))
    clock.now += 2 * _STEP
    return begun.secret, list(confirmed.recovery_codes)


async def challenge(client: Caller, person: Person) -> pb.SecondFactorNeeded:
    """Gives the password."""
    request = pb.SignInRequest(email=person.account.email, password=PASSWORD)
    answer = await client.unary("SignIn", request)
    assert not answer.HasField("account")
    return answer.second_factor


async def complete(client: Caller, token: str, code: str = "", recovery: str = "") -> str:
    """The id of who signed in, or the reason why nobody did."""
    request = pb.CompleteSignInRequest(challenge=token)
    if recovery:
        request.recovery_code = recovery
    else:
        request.totp_code = code
    try:
        return (await client.unary("CompleteSignIn", request)).account.id
    except CallError as error:
        return reason(error)


async def test_an_app_is_added_and_asked_for(server: AccountsServer, clock: Clock) -> None:
    ann = await server.person("Ann", password=PASSWORD)
    async with ann.caller() as client:
        begun = await client.unary("BeginTotp", account_pb.BeginTotpRequest())
        assert begun.uri.startswith("otpauth://totp/Fireside:ann%40example.org?secret=" + begun.secret)
        assert begun.qr_svg.startswith("<svg")
        # Nothing is asked for before a code of it was seen.
        listed = await client.unary("GetSecondFactors", account_pb.GetSecondFactorsRequest())
        assert not listed.second_factors.totp
        with pytest.raises(CallError) as wrong:
            await client.unary("ConfirmTotp", account_pb.ConfirmTotpRequest(code="000000"))
        assert (wrong.value.code, reason(wrong.value)) == ("INVALID_ARGUMENT", "CODE_WRONG")
        code = clock.code(begun.secret)
        confirmed = await client.unary("ConfirmTotp", account_pb.ConfirmTotpRequest(code=f"{code[:3]} {code[3:]}"))
        assert len(set(confirmed.recovery_codes)) == 10
        listed = await client.unary("GetSecondFactors", account_pb.GetSecondFactorsRequest())
        assert (listed.second_factors.totp, listed.second_factors.recovery_codes_left) == (True, 10)
        account = (await client.unary("GetAccount", account_pb.GetAccountRequest())).account
        assert account.has_second_factor
    async with server.anybody() as client:
        needed = await challenge(client, ann)
        assert (needed.totp, needed.recovery_code, needed.passkey) == (True, True, False)
        # The code that turned it on was used by that.
        assert await complete(client, needed.challenge, code) == "CODE_WRONG"
        assert await complete(client, needed.challenge, clock.code(begun.secret, 1)) == ann.id
        assert await complete(client, needed.challenge, clock.code(begun.secret, 1)) == "CHALLENGE_ENDED"


async def test_the_secret_is_sealed_in_the_store(server: AccountsServer, clock: Clock, tmp_path: Path) -> None:
    ann = await server.person("Ann", password=PASSWORD)
    secret, codes = await turn_on(ann, clock)
    stored = await server.identity.db.read(lambda tx: second_factors.totp(tx, ann.id))
    assert stored is not None
    assert secret.encode() not in stored.sealed
    written = b"".join(path.read_bytes() for path in sorted(tmp_path.glob("fireside.db*")))  # noqa: ASYNC240
    assert b"ann@example.org" in written
    assert not any(text.encode() in written for text in (secret, *codes, codes[0].replace("-", "")))


async def test_a_code_holds_a_step_before_and_after_and_once(server: AccountsServer, clock: Clock) -> None:
    ann = await server.person("Ann", password=PASSWORD)
    secret, _ = await turn_on(ann, clock)
    async with server.anybody() as client:
        token = (await challenge(client, ann)).challenge
        assert await complete(client, token, clock.code(secret, -2)) == "CODE_WRONG"
        assert await complete(client, token, clock.code(secret, 2)) == "CODE_WRONG"
        assert await complete(client, token, clock.code(secret, -1)) == ann.id
        late = clock.code(secret, 1)
        assert await complete(client, (await challenge(client, ann)).challenge, late) == ann.id
        # Neither the same again, nor one that an onlooker saw before it.
        token = (await challenge(client, ann)).challenge
        assert await complete(client, token, late) == "CODE_WRONG"
        assert await complete(client, token, clock.code(secret)) == "CODE_WRONG"
        clock.now += 2 * _STEP
        assert await complete(client, token, clock.code(secret)) == ann.id


async def test_recovery_codes_stand_in_once_however_typed(server: AccountsServer, clock: Clock) -> None:
    ann = await server.person("Ann", password=PASSWORD)
    _, codes = await turn_on(ann, clock)
    async with server.anybody() as client:
        token = (await challenge(client, ann)).challenge
        assert await complete(client, token, recovery="aaaa-aaaa-aaaa-aaaa") == "CODE_WRONG"
        assert await complete(client, token, recovery=codes[0].upper().replace("-", " ")) == ann.id
        token = (await challenge(client, ann)).challenge
        assert await complete(client, token, recovery=codes[0]) == "CODE_WRONG"
        assert await complete(client, token, recovery=codes[1]) == ann.id
    async with ann.caller() as client:
        listed = await client.unary("GetSecondFactors", account_pb.GetSecondFactorsRequest())
        assert listed.second_factors.recovery_codes_left == 8
        renewed = await client.unary("RenewRecoveryCodes", account_pb.RenewRecoveryCodesRequest())
        assert not set(renewed.recovery_codes) & set(codes)
    async with server.anybody() as client:
        token = (await challenge(client, ann)).challenge
        assert await complete(client, token, recovery=codes[2]) == "CODE_WRONG"
        assert await complete(client, token, recovery=renewed.recovery_codes[0]) == ann.id


async def test_guessing_codes_is_slowed_down_whatever_the_challenge(server: AccountsServer, clock: Clock) -> None:
    ann = await server.person("Ann", password=PASSWORD)
    secret, codes = await turn_on(ann, clock)
    async with server.anybody() as client:
        for _ in range(2):
            token = (await challenge(client, ann)).challenge
            assert [await complete(client, token, "000000") for _ in range(5)] == ["CODE_WRONG"] * 5
        token = (await challenge(client, ann)).challenge
        # Also the right one: an answer that differs would tell.
        assert await complete(client, token, clock.code(secret)) == "TOO_MANY_ATTEMPTS"
        # Who owns the account is not shut out: a recovery code cannot be guessed.
        assert await complete(client, token, recovery=codes[0]) == ann.id


async def test_a_challenge_ends_after_wrong_answers(server: AccountsServer, clock: Clock) -> None:
    ann = await server.person("Ann", password=PASSWORD)
    await turn_on(ann, clock)
    factors = server.identity.second_factors
    needed = await factors.needed(ann.id)
    assert needed is not None
    for _ in range(8):
        with pytest.raises(Exception, match="code is wrong"):
            await factors.complete(needed.challenge, recovery_code="no")
    with pytest.raises(Exception, match="took too long"):
        await factors.complete(needed.challenge, recovery_code="no")


async def test_codes_are_turned_off_with_a_fresh_password_only(server: AccountsServer, clock: Clock) -> None:
    ann = await server.person("Ann", password=PASSWORD)
    await turn_on(ann, clock)
    sessions = server.identity.sessions
    real, later = sessions._clock, 16 * 60 * 1_000_000
    async with ann.caller() as client:
        sessions._clock = lambda: real() + later
        for method, request in (
            ("BeginTotp", account_pb.BeginTotpRequest()),
            ("RemoveTotp", account_pb.RemoveTotpRequest()),
            ("RenewRecoveryCodes", account_pb.RenewRecoveryCodesRequest()),
            ("BeginPasskey", account_pb.BeginPasskeyRequest()),
            ("RemovePasskey", account_pb.RemovePasskeyRequest(passkey_id="x")),
        ):
            with pytest.raises(CallError) as stale:
                await client.unary(method, request)
            assert (stale.value.code, reason(stale.value)) == ("FAILED_PRECONDITION", "CONFIRM_PASSWORD")
        sessions._clock = real
        await client.unary("RemoveTotp", account_pb.RemoveTotpRequest())
        listed = await client.unary("GetSecondFactors", account_pb.GetSecondFactorsRequest())
        assert (listed.second_factors.totp, listed.second_factors.recovery_codes_left) == (False, 0)
        with pytest.raises(CallError) as none:
            await client.unary("RenewRecoveryCodes", account_pb.RenewRecoveryCodesRequest())
        assert reason(none.value) == "NO_SECOND_FACTOR"
        with pytest.raises(CallError) as begun:
            await client.unary("ConfirmTotp", account_pb.ConfirmTotpRequest(code="123456"))
        assert reason(begun.value) == "TOTP_NOT_BEGUN"
    async with server.anybody() as client:
        signed_in = await client.unary("SignIn", pb.SignInRequest(email=ann.account.email, password=PASSWORD))
        assert signed_in.account.id == ann.id


async def test_a_wrong_password_tells_nothing_of_second_factors(server: AccountsServer, clock: Clock) -> None:
    ann = await server.person("Ann", password=PASSWORD)
    await turn_on(ann, clock)
    async with server.anybody() as client:
        for email in (ann.account.email, "nobody@example.org"):
            with pytest.raises(CallError) as failed:
                await client.unary("SignIn", pb.SignInRequest(email=email, password="wrong password"))
            assert (failed.value.code, reason(failed.value)) == ("UNAUTHENTICATED", "SIGN_IN_FAILED")
        for token in ("", "fsc_unknown"):
            with pytest.raises(CallError):
                await client.unary("CompleteSignIn", pb.CompleteSignInRequest(challenge=token, totp_code="123456"))


async def test_another_secret_key_leaves_the_recovery_codes(tmp_path: Path) -> None:
    clock = Clock()
    async with accounts_server(tmp_path, secret_key="first of two secret keys") as server:
        server.identity.second_factors._clock = clock
        ann = await server.person("Ann", password=PASSWORD, role=ADMIN)
        secret, codes = await turn_on(ann, clock)
    async with accounts_server(tmp_path, secret_key="other of two secret keys") as server:
        server.identity.second_factors._clock = clock
        async with server.anybody() as client:
            token = (await challenge(client, ann)).challenge
            assert await complete(client, token, clock.code(secret)) == "TOTP_UNREADABLE"
            assert await complete(client, token, recovery=codes[0]) == ann.id
