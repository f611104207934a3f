"""What a model is told around numbered sources, in the language of the question. Texts only; grounding.py puts them together.

Tried on the embedded model of half a billion parameters, the hardest to tell anything: an example has it cite, and only a
sentence to begin with has it say that nothing was found. Larger models need neither, and are not led astray by them.
"""

# ruff: noqa: RUF001 - Chinese has commas and colons of its own.

from __future__ import annotations

import re
from typing import Final, NamedTuple

_CHINESE = re.compile(r"[\u4e00-\u9fff]")


class Frame(NamedTuple):
    """`rules` are for the system's message, `sources` and `question` are labels, `nothing` is what follows a question to
    which nothing was found.
    """

    rules: str
    sources: str
    question: str
    nothing: str


def frame_for(question: str) -> Frame:
    """The frame in the language of a question."""
    return _IN_CHINESE if _CHINESE.search(question) else _IN_ENGLISH


_IN_ENGLISH: Final = Frame(
    rules="You answer questions from numbered sources. Write complete sentences, in the language of the question. End each "
    "sentence with the number of the source that it comes from, like [2]. Say only what the sources say. If they do not "
    "answer the question, write: I found nothing about this in the sources.\n\n"
    "Example. Sources:\n\n[1] (garden.md)\nRoses need water every two days.\n\n"
    "[2] (garden.md)\nRoses are cut in March, before they bloom.\n\n"
    "Question: When should I cut roses?\nAnswer: Roses are cut in March, before they bloom [2].",
    sources="Sources:",
    question="Question:",
    nothing="(The documents were searched for the question, and nothing about it was found. Begin your answer with the "
    'sentence "I found nothing about this in the documents." Then say only what you know for sure without them.)',
)
_IN_CHINESE: Final = Frame(
    rules="你根据编号的资料回答问题。用完整的句子和提问的语言回答，每句话末尾用方括号注明它来自哪条资料，例如 [2]。"
    "只说资料里有的内容。如果资料没有回答这个问题，就写：在资料中没有找到相关内容。\n\n"
    "示例。资料：\n\n[1] (garden.md)\n玫瑰每两天浇一次水。\n\n[2] (garden.md)\n玫瑰在三月开花之前修剪。\n\n"
    "问题：什么时候修剪玫瑰？\n回答：玫瑰在三月开花之前修剪 [2]。",
    sources="资料：",
    question="问题：",
    nothing="（已经为这个问题查阅了资料，没有找到相关内容。请以“在资料中没有找到相关内容。”这句话开头，然后只说不靠资料也确定知道的内容。）",
)
