"""OpenID Connect providers as the settings file declares them."""

from __future__ import annotations

from pathlib import Path

import pytest

from fireside.identity.providers import DeclaredProvider, ProviderDeclarationError, issuer_fits, providers_of_file

FILE = Path("/etc/fireside/fireside.toml")
LEAST: dict[str, object] = {"name": "company", "issuer": "https://login.example.org", "client_id": "fireside"}


def test_what_a_table_leaves_out() -> None:
    (provider,) = providers_of_file([LEAST], FILE)
    assert provider == DeclaredProvider(name="company", issuer="https://login.example.org", client_id="fireside")
    assert (provider.title, provider.sign_up, provider.link_by_email, provider.trust_email) == (
        "company",
        False,
        False,
        False,
    )
    assert provider.scopes == ("openid", "profile", "email")


def test_what_a_table_says() -> None:
    (provider,) = providers_of_file(
        [
            LEAST
            | {
                "label": "Example Inc.",
                "allowed_domains": ["@Example.org"],
                "ca_file": "ca.pem",
                "client_secret": "s3cret",
            }
        ],
        FILE,
    )
    assert provider.title == "Example Inc."
    assert provider.allowed_domains == ("example.org",)
    assert provider.ca_file == FILE.parent / "ca.pem"
    assert "s3cret" not in repr(provider)


@pytest.mark.parametrize(
    ("table", "key"),
    [
        ({"issuer": "https://i", "client_id": "c"}, "name"),
        (LEAST | {"name": "A B"}, "name"),
        (LEAST | {"issuer": "login.example.org"}, "issuer"),
        (LEAST | {"issuer": "http://login.example.org"}, "issuer"),
        (LEAST | {"client_id": " "}, "client_id"),
        (LEAST | {"client_secret": 7}, "client_secret"),
        (LEAST | {"scopes": ["profile"]}, "scopes"),
        (LEAST | {"sign_up": "yes"}, "sign_up"),
        (LEAST | {"allowed_domains": "example.org"}, "allowed_domains"),
        (LEAST | {"label": "x" * 61}, "label"),
        (LEAST | {"clientid": "x"}, "clientid"),
    ],
)
def test_what_cannot_be_used_is_told(table: dict[str, object], key: str) -> None:
    with pytest.raises(ProviderDeclarationError) as wrong:
        providers_of_file([table], FILE)
    assert wrong.value.key == f"oidc[0].{key}"
    assert wrong.value.expected


def test_a_secret_that_cannot_be_used_is_not_told() -> None:
    with pytest.raises(ProviderDeclarationError) as wrong:
        providers_of_file([LEAST | {"client_secret": ["s3cret"]}], FILE)
    assert "s3cret" not in str(wrong.value)


def test_names_are_one_providers() -> None:
    with pytest.raises(ProviderDeclarationError, match="no other has"):
        providers_of_file([LEAST, LEAST], FILE)
    with pytest.raises(ProviderDeclarationError, match="tables"):
        providers_of_file({"name": "x"}, FILE)


@pytest.mark.parametrize(
    ("issuer", "fits"),
    [
        ("https://login.example.org/realms/main", True),
        ("https://login.example.org/", True),
        ("http://localhost:3000", True),
        ("http://127.0.0.1:3000", True),
        ("http://[::1]:3000", True),
        ("http://10.0.0.1", False),
        ("https://user@login.example.org", False),
        ("https://login.example.org?x", False),
        ("ftp://login.example.org", False),
        ("https://[::1", False),
        ("", False),
    ],
)
def test_where_codes_and_secrets_may_go(issuer: str, fits: bool) -> None:
    assert issuer_fits(issuer) == fits
