"""PostgreSQL by asyncpg: a pool, a transaction for each body, and bodies that are run again when they lost a race."""

from __future__ import annotations

import asyncio
import random
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol, cast

import asyncpg  # pyright: ignore[reportMissingTypeStubs]

from fireside.core.errors import FailedPreconditionError, FiresideError, NotFoundError, UnavailableError
from fireside.store import fresh, revisions, upgrade
from fireside.store.dialects.base import MIGRATION_LOCK
from fireside.store.dialects.postgres_ear import NOTIFY, Ear
from fireside.store.tx import StaleRowError, T, TransactionMisuseError, id_taken, note_to, refuse_nul

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from contextlib import AbstractAsyncContextManager

    from fireside.store.dialects.base import Listener, StoreOptions
    from fireside.store.tx import Body, Note, Row, Value

# Another transaction was in the way; the same body, run again, sees what that one did.
_LOST_RACE = (
    asyncpg.SerializationError,
    asyncpg.DeadlockDetectedError,
    asyncpg.UniqueViolationError,
    StaleRowError,
)

_AWAY = (
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
    TimeoutError,
)

# Seconds of a statement that may take as long as it takes.
_DAYS = 7 * 86_400.0


class _Connection(Protocol):
    """What is used of asyncpg's connection, which has no types of its own."""

    async def fetch(self, query: str, *args: Value) -> list[Sequence[Value]]: ...

    async def fetchval(self, query: str, *args: Value) -> Value: ...

    async def execute(self, query: str, *args: Value | Sequence[str], timeout: float | None = None) -> str:
        """`timeout` in seconds, where the pool's is not the one."""
        ...

    async def executemany(self, command: str, args: Sequence[Row]) -> None: ...

    def transaction(self, *, isolation: str | None = None, readonly: bool = False) -> AbstractAsyncContextManager[None]:
        """A transaction that commits unless an error leaves it."""
        ...

    def terminate(self) -> None: ...


class _Pool(Protocol):
    """The same of its pool."""

    def acquire(self, *, timeout: float | None = None) -> AbstractAsyncContextManager[_Connection]:
        """A connection to use and give back."""
        ...

    async def close(self) -> None: ...

    def terminate(self) -> None: ...


async def open_postgres(url: str, options: StoreOptions) -> PostgresDatabase:
    """Connects to the database at `url`, makes or upgrades its schema, and returns it.

    FailedPreconditionError: it is newer than this build. UnavailableError: it cannot be reached or upgraded.
    """
    try:
        pool = await _connect(url, options)
    except (*_AWAY, asyncpg.PostgresError, ValueError) as error:
        raise UnavailableError(
            "DATABASE_UNAVAILABLE", f"The PostgreSQL database cannot be reached: {_sentence(error)}"
        ) from error
    try:
        async with pool.acquire() as connection:
            old = await _prepare(connection)
        if old:
            await asyncio.to_thread(upgrade.run, url)
    except BaseException:
        pool.terminate()
        raise
    return PostgresDatabase(pool, options.timeout, Ear(url, options.timeout))


async def _connect(url: str, options: StoreOptions) -> _Pool:
    pool: object = await asyncpg.create_pool(  # pyright: ignore[reportUnknownMemberType]
        url,
        min_size=1,
        max_size=options.pool_size,
        command_timeout=options.timeout,
        timeout=options.timeout,
        # Nothing that a transaction does outlives it, so that there is nothing to reset and no need to ask.
        reset=_keep,
        server_settings={"application_name": "fireside"},
    )
    return cast("_Pool", pool)


async def _prepare(connection: _Connection) -> bool:
    """Makes the schema if there is none; True if there is one that needs an upgrade."""
    async with connection.transaction():
        await connection.execute(f"SELECT pg_advisory_xact_lock({MIGRATION_LOCK})")
        if await connection.fetchval("SELECT to_regclass('alembic_version')") is None:
            await connection.execute(fresh.script("postgresql"))
            return False
        return revisions.needs_upgrade(str(await connection.fetchval("SELECT version_num FROM alembic_version")))


async def _keep(_connection: object) -> None:
    pass


class PostgresTx:
    """Runs the statements of one body on a connection of the pool, and keeps its notes."""

    dialect = "postgresql"

    def __init__(self, connection: _Connection, notes: list[Note] | None) -> None:
        """`notes` gets what the body wants to tell; None for a body that only reads."""
        self._connection = connection
        self._notes = notes

    async def fetch(self, sql: str, *args: Value) -> Sequence[Row]:
        """See Tx."""
        refuse_nul(args)
        return [tuple(row) for row in await self._connection.fetch(sql, *args)]

    async def execute(self, sql: str, *args: Value) -> int:
        """See Tx."""
        refuse_nul(args)
        status = await self._connection.execute(sql, *args)
        count = status.rpartition(" ")[2]
        return int(count) if count.isdigit() else 0

    async def execute_many(self, sql: str, rows: Sequence[Row]) -> None:
        """See Tx."""
        for row in rows:
            refuse_nul(row)
        await self._connection.executemany(sql, rows)

    async def notify(self, topic: str, payload: str) -> None:
        """See Tx."""
        note_to(self._notes, topic, payload)


class PostgresDatabase:
    """A Database on a server, which other processes may use at the same time."""

    dialect = "postgresql"
    exclusive = False

    def __init__(self, pool: _Pool, timeout: float, ear: Ear) -> None:
        self._pool = pool
        self._ear = ear
        self._timeout = timeout
        self._closed = False
        self._running = 0
        self._idle = asyncio.Event()
        self._idle.set()

    async def write(self, body: Body[T]) -> T:
        """See Database. The body is run again when it lost a race against another transaction."""
        with self._counted():
            attempt = 0
            while True:
                try:
                    return await self._once(body, readonly=False)
                except _LOST_RACE as error:
                    attempt += 1
                    if attempt > _retries(error):
                        raise _told(error) from error
                # At random, so that those who met once do not meet again.
                await asyncio.sleep(random.uniform(0, 0.004 * 2**attempt))  # noqa: S311 No secret depends on it.

    async def read(self, body: Body[T]) -> T:
        """See Database."""
        with self._counted():
            return await self._once(body, readonly=True)

    async def maintain(self, lock: int, plan: Body[Sequence[str]]) -> bool:
        """See MaintainedDatabase."""
        with self._counted():
            try:
                async with self._pool.acquire(timeout=self._timeout) as connection:
                    try:
                        return await _maintained(connection, lock, plan)
                    finally:
                        # The lock ends with it, and whatever was set.
                        connection.terminate()
            except _AWAY as error:
                raise _away(error) from error
            except asyncpg.PostgresError as error:
                raise FailedPreconditionError(
                    "MAINTENANCE_REFUSED", f"The PostgreSQL database refused: {_sentence(error)}"
                ) from error

    async def listen(self, listener: Listener) -> None:
        """See Database."""
        await self._ear.listen(listener)

    async def close(self) -> None:
        """See Database."""
        self._closed = True
        await self._ear.aclose()
        try:
            async with asyncio.timeout(self._timeout):
                # A closing pool refuses those who still wait for a connection; let them all through first.
                await self._idle.wait()
                await self._pool.close()
        except TimeoutError:
            self._pool.terminate()

    @contextmanager
    def _counted(self) -> Generator[None]:
        if self._closed:
            raise UnavailableError("DATABASE_CLOSED", "The server is shutting down; try again in a moment.")
        self._running += 1
        self._idle.clear()
        try:
            yield
        finally:
            self._running -= 1
            if not self._running:
                self._idle.set()

    async def _once(self, body: Body[T], *, readonly: bool) -> T:
        committing = False
        # A reader sees one moment. A writer sees, after it waited for a row, what it waited for.
        isolation = "repeatable_read" if readonly else "read_committed"
        try:
            async with (
                self._pool.acquire(timeout=self._timeout) as connection,
                connection.transaction(isolation=isolation, readonly=readonly),
            ):
                notes: list[Note] = []
                result = await body(PostgresTx(connection, None if readonly else notes))
                if notes and self._ear.others:
                    await connection.execute(NOTIFY, self._ear.spoken(notes))
                committing = not readonly
                return result
        except (FiresideError, asyncpg.DataError, *_LOST_RACE):
            raise
        except asyncpg.ForeignKeyViolationError as error:
            raise NotFoundError("REFERENCE_NOT_FOUND", "What this refers to is not there (any more).") from error
        except asyncpg.ReadOnlySQLTransactionError as error:
            raise TransactionMisuseError("A read body tried to write.") from error
        except _AWAY as error:
            outcome = "It is not known whether the change was stored." if committing else "Nothing was changed."
            raise _away(error, outcome) from error


async def _maintained(connection: _Connection, lock: int, plan: Body[Sequence[str]]) -> bool:
    if not await connection.fetchval("SELECT pg_try_advisory_lock($1)", lock):
        return False
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        statements = await plan(PostgresTx(connection, None))
    for statement in statements:
        await connection.execute(statement, timeout=_DAYS)
    return True


def _retries(error: Exception) -> int:
    """How often a body is run again for an error. An id or a row that others changed is seen by the next run."""
    return 2 if isinstance(error, asyncpg.UniqueViolationError | StaleRowError) else 7


def _told(error: Exception) -> Exception:
    if isinstance(error, StaleRowError):
        return error
    if isinstance(error, asyncpg.UniqueViolationError):
        return id_taken(str(getattr(error, "table_name", "")))
    return UnavailableError("DATABASE_BUSY", "Too many changes at once in the same place; try again in a moment.")


def _away(error: BaseException, outcome: str = "") -> UnavailableError:
    told = f"The PostgreSQL database is away: {_sentence(error)} {outcome}"
    return UnavailableError("DATABASE_UNAVAILABLE", told.strip())


def _sentence(error: BaseException) -> str:
    text = str(error).strip() or type(error).__name__
    return text if text.endswith(".") else f"{text}."
