"""Which requests a page of another site could be behind, and which pages may call."""

from __future__ import annotations

import pytest

from fireside.edge.cors import is_preflight, preflight, without_cookies
from fireside.edge.guard import Guard, Verdict

GUARD = Guard(["chat.example.com", "Fire.Local."])
OPEN = Guard([], ["https://app.example.org", "http://localhost:3000/"])


def judged(
    host: str | None,
    origin: str | None = None,
    guard: Guard = GUARD,
    *,
    rpc: bool = True,
    method: str = "POST",
    **more: str,
) -> Verdict:
    headers = [(b"user-agent", b"x")]
    if host is not None:
        headers.append((b"host", host.encode("latin-1")))
    if origin is not None:
        headers.append((b"origin", origin.encode("latin-1")))
    headers += [(f"sec-fetch-{name}".encode(), value.encode()) for name, value in more.items()]
    return guard.judge(method, headers, for_programs=rpc)


def refused(host: str | None, origin: str | None = None, guard: Guard = GUARD) -> bool:
    return judged(host, origin, guard).refusal != ""


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
    assert judged(host, origin) == Verdict()
    assert judged(host, origin, site="same-origin", mode="cors", dest="empty") == Verdict()


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
    assert refused(host, origin, OPEN)


def test_a_star_allows_every_name_but_no_other_origin() -> None:
    anyone = Guard(["*"])
    assert not refused("whatever.example", guard=anyone)
    assert refused("whatever.example", "http://evil.example", guard=anyone)


def test_two_hosts_are_refused() -> None:
    assert GUARD.judge("GET", [(b"host", b"localhost"), (b"host", b"evil.example")], for_programs=False).refusal


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
@pytest.mark.parametrize("mode", ["no-cors", "cors", "websocket", "same-origin", ""])
@pytest.mark.parametrize("rpc", [True, False])
def test_what_other_sites_load_is_refused_though_it_has_no_origin(site: str, mode: str, *, rpc: bool) -> None:
    assert judged("localhost", rpc=rpc, method="GET", site=site, mode=mode, dest="image").refusal


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_link_on_another_site_opens_pages_alone(site: str) -> None:
    goes = {"site": site, "mode": "navigate", "dest": "document"}
    assert judged("localhost", rpc=False, method="GET", **goes) == Verdict()
    assert judged("localhost", rpc=True, method="GET", **goes).refusal
    assert judged("localhost", rpc=False, method="POST", **goes).refusal
    assert judged("localhost", rpc=False, method="GET", **{**goes, "dest": "iframe"}).refusal


@pytest.mark.parametrize("site", ["same-origin", "none"])
def test_what_a_person_or_an_own_page_does_is_answered(site: str) -> None:
    assert judged("localhost", rpc=True, method="GET", site=site, mode="cors", dest="empty") == Verdict()


@pytest.mark.parametrize("origin", ["https://app.example.org", "http://localhost:3000", "HTTPS://APP.example.org"])
def test_named_origins_may_call_what_is_for_programs_alone(origin: str) -> None:
    foreign = {"site": "cross-site", "mode": "cors", "dest": "empty"}
    assert judged("localhost:8080", origin, OPEN, **foreign) == Verdict(page=origin.encode())
    assert judged("localhost:8080", origin, OPEN, rpc=False, **foreign).refusal
    assert judged("localhost:8080", origin, **foreign).refusal
    assert judged("evil.example", origin, OPEN, **foreign).refusal


@pytest.mark.parametrize(
    "origin",
    ["http://app.example.org", "https://app.example.org:8443", "https://app.example.org.evil.example", "null", "*"],
)
def test_only_the_very_origin_is_opened(origin: str) -> None:
    assert refused("localhost", origin, OPEN)


def test_two_origins_are_refused() -> None:
    headers = [(b"host", b"localhost"), (b"origin", b"https://app.example.org"), (b"origin", b"https://evil.example")]
    assert OPEN.judge("POST", headers, for_programs=True).refusal


def test_a_preflight_is_answered_without_credentials() -> None:
    headers = [
        (b"origin", b"https://app.example.org"),
        (b"access-control-request-method", b"POST"),
        (b"access-control-request-headers", b"authorization, x-stainless-os,x-evil"),
    ]
    scope = {"method": "OPTIONS", "headers": headers}
    assert is_preflight(scope)
    assert not is_preflight({**scope, "method": "POST"})
    told = dict(preflight(scope, b"https://app.example.org").headers)
    assert told[b"access-control-allow-origin"] == b"https://app.example.org"
    assert b"access-control-allow-credentials" not in told
    allowed = told[b"access-control-allow-headers"].split(b", ")
    assert {b"authorization", b"connect-protocol-version", b"x-grpc-web", b"x-stainless-os"} <= set(allowed)
    assert b"x-evil" not in allowed


def test_cookies_are_dropped_and_nothing_else() -> None:
    scope = {"method": "POST", "headers": [(b"cookie", b"a=b"), (b"authorization", b"Bearer x"), (b"cookie", b"c=d")]}
    assert without_cookies(scope)["headers"] == [(b"authorization", b"Bearer x")]
