"""What the model of one generation is asked: its sources drawn together, put before the question, cut to what fits.

The answer begins with what it is based on, so readers see its sources while the model still reads.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fireside.chat.grounding import Room, budget, grounded
from fireside.chat.plan import plan
from fireside.gen.v1 import generation_pb2, message_pb2

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from fireside.chat.log import LiveLog, LogBook
    from fireside.chat.research import Research
    from fireside.chat.sources import Sources
    from fireside.core.principal import Principal
    from fireside.runners.base import GenerateRequest
    from fireside.runners.route import Route


@dataclass(frozen=True, slots=True)
class Brief:
    """What is to be answered: the branch (oldest first), the request without it, and what to draw on in whose name."""

    history: tuple[message_pb2.Message, ...]
    wish: GenerateRequest
    sources: Sources
    principal: Principal
    research: Research


async def brief_model(brief: Brief, route: Route, log: LiveLog, book: LogBook) -> GenerateRequest:
    """The request. Raises what Research.draw raises."""
    from_before = _from_before(brief.history)
    if from_before:
        return _request(brief, route, from_before, {})
    log.show_activity(generation_pb2.PHASE_SEARCHING, source_count=brief.sources.count)
    room = Room(budget(route.context_length), route.vision)
    drawn = await brief.research.draw(brief.principal, brief.sources, room)
    for part in drawn.parts:
        if log.full:
            await book.reserve(log)
        change = generation_pb2.Delta(part_index=log.fold.part_count(), part=part)
        book.append(log, generation_pb2.Event(delta=change))
    return _request(brief, route, drawn.parts, drawn.pictures)


def _from_before(history: tuple[message_pb2.Message, ...]) -> list[message_pb2.Part]:
    """What an answer that is gone on with is based on already."""
    if not history or history[-1].role != message_pb2.ROLE_ASSISTANT:
        return []
    return [part for part in history[-1].parts if part.HasField("search") or part.HasField("citation")]


def _request(
    brief: Brief, route: Route, parts: Iterable[message_pb2.Part], pictures: Mapping[str, message_pb2.Part]
) -> GenerateRequest:
    return plan(grounded(brief.history, parts, pictures), brief.wish, context_length=route.context_length)
