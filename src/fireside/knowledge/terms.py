"""What a text is searched by: its words in one form, whatever their case. Pure; not the index, which is store/passages.py.

Documents and queries are cut by the same rules. Words of scripts with spaces are folded, and taken by their English stems;
identifiers and versions (`foo_bar`, `v1.2.3`, `apt-get`, `fooBar`) are kept whole and in parts; Chinese, Japanese, Korean, Thai
and their like are cut into one and two characters, of which a query takes the two. A term has only characters that the
tokenizer `unicode61` of SQLite leaves alone, so that both databases see the same terms: what joins the parts of an
identifier and the marks within words become characters for private use.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from fireside.knowledge.stem import stem
from fireside.knowledge.stop_words import CHINESE_ENDINGS, CHINESE_PHRASES, ENGLISH

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

JOINT: Final = "\ue000"
"""Stands in a term for whatever joined the parts of an identifier."""

_PRIVATE: Final = 0xF0000
_LONGEST: Final = 64
# Scripts that write words without spaces, and Hangul, whose words carry their particles with them.
_UNSPACED: Final = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uac00-\ud7af\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff"
)
# Marks that stand within words; `\w` has letters and digits alone.
_MARKS: Final = "\u0300-\u036f\u0591-\u05bd\u05bf-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed\u0900-\u0963\u0970-\u0dff\u200c\u200d"
_LETTER: Final = rf"(?:(?![{_UNSPACED}_])[\w{_MARKS}])"
_TOKEN: Final = re.compile(
    rf"(?P<unspaced>[{_UNSPACED}]+)"
    r"|(?P<sharp>\b[A-Za-z](?:\+\+|\#)(?!\w))"
    rf"|(?P<word>_*{_LETTER}+(?:['\u2019._\-/@:+]+{_LETTER}+)*)"
)
_PARTS: Final = re.compile(r"['\u2019._\-/@:+]+")
_APOSTROPHE: Final = re.compile(r"['\u2019]")
_HUMPS: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_PHRASES: Final = re.compile("|".join(sorted(CHINESE_PHRASES, key=len, reverse=True)))
_SHORTEST_HUMP: Final = 2


def terms(text: str) -> list[str]:
    """All terms of a document's text in order, with repeats and without stop words."""
    found: list[str] = []
    for match in _TOKEN.finditer(text):
        if match.lastgroup == "unspaced":
            run = _folded(match[0])
            found.extend(run)
            found.extend(run[at : at + 2] for at in range(len(run) - 1))
        else:
            found.extend(_of_word(match[0]))
    return found


def query_terms(text: str) -> list[str]:
    """The different terms that a query is searched by, in order. Empty when it has nothing but stop words."""
    found: dict[str, None] = {}
    for match in _TOKEN.finditer(text):
        if match.lastgroup == "unspaced":
            found.update(dict.fromkeys(_of_query_run(_folded(match[0]))))
        else:
            found.update(dict.fromkeys(_of_word(match[0])))
    return list(found)


def highlights(text: str, wanted: Sequence[str]) -> list[tuple[int, int]]:
    """Where terms of a query stand in a text: beginnings and ends in UTF-16 code units, in order, not overlapping."""
    places: list[tuple[int, int]] = []
    for start, end in _places(text, frozenset(wanted)):
        if places and start <= places[-1][1]:
            places[-1] = (places[-1][0], max(end, places[-1][1]))
        else:
            places.append((start, end))
    return places if text.isascii() else _in_utf16(text, places)


def _places(text: str, wanted: frozenset[str]) -> Iterator[tuple[int, int]]:
    for match in _TOKEN.finditer(text):
        if match.lastgroup == "unspaced":
            run, start = _folded(match[0]), match.start()
            if len(run) != len(match[0]):
                # Folding joined characters (half-width kana with marks): the whole run stands for them.
                if not wanted.isdisjoint(terms(run)):
                    yield match.span()
                continue
            for at, character in enumerate(run):
                if run[at : at + 2] in wanted:
                    yield start + at, start + at + len(run[at : at + 2])
                elif character in wanted:
                    yield start + at, start + at + 1
        elif not wanted.isdisjoint(_of_word(match[0])):
            yield match.span()


def _in_utf16(text: str, places: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    units, at, found = 0, 0, list[int]()
    for place in (edge for span in places for edge in span):
        units += len(text[at:place].encode("utf-16-le", "surrogatepass")) // 2
        at = place
        found.append(units)
    return list(zip(found[::2], found[1::2], strict=True))


def _of_query_run(run: str) -> Iterator[str]:
    for part in _PHRASES.split(run):
        pairs = [part[at : at + 2] for at in range(len(part) - 1)]
        telling = [pair for pair in pairs if CHINESE_ENDINGS.isdisjoint(pair)]
        yield from telling or pairs or ([part] if part and part not in CHINESE_ENDINGS else [])


@lru_cache(maxsize=16_384)
def _of_word(word: str) -> tuple[str, ...]:
    """The terms of one token: the whole, and its parts if it has several."""
    if word[-1] in "+#":
        return (word[0].lower() + ("plusplus" if word[-1] == "+" else "sharp"),)
    pieces = [piece for piece in _PARTS.split(_without_apostrophe(word)) if piece]
    whole = JOINT.join(filter(None, map(_term, pieces)))
    parts = [term for piece in pieces for part in _humps(piece) if (term := _term(part))]
    if len(parts) == 1:
        return () if parts[0] in ENGLISH else (stem(parts[0][:_LONGEST]),)
    # A digit or a letter of a number or a version says nothing alone.
    telling = [stem(term[:_LONGEST]) for term in parts if len(term) > 1 and term not in ENGLISH]
    return (whole, *telling) if 0 < len(whole) <= _LONGEST else tuple(telling)


def _humps(piece: str) -> list[str]:
    """The words of `fooBar`. A name like LaTeX or SQLite has none."""
    humps = _HUMPS.split(piece)
    return humps if all(len(hump) > _SHORTEST_HUMP for hump in humps) else [piece]


def _without_apostrophe(word: str) -> str:
    if not _APOSTROPHE.search(word):
        return word
    head, _, tail = word.replace("\u2019", "'").rpartition("'")
    return head.replace("'", "") if tail.lower() == "s" else word.replace("\u2019", "").replace("'", "")


def _term(part: str) -> str:
    """A part in the form in which it is compared."""
    if part.isascii():
        return part.lower()
    term: list[str] = []
    for character in unicodedata.normalize("NFKD", _folded(part)):
        if character.isalnum():
            term.append(character)
        elif "\u0900" <= character < "\u0e00":
            # A vowel sign, which makes another word.
            term.append(chr(_PRIVATE + ord(character)))
    return unicodedata.normalize("NFC", "".join(term))


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
