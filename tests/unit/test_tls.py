"""Certificates: what is made, when it is made anew, and what is refused. No server: see tests/flows/test_serve_tls.py."""

from __future__ import annotations

import ipaddress
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from fireside.core.errors import FailedPreconditionError
from fireside.edge.tls import check_given, ensure_local

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def certificate(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def reason(error: pytest.ExceptionInfo[FailedPreconditionError]) -> str:
    return error.value.reason


def test_the_certificate_is_for_this_machine_and_what_was_asked(tmp_path: Path) -> None:
    files = ensure_local(tmp_path, ["box.lan", "192.168.1.5", "fe80::1%eth0"], NOW)
    names = certificate(files.certificate).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost", "box.lan"]
    addresses = ["127.0.0.1", "::1", "192.168.1.5", "fe80::1"]
    assert names.get_values_for_type(x509.IPAddress) == [ipaddress.ip_address(address) for address in addresses]


def test_it_is_issued_by_the_authority_for_servers_only(tmp_path: Path) -> None:
    files = ensure_local(tmp_path, [], NOW)
    assert files.authority is not None
    authority, server = certificate(files.authority), certificate(files.certificate)
    server.verify_directly_issued_by(authority)
    assert authority.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert not server.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert server.not_valid_after_utc - server.not_valid_before_utc < timedelta(days=825)


def test_only_the_owner_reads_the_keys(tmp_path: Path) -> None:
    folder = tmp_path / "tls"
    ensure_local(folder, [], NOW)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.glob("*.key")} == {0o600}
    assert sorted(path.name for path in folder.iterdir()) == ["ca.key", "ca.pem", "server.key", "server.pem"]


def test_what_still_does_is_kept(tmp_path: Path) -> None:
    first = ensure_local(tmp_path, ["box.lan"], NOW)
    before = first.certificate.read_bytes()
    ensure_local(tmp_path, [], NOW + timedelta(days=600))
    assert first.certificate.read_bytes() == before


@pytest.mark.parametrize(
    ("days", "hosts", "spoil"),
    [(700, [], ""), (0, ["box.lan"], ""), (0, [], "server.pem"), (0, [], "server.key")],
    ids=["due", "another name", "broken certificate", "broken key"],
)
def test_the_certificate_is_made_anew_and_the_authority_kept(tmp_path, days, hosts, spoil) -> None:
    first = ensure_local(tmp_path, [], NOW)
    old, authority = first.certificate.read_bytes(), (tmp_path / "ca.pem").read_bytes()
    if spoil:
        (tmp_path / spoil).write_text("broken")
    later = NOW + timedelta(days=days)
    second = ensure_local(tmp_path, hosts, later)
    assert second.certificate.read_bytes() != old
    assert (tmp_path / "ca.pem").read_bytes() == authority
    check_given(second.certificate, second.key, later)


@pytest.mark.parametrize("spoil", ["ca.pem", "ca.key"])
def test_another_authority_means_another_certificate(tmp_path, spoil) -> None:
    first = ensure_local(tmp_path, [], NOW)
    assert first.authority is not None
    old = first.authority.read_bytes()
    (tmp_path / spoil).unlink()
    second = ensure_local(tmp_path, [], NOW)
    assert second.authority is not None
    assert second.authority.read_bytes() != old
    certificate(second.certificate).verify_directly_issued_by(certificate(second.authority))


def test_a_name_that_cannot_be_in_a_certificate_is_left_out(tmp_path: Path) -> None:
    files = ensure_local(tmp_path, ["x" * 70, "bücher.example"], NOW)
    names = certificate(files.certificate).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost", "xn--bcher-kva.example"]


def test_a_given_pair_is_taken(tmp_path: Path) -> None:
    files = ensure_local(tmp_path, [], NOW)
    given = check_given(files.certificate, files.key, NOW)
    assert (given.authority, given.expires) == (None, files.expires)


def test_a_given_rsa_key_is_taken(tmp_path: Path) -> None:
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), 1)
        .not_valid_before(NOW)
        .not_valid_after(NOW + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    (tmp_path / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    write_key(tmp_path / "key.pem", key, serialization.NoEncryption())
    assert check_given(tmp_path / "cert.pem", tmp_path / "key.pem", NOW).expires == NOW + timedelta(days=1)


def write_key(path: Path, key: object, encryption: serialization.KeySerializationEncryption) -> None:
    assert isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey)
    form = serialization.PrivateFormat.PKCS8
    path.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, encryption))


def test_what_is_wrong_with_a_given_pair_is_told(tmp_path: Path) -> None:
    files = ensure_local(tmp_path, [], NOW)
    key = ec.generate_private_key(ec.SECP256R1())
    other, locked, text = tmp_path / "other.key", tmp_path / "locked.key", tmp_path / "text"
    write_key(other, key, serialization.NoEncryption())
    write_key(locked, key, serialization.BestAvailableEncryption(b"secret"))
    text.write_text("hello")
    cases = [
        (tmp_path / "gone.pem", files.key, NOW, "TLS_FILE_MISSING"),
        (files.certificate, tmp_path / "gone.key", NOW, "TLS_FILE_MISSING"),
        (tmp_path, files.key, NOW, "TLS_FILE_UNREADABLE"),
        (text, files.key, NOW, "TLS_CERTIFICATE"),
        (files.certificate, text, NOW, "TLS_KEY"),
        (files.certificate, locked, NOW, "TLS_KEY_ENCRYPTED"),
        (files.certificate, other, NOW, "TLS_KEY_MISMATCH"),
        (files.certificate, files.key, NOW + timedelta(days=900), "TLS_EXPIRED"),
        (files.certificate, files.key, NOW - timedelta(days=1), "TLS_NOT_YET_VALID"),
    ]
    for chain, private, when, expected in cases:
        with pytest.raises(FailedPreconditionError) as error:
            check_given(chain, private, when)
        assert reason(error) == expected
        assert str(chain if expected in {"TLS_EXPIRED", "TLS_NOT_YET_VALID"} else tmp_path) in error.value.message


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "tls").write_text("a file is in the way")
    with pytest.raises(FailedPreconditionError) as error:
        ensure_local(tmp_path / "tls", [], NOW)
    assert reason(error) == "TLS_FOLDER"
