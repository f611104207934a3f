"""Another process for test_sqlite_shared.py: `count` counts up with others on one file, `hold` keeps a transaction open."""

from __future__ import annotations

import asyncio
import os
import sys

from fireside.store.db import StoreOptions, open_database
from fireside.store.records import int_of
from fireside.store.tx import Tx
from tests.store_rows import OWNER


async def increment(tx: Tx) -> None:
    """Reads and writes: what two processes do at the same time would lose a step."""
    number = int_of((await tx.fetch("SELECT event_seq FROM accounts WHERE id = $1", OWNER))[0][0])
    await tx.execute("UPDATE accounts SET event_seq = $2 WHERE id = $1", OWNER, number + 1)


async def count(url: str, writers: int, steps: int) -> None:
    """Each writer takes so many steps; each also reads. Prints `done`, or fails with what the store raised."""
    db = await open_database(url, StoreOptions(shared=True))

    async def one() -> None:
        for _ in range(steps):
            await db.write(increment)
            await db.read(lambda tx: tx.fetch("SELECT event_seq FROM accounts"))

    await asyncio.gather(*(one() for _ in range(writers)))
    await db.close()
    os.write(1, b"done\n")


async def keep(url: str) -> None:
    """Stops itself in the middle of a transaction, which keeps everybody else from writing."""
    db = await open_database(url, StoreOptions(shared=True))

    async def body(tx: Tx) -> None:
        await increment(tx)
        os.write(1, b"inside\n")
        sys.stdin.read()

    await db.write(body)


if __name__ == "__main__":
    command, address, *numbers = sys.argv[1:]
    asyncio.run(count(address, *map(int, numbers)) if command == "count" else keep(address))
