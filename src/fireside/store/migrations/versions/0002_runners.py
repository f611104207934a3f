"""Runners that were made through the API, the order of all runners, and aliases of models."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

ID = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Makes three tables with nothing in them."""
    op.create_table(
        "runners",
        sa.Column("name", ID, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("create_time", sa.BigInteger, nullable=False),
        sa.Column("record", sa.LargeBinary, nullable=False),
        sa.Column("secret", sa.LargeBinary),
        sa.PrimaryKeyConstraint("name", name="pk_runners"),
    )
    op.create_table(
        "runner_positions",
        sa.Column("name", ID, nullable=False),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_runner_positions"),
    )
    op.create_table(
        "model_aliases",
        sa.Column("alias", ID, nullable=False),
        sa.Column("record", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("alias", name="pk_model_aliases"),
    )
