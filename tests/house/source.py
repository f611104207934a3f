"""The files that the house rules look at, and what a rule says about them. Not a rule itself."""

from __future__ import annotations

import ast
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
GENERATED = ("src/fireside/gen/", "web/src/gen/")
SKIPPED = {".git", ".venv", ".venv-tools", "node_modules", "dist", "__pycache__", ".cache", ".hypothesis", "data"}


@dataclass(frozen=True, slots=True)
class Violation:
    """One place where a rule is broken, in the form in which editors jump to it."""

    path: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.message}"


@dataclass(frozen=True)
class PythonFile:
    """A parsed Python file. `path` is relative to the project, with forward slashes."""

    path: str
    text: str
    tree: ast.Module

    @classmethod
    def parse(cls, path: str, text: str) -> PythonFile:
        """Parses `text` as if it stood at `path`: this is how samples are made."""
        return cls(path, text, ast.parse(text, path))

    def at(self, node: ast.AST, message: str) -> Violation:
        """A violation at a node of this file."""
        return Violation(self.path, getattr(node, "lineno", 1), message)


@cache
def files() -> tuple[str, ...]:
    """Every file of the project that git has or would add; without git, every file outside the built folders."""
    command = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split("\0")
    except (OSError, subprocess.CalledProcessError):
        relative = (path.relative_to(ROOT) for path in ROOT.rglob("*"))
        listed = [path.as_posix() for path in relative if not SKIPPED.intersection(path.parts)]
    return tuple(sorted({name for name in listed if name and (ROOT / name).is_file()}))


def is_generated(path: str) -> bool:
    """Whether `make gen` (or somebody else's project) wrote the file."""
    return path.startswith((*GENERATED, "proto/buf/"))


def read(path: str) -> str:
    """The text of a file of the project."""
    return (ROOT / path).read_text(encoding="utf-8")


@cache
def python_files() -> tuple[PythonFile, ...]:
    """All Python files that people wrote, parsed."""
    ours = ("src/", "tests/", "tools/", "bench/")
    return tuple(
        PythonFile.parse(path, read(path))
        for path in files()
        if path.endswith(".py") and path.startswith(ours) and not is_generated(path)
    )


def web_files() -> tuple[str, ...]:
    """The TypeScript and Svelte files that people wrote."""
    return tuple(
        path
        for path in files()
        if path.startswith("web/src/") and path.endswith((".ts", ".svelte")) and not is_generated(path)
    )


def in_source(path: str) -> bool:
    """Whether the file is part of the server."""
    return path.startswith("src/fireside/")


def in_tests(path: str) -> bool:
    """Whether the file is a test, or something that tests use."""
    return path.startswith("tests/")
