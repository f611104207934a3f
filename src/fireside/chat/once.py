"""Calls that may be repeated (AIP-155): the same request id gives the first answer again. Inside one transaction."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, TypeVar

from fireside.core.errors import AbortedError, AlreadyExistsError
from fireside.store import requests

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from google.protobuf.message import Message as ProtoMessage

    from fireside.core.principal import Principal
    from fireside.store.tx import Tx

R = TypeVar("R", bound="ProtoMessage")


async def once(tx: Tx, principal: Principal, call: Call, act: Callable[[], Awaitable[R]], kind: type[R]) -> R:
    """Does `act` once for the call's request id and keeps its answer; without an id, does it.

    Raises AlreadyExistsError if the id was used for another call.
    """
    if not call.request_id:
        return await act()
    fingerprint = call.fingerprint()
    found = await requests.find(tx, principal.id, call.request_id)
    if found is None:
        answer = await act()
        await requests.put(tx, principal.id, call.request_id, call.method, fingerprint, answer.SerializeToString())
        return answer
    method, known, response = found
    if (method, known) != (call.method, fingerprint):
        raise AlreadyExistsError(
            "REQUEST_ID_REUSED", "The request id was used for another request: make a new one for each change."
        )
    return kind.FromString(response)


class Call:
    """What makes two requests the same: the method and its arguments."""

    __slots__ = ("_arguments", "method", "request_id")

    def __init__(self, method: str, request_id: str, *arguments: str | bytes) -> None:
        self.method = method
        self.request_id = request_id
        self._arguments = arguments

    def fingerprint(self) -> bytes:
        """SHA-256 over the arguments, each with its length before it."""
        digest = hashlib.sha256()
        for argument in self._arguments:
            data = argument if isinstance(argument, bytes) else argument.encode()
            digest.update(len(data).to_bytes(8, "big") + data)
        return digest.digest()


def check_etag(wanted: str, actual: str) -> None:
    """Raises AbortedError if a change was based on an etag that is not the present one; "" is any."""
    if wanted and wanted != actual:
        raise AbortedError(
            "ETAG_MISMATCH", "It was changed meanwhile: read it again and repeat the change.", etag=actual
        )
