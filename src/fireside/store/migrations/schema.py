"""The newest schema as SQLAlchemy metadata. Not used for queries: it is what migrations and the scripts are made from.

Times are microseconds since the Unix epoch. Records are serialised protobuf messages; a column beside a record is
there because a query needs it. Flags are 0 or 1.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from fireside.store.migrations.columns import COUNTER, ID, metadata, owner

accounts = Table(
    "accounts",
    metadata,
    Column("id", ID, primary_key=True, nullable=False),
    # The number of the newest account event, and of the last one that was pruned.
    Column("event_seq", BigInteger, nullable=False, server_default=text("0")),
    Column("pruned_seq", BigInteger, nullable=False, server_default=text("0")),
    # Of accounts that sign in; null and 0 for an account that nobody has set up.
    Column("email_folded", ID),
    Column("name_folded", Text, nullable=False, server_default=text("''")),
    Column("role", SmallInteger, nullable=False, server_default=text("0")),
    Column("state", SmallInteger, nullable=False, server_default=text("0")),
    Column("revision", BigInteger, nullable=False, server_default=text("0")),
    # An Account.
    Column("record", LargeBinary),
    # An Argon2id hash; null for none.
    Column("password", Text),
    # The secret of an authenticator app, sealed; null for none.
    Column("totp", LargeBinary),
    # The OpenID Connect provider's name, a space, and what it calls the account; null for none.
    Column("subject", ID),
    Column("last_use_time", BigInteger),
    Index("ux_accounts_email_folded", "email_folded", unique=True),
    Index("ux_accounts_subject", "subject", unique=True),
)

conversations = Table(
    "conversations",
    metadata,
    Column("id", ID, primary_key=True, nullable=False),
    owner(),
    Column("title_folded", Text, nullable=False),
    Column("update_time", BigInteger, nullable=False),
    Column("delete_time", BigInteger),
    Column("revision", BigInteger, nullable=False),
    Column("record", LargeBinary, nullable=False),
)
Index(
    "ix_conversations_live",
    conversations.c.owner,
    conversations.c.update_time,
    conversations.c.id,
    sqlite_where=conversations.c.delete_time.is_(None),
    postgresql_where=conversations.c.delete_time.is_(None),
)
Index(
    "ix_conversations_deleted",
    conversations.c.delete_time,
    sqlite_where=conversations.c.delete_time.is_not(None),
    postgresql_where=conversations.c.delete_time.is_not(None),
)

messages = Table(
    "messages",
    metadata,
    # Grows with each insert: the order of siblings.
    Column("position", COUNTER, primary_key=True, nullable=False, autoincrement=True),
    Column("id", ID, nullable=False),
    Column("conversation_id", ID, ForeignKey("conversations.id", ondelete="CASCADE"), nullable=False),
    # Empty for the first messages of a conversation.
    Column("parent_id", ID, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("record", LargeBinary, nullable=False),
    UniqueConstraint("id"),
    Index(None, "conversation_id", "parent_id", "position"),
)

generations = Table(
    "generations",
    metadata,
    Column("id", ID, primary_key=True, nullable=False),
    owner(),
    Column("conversation_id", ID, ForeignKey("conversations.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("message_id", ID, nullable=False),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("record", LargeBinary, nullable=False),
    Column("last_seq", BigInteger, nullable=False),
    Column("seq_limit", BigInteger, nullable=False),
    Column("stop_requested", SmallInteger, nullable=False),
    # Whether generation_events may still hold its log.
    Column("log_kept", SmallInteger, nullable=False),
    Column("lease_holder", ID, nullable=False),
    Column("lease_until", BigInteger, nullable=False),
    Column("create_time", BigInteger, nullable=False),
    # Null while it is running.
    Column("end_time", BigInteger),
)
# Leases are renewed all the time: they are in no index, so that a renewal touches the row alone.
Index(
    "ix_generations_running",
    generations.c.owner,
    sqlite_where=generations.c.end_time.is_(None),
    postgresql_where=generations.c.end_time.is_(None),
)
Index(
    "ix_generations_log_kept",
    generations.c.end_time,
    sqlite_where=text("log_kept = 1 AND end_time IS NOT NULL"),
    postgresql_where=text("log_kept = 1 AND end_time IS NOT NULL"),
)

# With a row id on SQLite: a flush of a thousand logs then appends to few pages instead of touching one for each log,
# which halves its cost (11 instead of 22 ms of CPU, a third of the time to commit).
generation_events = Table(
    "generation_events",
    metadata,
    Column("generation_id", ID, ForeignKey("generations.id", ondelete="CASCADE"), primary_key=True, nullable=False),
    Column("first_seq", BigInteger, primary_key=True, nullable=False),
    Column("last_seq", BigInteger, nullable=False),
    Column("payload", LargeBinary, nullable=False),
)

account_events = Table(
    "account_events",
    metadata,
    owner(primary_key=True),
    Column("number", BigInteger, primary_key=True, nullable=False, autoincrement=False),
    Column("create_time", BigInteger, nullable=False, index=True),
    Column("record", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)

requests = Table(
    "requests",
    metadata,
    owner(primary_key=True),
    Column("request_id", ID, primary_key=True, nullable=False),
    Column("method", Text, nullable=False),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("response", LargeBinary, nullable=False),
    Column("create_time", BigInteger, nullable=False, index=True),
)

# Runners and aliases belong to the server, not to an account.
runners = Table(
    "runners",
    metadata,
    Column("name", ID, primary_key=True, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("create_time", BigInteger, nullable=False),
    # A RunnerSpec.
    Column("record", LargeBinary, nullable=False),
    # Sealed with the server's secret key; null for none.
    Column("secret", LargeBinary),
)

# The order covers runners that were set up elsewhere too, so it is a table of its own. What is not in it comes last.
runner_positions = Table(
    "runner_positions",
    metadata,
    Column("name", ID, primary_key=True, nullable=False),
    Column("position", BigInteger, nullable=False),
)

model_aliases = Table(
    "model_aliases",
    metadata,
    Column("alias", ID, primary_key=True, nullable=False),
    Column("record", LargeBinary, nullable=False),
)

# Tokens are kept as SHA-256 hashes: they are random, so no slow hash is needed.
sessions = Table(
    "sessions",
    metadata,
    Column("id", ID, primary_key=True, nullable=False),
    Column("token_hash", LargeBinary, nullable=False, unique=True),
    owner(index=True),
    Column("last_use_time", BigInteger, nullable=False),
    Column("expire_time", BigInteger, nullable=False, index=True),
    # When it last proved who it is: by password, passkey or provider.
    Column("fresh_time", BigInteger, nullable=False),
    # A Session.
    Column("record", LargeBinary, nullable=False),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", ID, primary_key=True, nullable=False),
    Column("token_hash", LargeBinary, nullable=False, unique=True),
    owner(index=True),
    Column("create_time", BigInteger, nullable=False),
    Column("last_use_time", BigInteger),
    Column("expire_time", BigInteger),
    # An ApiKey.
    Column("record", LargeBinary, nullable=False),
)

passkeys = Table(
    "passkeys",
    metadata,
    Column("id", ID, primary_key=True, nullable=False),
    Column("credential_id", LargeBinary, nullable=False, unique=True),
    owner(index=True),
    Column("public_key", LargeBinary, nullable=False),
    Column("sign_count", BigInteger, nullable=False),
    Column("create_time", BigInteger, nullable=False),
    Column("last_use_time", BigInteger),
    # A Passkey.
    Column("record", LargeBinary, nullable=False),
)

recovery_codes = Table(
    "recovery_codes",
    metadata,
    owner(primary_key=True),
    Column("code_hash", LargeBinary, primary_key=True, nullable=False),
    sqlite_with_rowid=False,
)

# Invitations, links to set a password or confirm an address, and challenges between two steps of a sign-in.
one_time_tokens = Table(
    "one_time_tokens",
    metadata,
    Column("id", ID, primary_key=True, nullable=False),
    Column("token_hash", LargeBinary, nullable=False, unique=True),
    Column("purpose", ID, nullable=False),
    Column("owner", ID, ForeignKey("accounts.id", ondelete="CASCADE"), index=True),
    Column("create_time", BigInteger, nullable=False),
    Column("expire_time", BigInteger, nullable=False),
    Column("record", LargeBinary, nullable=False),
    Index(None, "purpose", "expire_time"),
)

groups = Table(
    "groups",
    metadata,
    Column("id", ID, primary_key=True, nullable=False),
    Column("name_folded", ID, nullable=False, unique=True),
    Column("revision", BigInteger, nullable=False),
    # A Group.
    Column("record", LargeBinary, nullable=False),
)

group_members = Table(
    "group_members",
    metadata,
    Column("group_id", ID, ForeignKey("groups.id", ondelete="CASCADE"), primary_key=True, nullable=False),
    Column(
        "account_id", ID, ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True, nullable=False, index=True
    ),
    # Whether an OpenID Connect provider put it there, and so takes it away.
    Column("by_provider", SmallInteger, nullable=False, server_default=text("0")),
    sqlite_with_rowid=False,
)

# One of account_id, group_id and token_hash is set.
shares = Table(
    "shares",
    metadata,
    Column("id", ID, primary_key=True, nullable=False),
    Column("conversation_id", ID, ForeignKey("conversations.id", ondelete="CASCADE"), nullable=False),
    Column("account_id", ID, ForeignKey("accounts.id", ondelete="CASCADE"), index=True),
    Column("group_id", ID, ForeignKey("groups.id", ondelete="CASCADE"), index=True),
    Column("token_hash", LargeBinary, unique=True),
    Column("role", SmallInteger, nullable=False),
    Column("create_time", BigInteger, nullable=False),
    Column("expire_time", BigInteger),
    # A Share.
    Column("record", LargeBinary, nullable=False),
    UniqueConstraint("conversation_id", "account_id"),
    UniqueConstraint("conversation_id", "group_id"),
)

usage = Table(
    "usage",
    metadata,
    owner(primary_key=True),
    # Days since the Unix epoch, in UTC.
    Column("day", BigInteger, primary_key=True, nullable=False, autoincrement=False),
    Column("messages", BigInteger, nullable=False),
    Column("tokens", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

# It refers to nothing: what was done outlives who did it.
audit_events = Table(
    "audit_events",
    metadata,
    Column("number", COUNTER, primary_key=True, nullable=False, autoincrement=True),
    Column("time", BigInteger, nullable=False, index=True),
    Column("actor_id", ID, nullable=False),
    Column("action", ID, nullable=False),
    # An AuditEvent.
    Column("record", LargeBinary, nullable=False),
    Index(None, "actor_id", "number"),
    sqlite_autoincrement=True,
)

server_policy = Table(
    "server_policy",
    metadata,
    # There is one row: 1.
    Column("id", BigInteger, primary_key=True, nullable=False, autoincrement=False),
    Column("revision", BigInteger, nullable=False),
    # A Policy.
    Column("record", LargeBinary, nullable=False),
)

# Numbers that grow, such as how often identities changed: a process that remembers some sees whether it must look again.
counters = Table(
    "counters",
    metadata,
    Column("name", ID, primary_key=True, nullable=False),
    Column("value", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
