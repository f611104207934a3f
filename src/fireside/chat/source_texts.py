"""What a model is told around numbered sources, in the language of the question. Texts only; grounding.py puts them together."""

# ruff: noqa: RUF001 - Chinese has commas and colons of its own.

from __future__ import annotations

import re
from typing import Final, NamedTuple

_CHINESE = re.compile(r"[\u4e00-\u9fff]")


class Frame(NamedTuple):
    """`ask` stands before the sources, `label` before the question."""

    ask: str
    label: str


def frame_for(question: str, *, found: bool) -> Frame:
    """The frame for a question to which passages were found, or none."""
    english, chinese = _FOUND if found else _NOTHING
    return chinese if _CHINESE.search(question) else english


_FOUND: Final = (
    Frame(
        "Answer the question with the numbered sources below. After each fact, put the number of the source that it comes"
        " from in square brackets, like [1]. Say only what the sources say. If they do not contain the answer, say that"
        " you found nothing about it in the sources.",
        "Question:",
    ),
    Frame(
        "请根据下面编号的资料回答问题。每写出一个事实，就在后面用方括号注明它来自哪条资料，例如 [1]。"
        "只说资料里有的内容。如果资料里没有答案，就说在资料中没有找到。",
        "问题：",
    ),
)
_NOTHING: Final = (
    Frame(
        "The user's documents were searched for this question, and nothing relevant was found in them. Begin your answer"
        " by saying so. Then answer only what you know for sure without them.",
        "Question:",
    ),
    Frame(
        "已经为这个问题查阅了用户的资料，但没有找到相关内容。请先说明这一点，然后只回答你确定知道的内容。",
        "问题：",
    ),
)
