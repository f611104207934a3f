"""How passages come into an answer: as citations for people, and as numbered sources in what the model is asked. Pure.

They stand before the question and not at the beginning, so that what a runner remembers of the conversation before it
stays good; the rules of citing are the same each time, and stand first.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from fireside.chat.plan import text_tokens
from fireside.chat.source_texts import frame_for
from fireside.chat.sources import text_of
from fireside.gen.v1 import message_pb2

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from fireside.gen.v1.document_pb2 import Passage

_MARK = re.compile(r"[ \t]?\[\d{1,3}(?:\s*,\s*\d{1,3})*\]")
_SPEAKS_OF_SOURCES = ("search", "citation", "collection")
# Tokens of the line above a source.
_LINE_TOKENS = 16
# A small model with a long prompt takes minutes to begin, and forgets the middle of it.
_SHARE, _LEAST, _MOST, _UNKNOWN = 1 / 8, 400, 6000, 3000


class Room(NamedTuple):
    """What the model takes: tokens of passages, and whether it reads pictures."""

    tokens: int
    vision: bool


def budget(context_length: int) -> int:
    """How many tokens of passages an answer may draw on. `context_length` is in tokens, 0 if not known."""
    return max(_LEAST, min(_MOST, int(context_length * _SHARE))) if context_length else _UNKNOWN


def fitting(passages: Iterable[Passage], tokens: int) -> list[Passage]:
    """The first passages that fit together, each once. One that is too long by itself leaves room for those after it."""
    kept: dict[tuple[str, int, int], Passage] = {}
    left = tokens
    for passage in passages:
        cost = text_tokens(passage.text) + _LINE_TOKENS
        key = (passage.document_id, passage.version, passage.ordinal)
        if cost <= left and key not in kept:
            kept[key] = passage
            left -= cost
    return list(kept.values())


def citations(passages: Sequence[Passage]) -> list[message_pb2.Part]:
    """The passages as parts of an answer, numbered from 1."""
    return [
        message_pb2.Part(
            citation=message_pb2.CitationPart(
                source_id=passage.document_id, title=passage.name, quote=passage.text, number=number,
                file_id=passage.file_id, media_type=passage.media_type, page=passage.page, headings=passage.headings,
                ordinal=passage.ordinal, collection_id=passage.collection_id,
            )
        )
        for number, passage in enumerate(passages, 1)
    ]  # fmt: skip


def grounded(
    history: Sequence[message_pb2.Message],
    parts: Iterable[message_pb2.Part],
    pictures: Mapping[str, message_pb2.Part],
) -> list[message_pb2.Message]:
    """`history` as it is put to a model: with the sources of the answer (`parts`: what it begins with) before the question.

    Files that `pictures` has, by id, are shown as those; of others the model learns the name. What earlier answers drew
    on is left out, with the numbers that referred to it: they would be taken for the numbers of these.
    """
    told = [_told(message, pictures) for message in history]
    found = [part.citation for part in parts if part.HasField("citation")]
    searched = any(part.HasField("search") for part in parts)
    question = max((at for at, message in enumerate(told) if message.role == message_pb2.ROLE_USER), default=-1)
    if question < 0 or not (found or searched):
        return told
    frame = frame_for(text_of(told[question]))
    if not found:
        told[question] = _reworded(told[question], f"{text_of(told[question])}\n\n{frame.nothing}")
        return told
    sources = [frame.sources, *(_source(citation) for citation in found)]
    asked = f"{frame.question} {text_of(told[question])}"
    told[question] = _reworded(told[question], "\n\n".join([*sources, asked]))
    return _ruled(told, frame.rules)


def _told(message: message_pb2.Message, pictures: Mapping[str, message_pb2.Part]) -> message_pb2.Message:
    """A copy without what only people see."""
    cited = {str(part.citation.number) for part in message.parts if part.HasField("citation")}

    def without(mark: re.Match[str]) -> str:
        return "" if cited.issuperset(re.findall(r"\d+", mark[0])) else mark[0]

    copy = message_pb2.Message()
    copy.CopyFrom(message)
    del copy.parts[:]
    for part in message.parts:
        kind = part.WhichOneof("kind")
        if kind in _SPEAKS_OF_SOURCES:
            continue
        if kind == "file" and part.file.file_id in pictures:
            part = pictures[part.file.file_id]  # noqa: PLW2901
        copy.parts.add().CopyFrom(part)
        if cited and kind == "text":
            copy.parts[-1].text.text = _MARK.sub(without, part.text.text)
    return copy


def _reworded(question: message_pb2.Message, text: str) -> message_pb2.Message:
    """The question with other words, behind what else it brings."""
    copy = message_pb2.Message()
    copy.CopyFrom(question)
    del copy.parts[:]
    copy.parts.extend(part for part in question.parts if not part.HasField("text"))
    copy.parts.add().text.text = text
    return copy


def _ruled(messages: list[message_pb2.Message], rules: str) -> list[message_pb2.Message]:
    """The rules come first, after those that the conversation has: many models take only one system message."""
    own = (
        messages[0]
        if messages[0].role == message_pb2.ROLE_SYSTEM
        else message_pb2.Message(role=message_pb2.ROLE_SYSTEM)
    )
    rest = messages[1:] if messages[0].role == message_pb2.ROLE_SYSTEM else messages
    return [_reworded(own, "\n\n".join(filter(None, (text_of(own), rules)))), *rest]


def _source(citation: message_pb2.CitationPart) -> str:
    place = [citation.title]
    if citation.page:
        place.append(f"p. {citation.page}")
    if citation.headings:
        place.append(citation.headings[-1])
    return f"[{citation.number}] ({', '.join(place)})\n{citation.quote}"
