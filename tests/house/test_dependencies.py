"""Dependencies: few, documented, used, locked, and nothing of any one machine or package index in the files."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from typing import TYPE_CHECKING

from packaging.requirements import Requirement

from tests.house import doc_rules
from tests.house.source import PythonFile, files, python_files, read

if TYPE_CHECKING:
    from collections.abc import Iterable

CORE_LIMIT = 15
THROUGH = {
    # connectrpc's clients take a transport of pyqwest, its errors hold messages of protobuf-py: parts of its interface,
    # in the versions that it asks for.
    "pyqwest": "connectrpc",
    "protobuf": "connectrpc",
    # What aiohttp's requests and cookies are addressed with, and what webauthn's structures are written in.
    "yarl": "aiohttp",
    "cbor2": "webauthn",
    # What aiobotocore raises.
    "botocore": "aiobotocore",
    # What moto's server is served by.
    "werkzeug": "moto",
}
"""Modules of packages that another dependency's interface is made of."""
TOOLS = {"bootstrap", "browser", "gen", "lock", "reference", "setup"}
"""The scripts in tools/, which import each other by their bare names."""

DIRECT = doc_rules.direct_dependencies(read("pyproject.toml"))
NOT_IMPORTED = {
    # protoc writes imports of its modules (google.rpc, google.api) only where the API uses them.
    "googleapis-common-protos": "the error details are its messages",
}
HOSTS = re.compile(
    # Split, so that this file does not contain what it looks for.
    "files." + "pythonhosted" + r"|\bpypi\." + r"org/simple|registry\." + r"npmjs|registry\." + r"yarnpkg"
    r"|deb\." + r"debian\.org|index-" + r"url|\bmirrors?\.[a-z]+\.[a-z]+"
)
MACHINE = re.compile(r"(?<![\w.])/(?:" + "wo" + "rk|ro" + "ot|ho" + r"me/\w+)/")
TEXT = (
    ".py",
    ".ts",
    ".svelte",
    ".md",
    ".toml",
    ".txt",
    ".json",
    ".yaml",
    ".yml",
    ".proto",
    ".sh",
    ".mjs",
    ".css",
    ".html",
)
MAY_NAME_INDEX_OPTIONS = {"docs/adr/0006-hash-pinned-requirements.md", "tools/lock.py"}


def neutral_faults(path: str, text: str) -> list[str]:
    """Lines that name a package registry's host or a folder of somebody's machine."""
    found: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        host = HOSTS.search(line)
        if MACHINE.search(line) or (host and not (host.group().endswith("url") and path in MAY_NAME_INDEX_OPTIONS)):
            found.append(f"{path}:{number}: {line.strip()[:120]}")
    return found


def unused(names: Iterable[str], sources: Iterable[PythonFile]) -> list[str]:
    """The distributions of which no module is imported."""
    modules: dict[str, set[str]] = {}
    for module, distributions in packages_distributions().items():
        for distribution in distributions:
            modules.setdefault(distribution.lower().replace("_", "-"), set()).add(module)
    imported = "\n".join(line for file in sources for line in file.text.splitlines() if "import" in line)
    return [
        name
        for name in names
        if not any(re.search(rf"\b{re.escape(module)}\b", imported) for module in modules.get(name, {name}))
    ]


def undeclared(allowed: Iterable[str], sources: Iterable[PythonFile]) -> list[str]:
    """The imports of packages that are here by chance: nothing declares that we need them."""
    distributions = {module: {name.lower() for name in names} for module, names in packages_distributions().items()}
    ours = {*sys.stdlib_module_names, "fireside", "tests", "bench", "tools", *TOOLS}
    found: list[str] = []
    for file in sources:
        for node in ast.walk(file.tree):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or "fireside"] if isinstance(node, ast.ImportFrom) else []
            for name in {name.split(".")[0] for name in names} - ours:
                here_by = distributions.get(name, {name}) | {THROUGH.get(name, name)}
                if here_by.isdisjoint(allowed):
                    found.append(f"{file.path}: {name} is not a declared dependency")
    return found


def locked(lock: str) -> dict[str, str]:
    """The versions in a lock file."""
    return dict(re.findall(r"^([a-z0-9][a-z0-9.-]*)==([^\s;\\]+)", lock, re.MULTILINE))


def lock_faults(requirements: Iterable[str], lock: str) -> list[str]:
    """Requirements that the lock does not have, or has in a version that they exclude; and lines without a hash."""
    versions = locked(lock)
    faults: list[str] = []
    for requirement in map(Requirement, requirements):
        version = versions.get(requirement.name.lower())
        if version is None or not requirement.specifier.contains(version, prereleases=True):
            faults.append(f"{requirement} is not what the lock has ({version}): run `make lock`")
    entries = re.split(r"^(?=[a-z0-9])", lock, flags=re.MULTILINE)[1:]
    return faults + [f"{entry.split()[0]} has no hash" for entry in entries if "--hash=sha256:" not in entry]


def _requirements(*sets: str) -> list[str]:
    data = tomllib.loads(read("pyproject.toml"))
    every = (
        {"core": data["project"]["dependencies"]} | data["project"]["optional-dependencies"] | data["dependency-groups"]
    )
    return [line for name in sets for line in every[name]]


def test_the_core_is_small() -> None:
    assert len(DIRECT["core"]) <= CORE_LIMIT


def test_each_direct_dependency_is_documented_and_nothing_else() -> None:
    wanted = {name for names in DIRECT.values() for name in names}
    assert not list(doc_rules.dependency_faults(read("docs/dependencies.md"), wanted))


def test_an_undocumented_dependency_is_caught() -> None:
    row = "| `click` | The command line is made of it. | BSD-3-Clause | 8.5.1, 2026-11 |\n"
    assert not list(doc_rules.dependency_faults(row, {"click"}))
    assert list(doc_rules.dependency_faults(row, {"click", "aiohttp"}))
    assert list(doc_rules.dependency_faults(row, set()))
    assert list(doc_rules.dependency_faults(row.replace("2026-11", "new"), {"click"}))
    assert list(doc_rules.dependency_faults("| `click` | Good. | BSD-3-Clause | 8.5.1, 2026-11 |\n", {"click"}))


def test_each_core_dependency_is_used() -> None:
    sources = [file for file in python_files() if file.path.startswith("src/")]
    assert not unused([name for name in DIRECT["core"] if name not in NOT_IMPORTED], sources)


def test_an_unused_dependency_is_caught() -> None:
    sample = PythonFile.parse("src/fireside/x.py", "import aiohttp\nfrom google.protobuf import message\n")
    assert unused(["aiohttp", "click"], [sample]) == ["click"]


def test_what_is_imported_is_declared() -> None:
    source = [file for file in python_files() if file.path.startswith("src/")]
    rest = [file for file in python_files() if not file.path.startswith("src/") and file.path != "tools/wheel.py"]
    assert not undeclared({name for group, names in DIRECT.items() if group != "dev" for name in names}, source)
    assert not undeclared({name for names in DIRECT.values() for name in names}, rest)


def test_an_undeclared_import_is_caught() -> None:
    sample = PythonFile.parse("tests/x.py", "import os\nimport attr\nfrom google.protobuf import message\n")
    assert len(undeclared({"protobuf"}, [sample])) == 1


def test_the_locks_fit_the_project() -> None:
    assert not lock_faults(_requirements("core"), read("requirements/core.txt"))
    assert not lock_faults(_requirements("core", "local"), read("requirements/local.txt"))
    assert not lock_faults(_requirements("core", "local", "dev"), read("requirements/dev.txt"))
    dev = locked(read("requirements/dev.txt")).items()
    assert locked(read("requirements/core.txt")).items() <= dev
    assert locked(read("requirements/local.txt")).items() <= dev


def test_a_stale_lock_and_a_missing_hash_are_caught() -> None:
    lock = "click==8.5.1 \\\n    --hash=sha256:00\n"
    assert not lock_faults(["click>=8"], lock)
    assert lock_faults(["click>=9"], lock)
    assert lock_faults(["aiohttp"], lock)
    assert lock_faults(["click>=8"], "click==8.5.1\n")


def test_nothing_names_a_registry_host_or_a_machine_path() -> None:
    texts = [path for path in files() if path.endswith(TEXT) or "." not in path.rsplit("/", 1)[-1]]
    assert not [fault for path in texts for fault in neutral_faults(path, read(path))]


def test_web_locks_name_no_host() -> None:
    assert '"resolved"' not in read("web/package-lock.json")
    assert "omit-lockfile-registry-resolved=true" in read("web/.npmrc")


def test_a_host_and_a_machine_path_are_caught() -> None:
    for line in ("https://pypi." + "org/simple/x", "see /" + "work/x", "cd /ho" + "me/ada/src", "--index-" + "url=x"):
        assert neutral_faults("README.md", line)
    assert not neutral_faults("README.md", "the framework/work/x, https://example.org/root, ~/work")
