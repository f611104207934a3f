"""Runners that one server changes are the same in another server on the same database, soon, and so are their secrets."""

from __future__ import annotations

import asyncio
from pathlib import Path

from fireside.gen.v1 import runner_pb2
from fireside.gen.v1 import runner_service_pb2 as pb
from tests.callers import caller
from tests.hostile_server import hostile_server, response
from tests.runner_calls import OK, OPENAI, SECRET, create, listed, spec
from tests.served import Served, serve


async def reached(served: Served, *names: str) -> None:
    """Returns when a server's catalog has exactly these runners."""
    catalog = served.app.asgi.services.admission.catalog
    changed = asyncio.Event()
    catalog.on_change(changed.set)
    async with asyncio.timeout(30):
        while [runner.name for runner in catalog.runners] != list(names):
            await changed.wait()
            changed.clear()


async def test_a_server_hears_of_the_changes_of_another(tmp_path: Path, postgres_url: str) -> None:
    async with (
        hostile_server() as backend,
        serve(tmp_path, database_url=postgres_url) as one,
        serve(tmp_path, database_url=postgres_url) as two,
        caller("grpcio", one.url) as here,
        caller("grpcio", two.url) as there,
    ):
        backend.reply("/v1/models", [response(body=b'{"data": [{"id": "a"}]}')])
        made = await create(here, spec("router", backend.url + "/v1", OPENAI), SECRET)
        assert made.status.health == OK
        await reached(two, "scripted", "router")
        (_, other) = await listed(there)
        assert (other.etag, other.has_secret, other.status.health) == (made.etag, True, OK)
        assert {asked.headers["authorization"] for asked in backend.asked} == {f"Bearer {SECRET}"}
        await there.unary("OrderRunners", pb.OrderRunnersRequest(names=["router", "scripted"]))
        await reached(one, "router", "scripted")
        await there.unary("DeleteRunner", pb.DeleteRunnerRequest(name="router"))
        await reached(one, "scripted")


async def test_a_change_is_checked_against_what_another_server_has_just_written(
    tmp_path: Path, postgres_url: str
) -> None:
    async with (
        serve(tmp_path, database_url=postgres_url) as one,
        serve(tmp_path, database_url=postgres_url) as two,
        caller("grpcio", one.url) as here,
        caller("grpcio", two.url) as there,
    ):
        wanted = [spec("shed", f"http://127.0.0.1:{port}", OPENAI) for port in (7, 9)]
        outcomes = await asyncio.gather(
            *(create(client, item) for client, item in zip((here, there), wanted, strict=True)), return_exceptions=True
        )
        assert sorted(isinstance(outcome, runner_pb2.Runner) for outcome in outcomes) == [False, True]
        alias = runner_pb2.ModelAlias(alias="fast", targets=["scripted/tokens=4"])
        await here.unary("SetModelAlias", pb.SetModelAliasRequest(alias=alias))
        await there.unary("DeleteModelAlias", pb.DeleteModelAliasRequest(alias="fast"))
