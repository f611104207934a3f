"""The life of one generation: pulls the runner, writes the log, ends in one transaction. Owned by the engine.

Cancelling the task is how it is stopped; what it ends as was said before in `Run.ending`.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fireside.chat.briefing import Brief, brief_model
from fireside.chat.ending import end_live
from fireside.core.errors import DeadlineExceededError, FiresideError, ResourceExhaustedError, UnavailableError
from fireside.gen.v1 import generation_pb2, message_pb2, share_pb2
from fireside.runners.base import Activity, Finish, Finished, Reasoning, StandIn, Text, WholePart

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fireside.chat.ending import Desk
    from fireside.chat.log import LiveLog, LogBook
    from fireside.runners.base import GenerateRequest
    from fireside.runners.route import Route

logger = logging.getLogger(__name__)

_PHASES = {
    Activity.QUEUED: generation_pb2.PHASE_QUEUED,
    Activity.LOADING: generation_pb2.PHASE_LOADING,
    Activity.PREFILLING: generation_pb2.PHASE_PREFILLING,
}
_REASONS = {
    Finish.COMPLETE: message_pb2.FINISH_REASON_COMPLETE,
    Finish.LENGTH: message_pb2.FINISH_REASON_LENGTH,
    Finish.TOOL_CALLS: message_pb2.FINISH_REASON_TOOL_CALLS,
}
# A union would be built anew for each token.
_WRITING = (Text, Reasoning)
_RETRYABLE = (UnavailableError, ResourceExhaustedError, DeadlineExceededError)


@dataclass(slots=True, eq=False)
class Run:
    """A generation that this process writes. `ending` is set by whoever cancels `task`."""

    record: generation_pb2.Generation
    owner: str
    log: LiveLog
    # Who asked, and whose use it is; the owner is whose conversation it is.
    sender: str = ""
    # Those who have access besides the owner, with what they may do. Kept up to date by guests.py.
    audience: Mapping[str, int] = field(default_factory=dict[str, int])
    ending: generation_pb2.Ended = field(default_factory=generation_pb2.Ended)
    task: asyncio.Task[None] | None = None
    pulling: bool = False
    # The model that writes, when another one stands in for the one that was asked.
    stand_in: str = ""

    def role_of(self, account_id: str) -> int:
        """What an account may do with it: a number of ShareRole, 0 for nothing."""
        return share_pb2.SHARE_ROLE_OWNER if account_id == self.owner else self.audience.get(account_id, 0)

    def stop(self, reason: message_pb2.FinishReason) -> None:
        """Cancels the run, once; it ends with `reason`. The end is there when `task` is done."""
        if self.ending.finish_reason:
            return
        self.ending.finish_reason = reason
        # A task that is cancelled before its first step would never come to write its end.
        if self.pulling and self.task is not None:
            self.task.cancel()


async def run_generation(run: Run, desk: Desk, route: Route, task: GenerateRequest | Brief) -> None:
    """Runs to the end, whatever the end is. A Brief is made a request first. Raises only what the store raises when the end cannot be written."""
    try:
        run.pulling = True
        ended = run.ending if run.ending.finish_reason else await _pull(run, desk.book, route, task)
    except asyncio.CancelledError:
        if not run.ending.finish_reason:
            raise
        _uncancel()
        ended = run.ending
    except FiresideError as error:
        retryable = isinstance(error, _RETRYABLE)
        failure = message_pb2.Failure(reason=error.reason, message=error.message, retryable=retryable)
        ended = generation_pb2.Ended(finish_reason=message_pb2.FINISH_REASON_FAILED, error=failure)
        # What it came through may hold it in a variable: a circle, with the whole request in it, until it is collected.
        error.__traceback__ = None
    except Exception:
        logger.exception("Generation %s failed", run.record.id)
        failure = message_pb2.Failure(
            reason="RUNNER_DEFECT", message="The model's runner failed in an unexpected way; the server's log has the details.",
            retryable=True,
        )  # fmt: skip
        ended = generation_pb2.Ended(finish_reason=message_pb2.FINISH_REASON_FAILED, error=failure)
    # From here on a stop comes too late: the end is decided and must be written. No await lies between.
    run.ending = ended
    ended.model = run.stand_in
    await end_live(run.record, run.owner, run.log, ended, desk)


def _uncancel() -> None:
    task = asyncio.current_task()
    while task is not None and task.cancelling():
        task.uncancel()


async def _pull(run: Run, book: LogBook, route: Route, task: GenerateRequest | Brief) -> generation_pb2.Ended:
    log = run.log
    request = await brief_model(task, route, log, book) if isinstance(task, Brief) else task
    async with aclosing(route.generate(request)) as deltas:
        async for delta in deltas:
            if isinstance(delta, _WRITING):
                if delta.text:
                    if log.full:
                        await book.reserve(log)
                    book.append_text(log, delta.text, reasoning=type(delta) is Reasoning)
            elif isinstance(delta, WholePart):
                if log.full:
                    await book.reserve(log)
                change = generation_pb2.Delta(part_index=log.fold.part_count(), part=delta.part)
                book.append(log, generation_pb2.Event(delta=change))
            elif isinstance(delta, Finished):
                return _ended(delta)
            elif isinstance(delta, StandIn):
                run.stand_in = delta.model
            else:
                log.show_activity(_PHASES[delta.activity], delta.queue_position)
    failure = message_pb2.Failure(
        reason="ANSWER_INCOMPLETE", message="The model's connection closed before its answer ended; continue it or try again.",
        retryable=True,
    )  # fmt: skip
    return generation_pb2.Ended(finish_reason=message_pb2.FINISH_REASON_FAILED, error=failure)


def _ended(delta: Finished) -> generation_pb2.Ended:
    usage = message_pb2.Usage(
        prompt_tokens=delta.prompt_tokens, completion_tokens=delta.completion_tokens, cached_tokens=delta.cached_tokens
    )
    return generation_pb2.Ended(finish_reason=_REASONS[delta.finish], usage=usage)
