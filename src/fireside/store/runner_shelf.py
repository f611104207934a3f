"""The database as the place where the registry of runners keeps what was made through the API. One transaction a method."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fireside.store import runners

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fireside.gen.v1.runner_pb2 import ModelAlias, Runner, RunnerSpec
    from fireside.store.db import Database
    from fireside.store.tx import Body, T, Tx

TOPIC = "runners"
"""What other processes are told when something here has changed."""


@dataclass(frozen=True, slots=True)
class Shelved:
    """Everything that is kept: runners with their sealed secrets, the order of all names, aliases."""

    runners: Sequence[tuple[Runner, bytes | None]]
    order: Sequence[str]
    aliases: Sequence[ModelAlias]


class RunnerShelf:
    """See store/runners.py for what the methods do and raise."""

    def __init__(self, db: Database) -> None:
        self._db = db

    @property
    def shared(self) -> bool:
        """Whether another process may change what is here."""
        return not self._db.exclusive

    async def read(self) -> Shelved:
        """All of it, as of one moment."""

        async def body(tx: Tx) -> Shelved:
            return Shelved(await runners.every(tx), await runners.order(tx), await runners.aliases(tx))

        return await self._db.read(body)

    async def insert(self, spec: RunnerSpec, secret: bytes | None) -> Runner:
        """Adds a runner."""
        return await self._write(lambda tx: runners.insert(tx, spec, secret))

    async def update(self, spec: RunnerSpec, secret: bytes | None, etag: str) -> Runner:
        """Replaces a runner."""
        return await self._write(lambda tx: runners.update(tx, spec, secret, etag))

    async def delete(self, name: str) -> bool:
        """Removes a runner."""
        return await self._write(lambda tx: runners.delete(tx, name))

    async def reorder(self, names: Sequence[str]) -> None:
        """Sets the order."""
        await self._write(lambda tx: runners.reorder(tx, names))

    async def put_alias(self, alias: ModelAlias) -> None:
        """Makes or replaces an alias."""
        await self._write(lambda tx: runners.put_alias(tx, alias))

    async def delete_alias(self, alias: str) -> bool:
        """Removes an alias."""
        return await self._write(lambda tx: runners.delete_alias(tx, alias))

    async def _write(self, change: Body[T]) -> T:
        async def body(tx: Tx) -> T:
            result = await change(tx)
            await tx.notify(TOPIC, "")
            return result

        return await self._db.write(body)
