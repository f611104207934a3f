"""Which requests a page of another site could be behind."""

from __future__ import annotations

import pytest

from fireside.edge.guard import Guard

GUARD = Guard(["chat.example.com", "Fire.Local."])


def refused(host: str | None, origin: str | None = None, guard: Guard = GUARD) -> bool:
    headers = [(b"user-agent", b"x")]
    if host is not None:
        headers.append((b"host", host.encode("latin-1")))
    if origin is not None:
        headers.append((b"origin", origin.encode("latin-1")))
    return guard.refusal(headers) != ""


@pytest.mark.parametrize(
    "host",
    [
        "localhost", "localhost:8080", "LOCALHOST", "app.localhost:1", "127.0.0.1:8080", "[::1]:8080", "[::1]",
        "192.168.1.7:8080", "chat.example.com", "chat.example.com:443", "CHAT.example.com", "localhost.", "fire.local",
    ],
)  # fmt: skip
def test_own_names_and_addresses_are_answered(host: str) -> None:
    assert not refused(host)


@pytest.mark.parametrize(
    "host",
    [
        None, "", "evil.example", "evil.example:8080", "localhost.evil.example", "127.0.0.1.nip.io", "evil-localhost",
        "xlocalhost", "localhost@evil.example.", "localhost:port", "[::1", "127.0.0.1.", "local\xadhost", "a b",
    ],
)  # fmt: skip
def test_other_names_are_refused(host: str | None) -> None:
    # A trailing dot after an address makes it a name; after the dot is taken away it is the address again, which is fine.
    assert refused(host) is (host != "127.0.0.1.")


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("localhost:8080", "http://localhost:8080"), ("127.0.0.1:80", "http://127.0.0.1"),
        ("chat.example.com", "https://chat.example.com"), ("chat.example.com:443", "https://chat.example.com"),
        ("localhost", "http://localhost:80"), ("[::1]:8080", "http://[::1]:8080"), ("LOCALHOST:1", "http://localhost:1"),
    ],
)  # fmt: skip
def test_own_pages_may_call(host: str, origin: str) -> None:
    assert not refused(host, origin)


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("localhost:8080", "http://localhost:8081"), ("localhost:8080", "http://127.0.0.1:8080"),
        ("localhost:8080", "null"), ("localhost:8080", "http://evil.example"), ("localhost:8080", ""),
        ("localhost:8080", "chrome-extension://localhost:8080"),
        ("localhost:8080", "http://localhost:8080.evil.example"), ("localhost:8080", "http://localhost:99999999"),
    ],
)  # fmt: skip
def test_pages_of_other_sites_may_not_call(host: str, origin: str) -> None:
    assert refused(host, origin)


def test_a_star_allows_every_name_but_no_other_origin() -> None:
    anyone = Guard(["*"])
    assert not refused("whatever.example", guard=anyone)
    assert refused("whatever.example", "http://evil.example", guard=anyone)


def test_two_hosts_are_refused() -> None:
    assert GUARD.refusal([(b"host", b"localhost"), (b"host", b"evil.example")])
