"""Signing in at an OpenID Connect provider: where the browser is sent, and who came back. Whose account that is, is
provider_sign_in.py's.

Authorisation code with PKCE. What ties the answer to the browser that asked is `Pending`, which the browser keeps sealed.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar, cast

from fireside.core.errors import (
    InvalidArgumentError,
    NotFoundError,
    ResourceExhaustedError,
    UnauthenticatedError,
    UnimplementedError,
)
from fireside.identity import addresses, oidc_http, oidc_tokens
from fireside.identity.oidc_http import Endpoints, ProviderAwayError
from fireside.identity.oidc_tokens import Expected, TokenError, UnknownKeyError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from fireside.identity.providers import DeclaredProvider

logger = logging.getLogger(__name__)

T = TypeVar("T")

_KEPT_SECONDS: Final = 3600.0
_KEYS_AGAIN_SECONDS: Final = 30.0
_THREADS = 4
_QUEUE: Final = 32
_VALUE_CHARACTERS = 254
_MOST_GROUPS = 500


class Pending(NamedTuple):
    """A sign-in that has gone to the provider."""

    provider: str
    state: str
    nonce: str
    verifier: str
    next: str
    """The local path to go to afterwards."""

    begun: int
    """Seconds since the Unix epoch."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who signed in at a provider, as it tells."""

    subject: str
    name: str
    email: str
    """Empty for none."""

    email_verified: bool
    groups: frozenset[str] | None
    """None when it tells nothing of groups."""


@dataclass(slots=True)
class _Known:
    """What is remembered of a provider. Times are of time.monotonic."""

    endpoints: Endpoints
    jwks: Mapping[str, object]
    read: float
    jwks_read: float


class Providers:
    """The providers of the settings. `aclose` at the end."""

    def __init__(self, declared: Sequence[DeclaredProvider]) -> None:
        self._declared = {provider.name: provider for provider in declared}
        self._known: dict[str, _Known] = {}
        # Its own: a provider that hangs must not hold up what reads files.
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="fireside-oidc") if declared else None
        self._waiting = 0

    def listed(self) -> list[DeclaredProvider]:
        """All, in the order of the settings; none without the libraries."""
        return list(self._declared.values()) if self._declared and oidc_http.installed() else []

    def get(self, name: str) -> DeclaredProvider:
        """NotFoundError (PROVIDER_NOT_FOUND). UnimplementedError (PROVIDERS_UNAVAILABLE): the libraries are missing."""
        found = self._declared.get(name)
        if found is None:
            raise NotFoundError("PROVIDER_NOT_FOUND", "There is no such sign-in provider.")
        if not oidc_http.installed():
            raise UnimplementedError(
                "PROVIDERS_UNAVAILABLE",
                "Sign-in by OpenID Connect is not installed on this server: pip install 'fireside[accounts]'.",
            )
        return found

    def close(self) -> None:
        """Ends the threads."""
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)

    async def begin(self, name: str, redirect_uri: str, next_path: str) -> tuple[str, Pending]:
        """Where to send the browser, and what it has to keep. UnavailableError (PROVIDER_AWAY)."""
        provider = self.get(name)
        known = await self._know(provider)
        pending = Pending(
            name,
            state=secrets.token_urlsafe(24),
            nonce=secrets.token_urlsafe(24),
            verifier=secrets.token_urlsafe(48),
            next=next_path,
            begun=int(time.time()),
        )
        url = oidc_http.authorization_url(
            provider, known.endpoints, redirect_uri, pending.state, pending.nonce, pending.verifier
        )
        return url, pending

    async def finish(self, pending: Pending, code: str, issuer: str, redirect_uri: str) -> Visitor:
        """Who came back with a code. `issuer` is who the browser says sent it; empty for not said.

        UnauthenticatedError (PROVIDER_REFUSED). UnavailableError (PROVIDER_AWAY).
        """
        provider = self.get(pending.provider)
        known = await self._know(provider)
        if issuer != known.endpoints.issuer if issuer else known.endpoints.tells_issuer:
            raise self._refused(provider, "the answer is another provider's")
        grant = await self._run(
            oidc_http.exchange, provider, known.endpoints, code, redirect_uri, pending.verifier
        )  # fmt: skip
        if grant is None:
            raise self._refused(provider, "it took not the code")
        claims = await self._claims(provider, known, grant.id_token, pending.nonce)
        if known.endpoints.userinfo and _lacks(claims, provider):
            told = await self._run(oidc_http.userinfo, provider, known.endpoints, grant)
            if told.get("sub") != claims.get("sub"):
                raise self._refused(provider, "it tells of somebody else than it signed in")
            claims = {**told, **claims}
        return _visitor(claims, provider)

    async def _claims(self, provider: DeclaredProvider, known: _Known, id_token: str, nonce: str) -> dict[str, object]:
        expected = Expected(known.endpoints.issuer, provider.client_id, nonce, int(time.time()))
        try:
            try:
                return await self._run(oidc_tokens.checked, id_token, known.jwks, expected)
            except UnknownKeyError:
                # It may have changed its keys; but nobody makes us ask for them all the time.
                if time.monotonic() - known.jwks_read < _KEYS_AGAIN_SECONDS:
                    raise
            known.jwks_read = time.monotonic()
            known.jwks = await self._run(oidc_http.keys, provider, known.endpoints)
            return await self._run(oidc_tokens.checked, id_token, known.jwks, expected)
        except TokenError as error:
            raise self._refused(provider, f"its token does not hold: {error}") from None

    async def _know(self, provider: DeclaredProvider) -> _Known:
        known = self._known.get(provider.name)
        if known is not None and time.monotonic() - known.read < _KEPT_SECONDS:
            return known
        try:
            endpoints = await self._run(oidc_http.discover, provider)
            jwks = await self._run(oidc_http.keys, provider, endpoints)
        except ProviderAwayError:
            # What was known an hour ago is better than nobody signing in.
            if known is not None:
                return known
            raise
        now = time.monotonic()
        known = self._known[provider.name] = _Known(endpoints, jwks, now, now)
        return known

    async def _run(self, work: Callable[..., T], *args: object) -> T:
        """Does what waits for the network in a thread."""
        if self._waiting >= _QUEUE:
            raise ResourceExhaustedError("BUSY_SIGNING_IN", "Too many people sign in at this moment; try again.")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, functools.partial(work, *args))
        except ProviderAwayError as error:
            logger.warning("A sign-in provider cannot be used: %s", error.why)
            raise
        finally:
            self._waiting -= 1

    def _refused(self, provider: DeclaredProvider, why: str) -> UnauthenticatedError:
        logger.warning("A sign-in at %s was refused: %s", provider.name, why)
        return UnauthenticatedError("PROVIDER_REFUSED", "The sign-in at the provider did not succeed. Try again.")


def _lacks(claims: Mapping[str, object], provider: DeclaredProvider) -> bool:
    wanted = ["name", "email"] + ([provider.groups_claim] if provider.groups_claim else [])
    return any(claim not in claims for claim in wanted)


def _visitor(claims: Mapping[str, object], provider: DeclaredProvider) -> Visitor:
    email = _address(_text(claims, "email"))
    verified = claims.get("email_verified", provider.trust_email)
    names = (_text(claims, key).strip() for key in ("name", "preferred_username", "nickname"))
    return Visitor(
        subject=str(claims["sub"]),
        name=next((name for name in names if name), "") or email.partition("@")[0] or provider.title,
        email=email,
        email_verified=verified is True or verified == "true",
        groups=_groups(claims.get(provider.groups_claim)) if provider.groups_claim else None,
    )


def _groups(value: object) -> frozenset[str]:
    if isinstance(value, str):
        return frozenset((value,))
    if not isinstance(value, list | tuple):
        return frozenset()
    items = cast("Sequence[object]", value)
    return frozenset(item for item in items[:_MOST_GROUPS] if isinstance(item, str))


def _text(claims: Mapping[str, object], key: str) -> str:
    value = claims.get(key)
    return value if isinstance(value, str) and value.isprintable() and len(value) <= _VALUE_CHARACTERS else ""


def _address(text: str) -> str:
    try:
        return addresses.checked(text)
    except InvalidArgumentError:
        return ""
