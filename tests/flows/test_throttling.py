"""Guessing passwords through the port: slowed down, told nothing, and no way to lock others out."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from pathlib import Path
from statistics import median

import pytest
from google.rpc.error_details_pb2 import RetryInfo

from fireside.gen.v1.account_pb2 import ACCOUNT_STATE_DISABLED
from fireside.gen.v1.auth_service_pb2 import CompleteSignInRequest, SignInRequest
from fireside.store import accounts
from tests.accounts import PASSWORD, AccountsServer, accounts_server
from tests.admin_calls import reason
from tests.callers import CallError, caller
from tests.http_calls import rpc

WRONG = "not it at all"
HOME, GUESSER = "203.0.113.5", "198.51.100.7"


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[AccountsServer]:
    """The tests are its proxy, and so can call from anywhere."""
    async with accounts_server(tmp_path, trusted_proxies="127.0.0.1") as server:
        yield server


async def tried(
    server: AccountsServer, email: str, password: str = WRONG, address: str = GUESSER, kind: str = "connect-h2"
) -> CallError | None:
    """A sign-in from an address; the error if it failed."""
    async with caller(kind, server.url, {"x-forwarded-for": address}) as client:
        try:
            await client.unary("SignIn", SignInRequest(email=email, password=password))
        except CallError as error:
            return error
    return None


async def told(server: AccountsServer, email: str, address: str = GUESSER) -> tuple[str, str, str]:
    """Code, reason and sentence of a wrong try."""
    error = await tried(server, email, address=address)
    assert error is not None
    return error.code, reason(error), error.message


async def guess_until_refused(server: AccountsServer, email: str, address: str = GUESSER, most: int = 20) -> CallError:
    """Tries wrong passwords until it is too early for another one."""
    for _ in range(most):
        error = await tried(server, email, address=address)
        assert error is not None
        if error.code == "RESOURCE_EXHAUSTED":
            return error
        assert reason(error) == "SIGN_IN_FAILED"
    raise AssertionError("nobody slowed it down")


@pytest.mark.parametrize("kind", ["grpcio", "connect-h1", "connect-json-h2", "grpc-web-h1"])
async def test_after_some_wrong_passwords_one_has_to_wait(server: AccountsServer, kind: str) -> None:
    await server.person("Ann", password=PASSWORD)
    codes = [error and error.code for error in [await tried(server, "ann@example.org", kind=kind) for _ in range(8)]]
    assert codes[:5] == ["UNAUTHENTICATED"] * 5
    assert codes[-1] == "RESOURCE_EXHAUSTED"
    error = await tried(server, "ann@example.org", PASSWORD, kind=kind)  # the right one has to wait as well
    assert error is not None
    assert reason(error) == "TOO_MANY_ATTEMPTS"
    wait = RetryInfo.FromString(error.details["google.rpc.RetryInfo"]).retry_delay.ToTimedelta().total_seconds()
    assert 1 <= wait <= 60


async def test_for_a_browser_it_is_429(server: AccountsServer) -> None:
    await server.person("Ann", password=PASSWORD)
    await guess_until_refused(server, "ann@example.org")
    request = {"email": "ann@example.org", "password": PASSWORD}
    answer = await rpc(server.url, "AuthService", "SignIn", request, {"x-forwarded-for": GUESSER})
    assert answer.status == 429
    assert answer.json()["code"] == "resource_exhausted"


async def test_another_person_gets_in_from_the_same_address(server: AccountsServer) -> None:
    await server.person("Ann", password=PASSWORD)
    await server.person("Bob", password=PASSWORD)
    await guess_until_refused(server, "ann@example.org")
    assert await tried(server, "bob@example.org", PASSWORD) is None


async def test_the_same_person_gets_in_from_another_address(server: AccountsServer) -> None:
    await server.person("Ann", password=PASSWORD)
    await guess_until_refused(server, "ann@example.org")
    assert await tried(server, "ann@example.org", PASSWORD, address=HOME) is None


async def test_many_addresses_together_cannot_lock_somebody_out(server: AccountsServer) -> None:
    await server.person("Ann", password=PASSWORD)
    assert await tried(server, "ann@example.org", PASSWORD, address=HOME) is None
    refused = None
    for number in range(80):
        refused = await tried(server, "ann@example.org", address=f"198.51.100.{number}")
        if refused is not None and refused.code == "RESOURCE_EXHAUSTED":
            break
    assert refused is not None
    assert refused.code == "RESOURCE_EXHAUSTED"  # for an address that nobody knows, and with the right password too
    error = await tried(server, "ann@example.org", PASSWORD, address="192.0.2.1")
    assert error is not None
    assert reason(error) == "TOO_MANY_ATTEMPTS"
    assert await tried(server, "ann@example.org", PASSWORD, address=HOME) is None


async def test_one_address_cannot_try_a_password_on_everybody(server: AccountsServer) -> None:
    codes = [(await told(server, f"person{number}@example.org"))[0] for number in range(40)]
    assert codes[0] == "UNAUTHENTICATED"
    assert codes[-1] == "RESOURCE_EXHAUSTED"


async def test_nothing_tells_whether_there_is_an_account(server: AccountsServer) -> None:
    await server.person("Ann", password=PASSWORD)
    await server.person("Ned")  # has no password
    gone = await server.person("Gus", password=PASSWORD)
    gone.account.state = ACCOUNT_STATE_DISABLED
    await server.identity.changes.write(gone.id, lambda tx: accounts.update(tx, gone.account))
    names = ("ann", "ned", "gus", "nobody")
    for round_ in range(9):  # before it is too early for another try, and after
        answers = {await told(server, f"{name}@example.org", f"198.51.100.{index}") for index, name in enumerate(names)}
        assert len(answers) == 1, round_
    assert answers.pop()[1] == "TOO_MANY_ATTEMPTS"


async def test_an_unknown_address_takes_as_long_as_a_known_one(server: AccountsServer) -> None:
    await server.person("Ann", password=PASSWORD)
    times: dict[str, list[float]] = {"ann@example.org": [], "nobody@example.org": []}
    for number in range(12):
        for email, taken in times.items():
            began = time.perf_counter()
            assert (await told(server, email, f"198.51.100.{number}"))[1] == "SIGN_IN_FAILED"
            taken.append(time.perf_counter() - began)
    known, unknown = (median(taken) for taken in times.values())
    # Without a password hash to check, it would take a twentieth.
    assert 0.4 < unknown / known < 2.5


async def test_guessing_challenges_is_slowed_down_too(server: AccountsServer) -> None:
    await server.person("Ann", password=PASSWORD)
    codes: list[str] = []
    async with caller("connect-h2", server.url, {"x-forwarded-for": GUESSER}) as client:
        for number in range(40):
            request = CompleteSignInRequest(challenge=f"fsc_{number:043}", totp_code="123456")
            with pytest.raises(CallError) as caught:
                await client.unary("CompleteSignIn", request)
            codes.append(caught.value.code)
    assert codes[0] == "UNAUTHENTICATED"
    assert codes[-1] == "RESOURCE_EXHAUSTED"
