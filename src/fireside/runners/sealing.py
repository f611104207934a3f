"""Secrets at rest: AES-256-GCM under the server's secret key. Keeps no secret and no database; it opens and seals.

A sealed secret is bound to what it is for and whose it is: moved to another runner's row, it does not open.
"""

from __future__ import annotations

import binascii
import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Protocol

_FORMAT = b"\x01"
_NONCE_BYTES = 12
_KEY_BYTES = 32
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL
_INFO = b"fireside secrets at rest, 1"


class SecretKeyError(Exception):
    """The file with the secret key cannot be read, made or understood. Its text says what to do."""


class UnsealError(ValueError):
    """A sealed secret does not open: another secret key sealed it, it is not for this, or it is damaged."""


class SecretKey(Protocol):
    """Where the key comes from; asked when a secret is first sealed or opened."""

    def read(self) -> bytes:
        """32 bytes. Raises SecretKeyError."""
        ...


class TextKey:
    """The key that is derived from a text that somebody set."""

    def __init__(self, text: str) -> None:
        """`text` should be long and random: the derivation is quick, so it makes a short one no better."""
        self._text = text

    def read(self) -> bytes:
        """HKDF-SHA256 of the text."""
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF

        return HKDF(hashes.SHA256(), _KEY_BYTES, salt=None, info=_INFO).derive(self._text.encode())


class FileKey:
    """A random key in a file that only its owner may read, made when it is first needed."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> bytes:
        """What the file holds. Processes that start at once agree on one key."""
        try:
            if not self._path.exists():
                self._make()
            key = binascii.unhexlify(self._path.read_text("ascii").strip())
        except OSError as error:
            raise SecretKeyError(
                f"The secret key {self._path} cannot be read: {error.strerror}. Make it readable, or set secret_key."
            ) from error
        except ValueError:
            key = b""
        if len(key) != _KEY_BYTES:
            raise SecretKeyError(
                f"The secret key {self._path} is damaged: restore it from a backup, or delete it and enter the API keys again."
            )
        return key

    def _make(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        # mkstemp makes the file readable for its owner alone; the link makes a whole file appear, or loses to another.
        handle, name = tempfile.mkstemp(dir=self._path.parent, prefix=f".{self._path.name}.")
        try:
            with os.fdopen(handle, "w", encoding="ascii") as file:
                file.write(os.urandom(_KEY_BYTES).hex() + "\n")
                file.flush()
                os.fsync(file.fileno())
            try:
                os.link(name, self._path)
            except FileExistsError:
                return
            except OSError:
                self._new(Path(name).read_bytes())
        finally:
            Path(name).unlink()

    def _new(self, content: bytes) -> None:
        """Makes the file where the file system has no links, if there is none: it is whole a moment after it is there."""
        with suppress(FileExistsError), os.fdopen(os.open(self._path, _NEW, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())


class Sealer:
    """Seals and opens with one key."""

    def __init__(self, key: SecretKey) -> None:
        self._source = key
        self._key = b""

    def seal(self, purpose: str, name: str, secret: str) -> bytes:
        """The secret, to be opened with the same purpose and name only. Raises SecretKeyError."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        nonce = os.urandom(_NONCE_BYTES)
        return _FORMAT + nonce + AESGCM(self._read()).encrypt(nonce, secret.encode(), _bound(purpose, name))

    def open(self, purpose: str, name: str, sealed: bytes) -> str:
        """The secret. Raises UnsealError and SecretKeyError."""
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        nonce, rest = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
        # Short of a whole nonce and tag, the library says so in another way.
        if sealed[:1] != _FORMAT or len(rest) < 16:
            raise UnsealError
        try:
            return AESGCM(self._read()).decrypt(nonce, rest, _bound(purpose, name)).decode()
        except InvalidTag:
            raise UnsealError from None

    def _read(self) -> bytes:
        self._key = self._key or self._source.read()
        return self._key


def _bound(purpose: str, name: str) -> bytes:
    return f"{purpose}\0{name}".encode()
