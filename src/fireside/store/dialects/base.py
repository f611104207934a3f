"""What a database is to the rest of the server, and what can be set about it. Not a driver: those are the files beside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeAlias

    from fireside.store.tx import Body, T

Listener: TypeAlias = "Callable[[str, str], None]"
MISSED: Final = ""
"""The topic of what a listener hears when notes may have been lost: it has to look at the store."""


@dataclass(frozen=True, slots=True)
class StoreOptions:
    """How the database is used."""

    readers: int = 2
    """SQLite: threads that read. The one that writes comes on top."""

    pool_size: int = 10
    """PostgreSQL: the most connections."""

    timeout: float = 30.0
    """Seconds to wait for a connection, a lock or a statement before UnavailableError."""

    shared: bool = False
    """SQLite: other processes use the file too. Whoever starts them has prepared it and holds its lock (hold.py)."""


class Database(Protocol):
    """An open database. Its schema is the one of this build."""

    dialect: str
    """`sqlite` or `postgresql`."""

    exclusive: bool
    """Whether no other process can have the database open: then whatever a process left running is dead."""

    async def write(self, body: Body[T]) -> T:
        """Runs `body` in a transaction and returns its result once it is durable.

        Whatever the body raises rolls its own changes back, alone, and is raised here. A caller that is cancelled
        before the body began has written nothing; one that is cancelled later may have.
        UnavailableError: the database is away or full, or is closed.
        """
        ...

    async def read(self, body: Body[T]) -> T:
        """Runs `body` in a transaction that cannot write. It sees all that was written before the call."""
        ...

    async def listen(self, listener: Listener) -> None:
        """Calls `listener(topic, payload)` on the event loop for each note (Tx.notify) of another process, from now on.

        At best effort: notes may be lost, which MISSED tells where it is known; so look at the store now and then.
        """
        ...

    async def close(self) -> None:
        """Lets what was begun complete, then lets go of the database."""
        ...


class MaintainedDatabase(Database, Protocol):
    """A Database that can be changed while it is used by what takes long and is no transaction: PostgreSQL's."""

    async def maintain(self, lock: int, plan: Body[Sequence[str]]) -> bool:
        """Runs the statements that `plan` finds to be needed, in order, each for itself and for as long as it takes.

        False: another process is at it, which holds the advisory lock, so that nothing was done. `plan` only reads, under
        the lock. Settings that a statement makes end with the call. When it is cancelled, or the process is killed, the
        database may complete the statement that it is at, and none after it.
        UnavailableError: the database is away. FailedPreconditionError (MAINTENANCE_REFUSED): it refused a statement.
        """
        ...


MIGRATION_LOCK = 0x6669726573696465
"""The key of the PostgreSQL advisory lock under which a schema is made or upgraded (`fireside` in ASCII)."""
