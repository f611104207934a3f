"""HTTP to an OpenID Connect provider: a whole answer of bounded size within a bounded time, from where it was asked alone.

The one file that knows the HTTP libraries, which are optional. Runs in threads.
"""

from __future__ import annotations

import io
import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, cast
from urllib.parse import urlsplit

from fireside.core.errors import UnavailableError

if TYPE_CHECKING:
    from requests import PreparedRequest, Response, Session

    from fireside.identity.providers import DeclaredProvider

    class _Client(Session):
        """Authlib's OAuth2Session, which has no types."""

        redirect_uri: str

        def create_authorization_url(self, url: str, *, state: str, nonce: str, code_verifier: str) -> tuple[str, str]:
            """The URL, and the state."""
            ...

        def fetch_token(
            self, url: str, *, grant_type: str, code: str, redirect_uri: str, code_verifier: str
        ) -> dict[str, object]:
            """The answer of the token endpoint."""
            ...


MOST_BYTES: Final = 512 * 1024
_CONNECT_SECONDS, _READ_SECONDS, _TOTAL_SECONDS = 5.0, 8.0, 15.0


class ProviderAwayError(UnavailableError):
    """The provider cannot be asked, or answers what it must not."""

    def __init__(self, why: str) -> None:
        super().__init__("PROVIDER_AWAY", "The sign-in provider does not answer as it should. Try again later.")
        self.why = why
        """For the log; never a secret."""


@dataclass(frozen=True, slots=True)
class Endpoints:
    """What a provider's document says of it."""

    issuer: str
    authorization: str
    token: str
    jwks: str
    userinfo: str
    """Empty for none."""

    token_auth: tuple[str, ...] = ()
    """The ways in which it takes the client's secret."""

    tells_issuer: bool = False
    """Whether it says who it is when it sends people back (RFC 9207)."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What a code was exchanged for."""

    id_token: str = field(repr=False)
    access_token: str = field(repr=False)


def installed() -> bool:
    """Whether the libraries are there."""
    from importlib.util import find_spec

    return all(find_spec(name) for name in ("authlib", "joserfc", "requests"))


def discover(provider: DeclaredProvider) -> Endpoints:
    """Reads the provider's document. ProviderAwayError."""
    document = _get(provider, provider.issuer.rstrip("/") + "/.well-known/openid-configuration")
    issuer = _text(document, "issuer")
    if issuer.rstrip("/") != provider.issuer.rstrip("/"):
        raise ProviderAwayError("its document is of another issuer")
    found = {
        name: _text(document, key)
        for name, key in (
            ("authorization", "authorization_endpoint"), ("token", "token_endpoint"), ("jwks", "jwks_uri"),
            ("userinfo", "userinfo_endpoint"),
        )
    }  # fmt: skip
    for name, url in found.items():
        if not (url or name == "userinfo") or (url and not _safe(url, provider)):
            raise ProviderAwayError(f"its document has no {name} address that can be used")
    ways = document.get("token_endpoint_auth_methods_supported")
    return Endpoints(
        issuer=issuer,
        token_auth=tuple(way for way in cast("list[object]", ways) if isinstance(way, str))
        if isinstance(ways, list)
        else (),
        tells_issuer=document.get("authorization_response_iss_parameter_supported") is True,
        **found,
    )


def keys(provider: DeclaredProvider, endpoints: Endpoints) -> dict[str, object]:
    """The provider's public keys, as a JWK set. ProviderAwayError."""
    return _get(provider, endpoints.jwks)


def authorization_url(
    provider: DeclaredProvider, endpoints: Endpoints, redirect_uri: str, state: str, nonce: str, verifier: str
) -> str:
    """Where the browser is sent to sign in."""
    with _session(provider, endpoints) as session:
        session.redirect_uri = redirect_uri
        url, _ = session.create_authorization_url(
            endpoints.authorization, state=state, nonce=nonce, code_verifier=verifier
        )
    return url


def exchange(
    provider: DeclaredProvider, endpoints: Endpoints, code: str, redirect_uri: str, verifier: str
) -> Grant | None:
    """What the provider gives for a code; None when it refuses it. ProviderAwayError."""
    from authlib.integrations.base_client import OAuthError
    from requests.exceptions import RequestException

    with _session(provider, endpoints) as session:
        try:
            token = session.fetch_token(
                endpoints.token,
                grant_type="authorization_code",
                code=code,
                redirect_uri=redirect_uri,
                code_verifier=verifier,
            )
        except OAuthError:
            return None
        except (RequestException, ValueError, TypeError) as error:
            raise ProviderAwayError(f"asking for a token failed: {type(error).__name__}") from error
    id_token, access_token = token.get("id_token"), token.get("access_token")
    if not isinstance(id_token, str) or not isinstance(access_token, str):
        raise ProviderAwayError("its answer to a code has no ID token")
    return Grant(id_token, access_token)


def userinfo(provider: DeclaredProvider, endpoints: Endpoints, grant: Grant) -> dict[str, object]:
    """What the provider tells of who signed in. ProviderAwayError."""
    return _get(provider, endpoints.userinfo, {"authorization": f"Bearer {grant.access_token}"})


def _get(provider: DeclaredProvider, url: str, headers: dict[str, str] | None = None) -> dict[str, object]:
    from requests import Session
    from requests.exceptions import RequestException

    with Session() as session:
        _bound(session, provider)
        try:
            response = session.get(url, headers={"accept": "application/json", **(headers or {})})
            if response.status_code != 200:
                raise ProviderAwayError(f"{urlsplit(url).path} answers {response.status_code}")
            value: object = json.loads(response.content)
        except (RequestException, ValueError, RecursionError) as error:
            raise ProviderAwayError(f"{urlsplit(url).path} cannot be read: {type(error).__name__}") from error
    if not isinstance(value, dict):
        raise ProviderAwayError(f"{urlsplit(url).path} is no JSON object")
    return cast("dict[str, object]", value)


def _session(provider: DeclaredProvider, endpoints: Endpoints) -> _Client:
    from authlib.integrations.requests_client import OAuth2Session

    if not provider.client_secret:
        way = "none"
    elif endpoints.token_auth and "client_secret_basic" not in endpoints.token_auth:
        way = "client_secret_post"
    else:
        way = "client_secret_basic"
    made: object = OAuth2Session(
        client_id=provider.client_id,
        client_secret=provider.client_secret or None,
        scope=" ".join(provider.scopes),
        token_endpoint_auth_method=way,
        code_challenge_method="S256",
    )
    session = cast("_Client", made)
    _bound(session, provider)
    return session


def _bound(session: Session, provider: DeclaredProvider) -> None:
    """Takes what is too long or too slow, and redirects, for failures, and asks nobody's proxy."""
    from requests.adapters import HTTPAdapter
    from requests.exceptions import ConnectionError as FailedError
    from requests.exceptions import ReadTimeout

    trusted = True if provider.ca_file is None else str(provider.ca_file)

    class Bounded(HTTPAdapter):
        def send(self, request: PreparedRequest, *_args: object, **_options: object) -> Response:
            until = time.monotonic() + _TOTAL_SECONDS
            response = super().send(request, stream=True, timeout=(_CONNECT_SECONDS, _READ_SECONDS), verify=trusted)
            if 300 <= response.status_code < 400:
                response.close()
                raise FailedError("a redirect")
            body = bytearray()
            for piece in response.raw.stream(16 * 1024, decode_content=True):
                body += piece
                if len(body) > MOST_BYTES:
                    response.close()
                    raise FailedError("too long an answer")
                if time.monotonic() > until:
                    response.close()
                    raise ReadTimeout("too slow an answer")
            response.raw = io.BytesIO(body)
            return response

    session.trust_env = False
    for scheme in ("https://", "http://"):
        session.mount(scheme, Bounded())


def _safe(url: str, provider: DeclaredProvider) -> bool:
    """Whether what is secret may be sent there: never in the clear, unless the issuer itself is on this machine."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    if not parts.hostname or not url.isprintable() or parts.username:
        return False
    issuer = urlsplit(provider.issuer)
    return parts.scheme == "https" or (parts.scheme == issuer.scheme and parts.netloc == issuer.netloc)


def _text(document: dict[str, object], key: str) -> str:
    value = document.get(key)
    return value if isinstance(value, str) else ""
