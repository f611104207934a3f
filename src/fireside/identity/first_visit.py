"""Who may make the first account: whoever sits at the server's own machine, or has the link that its start printed."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from fireside.core.clock import now_us
from fireside.core.ids import new_id
from fireside.identity import tokens
from fireside.store import one_time_tokens
from fireside.store.one_time_tokens import OneTimeToken

if TYPE_CHECKING:
    from fireside.core.principal import Origin
    from fireside.store.tx import Tx

PURPOSE: Final = "set-up"
_YEAR = 365 * 24 * 60 * 60 * 1_000_000


@dataclass(frozen=True, slots=True)
class FirstVisit:
    """The rule of one server."""

    loopback_only: bool
    """Whether only the server's own machine can reach it."""

    async def offer(self, tx: Tx, token: str) -> None:
        """Has the link with this token hold, in every process on the store, until the first account is made."""
        now = now_us()
        await one_time_tokens.purge(tx, PURPOSE, now)
        token_hash = tokens.hash_of(token)
        if await one_time_tokens.find(tx, PURPOSE, token_hash, now) is None:
            made = OneTimeToken(new_id(), PURPOSE, "", now, now + _YEAR, b"")
            await one_time_tokens.insert(tx, made, token_hash)

    def needs_token(self, origin: Origin) -> bool:
        """Whether somebody who comes from there needs the link."""
        # A proxy on the same machine brings other people's calls from there: the name that they called by gives it away.
        return not (self.loopback_only and is_loopback(origin.address) and is_loopback(_name(origin.host)))

    async def allows(self, tx: Tx, token: str, origin: Origin) -> bool:
        """Whether somebody who comes from there with this token may make the first account."""
        if not self.needs_token(origin):
            return True
        return await one_time_tokens.find(tx, PURPOSE, tokens.hash_of(token), now_us()) is not None

    async def end(self, tx: Tx) -> None:
        """Ends all such links."""
        for link in await one_time_tokens.of_purpose(tx, PURPOSE, now_us()):
            await one_time_tokens.delete(tx, PURPOSE, link.id)


def is_loopback(host: str) -> bool:
    """Whether a name or address is the machine's own."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _name(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0] if host.count(":") <= 1 else host
