"""The house rules on Python code: the tree keeps each, and each catches a bad sample."""

from __future__ import annotations

from textwrap import dedent

import pytest

from tests.house import code_rules, size_rules
from tests.house.source import PythonFile, python_files, read, web_files

BAD = [
    (code_rules.file_name, "src/fireside/chat/utils.py", ""),
    (code_rules.file_name, "src/fireside/common/log.py", ""),
    (code_rules.module_docstring, "src/fireside/chat/log.py", "import os"),
    (code_rules.module_docstring, "src/fireside/chat/log.py", '"""Log."""'),
    (code_rules.function_imports, "src/fireside/chat/log.py", "def f():\n    import json"),
    (code_rules.function_imports, "src/fireside/runners/x.py", "async def f():\n    from fireside.core import ids"),
    (code_rules.loose_dicts, "src/fireside/chat/log.py", "def f(a: dict[str, Any]) -> None: ..."),
    (code_rules.loose_dicts, "src/fireside/chat/log.py", "def f() -> list[Mapping[str, Any]]: ..."),
    (code_rules.runtime_asserts, "src/fireside/chat/log.py", "def f(a):\n    assert a"),
    (code_rules.sql_places, "src/fireside/chat/log.py", "Q = 'select id from messages'"),
    (code_rules.sql_places, "src/fireside/edge/x.py", "def f(t):\n    return f'DELETE FROM {t}'"),
    (code_rules.sql_places, "src/fireside/chat/log.py", "import sqlite3"),
    (code_rules.environment_places, "src/fireside/cli/x.py", "import os\nHOME = os.environ['HOME']"),
    (code_rules.environment_places, "src/fireside/cli/x.py", "from os import getenv"),
    (code_rules.environment_places, "src/fireside/cli/x.py", "import os\nrun(a, env={'A': os.environ['A']})"),
    (
        code_rules.scopes_around_yield,
        "src/fireside/chat/log.py",
        """
        async def f():
            async with asyncio.timeout(1):
                for x in y:
                    yield x
        """,
    ),
    (
        code_rules.scopes_around_yield,
        "tests/flows/x.py",
        """
        async def f():
            async with aclosing(x), asyncio.TaskGroup() as group:
                yield 1
        """,
    ),
    (code_rules.mocks, "tests/unit/x.py", "from unittest.mock import patch"),
    (code_rules.mocks, "tests/unit/x.py", "from unittest import mock"),
    (code_rules.mocks, "tests/unit/x.py", "def test(mocker): ..."),
    (code_rules.mocks, "tests/unit/x.py", "def test(monkeypatch):\n    monkeypatch.setattr(a, 'b', 1)"),
    (code_rules.sleeps, "tests/unit/x.py", "async def test():\n    await asyncio.sleep(0.01)"),
    (code_rules.sleeps, "tests/unit/x.py", "def test():\n    time.sleep(delay)"),
    (code_rules.pure_core, "src/fireside/core/x.py", "import msgspec"),
    (code_rules.pure_core, "src/fireside/core/x.py", "from fireside.gen.v1 import model_pb2"),
    (
        code_rules.wide_seams,
        "src/fireside/runners/base.py",
        "class R(Protocol):\n" + "\n".join(f"    def m{n}(self): ..." for n in range(6)),
    ),
    (size_rules.function_size, "src/fireside/x.py", "def f():\n" + "    a = 1\n" * 50),
    (size_rules.function_size, "tools/x.py", "def f(a, b, c, *, d, e, f, **g): ..."),
]
GOOD = [
    (code_rules.function_imports, "src/fireside/runners/x.py", "def f():\n    import xllamacpp"),
    (code_rules.function_imports, "src/fireside/cli/x.py", "def f():\n    from fireside import app"),
    (code_rules.sql_places, "src/fireside/store/x.py", "Q = 'select id from messages'"),
    (code_rules.environment_places, "src/fireside/runners/x.py", "import os\nrun(a, env={**os.environ, 'A': 'b'})"),
    (code_rules.environment_places, "src/fireside/config.py", "import os\nHOME = os.environ['HOME']"),
    (
        code_rules.scopes_around_yield,
        "src/fireside/chat/log.py",
        """
        async def f():
            async with asyncio.timeout(1):
                await x
            async with aclosing(x):
                yield 1
        """,
    ),
    (code_rules.mocks, "tests/unit/x.py", "def test(monkeypatch):\n    monkeypatch.setenv('A', 'b')"),
    (code_rules.sleeps, "tests/unit/x.py", "async def test():\n    await asyncio.sleep(0)"),
    (size_rules.function_size, "src/fireside/x.py", "def f(self, a, b, c, d, e, f):\n    '''" + "x\n" * 90 + "'''"),
]
BARE = "async def f(log):\n    async for x in log.tail(1):\n        print(x)"


@pytest.mark.parametrize("rule", [*code_rules.RULES, size_rules.function_size], ids=lambda rule: rule.__name__)
def test_the_code_keeps_the_rule(rule) -> None:
    broken = [str(violation) for file in python_files() for violation in rule(file)]
    assert not broken, "\n".join(["", rule.__doc__, *broken])


@pytest.mark.parametrize(("rule", "path", "code"), BAD)
def test_the_rule_catches_a_bad_sample(rule, path, code) -> None:
    assert list(rule(PythonFile.parse(path, dedent(code))))


@pytest.mark.parametrize(("rule", "path", "code"), GOOD)
def test_the_rule_lets_a_good_sample_pass(rule, path, code) -> None:
    assert not list(rule(PythonFile.parse(path, dedent(code))))


def test_every_rule_has_a_bad_sample() -> None:
    assert {rule for rule, _, _ in BAD} == {*code_rules.RULES, size_rules.function_size}


def test_async_generators_are_consumed_under_aclosing() -> None:
    source = [file for file in python_files() if file.path.startswith("src/")]
    generators = frozenset().union(*map(code_rules.generator_names, source))
    broken = [str(violation) for file in source for violation in code_rules.bare_generators(file, generators)]
    assert not broken, "\n".join(["", *broken])


def test_a_generator_consumed_without_aclosing_is_caught() -> None:
    declared = PythonFile.parse(
        "src/fireside/chat/log.py", "async def tail(n) -> AsyncGenerator[bytes]:\n    yield b''"
    )
    generators = code_rules.generator_names(declared)
    assert list(code_rules.bare_generators(PythonFile.parse("src/fireside/chat/x.py", BARE), generators))


def test_files_are_short() -> None:
    every = [(file.path, file.text) for file in python_files()] + [(path, read(path)) for path in web_files()]
    broken = [str(violation) for path, text in every for violation in size_rules.file_size(path, text)]
    assert not broken, "\n".join(["", *broken])


def test_a_long_file_is_caught() -> None:
    assert list(size_rules.file_size("src/fireside/x.py", "a = 1\n" * 401))
    assert not list(size_rules.file_size("src/fireside/x.py", "a = 1\n" * 400))


def test_what_may_be_longer_exists_and_is_longer() -> None:
    """An exception that nobody needs any more is removed."""
    paths = {file.path: file for file in python_files()}
    for name in size_rules.ALLOWED:
        path, _, function = name.partition(":")
        text = paths[path].text if path in paths else read(path)
        assert function in text if function else text.count("\n") > size_rules.FILE_LINES
