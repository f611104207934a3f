"""ID tokens by each signature that is taken, and by none that is not."""

from __future__ import annotations

import time
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey

from fireside.identity.oidc_tokens import ALGORITHMS, Expected, TokenError, checked

CLAIMS: dict[str, Any] = {"iss": "https://i", "sub": "ann", "aud": "fireside", "nonce": "n"}


def key_for(alg: str) -> Key:
    if alg.startswith("ES"):
        curves = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521", "ES256K": "secp256k1"}
        return ECKey.generate_key(curves[alg], {"kid": "k"})
    return (
        OKPKey.generate_key("Ed25519", {"kid": "k"})
        if alg.startswith("Ed")
        else RSAKey.generate_key(2048, {"kid": "k"})
    )


def signed(alg: str, key: Key) -> str:
    now = int(time.time())
    return jwt.encode({"alg": alg, "kid": "k"}, CLAIMS | {"iat": now, "exp": now + 60}, key, algorithms=[alg])


def expected() -> Expected:
    return Expected("https://i", "fireside", "n", int(time.time()))


# A name that gives way to Ed25519, and that providers have until then.
@pytest.mark.filterwarnings("ignore:EdDSA is deprecated")
@pytest.mark.parametrize("alg", ALGORITHMS)
def test_a_signature_that_is_taken(alg: str) -> None:
    key = key_for(alg)
    jwks = {"keys": [key.as_dict(private=False)]}
    assert checked(signed(alg, key), jwks, expected())["sub"] == "ann"
    other = {"keys": [key_for(alg).as_dict(private=False)]}
    with pytest.raises(TokenError):
        checked(signed(alg, key), other, expected())


def test_a_signature_of_a_curve_that_is_not_taken() -> None:
    key = key_for("ES256K")
    with pytest.raises(TokenError):
        checked(signed("ES256K", key), {"keys": [key.as_dict(private=False)]}, expected())


@pytest.mark.parametrize("jwks", [{}, {"keys": "x"}, {"keys": ["x"]}, {"keys": [{"kty": "RSA"}]}, {"keys": []}])
def test_a_key_set_that_is_none(jwks: dict[str, object]) -> None:
    with pytest.raises(TokenError):
        checked(signed("ES256", key_for("ES256")), jwks, expected())


@pytest.mark.parametrize("token", ["", "a.b.c", "a", "." * 5, "é.é.é"])
def test_a_token_that_is_none(token: str) -> None:
    with pytest.raises(TokenError):
        checked(token, {"keys": [key_for("ES256").as_dict(private=False)]}, expected())
