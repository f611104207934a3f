"""Signing in at an OpenID Connect provider, as a browser goes, and whose account that is. What a provider must not do is in
test_oidc_lies.py.
"""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest

from fireside.gen.v1.account_pb2 import ACCOUNT_STATE_ACTIVE, ACCOUNT_STATE_DISABLED, ACCOUNT_STATE_PENDING
from fireside.gen.v1.auth_service_pb2 import GetAuthStateRequest
from fireside.gen.v1.group_pb2 import Group
from fireside.gen.v1.group_service_pb2 import CreateGroupRequest
from fireside.gen.v1.people_service_pb2 import ListAccountsRequest, UpdateAccountRequest
from fireside.gen.v1.policy_pb2 import SIGN_UP_MODE_CLOSED
from fireside.gen.v1.policy_service_pb2 import GetPolicyRequest, UpdatePolicyRequest
from fireside.store import second_factors
from fireside.store.second_factors import Totp
from tests.accounts import PASSWORD, AccountsServer, Person, accounts_server
from tests.admin_calls import actions, call
from tests.oidc_servers import CLIENT, SECRET, RealProvider, node_for_provider, real_provider

PEOPLE = {
    "ann": {"name": "Ann", "email": "ann@example.org", "email_verified": True, "groups": ["writers", "others"]},
    "bob": {"name": "Bob", "email": "bob@elsewhere.org", "email_verified": True},
    "eve": {"name": "Eve", "email": "ann@example.org", "email_verified": False},
}


@pytest.fixture(scope="session")
def node() -> str:
    return node_for_provider()


def toml(issuer: str, **more: str) -> str:
    """The settings file's table; values are TOML."""
    keys = {
        "name": '"company"', "label": '"Example Inc."', "issuer": f'"{issuer}"', "client_id": f'"{CLIENT}"',
        "client_secret": f'"{SECRET}"', "sign_up": "true", **more,
    }  # fmt: skip
    return "[[oidc]]\n" + "".join(f"{key} = {value}\n" for key, value in keys.items())


@dataclass
class Browser:
    """Keeps cookies and follows links one by one."""

    session: aiohttp.ClientSession
    base: str
    here: Any = None
    """The last address that it went to."""

    async def get(self, url: str) -> str:
        """Where an address sends it; empty for nowhere."""
        async with self.session.get(url if "://" in url else self.base + url, allow_redirects=False) as response:
            # Cookies do not know ports, so that any of the provider's will do as well.
            self.here = response.url
            return response.headers.get("location", "")

    async def to_provider(self, path: str = "/auth/oidc/company/start") -> str:
        """Begins; the provider's address."""
        return await self.get(path)

    async def through(self, url: str, account: str) -> str:
        """Signs in there as `account`; the address that it sends back to."""
        for _ in range(10):
            if urlsplit(url).path.startswith("/interaction/"):
                url += f"?account={account}"
            place = await self.get(url)
            url = place if "://" in place else "{0.scheme}://{0.netloc}{1}".format(urlsplit(url), place)
            if url.startswith(self.base):
                return url
        raise AssertionError(url)

    async def sign_in(self, account: str = "ann", start: str = "/auth/oidc/company/start") -> str:
        """Where it ends."""
        return await self.get(await self.through(await self.to_provider(start), account))

    def kept(self) -> str:
        """What belongs to the sign-in that is going on."""
        return next(cookie.value for cookie in self.session.cookie_jar if cookie.key == "fireside-oidc")

    def keep(self, value: str) -> None:
        """Puts something in its place."""
        self.session.cookie_jar.update_cookies({"fireside-oidc": value}, self.here)

    async def who(self) -> Mapping[str, Any]:
        """Who has signed in."""
        url = f"{self.base}/fireside.v1.AuthService/GetAuthState"
        async with self.session.post(url, json={}) as response:
            return (await response.json()).get("account", {})


@asynccontextmanager
async def browser(server: AccountsServer) -> AsyncIterator[Browser]:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        yield Browser(session, server.url)


@dataclass(frozen=True)
class Place:
    """A server whose provider is real."""

    server: AccountsServer
    ada: Person
    provider: RealProvider


@asynccontextmanager
async def place(folder: Path, node: str, client: Mapping[str, Any] | None = None, **more: str) -> AsyncIterator[Place]:
    async with real_provider(node) as provider, accounts_server(folder, toml(provider.issuer, **more)) as server:
        await provider.ready(f"{server.url}/auth/oidc/company/callback", PEOPLE, **(client or {}))
        yield Place(server, await server.set_up(), provider)


async def test_somebody_signs_in_and_comes_back(tmp_path: Path, node: str) -> None:
    async with place(tmp_path, node) as here, browser(here.server) as visitor:
        async with here.server.anybody() as client:
            providers = (await client.unary("GetAuthState", GetAuthStateRequest())).providers
        assert [(each.name, each.label) for each in providers] == [("company", "Example Inc.")]
        assert await visitor.sign_in(start="/auth/oidc/company/start?next=%2Fc%2F7") == "/c/7"
        account = await visitor.who()
        assert (account["name"], account["email"], account["provider"]) == ("Ann", "ann@example.org", "company")
        assert account["role"] == "ACCOUNT_ROLE_MEMBER"
        assert not account.get("hasPassword")
        # The same person is the same account, in another browser too.
        async with browser(here.server) as other:
            assert await other.sign_in() == "/"
            assert (await other.who())["id"] == account["id"]
            assert await other.sign_in("bob") == "/"
        found = [line for line in await actions(here.ada) if not line.startswith("setup")]
        assert found[-2:] == ["session.signed_in", "account.created Ann"]


@pytest.mark.parametrize("client", [
    {"id_token_signed_response_alg": "ES256"},
    {"token_endpoint_auth_method": "none", "client_secret": None},
])  # fmt: skip
async def test_other_signatures_and_clients_without_a_secret(tmp_path: Path, node: str, client: dict[str, Any]) -> None:
    more = {"client_secret": '""'} if "client_secret" in client else {}
    given = {key: value for key, value in client.items() if value is not None}
    async with place(tmp_path, node, given, **more) as here, browser(here.server) as visitor:
        assert await visitor.sign_in("bob") == "/"
        assert (await visitor.who())["name"] == "Bob"


async def test_no_second_factor_is_asked_for_after_a_provider(tmp_path: Path, node: str) -> None:
    async with place(tmp_path, node) as here, browser(here.server) as visitor:
        assert await visitor.sign_in() == "/"
        ann = (await visitor.who())["id"]
        await here.server.identity.db.write(lambda tx: second_factors.set_totp(tx, ann, Totp(b"sealed", 0)))
        async with browser(here.server) as other:
            assert await other.sign_in() == "/"


async def test_groups_of_a_real_provider(tmp_path: Path, node: str) -> None:
    more = {"groups_claim": '"groups"', "scopes": '["openid", "profile", "email", "groups"]'}
    async with place(tmp_path, node, **more) as here, browser(here.server) as visitor:
        writers = await group(here.ada, "Writers", "writers")
        await group(here.ada, "Readers", "readers")
        assert await visitor.sign_in() == "/"
        assert (await visitor.who())["groupIds"] == [writers]


async def test_whoever_refuses_there_is_not_signed_in(tmp_path: Path, node: str) -> None:
    async with place(tmp_path, node) as here, browser(here.server) as visitor:
        assert await visitor.sign_in("") == "/signin#error=PROVIDER_REFUSED"
        assert not await visitor.who()


async def test_a_code_is_good_once_and_in_one_browser(tmp_path: Path, node: str) -> None:
    async with place(tmp_path, node) as here, browser(here.server) as visitor, browser(here.server) as thief:
        back = await visitor.through(await visitor.to_provider(), "ann")
        # Who did not begin it has not what belongs to it.
        assert await thief.get(back) == "/signin#error=STATE_MISMATCH"
        await thief.to_provider()
        assert await thief.get(back) == "/signin#error=STATE_MISMATCH"
        kept = visitor.kept()
        assert await visitor.get(back) == "/"
        # Nor has who finished it.
        assert await visitor.get(back) == "/signin#error=STATE_MISMATCH"
        visitor.keep(kept)
        assert await visitor.get(back) == "/signin#error=PROVIDER_REFUSED"


async def test_what_the_browser_keeps_tells_it_nothing(tmp_path: Path, node: str) -> None:
    async with place(tmp_path, node) as here, browser(here.server) as visitor:
        async with visitor.session.get(f"{visitor.base}/auth/oidc/company/start", allow_redirects=False) as response:
            cookie, headers, visitor.here = response.cookies["fireside-oidc"], response.headers, response.url
        assert (cookie["httponly"], cookie["samesite"], cookie["path"], cookie["max-age"]) == (True, "Lax", "/", "600")
        assert headers["cache-control"] == "no-store"
        query = parse_qs(urlsplit(headers["location"]).query)
        assert (query["code_challenge_method"], query["response_type"]) == (["S256"], ["code"])
        assert query["redirect_uri"] == [f"{visitor.base}/auth/oidc/company/callback"]
        sealed = base64.urlsafe_b64decode(cookie.value + "==")
        assert not any(query[name][0].encode() in sealed for name in ("state", "nonce", "code_challenge"))
        for broken in ("x", cookie.value[:-4] + "AAAA"):
            visitor.keep(broken)
            place_of = f"/auth/oidc/company/callback?code=x&state={query['state'][0]}"
            assert await visitor.get(place_of) == "/signin#error=STATE_MISMATCH"


@pytest.mark.parametrize(
    ("account", "more", "reason"),
    [
        ("ann", {"sign_up": "false"}, "SIGN_UP_CLOSED"),
        ("bob", {"allowed_domains": '["example.org"]'}, "DOMAIN_NOT_ALLOWED"),
        ("eve", {"allowed_domains": '["example.org"]'}, "DOMAIN_NOT_ALLOWED"),
    ],
)
async def test_who_may_not_come_in(tmp_path: Path, node: str, account: str, more: dict[str, str], reason: str) -> None:
    async with place(tmp_path, node, **more) as here, browser(here.server) as visitor:
        assert await visitor.sign_in(account) == f"/signin#error={reason}"
        assert not await visitor.who()
        assert len((await call(here.ada, "ListAccounts", ListAccountsRequest())).accounts) == 1


async def test_an_account_with_the_same_address_is_linked_only_where_that_is_set(tmp_path: Path, node: str) -> None:
    for number, (linking, account, outcome) in enumerate(
        (("false", "ann", "/signin#error=EMAIL_TAKEN"), ("true", "ann", "/"), ("true", "eve", "/"))
    ):
        folder = tmp_path / str(number)
        folder.mkdir()
        async with place(folder, node, link_by_email=linking) as here, browser(here.server) as visitor:
            ann = await here.server.person("Ann", password=PASSWORD)
            assert await visitor.sign_in(account) == outcome
            who = await visitor.who()
            # Eve says that Ann's address is hers, and the provider does not say so.
            assert (who.get("id") == ann.id) == (linking == "true" and account == "ann")
            if account == "eve":
                assert (who["name"], who.get("email")) == ("Eve", None)
            if who.get("id") == ann.id:
                assert who["hasPassword"]
                assert await visitor.sign_in() == "/"


async def test_new_accounts_wait_where_the_policy_says_so(tmp_path: Path, node: str) -> None:
    async with place(tmp_path, node) as here, browser(here.server) as visitor:
        policy = (await call(here.ada, "GetPolicy", GetPolicyRequest())).policy
        policy.approve_sign_ups = True
        policy = (await call(here.ada, "UpdatePolicy", UpdatePolicyRequest(policy=policy))).policy
        assert await visitor.sign_in() == "/signin#error=ACCOUNT_PENDING"
        (ann,) = (await call(here.ada, "ListAccounts", ListAccountsRequest(query="ann"))).accounts
        assert ann.state == ACCOUNT_STATE_PENDING
        await call(here.ada, "UpdateAccount", UpdateAccountRequest(account_id=ann.id, state=ACCOUNT_STATE_ACTIVE))
        assert await visitor.sign_in() == "/"
        await call(here.ada, "UpdateAccount", UpdateAccountRequest(account_id=ann.id, state=ACCOUNT_STATE_DISABLED))
        assert not await visitor.who()
        assert await visitor.sign_in() == "/signin#error=ACCOUNT_DISABLED"
        policy.sign_up = SIGN_UP_MODE_CLOSED
        await call(here.ada, "UpdatePolicy", UpdatePolicyRequest(policy=policy))
        async with browser(here.server) as other:
            assert await other.sign_in("bob") == "/signin#error=SIGN_UP_CLOSED"


async def test_before_there_is_an_admin_nobody_comes_in(tmp_path: Path, node: str) -> None:
    async with real_provider(node) as provider, accounts_server(tmp_path, toml(provider.issuer)) as server:
        await provider.ready(f"{server.url}/auth/oidc/company/callback", PEOPLE)
        async with browser(server) as visitor:
            assert await visitor.sign_in() == "/signin#error=NEEDS_SET_UP"


async def group(admin: Person, name: str, provider_group: str) -> str:
    request = CreateGroupRequest(group=Group(name=name, provider_group=provider_group))
    return (await call(admin, "CreateGroup", request)).group.id
