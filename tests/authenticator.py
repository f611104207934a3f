"""An authenticator with passkeys, in software: it answers WebAuthn's options as a browser and its device do."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from webauthn.helpers import encode_cbor

_PRESENT, _VERIFIED, _ATTESTED = 0x01, 0x04, 0x40


def b64url(data: bytes) -> str:
    """Base64url without padding, as WebAuthn's JSON has it."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def from_b64url(text: str) -> bytes:
    """The reverse."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@dataclass
class _Credential:
    id: bytes
    rp_id: str
    user_handle: bytes
    key: ec.EllipticCurvePrivateKey
    count: int = 0


@dataclass
class Authenticator:
    """A device. What it is asked for it does as the attributes say, which tests bend."""

    origin: str
    """What the browser tells of the page's origin."""

    verified: bool = True
    """Whether it makes sure that it is its owner who uses it."""

    counts: bool = True
    """Whether it counts signatures; those that are synchronised between devices do not."""

    credentials: list[_Credential] = field(default_factory=list)

    def create(self, options_json: str) -> str:
        """Makes a credential: the PublicKeyCredential as JSON."""
        options = json.loads(options_json)
        credential = _Credential(
            os.urandom(32),
            options["rp"]["id"],
            from_b64url(options["user"]["id"]),
            ec.generate_private_key(ec.SECP256R1()),
        )
        self.credentials.append(credential)
        public = credential.key.public_key().public_numbers()
        cose = encode_cbor({1: 2, 3: -7, -1: 1, -2: public.x.to_bytes(32, "big"), -3: public.y.to_bytes(32, "big")})
        attested = bytes(16) + len(credential.id).to_bytes(2, "big") + credential.id + cose
        data = self._data(credential, _ATTESTED) + attested
        return _as_json(
            credential,
            clientDataJSON=b64url(self._client("webauthn.create", options["challenge"])),
            attestationObject=b64url(encode_cbor({"fmt": "none", "attStmt": {}, "authData": data})),
            transports=["internal"],
        )

    def get(self, options_json: str) -> str:
        """Uses the newest credential that the options allow: the PublicKeyCredential as JSON."""
        options = json.loads(options_json)
        allowed = {item["id"] for item in options.get("allowCredentials") or ()}
        credential = next(
            each
            for each in reversed(self.credentials)
            if each.rp_id == options["rpId"] and (not allowed or b64url(each.id) in allowed)
        )
        credential.count += self.counts
        data, client = self._data(credential, 0), self._client("webauthn.get", options["challenge"])
        signature = credential.key.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(SHA256()))
        return _as_json(
            credential,
            clientDataJSON=b64url(client),
            authenticatorData=b64url(data),
            signature=b64url(signature),
            userHandle=b64url(credential.user_handle),
        )

    def _data(self, credential: _Credential, flags: int) -> bytes:
        flags |= _PRESENT | (_VERIFIED if self.verified else 0)
        return hashlib.sha256(credential.rp_id.encode()).digest() + bytes([flags]) + credential.count.to_bytes(4, "big")

    def _client(self, kind: str, challenge: str) -> bytes:
        return json.dumps({"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": False}).encode()


def _as_json(credential: _Credential, **response: Any) -> str:
    return json.dumps(
        {
            "id": b64url(credential.id),
            "rawId": b64url(credential.id),
            "type": "public-key",
            "authenticatorAttachment": "platform",
            "clientExtensionResults": {},
            "response": response,
        }
    )
