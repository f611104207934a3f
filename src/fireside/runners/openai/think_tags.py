"""Finds the reasoning that servers leave in the text, between `<think>` and `</think>` at its very beginning. Pure.

Servers that know a model's format send its reasoning apart; others, such as vLLM without a reasoning parser, do not.
Tags anywhere else are text: a model may well write about them.
"""

from __future__ import annotations

_OPEN, _CLOSE = "<think>", "</think>"


class ThinkTags:
    """Splits one answer's text as it comes, however it is cut. `over` is set once all that follows is text."""

    __slots__ = ("_held", "_inside", "over")

    def __init__(self) -> None:
        self.over = False
        self._inside = False
        self._held: str = ""

    def split(self, text: str) -> tuple[str, str]:
        """The reasoning, and the text after it, in what has come; what may be half a tag is kept back."""
        held: str = self._held + text
        self._held = ""
        if not self._inside:
            begun = held.lstrip()
            if not begun.startswith(_OPEN):
                if _OPEN.startswith(begun):
                    self._held = held
                    return "", ""
                self.over = True
                return "", held
            self._inside = True
            held = begun[len(_OPEN) :]
        reasoning, tag, rest = held.partition(_CLOSE)
        if tag:
            self.over = True
            return reasoning, rest
        half = next((size for size in range(len(_CLOSE) - 1, 0, -1) if held.endswith(_CLOSE[:size])), 0)
        kept = len(held) - half
        self._held = held[kept:]
        return held[:kept], ""

    def rest(self) -> tuple[str, str]:
        """What was kept back, when nothing follows."""
        held, self._held = self._held, ""
        self.over = True
        return (held, "") if self._inside else ("", held)
