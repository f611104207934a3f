"""`fireside worker` as people run it, and the runner of workers against it: killed, stopped, several of them, TLS."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path

import pytest

from fireside.core.errors import FiresideError
from fireside.runners.base import BackendOptions, Delta, GenerateRequest, Text
from fireside.runners.worker.runner import WorkerRunner
from tests.contracts.test_runner_worker import ask, collect, connected, refused, text_of
from tests.server_process import fireside
from tests.worker_process import WorkerProcess, worker_process


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[WorkerProcess]:
    with worker_process(tmp_path) as process:
        yield process


async def until_it_breaks(runner: WorkerRunner, request: GenerateRequest, begun: asyncio.Event) -> FiresideError:
    """Reads an answer that fails; sets `begun` at its first text."""
    try:
        async with aclosing(runner.generate(request)) as deltas:
            async for delta in deltas:
                if isinstance(delta, Text):
                    begun.set()
    except FiresideError as error:
        return error
    pytest.fail("the answer ended as if all were well")


async def test_a_worker_that_is_killed_in_mid_answer_is_noticed(worker: WorkerProcess) -> None:
    async with connected(worker.address) as runner, asyncio.timeout(50):
        begun = asyncio.Event()
        reading = asyncio.create_task(until_it_breaks(runner, ask("tokens=100000,pace=5ms"), begun))
        await begun.wait()
        worker.kill()
        assert (await reading).reason == "RUNNER_DIED"
        assert (await refused(runner, ask("tokens=1"))).reason == "RUNNER_UNAVAILABLE"


async def test_a_worker_that_comes_back_is_used_again(tmp_path: Path) -> None:
    with worker_process(tmp_path) as first:
        port = str(first.port)
        async with connected(first.address) as runner, asyncio.timeout(55):
            await collect(runner, ask("tokens=1"))
            first.kill()
            with worker_process(tmp_path, "--port", port):
                while (await runner.info()).problem:  # noqa: ASYNC110 - grpcio tells nobody that it has connected
                    await asyncio.sleep(0)
                assert text_of(await collect(runner, ask("tokens=2"))) == "baban ceban "


async def test_sessions_stay_with_a_worker_and_move_when_it_dies(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    with worker_process(tmp_path / "one") as one, worker_process(tmp_path / "two") as two:
        async with connected(one.address, two.address) as runner, asyncio.timeout(50):
            begun = {session: asyncio.Event() for session in map(str, range(24))}
            reading = {
                session: asyncio.create_task(
                    until_it_breaks(runner, ask("tokens=100000,pace=5ms", session), begun[session])
                )
                for session in begun
            }
            await asyncio.gather(*(event.wait() for event in begun.values()))
            one.kill()
            broken, _ = await asyncio.wait(reading.values(), return_when=asyncio.FIRST_COMPLETED)
            assert {task.result().reason for task in broken} == {"RUNNER_DIED"}
            # Every session has an answer now, those of the dead worker from the other one.
            for session in begun:
                assert text_of(await collect(runner, ask("tokens=2", session))) == "baban ceban "
            info = await runner.info()
            assert info.problem == ""
            assert "1 of 2" in info.version
            for task in reading.values():
                task.cancel()
            await asyncio.wait(reading.values())


async def test_it_stops_when_told_and_lets_an_answer_end(worker: WorkerProcess) -> None:
    async with connected(worker.address) as runner:
        begun = asyncio.Event()

        async def read() -> list[Delta]:
            got: list[Delta] = []
            async with aclosing(runner.generate(ask("tokens=40,pace=10ms"))) as deltas:
                async for delta in deltas:
                    got.append(delta)
                    begun.set()
            return got

        reading = asyncio.create_task(read())
        async with asyncio.timeout(50):
            await begun.wait()
            code, out, _ = await asyncio.to_thread(worker.end)
            assert len(text_of(await reading).split()) == 40
    assert code == 0
    assert worker.address in out


async def test_an_answer_without_end_is_cut_off_when_it_stops(worker: WorkerProcess) -> None:
    async with connected(worker.address) as runner, asyncio.timeout(50):
        begun = asyncio.Event()
        reading = asyncio.create_task(until_it_breaks(runner, ask("tokens=2,hang=after:1"), begun))
        await begun.wait()
        code, _, _ = await asyncio.to_thread(worker.end)
        assert code == 0
        assert (await reading).reason == "RUNNER_DIED"


async def test_it_speaks_tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with worker_process(tmp_path, "--tls", "auto", token="secret") as worker:
        assert worker.address.startswith("grpcs://")
        async with connected(worker.address, secret="secret") as stranger:
            assert (await refused(stranger, ask("tokens=1"))).reason == "RUNNER_UNAVAILABLE"
        authority = tmp_path / "data" / "tls" / "ca.pem"
        monkeypatch.setenv("SSL_CERT_FILE", str(authority))
        async with connected(worker.address, secret="secret") as runner:
            assert text_of(await collect(runner, ask("tokens=2"))) == "baban ceban "


def test_it_warns_of_an_open_door(tmp_path: Path) -> None:
    with worker_process(tmp_path, "--host", "0.0.0.0") as worker:  # noqa: S104 - that is what the warning is about
        _, _, err = worker.end()
    assert "EVERYONE who reaches it can use" in err
    assert "without TLS" in err
    with worker_process(tmp_path, "--host", "0.0.0.0", token="secret") as worker:  # noqa: S104 - the same
        _, _, err = worker.end()
    assert "EVERYONE" not in err
    assert "secret" not in err


def test_a_wrong_setting_is_told(tmp_path: Path) -> None:
    code, _, err = fireside(tmp_path, "worker", "--port", "many")
    assert code == 2
    assert "port = 'many'" in err


@pytest.mark.skipif(sys.platform == "win32", reason="there is no uvloop for it")
def test_the_runner_works_under_uvloop(worker: WorkerProcess) -> None:
    import uvloop

    async def several() -> list[str]:
        runner = WorkerRunner(BackendOptions(name="far", addresses=(worker.address,)))
        found = await asyncio.gather(*(collect(runner, ask("tokens=50,pace=2ms", str(n))) for n in range(20)))
        await runner.aclose()
        return [text_of(deltas) for deltas in found]

    texts = uvloop.run(several())
    assert len(set(texts)) == 1
    assert len(texts[0].split()) == 50
