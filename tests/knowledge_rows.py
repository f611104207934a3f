"""Something in every table of files and knowledge: what must be there after any upgrade."""

from __future__ import annotations

from fireside.gen.v1.collection_pb2 import Collection, CollectionShare
from fireside.gen.v1.document_pb2 import DOCUMENT_STATE_READY, Document, Passage
from fireside.gen.v1.file_pb2 import File, Upload
from fireside.gen.v1.share_pb2 import SHARE_ROLE_EDITOR
from fireside.store import collection_shares, collections, documents, files, jobs, passages, uploads, vectors
from fireside.store.db import Database
from fireside.store.files import StoredFile
from fireside.store.passages import NewChunk
from fireside.store.records import timestamp_of
from fireside.store.tx import Tx
from fireside.store.uploads import StoredUpload

OWNER = "local"
TEXT = "Äpfel \0 苹果 100%"


async def fill_knowledge(tx: Tx) -> None:
    """Stores it; there is a conversation `c`."""
    await collections.insert(tx, Collection(id="k", name="Straße", description="a\0b", owner_id=OWNER))
    share = CollectionShare(id="ks", collection_id="k", account_id=OWNER, role=SHARE_ROLE_EDITOR)
    share.create_time.CopyFrom(timestamp_of(1_000))
    await collection_shares.put(tx, share)
    upload = Upload(id="u", name="half.bin", size=9, collection_id="k", fingerprint="f")
    upload.create_time.CopyFrom(timestamp_of(1_000))
    upload.expire_time.CopyFrom(timestamp_of(2**50))
    await uploads.insert(tx, StoredUpload(OWNER, "blob-u", upload))
    await files.insert_blob(tx, "blob-f", 7)
    file = File(id="f", name="Äpfel.txt", media_type="text/plain", size=7, sha256=b"\0hash")
    file.create_time.CopyFrom(timestamp_of(1_000))
    await files.insert(tx, StoredFile(OWNER, "blob-f", file))
    await files.attach(tx, "c", ["f"])
    document = await documents.arrived(tx, OWNER, file, collection_id="k", folder="a", author_name="Ann")
    await passages.put(tx, document.id, 1, "k", [NewChunk(0, Passage(text=TEXT, page=3, headings=["H"]), ["äpfel"])])
    ((chunk_id, _),) = await passages.without_vector(tx, document.id, 1, "m", 10)
    await vectors.put(tx, "k", "m", [(chunk_id, b"\0\x3c")])

    def ready(changed: Document) -> None:
        changed.state, changed.ready_version = DOCUMENT_STATE_READY, 1

    await documents.change(tx, document.id, ready)


async def check_knowledge(db: Database) -> None:
    """Asserts that what `fill_knowledge` stored is there."""

    async def body(tx: Tx) -> None:
        collection = await collections.named(tx, OWNER, "STRASSE")
        assert collection is not None
        assert (collection.id, collection.description, collection.shared) == ("k", "a\0b", True)
        (share,) = await collection_shares.of_collection(tx, "k")
        assert (share.id, share.role, share.account_id) == ("ks", SHARE_ROLE_EDITOR, OWNER)
        upload = await uploads.get(tx, OWNER, "u")
        assert upload is not None
        assert (upload.blob_id, upload.record.name, upload.record.fingerprint) == ("blob-u", "half.bin", "f")
        stored = await files.find(tx, "f")
        assert stored is not None
        assert (stored.blob_id, stored.record.name, stored.record.sha256) == ("blob-f", "Äpfel.txt", b"\0hash")
        assert list(await tx.fetch("SELECT conversation_id, file_id FROM conversation_files")) == [("c", "f")]
        document = await documents.at_place(tx, "k", "a", "Äpfel.txt")
        assert document is not None
        assert (document.state, document.version, document.ready_version, document.change_seq) == (
            DOCUMENT_STATE_READY, 1, 1, 2,
        )  # fmt: skip
        assert [item.author_name for item in await documents.versions(tx, document.id)] == ["Ann"]
        (passage,) = await passages.of_document(tx, document.id, 1, 0, 10)
        assert (passage.text, passage.page, list(passage.headings)) == (TEXT, 3, ["H"])
        ((_, vector),) = await vectors.page(tx, "k", "m", 0, 10)
        assert vector == b"\0\x3c"
        job = await jobs.get(tx, jobs.INGEST, document.id)
        assert job is not None
        assert (job.lane, job.attempts) == ("k", 0)

    await db.read(body)
