"""Whom a call comes from: what proxies of the settings say, and nothing that anybody else says."""

from __future__ import annotations

import pytest

from fireside.edge.proxies import Proxies

PROXIES = Proxies(["127.0.0.1", "10.0.0.0/8", "fd00::/8"])


def seen(client: str, forwarded: str = "", proto: str = "", proxies: Proxies = PROXIES) -> tuple[str, str]:
    headers = []
    if forwarded:
        headers.append((b"x-forwarded-for", forwarded.encode()))
    if proto:
        headers.append((b"x-forwarded-proto", proto.encode()))
    scope = proxies.seen({"client": (client, 4711), "scheme": "http", "headers": headers})
    return scope["client"][0], scope["scheme"]


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("127.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("::ffff:10.1.2.3", "203.0.113.9", "203.0.113.9"),
        ("fd00::1", "2001:db8::7", "2001:db8::7"),
        ("127.0.0.1", "203.0.113.9, 10.0.0.2", "203.0.113.9"),
        # Who calls the proxy writes what they like; the proxy adds where they are.
        ("127.0.0.1", "198.51.100.1, 203.0.113.9", "203.0.113.9"),
        ("127.0.0.1", "10.0.0.9, 203.0.113.9, 10.0.0.2", "203.0.113.9"),
        ("127.0.0.1", "10.0.0.9, 10.0.0.2", "10.0.0.9"),
        ("127.0.0.1", "203.0.113.9:51234", "203.0.113.9"),
        ("127.0.0.1", "[2001:db8::7]:443", "2001:db8::7"),
        ("127.0.0.1", "unknown", "127.0.0.1"),
        ("127.0.0.1", "203.0.113.9, what?", "127.0.0.1"),
        ("127.0.0.1", "203.0.113.9, what?, 10.0.0.2", "10.0.0.2"),
        ("127.0.0.1", "", "127.0.0.1"),
    ],
)
def test_a_proxys_word_is_taken(peer: str, forwarded: str, client: str) -> None:
    assert seen(peer, forwarded)[0] == client


@pytest.mark.parametrize("peer", ["203.0.113.9", "2001:db8::1", "11.0.0.1", "", "testclient"])
def test_a_strangers_word_is_not(peer: str) -> None:
    assert seen(peer, "192.0.2.1", "https") == (peer, "http")


def test_without_proxies_nobodys_is() -> None:
    assert seen("127.0.0.1", "192.0.2.1", "https", Proxies([])) == ("127.0.0.1", "http")


@pytest.mark.parametrize(
    ("proto", "scheme"),
    [("https", "https"), ("HTTPS", "https"), ("http, https", "https"), ("ftp", "http"), ("", "http")],
)
def test_the_scheme_is_the_last_proxys(proto: str, scheme: str) -> None:
    assert seen("127.0.0.1", "203.0.113.9", proto)[1] == scheme


def test_several_headers_are_one_list() -> None:
    headers = [(b"x-forwarded-for", b"203.0.113.9"), (b"x-forwarded-for", b"10.0.0.2")]
    scope = {"client": ("127.0.0.1", 1), "scheme": "http", "headers": headers}
    assert PROXIES.seen(scope)["client"][0] == "203.0.113.9"


def test_a_server_without_a_client_address_goes_on() -> None:
    assert PROXIES.seen({"client": None, "headers": []})["client"] is None
