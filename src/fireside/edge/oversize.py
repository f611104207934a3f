"""Request bodies that are too large, over HTTP/1.1: read to their end before they are refused. Not the limit itself.

An HTTP/1.1 client sends its whole body before it looks at the answer. A server that answers early and stops reading
leaves it stuck until some timeout. HTTP/2 has a way to say that, so there nothing is read in vain.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fireside.edge.plain import Message, Receive, Scope

# A client that sends more than this is not one that wants an answer.
_DISCARDED_AT_MOST = 64 * 1024 * 1024


def announces_more_than(limit: int, scope: Scope) -> bool:
    """Whether this is an HTTP/1.x request that says that its body has more than `limit` bytes."""
    if not scope.get("http_version", "1.1").startswith("1"):
        return False
    length = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
    return length.isdigit() and int(length) > limit


async def cut_short(receive: Receive, limit: int) -> Receive:
    """Reads the whole body and gives a `receive` that has its first `limit` + 1 bytes: enough to be refused for its size."""
    kept = bytearray()
    total = 0
    while total <= _DISCARDED_AT_MOST:
        message = await receive()
        if message["type"] != "http.request":
            break
        body: bytes = message.get("body", b"")
        total += len(body)
        kept += body[: limit + 1 - len(kept)]
        if not message.get("more_body", False):
            break
    pending: list[Message] = [{"type": "http.request", "body": bytes(kept), "more_body": False}]

    async def replay() -> Message:
        return pending.pop() if pending else await receive()

    return replay
