"""Imports go downwards, in the server (import-linter, configured in pyproject.toml) and in the web app."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path, PurePosixPath

from tests.house.source import ROOT, Violation, read, web_files

WEB_LAYERS = {
    "gen": set(),
    "rpc": {"gen"},
    "state": {"rpc", "gen"},
    "ui": set(),
    "view": {"state", "ui"},
}
"""What a folder of web/src may import besides itself. main.ts and what stands beside it compose, and may import all."""

WEB_IMPORT = re.compile(r"""(?:from|import)\s*\(?\s*["'](\.[^"']*)["']""")


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    """Runs import-linter on the package that lies in `folder`/src."""
    program = Path(sys.executable).parent / "lint-imports"
    command = [str(program), "--config", str(ROOT / "pyproject.toml"), "--no-cache"]
    environment = {"PYTHONPATH": str(folder / "src"), "PATH": "/usr/bin:/bin", "NO_COLOR": "1"}
    return subprocess.run(command, check=False, capture_output=True, text=True, cwd=folder, env=environment)


def web_violations(path: str, text: str) -> list[Violation]:
    """The imports of a web file that go up or sideways, and barrels."""
    parts = PurePosixPath(path).relative_to("web/src").parts
    broken: list[Violation] = []
    if parts[-1] == "index.ts":
        broken.append(Violation(path, 1, "a barrel: import from the file that has the thing"))
    if len(parts) < 2:
        return broken
    for number, line in enumerate(text.splitlines(), 1):
        for target in WEB_IMPORT.findall(line):
            resolved = PurePosixPath("/".join(_resolve([*parts[:-1]], target)))
            top = resolved.parts[0] if len(resolved.parts) > 1 else "main"
            if parts[0] not in WEB_LAYERS:
                broken.append(Violation(path, number, f"{parts[0]}/ is not a layer of the web app"))
            elif top != parts[0] and top not in WEB_LAYERS[parts[0]]:
                broken.append(Violation(path, number, f"{parts[0]}/ may not import {top}/ ({target})"))
    return broken


def _resolve(folder: list[str], target: str) -> list[str]:
    for part in target.split("/"):
        if part == "..":
            folder.pop()
        elif part != ".":
            folder.append(part)
    return folder


def test_server_imports_go_downwards() -> None:
    done = lint_imports(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


def test_an_upward_import_and_an_unknown_package_are_caught(tmp_path) -> None:
    shutil.copytree(ROOT / "src" / "fireside" / "core", tmp_path / "src" / "fireside" / "core")
    for name in ("gen", "store", "chat", "runners", "unheard_of"):
        (tmp_path / "src" / "fireside" / name).mkdir()
        (tmp_path / "src" / "fireside" / name / "__init__.py").write_text("")
    (tmp_path / "src" / "fireside" / "__init__.py").write_text("")
    (tmp_path / "src" / "fireside" / "store" / "rows.py").write_text("import fireside.chat\n")
    done = lint_imports(tmp_path)
    assert done.returncode != 0
    assert "fireside.store.rows -> fireside.chat" in done.stdout
    (tmp_path / "src" / "fireside" / "store" / "rows.py").write_text("")
    done = lint_imports(tmp_path)
    assert "unheard_of" in done.stdout + done.stderr


def test_web_imports_go_downwards() -> None:
    broken = [str(violation) for path in web_files() for violation in web_violations(path, read(path))]
    assert not broken, "\n".join(["", *broken])


def test_a_bad_web_import_is_caught() -> None:
    assert web_violations("web/src/state/chat.ts", 'import { a } from "../view/a";')
    assert web_violations("web/src/ui/list/row.svelte", "  import type { A } from '../../gen/a';")
    assert web_violations("web/src/ui/index.ts", "")
    assert web_violations("web/src/things/a.ts", 'import "./b";')
    assert not web_violations("web/src/state/chat.ts", 'import { a } from "../rpc/a";\nimport { b } from "./b";')
    assert not web_violations("web/src/main.ts", 'import { a } from "./view/a";')
