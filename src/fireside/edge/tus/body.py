"""The body of a request as it arrives, in pieces that are worth writing. Keeps nothing of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fireside.core.errors import InvalidArgumentError
from fireside.edge.request import ClientGoneError

if TYPE_CHECKING:
    from fireside.edge.plain import Receive

PIECE: Final = 128 * 1024
"""Over HTTP/1.1 a body comes in pieces of 8 KiB, and to write each of them would cost more than to receive it."""

CHECKED_AT_MOST: Final = 8 * 1024 * 1024
"""What has a checksum waits in memory until the checksum was looked at."""


class Body:
    """The body. `cut` says that the client went away in the middle of it."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._ended = False
        self.cut = False

    async def piece(self) -> bytes:
        """The next piece: at least PIECE bytes, but for the last one before the end or a cut. Empty after it."""
        parts: list[bytes] = []
        size = 0
        while size < PIECE and not self._ended:
            message = await self._receive()
            if message["type"] != "http.request":
                self._ended = self.cut = True
                break
            part: bytes = message.get("body", b"")
            parts.append(part)
            size += len(part)
            self._ended = not message.get("more_body", False)
        return b"".join(parts)

    async def whole(self) -> bytes:
        """All of it. Raises ClientGoneError, and InvalidArgumentError when it is too much to be kept in memory."""
        pieces: list[bytes] = []
        size = 0
        while piece := await self.piece():
            pieces.append(piece)
            size += len(piece)
            if size > CHECKED_AT_MOST:
                most = CHECKED_AT_MOST // 1024**2
                message = (
                    f"A piece with a checksum has at most {most} MiB: send smaller ones, or leave the checksum out."
                )
                raise InvalidArgumentError("PIECE_TOO_LARGE", message)
        if self.cut:
            raise ClientGoneError
        return b"".join(pieces)
