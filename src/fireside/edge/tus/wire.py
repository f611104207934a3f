"""The headers of tus 1.0, read and written: pure. Not its calls: those are in door.py.

Of `Upload-Metadata` these keys mean something: `filename` (or `name`), `filetype` (or `type`), `collectionId`, `folder`
(or `relativePath`, a path with the file's name), `sha256` in hex, and `fingerprint`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import uuid
import zlib
from dataclasses import dataclass
from email.utils import formatdate
from typing import TYPE_CHECKING, Final

from fireside.core.errors import InvalidArgumentError

if TYPE_CHECKING:
    from collections.abc import Callable

    from fireside.gen.v1.file_pb2 import Upload

VERSION: Final = "1.0.0"
EXTENSIONS: Final = "creation,creation-with-upload,termination,checksum,expiration"
OFFSET_TYPE: Final = "application/offset+octet-stream"
UNNAMED: Final = "unnamed"
"""What a file is called whose client gave it no name."""

_SHA256_HEX = re.compile("[0-9a-fA-F]{64}")
_NUMBER = re.compile("[0-9]{1,18}")
_ALGORITHMS: dict[str, Callable[[bytes], bytes]] = {
    "sha1": lambda data: hashlib.sha1(data, usedforsecurity=False).digest(),
    "sha256": lambda data: hashlib.sha256(data).digest(),
    "md5": lambda data: hashlib.md5(data, usedforsecurity=False).digest(),
    "crc32": lambda data: zlib.crc32(data).to_bytes(4, "big"),
}
ALGORITHMS: Final = ",".join(_ALGORITHMS)


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a client says of a file."""

    name: str = UNNAMED
    media_type: str = ""
    collection_id: str = ""
    folder: str = ""
    sha256: bytes = b""
    fingerprint: str = ""


@dataclass(frozen=True, slots=True)
class Checksum:
    """What a piece must hash to."""

    algorithm: str
    digest: bytes

    def fits(self, data: bytes) -> bool:
        """Whether the piece is the one that was sent."""
        return _ALGORITHMS[self.algorithm](data) == self.digest


def metadata_of(header: str) -> Metadata:
    """Reads `Upload-Metadata`. Raises InvalidArgumentError."""
    given: dict[str, str] = {}
    for item in header.split(","):
        key, _, value = item.strip().partition(" ")
        if key:
            given[key.lower()] = _text(key, value.strip())
    path = given.get("relativepath", "").strip("/")
    above, _, last = path.rpartition("/")
    return Metadata(
        name=given.get("filename") or given.get("name") or last or UNNAMED,
        media_type=given.get("filetype") or given.get("type") or "",
        collection_id=_uuid(given.get("collectionid") or given.get("collection") or ""),
        folder=given.get("folder") or above,
        sha256=_sha256(given.get("sha256", "")),
        fingerprint=given.get("fingerprint", ""),
    )


def metadata_header(upload: Upload) -> str:
    """`Upload-Metadata` of an upload, as it was kept."""
    found = {
        "filename": upload.name, "filetype": upload.media_type, "collectionId": upload.collection_id,
        "folder": upload.folder, "sha256": upload.sha256.hex(), "fingerprint": upload.fingerprint,
    }  # fmt: skip
    return ",".join(f"{key} {base64.b64encode(text.encode()).decode()}" for key, text in found.items() if text)


def checksum_of(header: str) -> Checksum | None:
    """Reads `Upload-Checksum`; None for none. Raises InvalidArgumentError."""
    if not header:
        return None
    algorithm, _, digest = header.strip().partition(" ")
    if algorithm not in _ALGORITHMS:
        message = f"The checksum {algorithm} is not known here: use one of {ALGORITHMS}."
        raise InvalidArgumentError("CHECKSUM_UNKNOWN", message)
    try:
        return Checksum(algorithm, base64.b64decode(digest.strip(), validate=True))
    except binascii.Error:
        raise InvalidArgumentError("CHECKSUM_MALFORMED", "Upload-Checksum wants its digest in base64.") from None


def number_of(name: str, header: str) -> int:
    """A header that is a number of bytes. Raises InvalidArgumentError."""
    if not _NUMBER.fullmatch(header):
        raise InvalidArgumentError(
            "HEADER_MALFORMED", f"{name} must be a number of bytes, and is {header or 'missing'}."
        )
    return int(header)


def date_of(upload: Upload) -> str:
    """`Upload-Expires`: when the upload is given up unless more arrives."""
    return formatdate(upload.expire_time.seconds, usegmt=True)


def _text(key: str, value: str) -> str:
    try:
        return base64.b64decode(value, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        message = f"Upload-Metadata: the value of {key[:40]} is not UTF-8 in base64."
        raise InvalidArgumentError("METADATA_MALFORMED", message) from None


def _uuid(text: str) -> str:
    try:
        return str(uuid.UUID(text)) if text else ""
    except ValueError:
        raise InvalidArgumentError("METADATA_MALFORMED", "Upload-Metadata: collectionId is not a UUID.") from None


def _sha256(text: str) -> bytes:
    if text and not _SHA256_HEX.fullmatch(text):
        message = "Upload-Metadata: sha256 must be 64 hexadecimal digits, in base64 like every value."
        raise InvalidArgumentError("METADATA_MALFORMED", message)
    return bytes.fromhex(text)
