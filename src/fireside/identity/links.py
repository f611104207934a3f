"""One-time tokens: invitations, links by mail, challenges. Not what they open: that is whoever made them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from fireside.core.clock import now_us
from fireside.core.ids import new_id
from fireside.identity import tokens
from fireside.store import one_time_tokens
from fireside.store.one_time_tokens import OneTimeToken

if TYPE_CHECKING:
    from fireside.store.tx import Tx

INVITATION: Final = "invitation"
"""Lets somebody make an account. The record is an Invitation."""

PASSWORD: Final = "password"  # noqa: S105
"""Sets a password of its owner. A day from an admin, an hour by mail."""

EMAIL: Final = "email"
"""Confirms the address that an account was made with, or is to get. The record is identity/sign_up.py's."""

CHALLENGE: Final = "challenge"
"""Is between two steps of a sign-in, or of adding what signs in."""


class Link(NamedTuple):
    """A one-time token, as its maker needs it."""

    id: str
    owner: str
    """The account that it belongs to; empty for none."""

    record: bytes
    expire_us: int
    create_us: int


class Links:
    """Makes them and takes them back, each inside the caller's transaction."""

    async def make(
        self, tx: Tx, purpose: str, lifetime_seconds: float, record: bytes = b"", owner: str = ""
    ) -> tuple[str, str]:
        """A new one: its id, and its token, which is kept nowhere. NotFoundError: `owner` is no account."""
        now = now_us()
        # Here rather than by the clock: as many are taken away as are made.
        await one_time_tokens.purge(tx, purpose, now)
        token = tokens.new_token(tokens.CHALLENGE if purpose == CHALLENGE else tokens.LINK)
        made = OneTimeToken(new_id(), purpose, owner, now, now + int(lifetime_seconds * 1_000_000), record)
        await one_time_tokens.insert(tx, made, tokens.hash_of(token))
        return made.id, token

    async def peek(self, tx: Tx, purpose: str, token: str) -> Link | None:
        """What a token is good for, without using it up; None when it has ended, was used or never was."""
        return _link(await one_time_tokens.find(tx, purpose, tokens.hash_of(token), now_us()))

    async def take(self, tx: Tx, purpose: str, token: str) -> Link | None:
        """What a token was good for: it is used up. None when it has ended, was used or never was."""
        return _link(await one_time_tokens.take(tx, purpose, tokens.hash_of(token), now_us()))

    async def update(self, tx: Tx, link_id: str, record: bytes) -> None:
        """Stores another record of one that stays as it is otherwise."""
        await one_time_tokens.replace_record(tx, link_id, record)

    async def listed(self, tx: Tx, purpose: str) -> list[Link]:
        """Those that hold, the newest first."""
        found = await one_time_tokens.of_purpose(tx, purpose, now_us())
        return [link for token in found if (link := _link(token))]

    async def of_owner(self, tx: Tx, purpose: str, owner: str) -> list[Link]:
        """Those of one account that hold, the newest first."""
        found = await one_time_tokens.of_owner(tx, purpose, owner, now_us())
        return [link for token in found if (link := _link(token))]

    async def delete(self, tx: Tx, purpose: str, link_id: str) -> Link | None:
        """Ends one by its id and returns what it was; None if there is none."""
        return _link(await one_time_tokens.delete(tx, purpose, link_id))

    async def end_all(self, tx: Tx, purpose: str, owner: str) -> int:
        """Ends all that an account has for a purpose. How many there were."""
        return await one_time_tokens.delete_of_owner(tx, purpose, owner)


def _link(token: OneTimeToken | None) -> Link | None:
    return token and Link(token.id, token.owner, token.record, token.expire_time, token.create_time)
