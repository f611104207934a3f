"""Text as the rest of the server can take it: without what breaks databases, and with lines joined. Pure."""

from __future__ import annotations

import re

# NUL, controls but for tab and line feed, lone surrogates, what Unicode has for no character, and marks of byte order.
_UNWANTED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufdd0-\ufdef\ufeff\ufffe\uffff\u00ad]")
_LINE_END = re.compile("\r\n?|\x0b|\x0c|\x85|\u2028|\u2029")
_SPACES = re.compile(r"[^\S\n]+")
_TRAILING = re.compile(r"[^\S\n]+(?=\n)")

CJK = "\u1100-\u11ff\u2e80-\u303f\u3040-\u31ff\u3200-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\ufe30-\ufe4f\uff00-\uffef\U00020000-\U0003ffff"
"""What is written without spaces and full width, for a class of a regular expression."""
_WIDE = re.compile(f"[{CJK}]")
_FIRST_WIDE = "\u1100"
_HANGUL = re.compile("[\u1100-\u11ff\u3130-\u318f\uac00-\ud7ff]")
_SOFT_HYPHENS = ("\ufffe", "\x02", "\u00ad")


def clean(text: str) -> str:
    """The text with line feeds alone between lines, and without NUL, controls and lone surrogates."""
    if text.isascii() and text.isprintable():
        return text
    return _UNWANTED.sub("", _LINE_END.sub("\n", text))


def tidy(text: str) -> str:
    """Cleaned, with single spaces and no space at line ends, outer space off: of running text, not of code."""
    return _TRAILING.sub("", _SPACES.sub(" ", clean(text))).strip()


def one_line(text: str) -> str:
    """Cleaned and with single spaces for all white space: a heading, a cell."""
    return " ".join(clean(text).split())


def join_lines(lines: list[str]) -> str:
    """One paragraph of its lines: words that were hyphenated are whole again, Chinese and Japanese get no spaces."""
    if not lines:
        return ""
    whole = lines[0].rstrip()
    for line in lines[1:]:
        whole = join(whole, line.strip())
    return whole


def join(before: str, after: str) -> str:
    """Two lines of one paragraph."""
    if not before or not after:
        return before or after
    last, first = before[-1], after[0]
    if last in _SOFT_HYPHENS:
        return before[:-1] + after if _continues(before[:-1], first) else f"{before[:-1]}-{after}"
    if last in "-\u2010" and len(before) > 1 and before[-2].isalpha():
        return before[:-1] + after if _continues(before[:-1], first) else before + after
    if (
        last >= _FIRST_WIDE <= first
        and _WIDE.match(last)
        and _WIDE.match(first)
        and not (_HANGUL.match(last) and _HANGUL.match(first))
    ):
        return before + after
    return f"{before} {after}"


def mend_hyphens(line: str) -> str:
    """A line in which PDFium joined hyphenated words itself, leaving a mark where the hyphen was."""
    if "\ufffe" not in line and "\x02" not in line:
        return line
    parts = re.split("[\ufffe\x02]", line)
    whole = parts[0]
    for part in parts[1:]:
        whole += part if part and _continues(whole, part[0]) else f"-{part}"
    return whole


def _continues(before: str, first: str) -> bool:
    return before[-1:].islower() and first.islower()
