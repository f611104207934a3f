"""What an answer is to draw on: the files and collections that a branch and its conversation name. Pure; nothing is read here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fireside.gen.v1 import message_pb2

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

# A question of fewer characters (Latin ones; wide ones count double) leans on the one before it: "and in 2025?".
_LEANING = 24


@dataclass(frozen=True, slots=True)
class Sources:
    """What to search, and for what.

    `collections` are the names of collections by id, empty where only the conversation names one. `files` are those of
    the whole branch, the newest first; those of the question itself are `asked` (their ids).
    """

    question: str = ""
    collections: dict[str, str] = field(default_factory=dict[str, str])
    files: tuple[message_pb2.FilePart, ...] = ()
    asked: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        """Whether there is anything to draw on."""
        return bool(self.collections or self.files)

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.collections) + len(self.files)


def sources_of(history: Sequence[message_pb2.Message], collection_ids: Iterable[str] = ()) -> Sources:
    """The sources of an answer to the last question of `history` (oldest first). `collection_ids` are the conversation's."""
    collections = dict.fromkeys(collection_ids, "")
    files: dict[str, message_pb2.FilePart] = {}
    asked: set[str] = set()
    questions: list[str] = []
    for message in reversed(history):
        if message.role != message_pb2.ROLE_USER:
            continue
        for part in message.parts:
            if part.HasField("collection"):
                collections[part.collection.collection_id] = part.collection.name
            elif part.HasField("file"):
                files.setdefault(part.file.file_id, part.file)
                if not questions:
                    asked.add(part.file.file_id)
        questions.append(text_of(message))
    return Sources(_query(questions), collections, tuple(files.values()), frozenset(asked))


def text_of(message: message_pb2.Message) -> str:
    """What a message says in words, its parts a paragraph each."""
    return "\n\n".join(part.text.text for part in message.parts if part.text.text).strip()


def _query(questions: Sequence[str]) -> str:
    """What to look for: the last question, after the one before it if it is too short to stand alone."""
    if not questions:
        return ""
    last = questions[0]
    wide = sum(character > "\u2e7f" for character in last)
    if len(questions) > 1 and len(last) + wide < _LEANING:
        return f"{questions[1]}\n{last}".strip()
    return last
