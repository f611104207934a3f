"""The headers of tus: read, written, refused."""

from __future__ import annotations

import base64
import hashlib
import zlib

import pytest

from fireside.core.errors import InvalidArgumentError
from fireside.edge.tus import wire
from fireside.gen.v1.file_pb2 import Upload

COLLECTION = "0197e0a4-0000-7000-8000-000000000001"


def header(**values: str) -> str:
    return ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in values.items())


def test_metadata_is_read() -> None:
    found = wire.metadata_of(
        header(
            filename="年报.pdf",
            filetype="application/pdf",
            collectionId=COLLECTION,
            folder="a/b",
            sha256="ab" * 32,
            fingerprint="x",
        )
    )
    assert found == wire.Metadata("年报.pdf", "application/pdf", COLLECTION, "a/b", b"\xab" * 32, "x")


def test_the_names_that_other_clients_use_mean_the_same() -> None:
    found = wire.metadata_of(header(name="a.txt", type="text/plain", relativePath="docs/2026/a.txt"))
    assert (found.name, found.media_type, found.folder) == ("a.txt", "text/plain", "docs/2026")
    assert wire.metadata_of(header(relativePath="docs/a.txt")).name == "a.txt"


@pytest.mark.parametrize("text", ["", "is_confidential", " , "])
def test_what_says_nothing_leaves_a_file_without_a_name(text: str) -> None:
    assert wire.metadata_of(text) == wire.Metadata()


@pytest.mark.parametrize(
    "text", ["filename !!", "filename /w==", header(sha256="abc"), header(collectionId="nine"), header(sha256="z" * 64)]
)
def test_malformed_metadata_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgumentError, match="Upload-Metadata"):
        wire.metadata_of(text)


def test_metadata_comes_back_as_it_was_kept() -> None:
    upload = Upload(name="年报.pdf", media_type="application/pdf", collection_id=COLLECTION, sha256=b"\x01" * 32)
    assert wire.metadata_of(wire.metadata_header(upload)) == wire.Metadata(
        "年报.pdf", "application/pdf", COLLECTION, "", b"\x01" * 32, ""
    )
    assert wire.metadata_header(Upload()) == ""


@pytest.mark.parametrize(
    ("algorithm", "digest"),
    [
        ("sha1", hashlib.sha1(b"piece").digest()),  # noqa: S324
        ("md5", hashlib.md5(b"piece").digest()),  # noqa: S324
        ("sha256", hashlib.sha256(b"piece").digest()),
        ("crc32", zlib.crc32(b"piece").to_bytes(4, "big")),
    ],
)
def test_checksums_are_compared(algorithm: str, digest: bytes) -> None:
    checksum = wire.checksum_of(f"{algorithm} {base64.b64encode(digest).decode()}")
    assert checksum is not None
    assert checksum.fits(b"piece")
    assert not checksum.fits(b"peace")
    assert algorithm in wire.ALGORITHMS.split(",")


@pytest.mark.parametrize("text", ["sha512 AAAA", "sha1 ???", "AAAA"])
def test_checksums_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(InvalidArgumentError):
        wire.checksum_of(text)


@pytest.mark.parametrize("text", ["", "-1", "1.5", "one", "9" * 19, "٣"])
def test_lengths_are_plain_numbers(text: str) -> None:
    with pytest.raises(InvalidArgumentError):
        wire.number_of("Upload-Length", text)
    assert wire.number_of("Upload-Length", "0") == 0
