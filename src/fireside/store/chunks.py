"""Many rows in few statements. Not a query builder: it counts rows and writes placeholders.

Each statement costs the SQLite threads a fight for the interpreter's lock (up to 5 ms each under a busy event loop)
and PostgreSQL a round trip, so that one statement for 64 rows beats 64 statements. Rows are cut into pieces of 64,
8 and 1, so that there are three texts of a statement to prepare and not one for each number of rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Item = TypeVar("Item")

SIZES = (64, 8, 1)


def chunks(items: Sequence[Item], *, width: int = 1) -> Iterator[Sequence[Item]]:
    """The items in order, 64, 8 or 1 rows at a time; a row is `width` items."""
    start = 0
    for size in SIZES:
        while len(items) - start >= size * width:
            yield items[start : start + size * width]
            start += size * width


def marks(first: int, count: int) -> str:
    """`$3, $4, $5` for first 3 and count 3."""
    return ", ".join(f"${number}" for number in range(first, first + count))
