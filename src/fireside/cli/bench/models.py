"""Finds the name under which a server offers a model, and waits until it does. Measures nothing."""

from __future__ import annotations

import asyncio
import time
import urllib.request
from typing import TYPE_CHECKING

import msgspec

from fireside.cli.bench.dialects import Protocol, Target
from fireside.cli.failure import CommandError, UnreachableError

if TYPE_CHECKING:
    from collections.abc import Callable

_POLL_SECONDS = 0.2
_TIMEOUT = 10.0
# Nothing on the way: a proxy of the environment would be measured along with the server.
_open = urllib.request.build_opener(urllib.request.ProxyHandler({})).open


class _Model(msgspec.Struct):
    id: str = ""


class _Listed(msgspec.Struct):
    """Both forms of a list of models."""

    data: list[_Model] = []
    models: list[_Model] = []


async def find_model(
    target: Target, protocol: Protocol, name: str, patience: float, waiting: Callable[[], None]
) -> str:
    """The id of the model `name` at the server: itself, or what ends with it, as `runner/name`.

    Asks again until it is there; `waiting` is called once if it is not at first. Raises CommandError.
    """
    until = time.monotonic() + patience
    told = False
    while True:
        try:
            found = await asyncio.to_thread(_listed, target, protocol)
        except OSError as error:
            raise UnreachableError(f"{target.authority} does not list its models: {error}") from error
        for model in found:
            if model == name or model.endswith("/" + name):
                return model
        if time.monotonic() > until:
            offered = ", ".join(found[:5]) or "none"
            raise CommandError(f"{target.authority} does not offer the model {name} (it offers {offered}).")
        if not told:
            told = True
            waiting()
        await asyncio.sleep(_POLL_SECONDS)


def _listed(target: Target, protocol: Protocol) -> list[str]:
    base = f"{'https' if target.tls else 'http'}://{target.authority}"
    if protocol is Protocol.REST:
        request = urllib.request.Request(f"{base}{target.base}/models", headers=target.headers)  # noqa: S310
    else:
        headers = {"content-type": "application/json", **target.headers}
        url = f"{base}/fireside.v1.ModelService/ListModels"
        request = urllib.request.Request(url, b"{}", headers)  # noqa: S310 -- target_of lets http and https through alone.
    with _open(request, timeout=_TIMEOUT) as response:
        body: bytes = response.read()
    try:
        listed = msgspec.json.decode(body, type=_Listed)
    except msgspec.DecodeError as error:
        raise UnreachableError(f"{target.authority} lists no models: {body[:200]!r}") from error
    return [model.id for model in (*listed.data, *listed.models)]
