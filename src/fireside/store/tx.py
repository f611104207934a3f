"""What a transaction body may do, whatever the database. Not a query builder: the SQL is written by hand in this package.

A body is `async def body(tx: Tx) -> T`. It may await nothing but `tx`: on SQLite it runs on the writer thread, where
nothing else can be awaited. It may run more than once (on PostgreSQL a lost race is run again), so it changes nothing
outside the transaction. An error that a method of `tx` raises ends the transaction: let it out of the body.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar

from fireside.core.errors import AbortedError, AlreadyExistsError, InvalidArgumentError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence
    from typing import TypeAlias

NOTE_BYTES = 7_000
"""The longest payload of a note. PostgreSQL takes 8,000 bytes with what is put before it."""

Value = int | float | str | bytes | None
Row = tuple[Value, ...]

T = TypeVar("T")
Body: TypeAlias = "Callable[[Tx], Coroutine[object, None, T]]"


class TransactionMisuseError(RuntimeError):
    """A body broke the rules above, or a read body wrote. A defect of the caller, never of the data."""


class StaleRowError(AbortedError):
    """A row changed between being read and being written; on PostgreSQL the body is run again first."""


class Tx(Protocol):
    """An open transaction. SQL has `$1`, `$2`, ... placeholders on every database.

    `dialect` is `sqlite` or `postgresql`, for the few statements that are not the same on both. Every method raises AlreadyExistsError for a taken id, NotFoundError for a reference to a row that is not there,
    InvalidArgumentError for text with a NUL character and UnavailableError when the database is away or full.
    """

    @property
    def dialect(self) -> str:
        """Which database it is."""
        ...

    async def fetch(self, sql: str, *args: Value) -> Sequence[Row]:
        """Runs a statement and returns its rows."""
        ...

    async def execute(self, sql: str, *args: Value) -> int:
        """Runs a statement (not one that starts with WITH) and returns the number of rows that it changed."""
        ...

    async def execute_many(self, sql: str, rows: Sequence[Row]) -> None:
        """Runs one statement for each row of arguments."""
        ...

    async def notify(self, topic: str, payload: str) -> None:
        """Once this is committed, tells all other processes on the database (Database.listen); nothing where there is none.

        `topic` is one word, and `payload` has at most NOTE_BYTES bytes of UTF-8. ValueError otherwise.
        """
        ...


def refuse_nul(args: Row) -> None:
    """Raises InvalidArgumentError for text with a NUL character, which PostgreSQL cannot store as text.

    Content is not concerned: records are stored as bytes. Only ids and search keys are text.
    """
    for value in args:
        if type(value) is str and "\0" in value:
            raise InvalidArgumentError("NUL_CHARACTER", "An id contains a NUL character; send it without.")


class Note(NamedTuple):
    """What other processes are told after a commit."""

    topic: str
    payload: str


def note_to(notes: list[Note] | None, topic: str, payload: str) -> None:
    """Adds a note, once. `notes` is None in a body that only reads, which is TransactionMisuseError."""
    if notes is None:
        raise TransactionMisuseError("A read body tried to notify.")
    if not topic or " " in topic or len(payload.encode()) > NOTE_BYTES:
        raise ValueError("a note has a topic of one word and a payload of at most 7,000 bytes")
    note = Note(topic, payload)
    if note not in notes:
        notes.append(note)


def id_taken(table: str) -> AlreadyExistsError:
    """The error for a violated primary key or unique constraint of a table."""
    noun = _NOUNS.get(table, "row")
    return AlreadyExistsError(f"{noun.upper()}_EXISTS", f"This id of a {noun} is taken; make another one.")


_NOUNS = {
    "accounts": "account",
    "conversations": "conversation",
    "messages": "message",
    "generations": "generation",
    "generation_events": "event",
    "requests": "request",
    "runners": "runner",
    "groups": "group",
    "collections": "collection",
    "documents": "document",
}
