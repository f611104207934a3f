"""kill -9 in mid-answer: what was acknowledged is there, the answer ends as interrupted, and the numbers stay honest."""

from __future__ import annotations

import asyncio
import base64
import sys
from pathlib import Path

import pytest

from fireside.chat.wire import events_of
from fireside.core.principal import LOCAL
from fireside.gen.v1 import generation_pb2, message_pb2
from fireside.store.db import open_database
from tests.rig import folded, open_rig, resume_answer, send, text_of

ROOT = Path(__file__).parents[3]


async def run_and_kill(url: str, spec: generation_pb2.GenerationSpec, last: int) -> int:
    """Lets a child run the generation, kills it once it has shown event `last`; the number it showed last."""
    encoded = base64.b64encode(spec.SerializeToString()).decode()
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.crash_child", url, encoded, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    shown = 0
    try:
        if child.stdout is None:
            pytest.fail("the child has no output")
        async with asyncio.timeout(60):
            assert (await child.stdout.readline()).strip() == b"accepted"
            while shown < last:
                shown = int(await child.stdout.readline())
            child.kill()
            rest = (await child.stdout.read()).split(b"\n")[:-1]
        return int(rest[-1]) if rest else shown
    finally:
        if child.returncode is None:
            child.kill()
        await child.wait()


@pytest.mark.parametrize("last", [1, 7, 400])
async def test_a_killed_answer_is_interrupted_and_its_readers_are_reset(tmp_path: Path, last: int) -> None:
    url = f"sqlite://{tmp_path}/fireside.db"
    spec = send("tokens=100000,pace=5ms", "before the crash")
    shown = await run_and_kill(url, spec, last)
    db = await open_database(url)
    async with open_rig(db) as rig:
        question, answer = await rig.branch(spec.conversation_id)
        assert text_of(question) == "before the crash"
        assert answer.finish_reason == message_pb2.FINISH_REASON_INTERRUPTED
        # The promise is 100 ms; a second of tokens is what a very busy machine may make of it.
        assert len(text_of(answer).split()) >= shown - 1 - 200
        whole = "".join(text_of(answer))
        everything = events_of(await rig.read(spec.generation_id))
        assert [event.WhichOneof("kind") for event in everything][-2:] == ["reset", "ended"]
        assert everything[-2].seq > shown
        for seen in {0, 1, shown // 2, shown - 1, shown}:
            events = events_of(await rig.read(spec.generation_id, seen))
            assert events[-2].HasField("reset")
            assert text_of(events[-2].reset.message) == whole
            stored = [event.seq for event in events[:-2]]
            assert stored == list(range(seen + 1, seen + 1 + len(stored)))
            assert events[-2].seq > shown
        assert text_of(folded(await rig.read(spec.generation_id))) == whole
        more = await rig.chat(resume_answer("tokens=100010,limit", spec.conversation_id, spec.answer_id))
        assert text_of(more).startswith(whole)
    await db.close()


async def test_a_finished_answer_survives_a_kill(tmp_path: Path) -> None:
    url = f"sqlite://{tmp_path}/fireside.db"
    spec = send("tokens=40,pace=1ms")
    shown = await run_and_kill(url, spec, 42)
    db = await open_database(url)
    async with open_rig(db) as rig:
        record = await rig.engine.get(LOCAL, spec.generation_id)
        assert record.finish_reason == message_pb2.FINISH_REASON_COMPLETE
        assert record.last_seq == shown == 42
        assert len(text_of((await rig.branch(spec.conversation_id))[-1]).split()) == 40
    await db.close()
