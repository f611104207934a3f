"""Another process for test_sqlite.py: it writes until it is killed, or on a disk that is full for a while."""

from __future__ import annotations

import asyncio
import os
import resource
import sys

from fireside.core.errors import FiresideError
from fireside.store import conversations
from fireside.store.db import Database, StoreOptions, open_database
from fireside.store.tx import Tx
from tests.store_rows import OWNER, conversation, have_conversation


async def write(db: Database) -> None:
    """64 writers; the id of each conversation is printed once it is acknowledged."""

    async def one(writer: int) -> None:
        number = 0
        while True:
            row = await have_conversation(db, f"{writer}-{number}")
            os.write(1, f"{row.id}\n".encode())
            number += 1

    await asyncio.gather(*(one(writer) for writer in range(64)))


async def fill(db: Database, size: int) -> None:
    """20 writes and one that fails by itself, while files cannot grow; then one that can."""
    big = "x" * size

    async def fails(tx: Tx) -> None:
        await conversations.insert(tx, OWNER, conversation("fails"))
        raise LookupError

    async def outcome(number: int) -> str:
        body = (lambda tx: conversations.insert(tx, OWNER, conversation(f"c{number}", big))) if number < 20 else fails
        try:
            await db.write(body)
        except FiresideError as error:
            return error.reason
        except LookupError as error:
            return type(error).__name__
        return "written"

    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, resource.RLIM_INFINITY))
    outcomes = await asyncio.gather(*(outcome(number) for number in range(21)))
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    outcomes.append(await outcome(0))
    rows = await db.read(lambda tx: conversations.page(tx, OWNER, query="", limit=99, before=None))
    outcomes.append("none-of-the-failed" if [c.id for c in rows] == ["c0"] else "too-many")
    os.write(1, "\n".join(outcomes).encode())


async def main(command: str, url: str) -> None:
    db = await open_database(url, StoreOptions())
    await (write(db) if command == "write" else fill(db, int(command)))
    await db.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
