"""How long a file and a function may be, and how many parameters one may have (house rule 3). Not a style check."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from tests.house.source import PythonFile, Violation

if TYPE_CHECKING:
    from collections.abc import Iterator

FILE_LINES, FILE_LINES_HARD = 400, 500
FUNCTION_LINES, FUNCTION_LINES_HARD = 50, 80
PARAMETERS = 6

ALLOWED: dict[str, str] = {}
"""What may lie between the limit and the hard limit: `path` or `path:function`, and why it reads better whole."""


def file_size(path: str, text: str) -> Iterator[Violation]:
    """A file has at most 400 lines; with a reason in ALLOWED at most 500."""
    lines = text.count("\n") + (not text.endswith("\n") and bool(text))
    if lines > (FILE_LINES_HARD if path in ALLOWED else FILE_LINES):
        yield Violation(path, lines, f"has {lines} lines, more than {FILE_LINES}: split it by what it is about")


def function_size(file: PythonFile) -> Iterator[Violation]:
    """A function has at most 50 lines without its docstring and 6 parameters without self."""
    for node in ast.walk(file.tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        lines = _body_lines(node)
        limit = FUNCTION_LINES_HARD if f"{file.path}:{node.name}" in ALLOWED else FUNCTION_LINES
        if lines > limit:
            yield file.at(node, f"{node.name} has {lines} lines, more than {FUNCTION_LINES}")
        count = len(_parameters(node))
        if count > PARAMETERS:
            yield file.at(node, f"{node.name} has {count} parameters, more than {PARAMETERS}")


def _body_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    lines = (node.end_lineno or node.lineno) - node.lineno + 1
    first = node.body[0]
    if ast.get_docstring(node, clean=False) is not None:
        lines -= (first.end_lineno or first.lineno) - first.lineno + 1
    return lines


def _parameters(node: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    every = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    every += [argument for argument in (node.args.vararg, node.args.kwarg) if argument]
    return [argument.arg for argument in every if argument.arg not in {"self", "cls"}]
