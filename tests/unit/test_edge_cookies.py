"""The cookie of a session, as it goes out and comes back."""

from __future__ import annotations

import pytest

from fireside.core.principal import Origin
from fireside.edge.cookies import session_cookie, session_of
from fireside.identity.devices import described


@pytest.mark.parametrize(
    ("raw", "plain", "secure"),
    [
        ("", "", ""),
        ("fireside=abc", "abc", ""),
        ("a=b; fireside=abc; c=d", "abc", ""),
        ("a=b;fireside=abc", "abc", ""),
        ('fireside="abc"', "abc", ""),
        ("xfireside=no; fireside=abc", "abc", ""),
        ("__Host-fireside=tls", "", "tls"),
        ("fireside=abc; __Host-fireside=tls", "abc", "tls"),
        ("fireside", "", ""),
        ("fireside=", "", ""),
        ("fireside=one; fireside=two", "one", ""),
    ],
)
def test_the_token_is_found(raw: str, plain: str, secure: str) -> None:
    assert (session_of(raw, secure=False), session_of(raw, secure=True)) == (plain, secure)


def test_the_cookie_that_goes_out() -> None:
    assert session_cookie(Origin(), "t").startswith("fireside=t; Max-Age=34560000; Path=/; HttpOnly; SameSite=Lax")
    over_tls = session_cookie(Origin(secure=True), "t")
    assert over_tls == "__Host-fireside=t; Max-Age=34560000; Path=/; HttpOnly; SameSite=Lax; Secure"
    assert "Max-Age=0" in session_cookie(Origin(), "")


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537 (KHTML, like Gecko) Chrome/140.0 Safari/537 Edg/140",
            "Edge on Windows",
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605 (KHTML) Version/18.0 Safari/604.1",
            "Safari on iPhone",
        ),
        ("grpc-python-asyncio/1.85 grpc-c/50 (linux; chttp2)", "gRPC"),
        ("", "Unknown"),
        ("x" * 300, "x" * 60),
    ],
)
def test_a_device_is_called_what_people_call_it(agent: str, name: str) -> None:
    assert described(agent) == name
