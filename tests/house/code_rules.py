"""House rules on Python code that no linter knows. Each is a generator of violations of one file."""

from __future__ import annotations

import ast
import re
import sys
from itertools import chain
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from tests.house.source import PythonFile, Violation, in_source, in_tests

if TYPE_CHECKING:
    from collections.abc import Iterator

BANNED_STEMS = {"utils", "util", "helpers", "helper", "manager", "managers", "common", "misc"}
ENVIRONMENT = {"environ", "environb", "getenv", "getenvb"}
SEAMS = (
    "src/fireside/runners/",
    "src/fireside/store/dialects/",
    "src/fireside/blobs/",
    "src/fireside/knowledge/extract/",
    "src/fireside/cli/",
)
SEAM_CHOOSERS = {
    # Opens the one database that the URL names, so that the other one's driver is never imported.
    "src/fireside/store/db.py",
    # Makes the runners that are set up, so that a server without one of a kind never imports that kind's client.
    "src/fireside/runners/backends.py",
    # Opens the index that the database has, so that a server without documents never imports numpy.
    "src/fireside/knowledge/index/choosing.py",
    # What the extra `accounts` installs, each in the one file that uses it: QR codes, passkeys, OpenID Connect.
    "src/fireside/identity/totp.py",
    "src/fireside/identity/passkey_proofs.py",
    "src/fireside/identity/oidc_http.py",
    "src/fireside/identity/oidc_tokens.py",
}
STORE_LIBRARIES = {"sqlite3", "asyncpg", "sqlalchemy", "alembic", "psycopg"}
SCOPES = {"timeout", "timeout_at", "TaskGroup", "fail_after", "move_on_after", "create_task_group"}
MOCKS = {"Mock", "MagicMock", "AsyncMock", "NonCallableMock", "create_autospec", "mocker"}
MONKEYPATCH = {"setenv", "delenv", "chdir", "context", "undo"}
SQL = re.compile(
    r"^\s*(select\s.+\sfrom\s|insert\s+(or\s+\w+\s+)?into\s|update\s+\w+\s+set\s|delete\s+from\s|with\s+(recursive\s+)?\w+.*\sas\s*\("
    r"|(create|alter|drop)\s+(table|index|unique|trigger|view)\b|pragma\s+\w+|begin\s+(immediate|exclusive)|savepoint\s)",
    re.IGNORECASE | re.DOTALL,
)
LOOSE_DICT = re.compile(r"\b(dict|Dict|Mapping|MutableMapping)\[str, (typing\.)?Any\]")
Function = ast.FunctionDef | ast.AsyncFunctionDef


def file_name(file: PythonFile) -> Iterator[Violation]:
    """A file or folder is named for its one thing (rule 15)."""
    for part in PurePosixPath(file.path).with_suffix("").parts:
        if part in BANNED_STEMS:
            yield Violation(file.path, 1, f"`{part}` says nothing: name the one thing that this is")


def module_docstring(file: PythonFile) -> Iterator[Violation]:
    """Each module opens with a sentence that says what it is (rule 16)."""
    text = ast.get_docstring(file.tree) or ""
    if len(text.split()) < 4:
        yield Violation(file.path, 1, "the module's docstring does not say what it is and what it is not")


def function_imports(file: PythonFile) -> Iterator[Violation]:
    """Imports stand at the top but for optional libraries in a seam's file, and in cli/."""
    if not in_source(file.path) or file.path.startswith("src/fireside/cli/") or file.path in SEAM_CHOOSERS:
        return
    for function in _functions(file.tree):
        for node in ast.walk(function):
            if isinstance(node, ast.Import | ast.ImportFrom):
                ours = any(name.split(".")[0] == "fireside" for name in _imported(node))
                if ours or not file.path.startswith(SEAMS):
                    yield file.at(node, f"import inside {function.name}: put it at the top")


def loose_dicts(file: PythonFile) -> Iterator[Violation]:
    """No `dict[str, Any]` in a signature: parse once at the boundary (rule 9)."""
    if not in_source(file.path):
        return
    for function in _functions(file.tree):
        arguments = function.args
        every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
        for annotation in [*(a.annotation for a in every if a), function.returns]:
            if annotation and LOOSE_DICT.search(ast.unparse(annotation)):
                yield file.at(function, f"{function.name} passes a dict of anything: make it a record or a dataclass")


def runtime_asserts(file: PythonFile) -> Iterator[Violation]:
    """`python -O` removes asserts: the server raises."""
    if in_source(file.path):
        for node in ast.walk(file.tree):
            if isinstance(node, ast.Assert):
                yield file.at(node, "assert in src/: raise an error, or make the wrong state impossible")


def sql_places(file: PythonFile) -> Iterator[Violation]:
    """SQL and database drivers only in store/ (rule 12)."""
    if not in_source(file.path) or file.path.startswith("src/fireside/store/"):
        return
    docstrings = _docstrings(file.tree)
    for node in ast.walk(file.tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            for name in STORE_LIBRARIES.intersection(name.split(".")[0] for name in _imported(node)):
                yield file.at(node, f"{name} outside store/")
        text = node.value if isinstance(node, ast.Constant) and id(node) not in docstrings else None
        if isinstance(text, str) and SQL.search(text):
            yield file.at(node, "SQL outside store/")


def environment_places(file: PythonFile) -> Iterator[Violation]:
    """`config.py` is the only file that reads the environment. Handing it on (`env={**os.environ}`) is not reading it."""
    if not in_source(file.path) or file.path == "src/fireside/config.py":
        return
    handed_on = {
        id(inner)
        for node in ast.walk(file.tree)
        if isinstance(node, ast.keyword) and node.arg == "env" and isinstance(node.value, ast.Dict)
        for key, inner in zip(node.value.keys, node.value.values, strict=True)
        if key is None
    }
    for node in ast.walk(file.tree):
        if id(node) in handed_on:
            continue
        if isinstance(node, ast.Attribute) and _name(node.value) == "os" and node.attr in ENVIRONMENT:
            yield file.at(node, f"os.{node.attr} outside config.py")
        if isinstance(node, ast.ImportFrom) and node.module == "os":
            for alias in node.names:
                if alias.name in ENVIRONMENT:
                    yield file.at(node, f"os.{alias.name} outside config.py")


def scopes_around_yield(file: PythonFile) -> Iterator[Violation]:
    """No timeout or task group around a `yield` (rule 10): the consumer's code would run inside, or be cancelled by it."""
    for function in _functions(file.tree):
        if any("contextmanager" in ast.unparse(decorator) for decorator in function.decorator_list):
            continue
        for node in _own(function):
            if not isinstance(node, ast.AsyncWith | ast.With) or not SCOPES.intersection(map(_called, node.items)):
                continue
            inside = chain.from_iterable(map(_own, node.body))
            if any(isinstance(inner, ast.Yield | ast.YieldFrom) for inner in inside):
                yield file.at(node, f"{function.name} yields inside a timeout or task group")


def bare_generators(file: PythonFile, generators: frozenset[str]) -> Iterator[Violation]:
    """An async generator of ours is consumed under `aclosing` (rule 10), so that its end is now, not when memory is tidied."""
    if not in_source(file.path):
        return
    for node in ast.walk(file.tree):
        if isinstance(node, ast.AsyncFor | ast.comprehension) and isinstance(node.iter, ast.Call):
            name = _name(node.iter.func)
            if name in generators and (isinstance(node, ast.AsyncFor) or node.is_async):
                yield file.at(node.iter, f"`async for` directly over {name}(): hold it in `async with aclosing(...)`")


def generator_names(file: PythonFile) -> frozenset[str]:
    """The names of the functions of a file that return async generators."""
    names: set[str] = set()
    for function in _functions(file.tree):
        declared = function.returns is not None and "AsyncGenerator" in ast.unparse(function.returns)
        decorated = any("contextmanager" in ast.unparse(decorator) for decorator in function.decorator_list)
        if declared and not decorated:
            names.add(function.name)
    return frozenset(names)


def mocks(file: PythonFile) -> Iterator[Violation]:
    """No mocks (rule 8): SQLite, the local disk and the scripted runner are real."""
    if not in_tests(file.path):
        return
    for node in ast.walk(file.tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            for name in _imported(node):
                if name.startswith(("unittest.mock", "mock", "pytest_mock")):
                    yield file.at(node, f"{name}: use the real thing or a second implementation of its seam")
        if isinstance(node, ast.Name | ast.arg) and (node.id if isinstance(node, ast.Name) else node.arg) in MOCKS:
            yield file.at(node, "a mock: use the real thing or a second implementation of its seam")
        if isinstance(node, ast.Attribute) and _name(node.value) == "monkeypatch" and node.attr not in MONKEYPATCH:
            yield file.at(node, f"monkeypatch.{node.attr}: only the environment may be patched")


def sleeps(file: PythonFile) -> Iterator[Violation]:
    """Tests wait for conditions (rule 19); `sleep(0)`, which only lets others run, is not a wait."""
    if not in_tests(file.path):
        return
    for node in ast.walk(file.tree):
        if isinstance(node, ast.Call) and _name(node.func) == "sleep":
            zero = len(node.args) == 1 and isinstance(node.args[0], ast.Constant) and node.args[0].value == 0
            if not zero:
                yield file.at(node, "a sleep in a test: wait for the condition under asyncio.timeout")


def pure_core(file: PythonFile) -> Iterator[Violation]:
    """core/ imports the standard library and itself, nothing else."""
    if not file.path.startswith("src/fireside/core/"):
        return
    for node in ast.walk(file.tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            for name in _imported(node):
                if name.split(".")[0] not in sys.stdlib_module_names and not name.startswith("fireside.core"):
                    yield file.at(node, f"core/ imports {name}")


def wide_seams(file: PythonFile) -> Iterator[Violation]:
    """A seam has at most five methods (rule 7)."""
    if not (in_source(file.path) and file.path.endswith("/base.py")):
        return
    for node in ast.walk(file.tree):
        if isinstance(node, ast.ClassDef) and any("Protocol" in ast.unparse(base) for base in node.bases):
            methods = [part.name for part in node.body if isinstance(part, Function)]
            if len(methods) > 5:
                yield file.at(node, f"the seam {node.name} has {len(methods)} methods, more than 5")


RULES = (
    file_name, module_docstring, function_imports, loose_dicts, runtime_asserts, sql_places, environment_places,
    scopes_around_yield, mocks, sleeps, pure_core, wide_seams,
)  # fmt: skip


def _functions(tree: ast.AST) -> Iterator[Function]:
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def _own(node: ast.AST) -> Iterator[ast.AST]:
    """The node and what is inside it, without the bodies of functions that it defines."""
    yield node
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield from _own(child)


def _imported(node: ast.Import | ast.ImportFrom) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [f"{node.module or ''}.{alias.name}" for alias in node.names]


def _name(node: ast.AST) -> str:
    if isinstance(node, ast.Name):
        return node.id
    return node.attr if isinstance(node, ast.Attribute) else ""


def _called(item: ast.withitem) -> str:
    call = item.context_expr
    return _name(call.func) if isinstance(call, ast.Call) else ""


def _docstrings(tree: ast.Module) -> set[int]:
    found: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            found.add(id(node.value))
    return found
