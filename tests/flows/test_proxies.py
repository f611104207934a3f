"""A server behind reverse proxies: whom it takes callers for, and that nobody else can make it believe anything."""

from __future__ import annotations

from pathlib import Path

import pytest

from fireside.gen.v1.account_service_pb2 import ListSessionsRequest
from tests.accounts import PASSWORD, AccountsServer, accounts_server
from tests.callers import caller
from tests.http_calls import HttpAnswer, http, rpc

EMAIL = "ann@example.org"


async def sign_in(server: AccountsServer, headers: dict[str, str], password: str = PASSWORD) -> HttpAnswer:
    return await rpc(server.url, "AuthService", "SignIn", {"email": EMAIL, "password": password}, headers)


async def address_of_session(server: AccountsServer, answer: HttpAnswer, **headers: str) -> str:
    """The address that the new session is shown with."""
    cookie = answer.headers["set-cookie"].partition(";")[0]
    async with caller("connect-h2", server.url, {**headers, "cookie": cookie}) as client:
        found = await client.unary("ListSessions", ListSessionsRequest())
    return next(session.address for session in found.sessions if session.current)


async def test_a_trusted_proxy_says_who_calls_and_how(tmp_path: Path) -> None:
    async with accounts_server(tmp_path, trusted_proxies="127.0.0.1") as server:
        await server.person("Ann", password=PASSWORD)
        headers = {"x-forwarded-for": "198.51.100.1, 203.0.113.9", "x-forwarded-proto": "https"}
        answer = await sign_in(server, headers)
        assert answer.status == 200
        assert answer.headers["set-cookie"].startswith("__Host-fireside=")
        assert "; Secure" in answer.headers["set-cookie"]
        assert await address_of_session(server, answer, **headers) == "203.0.113.9"


async def test_nobody_else_does(tmp_path: Path) -> None:
    async with accounts_server(tmp_path, trusted_proxies="10.0.0.0/8") as server:
        await server.person("Ann", password=PASSWORD)
        forged = {"x-forwarded-for": "10.0.0.1", "x-forwarded-proto": "https", "x-fireside-scheme": "https"}
        answer = await sign_in(server, forged)
        assert answer.headers["set-cookie"].startswith("fireside=")
        assert "; Secure" not in answer.headers["set-cookie"]
        assert await address_of_session(server, answer) == "127.0.0.1"


async def test_a_forged_address_wins_no_further_tries(tmp_path: Path) -> None:
    async with accounts_server(tmp_path, trusted_proxies="127.0.0.1") as server:
        await server.person("Ann", password=PASSWORD)
        statuses = []
        for count in range(8):
            # The proxy adds where the call came from at the right; what is before it is the guesser's.
            headers = {"x-forwarded-for": f"192.0.2.{count}, 203.0.113.9"}
            statuses.append((await sign_in(server, headers, "wrong password")).status)
        assert statuses[-1] == 429
        assert (await sign_in(server, {"x-forwarded-for": "203.0.113.10"})).status == 200


@pytest.mark.parametrize(
    ("settings", "scheme", "told"),
    [
        ({"tls_cert": "/a.pem", "tls_key": "/a.key"}, "https", True),
        ({"tls_cert": "/a.pem", "tls_key": "/a.key"}, "http", False),
        ({"tls": "auto"}, "https", False),
        ({}, "https", False),
    ],
)
async def test_browsers_stay_with_tls_for_certificates_of_the_operator(
    tmp_path: Path, settings: dict[str, str], scheme: str, *, told: bool
) -> None:
    # Who serves the certificate is not the application: it knows of the settings and of each request's scheme.
    async with accounts_server(tmp_path, trusted_proxies="127.0.0.1", **settings) as server:
        for path in ("/healthz", "/", "/v1/models"):
            headers = (await http(server.url, "GET", path, {"x-forwarded-proto": scheme})).headers
            assert ("strict-transport-security" in headers) is told
