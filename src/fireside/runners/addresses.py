"""Where a runner may be: checks addresses, gives them one form, and tells which of them are the same server.

Connects to nothing and looks no name up. Standard library only: the settings are checked with it too.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import SplitResult, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

HTTP_KINDS: Final = ("openai", "ollama")
GRPC_KINDS: Final = ("worker", "sglang", "triton")
KINDS: Final = (*HTTP_KINDS, *GRPC_KINDS)
_DEFAULT_PORTS = {"http": 80, "https": 443}
_GRPC_SCHEMES = {"grpc", "grpcs"}
_ODD = re.compile(r"[\s\\\x00-\x1f\x7f]")
_EXAMPLES = {"openai": "http://localhost:8000/v1", "ollama": "http://localhost:11434"}
# What people copy along with a base URL, by kind.
_ENDPOINTS = {"openai": ("/chat/completions", "/completions", "/models", "/embeddings"), "ollama": ("/api", "/v1")}


class AddressError(ValueError):
    """An address cannot be used. `index` says which of them; the text ends the sentence `expected ...`."""

    def __init__(self, index: int, expected: str) -> None:
        super().__init__(expected)
        self.index = index
        self.expected = expected


def checked(kind: str, addresses: Sequence[str]) -> tuple[str, ...]:
    """The addresses of a runner of one of KINDS in one form: no spaces around, no slash at the end. Raises AddressError."""
    if not addresses:
        raise AddressError(0, "an address")
    if kind in HTTP_KINDS and len(addresses) > 1:
        raise AddressError(1, "one address: only gRPC runners spread over several, so make a runner of each")
    check = _http if kind in HTTP_KINDS else _grpc
    found = tuple(check(kind, index, address.strip()) for index, address in enumerate(addresses))
    for index, address in enumerate(found):
        if address in found[:index]:
            raise AddressError(index, "an address that is not in the list yet")
    return found


def origins(addresses: Iterable[str]) -> frozenset[tuple[str, str, int]]:
    """(Scheme, host, port) of checked addresses: what may be sent to one may be sent to another with the same."""
    found: set[tuple[str, str, int]] = set()
    for address in addresses:
        parts = urlsplit(address if "://" in address else f"grpc://{address}")
        found.add((parts.scheme, parts.hostname or "", parts.port or _DEFAULT_PORTS.get(parts.scheme, 0)))
    return frozenset(found)


def _http(kind: str, index: int, address: str) -> str:
    example = _EXAMPLES[kind]
    if "://" not in address:
        raise AddressError(index, f"a base URL with http:// or https:// in front, such as {example}")
    parts = _split(index, address)
    if parts.scheme not in _DEFAULT_PORTS:
        raise AddressError(index, f"a base URL with http:// or https://, such as {example}")
    if parts.query or parts.fragment:
        raise AddressError(index, f"a base URL without ? and #, such as {example}")
    path = parts.path.rstrip("/")
    for endpoint in _ENDPOINTS[kind]:
        if path.endswith(endpoint):
            raise AddressError(index, f"the base URL, without {endpoint} at its end, such as {example}")
    return f"{parts.scheme}://{parts.netloc.lower()}{path}"


def _grpc(kind: str, index: int, address: str) -> str:
    expected = "host:port, grpc://host:port or grpcs://host:port (with TLS)"
    if "://" in address and address.partition("://")[0].lower() not in _GRPC_SCHEMES:
        raise AddressError(index, f"{expected}, because the kind {kind} speaks gRPC")
    parts = _split(index, address if "://" in address else f"//{address}")
    if parts.port is None or parts.path.rstrip("/") or parts.query or parts.fragment:
        raise AddressError(index, expected)
    return f"{parts.scheme}://{parts.netloc.lower()}" if parts.scheme else parts.netloc.lower()


def _split(index: int, address: str) -> SplitResult:
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        raise AddressError(index, "an address with a port from 1 to 65535, if it has one") from None
    if "@" in parts.netloc:
        raise AddressError(index, "an address without a user or password in it: give those as the API key")
    if _ODD.search(address) or not parts.hostname or port == 0:
        raise AddressError(index, "an address with a host, and without spaces")
    return parts
