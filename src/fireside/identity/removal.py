"""Ending an account for good. What it may do ends first, then what runs in its name, and then its rows go."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fireside.core.errors import FailedPreconditionError
from fireside.gen.v1 import account_pb2
from fireside.identity import admins
from fireside.store import accounts, api_keys, sessions

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from fireside.gen.v1.account_pb2 import Account
    from fireside.identity.changes import Changes
    from fireside.store.db import Database
    from fireside.store.tx import Tx


class Removals:
    """Removes accounts."""

    def __init__(self, db: Database, changes: Changes) -> None:
        self._db = db
        self._changes = changes
        self._listeners: list[Callable[[str], Awaitable[None]]] = []

    def on_remove(self, listener: Callable[[str], Awaitable[None]]) -> None:
        """Awaits `listener(account_id)` before an account's rows go, so that it can end what runs in its name."""
        self._listeners.append(listener)

    async def remove(self, account: Account, record: Callable[[Tx], Awaitable[None]]) -> None:
        """Removes an account with all that belongs to it; `record` tells the audit log in the same transaction.

        FailedPreconditionError (LAST_ADMIN). NotFoundError (ACCOUNT_NOT_FOUND): somebody else was faster.
        """
        # Asked again below, where it counts: here so that nothing is ended for a removal that is refused.
        if is_admin(account) and await self._db.read(accounts.count_active_admins) <= 1:
            raise FailedPreconditionError(
                "LAST_ADMIN", "This is the last admin who can sign in: make another account an admin first."
            )

        async def shut(tx: Tx) -> None:
            await sessions.delete_all(tx, account.id)
            await api_keys.delete_all(tx, account.id)

        await self._changes.write(account.id, shut)
        for listener in self._listeners:
            await listener(account.id)

        async def body(tx: Tx) -> None:
            if not await accounts.delete(tx, account.id):
                raise accounts.not_found(account.id)
            if is_admin(account):
                await admins.keep_one(tx)
            await record(tx)

        await self._changes.write(account.id, body)


def is_admin(account: Account) -> bool:
    """Whether it is one of those of whom there must be one."""
    return (account.role, account.state) == (account_pb2.ACCOUNT_ROLE_ADMIN, account_pb2.ACCOUNT_STATE_ACTIVE)
