"""Runners that people add are connected to at the addresses that were checked, and at no others. Real sockets, names of ours."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from fireside.gen.v1 import model_pb2
from fireside.gen.v1.runner_pb2 import (
    RUNNER_KIND_OLLAMA,
    RUNNER_KIND_OPENAI,
    RUNNER_KIND_WORKER,
    RUNNER_SOURCE_API,
    RUNNER_SOURCE_ENVIRONMENT,
    RUNNER_SOURCE_FILE,
    RUNNER_SOURCE_UNSPECIFIED,
    Runner,
    RunnerKind,
    RunnerSpec,
)
from fireside.runners.backends import build
from fireside.runners.base import BackendOptions, RunnerInfo
from fireside.runners.definition import Definition
from fireside.runners.making import Defaults, Maker
from fireside.runners.reach import Reach
from fireside.runners.scripted.runner import ScriptedRunner
from fireside.runners.sealing import Sealer, TextKey
from tests.hostile_server import CLOSE, HostileServer, hostile_server, response
from tests.worker_served import WatchedRunner, worker_served

METADATA = "169.254.169.254"
NAME = "runner.example.org"


@dataclass
class Names:
    """A directory of names that says what a test wants, and remembers what it was asked."""

    answers: list[Sequence[str]]
    asked: list[tuple[str, int]] = field(default_factory=list)

    async def look_up(self, host: str, port: int) -> Sequence[str]:
        """The next answer; the last one stays."""
        self.asked.append((host, port))
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@asynccontextmanager
async def info_of(kind: RunnerKind, address: str, names: Names | Reach) -> AsyncIterator[list[RunnerInfo]]:
    """What a runner at the address says when it is asked twice."""
    reach = names if isinstance(names, Reach) else Reach(look_up=names.look_up)
    runner = build(kind, BackendOptions(name="box", addresses=(address,), connect_timeout=5.0, reach=reach))
    try:
        yield [await runner.info(), await runner.info()]
    finally:
        await runner.aclose()


@pytest.fixture
async def hostile() -> AsyncIterator[HostileServer]:
    async with hostile_server() as server:
        yield server


def listing(server: HostileServer, *steps: object) -> None:
    """Has the server list a model, in OpenAI's way, and do `steps` afterwards."""
    server.reply("/v1/models", [response(body=b'{"data":[{"id":"m"}]}'), *steps])  # pyright: ignore[reportArgumentType]


def port_of(server: HostileServer) -> int:
    return int(server.url.rpartition(":")[2])


async def test_a_name_is_connected_to_at_the_address_that_was_checked(hostile: HostileServer) -> None:
    listing(hostile)
    names = Names([["127.0.0.1"]])
    async with info_of(RUNNER_KIND_OPENAI, f"http://{NAME}:{port_of(hostile)}/v1", names) as found:
        assert [model.id for model in found[0].models] == ["box/m"]
    assert set(names.asked) == {(NAME, port_of(hostile))}
    assert hostile.asked[0].headers["host"] == f"{NAME}:{port_of(hostile)}"


async def test_the_next_address_is_tried_when_one_does_not_answer(hostile: HostileServer) -> None:
    listing(hostile)
    async with info_of(
        RUNNER_KIND_OPENAI, f"http://{NAME}:{port_of(hostile)}/v1", Names([["::1", "127.0.0.1"]])
    ) as found:
        assert not found[0].problem


@pytest.mark.parametrize("kind", [RUNNER_KIND_OPENAI, RUNNER_KIND_OLLAMA, RUNNER_KIND_WORKER])
@pytest.mark.parametrize("addresses", [[METADATA], ["127.0.0.1", METADATA], ["::ffff:169.254.169.254"], ["fe80::1"]])
async def test_nothing_is_sent_where_a_name_turns_out_to_lead(
    kind: RunnerKind, addresses: Sequence[str], hostile: HostileServer
) -> None:
    place = f"{NAME}:{port_of(hostile)}"
    address = place if kind == RUNNER_KIND_WORKER else f"http://{place}"
    async with info_of(kind, address, Names([addresses])) as found:
        assert "link-local" in found[0].problem
    assert hostile.asked == []


async def test_a_name_that_is_rebound_is_checked_again(hostile: HostileServer) -> None:
    listing(hostile, CLOSE)
    names = Names([["127.0.0.1"], [METADATA]])
    async with info_of(RUNNER_KIND_OPENAI, f"http://{NAME}:{port_of(hostile)}/v1", names) as found:
        assert not found[0].problem
        assert "link-local" in found[1].problem
    assert len(hostile.asked) == 1


@pytest.mark.parametrize(
    "status", ["301 Moved Permanently", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect"]
)
async def test_no_redirect_is_followed(hostile: HostileServer, status: str) -> None:
    for path in ("/v1/models", "/api/tags", "/api/version"):
        hostile.reply(path, [response(status, body=b"", Location=f"{hostile.url}/stolen")])
    for kind, address in ((RUNNER_KIND_OPENAI, f"{hostile.url}/v1"), (RUNNER_KIND_OLLAMA, hostile.url)):
        async with info_of(kind, address, Reach()) as found:
            assert found[0].problem
    assert "/stolen" not in hostile.paths()


async def test_private_networks_can_be_closed(hostile: HostileServer) -> None:
    listing(hostile)
    async with info_of(RUNNER_KIND_OPENAI, f"{hostile.url}/v1", Reach(private=False)) as found:
        assert "private network" in found[0].problem
    assert hostile.asked == []


@pytest.mark.parametrize("addresses", [["127.0.0.1"], ["::1", "127.0.0.1"], ["127.0.0.1", "::1"]])
async def test_a_worker_is_dialled_at_the_address_that_was_checked(addresses: Sequence[str]) -> None:
    async with worker_served(WatchedRunner(ScriptedRunner())) as place:
        names = Names([addresses])
        async with info_of(RUNNER_KIND_WORKER, f"{NAME}:{place.rpartition(':')[2]}", names) as found:
            assert all(model.state == model_pb2.MODEL_STATE_READY for model in found[0].models)
            assert not found[1].problem
        assert len(names.asked) == 1


async def test_a_worker_that_was_lost_is_looked_up_again() -> None:
    names = Names([["127.0.0.1"], [METADATA]])
    async with worker_served(WatchedRunner(ScriptedRunner())) as place:
        reach = Reach(look_up=names.look_up)
        address = f"{NAME}:{place.rpartition(':')[2]}"
        runner = build(RUNNER_KIND_WORKER, BackendOptions(name="box", addresses=(address,), reach=reach))
        assert not (await runner.info()).problem
    while not (problem := (await runner.info()).problem):  # until the client has noticed that the worker has gone
        pass
    while "link-local" not in problem:
        problem = (await runner.info()).problem
    await runner.aclose()


@pytest.mark.parametrize(
    ("source", "held"),
    [
        (RUNNER_SOURCE_API, True),
        (RUNNER_SOURCE_UNSPECIFIED, True),  # one that is tried, and not kept
        (RUNNER_SOURCE_FILE, False),
        (RUNNER_SOURCE_ENVIRONMENT, False),
    ],
)
def test_only_what_people_add_is_held_to_it(source: int, *, held: bool) -> None:
    spec = RunnerSpec(name="box", kind=RUNNER_KIND_OPENAI, addresses=["http://box/v1"])
    maker = Maker(Sealer(TextKey("x" * 32)), Defaults())
    runner = Runner(spec=spec, source=source)  # pyright: ignore[reportArgumentType] - a number will do
    assert (maker.recipe(Definition(runner=runner)).backend.reach is not None) is held
