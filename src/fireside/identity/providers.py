"""OpenID Connect providers as fireside.toml declares them: parsed and checked, not yet asked anything.

Reads no file and no environment: config.py hands over what it read. Standard library only.
"""

from __future__ import annotations

import difflib
import ipaddress
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, cast
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

TABLE: Final = "oidc"
SCOPES: Final = ("openid", "profile", "email")

ISSUER_RULE: Final = "an https address without ? and # (http on this machine alone)"
NAME_RULE: Final = "a name that no other has, of lower case letters, digits and hyphens, at most 40"
_NAME = re.compile("[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?")


class ProviderDeclarationError(ValueError):
    """Something declared cannot be used: its key, its value (empty for a secret), what was expected, and where it is."""

    def __init__(self, key: str, value: str, expected: str, where: str) -> None:
        super().__init__(f"{key} = {value!r} ({where}): expected {expected}.")
        self.key = key
        self.value = value
        self.expected = expected
        self.where = where


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredProvider:
    """A provider that people can sign in with."""

    name: str
    issuer: str
    client_id: str
    client_secret: str = field(default="", repr=False)
    """Empty for a public client."""

    label: str = ""
    scopes: tuple[str, ...] = SCOPES
    groups_claim: str = ""
    """Empty for no groups."""

    allowed_domains: tuple[str, ...] = ()
    """Empty for all."""

    trust_email: bool = False
    """Whether an address is verified that it says nothing about."""

    sign_up: bool = False
    link_by_email: bool = False
    ca_file: Path | None = None

    @property
    def title(self) -> str:
        """What its button says."""
        return self.label or self.name


class Key(NamedTuple):
    """A key of an [[oidc]] table: what it takes (to end the sentence `expected ...`), and what it is for."""

    name: str
    takes: str
    help: str
    secret: bool = False


KEYS: Final = (
    Key("name", NAME_RULE,
        "Its name in addresses: the provider sends people back to `/auth/oidc/NAME/callback`. Needed. Accounts are tied "
        "to it: another name is another provider."),
    Key("label", "a text of at most 60 characters", "What its button says; `name` without it."),
    Key("issuer", ISSUER_RULE,
        "Where it is: what comes before `/.well-known/openid-configuration`. Needed."),
    Key("client_id", "a text", "What it calls this server. Needed."),
    Key("client_secret", "a text", "The secret that it gave this server; none for a public client.", secret=True),
    Key("scopes", "a list of texts with openid among them", "What is asked for; `openid`, `profile` and `email` without it."),
    Key("groups_claim", "a text",
        "The claim that lists somebody's groups there. At each sign-in the account is put into the groups here that name "
        "one of them, and out of those that a provider had put it into."),
    Key("allowed_domains", "a list of mail domains",
        "Only people with a verified address of one of these may sign in; anybody that it knows without it."),
    Key("trust_email", "true or false",
        "Whether addresses are taken for verified when the provider says nothing of that. An address that is not verified "
        "is not kept."),
    Key("sign_up", "true or false",
        "Whether people without an account get one when they first sign in. Without it, or where the policy lets nobody "
        "sign up, an account has to be there."),
    Key("link_by_email", "true or false",
        "Whether an account that is here already is opened by a verified address that is the same. Only for providers that "
        "check addresses, and where nobody can make an account with an address of somebody else's."),
    Key("ca_file", "a path", "PEM file with the certificate authority of a provider that uses its own."),
)  # fmt: skip
_KEYS = {key.name: key for key in KEYS}


def providers_of_file(raw: object, path: Path) -> tuple[DeclaredProvider, ...]:
    """The [[oidc]] tables that TOML made of a file. Raises ProviderDeclarationError."""
    if not isinstance(raw, list) or not all(isinstance(item, dict) for item in cast("list[object]", raw)):
        raise ProviderDeclarationError(TABLE, "", f"tables that each start with [[{TABLE}]]", str(path))
    found: list[DeclaredProvider] = []
    for number, table in enumerate(cast("list[dict[str, object]]", raw)):
        provider = _Table(table, path, number).provider()
        if any(other.name == provider.name for other in found):
            raise ProviderDeclarationError(f"{TABLE}[{number}].name", provider.name, NAME_RULE, str(path))
        found.append(provider)
    return tuple(found)


def issuer_fits(issuer: str) -> bool:
    """Whether a text can be an issuer. Codes and secrets go there, so it is https, or on this machine."""
    try:
        parts = urlsplit(issuer)
        name = parts.hostname or ""
    except ValueError:
        return False
    if not name or parts.query or parts.fragment or parts.username or not issuer.isprintable() or " " in issuer:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(name))


def name_fits(name: str) -> bool:
    """Whether a text can be a provider's name."""
    return _NAME.fullmatch(name) is not None


def _is_loopback(name: str) -> bool:
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


class _Table:
    """One [[oidc]] table."""

    def __init__(self, table: Mapping[str, object], path: Path, number: int) -> None:
        self._table = table
        self._path = path
        self._number = number

    def provider(self) -> DeclaredProvider:
        for key in self._table:
            if key not in _KEYS:
                near = difflib.get_close_matches(key, _KEYS, 1)
                raise self._error(key, near[0] if near else "one of " + ", ".join(_KEYS))
        scopes = self._list("scopes") or SCOPES
        if "openid" not in scopes:
            raise self._error("scopes")
        if not issuer_fits(self._text("issuer", needed=True)):
            raise self._error("issuer")
        if not name_fits(self._text("name", needed=True)):
            raise self._error("name")
        if len(self._text("label")) > 60:
            raise self._error("label")
        ca_file = self._text("ca_file")
        return DeclaredProvider(
            name=self._text("name"),
            issuer=self._text("issuer"),
            client_id=self._text("client_id", needed=True),
            client_secret=self._text("client_secret"),
            label=self._text("label"),
            scopes=scopes,
            groups_claim=self._text("groups_claim"),
            allowed_domains=tuple(domain.lower().lstrip("@") for domain in self._list("allowed_domains")),
            trust_email=self._switch("trust_email"),
            sign_up=self._switch("sign_up"),
            link_by_email=self._switch("link_by_email"),
            ca_file=self._path.parent / Path(ca_file).expanduser() if ca_file else None,
        )

    def _text(self, key: str, *, needed: bool = False) -> str:
        value = self._table.get(key, "")
        if not isinstance(value, str) or (needed and not value.strip()):
            raise self._error(key)
        return value.strip()

    def _list(self, key: str) -> tuple[str, ...]:
        value = self._table.get(key, [])
        items = cast("list[object]", value) if isinstance(value, list) else [None]
        texts = tuple(item.strip() for item in items if isinstance(item, str) and item.strip())
        if len(texts) != len(items):
            raise self._error(key)
        return texts

    def _switch(self, key: str) -> bool:
        value = self._table.get(key, False)
        if not isinstance(value, bool):
            raise self._error(key)
        return value

    def _error(self, key: str, expected: str = "") -> ProviderDeclarationError:
        known = _KEYS.get(key)
        value = "" if known is None or known.secret or key not in self._table else str(self._table[key])
        expected = expected or (known.takes if known else "")
        return ProviderDeclarationError(f"{TABLE}[{self._number}].{key}", value, expected, str(self._path))
