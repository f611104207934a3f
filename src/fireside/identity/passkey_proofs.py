"""WebAuthn itself: what a browser is asked for, and whether its answer is right. The one file that knows the library, which
is optional. What is stored is passkeys.py's.
"""

from __future__ import annotations

import importlib.util
import ipaddress
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from fireside.core.errors import UnimplementedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fireside.core.principal import Origin


class Party(NamedTuple):
    """The server, as authenticators know it. A passkey works for one `rp_id` alone."""

    rp_id: str
    """The host's name."""

    origin: str
    """Scheme, host and port, as the browser tells it."""


class Owner(NamedTuple):
    """Whose passkey it will be."""

    id: str
    address: str
    name: str


class NewCredential(NamedTuple):
    """What an authenticator made."""

    id: bytes
    public_key: bytes
    sign_count: int


class ProofError(Exception):
    """The browser's answer is not right."""


def party_of(origin: Origin, public_url: str) -> Party | None:
    """The server under the name that it was called by; None where browsers have no passkeys: without https, and at numbers.

    `public_url` is believed about its own host, where something in front of the server may speak TLS for it.
    """
    public = urlsplit(public_url)
    scheme = (
        public.scheme
        if public_url and public.netloc.lower() == origin.host.lower()
        else "https"
        if origin.secure
        else "http"
    )
    try:
        name = (urlsplit(f"//{origin.host}").hostname or "").rstrip(".")
    except ValueError:
        return None
    local = name == "localhost" or name.endswith(".localhost")
    if not name or _is_number(name) or (scheme != "https" and not local):
        return None
    return Party(name, f"{scheme}://{origin.host.lower()}")


def installed() -> bool:
    """Whether the library is there."""
    return importlib.util.find_spec("webauthn") is not None


def require(party: Party | None) -> Party:
    """UnimplementedError (PASSKEYS_UNAVAILABLE) without the library, or where browsers have no passkeys."""
    if not installed():
        raise UnimplementedError(
            "PASSKEYS_UNAVAILABLE", "Passkeys are not installed on this server: pip install 'fireside[accounts]'."
        )
    if party is None:
        raise UnimplementedError(
            "PASSKEYS_UNAVAILABLE", "Browsers have passkeys for https addresses with a name, and for localhost, alone."
        )
    return party


def ask_for_new(party: Party, owner: Owner, nonce: bytes, known: Sequence[bytes]) -> str:
    """The options for making a credential, as JSON. An authenticator that has one of `known` makes no other."""
    import webauthn
    from webauthn.helpers import structs

    options = webauthn.generate_registration_options(
        rp_id=party.rp_id,
        rp_name="Fireside",
        user_id=owner.id.encode(),
        user_name=owner.address,
        user_display_name=owner.name,
        challenge=nonce,
        exclude_credentials=[structs.PublicKeyCredentialDescriptor(id=each) for each in known],
        authenticator_selection=structs.AuthenticatorSelectionCriteria(
            resident_key=structs.ResidentKeyRequirement.REQUIRED,
            user_verification=structs.UserVerificationRequirement.REQUIRED,
        ),
    )
    return webauthn.options_to_json(options)


def check_new(party: Party, nonce: bytes, credential_json: str) -> NewCredential:
    """The credential that the browser made. ProofError."""
    import webauthn

    try:
        made = webauthn.verify_registration_response(
            credential=credential_json,
            expected_challenge=nonce,
            expected_rp_id=party.rp_id,
            expected_origin=party.origin,
            require_user_verification=True,
        )
    except Exception as error:
        # The library parses what strangers send, and fails in many ways.
        raise ProofError from error
    return NewCredential(made.credential_id, made.credential_public_key, made.sign_count)


def ask_for_proof(party: Party, nonce: bytes, known: Sequence[bytes]) -> str:
    """The options for using a credential, as JSON: one of `known`, or without those any that the person has here."""
    import webauthn
    from webauthn.helpers import structs

    verification = structs.UserVerificationRequirement
    options = webauthn.generate_authentication_options(
        rp_id=party.rp_id,
        challenge=nonce,
        allow_credentials=[structs.PublicKeyCredentialDescriptor(id=each) for each in known],
        # Whoever comes without a password proves both that they have the device and that it is theirs.
        user_verification=verification.PREFERRED if known else verification.REQUIRED,
    )
    return webauthn.options_to_json(options)


def credential_of(credential_json: str) -> tuple[bytes, str]:
    """The id of the credential that an answer comes from, and the account that it says it is of. ProofError."""
    from webauthn.helpers import parse_authentication_credential_json

    try:
        parsed = parse_authentication_credential_json(credential_json)
        return parsed.raw_id, (parsed.response.user_handle or b"").decode()
    except Exception as error:
        raise ProofError from error


def check_proof(party: Party, nonce: bytes, credential_json: str, known: NewCredential, *, alone: bool) -> int:
    """The new sign count of a credential that was used rightly. ProofError."""
    import webauthn

    try:
        proved = webauthn.verify_authentication_response(
            credential=credential_json,
            expected_challenge=nonce,
            expected_rp_id=party.rp_id,
            expected_origin=party.origin,
            credential_public_key=known.public_key,
            credential_current_sign_count=known.sign_count,
            require_user_verification=alone,
        )
    except Exception as error:
        raise ProofError from error
    return proved.new_sign_count


def _is_number(name: str) -> bool:
    try:
        ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return False
    return True
