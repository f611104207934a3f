"""The first account of a server that a benchmark has started, and a key of it. Nothing to do with real accounts."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from connectrpc.client import ResponseMetadata
from connectrpc.errors import ConnectError

from fireside.cli.failure import CommandError
from fireside.cli.link import open_link
from fireside.config import load_client
from fireside.gen.v1.account_service_pb2 import CreateApiKeyRequest
from fireside.gen.v1.auth_service_pb2 import SetUpRequest

if TYPE_CHECKING:
    from pathlib import Path

_PASSWORD = "for this benchmark alone"  # noqa: S105 - of an account that ends with the benchmark


async def first_key(url: str, folder: Path, token: str = "") -> str:
    """Sets the server at `url` up, with the token of its link if it wants one, and returns an API key.

    Raises CommandError.
    """
    none = await asyncio.to_thread(_empty, folder / "client.toml")
    link = open_link(load_client({"url": url, "data_dir": str(folder)}, file=none), key="")
    try:
        request = SetUpRequest(name="Bench", email="bench@localhost", password=_PASSWORD, token=token)
        with ResponseMetadata() as metadata:
            await link.auth.set_up(request)
            cookie = (metadata.headers.get("set-cookie") or "").partition(";")[0]
        made = await link.account.create_api_key(CreateApiKeyRequest(name="bench"), headers={"cookie": cookie})
    except ConnectError as error:
        raise CommandError(f"The benchmark's server could not be set up: {error.message}") from error
    finally:
        await link.aclose()
    return made.secret


def _empty(path: Path) -> Path:
    """A settings file that says nothing: this person's own is not the benchmark's."""
    path.touch()
    return path
