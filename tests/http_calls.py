"""Plain HTTP/1.1 requests, with headers as they are given: what browsers, proxies and forgers send."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """A whole answer. Names of headers are in lower case; of several with a name, the last."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body, decoded."""
        return json.loads(self.body)


async def http(
    url: str, method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes = b""
) -> HttpAnswer:
    """One request on a connection of its own."""
    address = url.partition("://")[2]
    host, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    given = {"host": address, "content-length": str(len(body)), "connection": "close", **(headers or {})}
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in given.items()), "", ""]
    writer.write("\r\n".join(lines).encode("latin-1") + body)
    try:
        async with asyncio.timeout(10):
            head, _, rest = (await reader.read()).partition(b"\r\n\r\n")
    finally:
        writer.close()
    first, *fields = head.decode("latin-1").split("\r\n")
    found = {name.lower(): value.strip() for name, _, value in (field.partition(":") for field in fields)}
    if found.get("transfer-encoding") == "chunked":
        rest = _unchunked(rest)
    return HttpAnswer(int(first.split(" ")[1]), found, rest)


def _unchunked(data: bytes) -> bytes:
    pieces: list[bytes] = []
    while data:
        size, _, data = data.partition(b"\r\n")
        length = int(size, 16)
        pieces.append(data[:length])
        data = data[length + 2 :]
    return b"".join(pieces)


async def rpc(
    url: str, service: str, method: str, request: Mapping[str, Any], headers: Mapping[str, str] | None = None
) -> HttpAnswer:
    """A unary call as a web page makes it: Connect with JSON."""
    given = {"content-type": "application/json", "connect-protocol-version": "1", **(headers or {})}
    return await http(url, "POST", f"/fireside.v1.{service}/{method}", given, json.dumps(request).encode())
