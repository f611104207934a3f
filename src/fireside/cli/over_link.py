"""Runs what a command does over a link to a running server, and ends the process with its exit code."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from fireside.cli.failure import carry_out, settings_of
from fireside.config import load_client
from fireside.settings import CLIENT_SETTINGS

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping
    from pathlib import Path

    from fireside.cli.link import Link
    from fireside.config import ClientConfig


def over_link(
    file: Path | None, flags: Mapping[str, object], work: Callable[[Link], Coroutine[object, None, int]]
) -> None:
    """`file` and `flags` are those of a client's command."""
    named = {item.name: value for item in CLIENT_SETTINGS if isinstance(value := flags.get(item.name), str)}
    config = settings_of(lambda: load_client(named, file=file))
    carry_out(lambda: asyncio.run(_run(config, work)))


async def _run(config: ClientConfig, work: Callable[[Link], Coroutine[object, None, int]]) -> int:
    from connectrpc.errors import ConnectError

    from fireside.cli.link import open_link, refused

    link = open_link(config)
    try:
        return await work(link)
    except ConnectError as error:
        raise refused(error, link.url) from error
    finally:
        await link.aclose()
