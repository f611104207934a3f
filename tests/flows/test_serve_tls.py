"""`fireside serve` over TLS, seen by Python's own TLS client and by `fireside chat`."""

from __future__ import annotations

import shutil
import socket
import ssl
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from fireside.edge.tls import ensure_local
from tests.server_process import ServerProcess, fireside, server_process


def negotiate(server: ServerProcess, authority: Path, name: str, offers: list[str]) -> str | None:
    """What the server picks of the protocols that a client offers. Fails if it is not trusted under that name."""
    context = ssl.create_default_context(cafile=str(authority))
    context.set_alpn_protocols(offers)
    plain = socket.create_connection(("127.0.0.1", server.port))
    with plain, context.wrap_socket(plain, server_hostname=name) as secure:
        return secure.selected_alpn_protocol()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tls")


def test_browsers_get_http2_once_the_authority_is_trusted(folder: Path) -> None:
    with server_process(folder, "--tls", "auto") as server:
        authority = folder / "data" / "tls" / "ca.pem"
        assert server.url.startswith("https://")
        for name in ("localhost", "127.0.0.1", socket.gethostname()):
            assert negotiate(server, authority, name, ["h2", "http/1.1"]) == "h2"
        assert negotiate(server, authority, "localhost", ["http/1.1"]) == "http/1.1"
        with pytest.raises(ssl.SSLCertVerificationError):
            negotiate(server, authority, "example.org", ["h2"])
        code, out, err = server.end()
    assert code == 0
    assert server.url in out
    assert str(authority) in err
    assert {stat.S_IMODE(path.stat().st_mode) for path in (folder / "data" / "tls").glob("*.key")} == {0o600}


def test_the_terminal_trusts_what_this_machine_made(folder: Path, tmp_path: Path) -> None:
    ask = ["chat", "--model", "scripted/echo", "hello"]
    with server_process(folder, "--tls", "auto") as server:
        authority = shutil.copy(folder / "data" / "tls" / "ca.pem", tmp_path / "ca.pem")
        to_it = [*ask, "--url", server.url]
        assert fireside(tmp_path, *to_it, "--data-dir", str(folder / "data")) == (0, "hello\n", "")
        assert fireside(tmp_path, *to_it, "--tls-ca", str(authority)) == (0, "hello\n", "")
        code, _, err = fireside(tmp_path, *to_it)
        assert (code, "--tls-ca" in err, "is not trusted" in err) == (3, True, True)
        code, _, err = fireside(tmp_path, *ask, "--url", server.url.replace("https", "http"))
        assert (code, server.url in err) == (3, True)
        code, _, err = fireside(tmp_path, *to_it, "--tls-ca", "gone.pem")
        assert (code, "gone.pem cannot be read" in err) == (1, True)


def test_a_given_certificate_is_served(tmp_path: Path) -> None:
    made = ensure_local(tmp_path / "mine", [])
    assert made.authority is not None
    flags = ["--tls-cert", str(made.certificate), "--tls-key", str(made.key)]
    with server_process(tmp_path, *flags) as server:
        assert negotiate(server, made.authority, "localhost", ["h2"]) == "h2"
    assert not (tmp_path / "data" / "tls").exists()


def test_an_expired_certificate_stops_the_start(tmp_path: Path) -> None:
    made = ensure_local(tmp_path, [], datetime.now(UTC) - timedelta(days=1000))
    flags = ["--tls-cert", str(made.certificate), "--tls-key", str(made.key), "--port", "0"]
    code, _, err = fireside(tmp_path, "serve", *flags)
    assert (code, "expired on" in err) == (1, True)
