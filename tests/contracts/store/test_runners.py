"""Runners that were made through the API, their order and aliases, on both databases."""

from __future__ import annotations

import pytest

from fireside.core.errors import AbortedError, AlreadyExistsError, NotFoundError
from fireside.gen.v1.runner_pb2 import RUNNER_SOURCE_API, ModelAlias
from fireside.store import runners
from fireside.store.db import Database
from tests.store_rows import runner_spec


async def test_a_runner_is_kept_as_it_was_given(db: Database) -> None:
    made = await db.write(lambda tx: runners.insert(tx, runner_spec("shed"), b"\0sealed"))
    assert (made.spec, made.source, made.has_secret) == (runner_spec("shed"), RUNNER_SOURCE_API, True)
    assert made.etag
    assert made.create_time.seconds
    assert await db.read(runners.every) == [(made, b"\0sealed")]


async def test_runners_are_listed_in_the_order_in_which_they_were_made(db: Database) -> None:
    for name in ("b", "c", "a"):
        await db.write(lambda tx, name=name: runners.insert(tx, runner_spec(name), None))
    assert [runner.spec.name for runner, _ in await db.read(runners.every)] == ["b", "c", "a"]


async def test_a_name_is_taken_once(db: Database) -> None:
    await db.write(lambda tx: runners.insert(tx, runner_spec("shed"), None))
    with pytest.raises(AlreadyExistsError) as caught:
        await db.write(lambda tx: runners.insert(tx, runner_spec("shed"), None))
    assert caught.value.reason == "RUNNER_EXISTS"


async def test_an_update_needs_the_etag_that_was_read(db: Database) -> None:
    made = await db.write(lambda tx: runners.insert(tx, runner_spec("shed"), b"old"))
    moved = runner_spec("shed", "http://other:1")
    changed = await db.write(lambda tx: runners.update(tx, moved, b"new", made.etag))
    assert changed.etag != made.etag
    assert changed.create_time == made.create_time
    assert await db.read(runners.every) == [(changed, b"new")]
    with pytest.raises(AbortedError):
        await db.write(lambda tx: runners.update(tx, moved, None, made.etag))
    with pytest.raises(NotFoundError):
        await db.write(lambda tx: runners.update(tx, runner_spec("none"), None, made.etag))
    assert await db.read(runners.every) == [(changed, b"new")]


async def test_an_etag_does_not_outlive_its_runner(db: Database) -> None:
    made = await db.write(lambda tx: runners.insert(tx, runner_spec("shed"), None))
    assert await db.write(lambda tx: runners.delete(tx, "shed"))
    again = await db.write(lambda tx: runners.insert(tx, runner_spec("shed"), None))
    assert again.etag != made.etag
    with pytest.raises(AbortedError):
        await db.write(lambda tx: runners.update(tx, runner_spec("shed"), None, made.etag))


async def test_a_deleted_runner_loses_its_place(db: Database) -> None:
    await db.write(lambda tx: runners.insert(tx, runner_spec("shed"), None))
    await db.write(lambda tx: runners.reorder(tx, ["shed", "local"]))
    assert await db.write(lambda tx: runners.delete(tx, "shed"))
    assert await db.read(runners.order) == ["local"]
    assert not await db.write(lambda tx: runners.delete(tx, "shed"))


async def test_the_order_is_the_last_one_that_was_set(db: Database) -> None:
    assert await db.read(runners.order) == []
    await db.write(lambda tx: runners.reorder(tx, ["a", "b", "c"]))
    await db.write(lambda tx: runners.reorder(tx, ["c", "a"]))
    assert await db.read(runners.order) == ["c", "a"]


async def test_an_alias_is_made_replaced_and_removed(db: Database) -> None:
    for targets in (["a/x"], ["b/y", "a/x"]):
        alias = ModelAlias(alias="fast", targets=targets)
        await db.write(lambda tx, alias=alias: runners.put_alias(tx, alias))
    await db.write(lambda tx: runners.put_alias(tx, ModelAlias(alias="big", targets=["a/z"])))
    found = await db.read(runners.aliases)
    assert [(alias.alias, list(alias.targets)) for alias in found] == [("big", ["a/z"]), ("fast", ["b/y", "a/x"])]
    assert {alias.source for alias in found} == {RUNNER_SOURCE_API}
    assert await db.write(lambda tx: runners.delete_alias(tx, "big"))
    assert not await db.write(lambda tx: runners.delete_alias(tx, "big"))
