"""Which embedding model all vectors are of, as far as that is known for sure. Not the vectors: vectors.py.

It is written down once everything was embedded by a model, and crossed out while nothing or another one embeds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fireside.store import counters, jobs

if TYPE_CHECKING:
    from fireside.store.tx import Tx

SUBJECT: Final = "vectors"
"""The subject of the job that embeds everything by the present model."""

_PREFIX: Final = "embedded/"


async def is_complete(tx: Tx, model: str) -> bool:
    """Whether all that was there has vectors of this model and no others."""
    return await counters.get(tx, _PREFIX + model) > 0


async def completed(tx: Tx, model: str) -> None:
    """Writes down that it is so."""
    await forget(tx)
    await counters.increment(tx, _PREFIX + model)


async def forget(tx: Tx) -> None:
    """Crosses out what was written down."""
    await tx.execute("DELETE FROM counters WHERE name LIKE $1", _PREFIX + "%")


async def is_changing(tx: Tx) -> bool:
    """Whether the job is asked for, runs or was given up: then a scope may have vectors of another model."""
    rows = await tx.fetch("SELECT 1 FROM jobs WHERE kind = $1 AND subject = $2", jobs.REEMBED, SUBJECT)
    return bool(rows)
