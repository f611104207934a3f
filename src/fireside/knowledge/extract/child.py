"""The process that a document is read in: told one document, it writes frames and ends. Not part of the server.

Run as a module, with few imports, because one is started for each document. Standard input carries the opening;
standard output frames; standard error what libraries say, and is for the log.
"""

from __future__ import annotations

import gc
import os
import sys
import traceback
from importlib import import_module
from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING

from fireside.core.errors import FiresideError
from fireside.knowledge.extract import kinds, problems
from fireside.knowledge.extract.base import Block, Extracted, Extractor, Limits, Source
from fireside.knowledge.extract.clean import clean
from fireside.knowledge.extract.confine import confine
from fireside.knowledge.extract.frames import Batch, End, Failed, Frame, Opening, decode_opening, encode

if TYPE_CHECKING:
    from collections.abc import Iterator

_BATCH_CHARS = 256_000
_BLOCK_CHARS = 64_000
_MOST_WARNINGS = 50


def main() -> None:
    """Reads the one document."""
    opening = decode_opening(sys.stdin.buffer.read())
    answers = os.dup(1)
    # What a library prints must not be taken for a frame.
    os.dup2(2, 1)
    path = Path(opening.path)
    for what in confine(path, opening.memory_bytes, opening.seconds, opening.parent):
        print(f"This system has no {what}.", file=sys.stderr)  # noqa: T201 - this is its log.
    with os.fdopen(answers, "wb", buffering=0) as out:
        for frame in frames(opening, path):
            rest = memoryview(encode(frame))
            while rest:
                rest = rest[out.write(rest) or 0 :]
    # Nothing is to be tidied up, and a library's own way of ending cannot go wrong any more.
    os._exit(0)


def frames(opening: Opening, path: Path) -> Iterator[Frame]:
    """What is said of a document."""
    limits = Limits(opening.seconds, opening.memory_bytes, opening.text_chars, opening.unpacked_bytes)
    source = Source(path, opening.media_type, opening.name, limits)
    try:
        yield from batches(choose(source, opening.others).extract(source), limits.text_chars)
    except FiresideError as error:
        name = next((name for name, kind in problems.TELLABLE.items() if type(error) is kind), "invalid")
        failed = Failed(name, error.reason, error.message)
    except MemoryError:
        failed = Failed("memory", "", "")
    except Exception as error:  # noqa: BLE001 - parsers raise whatever they stumble over.
        traceback.print_exc()
        wrong = problems.damaged(f"its reader stumbled ({type(error).__name__})")
        failed = Failed("invalid", wrong.reason, wrong.message)
    else:
        yield End()
        return
    gc.collect()
    yield failed


def choose(source: Source, others: tuple[str, ...]) -> Extractor:
    """The extractor for a document: one from outside, else one of those that are here."""
    for value in others:
        extractor: Extractor = resolve_name(value)
        if extractor.accepts(source.media_type, source.name):
            return extractor
    return built_in(kinds.find_kind(source))


def built_in(kind: str) -> Extractor:
    """An extractor of this folder, of which only the one that is needed is imported."""
    return import_module(f"fireside.knowledge.extract.{kind}").EXTRACTOR


def batches(extracted: Iterator[Extracted], text_chars: int) -> Iterator[Batch]:
    """What an extractor yields, cleaned, in frames of a bounded size and with no more text than is allowed."""
    left, warned = text_chars, 0
    for part in extracted:
        rows: list[tuple[str, str, int, int]] = []
        size = 0
        for block in _bounded(part.blocks):
            text = clean(block.text)[:left]
            if not text.strip():
                continue
            rows.append((str(block.kind), text, block.page, block.level))
            size += len(text)
            left -= len(text)
            if size >= _BATCH_CHARS:
                yield Batch(tuple(rows), part.done, part.total, ())
                rows, size = [], 0
        warnings = [clean(text)[:500] for text in part.warnings][: _MOST_WARNINGS - warned]
        warned += len(warnings)
        if left <= 0:
            warnings.append(f"Only the first {text_chars} characters of its text were read.")
        yield Batch(tuple(rows), part.done, part.total, tuple(warnings))
        if left <= 0:
            return


def _bounded(blocks: tuple[Block, ...]) -> Iterator[Block]:
    """No block is longer than a frame has room for. Long ones are cut at a line's end or a space, if there is one."""
    for block in blocks:
        text = block.text
        while len(text) > _BLOCK_CHARS:
            cut = max(
                text.rfind("\n", _BLOCK_CHARS // 2, _BLOCK_CHARS), text.rfind(" ", _BLOCK_CHARS // 2, _BLOCK_CHARS)
            )
            cut = cut + 1 if cut > 0 else _BLOCK_CHARS
            yield Block(block.kind, text[:cut], block.page, block.level)
            text = text[cut:]
        yield block if text is block.text else Block(block.kind, text, block.page, block.level)


if __name__ == "__main__":
    main()
