"""The stems of English words, by Porter2 (https://snowballstem.org/algorithms/english/stemmer.html). Pure.

Forms of a word (`mount`, `mounts`, `mounted`, `mounting`) have one stem, which need not be a word. R1 is what follows the first
consonant after a vowel, and R2 the same within R1: most endings are taken off only there.
"""

from __future__ import annotations

import re
from typing import Final

_SHORTEST: Final = 3
_REGION: Final = re.compile(r"[^aeiouy]*[aeiouy]+[^aeiouy]")
_BEFORE_R1: Final = re.compile(r"arsen|commun|emerg|gener|inter|later|organ|past|univers")
_CONSONANT_Y: Final = re.compile(r"\Ay|(?<=[aeiouy])y")
_VOWEL: Final = re.compile(r"[aeiouy]")
_SHORT: Final = re.compile(r"(?:[^aeiouy][aeiouy][^aeiouywxY]|\A[aeiouy][^aeiouy]|past)\Z")
_DOUBLE: Final = re.compile(r"(?:bb|dd|ff|gg|mm|nn|pp|rr|tt)\Z")
_PLURAL: Final = re.compile(r"(?:sses|ie[sd]|s)\Z")
_PAST: Final = re.compile(r"(?:eed(?:ly)?|ed(?:ly)?|ing(?:ly)?)\Z")
_WHOLE: Final = re.compile(r"(?:succ|proc|exc)eed(?:ly)?|(?:even|cann|inn|earr|herr|out)ing")
_FROM_IE: Final = re.compile(r"[^aeiouy]ying")
_IRREGULAR: Final = {
    **{word: word for word in ("andes", "atlas", "bias", "cosmos", "howe", "news", "sky")},
    "skis": "ski",
    "skies": "sky",
    "idly": "idl",
    "gently": "gentl",
    "ugly": "ugli",
    "early": "earli",
    "only": "onli",
    "singly": "singl",
}


def _endings(text: str) -> tuple[re.Pattern[str], dict[str, str]]:
    """A pattern that finds the longest of these endings, and what takes the place of each: `ation>ate`, or `ness>` for nothing."""
    found = dict(pair.split(">") for pair in text.split())
    # The leftmost match of a pattern that ends where the word does is the longest.
    return re.compile(rf"(?:{'|'.join(found)})\Z"), found


_STEP_2: Final = _endings(
    "tional>tion enci>ence anci>ance abli>able entli>ent izer>ize ization>ize ational>ate ation>ate ator>ate alism>al aliti>al"
    " alli>al fulness>ful ousli>ous ousness>ous iveness>ive iviti>ive biliti>ble bli>ble ogist>og ogi>og fulli>ful lessli>less li>"
)
_STEP_3: Final = _endings("tional>tion ational>ate alize>al icate>ic iciti>ic ical>ic ful> ness> ative>")
_STEP_4: Final = _endings(
    "al> ance> ence> er> ic> able> ible> ant> ement> ment> ent> ism> ate> iti> ous> ive> ize> ion>"
)


def stem(word: str) -> str:
    """The stem of a word of small letters. One that is not of ASCII's letters, or is too short, stays as it is."""
    if len(word) < _SHORTEST or not word.isascii() or not word.isalpha():
        return word
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    word = _CONSONANT_Y.sub("Y", word)
    first = _BEFORE_R1.match(word) or _REGION.match(word)
    r1 = first.end() if first else len(word)
    second = _REGION.match(word, r1)
    r2 = second.end() if second else len(word)
    word = _without_past(_without_plural(word), r1)
    if word[-1] in "yY" and len(word) > 2 and not _VOWEL.match(word[-2]):
        word = word[:-1] + "i"
    return _without_last(_without_derived(word, r1, r2), r1, r2).replace("Y", "y")


def _without_plural(word: str) -> str:
    found = _PLURAL.search(word)
    if not found or word.endswith(("us", "ss")):
        return word
    if found[0] == "sses":
        return word[:-2]
    if found[0] != "s":
        return word[:-2] if len(word) > 4 else word[:-1]
    return word[:-1] if _VOWEL.search(word, 0, len(word) - 2) else word


def _without_past(word: str, r1: int) -> str:
    found = _PAST.search(word)
    if not found or _WHOLE.fullmatch(word):
        return word
    at = found.start()
    if found[0].startswith("eed"):
        return word[: at + 2] if at >= r1 else word
    if _FROM_IE.fullmatch(word):
        return word[0] + "ie"
    if not _VOWEL.search(word, 0, at):
        return word
    word = word[:at]
    if word.endswith(("at", "bl", "iz")):
        return word + "e"
    if _DOUBLE.search(word):
        return word if len(word) == 3 and word[0] in "aeo" else word[:-1]
    return word + "e" if len(word) == r1 and _SHORT.search(word) else word


def _without_derived(word: str, r1: int, r2: int) -> str:
    found = _STEP_2[0].search(word)
    if found and found.start() >= r1:
        before = word[found.start() - 1]
        if (found[0] != "li" or before in "cdeghkmnrt") and (found[0] != "ogi" or before == "l"):
            word = word[: found.start()] + _STEP_2[1][found[0]]
    found = _STEP_3[0].search(word)
    if found and found.start() >= (r2 if found[0] == "ative" else r1):
        word = word[: found.start()] + _STEP_3[1][found[0]]
    found = _STEP_4[0].search(word)
    if found and found.start() >= r2 and (found[0] != "ion" or word[found.start() - 1] in "st"):
        word = word[: found.start()]
    return word


def _without_last(word: str, r1: int, r2: int) -> str:
    at = len(word) - 1
    if word.endswith("e"):
        return word[:-1] if at >= r2 or (at >= r1 and not _SHORT.search(word, 0, at)) else word
    return word[:-1] if word.endswith("ll") and at >= r2 else word
