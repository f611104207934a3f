"""What the processes on one store tell each other (Tx.notify): topics and payloads. Hints alone: the truth is in the store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fireside.store import account_events
from fireside.store.tx import NOTE_BYTES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fireside.store.tx import Tx

LOGS: Final = "logs"
"""There is more of these logs: ids of generations, separated by spaces."""

FEED: Final = account_events.TOPIC
"""There is news for an account: its newest number, a space, the account's id."""

STARTED: Final = "started"
"""A generation has been started: its id, its conversation's and those of accounts that have access, separated by spaces."""

STOP: Final = "stop"
"""Somebody wants this generation stopped."""

ACCESS: Final = "access"
"""Who has access to a conversation has changed: its id."""

PRESENCE: Final = "presence"
"""Who has a shared conversation open, as JSON: see presence.py."""

ACTIVITY: Final = "activity"
"""What answers without content are doing: `id:phase:place in the queue:number of sources`, separated by spaces."""

# Ids of accounts in one note, far below NOTE_BYTES.
_ACCOUNTS = 100


async def tell_started(tx: Tx, generation_id: str, conversation_id: str, accounts: Sequence[str]) -> None:
    """Tells that a generation has been started, in as many notes as it takes."""
    for at in range(0, len(accounts), _ACCOUNTS):
        await tx.notify(STARTED, " ".join((generation_id, conversation_id, *accounts[at : at + _ACCOUNTS])))


async def tell_logs(tx: Tx, ids: Sequence[str]) -> None:
    """Tells that there is more of these logs."""
    await tell_many(tx, LOGS, ids)


async def tell_many(tx: Tx, topic: str, words: Sequence[str]) -> None:
    """Tells all words, in as many notes as it takes."""
    start = size = 0
    for end, word in enumerate(words):
        if size + len(word) + 1 > NOTE_BYTES:
            await tx.notify(topic, " ".join(words[start:end]))
            start, size = end, 0
        size += len(word) + 1
    if words:
        await tx.notify(topic, " ".join(words[start:]))
