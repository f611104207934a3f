"""Connects to addresses that were looked at: names are looked up here and not by grpcio, which would do so once more."""

from __future__ import annotations

import importlib
from itertools import groupby
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fireside.runners.reach import Reach

Arguments = tuple[tuple[str, int | str], ...]


class Opener(Protocol):
    """Makes a channel to a target, without connecting."""

    def __call__(self, target: str, arguments: Arguments, *, secure: bool) -> Any: ...  # noqa: D102 - said above


class Dialler:
    """Makes channels that stand."""

    def __init__(self, reach: Reach, opener: Opener) -> None:
        self._reach = reach
        self._opener = opener

    async def dial(self, address: str, arguments: Arguments) -> Any:
        """A channel that is connected. Raises ForbiddenAddressError, and OSError when nobody answers."""
        parts = urlsplit(address if "://" in address else f"//{address}")
        host, port = parts.hostname or "", parts.port or 0
        secure = parts.scheme == "grpcs"
        # The peer still is who the address says: for the certificate, and for servers that several names lead to.
        named: Arguments = (("grpc.default_authority", parts.netloc),)
        if secure:
            named = (*named, ("grpc.ssl_target_name_override", host))
        for target in _targets(await self._reach.addresses(host, port), port):
            channel = self._opener(target, (*arguments, *named), secure=secure)
            try:
                stands = await _stands(channel)
            except BaseException:
                await channel.close()
                raise
            if stands:
                return channel
            await channel.close()
        raise ConnectionRefusedError(address)


def _targets(addresses: Sequence[str], port: int) -> list[str]:
    """What grpcio calls them: those of a family that follow each other are one, and tried in turn."""
    found: list[str] = []
    for six, group in groupby(addresses, lambda address: ":" in address):
        places = [f"[{address}]:{port}" if six else f"{address}:{port}" for address in group]
        found.append(f"{'ipv6' if six else 'ipv4'}:{','.join(places)}")
    return found


async def _stands(channel: Any) -> bool:
    """Waits until the channel is connected, or has failed to."""
    states = importlib.import_module("grpc").ChannelConnectivity
    state = channel.get_state(try_to_connect=True)
    while state is not states.READY:
        if state in {states.TRANSIENT_FAILURE, states.SHUTDOWN}:
            return False
        await channel.wait_for_state_change(state)
        state = channel.get_state(try_to_connect=True)
    return True
