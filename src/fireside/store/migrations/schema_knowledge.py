"""The tables of files and knowledge in the newest schema, as schema.py has the others."""

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

from fireside.store.migrations.columns import COUNTER, ID, metadata, owner, refers

collections = Table(
    "collections",
    metadata,
    Column("id", ID, primary_key=True, nullable=False),
    owner(),
    Column("name_folded", ID, nullable=False),
    Column("revision", BigInteger, nullable=False),
    # The number of the newest change of a document in it.
    Column("change_seq", BigInteger, nullable=False, server_default=text("0")),
    Column("update_time", BigInteger, nullable=False),
    # A Collection.
    Column("record", LargeBinary, nullable=False),
    UniqueConstraint("owner", "name_folded"),
)

# One of account_id and group_id is set.
collection_shares = Table(
    "collection_shares",
    metadata,
    Column("id", ID, primary_key=True, nullable=False),
    refers("collection_id", "collections"),
    refers("account_id", "accounts", nullable=True, index=True),
    refers("group_id", "groups", nullable=True, index=True),
    Column("role", SmallInteger, nullable=False),
    Column("create_time", BigInteger, nullable=False),
    UniqueConstraint("collection_id", "account_id"),
    UniqueConstraint("collection_id", "group_id"),
)

# Bytes at rest, and those that are on their way: nothing is in the blob store without a row here. Uploads and files refer
# to them, so that a blob which one of them needs cannot be deleted; several files may share one.
blobs = Table(
    "blobs",
    metadata,
    # What the blob store calls it.
    Column("id", ID, primary_key=True, nullable=False),
    # As it is, or as it was announced.
    Column("size", BigInteger, nullable=False),
    Column("create_time", BigInteger, nullable=False),
    # When nothing needed it any more: its bytes are being deleted, and nothing may refer to it again.
    Column("delete_time", BigInteger),
)

uploads = Table(
    "uploads",
    metadata,
    Column("id", ID, primary_key=True, nullable=False),
    owner(index=True),
    refers("collection_id", "collections", nullable=True, index=True),
    Column("blob_id", ID, ForeignKey("blobs.id"), nullable=False, index=True),
    Column("size", BigInteger, nullable=False),
    Column("create_time", BigInteger, nullable=False),
    Column("expire_time", BigInteger, nullable=False, index=True),
    # An Upload. Its offset is the blob store's to say.
    Column("record", LargeBinary, nullable=False),
)

files = Table(
    "files",
    metadata,
    Column("id", ID, primary_key=True, nullable=False),
    owner(index=True),
    Column("blob_id", ID, ForeignKey("blobs.id"), nullable=False, index=True),
    Column("sha256", LargeBinary, nullable=False, index=True),
    Column("size", BigInteger, nullable=False),
    Column("create_time", BigInteger, nullable=False),
    # A File.
    Column("record", LargeBinary, nullable=False),
)

documents = Table(
    "documents",
    metadata,
    Column("id", ID, primary_key=True, nullable=False),
    owner(index=True),
    # Null for an attachment to messages.
    refers("collection_id", "collections", nullable=True),
    # Folder, a slash and name: one document for each in a collection. Null once it is deleted.
    Column("place", ID),
    Column("state", SmallInteger, nullable=False),
    # The version that is searched; 0 for none.
    Column("ready_version", BigInteger, nullable=False),
    Column("change_seq", BigInteger, nullable=False),
    Column("update_time", BigInteger, nullable=False),
    # A Document.
    Column("record", LargeBinary, nullable=False),
    UniqueConstraint("collection_id", "place"),
    Index(None, "collection_id", "change_seq"),
)

document_versions = Table(
    "document_versions",
    metadata,
    Column("document_id", ID, ForeignKey("documents.id", ondelete="CASCADE"), primary_key=True, nullable=False),
    Column("version", BigInteger, primary_key=True, nullable=False, autoincrement=False),
    refers("file_id", "files", index=True),
    Column("create_time", BigInteger, nullable=False),
    # A DocumentVersion.
    Column("record", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)

# Which files messages of a conversation name: who may read the conversation may read them.
conversation_files = Table(
    "conversation_files",
    metadata,
    Column("conversation_id", ID, ForeignKey("conversations.id", ondelete="CASCADE"), primary_key=True, nullable=False),
    Column("file_id", ID, ForeignKey("files.id", ondelete="CASCADE"), primary_key=True, nullable=False, index=True),
    sqlite_with_rowid=False,
)

# The words of a chunk are in chunk_text (full_text.py), which goes with it.
chunks = Table(
    "chunks",
    metadata,
    # Never used twice: what is remembered of one cannot be taken for another.
    Column("id", COUNTER, primary_key=True, nullable=False, autoincrement=True),
    refers("document_id", "documents"),
    Column("version", BigInteger, nullable=False),
    # Position within the document, from 0.
    Column("ordinal", BigInteger, nullable=False),
    # What it is searched with: the collection's id, or the document's for an attachment.
    Column("scope", ID, nullable=False),
    # A Passage without what the document says.
    Column("record", LargeBinary, nullable=False),
    UniqueConstraint("document_id", "version", "ordinal"),
    Index(None, "scope", "id"),
    sqlite_autoincrement=True,
)

# In the order in which a scope is read as a whole.
chunk_vectors = Table(
    "chunk_vectors",
    metadata,
    Column("scope", ID, primary_key=True, nullable=False),
    # The embedding model's id. While another one takes over there are vectors of both.
    Column("model", ID, primary_key=True, nullable=False),
    Column(
        "chunk_id",
        BigInteger,
        ForeignKey("chunks.id", ondelete="CASCADE"),
        primary_key=True,
        nullable=False,
        autoincrement=False,
        index=True,
    ),
    # Little-endian 16-bit floats, of length one.
    Column("vector", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", ID, primary_key=True, nullable=False),
    Column("kind", ID, nullable=False),
    # What it is about, such as a document's id.
    Column("subject", ID, nullable=False),
    # Whose work it is, such as a collection's: lanes take turns.
    Column("lane", ID, nullable=False),
    # 0 waiting or running, 1 dead: given up with a reason. One that is done has no row.
    Column("state", SmallInteger, nullable=False),
    # Not before this time.
    Column("run_time", BigInteger, nullable=False),
    # Who runs it, and until when without renewal; empty and 0 while it waits.
    Column("lease_holder", ID, nullable=False),
    Column("lease_until", BigInteger, nullable=False),
    Column("attempts", BigInteger, nullable=False),
    Column("create_time", BigInteger, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("last_error", Text, nullable=False),
    UniqueConstraint("kind", "subject"),
    # All that is asked to see what comes next, lane by lane.
    Index(None, "state", "lane", "run_time", "lease_until", "kind"),
)
