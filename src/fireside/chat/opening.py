"""Opens what is of sharing, in order. Not what the parts do: each is in its own file."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from fireside.chat.links import Links
from fireside.chat.presence import Holds, Presences
from fireside.chat.sharing import Sharing

if TYPE_CHECKING:
    from contextlib import AsyncExitStack

    from fireside.chat.conversations import Conversations
    from fireside.chat.engine import Engine
    from fireside.chat.feed import Feed
    from fireside.chat.sharing import LinkSharing
    from fireside.store.db import Database


class Parts(NamedTuple):
    """What sharing is built on."""

    db: Database
    engine: Engine
    feed: Feed
    conversations: Conversations


class Shares(NamedTuple):
    """The parts of sharing."""

    sharing: Sharing
    links: Links
    presences: Presences


async def open_shares(
    parts: Parts, link_sharing: LinkSharing, stack: AsyncExitStack, holds: Holds | None = None
) -> Shares:
    """Opens them; `stack` closes them in reverse."""
    sharing = Sharing(parts.db, parts.engine, parts.feed, link_sharing)
    stack.push_async_callback(sharing.aclose)
    sharing.open()
    presences = Presences(parts.db, parts.engine, parts.feed, holds or Holds())
    stack.push_async_callback(presences.aclose)
    await presences.open()
    return Shares(sharing, Links(*parts, link_sharing), presences)
