"""The schema revisions that this build knows, oldest first. Plain data, so that a start needs neither Alembic nor SQLAlchemy.

A test holds this against the files in migrations/versions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fireside.core.errors import FailedPreconditionError

if TYPE_CHECKING:
    from typing import Final

REVISIONS: Final = ("0001", "0002", "0003", "0004")
HEAD: Final = REVISIONS[-1]


def needs_upgrade(revision: str) -> bool:
    """Whether a database at `revision` is older than this build. FailedPreconditionError if it is newer."""
    if revision not in REVISIONS:
        raise FailedPreconditionError(
            "DATABASE_NEWER",
            f"The database is at schema revision {revision}, which this version of Fireside does not know (it knows up "
            f"to {HEAD}). Install the version that wrote it, or a newer one.",
            revision=revision,
        )
    return revision != HEAD
