"""Accounts that sign in: sessions, keys, second factors, groups, shares, usage, policy and the audit log."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

ID = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
COUNTER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Makes tables with nothing in them. What there was belongs to the account `local`, which the first admin takes over."""
    _accounts()
    _credentials()
    _proofs()
    _groups()
    _shares()
    _server()
    _triggers()


def _accounts() -> None:
    for column in (
        sa.Column("email_folded", ID),
        sa.Column("name_folded", sa.Text, nullable=False, server_default=sa.text("''")),
        sa.Column("role", sa.SmallInteger, nullable=False, server_default=sa.text("0")),
        sa.Column("state", sa.SmallInteger, nullable=False, server_default=sa.text("0")),
        sa.Column("revision", sa.BigInteger, nullable=False, server_default=sa.text("0")),
        sa.Column("record", sa.LargeBinary),
        sa.Column("password", sa.Text),
        sa.Column("totp", sa.LargeBinary),
        sa.Column("subject", ID),
        sa.Column("last_use_time", sa.BigInteger),
    ):
        op.add_column("accounts", column)
    op.create_index("ux_accounts_email_folded", "accounts", ["email_folded"], unique=True)
    op.create_index("ux_accounts_subject", "accounts", ["subject"], unique=True)


def _credentials() -> None:
    op.create_table(
        "sessions",
        sa.Column("id", ID, nullable=False),
        sa.Column("token_hash", sa.LargeBinary, nullable=False),
        sa.Column("owner", ID, nullable=False),
        sa.Column("last_use_time", sa.BigInteger, nullable=False),
        sa.Column("expire_time", sa.BigInteger, nullable=False),
        sa.Column("fresh_time", sa.BigInteger, nullable=False),
        sa.Column("record", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_sessions"),
        sa.UniqueConstraint("token_hash", name="uq_sessions_token_hash"),
        _refers("sessions", "owner", "accounts"),
    )
    op.create_index("ix_sessions_owner", "sessions", ["owner"])
    op.create_index("ix_sessions_expire_time", "sessions", ["expire_time"])
    op.create_table(
        "api_keys",
        sa.Column("id", ID, nullable=False),
        sa.Column("token_hash", sa.LargeBinary, nullable=False),
        sa.Column("owner", ID, nullable=False),
        sa.Column("create_time", sa.BigInteger, nullable=False),
        sa.Column("last_use_time", sa.BigInteger),
        sa.Column("expire_time", sa.BigInteger),
        sa.Column("record", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_api_keys"),
        sa.UniqueConstraint("token_hash", name="uq_api_keys_token_hash"),
        _refers("api_keys", "owner", "accounts"),
    )
    op.create_index("ix_api_keys_owner", "api_keys", ["owner"])


def _proofs() -> None:
    op.create_table(
        "passkeys",
        sa.Column("id", ID, nullable=False),
        sa.Column("credential_id", sa.LargeBinary, nullable=False),
        sa.Column("owner", ID, nullable=False),
        sa.Column("public_key", sa.LargeBinary, nullable=False),
        sa.Column("sign_count", sa.BigInteger, nullable=False),
        sa.Column("create_time", sa.BigInteger, nullable=False),
        sa.Column("last_use_time", sa.BigInteger),
        sa.Column("record", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_passkeys"),
        sa.UniqueConstraint("credential_id", name="uq_passkeys_credential_id"),
        _refers("passkeys", "owner", "accounts"),
    )
    op.create_index("ix_passkeys_owner", "passkeys", ["owner"])
    op.create_table(
        "recovery_codes",
        sa.Column("owner", ID, nullable=False),
        sa.Column("code_hash", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("owner", "code_hash", name="pk_recovery_codes"),
        _refers("recovery_codes", "owner", "accounts"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "one_time_tokens",
        sa.Column("id", ID, nullable=False),
        sa.Column("token_hash", sa.LargeBinary, nullable=False),
        sa.Column("purpose", ID, nullable=False),
        sa.Column("owner", ID),
        sa.Column("create_time", sa.BigInteger, nullable=False),
        sa.Column("expire_time", sa.BigInteger, nullable=False),
        sa.Column("record", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_one_time_tokens"),
        sa.UniqueConstraint("token_hash", name="uq_one_time_tokens_token_hash"),
        _refers("one_time_tokens", "owner", "accounts"),
    )
    op.create_index("ix_one_time_tokens_owner", "one_time_tokens", ["owner"])
    op.create_index("ix_one_time_tokens_purpose_expire_time", "one_time_tokens", ["purpose", "expire_time"])


def _groups() -> None:
    op.create_table(
        "groups",
        sa.Column("id", ID, nullable=False),
        sa.Column("name_folded", ID, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("record", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_groups"),
        sa.UniqueConstraint("name_folded", name="uq_groups_name_folded"),
    )
    op.create_table(
        "group_members",
        sa.Column("group_id", ID, nullable=False),
        sa.Column("account_id", ID, nullable=False),
        sa.Column("by_provider", sa.SmallInteger, nullable=False, server_default=sa.text("0")),
        sa.PrimaryKeyConstraint("group_id", "account_id", name="pk_group_members"),
        _refers("group_members", "group_id", "groups"),
        _refers("group_members", "account_id", "accounts"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_group_members_account_id", "group_members", ["account_id"])


def _shares() -> None:
    op.create_table(
        "shares",
        sa.Column("id", ID, nullable=False),
        sa.Column("conversation_id", ID, nullable=False),
        sa.Column("account_id", ID),
        sa.Column("group_id", ID),
        sa.Column("token_hash", sa.LargeBinary),
        sa.Column("role", sa.SmallInteger, nullable=False),
        sa.Column("create_time", sa.BigInteger, nullable=False),
        sa.Column("expire_time", sa.BigInteger),
        sa.Column("record", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_shares"),
        sa.UniqueConstraint("conversation_id", "account_id", name="uq_shares_conversation_id_account_id"),
        sa.UniqueConstraint("conversation_id", "group_id", name="uq_shares_conversation_id_group_id"),
        sa.UniqueConstraint("token_hash", name="uq_shares_token_hash"),
        _refers("shares", "conversation_id", "conversations"),
        _refers("shares", "account_id", "accounts"),
        _refers("shares", "group_id", "groups"),
    )
    op.create_index("ix_shares_account_id", "shares", ["account_id"])
    op.create_index("ix_shares_group_id", "shares", ["group_id"])


def _server() -> None:
    op.create_table(
        "usage",
        sa.Column("owner", ID, nullable=False),
        sa.Column("day", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("messages", sa.BigInteger, nullable=False),
        sa.Column("tokens", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("owner", "day", name="pk_usage"),
        _refers("usage", "owner", "accounts"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "audit_events",
        sa.Column("number", COUNTER, nullable=False, autoincrement=True),
        sa.Column("time", sa.BigInteger, nullable=False),
        sa.Column("actor_id", ID, nullable=False),
        sa.Column("action", ID, nullable=False),
        sa.Column("record", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_audit_events"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_audit_events_actor_id_number", "audit_events", ["actor_id", "number"])
    op.create_index("ix_audit_events_time", "audit_events", ["time"])
    op.create_table(
        "server_policy",
        sa.Column("id", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("record", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_server_policy"),
    )
    op.create_table(
        "counters",
        sa.Column("name", ID, nullable=False),
        sa.Column("value", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_counters"),
        sqlite_with_rowid=False,
    )


def _triggers() -> None:
    if op.get_context().dialect.name == "sqlite":
        for change in ("update", "delete"):
            op.execute(
                f"CREATE TRIGGER audit_events_no_{change} BEFORE {change.upper()} ON audit_events"
                " BEGIN SELECT RAISE(ABORT, 'The audit log is only appended to.'); END"
            )
        return
    op.execute(
        "CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'The audit log is only appended to.'; END $$"
    )
    op.execute(
        "CREATE TRIGGER audit_events_no_change BEFORE UPDATE OR DELETE ON audit_events"
        " FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )
    op.execute(
        "CREATE TRIGGER audit_events_no_truncate BEFORE TRUNCATE ON audit_events"
        " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )


def _refers(table: str, column: str, to: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{to}.id"], name=f"fk_{table}_{column}", ondelete="CASCADE")
