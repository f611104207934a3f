"""Opaque tokens: random text that opens something, and the hash under which the store keeps it. They mean nothing by themselves."""

from __future__ import annotations

import hashlib
import secrets
from typing import Final

SESSION: Final = "fss_"
API_KEY: Final = "fsk_"
LINK: Final = "fsl_"
CHALLENGE: Final = "fsc_"

_BYTES = 32


def new_token(prefix: str) -> str:
    """A token: the prefix, by which people and scanners for leaked secrets know what it is, and 43 random characters."""
    return prefix + secrets.token_urlsafe(_BYTES)


def hash_of(token: str) -> bytes:
    """What the store keeps of a token. It has 256 random bits, so a slow hash would add nothing."""
    return hashlib.sha256(token.encode()).digest()
