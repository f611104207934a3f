"""Codes of authenticator apps (TOTP, RFC 6238) and recovery codes: made and checked. What is stored is second_factors.py's."""

from __future__ import annotations

import base64
import hashlib
import hmac
import io
import secrets
from typing import Final

from pyotp import random_base32
from pyotp.totp import TOTP

STEP_SECONDS: Final = 30
RECOVERY_CODES: Final = 10

_DRIFT = 1
"""A code holds for this many steps before and after its own: clocks differ, and people type."""

_DIGITS = 6
_RECOVERY_BYTES = 10
_SIDE = 4


def new_secret() -> str:
    """A secret of 160 bits, in base32."""
    return random_base32()


def uri_of(secret: str, account: str) -> str:
    """What a QR code tells an authenticator app."""
    return TOTP(secret).provisioning_uri(name=account, issuer_name="Fireside")


def qr_svg(text: str) -> str:
    """The QR code of a text as an SVG image; empty where the library for it is not installed."""
    try:
        import segno
    except ImportError:
        return ""
    out = io.BytesIO()
    segno.make(text, error="m", micro=False).save(
        out, kind="svg", xmldecl=False, svgns=True, border=_SIDE, dark="#000", light="#fff", omitsize=True
    )
    return out.getvalue().decode()


def step_of(secret: str, code: str, now_seconds: int, last_step: int) -> int | None:
    """The time step whose code this is, later than `last_step`; None for a wrong code. Takes as long for a wrong one."""
    typed = "".join(code.split())
    generator = TOTP(secret, digits=_DIGITS, interval=STEP_SECONDS)
    now, found = now_seconds // STEP_SECONDS, None
    for step in range(now - _DRIFT, now + _DRIFT + 1):
        if hmac.compare_digest(generator.generate_otp(step).encode(), typed.encode()) and step > last_step:
            found = step
    return found


def new_recovery_codes() -> list[str]:
    """Ten codes of 80 bits, in four groups that can be typed."""
    codes: list[str] = []
    for _ in range(RECOVERY_CODES):
        text = base64.b32encode(secrets.token_bytes(_RECOVERY_BYTES)).decode().lower()
        codes.append("-".join(text[start : start + _SIDE] for start in range(0, len(text), _SIDE)))
    return codes


def recovery_hash(code: str) -> bytes:
    """What the store keeps of a recovery code, however it was typed. It has 80 random bits, so no slow hash is needed."""
    typed = "".join(letter for letter in code.lower() if letter.isalnum())
    return hashlib.sha256(b"fireside recovery code " + typed.encode()).digest()
