"""Generations from start to end over a real store: what is streamed, what is kept, and who may see it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from fireside.chat.conversations import Change, Edit
from fireside.chat.wire import events_of
from fireside.core.errors import (
    AbortedError,
    AlreadyExistsError,
    FailedPreconditionError,
    NotFoundError,
    OutOfRangeError,
    UnavailableError,
)
from fireside.core.principal import LOCAL, Principal
from fireside.gen.v1 import generation_pb2, message_pb2
from tests.rig import Rig, folded, new_uuid, regenerate, resume_answer, send, text_of, text_part


async def test_an_answer_is_streamed_and_kept(rig: Rig) -> None:
    spec = send("tokens=12,pace=1ms", "Tell me of fire")
    record = await rig.engine.start(LOCAL, spec)
    payload = await rig.read(record.id)
    events = events_of(payload)
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert events[0].WhichOneof("kind") == "started"
    assert events[-1].ended.finish_reason == message_pb2.FINISH_REASON_COMPLETE
    assert events[-1].ended.usage.completion_tokens == 12
    question, answer = await rig.branch(spec.conversation_id)
    assert text_of(question) == "Tell me of fire"
    streamed = folded(payload)
    streamed.sibling_ids.extend(answer.sibling_ids)
    assert answer == streamed
    assert (await rig.conversations.get(LOCAL, spec.conversation_id)).title == "Tell me of fire"
    ended = await rig.engine.get(LOCAL, record.id)
    assert ended.state == generation_pb2.GENERATION_STATE_ENDED
    assert ended.last_seq == events[-1].seq


async def test_reading_again_gives_the_same_bytes(rig: Rig) -> None:
    record = await rig.engine.start(LOCAL, send("tokens=50,pace=1ms"))
    live = await rig.read(record.id)
    assert await rig.read(record.id) == live
    assert await rig.read(record.id, events_of(live)[-1].seq) == b""


async def test_starting_the_same_twice_is_the_same_generation(rig: Rig) -> None:
    spec = send("tokens=8,pace=1ms")
    first, second = await asyncio.gather(rig.engine.start(LOCAL, spec), rig.engine.start(LOCAL, spec))
    assert first.id == second.id == spec.generation_id
    await rig.read(first.id)
    again = await rig.engine.start(LOCAL, spec)
    assert again.state == generation_pb2.GENERATION_STATE_ENDED
    assert len(await rig.branch(spec.conversation_id)) == 2
    other = generation_pb2.GenerationSpec()
    other.CopyFrom(spec)
    other.send.parts[0].text.text = "something else"
    with pytest.raises(AlreadyExistsError):
        await rig.engine.start(LOCAL, other)


async def test_a_stop_is_an_end_and_keeps_the_text(rig: Rig) -> None:
    spec = send("tokens=100000,pace=1ms")
    record = await rig.engine.start(LOCAL, spec)
    await rig.read_until(record.id, 5)
    stopped = await rig.engine.stop(LOCAL, record.id)
    assert stopped.finish_reason == message_pb2.FINISH_REASON_STOPPED
    streamed = folded(await rig.read(record.id))
    answer = (await rig.branch(spec.conversation_id))[-1]
    assert text_of(answer) == text_of(streamed) != ""
    assert answer.finish_reason == message_pb2.FINISH_REASON_STOPPED
    assert (await rig.engine.stop(LOCAL, record.id)) == stopped


async def test_a_hung_runner_can_be_stopped(rig: Rig) -> None:
    record = await rig.engine.start(LOCAL, send("tokens=8,hang=after:3,pace=1ms"))
    await rig.read_until(record.id, 4)
    async with asyncio.timeout(2):
        stopped = await rig.engine.stop(LOCAL, record.id)
    assert stopped.finish_reason == message_pb2.FINISH_REASON_STOPPED


async def test_a_failure_is_an_end_with_its_reason(rig: Rig) -> None:
    spec = send("tokens=8,fail=after:3,pace=1ms")
    answer = await rig.chat(spec)
    assert answer.finish_reason == message_pb2.FINISH_REASON_FAILED
    assert answer.error.reason
    assert answer.error.message
    assert text_of(answer)


async def test_a_cut_off_answer_is_continued_in_place(rig: Rig) -> None:
    spec = send("tokens=6,limit,pace=1ms")
    first = await rig.chat(spec)
    assert first.finish_reason == message_pb2.FINISH_REASON_LENGTH
    more = await rig.chat(resume_answer("tokens=12,pace=1ms", spec.conversation_id, first.id))
    assert more.id == first.id
    assert more.finish_reason == message_pb2.FINISH_REASON_COMPLETE
    assert text_of(more).startswith(text_of(first))
    assert len(text_of(more)) > len(text_of(first))
    with pytest.raises(FailedPreconditionError):
        await rig.engine.start(LOCAL, resume_answer("tokens=1", spec.conversation_id, first.id))


async def test_regenerating_makes_siblings_and_a_branch_can_be_chosen(rig: Rig) -> None:
    spec = send("tokens=3,pace=1ms")
    first = await rig.chat(spec)
    second = await rig.chat(regenerate("tokens=4,pace=1ms", first.id))
    third = await rig.chat(regenerate("tokens=5,pace=1ms", first.parent_id))
    assert list(third.sibling_ids) == [first.id, second.id, third.id]
    follow_up = await rig.chat(send("echo", "and then?", spec.conversation_id, third.id))
    await rig.conversations.select_branch(LOCAL, first.id, Change())
    assert (await rig.branch(spec.conversation_id))[-1].id == first.id
    chosen = await rig.conversations.select_branch(LOCAL, third.id, Change())
    assert chosen.head_message_id == follow_up.id


async def test_an_edit_is_a_branch_with_an_answer(rig: Rig) -> None:
    spec = send("echo", "one")
    await rig.chat(spec)
    question = (await rig.branch(spec.conversation_id))[0]
    answer_spec = generation_pb2.GenerationSpec(generation_id=new_uuid(), answer_id=new_uuid(), model="scripted/echo")
    edit = Edit(question.id, new_uuid(), (text_part("two"),), Change(etag=question.etag), answer_spec)
    message, generation = await rig.conversations.edit(LOCAL, edit)
    assert generation is not None
    await rig.read(generation.id)
    again, same = await rig.conversations.edit(LOCAL, edit)
    assert (again.id, same and same.id) == (message.id, generation.id)
    branch = await rig.branch(spec.conversation_id)
    assert [text_of(item) for item in branch] == ["two", "two"]
    assert list(branch[0].sibling_ids) == [question.id, message.id]


async def test_an_edit_without_an_answer_is_done_once(rig: Rig) -> None:
    spec = send("echo", "one")
    await rig.chat(spec)
    question, answer = await rig.branch(spec.conversation_id)
    edit = Edit(question.id, new_uuid(), (text_part("two"),), Change(request_id=new_uuid()))
    first, _ = await rig.conversations.edit(LOCAL, edit)
    again, _ = await rig.conversations.edit(LOCAL, edit)
    assert first == again
    assert [text_of(item) for item in await rig.branch(spec.conversation_id)] == ["two"]
    with pytest.raises(AbortedError):
        await rig.conversations.edit(LOCAL, Edit(question.id, new_uuid(), (text_part("x"),), Change(etag="stale")))
    with pytest.raises(FailedPreconditionError):
        await rig.conversations.edit(LOCAL, Edit(answer.id, new_uuid(), (text_part("x"),)))


async def test_a_question_to_a_running_answer_has_to_wait(rig: Rig) -> None:
    spec = send("tokens=3,hang=after:1")
    await rig.engine.start(LOCAL, spec)
    with pytest.raises(FailedPreconditionError):
        await rig.engine.start(LOCAL, send("echo", "more", spec.conversation_id, spec.answer_id))


async def test_deleting_stops_and_hides_and_undeleting_brings_back(rig: Rig) -> None:
    spec = send("tokens=3,hang=after:1")
    record = await rig.engine.start(LOCAL, spec)
    with pytest.raises(AbortedError):
        await rig.conversations.delete(LOCAL, spec.conversation_id, Change(etag="stale"))
    assert (await rig.engine.get(LOCAL, record.id)).state == generation_pb2.GENERATION_STATE_RUNNING
    await rig.conversations.delete(LOCAL, spec.conversation_id, Change(request_id=new_uuid()))
    assert (await rig.engine.get(LOCAL, record.id)).state == generation_pb2.GENERATION_STATE_ENDED
    with pytest.raises(NotFoundError):
        await rig.branch(spec.conversation_id)
    with pytest.raises(NotFoundError):
        await rig.engine.start(LOCAL, send("echo", "x", spec.conversation_id))
    await rig.conversations.undelete(LOCAL, spec.conversation_id, Change())
    assert len(await rig.branch(spec.conversation_id)) == 2


async def test_a_position_that_never_was_is_out_of_range(rig: Rig) -> None:
    record = await rig.engine.start(LOCAL, send("tokens=3,pace=1ms"))
    last = events_of(await rig.read(record.id))[-1].seq
    with pytest.raises(OutOfRangeError):
        await rig.read(record.id, last + 1)


async def test_what_is_wrong_is_refused_and_leaves_nothing(rig: Rig) -> None:
    wrong_model = send("echo")
    wrong_model.model = "nobody/nothing"
    with pytest.raises(NotFoundError):
        await rig.engine.start(LOCAL, wrong_model)
    with pytest.raises(NotFoundError):
        await rig.conversations.get(LOCAL, wrong_model.conversation_id)
    with pytest.raises(NotFoundError):
        await rig.engine.start(LOCAL, send("echo", "x", parent=new_uuid()))


async def test_drain_ends_what_runs_with_its_text_and_refuses_more(rig: Rig) -> None:
    spec = send("tokens=100000,pace=1ms")
    record = await rig.engine.start(LOCAL, spec)
    seen, _ = await rig.read_until(record.id, 5)
    await rig.engine.drain(0.0)
    assert (await rig.engine.get(LOCAL, record.id)).finish_reason == message_pb2.FINISH_REASON_INTERRUPTED
    assert text_of((await rig.branch(spec.conversation_id))[-1]).startswith(text_of(folded(seen)))
    with pytest.raises(UnavailableError):
        await rig.engine.start(LOCAL, send("echo"))


STRANGER = Principal(id="stranger")


async def test_nothing_of_another_account_is_found(rig: Rig) -> None:
    spec = send("tokens=3,pace=1ms")
    record = await rig.engine.start(LOCAL, spec)
    await rig.read(record.id)
    question, answer = await rig.branch(spec.conversation_id)
    conversation = spec.conversation_id
    edit = Edit(question.id, new_uuid(), (text_part("x"),))
    attempts: list[Callable[[], Awaitable[object]]] = [
        lambda: rig.engine.get(STRANGER, record.id),
        lambda: rig.engine.stop(STRANGER, record.id),
        lambda: rig.read(record.id, principal=STRANGER),
        lambda: rig.engine.start(STRANGER, send("echo", "x", conversation, answer.id)),
        lambda: rig.engine.start(STRANGER, regenerate("echo", answer.id)),
        lambda: rig.engine.start(STRANGER, resume_answer("echo", conversation, answer.id)),
        lambda: rig.conversations.get(STRANGER, conversation),
        lambda: rig.branch(conversation, STRANGER),
        lambda: rig.conversations.rename(STRANGER, conversation, "mine", Change()),
        lambda: rig.conversations.delete(STRANGER, conversation, Change()),
        lambda: rig.conversations.undelete(STRANGER, conversation, Change()),
        lambda: rig.conversations.select_branch(STRANGER, answer.id, Change()),
        lambda: rig.conversations.edit(STRANGER, edit),
    ]
    for attempt in attempts:
        with pytest.raises(NotFoundError):
            await attempt()
    found, _ = await rig.conversations.page(STRANGER, query="", page_size=0, page_token="")
    assert found == []
    with pytest.raises(AlreadyExistsError):
        await rig.conversations.create(STRANGER, conversation, "", "", "")


@pytest.mark.parametrize("turns", range(6))
async def test_a_caller_who_goes_away_while_starting_leaves_a_generation_that_runs(rig: Rig, turns: int) -> None:
    """A page that is reloaded right after sending: what was stored is also run."""
    spec = send("tokens=5,pace=1ms")
    starting = asyncio.create_task(rig.engine.start(LOCAL, spec))
    for _ in range(turns):
        await asyncio.sleep(0)
    starting.cancel()
    await asyncio.wait([starting])
    if turns == 0:
        with pytest.raises(NotFoundError):
            await rig.engine.get(LOCAL, spec.generation_id)
        return
    await rig.engine.start(LOCAL, spec)
    async with asyncio.timeout(5):
        events = events_of(await rig.read(spec.generation_id))
    assert events[-1].ended.finish_reason == message_pb2.FINISH_REASON_COMPLETE
