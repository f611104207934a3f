"""Certificates: checks given ones, or makes a local authority and a certificate for this machine. Not a TLS server.

Browsers speak HTTP/2 only over TLS. The authority is made once and lives ten years, so that it is trusted once; the
certificate is made anew whenever it would not do: before it expires, for another name, or for another authority.
"""

from __future__ import annotations

import ipaddress
import os
import platform
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from fireside.core.errors import FailedPreconditionError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes, PublicKeyTypes

_AUTHORITY_LIFE = timedelta(days=3650)
# Apple's systems refuse longer lives, even below an authority that the owner trusts.
_LIFE = timedelta(days=820)
# A server that runs for months does not reload its certificate, so it starts with one that has months to go.
_RENEW_BEFORE = timedelta(days=180)
# Clocks of other machines may be behind.
_SKEW = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """What a server needs. `authority` is the certificate to trust, if this machine made it."""

    certificate: Path
    key: Path
    authority: Path | None
    expires: datetime


def local_files(folder: Path) -> TlsFiles:
    """Where the files of the local authority lie in `folder`; they need not exist."""
    never = datetime.min.replace(tzinfo=UTC)
    return TlsFiles(folder / "server.pem", folder / "server.key", folder / "ca.pem", never)


def ensure_local(folder: Path, hosts: Iterable[str], now: datetime | None = None) -> TlsFiles:
    """Makes what is missing or due in `folder` (0700, its keys 0600) and returns the files.

    `hosts` are names and IP addresses, besides localhost, 127.0.0.1 and ::1, that the certificate is for.
    Raises FailedPreconditionError when the folder cannot be written.
    """
    now = now or datetime.now(UTC)
    names = _names(["localhost", "127.0.0.1", "::1", *hosts])
    try:
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        return _ensure(folder, names, now)
    except OSError as error:
        raise FailedPreconditionError(
            "TLS_FOLDER", f"The certificates in {folder} cannot be written: {error.strerror or error}."
        ) from error


def check_given(certificate: Path, key: Path, now: datetime | None = None) -> TlsFiles:
    """Checks that a certificate and its key can be used now. Raises FailedPreconditionError, which says why not."""
    chain = _certificates(certificate)
    private = _private_key(key)
    if _public(private.public_key()) != _public(chain[0].public_key()):
        raise FailedPreconditionError(
            "TLS_KEY_MISMATCH",
            f"The key {key} does not belong to the first certificate in {certificate}. "
            "The file must begin with the server's own certificate; the authorities' come after it.",
        )
    now = now or datetime.now(UTC)
    expires, begins = chain[0].not_valid_after_utc, chain[0].not_valid_before_utc
    if expires <= now:
        raise FailedPreconditionError("TLS_EXPIRED", f"The certificate {certificate} expired on {expires:%Y-%m-%d}.")
    if begins > now:
        raise FailedPreconditionError(
            "TLS_NOT_YET_VALID", f"The certificate {certificate} is valid from {begins:%Y-%m-%d %H:%M} UTC on only."
        )
    return TlsFiles(certificate, key, None, expires)


def _ensure(folder: Path, names: Sequence[x509.GeneralName], now: datetime) -> TlsFiles:
    files, authority_file = local_files(folder), folder / "ca.pem"
    authority = _load_authority(authority_file, folder / "ca.key", now) or _make_authority(folder, now)
    current = _load_current(files, authority.certificate, names, now)
    if current is None:
        current = _make_server(files, authority, names, now)
    return TlsFiles(files.certificate, files.key, authority_file, current.not_valid_after_utc)


@dataclass(frozen=True, slots=True)
class _Authority:
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def _load_authority(path: Path, key_path: Path, now: datetime) -> _Authority | None:
    """The authority, if it is whole and outlives a new certificate."""
    try:
        certificate, key = _certificates(path)[0], _private_key(key_path)
    except FailedPreconditionError:
        return None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or _public(key.public_key()) != _public(
        certificate.public_key()
    ):
        return None
    return _Authority(certificate, key) if certificate.not_valid_after_utc > now + _RENEW_BEFORE else None


def _make_authority(folder: Path, now: datetime) -> _Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    # The date tells two authorities of one machine apart in a browser's list.
    title = f"Fireside local authority ({platform.node()}, {now:%Y-%m-%d})"
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, title[:64])])
    certificate = (
        _builder(name, key.public_key(), now, now + _AUTHORITY_LIFE)
        .issuer_name(name)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(authority=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    _write(folder / "ca.key", _key_bytes(key), 0o600)
    _write(folder / "ca.pem", certificate.public_bytes(serialization.Encoding.PEM), 0o644)
    return _Authority(certificate, key)


def _load_current(
    files: TlsFiles, authority: x509.Certificate, names: Sequence[x509.GeneralName], now: datetime
) -> x509.Certificate | None:
    """The present certificate, if it still does."""
    try:
        check_given(files.certificate, files.key, now)
        certificate = _certificates(files.certificate)[0]
        certificate.verify_directly_issued_by(authority)
        present = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (FailedPreconditionError, x509.ExtensionNotFound, InvalidSignature, ValueError, TypeError):
        return None
    due = certificate.not_valid_after_utc - _RENEW_BEFORE <= now
    return None if due or not set(names) <= set(present) else certificate


def _make_server(
    files: TlsFiles, authority: _Authority, names: Sequence[x509.GeneralName], now: datetime
) -> x509.Certificate:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Fireside")])
    expires = min(now + _LIFE, authority.certificate.not_valid_after_utc)
    certificate = (
        _builder(subject, key.public_key(), now, expires)
        .issuer_name(authority.certificate.subject)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(authority=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key()), critical=False)
        .sign(authority.key, hashes.SHA256())
    )
    # A crash between the two leaves a pair that does not match, which the next start sees and makes anew.
    _write(files.key, _key_bytes(key), 0o600)
    _write(files.certificate, certificate.public_bytes(serialization.Encoding.PEM), 0o644)
    return certificate


def _builder(
    subject: x509.Name, key: ec.EllipticCurvePublicKey, begins: datetime, expires: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins - _SKEW)
        .not_valid_after(expires)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _key_usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority, key_cert_sign=authority, crl_sign=authority, content_commitment=False,
        key_encipherment=False, data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip


def _names(hosts: Iterable[str]) -> list[x509.GeneralName]:
    names: dict[x509.GeneralName, None] = {}
    for host in hosts:
        try:
            names[x509.IPAddress(ipaddress.ip_address(host.partition("%")[0]))] = None
        except ValueError:
            # A certificate holds names in ASCII; one that has no such form cannot be in it.
            try:
                names[x509.DNSName(host.encode("idna").decode("ascii"))] = None
            except UnicodeError:
                continue
    return list(names)


def _certificates(path: Path) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(_read(path, "certificate"))
    except ValueError as error:
        raise FailedPreconditionError("TLS_CERTIFICATE", f"{path} is not a PEM certificate: {error}.") from error


def _private_key(path: Path) -> PrivateKeyTypes:
    try:
        return serialization.load_pem_private_key(_read(path, "key"), None)
    except TypeError as error:
        raise FailedPreconditionError(
            "TLS_KEY_ENCRYPTED",
            f"The key {path} is encrypted. Fireside starts without asking, so it needs one that is not: "
            f"openssl pkey -in {path.name} -out plain.pem",
        ) from error
    except ValueError as error:
        raise FailedPreconditionError("TLS_KEY", f"{path} is not a PEM private key.") from error


def _read(path: Path, what: str) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise FailedPreconditionError("TLS_FILE_MISSING", f"The TLS {what} {path} does not exist.") from error
    except OSError as error:
        raise FailedPreconditionError(
            "TLS_FILE_UNREADABLE", f"The TLS {what} {path} cannot be read: {error.strerror}."
        ) from error


def _public(key: PublicKeyTypes) -> bytes:
    """The public key's canonical bytes, to compare two of whatever kind."""
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def _key_bytes(key: ec.EllipticCurvePrivateKey) -> bytes:
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return key.private_bytes(encoding, form, serialization.NoEncryption())


def _write(path: Path, data: bytes, mode: int) -> None:
    """Replaces a file as a whole; it never exists with a wider mode than `mode`."""
    partial = path.with_name(path.name + ".partial")
    partial.unlink(missing_ok=True)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
