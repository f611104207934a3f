"""What the processes on one store tell each other (Tx.notify): topics and payloads. Hints alone: the truth is in the store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fireside.store.tx import NOTE_BYTES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fireside.store.tx import Tx

LOGS: Final = "logs"
"""There is more of these logs: ids of generations, separated by spaces."""

FEED: Final = "feed"
"""There is news for an account: its newest number, a space, the account's id."""

STARTED: Final = "started"
"""A generation has been started: its id, its conversation's and its account's, separated by spaces."""

STOP: Final = "stop"
"""Somebody wants this generation stopped."""


async def tell_logs(tx: Tx, ids: Sequence[str]) -> None:
    """Tells that there is more of these logs, in as many notes as it takes."""
    start = size = 0
    for end, generation_id in enumerate(ids):
        if size + len(generation_id) + 1 > NOTE_BYTES:
            await tx.notify(LOGS, " ".join(ids[start:end]))
            start, size = end, 0
        size += len(generation_id) + 1
    if ids:
        await tx.notify(LOGS, " ".join(ids[start:]))
