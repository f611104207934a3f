"""Names of files and folders as they are kept: safe to show, and to save on any system. Pure; no path is ever made of them."""

from __future__ import annotations

import unicodedata
from typing import Final

from fireside.core.errors import InvalidArgumentError

MOST_BYTES: Final = 255
"""What file systems take, in UTF-8."""

_MOST_ENDING_BYTES = 32
_MOST_FOLDER_CHARACTERS = 1024
# Joiners make one sign of several in emoji and in Persian and Indic scripts; all else that is invisible can only deceive.
_JOINERS = "\u200c\u200d"
_DROPPED = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
_NOT_ON_WINDOWS = str.maketrans(dict.fromkeys('<>:"|?*', "_"))
_RESERVED = frozenset(
    ["con", "prn", "aux", "nul", "conin$", "conout$"]
    + [f"{port}{number}" for port in ("com", "lpt") for number in "0123456789\u00b9\u00b2\u00b3"]
)


def file_name(text: str) -> str:
    """The name to keep a file under: without folders. Raises InvalidArgumentError (FILE_NAME_INVALID) if nothing is left."""
    name = _component(text.replace("\\", "/").rpartition("/")[2])
    if not name:
        raise InvalidArgumentError("FILE_NAME_INVALID", "Nothing is left of this file name: give it another one.")
    return name


def folder_name(text: str) -> str:
    """A folder within a collection, such as `reports/2026`; empty for none. Raises InvalidArgumentError (FOLDER_INVALID)."""
    parts = [part for part in text.replace("\\", "/").split("/") if part not in ("", ".")]
    cleaned = [_component(part) for part in parts]
    folder = "/".join(cleaned)
    if ".." in parts or not all(cleaned) or len(folder) > _MOST_FOLDER_CHARACTERS:
        raise InvalidArgumentError("FOLDER_INVALID", "This is no folder within a collection: name it without `..`.")
    return folder


def ending_of(name: str) -> str:
    """The ending of a name with its dot, in small letters; empty for none."""
    stem, dot, ending = name.rpartition(".")
    return f".{ending.lower()}" if stem and dot and ending else ""


def _component(text: str) -> str:
    normal = unicodedata.normalize("NFC", text)
    kept = "".join(sign for sign in normal if sign in _JOINERS or unicodedata.category(sign) not in _DROPPED)
    spaced = " ".join(unicodedata.normalize("NFC", kept).translate(_NOT_ON_WINDOWS).split())
    name = _trimmed(spaced)
    if name.split(".")[0].strip().casefold() in _RESERVED:
        name = f"_{name}"
    return _shortened(name) if len(name.encode()) > MOST_BYTES else name


def _trimmed(name: str) -> str:
    # Windows drops dots and spaces at the end, so that `a.exe.` would be `a.exe` there.
    return name.rstrip(". ").lstrip(" " + _JOINERS)


def _shortened(name: str) -> str:
    """At most MOST_BYTES, with the ending if it is one."""
    stem, dot, ending = name.rpartition(".")
    tail = f"{dot}{ending}" if stem and len(ending.encode()) <= _MOST_ENDING_BYTES else ""
    stem = name[: len(name) - len(tail)]
    cut = stem.encode()[: MOST_BYTES - len(tail.encode())].decode(errors="ignore")
    return _trimmed(cut.rstrip(". ") + tail)
