"""Where a browser may be sent after a sign-in at a provider, and what it keeps meanwhile."""

from __future__ import annotations

import pytest

from fireside.core.principal import Origin
from fireside.edge.oidc import _cookie, local_path


@pytest.mark.parametrize(
    ("path", "taken"),
    [
        ("/", "/"),
        ("/c/123?x=1#y", "/c/123?x=1#y"),
        ("", "/"),
        ("c/123", "/"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("/\t/evil.example", "/"),
        ("/x\r\nset-cookie: a=b", "/"),
        ("https://evil.example", "/"),
        ("/auth/oidc/x/start", "/"),
        ("/" + "x" * 3000, "/"),
    ],
)
def test_a_browser_is_sent_to_our_own_pages_alone(path: str, taken: str) -> None:
    assert local_path(path) == taken


def test_over_tls_what_the_browser_keeps_is_this_hosts_alone() -> None:
    assert _cookie(Origin(secure=True), "x", 600) == (
        "__Host-fireside-oidc=x; Max-Age=600; Path=/; HttpOnly; SameSite=Lax; Secure"
    )
    assert _cookie(Origin(), "", 0) == "fireside-oidc=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax"
