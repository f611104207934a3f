"""A `send` that adds headers to the start of a response. Once for each response: a stream's messages pass untouched."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterable

    from fireside.edge.plain import Message, Send

NO_SNIFFING = (b"x-content-type-options", b"nosniff")
NOT_STORED = (b"cache-control", b"no-store")
STRICT_TRANSPORT = (b"strict-transport-security", b"max-age=31536000")
"""Has browsers come back over TLS alone, for a year. Only for certificates that the operator gave: one that
`--tls auto` made may be gone tomorrow, and other programs on the same host name would be cut off."""


class Headed:
    """The `send`."""

    __slots__ = ("_added", "_send")

    def __init__(self, send: Send, added: Iterable[tuple[bytes, bytes]]) -> None:
        """What of `added` a response has already stays as it is, except `vary`, which may come twice."""
        self._send = send
        self._added = tuple(added)

    def __call__(self, message: Message) -> Awaitable[None]:
        """Not a coroutine of its own, which would cost each token one more."""
        if self._added and message["type"] == "http.response.start":
            headers = list(message.get("headers", ()))
            there = {name for name, _ in headers} - {b"vary"}
            headers += [item for item in self._added if item[0] not in there]
            self._added = ()
            message = {**message, "headers": headers}
        return self._send(message)
