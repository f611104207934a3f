"""Hears what other processes notify through PostgreSQL, on a connection of its own that comes back when it was lost."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol, cast

import asyncpg  # pyright: ignore[reportMissingTypeStubs]

from fireside.core.ids import new_id
from fireside.store.dialects.base import MISSED
from fireside.store.records import int_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from fireside.store.dialects.base import Listener
    from fireside.store.tx import Note, Value

logger = logging.getLogger(__name__)

_CHANNEL = "fireside"
NOTIFY = f"SELECT pg_notify('{_CHANNEL}', note) FROM unnest($1::text[]) AS note"  # noqa: S608 Nothing but the channel is put in.
# Each process that listens holds this advisory lock, shared, so that others can be counted, whoever they log in as.
_LOCK = 0x66697265
_COUNT = (
    "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = 0 AND objsubid = 1"  # noqa: S608 A number.
    f" AND objid = {_LOCK} AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)
_HELLO = "hello"
_WELCOME = "welcome"
# How long who comes waits for the others to say that they know.
_WELCOME_SECONDS = 2.0
# How often the others are counted, which also shows that the connection is alive.
_COUNT_SECONDS = 5.0
_FIRST_BACKOFF, _LONGEST_BACKOFF = 0.1, 10.0


class _Connection(Protocol):
    """What is used of asyncpg's connection, which has no types of its own."""

    async def execute(self, query: str, *args: object) -> str: ...

    async def fetchval(self, query: str) -> Value: ...

    async def add_listener(self, channel: str, callback: Callable[[object, int, str, str], None]) -> None: ...

    def add_termination_listener(self, callback: Callable[[object], None]) -> None: ...

    def terminate(self) -> None: ...


class Ear:
    """Listens from the first `listen` on. Until then, and without a connection, there may be others."""

    def __init__(self, url: str, timeout: float) -> None:
        """`timeout` is for connecting and for each statement, in seconds."""
        self._url = url
        self._timeout = timeout
        self._name = new_id()
        self._listeners: list[Listener] = []
        self._task: asyncio.Task[None] | None = None
        self._tried = asyncio.Event()
        # Set when the connection is lost, when somebody has come, and when somebody has said welcome.
        self._stirred = asyncio.Event()
        self._came: list[str] = []
        self._welcomed_by: set[str] = set()
        self.others = True
        """Whether another process may be listening: without one there is nobody to tell."""

    async def listen(self, listener: Listener) -> None:
        """See Database.listen. Returns when the database has been reached, or could not be at first."""
        self._listeners.append(listener)
        if self._task is None:
            self._task = asyncio.create_task(self._listen_forever(), name="listen to PostgreSQL")
        await self._tried.wait()

    def spoken(self, notes: Sequence[Note]) -> list[str]:
        """Notes as they go over the channel."""
        return [f"{self._name} {note.topic} {note.payload}" for note in notes]

    async def aclose(self) -> None:
        """Ends listening."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _listen_forever(self) -> None:
        backoff = _FIRST_BACKOFF
        while True:
            connection: _Connection | None = None
            try:
                connection = await self._connect()
                backoff = _FIRST_BACKOFF
                await self._stay(connection)
            except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
                logger.warning("Listening to PostgreSQL failed; trying again: %s", error)
            finally:
                self.others = True
                self._tried.set()
                if connection is not None:
                    connection.terminate()
            await asyncio.sleep(backoff)
            backoff = min(2 * backoff, _LONGEST_BACKOFF)

    async def _connect(self) -> _Connection:
        connecting = cast(
            "Awaitable[object]",
            asyncpg.connect(  # pyright: ignore[reportUnknownMemberType]
                self._url,
                timeout=self._timeout,  # pyright: ignore[reportArgumentType] It takes fractions.
                command_timeout=self._timeout,
                server_settings={"application_name": "fireside"},
            ),
        )
        return cast("_Connection", await connecting)

    async def _stay(self, connection: _Connection) -> None:
        """Listens until the connection is lost."""
        lost = asyncio.Event()

        def on_loss(_connection: object) -> None:
            lost.set()
            self._stirred.set()

        connection.add_termination_listener(on_loss)
        self._welcomed_by.clear()
        await connection.execute(f"SELECT pg_advisory_lock_shared({_LOCK})")
        await connection.add_listener(_CHANNEL, self._hear)
        # Who came at the same moment counts us, or we count it, or it hears this.
        await connection.execute(NOTIFY, [f"{self._name} {_HELLO} "])
        again = self._tried.is_set()
        welcome_until = asyncio.get_running_loop().time() + _WELCOME_SECONDS
        while not lost.is_set():
            self._stirred.clear()
            if self._came:
                came, self._came = self._came, []
                self.others = True
                await connection.execute(NOTIFY, [f"{self._name} {_WELCOME} {name}" for name in came])
            others = int_of(await connection.fetchval(_COUNT)) - 1
            self.others = others > 0
            if again:
                again = False
                self._tell(MISSED, "")
            patience = welcome_until - asyncio.get_running_loop().time()
            if len(self._welcomed_by) >= others or patience <= 0:
                # From here on all others know that there is somebody to tell.
                self._tried.set()
                patience = _COUNT_SECONDS
            with suppress(TimeoutError):
                async with asyncio.timeout(patience):
                    await self._stirred.wait()

    def _hear(self, _connection: object, _process: int, _channel: str, text: str) -> None:
        name, topic, payload = text.split(" ", 2)
        if name == self._name:
            return
        self.others = True
        if topic == _HELLO:
            self._came.append(name)
            self._stirred.set()
        elif topic == _WELCOME:
            if payload == self._name:
                self._welcomed_by.add(name)
                self._stirred.set()
        else:
            self._tell(topic, payload)

    def _tell(self, topic: str, payload: str) -> None:
        for listener in self._listeners:
            listener(topic, payload)
