"""The first schema: accounts, conversations, messages, generations with their logs, account events, answered requests."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

# Spelled out, so that a later change of schema.py does not change history.
ID = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
COUNTER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Makes everything, and the account `local`."""
    accounts = op.create_table(
        "accounts",
        sa.Column("id", ID, nullable=False),
        sa.Column("event_seq", sa.BigInteger, nullable=False, server_default=sa.text("0")),
        sa.Column("pruned_seq", sa.BigInteger, nullable=False, server_default=sa.text("0")),
        sa.PrimaryKeyConstraint("id", name="pk_accounts"),
    )
    op.bulk_insert(accounts, [{"id": "local"}])
    _account_tables()
    _messages()
    _generations()


def _account_tables() -> None:
    op.create_table(
        "account_events",
        sa.Column("owner", ID, nullable=False),
        sa.Column("number", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("create_time", sa.BigInteger, nullable=False),
        sa.Column("record", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("owner", "number", name="pk_account_events"),
        _refers("account_events", "owner", "accounts"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_account_events_create_time", "account_events", ["create_time"])
    op.create_table(
        "requests",
        sa.Column("owner", ID, nullable=False),
        sa.Column("request_id", ID, nullable=False),
        sa.Column("method", sa.Text, nullable=False),
        sa.Column("fingerprint", sa.LargeBinary, nullable=False),
        sa.Column("response", sa.LargeBinary, nullable=False),
        sa.Column("create_time", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("owner", "request_id", name="pk_requests"),
        _refers("requests", "owner", "accounts"),
    )
    op.create_index("ix_requests_create_time", "requests", ["create_time"])
    op.create_table(
        "conversations",
        sa.Column("id", ID, nullable=False),
        sa.Column("owner", ID, nullable=False),
        sa.Column("title_folded", sa.Text, nullable=False),
        sa.Column("update_time", sa.BigInteger, nullable=False),
        sa.Column("delete_time", sa.BigInteger),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("record", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_conversations"),
        _refers("conversations", "owner", "accounts"),
    )
    _partial("ix_conversations_live", "conversations", ["owner", "update_time", "id"], "delete_time IS NULL")
    _partial("ix_conversations_deleted", "conversations", ["delete_time"], "delete_time IS NOT NULL")


def _messages() -> None:
    op.create_table(
        "messages",
        sa.Column("position", COUNTER, nullable=False, autoincrement=True),
        sa.Column("id", ID, nullable=False),
        sa.Column("conversation_id", ID, nullable=False),
        sa.Column("parent_id", ID, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("record", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("position", name="pk_messages"),
        sa.UniqueConstraint("id", name="uq_messages_id"),
        _refers("messages", "conversation_id", "conversations"),
    )
    op.create_index(
        "ix_messages_conversation_id_parent_id_position", "messages", ["conversation_id", "parent_id", "position"]
    )


def _generations() -> None:
    op.create_table(
        "generations",
        sa.Column("id", ID, nullable=False),
        sa.Column("owner", ID, nullable=False),
        sa.Column("conversation_id", ID, nullable=False),
        sa.Column("message_id", ID, nullable=False),
        sa.Column("fingerprint", sa.LargeBinary, nullable=False),
        sa.Column("record", sa.LargeBinary, nullable=False),
        sa.Column("last_seq", sa.BigInteger, nullable=False),
        sa.Column("seq_limit", sa.BigInteger, nullable=False),
        sa.Column("stop_requested", sa.SmallInteger, nullable=False),
        sa.Column("log_kept", sa.SmallInteger, nullable=False),
        sa.Column("lease_holder", ID, nullable=False),
        sa.Column("lease_until", sa.BigInteger, nullable=False),
        sa.Column("create_time", sa.BigInteger, nullable=False),
        sa.Column("end_time", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="pk_generations"),
        _refers("generations", "owner", "accounts"),
        _refers("generations", "conversation_id", "conversations"),
    )
    op.create_index("ix_generations_conversation_id", "generations", ["conversation_id"])
    _partial("ix_generations_running", "generations", ["owner"], "end_time IS NULL")
    _partial("ix_generations_log_kept", "generations", ["end_time"], "log_kept = 1 AND end_time IS NOT NULL")
    op.create_table(
        "generation_events",
        sa.Column("generation_id", ID, nullable=False),
        sa.Column("first_seq", sa.BigInteger, nullable=False),
        sa.Column("last_seq", sa.BigInteger, nullable=False),
        sa.Column("payload", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("generation_id", "first_seq", name="pk_generation_events"),
        _refers("generation_events", "generation_id", "generations"),
    )


def _refers(table: str, column: str, to: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{to}.id"], name=f"fk_{table}_{column}", ondelete="CASCADE")


def _partial(name: str, table: str, columns: list[str], where: str) -> None:
    op.create_index(name, table, columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))
