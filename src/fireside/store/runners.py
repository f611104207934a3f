"""Runners that were made through the API, the order of all runners, and aliases. Not what they become: that is runners/'s.

Secrets are stored as they are given: sealed. Nothing here can open them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fireside.core.clock import now_us
from fireside.core.errors import NotFoundError
from fireside.core.ids import etag_of
from fireside.gen.v1.runner_pb2 import RUNNER_SOURCE_API, ModelAlias, Runner, RunnerSpec
from fireside.store.records import bytes_of, int_of, revision_of, str_of, timestamp_of
from fireside.store.tx import StaleRowError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fireside.store.tx import Tx, Value


async def insert(tx: Tx, spec: RunnerSpec, secret: bytes | None) -> Runner:
    """Stores a new runner. AlreadyExistsError (RUNNER_EXISTS): the name is taken."""
    now = now_us()
    # A revision starts at the time, so that the etag of a deleted runner is not that of a later one of its name.
    await tx.execute(
        "INSERT INTO runners (name, revision, create_time, record, secret) VALUES ($1, $2, $2, $3, $4)",
        spec.name,
        now,
        spec.SerializeToString(),
        secret,
    )
    return _loaded(now, now, spec.SerializeToString(), secret)[0]


async def update(tx: Tx, spec: RunnerSpec, secret: bytes | None, etag: str) -> Runner:
    """Replaces the spec and the secret of the runner of that name, which was read with `etag`.

    NotFoundError: there is none. AbortedError (STALE_ETAG): it changed since it was read.
    """
    rows = await tx.fetch(
        "UPDATE runners SET record = $3, secret = $4, revision = revision + 1 WHERE name = $1 AND revision = $2"
        " RETURNING revision, create_time, record, secret",
        spec.name,
        revision_of(etag),
        spec.SerializeToString(),
        secret,
    )
    if not rows:
        if not await tx.fetch("SELECT 1 FROM runners WHERE name = $1", spec.name):
            raise NotFoundError("RUNNER_NOT_FOUND", "There is no such runner.", runner=spec.name)
        raise StaleRowError("STALE_ETAG", "The runner has changed; read it again.", runner=spec.name)
    return _loaded(*rows[0])[0]


async def delete(tx: Tx, name: str) -> bool:
    """Removes a runner and its place in the order. Whether there was one."""
    await tx.execute("DELETE FROM runner_positions WHERE name = $1", name)
    return await tx.execute("DELETE FROM runners WHERE name = $1", name) > 0


async def every(tx: Tx) -> list[tuple[Runner, bytes | None]]:
    """All runners with their sealed secrets, the oldest first."""
    rows = await tx.fetch("SELECT revision, create_time, record, secret FROM runners ORDER BY create_time, name")
    return [_loaded(*row) for row in rows]


async def order(tx: Tx) -> list[str]:
    """Names of runners of any source in the order that was set; it may lack some, and have some that are gone."""
    return [str_of(row[0]) for row in await tx.fetch("SELECT name FROM runner_positions ORDER BY position, name")]


async def reorder(tx: Tx, names: Sequence[str]) -> None:
    """Puts runners of any source into this order. Names that are not given lose their place."""
    await tx.execute("DELETE FROM runner_positions")
    await tx.execute_many(
        "INSERT INTO runner_positions (name, position) VALUES ($1, $2)",
        [(name, position) for position, name in enumerate(names)],
    )


async def put_alias(tx: Tx, alias: ModelAlias) -> None:
    """Makes an alias, or replaces its targets."""
    await tx.execute(
        "INSERT INTO model_aliases (alias, record) VALUES ($1, $2) ON CONFLICT (alias) DO UPDATE SET record = $2",
        alias.alias,
        ModelAlias(alias=alias.alias, targets=alias.targets, source=RUNNER_SOURCE_API).SerializeToString(),
    )


async def delete_alias(tx: Tx, alias: str) -> bool:
    """Removes an alias. Whether there was one."""
    return await tx.execute("DELETE FROM model_aliases WHERE alias = $1", alias) > 0


async def aliases(tx: Tx) -> list[ModelAlias]:
    """All aliases by name."""
    rows = await tx.fetch("SELECT record FROM model_aliases ORDER BY alias")
    return [ModelAlias.FromString(bytes_of(row[0])) for row in rows]


def _loaded(revision: Value, create_time: Value, record: Value, secret: Value) -> tuple[Runner, bytes | None]:
    runner = Runner(
        spec=RunnerSpec.FromString(bytes_of(record)),
        source=RUNNER_SOURCE_API,
        has_secret=secret is not None,
        etag=etag_of(int_of(revision)),
        create_time=timestamp_of(int_of(create_time)),
    )
    return runner, None if secret is None else bytes_of(secret)
