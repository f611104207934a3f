"""POST /v1/chat/completions: starts a generation and tails its log, as a stream or as one answer. No second path.

An answer that is not kept ends when its client goes away; one that is (`store`) goes on, as any that a person asked for.
"""

from __future__ import annotations

import time
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from fireside.chat.ask import write_ask
from fireside.chat.fold import Fold
from fireside.chat.log import STARTED_SEQ
from fireside.chat.wire import events_of
from fireside.core.errors import FiresideError
from fireside.edge.openai.answers import (
    AnswerMessage,
    CalledFunction,
    ChatCompletion,
    Choice,
    ToolCall,
)
from fireside.edge.openai.asking import Asking
from fireside.edge.openai.call import RefusedError
from fireside.edge.openai.chunks import FINISHES, HEARTBEAT, Chunks, usage_of
from fireside.edge.openai.errors import INTERRUPTED, failed, refused
from fireside.edge.openai.requests import chat_requests, decode
from fireside.edge.plain import Reply
from fireside.gen.v1 import generation_pb2, message_pb2

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from fireside.chat.ask import Ask
    from fireside.chat.engine import Engine
    from fireside.chat.run import Run
    from fireside.chat.start import Opening, Start
    from fireside.core.principal import Principal
    from fireside.edge.openai.call import Call
    from fireside.store.tx import Tx

_EVENT_STREAM = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),  # nginx would hold tokens back
)
_JSON = ((b"content-type", b"application/json"),)
# White space may stand before JSON, so it can be written to see whether the client is still there.
_BLANK = b" "
_FOREVER = 3600.0


@dataclass(frozen=True, slots=True)
class _Wish:
    ask: Ask
    stream: bool
    include_usage: bool
    keep: bool


@dataclass(frozen=True, slots=True)
class _Answer:
    """A generation that was started here. `run` is None if it has ended already."""

    engine: Engine
    principal: Principal
    record: generation_pb2.Generation
    run: Run | None
    kept: bool

    def tail(self, heartbeat: float) -> AsyncGenerator[bytes]:
        """The log from its start."""
        if self.run is not None:
            return self.run.log.tail(0, heartbeat)
        return self.engine.watch(self.principal, self.record.id, 0, heartbeat)

    def leave(self) -> None:
        """Its client needs it no more."""
        if not self.kept and self.run is not None:
            self.run.stop(message_pb2.FINISH_REASON_STOPPED)

    @property
    def id_header(self) -> tuple[tuple[bytes, bytes], ...]:
        """The generation's id, for whoever looks for it in a log of their own."""
        return ((b"x-request-id", self.record.id.encode()),)


class ChatCompletions:
    """The handler."""

    def __init__(self, engine: Engine) -> None:
        """Raises UnknownRuleError."""
        self._engine = engine
        self._asking = Asking()

    async def serve(self, call: Call) -> None:
        """Answers a call. Raises FiresideError and RefusedError before the answer has begun."""
        await call.attended(self._answer(call, self._wish(call)))

    def _wish(self, call: Call) -> _Wish:
        """What of a request is needed while it is answered: neither its text nor its tree stays in memory for that."""
        request = decode(chat_requests, call.take_body())
        options = request.stream_options
        include_usage = options is not None and bool(options.include_usage)
        return _Wish(self._asking.ask(request), bool(request.stream), include_usage, bool(request.store))

    async def _answer(self, call: Call, wish: _Wish) -> None:
        answer = await self._start(call.principal, wish.ask, keep=wish.keep)
        try:
            if wish.stream:
                await _stream(call, answer, include_usage=wish.include_usage)
            else:
                await _whole(call, answer)
        finally:
            answer.leave()

    async def _start(self, principal: Principal, ask: Ask, *, keep: bool) -> _Answer:
        if not keep:
            run = await self._engine.start_transient(principal, ask)
            return _Answer(self._engine, principal, run.record, run, kept=False)

        async def body(tx: Tx, opening: Opening) -> tuple[Start, None]:
            return await write_ask(tx, ask, opening), None

        record, _ = await self._engine.start_with(principal, ask.spec, body)
        return _Answer(self._engine, principal, record, self._engine.live(principal, record.id), kept=True)


async def _stream(call: Call, answer: _Answer, *, include_usage: bool) -> None:
    """Nothing is sent before the first token or the first heartbeat, so that a failure until then has a status."""
    chunks = Chunks(answer.record.id, answer.record.model, include_usage=include_usage)
    headers = _EVENT_STREAM + answer.id_header
    quiet_until = time.monotonic() + call.quiet
    try:
        async with aclosing(answer.tail(call.heartbeat)) as tail:
            async for payload in tail:
                data = chunks.feed(payload)
                if data:
                    await call.write(data, headers)
                elif chunks.ended is None and time.monotonic() >= quiet_until:
                    await call.write(HEARTBEAT, headers)
        await call.write(chunks.finish(_finish(chunks.ended)), headers)
    except (FiresideError, RefusedError) as error:
        if not call.opened:
            raise
        what = error.refused if isinstance(error, RefusedError) else refused(error)
        await call.end(what.event())
        return
    await call.end()


async def _whole(call: Call, answer: _Answer) -> None:
    headers = _JSON + answer.id_header
    if answer.run is None:
        message, ended = await _read(answer)
    else:
        log = answer.run.log
        quiet_until = time.monotonic() + call.quiet
        while not await call.waited_for(answer.run.task):
            # What has begun to answer will most likely end well, so its status can go out.
            if call.http1 and log.last_seq > STARTED_SEQ and time.monotonic() >= quiet_until:
                await call.write(_BLANK, headers)
        log.finished(log.last_seq)  # raises if the end could not be stored
        message, ended = log.fold.message(), answer.run.ending
    body = msgspec.json.encode(_completion(answer.record, message, ended))
    if call.opened:
        await call.end(body)
    else:
        await call.reply(Reply(200, body, "application/json", answer.id_header))


async def _read(answer: _Answer) -> tuple[message_pb2.Message, generation_pb2.Ended]:
    """A log that has ended already."""
    fold, ended = Fold(), generation_pb2.Ended()
    async with aclosing(answer.tail(_FOREVER)) as tail:
        async for payload in tail:
            for event in events_of(payload):
                if fold.apply(event) and event.HasField("ended"):
                    ended = event.ended
    return fold.message(), ended


def _finish(ended: generation_pb2.Ended | None) -> str:
    """Why the answer ended, in OpenAI's words. Raises RefusedError for one that failed."""
    if ended is None or ended.finish_reason == message_pb2.FINISH_REASON_INTERRUPTED:
        raise RefusedError(INTERRUPTED)
    if ended.finish_reason == message_pb2.FINISH_REASON_FAILED:
        raise RefusedError(failed(ended.error))
    return FINISHES.get(ended.finish_reason, "stop")


def _completion(
    record: generation_pb2.Generation, message: message_pb2.Message, ended: generation_pb2.Ended
) -> ChatCompletion:
    """Raises RefusedError for an answer that failed."""
    finish = _finish(ended)
    calls = [
        ToolCall(part.tool_call.id, CalledFunction(part.tool_call.name, part.tool_call.arguments))
        for part in message.parts
        if part.HasField("tool_call")
    ]
    text = "".join(part.text.text for part in message.parts)
    said = AnswerMessage(
        content=text if text or not calls else None,
        reasoning_content="".join(part.reasoning.text for part in message.parts) or msgspec.UNSET,
        tool_calls=calls or msgspec.UNSET,
    )
    created, model = record.create_time.seconds, ended.model or record.model
    return ChatCompletion(record.id, created, model, [Choice(said, finish)], usage_of(ended.usage))
