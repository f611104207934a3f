"""Tries to reach the runners that a server with these settings would have, for `fireside doctor`. Prints nothing.

What is built in is not reached over a network; doctor looks at it otherwise.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from fireside.app import registry_options, sealer
from fireside.core.errors import FiresideError
from fireside.runners.definition import Definition, from_declared, from_saved, merged
from fireside.runners.making import Maker
from fireside.store.db import open_database
from fireside.store.runner_shelf import RunnerShelf, Shelved
from fireside.store.urls import sqlite_path

if TYPE_CHECKING:
    from fireside.config import Config
    from fireside.gen.v1.runner_pb2 import RunnerStatus


def reach(config: Config) -> list[tuple[Definition, RunnerStatus | None]]:
    """Each runner that is set up with how it is, in their order; None for one that is switched off.

    Runners that were added through the API are among them only while no server has an SQLite database open.
    """
    return asyncio.run(_reach(config))


async def _reach(config: Config) -> list[tuple[Definition, RunnerStatus | None]]:
    options = registry_options(config)
    shelved = await _shelved(config)
    declared = [from_declared(item, fallback=config.runner_fallback) for item in options.declared]
    saved = [from_saved(runner, sealed) for runner, sealed in shelved.runners]
    definitions = merged([*declared, *saved], shelved.order)
    maker = Maker(sealer(config), options.defaults)
    return await asyncio.gather(*(_look(maker, definition) for definition in definitions))


async def _shelved(config: Config) -> Shelved:
    path = sqlite_path(config.database_url)
    if path is not None and not path.exists():
        return Shelved((), (), ())
    try:
        db = await open_database(config.database_url)
    except FiresideError:  # doctor tells of the database by itself
        return Shelved((), (), ())
    try:
        return await RunnerShelf(db).read()
    finally:
        await db.close()


async def _look(maker: Maker, definition: Definition) -> tuple[Definition, RunnerStatus | None]:
    spec = definition.runner.spec
    if spec.disabled:
        return definition, None
    runner = maker.make(maker.recipe(definition), replace(maker.options(spec), check_interval=0.0))
    try:
        await runner.check()
        return definition, runner.status()
    finally:
        await runner.aclose()
