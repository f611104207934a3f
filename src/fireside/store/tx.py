"""What a transaction body may do, whatever the database. Not a query builder: the SQL is written by hand in this package.

A body is `async def body(tx: Tx) -> T`. It may await nothing but `tx`: on SQLite it runs on the writer thread, where
nothing else can be awaited.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

Value = int | float | str | bytes | None
Row = tuple[Value, ...]


class Tx(Protocol):
    """An open transaction. SQL has `$1`, `$2`, ... placeholders on every database."""

    async def fetch(self, sql: str, *args: Value) -> Sequence[Row]:
        """Runs a statement and returns its rows."""
        ...

    async def execute(self, sql: str, *args: Value) -> int:
        """Runs a statement and returns the number of rows that it changed."""
        ...

    async def execute_many(self, sql: str, rows: Sequence[Row]) -> None:
        """Runs one statement for each row of arguments."""
        ...


