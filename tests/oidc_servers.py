"""OpenID Connect providers for tests: a real one (npm's oidc-provider on Node), and one that lies as it is told to."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from tests.authenticator import b64url
from tests.node import node_with

SCRIPT = Path(__file__).with_name("oidc_provider.mjs")
CLIENT, SECRET = "fireside", "the secret of the client, long enough for HS256"


def node_for_provider() -> str:
    """A Node that runs the real one."""
    return node_with("oidc-provider")


@dataclass(frozen=True, slots=True)
class RealProvider:
    """It answers once `ready` said who its clients are."""

    issuer: str
    process: asyncio.subprocess.Process

    async def ready(self, callback: str, accounts: Mapping[str, Mapping[str, Any]], **client: Any) -> None:
        """Lets it send people back to `callback`."""
        registered = {
            "client_id": CLIENT, "client_secret": SECRET, "redirect_uris": [callback], "scope": "openid profile email groups",
            **client,
        }  # fmt: skip
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"clients": [registered], "accounts": accounts}).encode() + b"\n")
        assert (await self.process.stdout.readline()).strip() == b"ready"


@asynccontextmanager
async def real_provider(node: str) -> AsyncIterator[RealProvider]:
    """Starts it on a port of its own."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(node, "--no-warnings", str(SCRIPT), stdin=pipe, stdout=pipe)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        port = int(await process.stdout.readline())
        yield RealProvider(f"http://127.0.0.1:{port}", process)
    finally:
        process.stdin.close()
        await process.wait()


@dataclass
class Lies:
    """What a provider tells; tests bend it."""

    claims: dict[str, Any] = field(default_factory=dict)
    """In place of the right ones of the ID token; None takes one away."""

    document: dict[str, Any] = field(default_factory=dict)
    """In place of what the document says."""

    alg: str = "RS256"
    key: RSAKey | None = None
    """What it signs with, in place of the key that it shows."""

    userinfo: dict[str, Any] | None = None
    token: web.Response | None = None
    """In place of the answer to a code."""

    nonce: str = ""
    """Of the sign-in that is going on; the test's browser tells it."""


class LyingProvider:
    """It answers any code."""

    def __init__(self) -> None:
        self.lies = Lies()
        self.key = RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})
        self.issuer = ""
        self.asked: list[str] = []

    def application(self) -> web.Application:
        """The server."""
        app = web.Application(middlewares=[self._counted])
        app.router.add_get("/.well-known/openid-configuration", self._document)
        app.router.add_get("/jwks", self._jwks)
        app.router.add_post("/token", self._token)
        app.router.add_get("/userinfo", self._userinfo)
        app.router.add_get("/elsewhere", self._userinfo)
        return app

    @web.middleware
    async def _counted(self, request: web.Request, handler: Any) -> web.StreamResponse:
        self.asked.append(request.path)
        return await handler(request)

    async def _document(self, _request: web.Request) -> web.Response:
        document: dict[str, Any] = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/jwks",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
        }
        return web.json_response(document | self.lies.document)

    async def _jwks(self, _request: web.Request) -> web.Response:
        return web.json_response(
            {"keys": [self.key.as_dict(private=False), {"kty": "oct", "k": "AAAA"}, {"kty": "odd"}]}
        )

    async def _token(self, _request: web.Request) -> web.Response:
        if self.lies.token is not None:
            return self.lies.token
        now = int(time.time())
        claims: dict[str, Any] = {
            "iss": self.issuer, "sub": "ann", "aud": CLIENT, "exp": now + 60, "iat": now, "nonce": self.lies.nonce,
            "name": "Ann", "email": "ann@example.org", "email_verified": True, **self.lies.claims,
        }  # fmt: skip
        claims = {name: value for name, value in claims.items() if value is not None}
        key = self.lies.key or self.key
        header = {"alg": self.lies.alg, "kid": key.kid}
        if self.lies.alg.startswith("HS"):
            token = jwt.encode(header, claims, OctKey.import_key(SECRET), algorithms=[self.lies.alg])
        elif self.lies.alg == "none":
            # By hand: no library likes to make one.
            token = ".".join(b64url(json.dumps(part).encode()) for part in ({"alg": "none"}, claims)) + "."
        else:
            token = jwt.encode(header, claims, key)
        return web.json_response({"access_token": "a", "token_type": "Bearer", "id_token": token})

    async def _userinfo(self, _request: web.Request) -> web.Response:
        return web.json_response(self.lies.userinfo or {"sub": "ann"})


@asynccontextmanager
async def lying_provider() -> AsyncIterator[LyingProvider]:
    """Starts one."""
    provider = LyingProvider()
    runner = web.AppRunner(provider.application())
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    provider.issuer = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield provider
    finally:
        await runner.cleanup()
