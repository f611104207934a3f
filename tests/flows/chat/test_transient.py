"""Answers that are not kept: the same run and log as any other, and no trace in the store or the account's feed."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest

from fireside.chat.ask import Ask, transient_start, write_ask
from fireside.chat.start import Opening, Start
from fireside.chat.wire import events_of
from fireside.core.errors import NotFoundError, ResourceExhaustedError, UnavailableError
from fireside.core.principal import LOCAL, Principal
from fireside.gen.v1 import generation_pb2, message_pb2
from fireside.store.tx import Tx
from tests.rig import Rig, folded, new_uuid, text_of, text_part


def ask(model: str, *texts: str, title: str = "") -> Ask:
    """A history of user and assistant messages in turn, from a user on."""
    roles = (message_pb2.ROLE_USER, message_pb2.ROLE_ASSISTANT)
    history = tuple(
        message_pb2.Message(role=roles[index % 2], parts=[text_part(text)])
        for index, text in enumerate(texts or ("hello",))
    )
    spec = generation_pb2.GenerationSpec(generation_id=new_uuid(), model=f"scripted/{model}")
    return Ask(spec, history, title)


async def test_it_is_streamed_and_leaves_nothing(rig: Rig) -> None:
    run = await rig.engine.start_transient(LOCAL, ask("tokens=70"))
    async with asyncio.timeout(30), aclosing(run.log.tail(0, 60.0)) as tail:
        payload = b"".join([piece async for piece in tail])
    message = folded(payload)
    assert len(text_of(message).split()) == 70
    assert message.finish_reason == message_pb2.FINISH_REASON_COMPLETE
    assert [event.seq for event in events_of(payload)] == list(range(1, 73))
    assert run.record.usage.completion_tokens == 70
    page = await rig.conversations.page(LOCAL, query="", page_size=0, page_token="")
    assert not page[0]
    with pytest.raises(NotFoundError):
        await rig.engine.get(LOCAL, run.record.id)


async def test_it_is_found_by_its_account_and_stopped_while_it_runs(rig: Rig) -> None:
    run = await rig.engine.start_transient(LOCAL, ask("hang=after:3"))
    _, last = await rig.read_until(run.record.id, 4)
    assert last == 4
    assert (await rig.engine.get(LOCAL, run.record.id)).state == generation_pb2.GENERATION_STATE_RUNNING
    with pytest.raises(NotFoundError):
        await rig.engine.stop(Principal("other"), run.record.id)
    record = await rig.engine.stop(LOCAL, run.record.id)
    assert record.finish_reason == message_pb2.FINISH_REASON_STOPPED
    assert run.log.ended


async def test_those_who_follow_all_answers_do_not_get_it(rig: Rig) -> None:
    class Listener:
        started = 0

        def on_start(self, _run: object) -> None:
            self.started += 1

    listener = Listener()
    rig.engine.listen(LOCAL, listener)
    await rig.engine.start_transient(LOCAL, ask("hang=start"))
    assert listener.started == 0
    assert rig.engine.live_in(LOCAL, "") == []


async def test_more_events_than_are_reserved_need_no_store(rig: Rig) -> None:
    run = await rig.engine.start_transient(LOCAL, ask("tokens=70000"))
    async with asyncio.timeout(30), aclosing(run.log.tail(0, 60.0)) as tail:
        assert sum([len(events_of(piece)) async for piece in tail]) == 70_002


@pytest.mark.parametrize(("model", "error"), [("queue=full", ResourceExhaustedError), ("no script", NotFoundError)])
async def test_a_model_that_cannot_take_it_refuses(rig: Rig, model: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        await rig.engine.start_transient(LOCAL, ask(model))


async def test_a_drain_ends_it_and_refuses_more(rig: Rig) -> None:
    run = await rig.engine.start_transient(LOCAL, ask("hang=after:1"))
    await rig.engine.drain(0.0)
    assert run.record.finish_reason == message_pb2.FINISH_REASON_INTERRUPTED
    with pytest.raises(UnavailableError):
        await rig.engine.start_transient(LOCAL, ask("echo"))


async def test_one_that_is_kept_is_a_conversation_with_its_whole_history(rig: Rig) -> None:
    asked = ask("tokens=5", "What is fire?", "Heat and light.", "And a fireside?")

    async def body(tx: Tx, opening: Opening) -> tuple[Start, None]:
        return await write_ask(tx, asked, opening), None

    record, _ = await rig.engine.start_with(LOCAL, asked.spec, body)
    await rig.read(record.id)
    branch = await rig.branch(record.conversation_id)
    assert [message.role for message in branch] == [
        message_pb2.ROLE_USER, message_pb2.ROLE_ASSISTANT, message_pb2.ROLE_USER, message_pb2.ROLE_ASSISTANT,
    ]  # fmt: skip
    assert [text_of(message) for message in branch[:3]] == ["What is fire?", "Heat and light.", "And a fireside?"]
    assert len(text_of(branch[-1]).split()) == 5
    conversation = await rig.conversations.get(LOCAL, record.conversation_id)
    assert (conversation.title, conversation.model) == ("What is fire?", "scripted/tokens=5")
    assert record.id == asked.spec.generation_id


def test_requests_of_one_talk_are_one_session() -> None:
    """So that a runner finds its cache of the prompt again."""
    sessions = [transient_start(ask("echo", *said), "m")[0].session for said in (["a"], ["a", "b", "c"], ["c", "b"])]
    assert sessions[0] == sessions[1] != sessions[2]


async def test_a_title_that_is_given_is_taken(rig: Rig) -> None:
    asked = ask("tokens=1", title="Nightly report")

    async def body(tx: Tx, opening: Opening) -> tuple[Start, None]:
        return await write_ask(tx, asked, opening), None

    record, _ = await rig.engine.start_with(LOCAL, asked.spec, body)
    assert (await rig.conversations.get(LOCAL, record.conversation_id)).title == "Nightly report"
