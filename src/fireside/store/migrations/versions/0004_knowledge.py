"""Files and knowledge: uploads, files, collections, documents, chunks with words and vectors, and jobs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

ID = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
COUNTER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Makes tables with nothing in them."""
    _collections()
    _uploads()
    _files()
    _documents()
    _chunks()
    _full_text()
    _jobs()


def _collections() -> None:
    op.create_table(
        "collections",
        sa.Column("id", ID, nullable=False),
        sa.Column("owner", ID, nullable=False),
        sa.Column("name_folded", ID, nullable=False),
        _number("revision"),
        sa.Column("change_seq", sa.BigInteger, nullable=False, server_default=sa.text("0")),
        _number("update_time"),
        _record(),
        sa.PrimaryKeyConstraint("id", name="pk_collections"),
        sa.UniqueConstraint("owner", "name_folded", name="uq_collections_owner_name_folded"),
        _refers("collections", "owner", "accounts"),
    )
    op.create_table(
        "collection_shares",
        sa.Column("id", ID, nullable=False),
        sa.Column("collection_id", ID, nullable=False),
        sa.Column("account_id", ID),
        sa.Column("group_id", ID),
        sa.Column("role", sa.SmallInteger, nullable=False),
        _number("create_time"),
        sa.PrimaryKeyConstraint("id", name="pk_collection_shares"),
        sa.UniqueConstraint("collection_id", "account_id", name="uq_collection_shares_collection_id_account_id"),
        sa.UniqueConstraint("collection_id", "group_id", name="uq_collection_shares_collection_id_group_id"),
        _refers("collection_shares", "collection_id", "collections"),
        _refers("collection_shares", "account_id", "accounts"),
        _refers("collection_shares", "group_id", "groups"),
    )
    op.create_index("ix_collection_shares_account_id", "collection_shares", ["account_id"])
    op.create_index("ix_collection_shares_group_id", "collection_shares", ["group_id"])


def _uploads() -> None:
    op.create_table(
        "blobs",
        sa.Column("id", ID, nullable=False),
        _number("size"),
        _number("create_time"),
        sa.Column("delete_time", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="pk_blobs"),
    )
    op.create_table(
        "uploads",
        sa.Column("id", ID, nullable=False),
        sa.Column("owner", ID, nullable=False),
        sa.Column("collection_id", ID),
        sa.Column("blob_id", ID, nullable=False),
        _number("size"),
        _number("create_time"),
        _number("expire_time"),
        _record(),
        sa.PrimaryKeyConstraint("id", name="pk_uploads"),
        _refers("uploads", "owner", "accounts"),
        _refers("uploads", "collection_id", "collections"),
        sa.ForeignKeyConstraint(["blob_id"], ["blobs.id"], name="fk_uploads_blob_id"),
    )
    for column in ("owner", "collection_id", "blob_id", "expire_time"):
        op.create_index(f"ix_uploads_{column}", "uploads", [column])


def _files() -> None:
    op.create_table(
        "files",
        sa.Column("id", ID, nullable=False),
        sa.Column("owner", ID, nullable=False),
        sa.Column("blob_id", ID, nullable=False),
        sa.Column("sha256", sa.LargeBinary, nullable=False),
        _number("size"),
        _number("create_time"),
        _record(),
        sa.PrimaryKeyConstraint("id", name="pk_files"),
        _refers("files", "owner", "accounts"),
        sa.ForeignKeyConstraint(["blob_id"], ["blobs.id"], name="fk_files_blob_id"),
    )
    for column in ("owner", "blob_id", "sha256"):
        op.create_index(f"ix_files_{column}", "files", [column])
    op.create_table(
        "conversation_files",
        sa.Column("conversation_id", ID, nullable=False),
        sa.Column("file_id", ID, nullable=False),
        sa.PrimaryKeyConstraint("conversation_id", "file_id", name="pk_conversation_files"),
        _refers("conversation_files", "conversation_id", "conversations"),
        _refers("conversation_files", "file_id", "files"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_conversation_files_file_id", "conversation_files", ["file_id"])


def _documents() -> None:
    op.create_table(
        "documents",
        sa.Column("id", ID, nullable=False),
        sa.Column("owner", ID, nullable=False),
        sa.Column("collection_id", ID),
        sa.Column("place", ID),
        sa.Column("state", sa.SmallInteger, nullable=False),
        _number("ready_version"),
        _number("change_seq"),
        _number("update_time"),
        _record(),
        sa.PrimaryKeyConstraint("id", name="pk_documents"),
        sa.UniqueConstraint("collection_id", "place", name="uq_documents_collection_id_place"),
        _refers("documents", "owner", "accounts"),
        _refers("documents", "collection_id", "collections"),
    )
    op.create_index("ix_documents_owner", "documents", ["owner"])
    op.create_index("ix_documents_collection_id_change_seq", "documents", ["collection_id", "change_seq"])
    op.create_table(
        "document_versions",
        sa.Column("document_id", ID, nullable=False),
        _number("version"),
        sa.Column("file_id", ID, nullable=False),
        _number("create_time"),
        _record(),
        sa.PrimaryKeyConstraint("document_id", "version", name="pk_document_versions"),
        _refers("document_versions", "document_id", "documents"),
        _refers("document_versions", "file_id", "files"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_document_versions_file_id", "document_versions", ["file_id"])


def _chunks() -> None:
    op.create_table(
        "chunks",
        sa.Column("id", COUNTER, nullable=False, autoincrement=True),
        sa.Column("document_id", ID, nullable=False),
        _number("version"),
        _number("ordinal"),
        sa.Column("scope", ID, nullable=False),
        _record(),
        sa.PrimaryKeyConstraint("id", name="pk_chunks"),
        sa.UniqueConstraint("document_id", "version", "ordinal", name="uq_chunks_document_id_version_ordinal"),
        _refers("chunks", "document_id", "documents"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_chunks_scope_id", "chunks", ["scope", "id"])
    op.create_table(
        "chunk_vectors",
        sa.Column("scope", ID, nullable=False),
        sa.Column("model", ID, nullable=False),
        sa.Column("chunk_id", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("vector", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("scope", "model", "chunk_id", name="pk_chunk_vectors"),
        _refers("chunk_vectors", "chunk_id", "chunks"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_chunk_vectors_chunk_id", "chunk_vectors", ["chunk_id"])


def _full_text() -> None:
    if op.get_context().dialect.name == "sqlite":
        op.execute(
            "CREATE VIRTUAL TABLE chunk_text USING fts5(scope, terms, tokenize = 'unicode61 remove_diacritics 2')"
        )
        op.execute(
            "CREATE TRIGGER chunks_delete_text AFTER DELETE ON chunks"
            " BEGIN DELETE FROM chunk_text WHERE rowid = old.id; END"
        )
        return
    op.execute(
        "CREATE TABLE chunk_text (chunk_id BIGINT NOT NULL, terms TSVECTOR NOT NULL,"
        " CONSTRAINT pk_chunk_text PRIMARY KEY (chunk_id),"
        " CONSTRAINT fk_chunk_text_chunk_id FOREIGN KEY (chunk_id) REFERENCES chunks (id) ON DELETE CASCADE)"
    )
    op.execute("CREATE INDEX ix_chunk_text_terms ON chunk_text USING gin (terms)")
    op.execute("ALTER TABLE chunk_text ALTER COLUMN terms SET STATISTICS 500")


def _jobs() -> None:
    op.create_table(
        "jobs",
        sa.Column("id", ID, nullable=False),
        sa.Column("kind", ID, nullable=False),
        sa.Column("subject", ID, nullable=False),
        sa.Column("lane", ID, nullable=False),
        sa.Column("state", sa.SmallInteger, nullable=False),
        _number("run_time"),
        sa.Column("lease_holder", ID, nullable=False),
        _number("lease_until"),
        _number("attempts"),
        _number("create_time"),
        sa.Column("payload", sa.LargeBinary, nullable=False),
        sa.Column("last_error", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_jobs"),
        sa.UniqueConstraint("kind", "subject", name="uq_jobs_kind_subject"),
    )
    columns = ["state", "lane", "run_time", "lease_until", "kind"]
    op.create_index("ix_jobs_state_lane_run_time_lease_until_kind", "jobs", columns)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False, autoincrement=False)


def _record() -> sa.Column[bytes]:
    return sa.Column("record", sa.LargeBinary, nullable=False)


def _refers(table: str, column: str, to: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{to}.id"], name=f"fk_{table}_{column}", ondelete="CASCADE")
