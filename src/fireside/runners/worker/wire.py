"""fireside.worker.v1 and the seam's own types, into each other, both ways. Does no I/O."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from fireside.gen.v1 import generation_pb2, message_pb2
from fireside.gen.worker.v1 import worker_service_pb2 as pb
from fireside.runners.base import (
    Activity,
    Finish,
    Finished,
    GenerateRequest,
    Progress,
    Reasoning,
    Text,
    WholePart,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fireside.runners.base import Delta

_PHASES = {
    Activity.QUEUED: generation_pb2.PHASE_QUEUED,
    Activity.LOADING: generation_pb2.PHASE_LOADING,
    Activity.PREFILLING: generation_pb2.PHASE_PREFILLING,
}
_ACTIVITIES = {phase: activity for activity, phase in _PHASES.items()}
_REASONS = {
    Finish.COMPLETE: message_pb2.FINISH_REASON_COMPLETE,
    Finish.LENGTH: message_pb2.FINISH_REASON_LENGTH,
    Finish.TOOL_CALLS: message_pb2.FINISH_REASON_TOOL_CALLS,
}
_FINISHES = {reason: finish for finish, reason in _REASONS.items()}


def request_bytes(request: GenerateRequest) -> bytes:
    """A serialised GenerateRequest. The deadline travels beside it, as gRPC has one of its own."""
    return pb.GenerateRequest(
        model=request.model,
        messages=request.messages,
        sampling=request.sampling,
        session=request.session,
        tools=request.tools,
        account=request.account,
    ).SerializeToString()


def request_of(message: pb.GenerateRequest, deadline: float | None) -> GenerateRequest:
    """What a worker's runner is asked."""
    return GenerateRequest(
        model=message.model,
        messages=tuple(message.messages),
        sampling=message.sampling,
        session=message.session,
        account=message.account,
        tools=tuple(message.tools),
        deadline=deadline,
    )


def response_bytes(deltas: Sequence[Delta]) -> bytes:
    """A serialised GenerateResponse. Text that follows text becomes one delta."""
    response = pb.GenerateResponse()
    for kind, group in itertools.groupby(deltas, type):
        if kind is Text:
            response.deltas.add(text="".join(delta.text for delta in group if isinstance(delta, Text)))
        elif kind is Reasoning:
            response.deltas.add(reasoning="".join(delta.text for delta in group if isinstance(delta, Reasoning)))
        else:
            response.deltas.extend(map(_whole, group))
    return response.SerializeToString()


def _whole(delta: Delta) -> pb.Delta:
    """A delta that stands alone; empty for StandIn, which is of whoever routes between runners."""
    match delta:
        case WholePart():
            return pb.Delta(part=delta.part)
        case Progress():
            return pb.Delta(progress=pb.Progress(phase=_PHASES[delta.activity], queue_position=delta.queue_position))
        case Finished():
            return pb.Delta(finished=_finished(delta))
        case _:
            return pb.Delta()


def _finished(delta: Finished) -> pb.Finished:
    usage = message_pb2.Usage(
        prompt_tokens=delta.prompt_tokens,
        completion_tokens=delta.completion_tokens,
        cached_tokens=delta.cached_tokens,
    )
    return pb.Finished(finish_reason=_REASONS[delta.finish], usage=usage)


def deltas_of(payload: bytes) -> list[Delta]:
    """The deltas of a serialised GenerateResponse; kinds that are not known are left out. Raises DecodeError."""
    deltas: list[Delta] = []
    for delta in pb.GenerateResponse.FromString(payload).deltas:
        match delta.WhichOneof("kind"):
            case "text":
                deltas.append(Text(delta.text))
            case "reasoning":
                deltas.append(Reasoning(delta.reasoning))
            case "part":
                deltas.append(WholePart(delta.part))
            case "progress" if delta.progress.phase in _ACTIVITIES:
                deltas.append(Progress(_ACTIVITIES[delta.progress.phase], delta.progress.queue_position))
            case "finished":
                usage = delta.finished.usage
                finish = _FINISHES.get(delta.finished.finish_reason, Finish.COMPLETE)
                deltas.append(Finished(finish, usage.prompt_tokens, usage.completion_tokens, usage.cached_tokens))
            case _:
                pass
    return deltas
