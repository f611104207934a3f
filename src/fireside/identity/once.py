"""Changes by admins that may be repeated (AIP-155): the same request id changes nothing again. Inside one transaction."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

from fireside.core.errors import AlreadyExistsError
from fireside.store import requests

if TYPE_CHECKING:
    from fireside.store.tx import Tx


class Repeatable(NamedTuple):
    """A change and what makes two requests for it the same."""

    owner: str
    """The account that asks."""

    request_id: str
    """Empty for a change that is not to be repeated."""

    method: str
    arguments: bytes


async def earlier(tx: Tx, change: Repeatable) -> str:
    """The id of what an earlier request with this id made; empty for none. AlreadyExistsError: it was another change."""
    found = await requests.find(tx, change.owner, change.request_id) if change.request_id else None
    if found is None:
        return ""
    method, fingerprint, made = found
    if (method, fingerprint) != (change.method, _fingerprint(change)):
        raise AlreadyExistsError(
            "REQUEST_ID_REUSED", "The request id was used for another request: make a new one for each change."
        )
    return made.decode()


async def done(tx: Tx, change: Repeatable, made: str) -> None:
    """Remembers the id of what the change made."""
    if change.request_id:
        await requests.put(tx, change.owner, change.request_id, change.method, _fingerprint(change), made.encode())


def _fingerprint(change: Repeatable) -> bytes:
    return hashlib.sha256(change.arguments).digest()
