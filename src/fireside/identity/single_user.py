"""A server without sign-in: one account, for whoever reaches the server. Not for servers that others reach."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fireside.core.principal import LOCAL

if TYPE_CHECKING:
    from fireside.core.principal import Origin, Principal


class SingleUser:
    """Takes everybody for the one account. The edge's guard keeps other people's web pages out."""

    async def authenticate(self, bearer: str, cookie: str, origin: Origin) -> Principal:  # noqa: ARG002 - none is needed
        """The one account."""
        return LOCAL
