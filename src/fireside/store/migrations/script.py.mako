"""${message}."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}


def upgrade() -> None:
    """Add REVISIONS in revisions.py, change schema.py, render, and put rows in tests/contracts/store/revisions.py."""
    ${upgrades if upgrades else "raise NotImplementedError"}
