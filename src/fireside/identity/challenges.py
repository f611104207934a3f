"""What is remembered between two steps of a sign-in, or of adding a passkey: a one-time token and what it is good for."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final, NamedTuple

from fireside.core.errors import UnauthenticatedError
from fireside.identity import links

if TYPE_CHECKING:
    from fireside.identity.links import Link, Links
    from fireside.store.tx import Tx

SECOND_FACTOR: Final = "second factor"
"""The password was right: a code, or a passkey that `PASSKEY_SECOND` asks for, completes the sign-in."""

PASSKEY_ALONE: Final = "passkey alone"
PASSKEY_SECOND: Final = "passkey second"
PASSKEY_NEW: Final = "new passkey"


class Challenge(NamedTuple):
    """What a challenge is good for."""

    kind: str
    nonce: str = ""
    """What the browser's authenticator has to sign, in hexadecimal; empty for none."""

    parent: str = ""
    """The id of the SECOND_FACTOR challenge that ends with this one; empty for none."""

    tries: int = 0
    """How often it was answered wrongly."""

    def packed(self) -> bytes:
        """As a token's record."""
        return json.dumps(list(self)).encode()


async def peek(tx: Tx, one_time: Links, token: str, kind: str) -> tuple[Link, Challenge] | None:
    """The challenge of this token, if it holds and is of that kind."""
    link = await one_time.peek(tx, links.CHALLENGE, token)
    if link is None:
        return None
    challenge = _unpacked(link.record)
    return (link, challenge) if challenge.kind == kind else None


async def end(tx: Tx, one_time: Links, link: Link) -> None:
    """Ends a challenge, and the one that it stands for."""
    await one_time.delete(tx, links.CHALLENGE, link.id)
    if parent := _unpacked(link.record).parent:
        await one_time.delete(tx, links.CHALLENGE, parent)


def ended() -> UnauthenticatedError:
    """The error for a challenge that is gone."""
    return UnauthenticatedError("CHALLENGE_ENDED", "This took too long, or was tried too often. Sign in again.")


def _unpacked(record: bytes) -> Challenge:
    return Challenge(*json.loads(record))
