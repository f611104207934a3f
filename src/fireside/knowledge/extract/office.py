"""Office files as what they are: parts in an archive that refer to each other. Not what the parts say."""

from __future__ import annotations

import posixpath
import zlib
from importlib import import_module
from typing import TYPE_CHECKING, Any, Self
from zipfile import BadZipFile

from fireside.knowledge.extract import problems
from fireside.knowledge.extract.archives import Archive

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fireside.knowledge.extract.base import Source

_OPTIONS = {"resolve_entities": False, "no_network": True, "load_dtd": False, "huge_tree": False}


class Package:
    """An open file of parts, used as a context. `entities` allows XML to name a document type, as books do."""

    def __init__(self, source: Source, *, entities: bool = False) -> None:
        try:
            # An extra, whose package has no types.
            self._etree: Any = import_module("lxml.etree")
        except ImportError:
            raise problems.extra_missing("knowledge", "Reading office files") from None
        self._archive = Archive(source)
        try:
            self._archive.refuse_entities(definitions_only=entities)
        except BaseException:
            self._archive.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._archive.close()

    def has(self, part: str) -> bool:
        """Whether there is such a part."""
        return part in self._archive.names

    def read(self, part: str) -> bytes:
        """The bytes of a part."""
        return self._archive.read(part)

    def parse(self, part: str) -> Any:
        """The root of a part's XML."""
        try:
            return self._etree.fromstring(self.read(part), self._etree.XMLParser(**_OPTIONS))
        except self._etree.XMLSyntaxError as error:
            raise problems.damaged(f"its part {part} is broken") from error

    def walk(self, part: str) -> Iterator[tuple[str, Any]]:
        """The starts and ends of the elements of a part that may be too large to hold."""
        try:
            with self._archive.open(part) as file:
                yield from self._etree.iterparse(file, events=("start", "end"), **_OPTIONS)
        except (self._etree.XMLSyntaxError, BadZipFile, zlib.error, EOFError) as error:
            raise problems.damaged(f"its part {part} is broken") from error

    def related(self, part: str) -> dict[str, tuple[str, str]]:
        """What a part refers to: by the reference's id its type's last word, and the other part."""
        folder, name = posixpath.split(part)
        rels = posixpath.join(folder, "_rels", f"{name}.rels")
        if not self.has(rels):
            return {}
        found: dict[str, tuple[str, str]] = {}
        for element in self.parse(rels):
            if element.get("TargetMode") == "External":
                continue
            target = element.get("Target", "")
            path = target.lstrip("/") if target.startswith("/") else posixpath.normpath(posixpath.join(folder, target))
            found[element.get("Id", "")] = (element.get("Type", "").rsplit("/", 1)[-1], path)
        return found

    def main(self, usual: str) -> str:
        """The part that all others hang on."""
        return next((path for kind, path in self.related("").values() if kind == "officeDocument"), usual)


def free(element: Any) -> None:
    """Forgets an element of `walk` and all before it."""
    element.clear()
    parent = element.getparent()
    while parent is not None and element.getprevious() is not None:
        del parent[0]
