"""Signing in at an OpenID Connect provider that does what it must not: nobody comes in, and nothing is asked elsewhere."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import aiohttp
import pytest
from aiohttp import web
from joserfc.jwk import RSAKey

from fireside.gen.v1.group_pb2 import Group
from fireside.gen.v1.group_service_pb2 import CreateGroupRequest
from fireside.gen.v1.people_service_pb2 import ListAccountsRequest, UpdateAccountRequest
from fireside.identity.oidc_http import MOST_BYTES
from tests.accounts import AccountsServer, Person, accounts_server
from tests.admin_calls import call
from tests.oidc_servers import CLIENT, SECRET, LyingProvider, lying_provider
from tests.served import serve

REFUSED, AWAY = "/signin#error=PROVIDER_REFUSED", "/signin#error=PROVIDER_AWAY"


class Scene:
    """A server, its lying provider, and a browser."""

    def __init__(self, server: AccountsServer, provider: LyingProvider, session: aiohttp.ClientSession) -> None:
        self.server = server
        self.provider = provider
        self.session = session

    async def get(self, url: str) -> str:
        """Where an address sends the browser."""
        async with self.session.get(f"{self.server.url}{url}", allow_redirects=False) as response:
            return response.headers.get("location", "")

    async def sign_in(self, code: str = "x", **more: str) -> str:
        """Goes to the provider and comes back at once, with a code that any will do."""
        to = await self.get("/auth/oidc/odd/start")
        if "authorize" not in to:
            return to
        query = {name: values[0] for name, values in parse_qs(urlsplit(to).query).items()}
        self.provider.lies.nonce = query["nonce"]
        given = {"code": code, "state": query["state"], **more}
        return await self.get("/auth/oidc/odd/callback?" + "&".join(f"{k}={quote(v)}" for k, v in given.items()))

    async def who(self) -> dict[str, Any]:
        """Who has signed in."""
        async with self.session.post(f"{self.server.url}/fireside.v1.AuthService/GetAuthState", json={}) as response:
            return (await response.json()).get("account", {})


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with lying_provider() as provider:
        toml = (
            f'[[oidc]]\nname = "odd"\nissuer = "{provider.issuer}"\nclient_id = "{CLIENT}"\nclient_secret = "{SECRET}"\n'
            'groups_claim = "groups"\nsign_up = true\n'
        )
        async with (
            accounts_server(tmp_path, toml) as server,
            aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session,
        ):
            yield Scene(server, provider, session)


@pytest.fixture
async def ada(scene: Scene) -> Person:
    return await scene.server.set_up()


async def test_an_honest_answer_signs_in(scene: Scene, ada: Person) -> None:
    assert await scene.sign_in() == "/"
    assert (await scene.who())["name"] == "Ann"


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "of another sign-in"},
        {"nonce": None},
        {"aud": "another client"},
        {"aud": [CLIENT, "another client"]},
        {"aud": [CLIENT, "another client"], "azp": "another client"},
        {"azp": "another client"},
        {"aud": None},
        {"iss": "https://login.example.org"},
        {"iss": None},
        {"exp": 1_000_000_000},
        {"exp": None},
        {"exp": "soon"},
        {"iat": None},
        {"iat": 4_000_000_000},
        {"nbf": 4_000_000_000},
        {"sub": None},
        {"sub": ""},
        {"sub": 7},
        {"sub": "x" * 256},
        {"sub": "a\nb"},
    ],
)
async def test_a_token_that_does_not_hold(scene: Scene, ada: Person, claims: dict[str, Any]) -> None:
    scene.provider.lies.claims = claims
    assert await scene.sign_in() == REFUSED
    assert not await scene.who()


@pytest.mark.parametrize("alg", ["HS256", "none"])
async def test_a_token_that_anybody_could_have_signed(scene: Scene, ada: Person, alg: str) -> None:
    scene.provider.lies.alg = alg
    assert await scene.sign_in() == REFUSED


async def test_a_token_signed_by_somebody_else(scene: Scene, ada: Person) -> None:
    scene.provider.lies.key = RSAKey.generate_key(2048, {"kid": "one"})
    assert await scene.sign_in() == REFUSED
    scene.provider.lies.key = RSAKey.generate_key(2048, {"kid": "two"})
    assert await scene.sign_in() == REFUSED


async def test_new_keys_are_asked_for_but_not_all_the_time(scene: Scene, ada: Person) -> None:
    assert await scene.sign_in() == "/"
    assert scene.provider.asked.count("/jwks") == 1
    scene.provider.key = RSAKey.generate_key(2048, {"kid": "two", "use": "sig"})
    assert await scene.sign_in() == REFUSED
    assert scene.provider.asked.count("/jwks") == 1
    known = scene.server.identity.provider_sign_in.providers._known["odd"]
    known.jwks_read -= 60.0
    assert await scene.sign_in() == "/"
    assert scene.provider.asked.count("/jwks") == 2
    assert scene.provider.asked.count("/.well-known/openid-configuration") == 1


@pytest.mark.parametrize(
    "document",
    [
        {"issuer": "https://login.example.org"},
        {"issuer": None},
        {"token_endpoint": "http://login.example.org/token"},
        {"jwks_uri": "file:///etc/passwd"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"authorization_endpoint": None},
        {"userinfo_endpoint": "http://169.254.169.254/"},
        {"jwks_uri": "https://[::1"},
    ],
)
async def test_a_document_that_leads_elsewhere(scene: Scene, ada: Person, document: dict[str, Any]) -> None:
    scene.provider.lies.document = document
    assert await scene.sign_in() == AWAY
    assert scene.provider.asked == ["/.well-known/openid-configuration"]


@pytest.mark.parametrize(
    ("status", "body", "headers", "outcome"),
    [
        (302, "", {"location": "/elsewhere"}, AWAY),
        (307, "", {"location": "http://169.254.169.254/"}, AWAY),
        (400, '{"error": "invalid_grant"}', {}, REFUSED),
        (500, "oh", {}, AWAY),
        (200, "not JSON", {}, AWAY),
        (200, "[]", {}, AWAY),
        (200, '{"access_token": "a"}', {}, AWAY),
        (200, '{"access_token": "a", "id_token": "a.b.c"}', {}, REFUSED),
        (200, '{"access_token": "a", "id_token": "%s"}' % ("x" * MOST_BYTES), {}, AWAY),
    ],
)
async def test_an_answer_to_a_code_that_is_none(
    scene: Scene, ada: Person, status: int, body: str, headers: dict[str, str], outcome: str
) -> None:
    scene.provider.lies.token = web.Response(status=status, text=body, headers=headers, content_type="application/json")
    assert await scene.sign_in() == outcome
    assert "/elsewhere" not in scene.provider.asked


async def test_a_provider_that_is_not_there(scene: Scene, ada: Person) -> None:
    providers = scene.server.identity.provider_sign_in.providers
    providers._declared["odd"] = replace(providers._declared["odd"], issuer="http://127.0.0.1:9")
    began = time.monotonic()
    assert await scene.sign_in() == AWAY
    assert time.monotonic() - began < 5


async def test_userinfo_of_somebody_else(scene: Scene, ada: Person) -> None:
    scene.provider.lies.userinfo = {"sub": "bob", "groups": ["admins"]}
    assert await scene.sign_in() == REFUSED


async def test_who_sent_the_browser_back_is_checked_where_it_is_told(scene: Scene, ada: Person) -> None:
    assert await scene.sign_in(iss=scene.provider.issuer) == "/"
    assert await scene.sign_in(iss="https://login.example.org") == REFUSED
    scene.provider.lies.document = {"authorization_response_iss_parameter_supported": True}
    scene.server.identity.provider_sign_in.providers._known.clear()
    assert await scene.sign_in() == REFUSED


async def test_what_leads_nowhere(scene: Scene, ada: Person) -> None:
    assert await scene.get("/auth/oidc/odd/callback") == "/signin#error=STATE_MISMATCH"
    assert await scene.get("/auth/oidc/other/start") == "/signin#error=PROVIDER_NOT_FOUND"
    assert await scene.sign_in(code="") == REFUSED
    assert await scene.sign_in(error="access_denied") == REFUSED
    assert await scene.sign_in(state="another") == "/signin#error=STATE_MISMATCH"
    for method, path, status in (("GET", "/auth/oidc/odd", 404), ("POST", "/auth/oidc/odd/start", 405)):
        async with scene.session.request(method, scene.server.url + path) as response:
            assert response.status == status
    # A page of another site can have no browser begin it unseen.
    headers = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image"}
    async with scene.session.get(f"{scene.server.url}/auth/oidc/odd/start", headers=headers) as response:
        assert response.status == 403
    # But its links lead here, and the provider is another site.
    headers = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    async with scene.session.get(
        f"{scene.server.url}/auth/oidc/odd/start", headers=headers, allow_redirects=False
    ) as response:
        assert response.status == 302


async def test_trying_over_and_over_is_slowed_down(scene: Scene, ada: Person) -> None:
    outcomes = [await scene.sign_in(code="") for _ in range(8)]
    assert outcomes[0] == REFUSED
    assert outcomes[-1] == "/signin#error=TOO_MANY_ATTEMPTS"


async def test_groups_follow_the_provider_at_each_sign_in(scene: Scene, ada: Person) -> None:
    made: dict[str, str] = {}
    for name, provider_group in (("Writers", "writers"), ("Readers", "readers"), ("Friends", "")):
        request = CreateGroupRequest(group=Group(name=name, provider_group=provider_group))
        made[name] = (await call(ada, "CreateGroup", request)).group.id

    async def after(groups: Any) -> set[str]:
        scene.provider.lies.claims = {"groups": groups}
        assert await scene.sign_in() == "/"
        found = set((await scene.who()).get("groupIds", ()))
        return {name for name, group_id in made.items() if group_id in found}

    assert await after(["writers", "no such group", 7]) == {"Writers"}
    (ann,) = (await call(ada, "ListAccounts", ListAccountsRequest(query="ann"))).accounts
    # Who was put into a group by hand stays in it; who was put there by the provider goes when it says so.
    update = UpdateAccountRequest(account_id=ann.id)
    update.groups.group_ids.extend((made["Writers"], made["Friends"]))
    await call(ada, "UpdateAccount", update)
    assert await after("readers") == {"Readers", "Friends"}
    assert await after([]) == {"Friends"}
    assert await after({"odd": 1}) == {"Friends"}


async def test_an_address_that_is_none_is_not_kept(scene: Scene, ada: Person) -> None:
    for number, email in enumerate(("ann", "a b@example.org", "ann@" + "x" * 300, 7, "ann@example.org\n")):
        scene.provider.lies.claims = {"sub": f"s{number}", "email": email, "name": None}
        scene.provider.lies.userinfo = {"sub": f"s{number}"}
        assert await scene.sign_in() == "/"
        who = await scene.who()
        assert (who.get("email"), who["name"]) == (None, "odd")


async def test_people_come_back_to_the_public_address(tmp_path: Path) -> None:
    async with lying_provider() as provider:
        toml = f'[[oidc]]\nname = "odd"\nissuer = "{provider.issuer}"\nclient_id = "{CLIENT}"\n'
        async with (
            accounts_server(tmp_path, toml, public_url="http://localhost:1234") as server,
            aiohttp.ClientSession() as session,
        ):
            scene = Scene(server, provider, session)
            begun = await scene.get("/auth/oidc/odd/start?next=/c/7%3Fx")
            assert begun == "http://localhost:1234/auth/oidc/odd/start?next=%2Fc%2F7%3Fx"
            url, headers = f"{server.url}/auth/oidc/odd/start", {"host": "localhost:1234"}
            async with session.get(url, headers=headers, allow_redirects=False) as response:
                query = parse_qs(urlsplit(response.headers["location"]).query)
            assert query["redirect_uri"] == ["http://localhost:1234/auth/oidc/odd/callback"]


async def test_a_server_without_accounts_has_no_providers(tmp_path: Path) -> None:
    toml = f'[[oidc]]\nname = "odd"\nissuer = "http://127.0.0.1:9"\nclient_id = "{CLIENT}"\n'
    async with (
        serve(tmp_path, toml) as server,
        aiohttp.ClientSession() as session,
        session.get(f"{server.url}/auth/oidc/odd/start", allow_redirects=False) as response,
    ):
        assert response.headers["location"] == "/"
