"""Reads what is written in pictures, with the extra `ocr`: Chinese and English. Not the finding of pictures."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from fireside.knowledge.extract.clean import join, one_line


def installed() -> bool:
    """Whether the extra is there."""
    return find_spec("rapidocr_onnxruntime") is not None


def read(pixels: Any) -> list[str]:
    """The paragraphs of a picture, which is an array of its pixels, from the top."""
    result, _ = _engine()(pixels)
    if not result:
        return []
    lines = [(one_line(text), *_span(corners)) for corners, text, _ in result]
    return _paragraphs(sorted((line for line in lines if line[0]), key=lambda line: line[2]))


@cache
def _engine() -> Any:
    try:
        # An extra, whose package has no types.
        library: Any = import_module("rapidocr_onnxruntime")
    except ImportError as error:
        # It is installed: there is no room for it in the memory that is allowed.
        raise MemoryError from error
    return library.RapidOCR(intra_op_num_threads=1, inter_op_num_threads=1)


def _span(corners: list[list[float]]) -> tuple[float, float, float]:
    """Left, top and bottom of a line."""
    return corners[0][0], min(corner[1] for corner in corners), max(corner[1] for corner in corners)


def _paragraphs(lines: list[tuple[str, float, float, float]]) -> list[str]:
    """Lines of one row stand beside each other; a gap of more than half a line parts paragraphs."""
    rows: list[list[tuple[str, float, float, float]]] = []
    for line in lines:
        if rows and line[2] < (rows[-1][0][2] + rows[-1][0][3]) / 2:
            rows[-1].append(line)
        else:
            rows.append([line])
    found: list[str] = []
    bottom, height = 0.0, 0.0
    for row in rows:
        text = ""
        for line in sorted(row, key=lambda line: line[1]):
            text = join(text, line[0])
        top = min(line[2] for line in row)
        if found and top - bottom < 0.6 * max(height, 1.0):
            found[-1] = join(found[-1], text)
        else:
            found.append(text)
        bottom = max(line[3] for line in row)
        height = bottom - top
    return found
