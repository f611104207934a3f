"""ID tokens: whether one is the provider's, for this server, of this sign-in. The one file that knows the JOSE library,
which is optional.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

if TYPE_CHECKING:
    from collections.abc import Mapping

ALGORITHMS: Final = (
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519",
)  # fmt: skip
"""Signatures by the provider's own key alone: with none, and with a key that the client has too, anybody could sign."""

_LEEWAY = 60
_SUBJECT_CHARACTERS = 255


class TokenError(Exception):
    """The token does not hold. Its text is for the log."""


class UnknownKeyError(TokenError):
    """None of the known keys signed it: the provider may have others by now."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What an ID token has to say."""

    issuer: str
    client_id: str
    nonce: str
    now: int
    """Seconds since the Unix epoch."""


def checked(token: str, jwks: Mapping[str, object], expected: Expected) -> dict[str, object]:
    """The claims of a token that holds. TokenError."""
    from joserfc import jwt
    from joserfc.errors import JoseError
    from joserfc.jwk import KeySet
    from joserfc.jws import JWSRegistry

    try:
        keys = KeySet.import_key_set(cast("Any", _usable(jwks)))
        decoded = jwt.decode(token, keys, registry=JWSRegistry(algorithms=list(ALGORITHMS)))
        registry = jwt.JWTClaimsRegistry(
            now=expected.now,
            leeway=_LEEWAY,
            iss={"essential": True, "value": expected.issuer},
            sub={"essential": True},
            aud={"essential": True, "value": expected.client_id},
            exp={"essential": True},
            iat={"essential": True},
            nonce={"essential": True},
        )
        registry.validate(decoded.claims)
    except JoseError as error:
        kind = UnknownKeyError if error.error in {"bad_signature", "invalid_key_id"} else TokenError
        raise kind(f"{error.error}: {error.description}") from error
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        # A key set or token that is no such thing at all.
        raise UnknownKeyError(type(error).__name__) from error
    claims = cast("dict[str, object]", decoded.claims)
    _check_more(claims, expected)
    return claims


def _check_more(claims: Mapping[str, object], expected: Expected) -> None:
    nonce, subject, audience, party = (claims.get(key) for key in ("nonce", "sub", "aud", "azp"))
    if not isinstance(nonce, str) or not hmac.compare_digest(nonce.encode(), expected.nonce.encode()):
        raise TokenError("it is of another sign-in")
    if not isinstance(subject, str) or not 0 < len(subject) <= _SUBJECT_CHARACTERS or not subject.isprintable():
        raise TokenError("it says not whose it is")
    several = isinstance(audience, list) and len(cast("list[object]", audience)) > 1
    if (several or party is not None) and party != expected.client_id:
        raise TokenError("it was made for another client")


def _usable(jwks: Mapping[str, object]) -> dict[str, object]:
    """The keys that can have signed, without those of kinds that the library does not know."""
    found = jwks.get("keys")
    items = cast("list[object]", found) if isinstance(found, list) else []
    tables = [cast("dict[str, object]", item) for item in items if isinstance(item, dict)]
    return {
        "keys": [
            table for table in tables if table.get("kty") in {"RSA", "EC", "OKP"} and table.get("use", "sig") == "sig"
        ]
    }
